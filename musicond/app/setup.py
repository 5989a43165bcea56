"""The actions by which a person sets this device up on the page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from musicond.app.backup import GIVEN, make_backup, stage
from musicond.config.loader import changes
from musicond.config.overrides import KEYS, PASSWORD, PASSWORD_KEY, Overrides
from musicond.config.schema import RELOADABLE, Config, Mqtt
from musicond.config.secrets import mqtt_password, password_source
from musicond.errors import BackupError, ConfigError, ListError, StateDirError
from musicond.mqtt.discovery import node_id

log = logging.getLogger(__name__)

CheckBroker = Callable[[Mqtt, SecretStr | None, str], Mapping[str, object]]


class Daemon(Protocol):
    """The running daemon; both methods return at once."""

    def reload(self) -> None:
        """Take over the keys of `RELOADABLE`."""

    def restart(self) -> None:
        """Start again."""


class Setup:
    """The set-up of a daemon that starts with `config` in the state directory `folder`; for one thread.

    `read_again` returns the configuration with what is kept in `overrides`. `check_broker` connects to a broker as
    a node and returns what the doctor says. After a change the daemon is reloaded, or started again where the changed
    keys need that.
    """

    def __init__(
        self,
        config: Config,
        overrides: Overrides,
        read_again: Callable[[], Config],
        check_broker: CheckBroker,
        folder: Path,
    ) -> None:
        self._config, self._overrides, self.read_again, self._folder = config, overrides, read_again, folder
        self._check_broker = check_broker
        self._daemon: Daemon | None = None

    def attach(self, daemon: Daemon) -> None:
        """Use this daemon."""
        self._daemon = daemon

    def run_action(self, action: str, arguments: Mapping[str, Any]) -> Mapping[str, object]:
        """Run an action; raise ListError or OSError."""
        actions = {
            "values": lambda _: self.values(),
            "change": self._change,
            "reset": self._reset,
            "check-broker": self._check,
            "backup": self._back_up,
            "restore": self._restore,
        }
        if action not in actions:
            raise ListError(f"there is no action {action!r}; give one of {', '.join(actions)}")
        try:
            return actions[action](arguments)
        except (BackupError, ConfigError, StateDirError) as exc:
            raise ListError(" ".join(str(exc).splitlines())) from None

    def _back_up(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        return {"file": str(make_backup(self._folder))}

    def _restore(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        """Restore the backup GIVEN of the state directory, by a new start."""
        given = self._folder / GIVEN
        try:
            stage(self._folder, given)
        finally:
            given.unlink(missing_ok=True)
        if self._daemon is not None:
            log.info("a backup is restored; starting again")
            self._daemon.restart()
        return {"restarts": True}

    def values(self) -> Mapping[str, object]:
        """Return the values in force without any secret, and which of them were set here."""
        shown = [key for key in KEYS if key != PASSWORD_KEY]
        return {
            "values": {key: reduce(getattr, key.split("."), self._config) for key in shown},
            "password": password_source(self._config) is not None,
            "redirect": f"http://127.0.0.1:{self._config.spotify.redirect_port}/callback",
            "set_here": sorted(self._overrides.read()),
        }

    def _change(self, arguments: Mapping[str, Any]) -> Mapping[str, object]:
        values = self._values(arguments)
        self._overrides.change(values)
        return self._take_over(restart=PASSWORD in values)

    def _reset(self, arguments: Mapping[str, Any]) -> Mapping[str, object]:
        key = arguments.get("key")
        if key is not None and key not in KEYS:
            raise ListError(f"give one of {', '.join(KEYS)}, or null for all of them")
        had_password = PASSWORD_KEY in self._overrides.read() and key in (None, PASSWORD_KEY)
        self._overrides.reset(key)
        return self._take_over(restart=had_password)

    def _take_over(self, *, restart: bool) -> Mapping[str, object]:
        """Bring what is kept into force; a password may have changed in the same file."""
        before, self._config = self._config, self.read_again()
        changed = changes(before, self._config)
        restart = restart or not all(key.startswith(RELOADABLE) for key in changed)
        if restart and self._daemon is not None:
            log.info("set up on the page: %s; starting again", ", ".join(changed) or PASSWORD)
            self._daemon.restart()
        elif changed and self._daemon is not None:
            self._daemon.reload()
        return {"restarts": restart}

    def _check(self, arguments: Mapping[str, Any]) -> Mapping[str, object]:
        """Connect to a broker with values that are not kept."""
        values = self._values(arguments)
        config = self._overrides.checked(values)
        password = mqtt_password(config)
        if PASSWORD in values:
            password = SecretStr(str(values[PASSWORD])) if values[PASSWORD] else None
        return dict(self._check_broker(config.mqtt, password, node_id(config.device.node)))

    def _values(self, arguments: Mapping[str, Any]) -> Mapping[str, object]:
        """Return the values to set; the stored password goes to no broker but the one that it was given for."""
        values = arguments.get("values")
        if not isinstance(values, dict):
            raise ListError('give {"values": {KEY: VALUE}}')
        mqtt = self._config.mqtt
        elsewhere = values.get("mqtt.host", mqtt.host) != mqtt.host or values.get("mqtt.port", mqtt.port) != mqtt.port
        source = password_source(self._config)
        if source not in (None, mqtt.password_file) and (elsewhere or PASSWORD in values):
            raise ListError("the broker's password comes from the environment of the service; change both there")
        return {PASSWORD: None, **values} if elsewhere else values
