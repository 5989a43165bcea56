"""The first start of a new card: the script of examples/first-boot/ with another apt, clock and network."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = Path(__file__).resolve().parent.parent / "examples/first-boot"
NOT_BEFORE = 1_764_000_000
LINK = "The page is open now:\n\u2588\u2588\nhttp://192.168.1.7:8080/?token=secret-of-the-page\nhttp://kitchen.local:8080/?token=x\n"
PROGRAMS = {
    "date": 'if [ "$1" = +%s ]; then cat "$FAKE/clock"; else echo 2024-11-30 12:00; fi',
    "sleep": 'echo "$1" >>"$FAKE/sleeps"; exec /bin/sleep 0.02',
    "sync": ":",
    "uname": "echo kitchen.fritz.box",
    "ip": 'cat "$FAKE/route" 2>/dev/null; true',
    "apt-get": 'echo "$*" >>"$FAKE/apt"; cat "$FAKE/apt-says" 2>/dev/null; [ ! -e "$FAKE/apt-says" ]',
    "apt-cache": 'echo "$2:"; echo "  Candidate: $(cat "$FAKE/picamera2" 2>/dev/null || echo "(none)")"',
    "musicond": 'case $1 in page-link) cat "$FAKE/link" ;; status) [ ! -e "$FAKE/silent" ] ;; esac',
    "systemctl": 'echo "$*" >>"$FAKE/systemctl"',
}
"""Replacements of programs of the machine, in shell; files in $FAKE select their behaviour."""


class Card:
    """The script, running with a boot partition in a folder."""

    def __init__(self, folder: Path) -> None:
        self.fake, self.boot = folder / "fake", folder / "boot"
        programs = folder / "bin"
        for path in (self.fake, self.boot, programs):
            path.mkdir()
        for name, text in PROGRAMS.items():
            (programs / name).write_text(f"#!/bin/sh\n{text}\n")
            (programs / name).chmod(0o755)
        self.set(clock=str(NOT_BEFORE + 60), route="default via 192.168.1.1", link=LINK)
        self.env = {**os.environ, "PATH": f"{programs}:/usr/bin:/bin", "FAKE": str(self.fake), "BOOT": str(self.boot)}
        self.env["NOT_BEFORE"] = str(NOT_BEFORE)
        self.process: subprocess.Popen[bytes] | None = None

    def set(self, **files: str | None) -> None:
        """Write files by which the programs behave, whole at once; None removes one."""
        for name, text in files.items():
            path = self.fake / name.replace("_", "-")
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.with_suffix(".new").write_text(text)
                path.with_suffix(".new").replace(path)

    def start(self) -> None:
        self.process = subprocess.Popen(["/bin/sh", FOLDER / "install"], env=self.env)

    def says(self) -> str:
        path = self.boot / "musicond.txt"
        return path.read_text() if path.exists() else ""

    def until(self, right: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not right():
            assert time.monotonic() < deadline, self.says()
            time.sleep(0.02)

    def end(self) -> int:
        assert self.process is not None
        return self.process.wait(60)


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    card = Card(tmp_path)
    yield card
    if card.process is not None and card.process.poll() is None:
        card.process.kill()
        card.process.wait()


def test_a_good_start_ends_with_the_link(card: Card) -> None:
    card.start()
    assert card.end() == 0
    first, second, *rest = card.says().splitlines()
    assert first == "ready: http://kitchen.local:8080/?token=secret-of-the-page"
    assert second == "or: http://192.168.1.7:8080/?token=secret-of-the-page"
    assert "delete this file" in rest[0]
    update, install = (card.fake / "apt").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("--no-install-recommends install musicond musicond-archive-keyring ca-certificates")
    assert (card.fake / "systemctl").read_text() == "disable musicond-first-boot.service\n"


def test_on_raspberry_pi_os_the_camera_s_package_comes_too(card: Card) -> None:
    card.set(picamera2="0.3.38-1")
    card.start()
    assert card.end() == 0
    assert (card.fake / "apt").read_text().rstrip().endswith("python3-picamera2")


def test_a_clock_in_the_past_is_waited_for_and_apt_is_left_alone(card: Card) -> None:
    card.set(clock=str(NOT_BEFORE - 2 * 365 * 86400))
    card.start()
    card.until(lambda: "2024-11-30 12:00, which is in the past" in card.says())
    card.until(lambda: (card.fake / "sleeps").exists() and len((card.fake / "sleeps").read_text().split()) > 8)
    assert not (card.fake / "apt").exists()
    pauses = [int(pause) for pause in (card.fake / "sleeps").read_text().split()]
    assert pauses[:4] == [10, 20, 40, 80]
    assert max(pauses) <= 320
    card.set(clock=str(NOT_BEFORE + 5))
    assert card.end() == 0
    assert card.says().startswith("ready: ")


def test_without_a_network_the_file_says_so_and_it_goes_on(card: Card) -> None:
    card.set(route="", clock=str(NOT_BEFORE - 5), apt_says="Err:1 http://apt.example trixie InRelease\nE: no")
    card.start()
    card.until(lambda: "no network, and so no time of day" in card.says())
    card.set(clock=str(NOT_BEFORE + 5))
    card.until(lambda: card.says().startswith("not ready: there is no network; check its cable"))
    card.set(route="default via 192.168.1.1", apt_says=None)
    assert card.end() == 0
    assert card.says().startswith("ready: ")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "E: The repository 'http://apt.example trixie InRelease' is not signed.\n",
            "apt says: E: The repository 'http://apt.example trixie InRelease' is not signed.",
        ),
        ("E: Release file for http://apt.example is not valid yet (invalid for another 3h).\n", "the clock says"),
    ],
)
def test_the_reason_of_apt_is_passed_on(card: Card, output: str, reason: str) -> None:
    card.set(apt_says=output)
    card.start()
    card.until(lambda: card.says().startswith(f"not ready: {reason}"))
    assert "tried again" in card.says()


def test_a_daemon_that_does_not_answer_is_no_success(card: Card) -> None:
    card.set(silent="")
    card.start()
    card.until(lambda: "does not answer; in a terminal: sudo musicond doctor" in card.says())
    card.set(silent=None)
    assert card.end() == 0
    assert card.says().startswith("ready: ")


def test_the_filled_user_data_holds_the_key_the_source_and_the_whole_script(tmp_path: Path) -> None:
    key = tmp_path / "key.pgp"
    key.write_bytes(bytes(range(256)))
    options = ["--url", "https://apt.example/musicond", "--key", str(key), "--not-before", "1764000000"]
    filled = subprocess.run(
        [sys.executable, FOLDER / "fill.py", *options], capture_output=True, text=True, check=True
    ).stdout
    assert filled.startswith("#cloud-config\n")
    data = yaml.safe_load(filled)
    files = {Path(file["path"]).name: file for file in data["write_files"]}
    assert base64.b64decode(files["musicond-archive-keyring.pgp"]["content"]) == key.read_bytes()
    assert "URIs: https://apt.example/musicond\n" in files["musicond.sources"]["content"]
    assert files["musicond-first-boot"]["content"] == (FOLDER / "install").read_text()
    assert "Environment=NOT_BEFORE=1764000000\n" in files["musicond-first-boot.service"]["content"]
    assert "@" not in filled.replace('"$@"', "").replace("musicond@", "")
    unit = tmp_path / "musicond-first-boot.service"
    unit.write_text(files[unit.name]["content"].replace("/usr/local/sbin/musicond-first-boot", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
