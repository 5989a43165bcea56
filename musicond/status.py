"""The status line of systemd and the log: whether musicond is watching, never what it sees."""

from __future__ import annotations

import logging
from collections.abc import Callable

from musicond.core.models import Watching
from musicond.core.outcome import Outcome
from musicond.core.ports import Output

log = logging.getLogger(__name__)

TEXTS = {
    Watching.YES: "watching",
    Watching.DARK: "too dark to see a face",
    Watching.PAUSED: "paused",
    Watching.PRIVATE: "private: the camera is closed",
    Watching.NO_CAMERA: "no camera",
}


class StatusOutput(Output):
    """Logs one line when `watching` or the notice changes; moods only at DEBUG."""

    name = "status"

    def __init__(self, set_status: Callable[[str], None]) -> None:
        self._set_status = set_status
        self._watching: Watching | None = None
        self._notice: str | None = None

    def accept(self, outcome: Outcome) -> None:
        """Log the changes since the last outcome."""
        if outcome.watching is not self._watching:
            self._watching = outcome.watching
            log.info("%s", TEXTS[outcome.watching])
            self._set_status(TEXTS[outcome.watching])
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
        """Return the last status line."""
        return TEXTS[self._watching] if self._watching else "starting"
