"""What the Debian package says of the program is what the program is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from musicond import __version__
from musicond.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DEB = ROOT / "deb"


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its usage lines differently in each Python")
def test_man_pages_and_completion_are_renewed() -> None:
    code = (
        "import sys; sys.path.insert(0, '.')\nfrom tools.make_man import TARGETS\n"
        "print([path.name for path, text in TARGETS.items() if path.read_text('utf-8') != text()])"
    )
    env = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", f"run python tools/make_man.py: {done.stdout}{done.stderr}"


def test_every_command_is_in_the_man_page() -> None:
    page = (DEB / "musicond.1").read_text("utf-8").replace("\\-", "-")
    assert [name for name in COMMANDS if f"musicond {name}" not in page] == []


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
        "aiohttp",
        "mutagen",
        "numpy",
        "prometheus-client",
        "python-mpd2",
        "pyyaml",
        "requests",
        "redis",
        "segno",
        "systemd-python",
        "tqdm",
    }
    of_aiohttp = {"aiohappyeyeballs", "aiosignal", "attrs", "frozenlist", "idna", "multidict", "propcache", "yarl"}
    of_requests = {"certifi", "charset-normalizer", "urllib3"}
    assert pinned["py313"] - names - of_aiohttp - of_requests - {"setuptools"} == apt
    debian = {"python-mpd2": "python3-mpd", "pyyaml": "python3-yaml", "systemd-python": "python3-systemd"}
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
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout.splitlines()[-1]
