"""What has happened between two polls of the playback or two events of the player; pure."""

from __future__ import annotations

from musicond.core.models import PlayerStatus
from musicond.player.events import PlaybackChange, RoomUpdate, StatusPolled

TRACK_END_S = 5.0
"""A track with no more than this left at its last poll has ended, and was not skipped."""
MAX_POLL_GAP_S = 60.0
"""Two polls further apart say nothing about a person's actions between them."""
MAX_FIRST_POLL_S = 20.0
"""A first poll later than this after our own action says nothing either."""


def is_owned(status: PlayerStatus, owned_ids: tuple[str, ...]) -> bool:
    """Return whether one of our tracks is playing or paused, on our device."""
    return status.on_our_device and not status.item_ids.isdisjoint(owned_ids)


def remaining_s(status: PlayerStatus) -> float | None:
    """Return the seconds left of the track; None where its duration is unknown."""
    return None if status.duration_s is None else status.duration_s - status.elapsed_s


def classify_change(before: StatusPolled, now: StatusPolled, owned_ids: tuple[str, ...]) -> PlaybackChange:
    """Return the change of our playback between two polls; `owned_ids` is in the order of playing and not empty."""
    was, status, passed_s = before.status, now.status, now.at - before.at
    played = was.playing and is_owned(was, owned_ids)
    is_last = was.shuffled or owned_ids[-1] in was.item_ids
    ended = played and is_last and _has_ended(was, passed_s)
    if _has_failed(status):
        return PlaybackChange(over=True)
    if not is_owned(status, owned_ids):
        # A player that has no device any more was switched off or lost its network.
        intervened = played and not ended and passed_s <= MAX_POLL_GAP_S and status.device is not None
        return PlaybackChange(over=True, ended=ended and not status.playing, intervened=intervened)
    if not played or passed_s > MAX_POLL_GAP_S:
        return PlaybackChange()
    if status.playing:
        # mpd itself skips a song that it can't play, and reports the error.
        skipped = status.item_ids != was.item_ids and not _has_ended(was, passed_s - status.elapsed_s)
        return PlaybackChange(intervened=skipped and status.error is None)
    # Some services stay on the last track of a list, others go back to its first.
    return PlaybackChange(over=True, ended=True) if ended else PlaybackChange(intervened=True)


def classify_first(
    status: PlayerStatus, passed_s: float, owned_ids: tuple[str, ...], *, started: bool
) -> PlaybackChange:
    """Return the change of our playback `passed_s` seconds after our own action: a start or resume, or a pause."""
    if _has_failed(status) or not is_owned(status, owned_ids):
        return PlaybackChange(over=True)
    if not started or passed_s > MAX_FIRST_POLL_S or (status.duration_s is not None and status.duration_s <= passed_s):
        return PlaybackChange()
    return PlaybackChange(intervened=not status.playing)


def _has_failed(status: PlayerStatus) -> bool:
    return status.error is not None and not status.playing


def _has_ended(status: PlayerStatus, passed_s: float) -> bool:
    """Return whether a track has ended since; one of unknown duration counts as ended, not as skipped."""
    left = remaining_s(status)
    return left is None or left - passed_s <= TRACK_END_S


def has_changed(before: RoomUpdate, room: RoomUpdate) -> bool:
    """Return whether a room differs in what the rules look at, apart from a recommendation."""
    names = ("paused", "present", "watching", "autoplay")
    return any(getattr(before, name) != getattr(room, name) for name in names)
