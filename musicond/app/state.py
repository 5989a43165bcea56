"""The part of the composition root for the state directory: its lock, the settings at the start, the last restart."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from musicond.config.schema import Config
from musicond.config.user_settings import close_after_boot, is_of_this_boot, load_settings, start_without_consent
from musicond.core.settings import Settings, bounded
from musicond.library.database import FILE_NAME
from musicond.runtime.clock import LOCAL, ClockGuard, Timestamp, kernel_synchronised
from musicond.runtime.json_file import JsonFile, state_lock
from musicond.runtime.machine import volatile_kind
from musicond.runtime.restart import RestartGuard

log = logging.getLogger(__name__)


@contextmanager
def owned_state(folder: Path, ask_consent: bool) -> Iterator[None]:
    """Hold the state directory; at a first start with `ask_consent` the camera is to stay closed."""
    with state_lock(folder):
        if ask_consent:  # before the catalogue is made, which shows that this is no first start
            start_without_consent(folder, FILE_NAME)
            if volatile_kind(folder) is not None:
                close_after_boot(folder, Timestamp.now().boot)
        yield


def initial_settings(file: JsonFile, config: Config, clock: ClockGuard) -> Settings:
    """Return the stored settings as they apply at the start."""
    settings = bounded(load_settings(file), datetime.now(LOCAL), set_clock=kernel_synchronised() is True)
    if settings.private_until is not None and clock.is_unsynchronised() and not is_of_this_boot(file):
        log.info("privacy ends only once the clock is synchronised; to watch at once: musicond privacy off")
    if settings.consent_pending and config.camera.is_device:
        log.warning("the camera stays closed: tell the people here, then run: musicond privacy off")
        settings = replace(settings, private=True)
    return settings


def build_restart_guard(config: Config, folder: Path) -> tuple[RestartGuard, str | None]:
    """Return the guard, and when and why the daemon last ended itself."""
    guard = RestartGuard(folder, config.device.memory_max_mib)
    reason = guard.last_reason()
    if reason is not None:
        log.info("the last restart: %s", reason)
    return guard, reason
