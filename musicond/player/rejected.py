"""The tracks of ours that a person has disliked since they were recommended."""

from __future__ import annotations

from musicond.player.changes import is_owned
from musicond.player.events import PlayerState


class RejectedTracks:
    """Finds the rejected track that plays, until it is spared."""

    def __init__(self) -> None:
        self._spared: str | None = None

    def spare(self, track_id: str) -> None:
        """Leave a track out from now on: it was skipped, or a person has asked for it since."""
        self._spared = track_id

    def find_playing(self, state: PlayerState) -> str | None:
        """Return the id of the rejected track that is to be skipped now."""
        recommendation = state.room.recommendation if state.room else None
        rejected = recommendation.rejected if recommendation else frozenset[str]()
        if self._spared not in rejected:
            self._spared = None
        track_id = _playing_track_id(state)
        return track_id if track_id in rejected and track_id != self._spared else None


def _playing_track_id(state: PlayerState) -> str | None:
    """Return the catalogue's id of our track that plays: the player may know it by another one."""
    status = state.status
    if not (status.playing and is_owned(status, state.owned_ids)):
        return None
    ids = zip(state.owned_ids, state.owned_track_ids, strict=False)
    return next((track_id for item_id, track_id in ids if item_id in status.item_ids), None)
