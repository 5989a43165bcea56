"""What comes in over MQTT: whether a message counts, what it means, and how it reaches the one inbox.

The rules
  1. A retained message is no command: it would be obeyed again after every connection. Nor is one that can't be
     understood. Each is ignored, with one line in the log for a topic and a reason.
  2. A switch is set to the last value that came: while a command waits for its effect, a newer one takes the place of
     the one behind it. So a flood costs little, and what it ends with holds.
  3. Feedback counts each time. It is acknowledged to the broker once it is on the disk; what the broker sends again
     after a break, because the acknowledgement was lost, has the same packet identifier and is not counted again.
     Brokers use an identifier again once they have the acknowledgement; after `CERTAIN_S` of a connection they have.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from typing import TYPE_CHECKING

from musicond.errors import CatalogueError, CommandError
from musicond.runtime.inbox import InboxFull

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from musicond.core.commands import Command
    from musicond.mqtt.connection import Received
    from musicond.mqtt.entities import EntityDescription

log = logging.getLogger(__name__)

MAX_BYTES = 1024
"""Of a payload."""
CERTAIN_S = 60.0
"""In that time of one connection a ping was answered, and TCP keeps the order: all before it has arrived."""
QUOTED = re.compile("'.*'")
"""What an error quotes may be a song, which the log does not name."""
AGAIN_S = 3600.0
"""After so long the same complaint is logged again."""


class CommandReceiver:
    """Used in the thread of the connection; what is done, `submit` tells by a future from another thread."""

    def __init__(
        self,
        things: Mapping[str, EntityDescription],
        submit: Callable[[Command], Future[None]],
        acknowledge: Callable[[int], None],
        wake: Callable[[], None],
    ) -> None:
        self._things, self._submit, self._acknowledge, self._wake = things, submit, acknowledge, wake
        self._waiting: dict[str, Command] = {}
        """The newest command of each switch that has not been submitted yet."""
        self._under_way: dict[str, Future[None]] = {}
        self._feedback: deque[tuple[int, str, Command]] = deque()
        """Not submitted yet, oldest first, each with its packet identifier and topic."""
        self._submitted: dict[int, tuple[Future[None], str]] = {}
        """Feedback that has not had its effect yet, by a number of our own."""
        self._count = 0
        self._seen: dict[int, tuple[str, bytes, float]] = {}
        """Topic, payload and time of the feedback last seen with a packet identifier."""
        self._up_at = 0.0
        self._open: dict[int, int] = {}
        """Packet identifiers that the broker waits for, by our number."""
        self._complaints: dict[tuple[str, str], float] = {}

    def on_connect(self, now: float, *, resumed: bool) -> None:
        """Take note of a new connection; without the old session its packet identifiers mean nothing any more."""
        self._up_at = now
        if not resumed:
            self._seen.clear()
            self._open.clear()
            self._feedback = deque((0, topic, command) for _, topic, command in self._feedback)

    def on_message(self, topic: str, message: Received, now: float) -> None:
        """Take a message whose topic below the node is `topic`."""
        thing = self._things[topic]
        if message.retain:
            self._done(message)
            self._warn_once(topic, "a retained message is no command; clear it, and send commands without retain", now)
            return
        if message.mid and message.dup and self._seen.get(message.mid, ())[:2] == (topic, message.payload):
            if message.mid not in (*self._open.values(), *(mid for mid, *_ in self._feedback)):
                self._acknowledge(message.mid)
            return
        command = self._understood(thing, topic, message, now)
        if command is None:
            self._done(message)
        elif thing.feedback:
            if message.mid:
                self._seen[message.mid] = (topic, message.payload, now)
            self._feedback.append((message.mid, topic, command))
        else:
            self._done(message)
            self._waiting[topic] = command
        self.process(now)

    def process(self, now: float) -> None:
        """Look at what has been done, and submit what waits."""
        certain = now - CERTAIN_S
        if self._seen and self._up_at < certain:
            self._seen = {mid: seen for mid, seen in self._seen.items() if seen[2] > certain}
        for number, (future, topic) in list(self._submitted.items()):
            if future.done():
                del self._submitted[number]
                self._settle(future, topic, now)
                mid = self._open.pop(number, 0)
                if mid:
                    self._acknowledge(mid)
        for topic, future in list(self._under_way.items()):
            if future.done():
                del self._under_way[topic]
                self._settle(future, topic, now)
        while self._feedback and self._submit_feedback():
            continue
        for topic in [topic for topic in self._waiting if topic not in self._under_way]:
            future = self._submit(self._waiting[topic])
            if _refused(future):
                break
            del self._waiting[topic]
            self._under_way[topic] = future
            future.add_done_callback(lambda _: self._wake())

    @property
    def busy(self) -> bool:
        """Whether something waits that the inbox had no room for."""
        return bool(self._feedback) or any(topic not in self._under_way for topic in self._waiting)

    def _submit_feedback(self) -> bool:
        mid, topic, command = self._feedback[0]
        future = self._submit(command)
        if _refused(future):
            return False
        self._feedback.popleft()
        self._count += 1
        self._submitted[self._count] = (future, topic)
        if mid:
            self._open[self._count] = mid
        future.add_done_callback(lambda _: self._wake())
        return True

    def _understood(self, thing: EntityDescription, topic: str, message: Received, now: float) -> Command | None:
        assert thing.command_fn is not None
        try:
            if len(message.payload) > MAX_BYTES:
                raise ValueError(f"send at most {MAX_BYTES} bytes")  # noqa: TRY301 - as all that is malformed
            return thing.command_fn(message.payload.decode("utf-8").strip())
        except UnicodeDecodeError:
            self._warn_once(topic, "not UTF-8 text", now)
        except ValueError as fault:
            self._warn_once(topic, f"not understood; {fault}", now)
        return None

    def _done(self, message: Received) -> None:
        if message.mid:
            self._acknowledge(message.mid)

    def _settle(self, future: Future[None], topic: str, now: float) -> None:
        fault = None if future.cancelled() else future.exception()
        if isinstance(fault, OSError):
            self._warn_once(topic, f"could not be stored ({fault.strerror or fault}); see musicond doctor", now)
        elif isinstance(fault, CatalogueError | CommandError):
            self._warn_once(topic, QUOTED.sub("...", str(fault)), now)
        elif fault is not None:
            log.error("a command over MQTT failed", exc_info=fault)

    def _warn_once(self, topic: str, why: str, now: float) -> None:
        """Log once for a topic and a reason; never the payload, which may name a mood or a song."""
        last = self._complaints.get((topic, why))
        if last is None or now - last >= AGAIN_S:
            self._complaints[topic, why] = now
            log.warning("MQTT: %s ignored: %s", topic, why)


def _refused(future: Future[None]) -> bool:
    return future.done() and not future.cancelled() and isinstance(future.exception(), InboxFull)
