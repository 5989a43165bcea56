"""How often to look: quickly with a person present, slowly at an empty room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicond.core.models import Mood

if TYPE_CHECKING:
    from musicond.core.models import Outcome


@dataclass(frozen=True, slots=True)
class Pace:
    """Frames per second with a person present, and in an empty room."""

    rate: float
    idle_rate: float

    def interval_s(self, last: Outcome | None) -> float:
        """Return the seconds from the start of the last step to the start of the next."""
        if last is None or last.mood is not Mood.NOBODY:
            return 1.0 / self.rate
        faces = last.faces
        near = faces.confirmed or faces.coasted or faces.suspected
        return 1.0 / (self.rate if near else self.idle_rate)
