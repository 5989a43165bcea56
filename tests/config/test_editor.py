"""Single keys are changed; all else stays as a person wrote it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from musicond.config.editor import changed, edit
from musicond.config.loader import load
from musicond.errors import ConfigError

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "musicon.yaml"
NEW = {"listen": "0.0.0.0:8080", "token_file": "/t"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "camera: {source: demo}",
        "web:\n",
        "web: # the page\n  # listen: 1\ncamera:\n  rate: 4\n",
        "web: null\n",
        "web: ~ # off\ncamera: {rate: 4}\n",
        "web: {}\n",
        "web: {listen: '127.0.0.1:1'}\n",
        "web: {listen: '127.0.0.1:1', token_file: null} # both\n",
        "web:\n    listen: 127.0.0.1:1 # only here\ncamera: {rate: 4}\n",
        "web:\n  listen:\n  token_file: /old\n",
        '"web":\n  token_file: "/old"\n',
        SHIPPED.read_text("utf-8"),
    ],
)
def test_the_keys_are_set_and_everything_else_stays(text: str) -> None:
    new = changed(text, "web", NEW)
    before, after = (yaml.safe_load(document) or {} for document in (text, new))
    assert after["web"] == NEW
    assert {**before, "web": None} == {**after, "web": None}
    comments = [line[line.index("#") :] for line in text.splitlines() if "#" in line]
    assert all(comment in new for comment in comments)
    assert changed(new, "web", NEW) == new


def test_the_file_keeps_its_mode_and_a_faulty_one_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "musicon.yaml"
    file.write_text("web:\n", "utf-8")
    file.chmod(0o640)
    edit(file, "web", {"listen": "127.0.0.1:1"})
    assert load(file).config.web.listen == "127.0.0.1:1"
    assert file.stat().st_mode & 0o777 == 0o640
    before = file.read_text("utf-8")
    with pytest.raises(ConfigError, match="open to the network"):
        edit(file, "web", {"listen": "0.0.0.0:1"})
    assert file.read_text("utf-8") == before
    for broken in ("web: [\n", "{web: {}}\n", "wep: {}\n"):
        file.write_text(broken, "utf-8")
        with pytest.raises(ConfigError):
            edit(file, "web", NEW)
        assert file.read_text("utf-8") == broken
    link = tmp_path / "link.yaml"
    file.write_text("web:\n", "utf-8")
    link.symlink_to(file)
    edit(link, "web", NEW)
    assert link.is_symlink()
    assert load(file).config.web.listen == NEW["listen"]
    link.unlink()
    file.write_text("web: &all\n  listen: 127.0.0.1:1\n...\n", "utf-8")
    edit(file, "web", {"listen": "127.0.0.1:2"})
    assert load(file).config.web.listen == "127.0.0.1:2"
    assert os.listdir(tmp_path) == ["musicon.yaml"]  # noqa: PTH208 - a plain comparison


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    """As root, a change of /dev/null would put a file in its place."""
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="pipe"):
        edit(pipe, "web", NEW)
    assert pipe.is_fifo()
