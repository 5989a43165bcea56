"""Keeps over restarts what the player has started and until when it is silent: the present only, in one small file."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from musicond.errors import StateDirError
from musicond.player.events import PlayerState
from musicond.runtime.clock import Timestamp, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.player.events import PlaybackRules
    from musicond.runtime.json_file import JsonFile, JsonObject


@dataclass(frozen=True, slots=True)
class PersistedState:
    """Only what still matters; the times are monotonic seconds, as in `PlayerState`."""

    ours: tuple[str, ...] = ()
    """The names of what we started last."""
    begun_at: float | None = None
    """When music last began by itself, while the cool-down lasts."""
    silent_until: float | None = None
    """None: nobody has asked for silence, or it is over."""

    def later(self, seconds: float) -> PersistedState:
        """Return it with all times put off."""
        begun, silent = (None if each is None else each + seconds for each in (self.begun_at, self.silent_until))
        return PersistedState(self.ours, begun, silent)


def kept(state: PlayerState, rules: PlaybackRules, at: float) -> PersistedState:
    """Return what is to be kept of a state now."""
    begun = state.autoplay_started_at if at < state.autoplay_started_at + rules.cool_down_s else None
    silent = state.suppressed_until if state.suppressed_until is not None and at < state.suppressed_until else None
    return PersistedState(state.owned_ids, begun, silent)


def resumed(found: PersistedState) -> PlayerState:
    """Return the state to go on with: what happened to the music meanwhile is nobody's doing."""
    begun = float("-inf") if found.begun_at is None else found.begun_at
    return PlayerState(owned_ids=found.ours, autoplay_started_at=begun, suppressed_until=found.silent_until)


log = logging.getLogger(__name__)

FILE_NAME = "playback.json"
OLD_S = 86400.0
"""What was started longer ago counts as somebody's; no silence is longer (`playback.silence_s`)."""


class PlayerStateFile:
    """For one thread. `speaker` says where the music plays: what was started elsewhere is not ours here."""

    def __init__(self, store: JsonFile, speaker: str, now: Callable[[], Timestamp] = now) -> None:
        self._store, self._speaker, self._now = store, speaker, now
        self._written: PersistedState | None = None
        """What the file holds; None: not known."""

    def load(self) -> PersistedState:
        """Return what was kept, in monotonic seconds of this start; nothing where it can't be read or is too old."""
        now = self._now()
        try:
            found = self._store.read()
            then = Timestamp(str(found["boot"]), _seconds(found["at"]), datetime.fromisoformat(str(found["wall"])))
            passed = now.after_s(then)
            kept = _kept(found).later(now.at - passed - then.at)
        except (StateDirError, KeyError, ValueError, TypeError):
            return PersistedState()
        if passed > OLD_S or found.get("speaker") != self._speaker:
            return PersistedState(silent_until=_soon(kept.silent_until, now.at))
        self._written = PersistedState(kept.ours, kept.begun_at, _soon(kept.silent_until, now.at))
        return self._written

    def save(self, kept: PersistedState) -> None:
        """Write it if it has changed; nothing to keep leaves no file."""
        if kept == self._written:
            return
        self._written = kept
        try:
            if kept == PersistedState():
                self._store.path.unlink(missing_ok=True)
                return
            now = self._now()
            self._store.save(
                {
                    "speaker": self._speaker,
                    "ours": json.dumps(kept.ours),
                    "begun_at": kept.begun_at,
                    "silent_until": kept.silent_until,
                    "boot": now.boot,
                    "at": now.at,
                    "wall": now.wall.isoformat(),
                }
            )
        except OSError as fault:
            log.warning(
                "%s: %s; what plays counts as somebody's after a restart; make room on the disk",
                self._store.path,
                fault.strerror,
            )


def _kept(found: JsonObject) -> PersistedState:
    """Understand a file; raise ValueError, KeyError or TypeError."""
    ours = json.loads(str(found["ours"]))
    if not isinstance(ours, list) or not all(isinstance(each, str) for each in ours):
        raise ValueError(ours)
    begun, silent = (
        None if found.get(name) is None else _seconds(found[name]) for name in ("begun_at", "silent_until")
    )
    return PersistedState(tuple(ours), begun, silent)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise ValueError(value)
    return float(value)


def _soon(silent_until: float | None, at: float) -> float | None:
    return None if silent_until is None else min(silent_until, at + OLD_S)
