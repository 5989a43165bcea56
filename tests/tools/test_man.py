"""The Debian package: what script/deb generates, its version, its dependencies and its units."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from musicond import __version__
from musicond.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DEB = ROOT / "deb"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with what script/deb generates for the package."""
    pytest.importorskip("argparse_manpage")
    pytest.importorskip("shtab")
    folder = tmp_path_factory.mktemp("debian")
    subprocess.run([sys.executable, "tools/make_man.py", str(folder)], cwd=ROOT, check=True)
    return folder


def test_every_generated_file_that_the_package_installs_is_made(generated: Path) -> None:
    pages = (DEB / "musicond.manpages").read_text("utf-8").split()
    installed = {Path(name).name for name in pages} | {"completion.bash"}
    assert {file.name for file in generated.iterdir()} == installed
    assert "debian/completion.bash" in (DEB / "rules").read_text("utf-8")
    assert not [name for name in installed if (DEB / name).exists()], "generated files stay out of the tree"


def test_every_command_is_in_the_man_page_and_the_completion(generated: Path) -> None:
    page = (generated / "musicond.1").read_text("utf-8").replace("\\-", "-")
    assert page.startswith('.TH MUSICOND 1 "2')
    assert f"musicond {__version__}" in page
    assert [name for name in COMMANDS if f"musicond {name}" not in page] == []
    completion = generated / "completion.bash"
    subprocess.run(["bash", "-n", str(completion)], check=True)
    assert f"_shtab_musicond_subparsers=({' '.join(COMMANDS)})" in completion.read_text("utf-8")


def test_every_key_of_the_shipped_file_is_in_its_man_page(generated: Path) -> None:
    page = (generated / "musicon.yaml.5").read_text("utf-8").replace("\\-", "-").replace("\\&", "")
    shipped = (ROOT / "config/musicon.yaml").read_text("utf-8").splitlines()[2:]
    assert [line for line in shipped if "\\" not in line and line not in page] == []


def test_the_version_is_one() -> None:
    assert re.match(r"musicond \((.*)\)", (DEB / "changelog").read_text("utf-8")).group(1) == __version__  # type: ignore[union-attr] # a changelog without a version fails as well
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_what_the_package_brings_along_is_pinned_for_both_releases() -> None:
    lines = (DEB / "vendor.txt").read_text("utf-8").splitlines()
    names = {line.split()[0] for line in lines if not line.startswith("#")}
    pinned = {
        python: set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / f"requirements/run-{python}.txt").read_text("utf-8")))
        for python in ("py311", "py313")
    }
    assert names - pinned["py311"] == {"ai-edge-litert"}
    assert names - pinned["py313"] == {"tflite-runtime"}
    # All else comes from apt: each is a dependency, or belongs to one of them.
    depends = (DEB / "control").read_text("utf-8")
    apt = {
        "attrs",
        "idna",
        "mutagen",
        "numpy",
        "prometheus-client",
        "python-mpd2",
        "pyyaml",
        "requests",
        "redis",
        "rich",
        "segno",
        "systemd-python",
    }
    of_requests = {"certifi", "charset-normalizer", "urllib3"}
    of_rich = {"markdown-it-py", "mdurl", "pygments"}
    assert pinned["py313"] - names - of_requests - of_rich - {"setuptools"} == apt
    debian = {
        "attrs": "python3-attr",
        "python-mpd2": "python3-mpd",
        "pyyaml": "python3-yaml",
        "systemd-python": "python3-systemd",
    }
    assert [name for name in apt if debian.get(name, f"python3-{name}") not in depends] == []


@pytest.mark.parametrize("unit", sorted(path.name for path in (ROOT / "systemd").glob("*.service")))
def test_the_unit_is_sound_and_hardened(unit: str, tmp_path: Path) -> None:
    # The programs that it names need not be here: what is judged is the unit.
    text = re.sub(r"/usr/bin/musicond", "/bin/true", (ROOT / "systemd" / unit).read_text("utf-8"))
    (tmp_path / unit).write_text(text.replace("Documentation=", "#"), "utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit)], capture_output=True, text=True, check=False
    )
    assert verified.stdout + verified.stderr == ""
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=21", "--no-pager", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout.splitlines()[-1]


def test_the_pins_are_allowed_by_the_drop_in_alone(tmp_path: Path) -> None:
    text = (ROOT / "systemd" / "musicond.service").read_text("utf-8")
    assert "gpio" not in text
    unit, drop_in = tmp_path / "musicond.service", tmp_path / "musicond.service.d" / "gpio.conf"
    drop_in.parent.mkdir()
    unit.write_text(re.sub(r"/usr/bin/musicond", "/bin/true", text).replace("Documentation=", "#"), "utf-8")
    drop_in.write_text((ROOT / "systemd" / "gpio.conf").read_text("utf-8"), "utf-8")
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert verified.stdout + verified.stderr == ""
    drop_in.write_text("[Service]\nDeviceAlow=char-gpiochip rw\n", "utf-8")
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "DeviceAlow" in verified.stderr, "drop-ins are verified, too"
