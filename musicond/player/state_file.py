"""The file that stores, for the next start, which tracks are ours and until when autoplay is suppressed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, Json

from musicond.errors import StateDirError
from musicond.player.events import NEVER, PlaybackRules, PlayerState
from musicond.player.rules import is_suppressed
from musicond.runtime.clock import Timestamp
from musicond.runtime.json_file import JsonFile, delete_file

log = logging.getLogger(__name__)

FILE_NAME = "playback.json"
MAX_AGE_S = 86400.0
"""Music started longer ago counts as foreign; no silence is longer (`playback.silence_s`)."""


def persistent_part(state: PlayerState, rules: PlaybackRules, at: float) -> PlayerState:
    """Return the part of a state that outlives a restart and still matters at a time.

    To continue with it, changes of the playback in between count as nobody's doing.
    """
    cooling = at < state.autoplay_started_at + rules.cool_down_s
    return PlayerState(
        owned_ids=state.owned_ids,
        owned_track_ids=state.owned_track_ids,
        former_ids=state.former_ids,
        modes=state.modes,
        pause_pending=state.pause_pending and bool(state.owned_ids),
        autoplay_started_at=state.autoplay_started_at if cooling else NEVER,
        suppressed_until=state.suppressed_until if is_suppressed(state, at) else None,
    )


Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Content(BaseModel):
    """The content of the file; times in monotonic seconds of the boot `boot`."""

    speaker: str = ""
    ours: Json[tuple[str, ...]]
    tracks: Json[tuple[str, ...]] = ()
    former: Json[tuple[str, ...]] = ()
    modes: Json[tuple[str, ...]] = ()
    pausing: bool = False
    begun_at: Seconds | None = None
    silent_until: Seconds | None = None
    boot: str
    at: Seconds
    wall: AwareDatetime


class PlayerStateFile:
    """Loads and saves the `persistent_part` of a state; for one thread.

    `device` names the backend and the device: music that was started on another one is not ours here.
    """

    def __init__(self, file: JsonFile, device: str, now: Callable[[], Timestamp] = Timestamp.now) -> None:
        self._file, self._device, self._now = file, device, now
        self._written: PlayerState | None = None
        """The content of the file; None: unknown."""

    def load(self) -> PlayerState:
        """Return the stored state in monotonic seconds of this boot; the default if it is unreadable or too old."""
        now = self._now()
        try:
            content = _Content.model_validate(self._file.load({}))
        except (StateDirError, ValueError):
            return PlayerState()
        passed_s = now.after_s(Timestamp(content.boot, content.at, content.wall))
        shift_s, started, until = now.at - passed_s - content.at, content.begun_at, content.silent_until
        suppressed_until = None if until is None else min(until + shift_s, now.at + MAX_AGE_S)
        if passed_s > MAX_AGE_S or content.speaker != self._device:
            former_ids = content.ours or content.former if content.speaker == self._device else ()
            return PlayerState(former_ids=former_ids, suppressed_until=suppressed_until)
        self._written = PlayerState(
            owned_ids=content.ours,
            owned_track_ids=content.tracks,
            former_ids=content.former,
            modes=content.modes,
            pause_pending=content.pausing,
            autoplay_started_at=NEVER if started is None else started + shift_s,
            suppressed_until=suppressed_until,
        )
        return self._written

    def save(self, state: PlayerState) -> None:
        """Write the state if it has changed; the default state removes the file."""
        if state == self._written:
            return
        self._written = state
        try:
            if state == PlayerState():
                delete_file(self._file.path)
                return
            now = self._now()
            self._file.save(
                {
                    "speaker": self._device,
                    "ours": json.dumps(state.owned_ids),
                    "tracks": json.dumps(state.owned_track_ids),
                    "former": json.dumps(state.former_ids),
                    "modes": json.dumps(state.modes),
                    "pausing": state.pause_pending,
                    "begun_at": None if state.autoplay_started_at == NEVER else state.autoplay_started_at,
                    "silent_until": state.suppressed_until,
                    **now.to_json(),
                }
            )
        except OSError as exc:
            log.warning(
                "%s: %s; what plays counts as somebody's after a restart; make room on the disk",
                self._file.path,
                exc.strerror,
            )
