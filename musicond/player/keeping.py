"""What of the player's state outlives a restart: what is ours, and until when nothing may start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicond.player.events import State

if TYPE_CHECKING:
    from musicond.player.events import Rules


@dataclass(frozen=True, slots=True)
class Kept:
    """Only what still matters; the times are monotonic seconds, as in `State`."""

    ours: tuple[str, ...] = ()
    """The names of what we started last."""
    begun_at: float | None = None
    """When music last began by itself, while the cool-down lasts."""
    silent_until: float | None = None
    """None: nobody has asked for silence, or it is over."""

    def later(self, seconds: float) -> Kept:
        """Return it with all times put off."""
        begun, silent = (None if each is None else each + seconds for each in (self.begun_at, self.silent_until))
        return Kept(self.ours, begun, silent)


def kept(state: State, rules: Rules, at: float) -> Kept:
    """Return what is to be kept of a state now."""
    begun = state.begun_at if at < state.begun_at + rules.cool_down_s else None
    silent = state.silent_until if state.silent_until is not None and at < state.silent_until else None
    return Kept(state.ours, begun, silent)


def resumed(found: Kept) -> State:
    """Return the state to go on with: what happened to the music meanwhile is nobody's doing."""
    begun = float("-inf") if found.begun_at is None else found.begun_at
    return State(ours=found.ours, begun_at=begun, silent_until=found.silent_until)
