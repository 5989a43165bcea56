"""The thread `playback`: plays what is recommended, by `player.rules`, on one backend.

Other threads only leave outcomes and commands here; the playback thread alone waits for the backend. It publishes its
state as one immutable `Playback`, replaced by reference.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from musicond.core.commands import Next, OtherSongs, Play, PlayerCommand, Previous, SetSpeaker
from musicond.core.models import Track
from musicond.core.outcome import Outcome, Playback, PlayState
from musicond.core.ports import PlaybackBackend
from musicond.errors import CommandError, PlaybackError, SongsMissingError, error_text
from musicond.player.backoff import BackendBackoff
from musicond.player.changes import has_changed, is_owned
from musicond.player.conversion import to_playback, to_room
from musicond.player.event_queue import BUSY, STOPPING, EventQueue, Waiting, ends_music
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
    TrackRejected,
)
from musicond.player.fade import VolumeFader
from musicond.player.poll_timer import PollTimer
from musicond.player.question_queue import QuestionQueue
from musicond.player.rejected import RejectedTracks
from musicond.player.rules import step
from musicond.player.speakers import SpeakerChoice
from musicond.player.state_file import PlayerStateFile, persistent_part
from musicond.runtime.inbox import settle
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

ACCOUNT_S = 5.0
"""Between two looks at the account, which needs no request."""
JOIN_S, FINISH_JOIN_S = 1.0, 3.0
"""Longest wait of `stop`: in general, and where a fade, a stop command or a pause has to be finished."""

T = TypeVar("T")


class Player:
    """Implements `core.ports.Output` and `core.ports.PlaybackControl`.

    `request_tracks` asks for another recommendation; `undo_speaker` gets a speaker that was refused and the one before.
    `synchronised` returns whether the clock is right (None: unknown, and trusted). `clock` returns monotonic seconds.
    """

    name = "playback"

    def __init__(
        self,
        backend: PlaybackBackend,
        rules: PlaybackRules,
        request_tracks: Callable[[], object] = lambda: None,
        *,
        undo_speaker: Callable[[str | None, str | None], object] = lambda _failed, _before: None,
        synchronised: Callable[[], bool | None] = lambda: True,
        state_file: PlayerStateFile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        """May be replaced at any time."""
        self._backend, self._synchronised = backend, synchronised
        self._request_tracks = request_tracks
        self._state_file, self._clock = state_file, clock
        self._state = PlayerState()
        self._backoff = BackendBackoff(clock)
        self._hints = WarnOnce(log, clock=clock)
        self._songs_missing: str | None = None
        """That the backend has none of the recommended songs, with the remedy."""
        self._fader = VolumeFader(backend.set_volume, self._pause_if_owned, clock)
        self._changed = threading.Condition()
        self._events = EventQueue()
        self._questions = QuestionQueue(backend)
        self._speaker = SpeakerChoice(backend, undo_speaker)
        self._room: RoomUpdate | None = None
        self._rejected = RejectedTracks()
        self._account_changed = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.busy_since: float | None = None
        self._polls = PollTimer(clock)
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
        room = to_room(outcome, self.rules, self._clock(), synchronised=self._synchronised() is not False)
        with self._changed:
            before, self._room = self._room, room
            if before is None:
                self._events.put(room, first=True)  # commands may wait already: they are for its speaker
            elif room.recommended or has_changed(before, room):
                self._events.put(room)
            else:
                return
            self._changed.notify_all()

    def request(self, command: PlayerCommand, tracks: Sequence[Track] = ()) -> Future[None]:
        """Queue a person's command; return the future of its execution.

        It fails with PlaybackError, or CommandError for a command that makes no sense. Raises CommandError while nobody
        is signed in.
        """
        account = self._playback.account
        if account is not None and not account.signed_in and not isinstance(command, OtherSongs | SetSpeaker):
            raise CommandError(self._playback.trouble or f"nobody is signed in: musicond {self._backend.name} login")
        future: Future[None] = Future()
        with self._changed:
            self._events.put(Requested(self._clock(), command, tuple(tracks)), future)
            self._changed.notify_all()
        return future

    def query(self, question: Callable[[PlaybackBackend], T]) -> Future[T]:
        """Ask the backend in this thread; return the future of its answer.

        Its errors: PlaybackError; CommandError where too many questions wait, after an error of musicond, at a stop.
        """
        with self._changed:
            answer = self._questions.put(question)
            if self._stopping:
                self._questions.close(STOPPING)
            self._changed.notify_all()
        return answer

    def get_playback(self) -> Playback:
        """Return the latest known playback."""
        return self._playback

    def wake(self) -> None:
        """Poll now: somebody has signed in or out."""
        with self._changed:
            self._backoff.reset()
            self._polls.reset()
            self._account_changed = True
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
            ending = self._state.pause_pending or self._events.ends_music(pauses=True)
            self._changed.notify_all()
        if thread is not None:
            thread.join(FINISH_JOIN_S if ending or self._fader.due_s(0.0) is not None else JOIN_S)
        with self._changed:
            self._events.close()
            self._questions.close(STOPPING)

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
        paused = False
        while (waiting := self._next_event()) is not None:
            event, future = waiting
            if ends_music(event, pauses=True):
                error = self._answer(event, future)
                paused |= error is None and isinstance(event, Requested)
            elif future is not None:
                settle(future, CommandError(STOPPING))
        self._save()  # first, as the backend may hang
        paused = self._fader.finish() or paused
        if self._state.pause_pending and not paused:
            with suppress(PlaybackError):
                self._pause_if_owned()

    def _report_bug(self, exc: Exception) -> None:
        """Show an unexpected error as a failure of the backend, which is retried with a backoff."""
        if self._backoff.trouble is None:
            log.error("playback failed", exc_info=exc)
        self._fader.cancel()
        with self._changed:
            self._questions.close(f"an error of musicond: {error_text(exc)}")
        text = f"an error of musicond ({error_text(exc)}); it is retried"
        self._backoff.failed(PlaybackError(text, log_text="an error of musicond; it is retried"))
        self._playback = replace(self._playback, state=PlayState.UNAVAILABLE, trouble=self._backoff.trouble)

    def _turn(self) -> None:
        self.busy_since = None
        with self._changed:
            self._changed.wait_for(self._is_wanted, self._wait_s())
            self.busy_since = time.monotonic()
            room, account_changed = self._room, self._account_changed
            self._account_changed = False
        if account_changed:
            self._publish()  # before a poll, which may take its time
        if room is not None:  # it brings the stored speaker, which commands and polls are for
            while (waiting := self._next_event()) is not None:
                self._answer(*waiting)
            # The newest one, whose recommendation is among the events.
            self._process(replace(self._room or room, recommended=False))
        if (error := self._fader.run_due(self._clock())) is not None:
            self._backoff.failed(error)
        if not self._stopping and self._next_poll_s() <= 0:
            self._poll()
        self._skip_rejected()
        with self._changed:
            questions = self._questions.take()
        for ask in questions:
            ask()
        self._save()
        self._publish()

    def _save(self) -> None:
        """Store what outlives a restart."""
        if self._state_file is not None:
            self._state_file.save(persistent_part(self._state, self.rules, self._clock()))

    def _answer(self, event: Event, future: Future[None] | None) -> CommandError | PlaybackError | None:
        """Process an event, and resolve the future of a command; return its error."""
        if isinstance(event, RoomUpdate) and event.recommended:
            self._songs_missing = None
        try:
            error = self._process(event)
        except Exception as exc:
            error = PlaybackError(f"an error of musicond: {error_text(exc)}")
            raise
        finally:
            if future is not None:
                settle(future, error)
        return error

    def _skip_rejected(self) -> None:
        """Skip a track of ours that a person has disliked since it was recommended, once that succeeds."""
        track_id = self._rejected.find_playing(self._state)
        if track_id is None or (self._backoff.wait_s() or 0) > 0 or self._backoff.blocked():
            return
        if self._process(TrackRejected(self._clock())) is None:
            self._rejected.keep(track_id)

    def _next_event(self) -> Waiting | None:
        """Take the oldest event; None where none waits."""
        with self._changed:
            return self._events.pop()

    def _is_start_wanted(self) -> bool:
        """Return whether no stop and no pause waits behind the start that is being made."""
        with self._changed:
            pauses = self._state.room is None or not self._state.room.paused
            return not self._stopping and not self._events.ends_music(pauses=pauses)

    def _is_wanted(self) -> bool:
        """Return whether something waits for the thread."""
        events = self._room is not None and bool(self._events)
        return events or bool(self._questions) or self._account_changed or self._stopping

    def _process(self, event: Event) -> CommandError | PlaybackError | None:
        """Take the actions on an event; return why the last of them failed, or why a command has none."""
        self._state, actions = step(self._state, self.rules, event)
        error: CommandError | PlaybackError | None = None
        if not actions and isinstance(event, Requested) and isinstance(event.command, Play | Next | Previous):
            error = CommandError("nothing is there to be played now")
        for action in actions:
            # The others ask the backend for nothing, ignore its errors, or must not get lost.
            normal = not isinstance(action, RequestTracks | RestorePlayer | SelectSpeaker)
            if normal and self._backoff.blocked(urgent=isinstance(action, PausePlayback)):
                return PlaybackError(self._backoff.trouble or BUSY)
            try:
                self._act(action)
            except SongsMissingError as exc:  # other songs may be there: it is no fault, and not tried again
                error, self._songs_missing = exc, str(exc)
                self._hints.warn("playback: %s", exc)
                self._state = replace(self._state, pending=None)
            except CommandError as exc:
                return exc
            except PlaybackError as exc:
                self._backoff.failed(exc)
                return exc
            if normal:
                self._backoff.succeeded()
        return error

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
        """Select a speaker for a person, or the stored one; raise CommandError or PlaybackError."""
        self._backoff.reset()
        self._fader.run_due(float("inf"))  # the rest of a fade is for the speaker before
        try:
            if self._speaker.choose(name, move=move):
                self._process(SpeakerSelected(name))
        finally:
            self._clear_modes()

    def _clear_modes(self) -> None:
        """Switch off the modes that change the order or the end of our tracks if these play."""
        if self._state.status.playing and is_owned(self._state.status, self._state.owned_ids):
            with suppress(PlaybackError):
                self._process(ModesCleared(self._backend.clear_modes()))

    def _start_playback(self, start: StartPlayback) -> None:
        """Play tracks instead of our last ones; raise PlaybackError."""
        self._fader.cancel()
        if self._speaker.waits:
            self._speaker.select(move=False)
            if start.automatic:  # what plays there is not known yet
                self._state = replace(self._state, poll_now=True)
                return
        before = self._state.owned_ids
        started = self._backend.play(start.tracks, self._is_start_wanted)
        if not started.item_ids:  # a person has stopped it in the meantime
            return
        self._songs_missing = None
        self._rejected.note_start(self._state, start.tracks)
        self._process(Started(self._clock(), started.item_ids, start.automatic, started.modes, started.track_ids))
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
            self._state = replace(self._state, poll_now=True)  # Play must not take it for music that plays

    def _poll(self) -> None:
        self._polls.start_poll()
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

    def _next_poll_s(self) -> float:
        """Return the seconds until the next poll: none before the room is known, which brings the stored speaker."""
        return ACCOUNT_S if self._room is None else self._polls.wait_s(self._state, self._backoff.wait_s())

    def _wait_s(self) -> float:
        fade_s = self._fader.due_s(self._clock())
        return max(0.0, min(self._next_poll_s(), ACCOUNT_S, ACCOUNT_S if fade_s is None else fade_s))

    def _publish(self) -> None:
        self._playback = to_playback(
            self._backend,
            self._state,
            self.rules,
            backoff=self._backoff,
            songs_missing=self._songs_missing,
            status_at=self._status_at,
            speaker=self._speaker.selected,
            now=self._clock(),
        )
