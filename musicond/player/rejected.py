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
        status = state.status
        track_id = status.track.track_id if status.track and is_owned(status, state.owned_ids) else None
        return track_id if status.playing and track_id in rejected and track_id != self._spared else None
