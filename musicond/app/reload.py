"""The reload of the configuration while everything runs."""

from __future__ import annotations

import logging
from collections.abc import Callable

from musicond.app.pipeline import recommender_config
from musicond.app.playback import playback_rules
from musicond.config.loader import changes
from musicond.config.schema import RELOADABLE, Config
from musicond.controller import Controller
from musicond.core.commands import Command, ConfigUpdate
from musicond.core.frame_rate import FrameRate
from musicond.core.pipeline import Pipeline
from musicond.errors import ConfigError, error_text
from musicond.player.player import Player
from musicond.runtime.inbox import Inbox

log = logging.getLogger(__name__)

TAKEN_OVER = "configuration read again; taken over: %s"


def reloader(
    config: Config,
    read_again: Callable[[], Config],
    inbox: Inbox[Command | ConfigUpdate],
    apply: Callable[[Config], None],
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
        except Exception as exc:  # a reload must never end the daemon
            log.warning("the configuration can't be read, and the old one stays in force: %s", error_text(exc))
            return
        applied = [key for key in changes(current, new) if key.startswith(RELOADABLE)]
        if applied:
            in_force = inbox.put(ConfigUpdate(lambda: apply(new)))
            in_force.add_done_callback(lambda _: log.info(TAKEN_OVER, ", ".join(applied)))
        else:
            log.info(TAKEN_OVER, "nothing")
        waiting = [key for key in changes(config, new) if not key.startswith(RELOADABLE)]
        if waiting:
            log.warning("these wait for a restart: %s; run: systemctl restart musicond", ", ".join(waiting))
        current = new

    return reload


def apply_config(
    pipeline: Pipeline, controller: Controller, relist: Callable[[Config], None], player: Player | None, config: Config
) -> None:
    """Apply the keys of `RELOADABLE`."""
    # The camera was opened with its rate, which waits for a restart.
    rate = controller.frame_rate.rate
    pipeline.mood_config = config.mood.tracker.at_rate(controller.rate)
    pipeline.recommender.config = recommender_config(config)
    controller.frame_rate = FrameRate(rate, min(config.camera.idle_rate, rate))
    relist(config)
    if player is not None:
        player.rules = playback_rules(config)
