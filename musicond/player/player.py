"""The thread `playback`: plays what is recommended, by the rules of `core.manners`, on one speaker.

The watch thread leaves outcomes and orders here and goes on. Whatever the speaker or its service does, only this thread
waits for it; what there is to tell is one immutable `Playback`, swapped by reference.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from musicond.core.commands import Next, Play, SetVolume, Stop
from musicond.core.models import Watching
from musicond.core.outcome import Playback, PlayState
from musicond.errors import CommandError, PlaybackError
from musicond.player.backoff import Backoff
from musicond.player.events import (
    Ask,
    AskNext,
    AskStop,
    AskVolume,
    ChangeVolume,
    PausePlayback,
    PlayerState,
    RequestTracks,
    ResumePlayback,
    RoomUpdate,
    Started,
    StartPlayback,
    StatusPolled,
)
from musicond.player.fade import VolumeFader
from musicond.player.rules import autoplay_block, plays_ours, poll_in_s, step
from musicond.player.state_file import kept, resumed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from musicond.core.commands import Command
    from musicond.core.models import PlayerStatus, Track
    from musicond.core.outcome import Outcome
    from musicond.core.ports import PlaybackBackend
    from musicond.player.events import Action, Event, PlaybackRules
    from musicond.player.state_file import PlayerStateFile

log = logging.getLogger(__name__)

IDLE_LOOK_S = 30.0
"""Between two looks at what plays while it matters to nobody but the page."""
EMPTY_LOOK_S = 120.0
"""The same while nobody is in the room."""
ACCOUNT_S = 5.0
"""Between two looks at the account, which asks nobody."""
JOIN_S = 1.0
MOST_EVENTS = 32


@dataclass(frozen=True, slots=True)
class PlayerConfig:
    """What the configuration says beyond the rules."""

    autoplay: bool
    device: str | None = None


class Player:
    """Implements `core.ports.Output` and `core.ports.PlaybackControl`.

    `synchronised` tells whether the clock is right (None: unknown, which is trusted), `more` asks for more songs,
    `memory` keeps over restarts what is ours.
    """

    name = "playback"

    def __init__(
        self,
        speaker: PlaybackBackend,
        rules: PlaybackRules,
        wanted: PlayerConfig,
        more: Callable[[], object] = lambda: None,
        *,
        synchronised: Callable[[], bool | None] = lambda: True,
        memory: PlayerStateFile | None = None,
    ) -> None:
        self.rules, self.wanted = rules, wanted
        self._speaker, self._more, self._synchronised = speaker, more, synchronised
        self._memory = memory
        self._state = PlayerState()
        self._retries = Backoff()
        self._fade = VolumeFader(speaker.set_volume, self._stop_ours)
        self._changed = threading.Condition()
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        """Orders, and rooms that bring something new, as they came."""
        self._room: RoomUpdate | None = None
        self._woken = False
        """What is known of the account is out of date."""
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._looked_at = float("-inf")
        self._now = Playback(speaker.name, volume_max=rules.volume_max, autoplay=wanted.autoplay, device=wanted.device)

    def start(self) -> None:
        """Begin; the speaker need not be there."""
        self._thread = threading.Thread(target=self._run, name="playback", daemon=True)
        self._thread.start()

    def accept(self, outcome: Outcome) -> None:
        """Take what is known of the room."""
        room = self._room_of(outcome)
        with self._changed:
            before, self._room = self._room, room
            if room.recommended or before is None or _edge(before, room):
                self._events.append(room)
                self._changed.notify_all()

    def request(self, command: Command, tracks: Sequence[Track] = ()) -> None:
        """Take a person's order; raise CommandError while nobody is signed in."""
        account, at = self._now.account, time.monotonic()
        if account is not None and not account.signed_in and not isinstance(command, Next):
            raise CommandError(self._now.trouble or "nobody is signed in: musicond spotify login, or on the page")
        match command:
            case Play():
                self._put(Ask(at, tuple(tracks)))
            case Stop():
                self._put(AskStop(at))
            case SetVolume(percent):
                self._put(AskVolume(at, percent))
            case Next():
                self._put(AskNext(at))

    def reconfigure(self, rules: PlaybackRules, wanted: PlayerConfig) -> None:
        """Take over a changed configuration."""
        self.rules, self.wanted = rules, wanted

    def get_playback(self) -> Playback:
        """Return what plays, as far as is known."""
        return self._now

    def wake(self) -> None:
        """Look again at once: somebody has signed in or out."""
        with self._changed:
            self._retries.reset()
            self._looked_at, self._woken = float("-inf"), True
            self._changed.notify_all()

    def status(self) -> str:
        """Return one plain line, which names no song."""
        now = self._now
        return now.trouble or f"{now.backend}: {now.state}{f' on {now.device}' if now.device else ''}"

    def stop(self) -> None:
        """End; music that plays goes on. May be called twice."""
        thread, self._thread = self._thread, None
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if thread is not None:
            thread.join(JOIN_S)

    def _put(self, event: Event) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _room_of(self, outcome: Outcome) -> RoomUpdate:
        controls = outcome.settings
        return RoomUpdate(
            at=time.monotonic(),
            wall_time=outcome.wall_time,
            watching=outcome.watching is Watching.YES,
            paused=controls.paused,
            present=outcome.present,
            autoplay=self.wanted.autoplay if controls.autoplay is None else controls.autoplay,
            synchronised=self._synchronised() is not False,
            volume=None if controls.volume is None else round(controls.volume),
            recommendation=outcome.recommendation,
            recommended=outcome.recommended,
        )

    def _run(self) -> None:
        try:
            if self._memory is not None:
                self._state = resumed(self._memory.load())
            while not self._stopping:
                self._turn()
        finally:
            self._speaker.close()

    def _turn(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._events or self._woken or self._stopping), self._wait_s())
            events, room, woken = list(self._events), self._room, self._woken
            self._events.clear()
            self._woken = False
        if woken:
            self._publish()  # before a look, which may take its time
        if room is not None:
            events.append(replace(room, recommended=False))  # what is new in it has been taken already
        for event in events:
            self._take(event)
        self._fade.turn(time.monotonic())
        if not self._stopping and self._look_due(time.monotonic()) <= 0:
            self._look()
        if self._memory is not None:
            self._memory.save(kept(self._state, self.rules, time.monotonic()))
        self._publish()

    def _take(self, event: Event) -> None:
        self._state, actions = step(self._state, self.rules, event)
        for action in actions:
            if not isinstance(action, RequestTracks) and self._retries.blocked(
                urgent=isinstance(action, PausePlayback)
            ):
                return
            try:
                self._do(action)
                self._retries.succeeded()
            except PlaybackError as fault:
                self._retries.failed(fault)
                return

    def _do(self, action: Action) -> None:
        heard = self._state.last.status if self._state.last else None
        match action:
            case StartPlayback(tracks, by_itself, level):
                self._fade.forget()
                names = self._speaker.play(tracks)
                self._take(Started(time.monotonic(), names, by_itself))
                if level is not None:
                    with suppress(PlaybackError):  # it plays: not to reach a volume is no trouble
                        self._fade.up(level, slowly=by_itself)
            case ResumePlayback():
                self._fade.forget()
                self._speaker.resume()
            case PausePlayback(automatic=True) if heard is not None and heard.volume:
                self._fade.out(heard.volume)
            case PausePlayback():
                self._fade.forget()
                self._speaker.pause()
            case ChangeVolume(percent):
                self._fade.to(heard.volume if heard else None, percent)
            case RequestTracks():
                self._more()

    def _stop_ours(self) -> None:
        """Halt, unless somebody has taken over while the music faded."""
        if plays_ours(self._state, self._speaker.get_status()):
            self._speaker.pause()

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        try:
            heard = self._speaker.get_status()
        except PlaybackError as fault:
            self._retries.failed(fault, looked=True)
            return
        self._retries.succeeded(looked=True)
        self._take(StatusPolled(time.monotonic(), heard))

    def _look_due(self, now: float) -> float:
        """Return the seconds until the next look."""
        if (wait := self._retries.wait_s()) is not None:
            return wait
        soon = poll_in_s(self._state, now)
        away = self._room is not None and self._room.present is False
        regular = self._looked_at + (EMPTY_LOOK_S if away else IDLE_LOOK_S) - now
        return regular if soon is None else min(regular, soon if self._state.poll_now else self._looked_at + soon - now)

    def _wait_s(self) -> float:
        now = time.monotonic()
        due = [self._look_due(now), ACCOUNT_S]
        if (fading := self._fade.due_s(now)) is not None:
            due.append(fading)
        return max(0.0, min(due))

    def _publish(self) -> None:
        state, now, room = self._state, time.monotonic(), self._room
        heard = state.last.status if state.last else None
        account = self._speaker.get_account()
        trouble = self._retries.trouble
        unavailable = trouble is not None
        if account is not None:
            trouble = trouble or account.warning
        self._now = Playback(
            backend=self._speaker.name,
            state=PlayState.UNAVAILABLE if unavailable else _state_of(heard),
            ours=heard is not None and plays_ours(state, heard),
            track=heard.track if heard else None,
            device=(heard.device if heard else None) or self.wanted.device,
            volume=heard.volume if heard else None,
            volume_max=self.rules.volume_max,
            autoplay=room.autoplay if room else self.wanted.autoplay,
            autoplay_block=autoplay_block(state, self.rules, now),
            trouble=trouble,
            account=account,
        )


def _state_of(heard: PlayerStatus | None) -> PlayState:
    if heard is None or not heard.item_ids:
        return PlayState.STOPPED
    return PlayState.PLAYING if heard.playing else PlayState.PAUSED


def _edge(before: RoomUpdate, room: RoomUpdate) -> bool:
    return (before.paused, before.present, before.watching, before.autoplay) != (
        room.paused,
        room.present,
        room.watching,
        room.autoplay,
    )
