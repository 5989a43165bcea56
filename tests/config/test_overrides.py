"""What is set on the page wins over the file, survives damage and never opens what a person has closed."""

from __future__ import annotations

import json
import logging
import stat
from typing import TYPE_CHECKING

import pytest

from musicond.config.loader import load
from musicond.config.overrides import FILE_NAME, KEYS, ORIGIN, PASSWORD, PASSWORD_FILES, Overrides, effective
from musicond.errors import ConfigError, ListError
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:
    from pathlib import Path


class Rig:
    """A configuration file and a state directory."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file, self.state = folder / "musicon.yaml", folder / "state"
        self.file.write_text(text, "utf-8")
        self.state.mkdir()
        self.overrides = Overrides(self.state, lambda: load(self.file))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, "device: {name: File}\nmqtt: {host: broker.example}\nweb: {preview: true}\n")


def test_a_value_wins_over_the_file_with_its_origin_until_it_is_reset(rig: Rig) -> None:
    rig.overrides.change({"device.name": "Küche", "music.quiet_hours": "22:00-07:00", "web.preview": False})
    loaded = rig.overrides.effective()
    assert (loaded.config.device.name, loaded.config.music.quiet_hours) == ("Küche", "22:00-07:00")
    assert not loaded.config.web.preview
    assert loaded.config.mqtt.host == "broker.example"
    assert (loaded.origin["device.name"], loaded.origin["mqtt.host"]) == (ORIGIN, f"{rig.file}:2")
    assert effective(load(rig.file), rig.state) == loaded
    assert stat.S_IMODE((rig.state / FILE_NAME).stat().st_mode) == 0o600
    assert "checksum" in (rig.state / FILE_NAME).read_text()
    rig.overrides.reset("device.name")
    assert rig.overrides.effective().config.device.name == "File"
    rig.overrides.reset(None)
    assert rig.overrides.effective() == load(rig.file)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"device.name": ""}, "device.name: is empty"),
        ({"device.name": 7}, "device.name"),
        ({"camera.view": "far"}, "camera.view: 'far' does not fit; give wide or near"),
        ({"music.quiet_hours": "late"}, "music.quiet_hours"),
        ({"mqtt.port": 70000}, "mqtt.port: 70000 is too large"),
        ({"playback.backend": "spotify"}, "playback.backend: spotify needs spotify.client_id"),
        ({"spotify.client_id": "abc"}, "spotify.client_id"),
        ({"web.listen": "0.0.0.0:80"}, "can't be set here"),
        ({"mqtt.password_file": "/etc/shadow"}, "can't be set here"),
        ({PASSWORD: "two\nlines"}, "one line"),
        ({PASSWORD: ["x"]}, "one line"),
        ({"web.preview": "yes"}, "web.preview"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_nothing_is_kept(
    rig: Rig, values: dict[str, object], text: str
) -> None:
    with pytest.raises(ListError) as error:
        rig.overrides.change({"device.name": "Den", **values})
    assert text in str(error.value)
    assert not (rig.state / FILE_NAME).exists()
    assert passwords(rig) == {}


def test_a_password_is_in_its_own_file_and_leaves_with_its_broker(rig: Rig) -> None:
    rig.overrides.change({"mqtt.username": "me", PASSWORD: "hush"})
    path = rig.state / PASSWORD_FILES[0]
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("hush\n", 0o600)
    assert "hush" not in (rig.state / FILE_NAME).read_text()
    assert rig.overrides.effective().config.mqtt.password_file == path
    rig.overrides.reset("mqtt.username")
    assert not path.exists()
    assert rig.overrides.effective() == load(rig.file)
    rig.overrides.change({PASSWORD: "hush"})
    rig.overrides.change({PASSWORD: ""})
    assert not path.exists()
    assert rig.overrides.effective().config.mqtt.password_file is None


def test_a_change_that_can_t_be_stored_leaves_the_password_as_it_was(rig: Rig) -> None:
    rig.overrides.change({"mqtt.host": "old.example", PASSWORD: "old"})
    (rig.state / f"{FILE_NAME}.new").mkdir()
    with pytest.raises(IsADirectoryError):
        rig.overrides.change({"mqtt.host": "new.example", PASSWORD: "new"})
    with pytest.raises(IsADirectoryError):
        rig.overrides.reset("mqtt.")
    mqtt = rig.overrides.effective().config.mqtt
    assert mqtt.host == "old.example"
    assert mqtt.password_file is not None
    assert mqtt.password_file.read_text() == "old\n"
    (rig.state / f"{FILE_NAME}.new").rmdir()
    for password in ("newer", "newest"):
        rig.overrides.change({PASSWORD: password})
        source = rig.overrides.effective().config.mqtt.password_file
        assert source is not None
        assert passwords(rig) == {source.name: f"{password}\n"}
    rig.overrides.reset("mqtt.")
    assert passwords(rig) == {}


def passwords(rig: Rig) -> dict[str, str]:
    """Return the content of each password's file in the state directory."""
    return {name: (rig.state / name).read_text() for name in PASSWORD_FILES if (rig.state / name).exists()}


def test_values_that_no_longer_fit_the_file_are_left_out_but_for_what_closes(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.overrides.change({"spotify.client_id": "a" * 32, "playback.backend": "spotify", "web.preview": False})
    content = json.loads((rig.state / FILE_NAME).read_text())
    del content["spotify.client_id"], content["checksum"]
    JsonFile(rig.state / FILE_NAME).save(content)
    caplog.set_level(logging.WARNING)
    config = rig.overrides.effective().config
    assert (config.playback.backend, config.web.preview) == ("none", False)
    assert "musicond settings reset" in caplog.text
    assert effective(load(rig.file), rig.state) == load(rig.file)


@pytest.mark.parametrize("damaged", ['{"web.preview": tr', '{"web.preview": true}', "[]"])
def test_after_damage_the_file_holds_without_live_picture_and_history(
    rig: Rig, damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    rig.overrides.change({"web.preview": False})
    (rig.state / FILE_NAME).write_text(damaged)
    caplog.set_level(logging.WARNING)
    config = rig.overrides.effective().config
    assert (config.device.name, config.web.preview, config.history.enabled) == ("File", False, False)
    assert "was damaged" in caplog.text
    assert (rig.state / "overrides.damaged").exists()
    assert rig.overrides.read() == {"web.preview": False, "history.enabled": False}
    rig.overrides.change({"device.name": "Den"})
    config = rig.overrides.effective().config
    assert (config.device.name, config.web.preview) == ("Den", False), "until a person switches it on again"


def test_a_faulty_file_is_an_error_whatever_was_set(rig: Rig) -> None:
    rig.overrides.change({"device.name": "Den"})
    rig.file.write_text("device: {nam: x}\n")
    with pytest.raises(ConfigError):
        rig.overrides.effective()


def test_every_key_can_be_set(rig: Rig) -> None:
    values: dict[str, object] = {
        "device.name": "Den",
        "camera.view": "near",
        "camera.rotation": 180,
        "music.quiet_hours": None,
        "playback.backend": "mpd",
        "spotify.client_id": "0" * 32,
        "mqtt.host": None,
        "mqtt.port": 8883,
        "mqtt.username": "me",
        PASSWORD: "x",
        "web.preview": True,
        "web.language": "de",
        "history.enabled": True,
    }
    rig.overrides.change(values)
    assert sorted(rig.overrides.read()) == sorted(KEYS)
