"""The reload of the configuration while everything runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from musicond.config.loader import changes
from musicond.config.schema import RELOADABLE, Config
from musicond.core.commands import Command, ConfigUpdate
from musicond.errors import ConfigError, error_text
from musicond.runtime.inbox import Inbox

log = logging.getLogger(__name__)


def reloader(
    config: Config,
    read_again: Callable[[], Config],
    inbox: Inbox[Command | ConfigUpdate],
    apply_config: Callable[[Config], None],
) -> Callable[[], None]:
    """Return the function that reloads: it applies the keys of `RELOADABLE`, and nothing of a file with errors."""
    current = config

    def reload() -> None:
        nonlocal current
        try:
            new = read_again()
        except ConfigError as exc:
            for line in exc.problems:
                log.warning("%s", line)
            log.warning("the configuration has faults and is not taken over: the old one stays in force")
            return
        applied = [key for key in changes(current, new) if key.startswith(RELOADABLE)]
        if applied:
            inbox.put(ConfigUpdate(lambda: apply_config(new))).add_done_callback(partial(_log_result, applied))
        else:
            log.info("configuration read again; taken over: nothing")
        waiting = [key for key in changes(config, new) if not key.startswith(RELOADABLE)]
        if waiting:
            log.warning("these wait for a restart: %s; run: systemctl restart musicond", ", ".join(waiting))
        current = new

    return reload


def _log_result(applied: list[str], result: Future[None]) -> None:
    """Log which keys are in force, once they are."""
    if (error := result.exception()) is None:
        log.info("configuration read again; taken over: %s", ", ".join(applied))
    else:
        log.warning("the configuration is not taken over (%s); reload again", error_text(error))
