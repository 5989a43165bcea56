"""Decides what is worth a message: states when they change, confidence seldom, never more than an hour bears.

The rules
  1. A topic is sent when its payload changes; after a new connection all are.
  2. `state` also holds what wavers all the time: confidence, scores and the number of faces; `playback/attributes` also
     holds why nothing starts by itself. For these alone a topic is sent only when the confidence has moved by `STEP`,
     or the number of faces or the reason has changed, `GAP_S` after it was sent before, and while the allowance of both
     topics lasts: `BURST` messages, one more every `REFILL_S`.
  3. `recommendation/attributes` follows the recommendation; what was read then stays as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from musicond.mqtt import payloads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from musicond.core.outcome import Outcome, Recommendation
    from musicond.mqtt.entities import EntityDescription

STEP = 0.05
GAP_S = 10.0
BURST = 3
REFILL_S = 360.0


class StatePublisher:
    """Compares outcomes with what has been sent; time is the outcome's own."""

    def __init__(self, things: Iterable[EntityDescription], version: str) -> None:
        self._rows = [(thing.state_topic, thing.value_fn) for thing in things if thing.state_topic and thing.value_fn]
        self._version = version
        self._sent: dict[str, str] = {}
        self._state: payloads.StatePayload | None = None
        self._state_at = 0.0
        self._playback: payloads.PlaybackPayload | None = None
        self._playback_at = 0.0
        self._allowance = float(BURST)
        self._counted_at = 0.0
        self._recommendation: Recommendation | None = None

    def republish_all(self) -> None:
        """Send everything with the next outcome."""
        self._sent.clear()
        self._state = self._playback = None

    def pending(self, outcome: Outcome) -> Iterator[tuple[str, str]]:
        """Yield the topics to be sent now, each with its payload."""
        for topic, says in self._rows:
            yield from self._changed(topic, says(outcome))
        yield from self._changed("pause/attributes", payloads.pause(outcome).text())
        if outcome.playback is not None:
            yield from self._plays(payloads.playback(outcome.playback), outcome.captured_at)
        if "recommendation/attributes" not in self._sent or outcome.recommendation is not self._recommendation:
            self._recommendation = outcome.recommendation
            yield from self._changed("recommendation/attributes", payloads.attributes(outcome).text())
        new = payloads.state(outcome, self._version)
        if self._is_significant(new, outcome.captured_at):
            self._state, self._state_at = new, outcome.captured_at
            yield "state", new.text()

    def stopped(self, outcome: Outcome) -> tuple[str, str]:
        """Return the last state of a clean stop."""
        return "state", payloads.state(outcome, self._version, running=False).text()

    def _changed(self, topic: str, payload: str) -> Iterator[tuple[str, str]]:
        if self._sent.get(topic) != payload:
            self._sent[topic] = payload
            yield topic, payload

    def _plays(self, new: payloads.PlaybackPayload, at: float) -> Iterator[tuple[str, str]]:
        old = self._playback
        same = old is not None and old.model_copy(update={"holding": new.holding}) == new
        if not same or (old != new and self._take_token(at, self._playback_at)):
            self._playback, self._playback_at = new, at
            yield "playback/attributes", new.text()

    def _is_significant(self, new: payloads.StatePayload, at: float) -> bool:
        old = self._state
        if old is None:
            return True
        wavering = {"confidence": new.confidence, "scores": new.scores, "faces": new.faces}
        if old.model_copy(update=wavering) != new:
            return True
        step = round(abs((new.confidence or 0) - (old.confidence or 0)), 2)
        return (new.faces != old.faces or step >= STEP) and self._take_token(at, self._state_at)

    def _take_token(self, at: float, sent_at: float) -> bool:
        """Whether what wavers may be told now, by rule 2; if so, that takes from the allowance."""
        self._allowance = min(BURST, self._allowance + max(0.0, at - self._counted_at) / REFILL_S)
        self._counted_at = at
        if at - sent_at < GAP_S or self._allowance < 1:
            return False
        self._allowance -= 1
        return True
