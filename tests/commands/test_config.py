"""musicond config: effective values with their origin, secrets masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musicond.commands.config import FORMATS
from musicond.config.loader import iter_keys, load
from musicond.config.paths import model_path, state_dir
from musicond.core.settings import SETTINGS
from tests.commands.test_cli import musicond

if TYPE_CHECKING:
    from pathlib import Path


def test_each_value_stands_with_its_origin_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush-file\n", "utf-8")
    (tmp_path / "f.yaml").write_text("mqtt:\n  host: broker\n  password_file: password\n", "utf-8")
    done = musicond("config", "--config", "f.yaml", folder=tmp_path, MUSICOND_MQTT_PASSWORD="hush-variable")
    assert done.returncode == 0, done.stderr
    lines = {
        line.split("#")[0].strip(): line.rsplit("#", 1)[1].strip() for line in done.stdout.splitlines() if "  #" in line
    }
    assert lines["host: broker"] == "f.yaml:2"
    assert lines["port: 1883"] == "default"
    assert lines[f"password_file: {tmp_path}/password"] == "environment MUSICOND_MQTT_PASSWORD"
    assert "# password: ********" in done.stdout
    assert "hush" not in done.stdout


def test_the_output_is_a_file_that_gives_the_same(tmp_path: Path) -> None:
    before = tmp_path / "before.yaml"
    before.write_text(
        f'state_dir: {tmp_path}/state\ndevice: {{name: "Küche: #1"}}\ncamera: {{size: [320, 240], rate: 4}}\n'
        'web: {listen: "[::1]:0"}\n',
        "utf-8",
    )
    done = musicond("config", "--config", str(before), folder=tmp_path)
    after = tmp_path / "after.yaml"
    after.write_text(done.stdout, "utf-8")
    loaded = load(after)
    assert set(loaded.origin) == {".".join(leaf) for leaf in iter_keys()}
    config = load(before).config
    effective = {"state_dir": state_dir(config), "model": config.model.model_copy(update={"path": model_path(config)})}
    assert loaded.config == config.model_copy(update=effective)


def test_a_wrong_file_is_78(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("mqtt: [\n", "utf-8")
    done = musicond("config", "--config", "f.yaml", folder=tmp_path)
    assert done.returncode == 78
    assert done.stderr.startswith("f.yaml:2:1: ")


def test_switched_settings_and_chosen_lists_are_shown(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "settings.json").write_text('{"autoplay": true, "volume": 30.0}', "utf-8")
    (state / "lists.json").write_text('{"sad": "[\\"spotify:liked\\"]"}', "utf-8")
    (tmp_path / "f.yaml").write_text(f"state_dir: {state}\n", "utf-8")
    done = musicond("config", "--config", "f.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "# autoplay: on" in done.stdout
    assert "# volume: 30" in done.stdout
    assert "lists: ['spotify:liked']" in done.stdout
    assert "chosen on the page" in done.stdout


def test_every_setting_can_be_shown() -> None:
    assert set(FORMATS) == set(SETTINGS)
