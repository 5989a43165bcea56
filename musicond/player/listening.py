"""What two looks at a speaker tell of what happened between them: a pause, a skip, an end, or somebody's music."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicond.core.models import Heard

END_S = 5.0
"""A song with no more than this left when it was last heard of has come to its end by itself."""
CLEAR_S = 60.0
"""Looks further apart tell nothing of what a person did between them."""
SOON_S = 20.0
"""A first look later than that after our own act tells nothing either."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened."""

    meddled: bool = False
    """A person has paused or skipped our music."""
    over: bool = False
    """What plays, or is paused, is no longer ours."""
    ended: bool = False
    """Ours came to its end by itself."""


def mine(heard: Heard, ours: tuple[str, ...]) -> bool:
    """Whether what was heard is one of our songs, on our speaker."""
    return heard.here and not heard.names.isdisjoint(ours)


def left_s(heard: Heard) -> float | None:
    """Return the seconds that were left of the song; None where its length is unknown."""
    return None if heard.length_s is None else heard.length_s - heard.position_s


def judge(before: Heard, before_at: float, now: Heard, at: float, ours: tuple[str, ...]) -> Verdict:
    """Return what happened to our music between two looks (times in monotonic seconds).

    `ours` are the names of our songs in the order of playing; not empty.
    """
    played = before.playing and mine(before, ours)
    ended = played and ours[-1] in before.names and _ended(before, at - before_at)
    if not mine(now, ours):
        return Verdict(over=True, ended=ended and not now.playing)
    if not played or at - before_at > CLEAR_S:
        return Verdict()
    if now.playing:
        return Verdict(meddled=now.names != before.names and not _ended(before, at - now.position_s - before_at))
    # Some services stay on the last song of a list, others go back to its first.
    return Verdict(over=True, ended=True) if ended else Verdict(meddled=True)


def judge_first(now: Heard, passed_s: float, ours: tuple[str, ...], *, began: bool) -> Verdict:
    """Return what happened to our music in `passed_s` seconds since our own act: that it `began`, or was halted."""
    if not mine(now, ours):
        return Verdict(over=True)
    if not began or passed_s > SOON_S or (now.length_s is not None and now.length_s <= passed_s):
        return Verdict()
    return Verdict(meddled=not now.playing)


def _ended(heard: Heard, passed_s: float) -> bool:
    """Whether a song had ended by itself; one of unknown length counts as ended: nobody is blamed by mistake."""
    left = left_s(heard)
    return left is None or left - passed_s <= END_S
