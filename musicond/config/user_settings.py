"""The run-time settings in the form of settings.json."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from musicond.core.models import Emotion, Policy
from musicond.core.mood.bias import CALIBRATED_REACH, CLASSES, Bias, bounded
from musicond.core.settings import DEFAULTS, MAX_MINUTES, Settings, shifted
from musicond.errors import NOT_TEXT, StateDirError, bounded_number
from musicond.runtime.clock import LOCAL, Timestamp, kernel_synchronised
from musicond.runtime.json_file import JsonFile, JsonObject, replace_file

log = logging.getLogger(__name__)

FILE_NAME = "settings.json"
BOOT = "boot.txt"
"""Holds the id of the boot in which a state directory that does not last was first used."""
STORED = "settings.stored"
"""An empty file that shows that settings.json was written once: without settings.json, it was lost."""
YEARS = range(1970, 9999)
"""Years whose times exist in every zone."""


def load_settings(file: JsonFile) -> Settings:
    """Return the stored settings; after damage or loss the camera stays closed until a person opens it.

    A missing or damaged file is written again. Raises StateDirError.
    """
    closed = {"private": True, "private_until": None, "boot": None, "damaged": True}
    lost = is_lost(file)
    data = closed if lost else file.load(closed, unvouched=True, plausible=_is_plausible)
    if data.get("damaged"):
        what = "is missing" if lost else "was damaged"
        log.warning("%s %s: the camera stays closed; to watch again: musicond privacy off", file.path, what)
    settings = from_json(data)
    if not file.path.exists() or not file.verified:
        file.verified = False
        with suppress(OSError):  # `verified` stays false, and the daemon saves them again
            file.save(to_json(settings))
    if file.verified:
        with suppress(OSError):
            file.path.with_name(STORED).touch(mode=0o600)
    return settings


def read_settings(folder: Path) -> Settings:
    """Return the stored settings without changing the file; raise StateDirError if it can't be read."""
    file = JsonFile(folder / FILE_NAME)
    return replace(DEFAULTS, private=True) if is_lost(file) else from_json(file.read())


def is_lost(file: JsonFile) -> bool:
    """Return whether the settings were stored once, and are gone."""
    return not file.path.exists() and file.path.with_name(STORED).exists()


def start_without_consent(folder: Path, catalogue: str) -> None:
    """Keep the camera closed until a person consents, where this is the first start in a state directory.

    A directory with settings or with a `catalogue` has been used before: nothing changes. Raises StateDirError.
    """
    file = JsonFile(folder / FILE_NAME)
    if file.path.exists() or is_lost(file) or (folder / catalogue).exists():
        return
    try:
        file.save(to_json(Settings(consent_pending=True)))
    except OSError as exc:
        raise StateDirError(f"{file.path}: {exc.strerror}; make room on the disk") from None


def close_after_boot(folder: Path, boot: str) -> None:
    """Keep the camera closed at the first start after a boot, in a state directory that a boot resets.

    A person may have switched privacy on before it. `boot` is the kernel's id; "" counts as a new one. Raises
    StateDirError.
    """
    file, marker = JsonFile(folder / FILE_NAME), folder / BOOT
    try:
        if boot and marker.exists() and marker.read_text("utf-8", "replace").strip() == boot:
            return
        file.save(to_json(replace(load_settings(file), private=True, private_until=None)))
        replace_file(marker, f"{boot}\n", folder)
    except OSError as exc:
        raise StateDirError(f"{exc.filename or folder}: {exc.strerror}; make room on the disk") from None
    log.warning(
        "this system forgets at each boot what was switched: the camera stays closed until: musicond privacy off"
    )


def _is_plausible(data: JsonObject) -> bool:
    """Return whether an object without a checksum may be of an earlier version.

    With an end of privacy it counts as damaged: a damaged end could open the camera.
    """
    return data.keys() <= FIELDS.keys() - {"private_until"} and isinstance(data.get("private"), bool)


def from_json(data: JsonObject) -> Settings:
    """Return the settings in a file, with their ends by the present clock.

    A value that is not valid counts as the default, but for privacy.
    """
    settings: dict[str, Any] = {}
    for name, (parse, _) in FIELDS.items():
        with suppress(ValueError, TypeError, AttributeError, OverflowError):
            settings[name] = parse(data[name]) if data.get(name) is not None else getattr(DEFAULTS, name)
    if settings.get("paused_until") is None and data.get("paused_until") is not None:
        settings["paused"] = False  # better than a pause that never ends
    if settings.get("manual_until") is None:
        settings["manual_mood"] = None
    return _by_present_clock(Settings(**settings), data)


def _by_present_clock(settings: Settings, data: JsonObject) -> Settings:
    """Return settings after the clock was set since they were stored, if it was.

    After a boot the end of privacy stays as it is: `Controller` waits with it for a synchronised clock.
    """
    now, stored = Timestamp.now(), Timestamp.from_json(data)
    if stored is None:
        return settings
    moved = now.clock_set_by(stored, synchronised=kernel_synchronised() is not False)
    if not moved:
        return settings
    later = shifted(settings, moved, now.wall.astimezone(LOCAL))
    return later if now.is_same_boot(stored) else replace(later, private_until=settings.private_until)


def is_of_this_boot(file: JsonFile) -> bool:
    """Return whether settings with an end were stored in this boot, so that the monotonic clock says when it comes."""
    try:
        stored = Timestamp.from_json(file.parse())
    except (OSError, ValueError):
        return False
    return stored is not None and Timestamp.now().is_same_boot(stored)


def to_json(settings: Settings, *, of_this_boot: bool = True) -> JsonObject:
    """Return the settings to store, without those that have their default; with an end, the present time, too.

    The end of privacy may be from before the boot: then it is not `of_this_boot`, and the next start must see that.
    """
    data = {
        name: serialise(value)
        for name, (_, serialise) in FIELDS.items()
        if (value := getattr(settings, name)) != getattr(DEFAULTS, name)
    }
    if not data.keys() & ENDS:
        return data
    return data | Timestamp.now().to_json() | ({} if of_this_boot else {"boot": ""})


def _time(text: Any) -> datetime:
    """Parse a time; raise ValueError, TypeError, and OverflowError for one that this machine can't have as local."""
    time = datetime.fromisoformat(text)
    if time.year not in YEARS:
        raise ValueError(text)
    return time.astimezone() if time.tzinfo is None else time


def _number(high: float) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        if (number := bounded_number(value, 0, high)) is None:
            raise ValueError(value)
        return number

    return parse


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _name(value: Any) -> str:
    """Parse the name of a speaker."""
    if not isinstance(value, str) or not value or NOT_TEXT.search(value):
        raise ValueError(value)
    return value


def _bias(text: Any) -> Bias:
    """Parse seven numbers in one text."""
    shifts = tuple(map(float, text.split()))
    if len(shifts) != CLASSES or not all(map(isfinite, shifts)):
        raise ValueError(text)
    return bounded(shifts, CALIBRATED_REACH)


FIELDS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    # Anything but false keeps the camera closed: a mistake must not open it.
    "private": (lambda value: value is not False, bool),
    "private_until": (_time, datetime.isoformat),
    # Likewise: what is not understood is not consent.
    "consent_pending": (lambda value: value is not False, bool),
    "paused": (lambda value: value is True, bool),
    "paused_until": (_time, datetime.isoformat),
    "paused_minutes": (_number(MAX_MINUTES), float),
    "policy": (Policy, str),
    "sensitivity": (_number(100), float),
    "manual_mood": (Emotion, str),
    "manual_until": (_time, datetime.isoformat),
    "autoplay": (_boolean, bool),
    "volume": (_number(100), float),
    "speaker": (_name, str),
    "bias": (_bias, lambda bias: " ".join(map(str, bias.shifts))),
}
"""The parser and the writer of each field of Settings in settings.json."""
ENDS = {name for name, (parse, _) in FIELDS.items() if parse is _time}
