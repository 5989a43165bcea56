"""Tells the service manager and the log what changes: whether it watches, never what it sees."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from musicond.core.models import Watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.core.outcome import Outcome

log = logging.getLogger(__name__)

TEXTS = {
    Watching.YES: "watching",
    Watching.DARK: "too dark to see a face",
    Watching.PAUSED: "paused",
    Watching.PRIVATE: "private: the camera is closed",
    Watching.NO_CAMERA: "no camera",
}


class StatusOutput:
    """Edges only: one line when `watching` or a notice changes. Moods are told at DEBUG alone."""

    name = "status"

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._watching: Watching | None = None
        self._notice: str | None = None

    def start(self) -> None:
        """Nothing to start."""

    def accept(self, outcome: Outcome) -> None:
        """Log what has changed since the last outcome."""
        if outcome.watching is not self._watching:
            self._watching = outcome.watching
            log.info("%s", TEXTS[outcome.watching])
            self._tell(TEXTS[outcome.watching])
        if outcome.notice != self._notice:
            self._notice = outcome.notice
            if outcome.notice:
                log.warning("nothing new is recommended: %s", outcome.notice)
            else:
                log.info("recommendations are back")
        if outcome.change:
            log.debug("mood %s (%.0f %%)", outcome.mood, 100 * outcome.confidence)
        if outcome.recommended and outcome.recommendation:
            log.debug("recommended: %s", "; ".join(track.title for track in outcome.recommendation.tracks))

    def status(self) -> str:
        """Return what was told last."""
        return TEXTS[self._watching] if self._watching else "starting"

    def stop(self) -> None:
        """Nothing to stop."""
