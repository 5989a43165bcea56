"""The tracks of ours that a person has disliked since they were recommended."""

from __future__ import annotations

from collections.abc import Sequence

from musicond.core.models import Track
from musicond.player.changes import is_owned
from musicond.player.events import PlayerState


class RejectedTracks:
    """Finds the rejected track that plays and is not to be kept."""

    def __init__(self) -> None:
        self._kept: set[str] = set()

    def note_start(self, state: PlayerState, tracks: Sequence[Track]) -> None:
        """Note that tracks were started: a person has asked for those that are rejected already."""
        self._kept = {track.track_id for track in tracks if track.track_id in _rejected(state)}

    def keep(self, track_id: str) -> None:
        """Let a track play if it is played again: it was skipped once."""
        self._kept.add(track_id)

    def find_playing(self, state: PlayerState) -> str | None:
        """Return the id of the rejected track that is to be skipped now."""
        track_id = _playing_track_id(state)
        return track_id if track_id in _rejected(state) and track_id not in self._kept else None


def _rejected(state: PlayerState) -> frozenset[str]:
    recommendation = state.room.recommendation if state.room else None
    return recommendation.rejected if recommendation else frozenset()


def _playing_track_id(state: PlayerState) -> str | None:
    """Return the catalogue's id of our track that plays: the player may know it by another one."""
    status = state.status
    if not (status.playing and is_owned(status, state.owned_ids)):
        return None
    ids = zip(state.owned_ids, state.owned_track_ids, strict=False)
    return next((track_id for item_id, track_id in ids if item_id in status.item_ids), None)
