"""The simulated player of tools/fleet.py: tracks of one length, controlled by the real `player.rules`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicond.app.playback import playback_rules
from musicond.config.schema import Config
from musicond.core.models import PlayerStatus, Watching
from musicond.core.outcome import Playback, PlayState
from musicond.player.changes import is_owned
from musicond.player.events import (
    PausePlayback,
    PlayerState,
    RequestTracks,
    ResumePlayback,
    RoomUpdate,
    Started,
    StartPlayback,
    StatusPolled,
)
from musicond.player.poll_timer import IDLE_POLL_S
from musicond.player.rules import autoplay_block, poll_in_s, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.core.models import Track
    from musicond.core.outcome import Outcome
    from musicond.player.events import Action, Event

TRACK_S = 210.0
"""Length of every track."""


class SimulatedPlayer:
    """A player with autoplay on and the default configuration; `request_tracks` requests other tracks."""

    def __init__(self, request_tracks: Callable[[], object]) -> None:
        self._request_tracks, self._rules, self._state = request_tracks, playback_rules(Config()), PlayerState()
        self._tracks: tuple[Track, ...] = ()
        self._elapsed_s = self._at = 0.0
        self._playing = False
        self._polled_at = float("-inf")

    def update(self, outcome: Outcome) -> Playback:
        """Pass an outcome and, when it is due, the player's status to the rules; return the playback."""
        at = outcome.captured_at
        self._elapsed_s += at - self._at if self._playing else 0.0
        self._at, self._playing = at, self._playing and self._elapsed_s < TRACK_S * len(self._tracks)
        watching, tracks, new = outcome.watching is Watching.YES, outcome.recommendation, outcome.recommended
        update = RoomUpdate(
            at,
            outcome.wall_time,
            watching,
            present=outcome.present,
            autoplay=True,
            recommendation=tracks,
            recommended=new,
        )
        self._handle(update)
        poll_s = poll_in_s(self._state, at)
        if at - self._polled_at >= min(IDLE_POLL_S, IDLE_POLL_S if poll_s is None else poll_s):
            self._polled_at = at
            self._handle(StatusPolled(at, self._status()))
        status = self._status()
        state = PlayState.STOPPED if not status.item_ids else PlayState.PLAYING if status.playing else PlayState.PAUSED
        return Playback(
            "mpd",
            state,
            ours=is_owned(status, self._state.owned_ids),
            track=status.track,
            volume=status.volume,
            volume_max=self._rules.volume_max,
            autoplay=True,
            autoplay_block=autoplay_block(self._state, self._rules, at),
        )

    def _handle(self, event: Event) -> None:
        self._state, actions = step(self._state, self._rules, event)
        for action in actions:
            self._run(action)

    def _run(self, action: Action) -> None:
        match action:
            case StartPlayback(tracks, automatic, _):
                self._tracks, self._elapsed_s, self._playing = tracks, 0.0, True
                self._handle(Started(self._at, tuple(track.track_id for track in tracks), automatic))
            case ResumePlayback():
                self._playing = True
            case PausePlayback():
                self._playing = False
            case RequestTracks():
                self._request_tracks()

    def _status(self) -> PlayerStatus:
        number, elapsed_s = divmod(self._elapsed_s, TRACK_S)
        if number >= len(self._tracks):
            return PlayerStatus(on_our_device=True, volume=40)
        track = self._tracks[int(number)]
        return PlayerStatus(self._playing, True, frozenset({track.track_id}), track, elapsed_s, TRACK_S, None, 40)  # noqa: FBT003 - a row
