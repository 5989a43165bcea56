from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from musicond.errors import StateDirError
from musicond.runtime.json_file import JsonFile, state_lock

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    store = JsonFile(tmp_path / "settings.json")
    assert store.load({}) == {}
    store.save({"privacy": True, "pause_until": None})
    assert JsonFile(tmp_path / "settings.json").load({}) == {"privacy": True, "pause_until": None}
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]


def test_it_is_for_the_owner_of_the_folder_alone_whoever_saves(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "settings.json", tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    (tmp_path / "settings.json.new").symlink_to(elsewhere)
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, 12345)
    JsonFile(file).save({"privacy": True})
    saved, folder = file.stat(), tmp_path.stat()
    assert (saved.st_uid, saved.st_gid, stat.S_IMODE(saved.st_mode)) == (folder.st_uid, folder.st_gid, 0o600)
    assert elsewhere.read_text() == "theirs", "a link that lies in the way is not followed"


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00\x01", "null"])
def test_a_damaged_file_is_kept_aside_and_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text)
    assert JsonFile(file).load({"damaged": True}) == {"damaged": True}
    assert (tmp_path / "settings.damaged").read_text() == text
    assert JsonFile(file).load({"damaged": True}) == {"damaged": True}, "it stays until it is replaced"
    JsonFile(file).save({})
    assert JsonFile(file).load({"damaged": True}) == {}
    file.write_text("again")
    JsonFile(file).load({})
    JsonFile(file).load({})
    copies = {copy.name: copy.read_text() for copy in tmp_path.glob("*.damaged")}
    assert copies == {"settings.damaged": text, "settings.2.damaged": "again"}, "no copy is overwritten"


def test_a_changed_value_is_damage_and_a_file_of_an_earlier_version_gets_its_checksum(tmp_path: Path) -> None:
    file = JsonFile(tmp_path / "refresh.json")
    file.path.write_text('{"done": 3}')
    assert file.load({}) == {"done": 3}
    assert file.verified
    file.path.write_text(file.path.read_text().replace('"done": 3', '"done": 4'))
    assert file.load({"done": 0, "mark": None}) == {"done": 0, "mark": None}
    assert file.load({"mark": None}, unvouched=True) == {"mark": None}, "nothing vouches for the 4"
    file.path.write_text(
        '{"done": 4, "checksum": "0123456789abcdef"}'
    )  # an earlier version vouched for the whole alone
    assert file.load({"mark": None}) == {"mark": None}
    assert file.load({"mark": None}, unvouched=True) == {"done": 4, "mark": None}
    assert not file.verified


def test_damage_of_a_line_leaves_the_others(tmp_path: Path) -> None:
    file = JsonFile(tmp_path / "lists.json")
    saved = {"happy": "[1]", "sad": {"a": 1, "b": [2]}, "checked": None}
    file.save(saved)
    content = file.path.read_bytes()
    for place, byte in enumerate(content):
        file.path.write_bytes(content[:place] + bytes([byte ^ 1 << place % 8]) + content[place + 1 :])
        left = file.load({})
        assert left == {key: saved[key] for key in left}
        assert len(left) >= len(saved) - 2 or place <= content.index(b",\n") + 1, "without a checksum none is kept"
    file.path.write_bytes(content[: content.index(b"checked")])
    assert file.load({}) == {"happy": "[1]", "sad": {"a": 1, "b": [2]}}, "the end is lost"


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    with pytest.raises(StateDirError, match=r"settings\.json: Is a directory; make it readable"):
        JsonFile(tmp_path / "settings.json").load({})


def test_one_process_a_state_directory(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom musicond.runtime.json_file import state_lock\n"
        "with state_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "state")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StateDirError, match=rf"process {other.pid}\b.*stop it"), state_lock(tmp_path / "state"):
            pass
        (tmp_path / "state" / "lock").write_bytes(b"\xff1")
        with pytest.raises(StateDirError, match="stop it"), state_lock(tmp_path / "state"):
            pass
        other.stdin.close()
        other.wait(10)
    with state_lock(tmp_path / "state"):
        assert (tmp_path / "state" / "lock").read_text() == str(os.getpid())


def test_a_place_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StateDirError, match="can't be written") as caught, state_lock(tmp_path / "file"):
        pass
    assert "\n" not in str(caught.value)
