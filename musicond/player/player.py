"""The thread `playback`: plays what is recommended, by `player.rules`, on one backend.

Other threads only leave outcomes and commands here; the playback thread alone waits for the backend. It publishes its
state as one immutable `Playback`, replaced by reference.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from musicond.core.commands import OtherSongs, PlayerCommand, SetSpeaker
from musicond.core.models import Track, Watching
from musicond.core.outcome import Outcome, Playback, PlayState
from musicond.core.ports import PlaybackBackend
from musicond.errors import CommandError, PlaybackError, SongsMissingError, error_text
from musicond.player.backoff import BackendBackoff
from musicond.player.changes import ends_music, has_changed, is_owned, play_state
from musicond.player.events import (
    Action,
    ChangeVolume,
    Event,
    ModesCleared,
    PausePlayback,
    PlaybackRules,
    PlayerState,
    PollFailed,
    Requested,
    RequestTracks,
    RestorePlayer,
    ResumePlayback,
    RoomUpdate,
    SelectSpeaker,
    SkipTrack,
    SpeakerSelected,
    Started,
    StartPlayback,
    StatusPolled,
)
from musicond.player.fade import VolumeFader
from musicond.player.rules import autoplay_block, poll_in_s, step
from musicond.player.state_file import PlayerStateFile, persistent_part
from musicond.runtime.warn_once import WarnOnce
from musicond.runtime.worker import resolve

log = logging.getLogger(__name__)

IDLE_POLL_S = 30.0
"""Between two status polls that only the page needs."""
EMPTY_POLL_S = 120.0
"""The same while nobody is in the room."""
ACCOUNT_S = 5.0
"""Between two looks at the account, which needs no request."""
JOIN_S, FADE_JOIN_S = 1.0, 3.0
"""Longest wait of `stop`: in general, and where a fade has to be finished."""
MAX_EVENTS = 32
MAX_QUESTIONS = 8

T = TypeVar("T")


class Player:
    """Implements `core.ports.Output` and `core.ports.PlaybackControl`.

    `request_tracks` asks for another recommendation, `set_speaker` sets the chosen speaker back after a refusal.
    `synchronised` returns whether the clock is right (None: unknown,
    which is trusted). `clock` returns monotonic seconds.
    """

    name = "playback"

    def __init__(
        self,
        backend: PlaybackBackend,
        rules: PlaybackRules,
        request_tracks: Callable[[], object] = lambda: None,
        *,
        set_speaker: Callable[[str | None], object] = lambda _: None,
        synchronised: Callable[[], bool | None] = lambda: True,
        state_file: PlayerStateFile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        """May be replaced at any time."""
        self._backend, self._synchronised = backend, synchronised
        self._request_tracks, self._set_speaker = request_tracks, set_speaker
        self._state_file, self._clock = state_file, clock
        self._state = PlayerState()
        self._backoff = BackendBackoff(clock)
        self._hints = WarnOnce(log, clock=clock)
        self._songs_missing: str | None = None
        """That the backend has none of the recommended songs, with the remedy."""
        self._fader = VolumeFader(backend.set_volume, self._pause_if_owned, clock)
        self._changed = threading.Condition()
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        """Commands, and room updates that bring something new, in their order."""
        self._questions: deque[Callable[[], None]] = deque()
        self._chosen: str | None = None
        """The speaker that a person has chosen; None: the configured one."""
        self._speaker: str | None = None
        """The speaker that the backend has selected: another one after an error."""
        self._room: RoomUpdate | None = None
        self._account_changed = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.busy_since: float | None = None
        self._polled_at = float("-inf")
        self._status_at: datetime | None = None
        """Wall time of the last status."""
        self._playback = Playback(
            backend.name, volume_max=rules.volume_max, autoplay=rules.autoplay, device=rules.device
        )

    def start(self) -> None:
        """Start the thread; the backend need not be reachable."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="playback", daemon=True)
        self._thread.start()

    def accept(self, outcome: Outcome) -> None:
        """Keep the newest outcome."""
        room = self._room_of(outcome)
        with self._changed:
            before, self._room = self._room, room
            if before is None:
                self._events.appendleft(room)  # commands may wait already: they are for its speaker
            elif room.recommended or has_changed(before, room):
                self._events.append(room)
            else:
                return
            self._changed.notify_all()

    def request(self, command: PlayerCommand, tracks: Sequence[Track] = ()) -> None:
        """Queue a person's command; raise CommandError while nobody is signed in."""
        account = self._playback.account
        if account is not None and not account.signed_in and not isinstance(command, OtherSongs | SetSpeaker):
            raise CommandError(self._playback.trouble or f"nobody is signed in: musicond {self._backend.name} login")
        with self._changed:
            self._events.append(Requested(self._clock(), command, tuple(tracks)))
            self._changed.notify_all()

    def query(self, question: Callable[[PlaybackBackend], T]) -> Future[T]:
        """Ask the backend in this thread; return the future of its answer.

        Its errors: PlaybackError; CommandError where too many questions wait already.
        """
        answer: Future[T] = Future()
        with self._changed:
            if len(self._questions) >= MAX_QUESTIONS:
                answer.set_exception(CommandError("the player is busy; try again in a moment"))
            else:
                self._questions.append(partial(resolve, answer, lambda: question(self._backend)))
                self._changed.notify_all()
        return answer

    def get_playback(self) -> Playback:
        """Return the latest known playback."""
        return self._playback

    def wake(self) -> None:
        """Poll now: somebody has signed in or out."""
        with self._changed:
            self._backoff.reset()
            self._polled_at, self._account_changed = float("-inf"), True
            self._changed.notify_all()

    def is_alive(self) -> bool:
        """Return whether the thread is running."""
        return self._thread is None or self._thread.is_alive()

    def status(self) -> str:
        """Return one plain line, without a track's name."""
        now = self._playback
        return now.trouble or f"{now.backend}: {now.state}{f' on {now.device}' if now.device else ''}"

    def stop(self) -> None:
        """Stop the thread; music that plays goes on, but a fade and a pause are finished. May be called twice."""
        thread, self._thread = self._thread, None
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if thread is not None:
            thread.join(JOIN_S if self._fader.due_s(0.0) is None else FADE_JOIN_S)

    def _room_of(self, outcome: Outcome) -> RoomUpdate:
        settings = outcome.settings
        return RoomUpdate(
            at=self._clock(),
            wall_time=outcome.wall_time,
            watching=outcome.watching is Watching.YES,
            paused=settings.paused,
            present=outcome.present,
            autoplay=self.rules.autoplay if settings.autoplay is None else settings.autoplay,
            synchronised=self._synchronised() is not False,
            volume=None if settings.volume is None else round(settings.volume),
            speaker=settings.speaker,
            recommendation=outcome.recommendation,
            recommended=outcome.recommended,
        )

    def _run(self) -> None:
        try:
            if self._state_file is not None:
                self._state = self._state_file.load()
            while not self._stopping:
                try:
                    self._turn()
                except Exception as exc:  # a bug of ours or of a library must not end playback for good
                    self._report_bug(exc)
            self._finish()
        finally:
            self._backend.close()

    def _finish(self) -> None:
        """Finish what a stop must not leave half done: a fade, and a stop or a pause that a person has switched on."""
        while (event := self._next_event()) is not None:
            if ends_music(event, pauses=True):
                self._process(event)
        self._save()  # first, as the backend may hang
        self._fader.finish()
        if self._state.pause_pending:
            with suppress(PlaybackError):
                self._pause_if_owned()

    def _report_bug(self, exc: Exception) -> None:
        """Show an unexpected error as a failure of the backend, which is retried with a backoff."""
        if self._backoff.trouble is None:
            log.error("playback failed", exc_info=exc)
        self._fader.cancel()
        text = f"an error of musicond ({error_text(exc)}); it is retried"
        self._backoff.failed(PlaybackError(text, log_text="an error of musicond; it is retried"))
        self._playback = replace(self._playback, state=PlayState.UNAVAILABLE, trouble=self._backoff.trouble)

    def _turn(self) -> None:
        self.busy_since = None
        with self._changed:
            self._changed.wait_for(
                self._is_wanted,
                self._wait_s(),
            )
            self.busy_since = time.monotonic()
            room, account_changed, questions = self._room, self._account_changed, list(self._questions)
            self._questions.clear()
            self._account_changed = False
        if account_changed:
            self._publish()  # before a poll, which may take its time
        if room is not None:  # it brings the stored speaker, which commands and polls are for
            while (event := self._next_event()) is not None:
                if isinstance(event, RoomUpdate) and event.recommended:
                    self._songs_missing = None
                self._process(event)
            # The newest one, whose recommendation is among the events.
            self._process(replace(self._room or room, recommended=False))
        if (error := self._fader.run_due(self._clock())) is not None:
            self._backoff.failed(error)
        if not self._stopping and self._next_poll_s(self._clock()) <= 0:
            self._poll()
        for ask in questions:
            ask()
        self._save()
        self._publish()

    def _save(self) -> None:
        """Store what outlives a restart."""
        if self._state_file is not None:
            self._state_file.save(persistent_part(self._state, self.rules, self._clock()))

    def _next_event(self) -> Event | None:
        """Take the oldest event; None where none waits."""
        with self._changed:
            return self._events.popleft() if self._events else None

    def _is_start_wanted(self) -> bool:
        """Return whether no stop and no pause waits behind the start that is being made."""
        with self._changed:
            pauses = self._state.room is None or not self._state.room.paused
            return not self._stopping and not any(ends_music(event, pauses=pauses) for event in self._events)

    def _is_wanted(self) -> bool:
        """Return whether something waits for the thread."""
        events = self._room is not None and bool(self._events)
        return events or bool(self._questions) or self._account_changed or self._stopping

    def _process(self, event: Event) -> None:
        self._state, actions = step(self._state, self.rules, event)
        for action in actions:
            # The others ask the backend for nothing, ignore its errors, or must not get lost.
            normal = not isinstance(action, RequestTracks | RestorePlayer | SelectSpeaker)
            if normal and self._backoff.blocked(urgent=isinstance(action, PausePlayback)):
                return
            try:
                self._act(action)
            except SongsMissingError as exc:  # other songs may be there: it is no fault, and not tried again
                self._songs_missing = str(exc)
                self._hints.warn("playback: %s", exc)
                self._state = replace(self._state, pending=None)
            except PlaybackError as exc:
                self._backoff.failed(exc)
                return
            if normal:
                self._backoff.succeeded()

    def _act(self, action: Action) -> None:
        current = self._state.status.volume
        match action:
            case StartPlayback():
                self._start_playback(action)
            case ResumePlayback():
                self._fader.cancel()
                self._backend.resume()
            case PausePlayback(automatic=True) if current:
                self._fader.fade_out(current)
            case PausePlayback():
                self._fader.cancel()
                self._backend.pause()
            case ChangeVolume(percent):
                self._fader.fade_to(current, percent)
            case SkipTrack(forward):
                self._fader.cancel()
                (self._backend.next if forward else self._backend.previous)()
            case RequestTracks():
                self._request_tracks()
            case RestorePlayer(item_ids, modes):
                with suppress(PlaybackError):  # a person's music may be on a device that we can't control
                    self._backend.restore(item_ids, modes)
            case SelectSpeaker(name, move):
                self._choose_speaker(name, move=move)

    def _choose_speaker(self, name: str | None, *, move: bool) -> None:
        """Select a speaker for a person; raise PlaybackError."""
        self._chosen, before = name, self._speaker
        self._backoff.reset()
        self._fader.run_due(float("inf"))  # the rest of a fade is for the speaker before
        try:
            self._select_speaker(move=move)
            if move and self._speaker != before:
                self._process(SpeakerSelected(name))
        except PlaybackError as exc:
            if exc.refused:
                self._chosen = self._speaker
                self._set_speaker(self._speaker)  # also where it is stored
            raise
        finally:
            self._clear_modes()

    def _select_speaker(self, *, move: bool) -> None:
        """Select the chosen speaker; raise PlaybackError."""
        if self._chosen != self._speaker:
            self._backend.select_speaker(self._chosen, move=move)
            self._speaker = self._chosen

    def _clear_modes(self) -> None:
        """Switch off the modes that change the order or the end of our tracks if these play."""
        if self._state.status.playing and is_owned(self._state.status, self._state.owned_ids):
            with suppress(PlaybackError):
                self._process(ModesCleared(self._backend.clear_modes()))

    def _start_playback(self, start: StartPlayback) -> None:
        """Play tracks instead of our last ones; raise PlaybackError."""
        self._fader.cancel()
        if self._chosen != self._speaker:  # an error has kept it from being selected
            self._select_speaker(move=False)
            if start.automatic:  # what plays there is not known yet
                self._state = replace(self._state, poll_now=True)
                return
        before = self._state.owned_ids
        started = self._backend.play(start.tracks, self._is_start_wanted)
        if not started.item_ids:  # a person has stopped it in the meantime
            return
        self._songs_missing = None
        self._process(Started(self._clock(), started.item_ids, start.automatic, started.modes))
        # The music plays: what follows is no reason for a warning.
        if start.volume is not None:
            with suppress(PlaybackError):
                self._fader.fade_to(0 if start.automatic else None, start.volume)
        if before:
            with suppress(PlaybackError):
                self._backend.restore([item_id for item_id in before if item_id not in started.item_ids], ())

    def _pause_if_owned(self) -> None:
        """Pause, unless somebody has started other music during the fade."""
        if is_owned(self._backend.get_status(), self._state.owned_ids):
            self._backend.pause()

    def _poll(self) -> None:
        self._polled_at = self._clock()
        try:
            status = self._backend.get_status()
        except PlaybackError as exc:
            self._backoff.failed(exc, polled=True)
            self._process(PollFailed())
            return
        self._backoff.succeeded(polled=True)
        self._status_at = datetime.now().astimezone()
        if status.error is not None and status.error != self._state.status.error:
            # The player's own words may name a song.
            log.warning("playback: %s can't play; musicond status shows its reason", self._backend.name)
        self._process(StatusPolled(self._clock(), status))

    def _next_poll_s(self, now: float) -> float:
        """Return the seconds until the next poll: none before the room is known, which brings the stored speaker."""
        if self._room is None:
            return ACCOUNT_S
        if (wait_s := self._backoff.wait_s()) is not None:
            return wait_s
        away = self._room is not None and self._room.present is False
        regular_s = self._polled_at + (EMPTY_POLL_S if away else IDLE_POLL_S) - now
        soon_s = poll_in_s(self._state, now)
        if soon_s is None:
            return regular_s
        return min(regular_s, soon_s if self._state.poll_now else self._polled_at + soon_s - now)

    def _wait_s(self) -> float:
        now = self._clock()
        fade_s = self._fader.due_s(now)
        return max(0.0, min(self._next_poll_s(now), ACCOUNT_S, ACCOUNT_S if fade_s is None else fade_s))

    def _publish(self) -> None:
        room, status = self._room, self._state.status
        account, trouble = self._backend.get_account(), self._backoff.trouble or status.error
        self._playback = Playback(
            backend=self._backend.name,
            state=PlayState.UNAVAILABLE if trouble is not None else play_state(status),
            ours=is_owned(status, self._state.owned_ids),
            track=status.track,
            elapsed_s=status.elapsed_s if status.item_ids else None,
            elapsed_at=self._status_at if status.item_ids else None,
            duration_s=status.duration_s,
            device=status.device or self._speaker or self.rules.device,
            volume=status.volume,
            volume_max=self.rules.volume_max,
            autoplay=room.autoplay if room else self.rules.autoplay,
            autoplay_block=autoplay_block(self._state, self.rules, self._clock()),
            reachable=self._backoff.reachable,
            trouble=trouble or self._songs_missing or (account.warning if account else None),
            songs_missing=trouble is None and self._songs_missing is not None,
            account=account,
        )
