"""The states to publish: on a change; a change of confidence alone only seldom.

The rules
  1. A topic is sent when its payload changes; after a new connection all are.
  2. `state` also holds values that change all the time: confidence, scores and the number of faces; and
     `playback/attributes` holds the reason why autoplay is blocked. For these alone a topic is sent only when the
     confidence has changed by `STEP`, or the number of faces or the reason has changed, at least `GAP_S` after it was
     sent before, and while the token bucket of both topics allows it: `BURST` messages, one more every `REFILL_S`.
  3. `recommendation/attributes` changes with the recommendation only and keeps the scores of its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from musicond.core.outcome import Outcome, Recommendation
from musicond.mqtt import payloads
from musicond.mqtt.entities import EntityDescription

STEP = 0.05
GAP_S = 10.0
BURST = 3
REFILL_S = 360.0


class TokenBucket:
    """A rate limit: bursts of `capacity`, and one token more every `refill_s` seconds."""

    def __init__(self, capacity: int, refill_s: float) -> None:
        self._capacity, self._refill_s = capacity, refill_s
        self._tokens, self._filled_at = float(capacity), 0.0

    def take(self, now: float) -> bool:
        """Take a token; return False if none is left."""
        self._tokens = min(self._capacity, self._tokens + max(0.0, now - self._filled_at) / self._refill_s)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class StatePublisher:
    """Compares each outcome with what was sent before; all times are the outcomes' `captured_at`."""

    def __init__(self, entities: Iterable[EntityDescription], version: str) -> None:
        self._values = [
            (entity.state_topic, entity.value_fn) for entity in entities if entity.state_topic and entity.value_fn
        ]
        self._version = version
        self._sent: dict[str, str] = {}
        self._state: payloads.StatePayload | None = None
        self._state_at = 0.0
        self._playback: payloads.PlaybackPayload | None = None
        self._playback_at = 0.0
        self._recommendation: Recommendation | None = None
        self._bucket = TokenBucket(BURST, REFILL_S)

    def republish_all(self) -> None:
        """Make all topics pending with the next outcome."""
        self._sent.clear()
        self._state = self._playback = None

    def pending(self, outcome: Outcome) -> Iterator[tuple[str, str]]:
        """Yield each topic to send now, with its payload."""
        for topic, value_fn in self._values:
            yield from self._changed(topic, value_fn(outcome))
        yield from self._changed("pause/attributes", payloads.pause(outcome).text())
        if outcome.playback is not None:
            playback = payloads.playback(outcome.playback)
            if self._is_playback_significant(playback, outcome.captured_at):
                self._playback, self._playback_at = playback, outcome.captured_at
                yield "playback/attributes", playback.text()
        if "recommendation/attributes" not in self._sent or outcome.recommendation is not self._recommendation:
            self._recommendation = outcome.recommendation
            yield from self._changed("recommendation/attributes", payloads.attributes(outcome).text())
        state = payloads.state(outcome, self._version)
        if self._is_state_significant(state, outcome.captured_at):
            self._state, self._state_at = state, outcome.captured_at
            yield "state", state.text()

    def stopped(self, outcome: Outcome) -> tuple[str, str]:
        """Return topic and payload of the last state before a clean stop."""
        return "state", payloads.state(outcome, self._version, running=False).text()

    def _changed(self, topic: str, payload: str) -> Iterator[tuple[str, str]]:
        if self._sent.get(topic) != payload:
            self._sent[topic] = payload
            yield topic, payload

    def _is_playback_significant(self, new: payloads.PlaybackPayload, now: float) -> bool:
        old = self._playback
        if old is None or old.model_copy(update={"holding": new.holding}) != new:
            return True
        return old != new and self._may_send_minor(now, self._playback_at)

    def _is_state_significant(self, new: payloads.StatePayload, now: float) -> bool:
        old = self._state
        minor = {"confidence": new.confidence, "scores": new.scores, "faces": new.faces}
        if old is None or old.model_copy(update=minor) != new:
            return True
        step = round(abs((new.confidence or 0) - (old.confidence or 0)), 2)
        return (new.faces != old.faces or step >= STEP) and self._may_send_minor(now, self._state_at)

    def _may_send_minor(self, now: float, sent_at: float) -> bool:
        """Apply rule 2 to a change of its values alone."""
        return now - sent_at >= GAP_S and self._bucket.take(now)
