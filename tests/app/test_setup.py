"""The set-up on the page: what is taken over, and where the broker's password goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from musicond.app.setup import Setup
from musicond.config.loader import load
from musicond.config.overrides import Overrides
from musicond.errors import ListError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import SecretStr

    from musicond.config.schema import Mqtt


class Rig:
    """A set-up with a daemon that records its requests."""

    def __init__(self, folder: Path) -> None:
        self.file, self.calls = folder / "musicon.yaml", list[str]()
        (folder / "secret").write_text("file-password\n")
        self.file.write_text("mqtt: {host: broker.example, username: me, password_file: secret}\n")
        self.brokers: list[tuple[str | None, str | None]] = []
        self.overrides = Overrides(folder, lambda: load(self.file))
        config = self.overrides.effective().config
        self.setup = Setup(config, self.overrides, lambda: self.overrides.effective().config, self.check_broker, folder)
        self.setup.attach(self)

    def reload(self) -> None:
        self.calls.append("reload")

    def restart(self) -> None:
        self.calls.append("restart")

    def check_broker(self, mqtt: Mqtt, password: SecretStr | None, _node: str) -> Mapping[str, object]:
        self.brokers.append((mqtt.host, password.get_secret_value() if password else None))
        return {"name": "broker", "state": "ok", "found": "", "remedy": ""}

    def change(self, **values: Any) -> Any:
        return self.setup.run_action(
            "change", {"values": {key.replace("__", "."): value for key, value in values.items()}}
        )

    def password(self) -> str | None:
        """Return the password in force."""
        file = self.overrides.effective().config.mqtt.password_file
        return file.read_text().strip() if file else None


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    for name in ("STATE_DIRECTORY", "MUSICOND_MQTT_PASSWORD", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    return Rig(tmp_path)


def test_what_a_reload_takes_over_needs_no_new_start(rig: Rig) -> None:
    assert rig.change(music__quiet_hours="22:00-07:00") == {"restarts": False}
    assert rig.change(music__quiet_hours="22:00-07:00") == {"restarts": False}
    assert rig.calls == ["reload"], "the second time nothing has changed"
    assert rig.change(device__name="Den", music__quiet_hours=None) == {"restarts": True}
    assert rig.setup.run_action("reset", {"key": "music.quiet_hours"}) == {"restarts": False}
    assert rig.setup.run_action("reset", {}) == {"restarts": True}
    assert rig.calls == ["reload", "restart", "restart"]


def test_secrets_go_in_and_never_out(rig: Rig) -> None:
    rig.change(**{"mqtt.password": "hush"})
    assert rig.calls == ["restart"]
    assert rig.password() == "hush"
    shown = rig.setup.run_action("values", {})
    assert (shown["password"], shown["set_here"]) == (True, ["mqtt.password_file"])
    assert "hush" not in str(shown)
    assert "password_file" not in str(shown["values"])
    rig.change(**{"mqtt.password": "other"})
    assert rig.calls == ["restart", "restart"], "the file is the same, its content is not"


def test_a_kept_password_goes_to_no_other_broker(rig: Rig) -> None:
    check = {"mqtt.host": "evil.example"}
    rig.setup.run_action("check-broker", {"values": check})
    rig.setup.run_action("check-broker", {"values": check | {"mqtt.password": "typed"}})
    rig.setup.run_action("check-broker", {"values": {"mqtt.username": "you"}})
    assert rig.brokers == [("evil.example", None), ("evil.example", "typed"), ("broker.example", "file-password")]
    rig.change(**check)
    assert rig.password() is None
    for key in ("mqtt.password_file", "mqtt.host"):
        rig.setup.run_action("reset", {"key": key})
        config = rig.overrides.effective().config
        assert (config.mqtt.host, rig.password()) == ("broker.example", "file-password"), "together or not at all"


def test_a_password_of_the_environment_goes_to_no_other_broker_either(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSICOND_MQTT_PASSWORD", "variable")
    for values in ({"mqtt.port": 1884}, {"mqtt.password": "x"}):
        for action in ("change", "check-broker"):
            with pytest.raises(ListError, match="environment"):
                rig.setup.run_action(action, {"values": values})
    assert rig.change(device__name="Den") == {"restarts": True}


@pytest.mark.parametrize(
    ("action", "arguments"),
    [("change", {}), ("change", {"values": []}), ("reset", {"key": "web.listen"}), ("dance", {})],
)
def test_what_makes_no_sense_is_refused(rig: Rig, action: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ListError, match="give"):
        rig.setup.run_action(action, arguments)


def test_a_faulty_file_is_a_refusal(rig: Rig) -> None:
    rig.file.write_text("devise: {}\nmqtt: [\n")
    with pytest.raises(ListError, match=r"musicon.yaml"):
        rig.change(device__name="Den")
