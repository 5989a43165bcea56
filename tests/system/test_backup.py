"""Backup, restore and reset through a running daemon and without one, by the real commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from musicond.cli import main
from musicond.web.client import ControlClient
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CONFIG = "camera: {source: demo}\nhistory: {enabled: true}\n"


class Home:
    """A state directory and its configuration; commands run in this process, which is quicker."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self.daemon, self._capsys, self._patch = Daemon(folder, config=CONFIG), capsys, patch
        self.folder = folder

    def run(self, *args: str) -> tuple[int, str]:
        """Return the exit code and the output of a command."""
        self._patch.setenv("RUNTIME_DIRECTORY", str(self.folder / "run"))
        code = main([args[0], *args[1:], "--config", str(self.daemon.config)])
        shown = self._capsys.readouterr()
        return code, shown.out + shown.err


def test_a_backup_moves_a_home_and_a_reset_keeps_its_songs_and_its_privacy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, third = (Home(tmp_path / name, capsys, monkeypatch) for name in ("old", "new", "third"))
    file = tmp_path / "home.backup"
    assert old.run("backup", str(file))[0] == 69, "nothing is there yet"
    with old.daemon:
        old.daemon.ready().wait_state(lambda state: bool(state["recommendation"]))
        client = ControlClient(old.folder / "run/control.sock")
        client.send("rate", verdict="like", id=None)
        client.send("mood", mood="sad", minutes=60)
        client.send("privacy", on=True)
        song = {"emotion": "sad", "title": "Our Song", "artist": "Us"}
        client.run_action("catalogue", "add", {"rows": [song]})
        client.run_action("catalogue", "source", {"emotion": "sad", "lists": ["starter"]})
        (old.folder / "state/page-token").write_text("planted-token\n")
        code, text = old.run("backup", str(file))
        assert (code, "home.backup written" in text) == (0, True), text
        assert b"planted-token" not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
        assert not list((old.folder / "state").glob("*backup.musicond"))
    with new.daemon:
        new.daemon.ready()
        assert new.run("restore", str(file))[0] == 2, "nobody can be asked"
        pid = new.daemon.process.pid
        code, text = new.run("restore", "--yes", str(file))
        assert (code, "before-restore.musicond" in text) == (0, True), text
        assert new.daemon.until(lambda: sum("the page is" in line for line in new.daemon.lines) == 2)
        assert new.daemon.process.pid == pid
        client = ControlClient(new.folder / "run/control.sock")
        new.daemon.wait_state(lambda state: state["watching"] == "private")
        entries = client.run_action("catalogue", "list", {"emotion": "sad"})["entries"]
        assert "Our Song" in [entry["title"] for entry in entries]
        assert len(client.run_action("catalogue", "feedback")["feedback"]) == 1
        code, text = new.run("settings", "reset", "--all")
        assert code == 0, text
        assert client.state()["controls"]["private"] is True
        assert client.run_action("catalogue", "sources")["chosen"] == []
    assert third.run("restore", "--yes", str(file))[0] == 0
    assert "# mood: sad" in third.run("config")[1]
    assert third.run("settings", "reset", "--all")[0] == 0
    assert "# mood" not in third.run("config")[1]
    stored = json.loads((third.folder / "state/settings.json").read_text())
    assert stored["private"] is stored["consent_pending"] is True, "and nobody here has agreed to the camera"
    assert "Our Song" in third.run("catalogue", "list", "sad")[1], "songs and feedback stay"
    assert json.loads((third.folder / "state/lists.json").read_text()).keys() == {"checksum"}
    code, text = third.run("backup", "/proc/none/file")
    assert (code, "give a file that can be written" in text) == (69, True)
    file.write_bytes(file.read_bytes()[:-1])
    code, text = third.run("restore", "--yes", str(file))
    assert (code, "damaged or cut off" in text) == (69, True)
