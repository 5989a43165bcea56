"""Each fact of Raspberry Pi OS and its hardware, well and failing, on trees of /proc, /sys and /etc."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from musicond.commands import machine_checks as checks
from musicond.commands.checks import Check, check_clock, check_python
from musicond.config.user_settings import close_after_boot, load_settings
from musicond.runtime.json_file import JsonFile
from musicond.runtime.machine import saves_power, volatile_kind
from musicond.runtime.restart import RestartGuard

TEXTS = Path(__file__).resolve().parents[2] / "musicond/web/static"
STATE = Path("/var/lib/musicond")
EXT4 = "24 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw"
TMPFS = "30 24 0:26 / /var/lib rw shared:9 - tmpfs tmpfs rw"
OVERLAY = "24 1 0:25 / / rw,relatime shared:1 - overlay overlayroot rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay"
UPPER_TMPFS = "25 24 0:24 / /media/root-rw rw shared:2 - tmpfs tmpfs-root rw"
UPPER_DISK = "25 24 8:1 / /media/root-rw rw shared:2 - ext4 /dev/sda1 rw"
OWN = "60 24 179:2 /srv/musicond /var/lib/musicond rw - ext4 /dev/sda1 rw"


def tree(root: Path, files: dict[str, str]) -> Path:
    """Write files below a folder; a name that ends with / is a folder."""
    for name, text in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ([EXT4], None), ([EXT4, TMPFS], "tmpfs"), ([TMPFS, EXT4], "tmpfs"), ([EXT4, TMPFS, OWN], None), ([], None),
        ([OVERLAY, UPPER_TMPFS], "overlay"), ([OVERLAY], "overlay"), ([OVERLAY, UPPER_DISK], None),
        ([OVERLAY, UPPER_TMPFS, OWN], None), ([EXT4, TMPFS.replace("/var/lib ", r"/var/lib\040x ")], None),
        ([EXT4, TMPFS.replace("/var/lib ", "/var/li ")], None), (["nonsense - x"], None),
    ],
)  # fmt: skip
def test_a_state_directory_that_a_boot_forgets_is_named(tmp_path: Path, mounts: list[str], kind: str | None) -> None:
    result = checks.check_storage(STATE, tree(tmp_path, {"proc/self/mountinfo": "\n".join(mounts) + "\n"}))
    assert result.state == ("warning" if kind else "ok")
    if kind:
        assert f"is on {kind}" in result.found
        assert "the camera then stays closed" in result.found
        assert "state_dir" in result.remedy


def test_a_state_directory_that_is_a_link_is_where_it_leads(tmp_path: Path) -> None:
    mounts = f"1 0 8:1 / {tmp_path} rw - tmpfs tmpfs rw\n2 1 8:2 / {tmp_path}/disk rw - ext4 /dev/sda1 rw\n"
    root = tree(tmp_path / "root", {"proc/self/mountinfo": mounts})
    (tmp_path / "disk").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "disk")
    assert volatile_kind(tmp_path / "state", root) is None
    assert volatile_kind(tmp_path / "other", root) == "tmpfs"


def test_a_damaged_note_of_the_boot_counts_as_another_boot(tmp_path: Path) -> None:
    (tmp_path / "boot.txt").write_bytes(b"\xff\xfe")
    close_after_boot(tmp_path, "this boot")
    assert load_settings(JsonFile(tmp_path / "settings.json")).private
    assert (tmp_path / "boot.txt").read_text() == "this boot\n"


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n"}, "ok"),
        ({"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n"}, "warning"),
        ({"proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t1\t0\n"}, "warning"),
        ({"proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t1\t1\n"}, "ok"),
        ({}, "ok"),
    ],
)
def test_a_kernel_without_the_memory_cgroup_is_named(tmp_path: Path, files: dict[str, str], state: str) -> None:
    result = checks.check_cgroup(300, tree(tmp_path, files))
    assert result.state == state
    if state == "warning":
        assert "musicond's own limit of 300 MiB holds" in result.found
        assert "cgroup_enable=memory" in result.remedy


JOURNAL = {"run/systemd/journal/": ""}
RPI = "usr/lib/systemd/journald.conf.d/40-rpi-volatile-storage.conf"


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({}, "ok"),
        (JOURNAL, "warning"),
        (JOURNAL | {"var/log/journal/": ""}, "ok"),
        (JOURNAL | {"var/log/journal/": "", RPI: "[Journal]\nStorage=volatile\n"}, "warning"),
        (JOURNAL | {"var/log/journal/": "", RPI: "[Journal]\n#Storage=volatile\n"}, "ok"),
        (
            JOURNAL | {RPI: "Storage=volatile\n", "etc/systemd/journald.conf.d/90-own.conf": "Storage=persistent\n"},
            "ok",
        ),
        (JOURNAL | {"etc/systemd/journald.conf": "[Journal]\nStorage=persistent\n"}, "ok"),
    ],
)
def test_a_journal_that_a_boot_forgets_is_named(tmp_path: Path, files: dict[str, str], state: str) -> None:
    result = checks.check_journal(tree(tmp_path, files))
    assert result.state == state
    assert state == "ok" or "is kept in the state directory" in result.found


def test_the_last_end_is_named_for_a_week(tmp_path: Path) -> None:
    assert checks.check_last_end(tmp_path).found == "never by itself"
    assert checks.check_last_end(tmp_path / "none").state == "ok"
    RestartGuard(tmp_path, 300).save("310 MiB of memory in use")
    fresh = checks.check_last_end(tmp_path)
    assert (fresh.state, "310 MiB of memory in use" in fresh.found) == ("warning", True)
    later = checks.check_last_end(tmp_path, datetime(2036, 1, 1, tzinfo=UTC))
    assert (later.state, "310 MiB" in later.found) == ("ok", True)
    (tmp_path / "restart.txt").write_text("nonsense\n")
    assert checks.check_last_end(tmp_path).state == "warning"


WLAN = {"sys/class/net/wlan0/wireless/": "", "sys/class/net/wlan0/operstate": "up\n", "sys/class/net/lo/": ""}


def test_wifi_that_saves_power_is_named(tmp_path: Path) -> None:
    assert checks.check_wifi(tree(tmp_path / "lan", {"sys/class/net/eth0/operstate": "up\n"})).found == "not in use"
    root = tree(tmp_path / "wlan", WLAN)
    saving = checks.check_wifi(root, lambda _: True)
    assert (saving.state, saving.found.startswith("wlan0 saves power")) == ("warning", True)
    assert "powersave 2" in saving.remedy
    assert checks.check_wifi(root, lambda _: False).state == "ok"
    assert checks.check_wifi(root, lambda _: None).state == "ok"
    (root / "sys/class/net/wlan0/operstate").write_text("down\n")
    assert checks.check_wifi(root, lambda _: True).found == "not in use"
    assert saves_power("lo") is None, "no wireless interface"


def meminfo(**mib: int) -> dict[str, str]:
    return {"proc/meminfo": "".join(f"{name}: {value * 1024:8} kB\n" for name, value in mib.items()) + "HugePages: 0\n"}


@pytest.mark.parametrize(
    ("figures", "state", "found"),
    [
        ({"MemTotal": 922, "MemAvailable": 500}, "ok", "500 of 922 MiB available"),
        ({"MemTotal": 416, "MemAvailable": 200}, "ok", "200 of 416 MiB available"),
        ({"MemTotal": 416, "MemAvailable": 60}, "warning", "60 of 416 MiB available: there is little left"),
        ({"MemTotal": 232, "MemAvailable": 150}, "warning", "150 of 232 MiB available: this machine is too small"),
        ({}, "ok", "this machine does not say"),
    ],
)
def test_little_memory_is_named(tmp_path: Path, figures: dict[str, int], state: str, found: str) -> None:
    result = checks.check_memory(tree(tmp_path, meminfo(**figures)))
    assert (result.state, result.found) == (state, found)


def test_little_memory_for_pictures_is_named_where_a_pi_camera_may_be(tmp_path: Path) -> None:
    little = tree(tmp_path / "little", meminfo(CmaTotal=64, CmaFree=9))
    result = checks.check_cma("pi", little)
    assert (result.state, result.found) == ("warning", "9 of 64 MiB free for pictures of the Pi camera: too little")
    assert "cma-128" in result.remedy
    assert checks.check_cma("demo", little).state == "ok"
    assert checks.check_cma("auto", tree(tmp_path / "much", meminfo(CmaTotal=256, CmaFree=200))).state == "ok"
    assert checks.check_cma("auto", tree(tmp_path / "pc", meminfo(MemTotal=8000))).state == "ok"


def test_a_missing_camera_is_named(tmp_path: Path) -> None:
    devices = {f"sys/class/video4linux/video1{number}/name": "bcm2835-codec-decode\n" for number in range(3)}
    pi = tree(tmp_path / "pi", devices)
    result = checks.check_detected("auto", pi)
    assert (result.state, result.found) == ("failed", "no camera is detected")
    assert checks.check_detected("rtsp://cam/x", pi).state == "ok"
    camera = tree(tmp_path / "camera", devices | {"sys/class/video4linux/video0/name": "unicam-image\n"})
    assert checks.check_detected("pi", camera).found == "unicam-image"
    assert checks.check_detected("pi", tmp_path / "none").state == "ok"


def test_too_little_voltage_is_named(tmp_path: Path) -> None:
    hwmon = tree(tmp_path, {"hwmon1/name": "rpi_volt\n", "hwmon1/in0_lcrit_alarm": "1\n"})
    result = checks.check_power(tmp_path / "none", hwmon)
    assert (result.state, result.found) == ("failed", "too little voltage")
    (tmp_path / "hwmon1/in0_lcrit_alarm").write_text("0\n")
    assert checks.check_power(tmp_path / "none", hwmon).state == "ok"


def faulty_machine(root: Path) -> list[Check]:
    """Return the checks of a machine on which each fact fails."""
    kernel = {"sys/fs/cgroup/cgroup.controllers": "cpu io\n", "sys/class/video4linux/": ""}
    mounts = {"proc/self/mountinfo": f"{OVERLAY}\n{UPPER_TMPFS}\n"}
    memory = meminfo(MemTotal=232, MemAvailable=30, CmaTotal=64, CmaFree=3)
    tree(root, kernel | mounts | memory | WLAN | JOURNAL)
    hwmon = tree(root / "hwmon", {"hwmon1/name": "rpi_volt\n", "hwmon1/in0_lcrit_alarm": "1\n"})
    RestartGuard(root, 300).save("310 MiB of memory in use")
    return [
        check_python((3, 11, 2), "armv7l", 32),
        checks.check_detected("pi", root),
        checks.check_storage(STATE, root),
        checks.check_last_end(root),
        checks.check_cgroup(300, root),
        checks.check_journal(root),
        checks.check_wifi(root, lambda _: True),
        checks.check_memory(root),
        checks.check_cma("pi", root),
        check_clock(datetime(2027, 1, 1, tzinfo=UTC), root / "none", lambda: False),
        checks.check_power(root / "none", hwmon),
    ]


def test_on_a_faulty_machine_each_fact_fails(tmp_path: Path) -> None:
    faults = faulty_machine(tmp_path)
    assert [fault.name for fault in faults if fault.state == "ok" or not fault.remedy] == []
    assert [fault.name for fault in faults] == list(NAMES)


NAMES = ("Python", "camera", "storage", "ended", "cgroup", "journal", "wifi", "memory", "cma", "clock", "power")


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_has_a_text_for_each_fact(language: str) -> None:
    text = (TEXTS / f"texts-{language}.js").read_text("utf-8")
    assert [name for name in NAMES if f"\ncheck_{name}:" not in text or f"\ncheck_{name}_bad:" not in text] == []
