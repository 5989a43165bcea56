"""The part of the composition root that a reload needs: what is taken over while everything runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from musicond.config.loader import changes
from musicond.config.schema import RELOADABLE
from musicond.core.commands import Command, ConfigUpdate
from musicond.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.config.schema import Config
    from musicond.runtime.inbox import Inbox

log = logging.getLogger(__name__)


def reloader(
    config: Config,
    read_again: Callable[[], Config],
    inbox: Inbox[Command | ConfigUpdate],
    tune: Callable[[Config], None],
) -> Callable[[], None]:
    """Return what a reload does: the keys of `RELOADABLE` are taken over, a file with faults is not."""
    now = config

    def reload() -> None:
        nonlocal now
        try:
            new = read_again()
        except ConfigError as faulty:
            for fault in faulty.faults:
                log.warning("%s", fault)
            log.warning("the configuration has faults and is not taken over: the old one stays in force")
            return
        changed = changes(now, new)
        live = [key for key in changed if key.startswith(RELOADABLE)]
        if live:
            inbox.put(ConfigUpdate(lambda: tune(new)))
        log.info("configuration read again; taken over: %s", ", ".join(live) or "nothing")
        waiting = [key for key in changes(config, new) if not key.startswith(RELOADABLE)]
        if waiting:
            log.warning("these wait for a restart: %s; run: systemctl restart musicond", ", ".join(waiting))
        now = new

    return reload
