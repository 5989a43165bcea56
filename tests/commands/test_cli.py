"""The command line: help, usage, exit codes, and no traceback for an error of the user."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from musicond import __version__, errors
from musicond.capture.demo import DemoClip
from musicond.cli import COMMANDS, CONTROLS, main
from musicond.config.paths import models_dir
from musicond.runtime.json_file import JsonFile

ROOT = Path(__file__).resolve().parents[2]


def musicond(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "musicond", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def command(folder: Path, body: str) -> dict[str, str]:
    """Put a `doctor` of our own in front of the real one; return the environment for it."""
    package = folder / "musicond"
    package.mkdir()
    for part in (ROOT / "musicond").glob("*.py"):
        (package / part.name).write_bytes(part.read_bytes())
    for name in ("core", "config"):
        (package / name).symlink_to(ROOT / "musicond" / name)
    (package / "commands").mkdir()
    (package / "commands/__init__.py").touch()
    lines = ["def add_arguments(parser): pass", "def run(args):", f"    {body}"]
    (package / "commands/doctor.py").write_text("\n".join(lines), "utf-8")
    return {"PYTHONPATH": str(folder)}


def test_help_names_the_commands_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom musicond.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('cv2', 'pydantic', 'yaml', 'aiohttp', 'numpy', 'paho') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.endswith("[]\n")
    assert all(f" {name}" in done.stdout for name in COMMANDS)


def test_the_short_commands_load_no_camera_and_no_server() -> None:
    short = sorted(COMMANDS.keys() - {"run", "replay", "bench", "doctor"})
    code = (
        f"import sys\nfrom musicond.cli import build_parser\nfor name in {short}:\n"
        "    build_parser(name)\n"
        "    print(name, [m for m in ('cv2', 'numpy', 'aiohttp', 'paho', 'requests') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [f"{name} []" for name in short]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_keeps_the_convention(name: str) -> None:
    module = import_module(f"musicond.commands.{'control' if name in CONTROLS else name.replace('-', '_')}")
    assert callable(module.add_arguments)
    assert callable(module.run)


def test_every_error_of_a_person_has_an_exit_code_of_the_contract() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 10
    assert all(issubclass(kind, errors.MusicondError) and kind.exit_code in (2, 69, 78) for kind in kinds)


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"musicond {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["help"], ["help", "privacy"], ["privacy", "--help"]])
def test_help_is_no_error(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    name = "musicond privacy" if "privacy" in arguments else "musicond"
    assert capsys.readouterr().out.startswith(f"usage: {name} ")


@pytest.mark.parametrize("name", ["privacy", "pause", "settings", "status"])
def test_a_command_that_asks_the_daemon_loads_nothing_heavy(name: str) -> None:
    code = (
        f"import sys\nfrom musicond.cli import build_parser\nbuild_parser({name!r})\n"
        "print([m for m in ('cv2', 'numpy', 'aiohttp', 'paho', 'rich', 'spotipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def test_output_survives_a_locale_without_the_characters(tmp_path: Path) -> None:
    environment = command(tmp_path, "print('caf\u00e9 \u2013 \u2588')") | {"PYTHONIOENCODING": "ascii"}
    done = musicond("doctor", folder=tmp_path, **environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "caf? ? ?\n", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["docter"], "there is no command 'docter'; did you mean doctor?"),
        (["zzz"], "there is no command 'zzz'; see musicond --help"),
        (["doctor", "--zzz"], "--zzz"),
        (["check-config"], "required: F"),
        (["rnu"], "did you mean run?"),
        (["privacy", "maybe"], "invalid choice"),
        (["pause", "soon"], "not a number of minutes"),
        (["pause", "-5"], ""),
        (["settings"], "required: ACTION"),
        (["settings", "reset", "everything"], "invalid choice"),
        (["replay"], "CLIP"),
    ],
)
def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("return 0", 0, ""),
        ("from musicond.errors import ConfigError; raise ConfigError('a:1:2: x', 'b')", 78, "a:1:2: x\nb\n"),
        ("from musicond.errors import ModelError; raise ModelError('m')", 78, "musicond: m\n"),
        ("from musicond.errors import SourceLost; raise SourceLost('s')", 69, "musicond: s\n"),
        ("from musicond.errors import CatalogueError; raise CatalogueError('c')", 69, "musicond: c\n"),
        ("from musicond.errors import OutputError; raise OutputError('o')", 69, "musicond: o\n"),
        ("import nowhere.at_all", 69, "musicond: the Python package nowhere is missing; musicond doctor says more\n"),
        ("raise KeyboardInterrupt", 130, ""),
    ],
)
def test_an_error_of_the_user_is_a_line_and_a_code(tmp_path: Path, body: str, code: int, says: str) -> None:
    done = musicond("doctor", folder=tmp_path, **command(tmp_path, body))
    assert done.stderr == says
    assert done.returncode == code


@pytest.mark.parametrize("body", ["1 / 0", "import musicond.nowhere"])
def test_a_bug_is_a_traceback_and_1(tmp_path: Path, body: str) -> None:
    done = musicond("doctor", folder=tmp_path, **command(tmp_path, body))
    assert "Traceback" in done.stderr
    assert done.returncode == 1


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    environment = {**os.environ, **command(tmp_path, "[print('line', flush=True) for _ in range(100000)]; return 0")}
    with subprocess.Popen(
        [sys.executable, "-m", "musicond", "doctor"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_control_c_is_quiet(tmp_path: Path) -> None:
    body = "print('here', flush=True); import threading; threading.Event().wait(60); return 0"
    environment = {**os.environ, **command(tmp_path, body)}
    with subprocess.Popen(
        [sys.executable, "-m", "musicond", "doctor"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell makes its background processes ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread runs here
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == b""
        assert process.returncode == 130


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [("--source", "webcam", "'webcam' is not a source"), ("--log-level", "loud", "invalid choice")],
)
def test_wrong_usage_of_the_daemon_is_2(option: str, value: str, text: str) -> None:
    out = musicond("run", option, value)
    assert out.returncode == 2
    assert text in out.stderr
    assert "Traceback" not in out.stderr


def test_without_a_daemon_privacy_is_stored_and_pause_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("state_dir: state\n")
    off = musicond("privacy", "--config", "c.yaml", "on", folder=tmp_path)
    assert off.returncode == 0
    assert "will start private" in off.stdout
    assert musicond("privacy", "--config", "c.yaml", folder=tmp_path).stdout.startswith("private: the camera is closed")
    assert musicond("pause", "--config", "c.yaml", folder=tmp_path).stdout == "not paused\n"
    assert json.loads((tmp_path / "state" / "settings.json").read_text())["private"] is True
    paused = musicond("pause", "on", "--config", "c.yaml", folder=tmp_path)
    assert paused.returncode == 69
    assert len(paused.stderr.splitlines()) == 1


def test_a_reset_clears_switched_settings_and_config_shows_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (tmp_path / "c.yaml").write_text("state_dir: state\n")
    (tmp_path / "state").mkdir()
    file = tmp_path / "state" / "settings.json"
    until = "2099-01-01T06:00:00+01:00"
    file.write_text(
        json.dumps(
            {"private": True, "sensitivity": 70, "policy": "lift", "paused": True, "paused_until": until}
            | {"manual_mood": "sad", "manual_until": until, "bias": "0.1 -0.1 0 0 0 0 0"}
        )
    )

    def config() -> list[str]:
        assert main(["config", "--config", str(tmp_path / "c.yaml")]) == 0
        return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    lines = config()
    switched = "# switched by a person; musicond settings reset"
    assert f"# privacy: on {switched} privacy" in lines
    assert f"# pause: on until 2099-01-01 06:00+01:00 {switched} pause" in lines
    assert f"# policy: lift {switched} policy" in lines
    assert "policy: lift # switched by a person; default says match" in lines
    assert f"# sensitivity: 70 {switched} sensitivity" in lines
    assert f"# mood: sad until 2099-01-01 06:00+01:00 {switched} mood" in lines
    assert "enter: 0.76 # default; 0.73 by the sensitivity of 70" in lines
    done = musicond("settings", "--config", "c.yaml", "reset", "sensitivity", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "it will start with sensitivity reset" in done.stdout
    assert json.loads(file.read_text()).keys() == {
        "private",
        "policy",
        "paused",
        "paused_until",
        "manual_mood",
        "manual_until",
        "bias",
        "boot",
        "at",
        "wall",
        "checksum",
    }
    assert "enter: 0.76 # default" in config()
    assert musicond("settings", "reset", "--config", "c.yaml", folder=tmp_path).returncode == 0
    assert json.loads(file.read_text()).keys() == {"private", "bias", "checksum"}, "what was learnt was not switched"
    assert musicond("settings", "reset", "privacy", "--config", "c.yaml", folder=tmp_path).returncode == 0
    assert json.loads(file.read_text()).keys() == {"bias", "checksum"}
    assert not [line for line in config() if "switched by a person" in line]
    file.write_text("{")
    assert [line for line in config() if line.startswith("# what was switched is not known: ")]
    assert file.read_text() == "{", "config touches nothing"


def test_a_command_without_a_daemon_makes_no_end_of_privacy_one_of_this_boot(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("state_dir: state\n")
    (tmp_path / "state").mkdir()
    file, noon = JsonFile(tmp_path / "state" / "settings.json"), "2026-11-30T12:00:00+00:00"
    file.save({"private": True, "private_until": "2099-01-01T00:00:00+00:00", "boot": "another", "at": 1, "wall": noon})
    assert musicond("settings", "reset", "pause", "--config", "c.yaml", folder=tmp_path).returncode == 0
    assert file.read()["boot"] == ""
    assert musicond("privacy", "off", "--config", "c.yaml", folder=tmp_path).returncode == 0
    assert musicond("guest", "--config", "c.yaml", folder=tmp_path).returncode == 0
    assert file.read()["boot"] != ""


def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m musicond catalogue list | head -1"
    env = {**os.environ, "STATE_DIRECTORY": str(tmp_path)}
    out = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert out.stderr.count("\n") == 1
    assert "this is the starter" in out.stderr
    assert out.stdout.count("\n") == 1


@pytest.mark.alone
def test_bench_prints_what_a_frame_costs(tmp_path: Path) -> None:
    demo = DemoClip(models_dir())
    for number in range(60):
        cv2.imwrite(str(tmp_path / f"{number:03}.png"), demo.frame_at(number / 10))
    picture = tmp_path.parent / "stages.png"
    out = musicond("bench", str(tmp_path), "--json", "--picture", str(picture))
    assert out.returncode == 0, out.stderr
    figures = json.loads(out.stdout)
    own = figures["at_own_rates"]
    assert own["cpu_ms_per_s"] > own["bare_cpu_ms_per_s"] > 0
    assert own["times_bare"] == pytest.approx(own["cpu_ms_per_s"] / own["bare_cpu_ms_per_s"], rel=0.01)
    assert sum(row["share"] for name, row in own["stages"].items() if name != "capture") == pytest.approx(100, abs=0.5)
    assert all(row["cpu_median_ms"] <= row["cpu_p95_ms"] for row in own["stages"].values())
    assert np.asarray(cv2.imread(str(picture))).shape[1] > 600
    assert figures["tracking"]["frames"] == 60
    assert figures["tracking"]["analysed"] > 40
    assert 0 < figures["tracking"]["median_ms"] < figures["full scans"]["median_ms"]


@pytest.mark.parametrize("argument", [b"caf\xe9", b"a\x07b"])
def test_an_argument_that_is_no_text_is_refused_in_one_line(argument: bytes) -> None:
    program = [os.fsencode(sys.executable), b"-m", b"musicond", b"check-config", argument]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "is no text" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_configuration_that_git_tracks_is_not_opened_to_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    config = ROOT / "config" / "musicon.yaml"
    before = config.read_bytes()
    assert main(["page-link", "--lan", "--config", str(config)]) == 78
    assert "cp config/musicon.yaml config/local.yaml" in capsys.readouterr().err
    assert config.read_bytes() == before
    assert subprocess.run(["git", "check-ignore", "-q", "config/local.yaml"], cwd=ROOT, check=False).returncode != 1


def test_a_token_is_written_whole_and_an_empty_one_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, token = tmp_path / "musicon.yaml", tmp_path / "state" / "page-token"
    token.parent.mkdir()
    config.write_text(f"state_dir: {token.parent}\n")
    token.touch()
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert main(["page-link", "--lan", "--config", str(config)]) == 0
    assert len(token.read_text()) > 16
    assert token.stat().st_mode & 0o777 == 0o600
    before = token.read_text()
    assert main(["page-link", "--lan", "--config", str(config)]) == 0
    assert token.read_text() == before
    assert [file.name for file in token.parent.iterdir()] == ["page-token"]


@pytest.mark.parametrize(
    "command",
    [
        ("check-config", "closed/c.yaml"),
        ("config", "--config", "closed/c.yaml"),
        ("run", "--config", "closed/c.yaml"),
        ("catalogue", "import", "--config", "c.yaml", "closed/list.csv", "--mood", "sad"),
        ("catalogue", "import", "--config", "c.yaml", "closed/music", "--mood", "sad"),
        ("catalogue", "export", "--config", "c.yaml", "closed/export.csv"),
        ("catalogue", "refresh", "--config", "c.yaml"),
        ("replay", "closed/clip.avi"),
        ("history", "chart", "--config", "c.yaml", "closed/chart.svg"),
    ],
    ids=" ".join,
)
def test_a_path_in_a_closed_folder_is_named_without_a_traceback(tmp_path: Path, command: tuple[str, ...]) -> None:
    lists = f"music: {{moods: {{sad: {{lists: ['{tmp_path}/closed/list.csv', '{tmp_path}/closed/music']}}}}}}\n"
    (tmp_path / "c.yaml").write_text(f"state_dir: {tmp_path}/state\n{lists}")
    (tmp_path / "closed" / "music").mkdir(parents=True)
    (tmp_path / "state" / "history").mkdir(parents=True)
    (tmp_path / "state" / "history" / "2026-11.json").write_text('{"2026-11-30": {"sad": 1}}')
    for name in ("c.yaml", "list.csv", "clip.avi", "music/a.mp3"):
        (tmp_path / "closed" / name).touch()
    program = [sys.executable, "-m", "musicond", *command]
    if os.geteuid() == 0:  # root may read everything, unless it gives that up
        os.chown(tmp_path / "closed", 65534, 65534)
        given_up = "-dac_override,-dac_read_search"
        program = ["setpriv", "--inh-caps", given_up, "--bounding-set", given_up, *program]
    (tmp_path / "closed").chmod(0o700 if os.geteuid() == 0 else 0)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    (tmp_path / "closed").chmod(0o700)
    assert done.returncode in (69, 78), done
    assert "Permission denied" in done.stderr
    assert "closed/" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4, done.stderr
