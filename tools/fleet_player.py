"""The simulated speaker of tools/fleet.py: songs of one length, controlled by the real `player.rules`."""

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
from musicond.player.player import IDLE_POLL_S
from musicond.player.rules import autoplay_block, is_owned, poll_in_s, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.core.models import Track
    from musicond.core.outcome import Outcome
    from musicond.player.events import Action, Event

SONG_S = 210.0
"""Length of every song."""


class Music:
    """What plays beside a room, with autoplay on and the default configuration; `more` asks for other songs."""

    def __init__(self, more: Callable[[], object]) -> None:
        self._more, self._rules, self._state = more, playback_rules(Config()), PlayerState()
        self._tracks: tuple[Track, ...] = ()
        self._position_s = self._at = 0.0
        self._playing = False
        self._looked_at = float("-inf")

    def beside(self, outcome: Outcome) -> Playback:
        """Return what plays, once the rules have heard of an outcome and, when it is time, of the speaker."""
        at = outcome.captured_at
        self._position_s += at - self._at if self._playing else 0.0
        self._at, self._playing = at, self._playing and self._position_s < SONG_S * len(self._tracks)
        watching = outcome.watching is Watching.YES
        found, new = outcome.recommendation, outcome.recommended
        self._take(RoomUpdate(at, outcome.wall_time, watching, False, outcome.present, True, True, None, found, new))  # noqa: FBT003 - a row
        soon = poll_in_s(self._state, at)
        if at - self._looked_at >= min(IDLE_POLL_S, IDLE_POLL_S if soon is None else soon):
            self._looked_at = at
            self._take(StatusPolled(at, self._heard()))
        heard = self._heard()
        state = PlayState.STOPPED if not heard.item_ids else PlayState.PLAYING if heard.playing else PlayState.PAUSED
        return Playback(
            "mpd",
            state,
            ours=is_owned(heard, self._state.owned_ids),
            track=heard.track,
            volume=heard.volume,
            volume_max=self._rules.volume_max,
            autoplay=True,
            autoplay_block=autoplay_block(self._state, self._rules, at),
        )

    def _take(self, event: Event) -> None:
        self._state, actions = step(self._state, self._rules, event)
        for action in actions:
            self._do(action)

    def _do(self, action: Action) -> None:
        match action:
            case StartPlayback(tracks, by_itself, _):
                self._tracks, self._position_s, self._playing = tracks, 0.0, True
                self._take(Started(self._at, tuple(track.track_id for track in tracks), by_itself))
            case ResumePlayback():
                self._playing = True
            case PausePlayback():
                self._playing = False
            case RequestTracks():
                self._more()

    def _heard(self) -> PlayerStatus:
        number, position_s = divmod(self._position_s, SONG_S)
        if number >= len(self._tracks):
            return PlayerStatus(on_our_device=True, volume=40)
        track = self._tracks[int(number)]
        return PlayerStatus(self._playing, True, frozenset({track.track_id}), track, position_s, SONG_S, None, 40)  # noqa: FBT003 - a row
