"""Commands received over MQTT: checked, parsed and put into the inbox.

The rules
  1. A retained message is no command: it would be repeated after every connection. It is ignored like a malformed one,
     with one line in the log for each topic and reason.
  2. A setting takes the last value received: while a command for it is being carried out, a newer one replaces the one
     that waits. So a flood of messages costs little and ends with the right value. Presses of Next and Previous
     wait for one another instead, as each of them counts. Stop and Play drop those that still wait.
  3. Every feedback counts, for the song and the mood that were shown when it came. It is acknowledged to the broker
     once it is on the disk; where that fails, it is tried again after `RETRY_S`. A withdrawal without a song is not, as
     it would then be of another one. After an interruption the broker repeats what was not acknowledged, with the same
     packet identifier; what is stored or still waits is not counted again. Brokers reuse an identifier once they have
     the acknowledgement, which is certain after `CERTAIN_S` of a connection.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from paho.mqtt.client import MQTTMessage

from musicond.core.commands import OVERTAKING, Command, Next, Play, Previous, Stop, Withdraw
from musicond.errors import CatalogueError, CommandError, PlaybackError, error_text
from musicond.mqtt.entities import EntityDescription
from musicond.runtime.inbox import InboxFull
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

MAX_BYTES = 1024
"""Longest payload."""
CERTAIN_S = 60.0
"""In this time a ping was answered on the same connection; TCP keeps the order, so all before it has arrived."""
OVERTAKE_S = 0.2
"""After this time an urgent command no longer waits for the one before it, which may wait for the disk."""
NOT_STORED = (CatalogueError, InboxFull)
"""Errors after which a feedback has no effect. After an OSError it has: settings are stored later."""
RETRY_S = 10.0
"""Wait before a feedback that could not be stored is submitted again."""
MAX_WAITING = 64
"""Feedback that may wait; more is ignored, and not acknowledged."""
MAX_PRESSES = 16
"""Presses of Next or of Previous that may wait; more are ignored."""
QUOTED = re.compile(r"""(?<!\w)(['"]).*\1""")
"""A quotation in an error, which may be a track; the log names none."""
AGAIN_S = 3600.0
"""Time after which the same warning is logged again."""


@dataclass(slots=True)
class _Feedback:
    """A command that counts; `mid` is its packet identifier, 0 with QoS 0 or from an earlier session."""

    mid: int
    topic: str
    command: Command
    due_at: float = 0.0


class CommandReceiver:
    """Used in the connection's thread; `submit` returns a future that another thread completes."""

    def __init__(
        self,
        entities: Mapping[str, EntityDescription],
        submit: Callable[[Command], Future[None]],
        acknowledge: Callable[[int], None],
        wake: Callable[[], None],
        bind: Callable[[Command], Command] = lambda command: command,
    ) -> None:
        self._entities, self._submit, self._acknowledge, self._wake = entities, submit, acknowledge, wake
        self._bind = bind
        """Returns a feedback with the song and the mood that are shown."""
        self._waiting_settings: dict[str, list[Command]] = {}
        """The commands of each topic that were not submitted yet: the newest one, or presses, oldest first."""
        self._submitted_settings: dict[str, tuple[Future[None], float]] = {}
        self._waiting_feedback: deque[_Feedback] = deque()
        """Not submitted yet, oldest first."""
        self._submitted_feedback: list[tuple[_Feedback, Future[None]]] = []
        self._seen: dict[int, tuple[str, bytes | bytearray, float]] = {}
        """Topic, payload and time of the last feedback with each packet identifier."""
        self._connected_at = 0.0
        self._warnings = WarnOnce(log, AGAIN_S)

    def on_connect(self, now: float, *, resumed: bool) -> None:
        """Note a new connection; packet identifiers are valid within one session."""
        self._connected_at = now
        if not resumed:
            self._seen.clear()
            for feedback in self._unfinished_feedback():
                feedback.mid = 0

    def on_message(self, topic: str, message: MQTTMessage, now: float) -> None:
        """Handle a message whose topic relative to the node is `topic`."""
        entity = self._entities[topic]
        if message.retain:
            self._acknowledge(message.mid)
            self._warn(topic, "a retained message is no command; clear it, and send commands without retain")
            return
        if message.mid and message.dup:
            if any(message.mid == feedback.mid for feedback in self._unfinished_feedback()):
                return
            if self._seen.get(message.mid, ())[:2] == (topic, message.payload):
                self._acknowledge(message.mid)
                return
        command = self._parse(entity, topic, message.payload)
        if command is not None and entity.feedback:
            if len(self._waiting_feedback) >= MAX_WAITING:
                self._warn(topic, "too much feedback waits already; try again later")
                return
            self._seen[message.mid] = (topic, message.payload, now)
            self._waiting_feedback.append(_Feedback(message.mid, topic, self._bind(command)))
        else:
            self._acknowledge(message.mid)
            if command is not None:
                self._wait(topic, command)
        self.process(now)

    def _wait(self, topic: str, command: Command) -> None:
        """Let a command wait behind others of its topic if it is a press that counts, else in their place."""
        if isinstance(command, Stop | Play):
            self._waiting_settings = {
                topic: waiting
                for topic, waiting in self._waiting_settings.items()
                if not isinstance(waiting[0], Next | Previous)
            }
        waiting = self._waiting_settings.get(topic, []) if isinstance(command, Next | Previous) else []
        if len(waiting) < MAX_PRESSES:
            self._waiting_settings[topic] = [*waiting, command]
        else:
            self._warn(topic, "too many presses wait already; try again later")

    def process(self, now: float) -> None:
        """Finish completed commands and submit waiting ones."""
        oldest = now - CERTAIN_S
        if self._seen and self._connected_at < oldest:
            self._seen = {mid: seen for mid, seen in self._seen.items() if seen[2] > oldest}
        for submission in [item for item in self._submitted_feedback if item[1].done()]:
            feedback, future = submission
            self._submitted_feedback.remove(submission)
            again = feedback.command != Withdraw()
            if isinstance(self._log_failure(future, feedback.topic, repeated=again), NOT_STORED) and again:
                feedback.due_at = now + RETRY_S
                self._waiting_feedback.append(feedback)
            else:
                self._acknowledge(feedback.mid)
        for topic in [topic for topic, (future, _) in self._submitted_settings.items() if future.done()]:
            self._log_failure(self._submitted_settings.pop(topic)[0], topic)
        for feedback in [feedback for feedback in self._waiting_feedback if feedback.due_at <= now]:
            if (accepted := self._try_submit(feedback.command)) is None:
                break
            self._waiting_feedback.remove(feedback)
            self._submitted_feedback.append((feedback, accepted))
        for topic in [topic for topic in self._waiting_settings if self._may_submit(topic, now)]:
            command, *later = self._waiting_settings[topic]
            accepted = self._try_submit(command)
            if accepted is not None:
                del self._waiting_settings[topic]
                if later:
                    self._waiting_settings[topic] = later
                self._submitted_settings[topic] = accepted, now

    def _may_submit(self, topic: str, now: float) -> bool:
        """Return whether no other command of the topic is under way; an urgent one does not wait for the disk."""
        submitted = self._submitted_settings.get(topic)
        urgent = isinstance(self._waiting_settings[topic][0], OVERTAKING)
        return submitted is None or (urgent and now - submitted[1] >= OVERTAKE_S)

    @property
    def busy(self) -> bool:
        """Whether a command waits to be submitted."""
        return bool(self._waiting_feedback or self._waiting_settings)

    def _unfinished_feedback(self) -> list[_Feedback]:
        return [*self._waiting_feedback, *(feedback for feedback, _ in self._submitted_feedback)]

    def _try_submit(self, command: Command) -> Future[None] | None:
        """Submit a command; return None if the inbox is full."""
        future = self._submit(command)
        if future.done() and not future.cancelled() and isinstance(future.exception(), InboxFull):
            return None
        future.add_done_callback(lambda _: self._wake())
        return future

    def _parse(self, entity: EntityDescription, topic: str, payload: bytes | bytearray) -> Command | None:
        assert entity.command_fn is not None
        try:
            if len(payload) > MAX_BYTES:
                raise ValueError(f"send at most {MAX_BYTES} bytes")  # noqa: TRY301 - as all that is malformed
            return entity.command_fn(payload.decode("utf-8").strip())
        except UnicodeDecodeError:
            self._warn(topic, "not UTF-8 text")
        except ValueError as exc:
            self._warn(topic, f"not understood; {exc}")
        return None

    def _log_failure(self, future: Future[None], topic: str, *, repeated: bool = False) -> BaseException | None:
        exc = None if future.cancelled() else future.exception()
        if isinstance(exc, OSError):
            reason = error_text(exc)
            self._warnings.warn("MQTT: %s is in force, but not saved yet (%s); see musicond doctor", topic, reason)
        elif repeated and isinstance(exc, NOT_STORED):
            self._warnings.warn("MQTT: %s is not stored yet, and tried again: %s", topic, QUOTED.sub("...", str(exc)))
        elif isinstance(exc, CatalogueError | CommandError | PlaybackError | InboxFull):
            self._warn(topic, QUOTED.sub("...", str(exc)))
        elif exc is not None:
            log.error("a command over MQTT failed", exc_info=exc)
        return exc

    def _warn(self, topic: str, reason: str) -> None:
        """Log why a message is ignored; never the payload, which may name a mood or a track."""
        self._warnings.warn("MQTT: %s ignored: %s", topic, reason)
