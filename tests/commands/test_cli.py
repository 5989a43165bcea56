from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from musicond import __version__

if TYPE_CHECKING:
    from pathlib import Path


def musicond(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "musicond", *args], capture_output=True, text=True, check=False, timeout=60, cwd=cwd
    )


def test_help_names_every_command_without_importing_opencv() -> None:
    out = musicond("--help")
    assert out.returncode == 0
    for name in ("run", "replay", "bench", "check-config", "config", "doctor", "catalogue", "privacy", "pause"):
        assert f"\n    {name}" in out.stdout
    code = "import sys, musicond.cli; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_version() -> None:
    assert musicond("--version").stdout == f"musicond {__version__}\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "required"),
        (("rnu",), "did you mean run?"),
        (("privacy", "maybe"), "invalid choice"),
        (("pause", "soon"), "not a number of minutes"),
        (("pause", "-5"), ""),
        (("replay",), "CLIP"),
        (("run", "--log-level", "loud"), "invalid choice"),
    ],
)
def test_wrong_usage_is_2(args: tuple[str, ...], words: str) -> None:
    out = musicond(*args)
    assert out.returncode == 2
    assert words in out.stderr
    assert "Traceback" not in out.stderr


def test_a_source_that_is_none_is_said(tmp_path: Path) -> None:
    out = musicond("run", "--source", "webcam", cwd=tmp_path)
    assert out.returncode == 78
    assert "--source webcam: not a source" in out.stderr


def test_check_config(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("camera: {rate: 5}\n")
    (tmp_path / "bad.yaml").write_text("camera: {rate: 500}\nmqtt: {prot: 1}\n")
    good = musicond("check-config", "good.yaml", cwd=tmp_path)
    assert (good.returncode, good.stdout) == (0, "good.yaml: ok\n")
    bad = musicond("check-config", "bad.yaml", cwd=tmp_path)
    assert bad.returncode == 78
    assert len(bad.stderr.splitlines()) == 2
    assert "did you mean mqtt.port?" in bad.stderr


def test_config_shows_values_their_origin_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "c.yaml").write_text("mqtt:\n  host: here\n  password_file: secret\n")
    out = musicond("config", "--config", "c.yaml", cwd=tmp_path)
    assert out.returncode == 0
    [host] = [line for line in out.stdout.splitlines() if line.strip().startswith("host:")]
    assert "here" in host
    assert "c.yaml:2" in host
    assert "default" in out.stdout
    assert "hunter2" not in out.stdout


def test_without_a_daemon_privacy_is_stored_and_pause_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("state_dir: state\n")
    off = musicond("privacy", "--config", "c.yaml", "on", cwd=tmp_path)
    assert off.returncode == 0
    assert "will start private" in off.stdout
    assert json.loads((tmp_path / "state" / "settings.json").read_text())["private"] is True
    paused = musicond("pause", "--config", "c.yaml", cwd=tmp_path)
    assert paused.returncode == 69
    assert len(paused.stderr.splitlines()) == 1


def test_a_reader_who_has_seen_enough_is_no_fault() -> None:
    command = f"{sys.executable} -m musicond catalogue list | head -1"
    out = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert out.stderr == ""
    assert out.stdout.count("\n") == 1


def test_bench_prints_what_a_frame_costs() -> None:
    out = musicond("bench", "demo", "--json")
    assert out.returncode == 0, out.stderr
    found = json.loads(out.stdout)
    assert found["tracking"]["analysed"] > 100
    assert 0 < found["tracking"]["median_ms"] < found["full scans"]["median_ms"]
