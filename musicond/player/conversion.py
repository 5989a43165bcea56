"""Conversion of the player's state for the outputs, and of an outcome for the rules."""

from __future__ import annotations

from datetime import datetime

from musicond.core.models import PlayerStatus, Watching
from musicond.core.outcome import Outcome, Playback, PlayState
from musicond.core.ports import PlaybackBackend
from musicond.player.backoff import BackendBackoff
from musicond.player.changes import is_owned
from musicond.player.events import PlaybackRules, PlayerState, RoomUpdate
from musicond.player.rules import autoplay_block


def to_playback(
    backend: PlaybackBackend,
    state: PlayerState,
    rules: PlaybackRules,
    *,
    backoff: BackendBackoff,
    songs_missing: str | None,
    status_at: datetime | None,
    speaker: str | None,
    now: float,
) -> Playback:
    """Return the playback: the last status of the backend, and what is wrong with it."""
    room, status, account = state.room, state.status, backend.get_account()
    trouble = backoff.trouble or status.error
    return Playback(
        backend=backend.name,
        state=PlayState.UNAVAILABLE if trouble is not None else _play_state(status),
        ours=is_owned(status, state.owned_ids),
        track=status.track,
        elapsed_s=status.elapsed_s if status.item_ids else None,
        elapsed_at=status_at if status.item_ids else None,
        duration_s=status.duration_s,
        device=status.device or speaker or rules.device,
        volume=status.volume,
        volume_max=rules.volume_max,
        autoplay=room.autoplay if room else rules.autoplay,
        autoplay_block=autoplay_block(state, rules, now),
        reachable=backoff.reachable,
        trouble=trouble or songs_missing or (account.warning if account else None),
        songs_missing=trouble is None and songs_missing is not None,
        account=account,
    )


def _play_state(status: PlayerStatus) -> PlayState:
    """Return the state of a player that can be used."""
    if not status.item_ids:
        return PlayState.STOPPED
    return PlayState.PLAYING if status.playing else PlayState.PAUSED


def to_room(outcome: Outcome, rules: PlaybackRules, at: float, *, synchronised: bool) -> RoomUpdate:
    """Return what the rules need of an outcome, at this monotonic time."""
    settings = outcome.settings
    return RoomUpdate(
        at=at,
        wall_time=outcome.wall_time,
        watching=outcome.watching is Watching.YES,
        paused=settings.paused,
        present=outcome.present,
        autoplay=rules.autoplay if settings.autoplay is None else settings.autoplay,
        synchronised=synchronised,
        volume=None if settings.volume is None else round(settings.volume),
        speaker=settings.speaker,
        recommendation=outcome.recommendation,
        recommended=outcome.recommended,
    )
