"""The rules of playback: starts, changes and stops of the music, for every backend; pure.

The rules
  1. What plays is ours if it plays on the configured device and is one of the tracks that we started there. All other
     playback is foreign, wherever it is. Only a person's command stops or replaces it, and its volume stays.
  2. Autoplay starts music only right after a status poll, with autoplay on, somebody in the room and a changed mood;
     never during foreign playback or where music of others is paused or queued, nor in quiet hours, in a pause, or
     while the clock is not set.
  3. Autoplay starts or changes music at most once per cool-down, and not within the cool-down after foreign playback
     or a person's pause.
  4. `song_end`: a track of ours that plays is not cut off; the change waits for its end.
  5. A person who stops our music with musicond, or pauses, stops, skips or replaces it elsewhere twice within
     INTERVENTION_WINDOW_S, suppresses autoplay for `silence_s`. A play command ends that. What the player itself
     reports as its error, what happens while it can't be reached, and an end of our tracks are nobody's doing.
  6. With nobody in the room for `away_s`, or when a pause begins, our music is paused, until a status shows it so. A
     pause that is over pauses nothing any more. A room in which a person plays or resumes our music, from wherever,
     counts as empty from then on only.
  7. For GRACE_S after our own action a polled status may still show the state before it, and counts as nobody's doing.
  8. A pending recommendation lapses where rule 2 forbids it, and after PENDING_MAX_S if the device can't be used. A
     person's request for other songs lapses after GRACE_S without them, and once other music plays.
  9. When our music is over, its tracks leave a queue that others use too, and the modes that we changed are put back
     as soon as the player has a device.
 10. Autoplay leaves a volume that a person has set elsewhere during our music, until it is set with musicond.
 11. Autoplay starts nothing on a device that is switched off, nor on one that plays in a group with others. During an
     announcement nothing starts and nothing is concluded from the status.
 12. A person's choice of a speaker takes along what plays; the modes that we changed at the one before are put back
     first, and its volume is held to the ceiling. It is refused where that would take the place of music that plays at
     the other one. The choice that was stored at the last stop is applied at the first `RoomUpdate`, and moves nothing.
Events in (`Event` of `player.events`), actions out (`Action`); time comes with the events.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from musicond.core.commands import Next, OtherSongs, Play, Previous, SetSpeaker, SetVolume, Stop
from musicond.core.models import PlayerStatus, Track
from musicond.core.outcome import AutoplayBlock, BlockReason
from musicond.core.schedule import quiet_for_playback
from musicond.player.changes import classify_change, classify_first, is_owned, remaining_s
from musicond.player.events import (
    NEVER,
    Action,
    ChangeVolume,
    Event,
    ModesCleared,
    PausePlayback,
    PendingPlayback,
    PlaybackChange,
    PlaybackRules,
    PlayerState,
    PollFailed,
    Requested,
    RequestTracks,
    RestorePlayer,
    ResumePlayback,
    RoomUpdate,
    SelectSpeaker,
    SkipTrack,
    SpeakerSelected,
    Started,
    StartPlayback,
    StatusPolled,
    TrackRejected,
)

INTERVENTION_WINDOW_S = 3600.0
MAX_INTERVENTIONS = 2
"""Pauses and skips that suppress autoplay."""
GRACE_S = 5.0
PENDING_MAX_S = 300.0
POLL_S = 10.0
"""Between two polls while ours is playing."""
END_POLL_S = 0.5
"""After the end of a track, to show the next one."""
NEAR_END_S = 1.5
"""A track with no more than this left may be replaced under `song_end`."""

Step = tuple[PlayerState, tuple["Action", ...]]


def step(state: PlayerState, rules: PlaybackRules, event: Event) -> Step:
    """Return the state after an event, and the actions to take now, in this order."""
    match event:
        case RoomUpdate():
            return _on_room(state, rules, event)
        case StatusPolled():
            return _on_status(state, rules, event)
        case Requested():
            return _on_request(state, rules, event)
        case TrackRejected(at):
            return _on_rejected(state, rules, at)
        case ModesCleared(modes):
            state = replace(state, modes=_with_modes(state, modes))
        case SpeakerSelected(name):
            state = replace(state, speaker_changed=bool(state.owned_ids) and name != state.status.device)
        case PollFailed():
            state = replace(state, poll_failed=True)
        case Started():
            state = _on_started(state, event)
    return state, ()


def autoplay_block(state: PlayerState, rules: PlaybackRules, at: float) -> AutoplayBlock | None:
    """Return the reason why autoplay starts nothing now; None where it may, or where it is off."""
    room = state.room
    if room is None or not room.autoplay:
        return None
    if is_suppressed(state, at):
        return AutoplayBlock(BlockReason.SILENT, _clock(room, state.suppressed_until or at))
    if (block := _device_block(state) or _room_block(room, rules)) is not None:
        return block
    for since, reason in (
        (state.foreign_playback_at, BlockReason.AFTER),
        (state.autoplay_started_at, BlockReason.COOL),
    ):
        if at < since + rules.cool_down_s:
            return AutoplayBlock(reason, _clock(room, since + rules.cool_down_s))
    return None


def _clock(room: RoomUpdate, at: float) -> str:
    return f"{room.wall_time + timedelta(seconds=at - room.at):%H:%M}"


def _device_block(state: PlayerState) -> AutoplayBlock | None:
    """Return the reason why autoplay may start nothing, from the device alone."""
    if state.status.playing and not is_owned(state.status, state.owned_ids):
        return AutoplayBlock(BlockReason.OTHERS)
    if state.others_wait:
        return AutoplayBlock(BlockReason.WAITING)
    if not state.status.powered:
        return AutoplayBlock(BlockReason.OFF)
    return AutoplayBlock(BlockReason.GROUPED) if state.status.grouped else None


def _room_block(room: RoomUpdate, rules: PlaybackRules) -> AutoplayBlock | None:
    """Return the reason why autoplay may start nothing, from the room alone."""
    if room.paused:
        return AutoplayBlock(BlockReason.PAUSED)
    if not room.watching:
        return AutoplayBlock(BlockReason.BLIND)
    if not room.present:
        return AutoplayBlock(BlockReason.EMPTY)
    if quiet_for_playback(rules.quiet_hours, room.wall_time, synchronised=room.synchronised):
        if not room.synchronised or rules.quiet_hours is None:
            return AutoplayBlock(BlockReason.CLOCK)
        return AutoplayBlock(BlockReason.QUIET, "{:02}:{:02}".format(*divmod(rules.quiet_hours.end, 60)))
    return None


def poll_in_s(state: PlayerState, at: float) -> float | None:
    """Return the seconds until the rules need the next status poll; None: they need none."""
    if state.poll_now:
        return 0.0
    if not state.owned_ids and state.pending is None:
        return None
    left = remaining_s(state.status)
    if state.pending is None:
        regular_s = GRACE_S if at - state.last_action_at < POLL_S else POLL_S
        if left is None or not state.status.playing:
            return regular_s
        return min(regular_s, max(1.0, left + END_POLL_S))
    if left is None or state.last_poll is None:
        return GRACE_S
    return min(GRACE_S, max(0.2, state.last_poll.at + left - NEAR_END_S - at))


def _on_room(state: PlayerState, rules: PlaybackRules, room: RoomUpdate) -> Step:
    before = state.room
    # A pause that holds at the start has paused whatever was playing.
    begins = before is not None and not before.paused
    pausing = room.paused and (state.pause_pending or begins)
    # Whoever has left is still away while the camera sees nothing.
    away_since = None if room.present else state.away_since
    if room.present is False and away_since is None:
        away_since = room.at
    poll_now = state.poll_now or (pausing and not state.pause_pending)
    state = replace(state, room=room, pause_pending=pausing, away_since=away_since, poll_now=poll_now)
    if _is_pause_due(state, rules, room.at) and _is_owned_playing(state):
        state = replace(state, poll_now=True)
    stored = (SelectSpeaker(room.speaker, move=False),) if before is None and room.speaker is not None else ()
    if not room.recommended or room.recommendation is None:
        return state, stored
    tracks = room.recommendation.wanted
    if room.at - state.others_requested_at <= GRACE_S:
        return _start(replace(state, others_requested_at=NEVER), rules, tracks, room.at, automatic=False)
    if not room.autoplay or _room_block(room, rules) is not None:
        return replace(state, pending=None), stored
    playing_ids = state.status.item_ids if _is_owned_playing(state) else frozenset[str]()
    return replace(state, pending=PendingPlayback(tracks, room.at, playing_ids), poll_now=True), stored


def _on_request(state: PlayerState, rules: PlaybackRules, request: Requested) -> Step:
    match request.command:
        case Play():
            return _play(state, rules, request)
        case Stop():
            state = replace(_suppress(state, rules, request.at), others_requested_at=NEVER, poll_now=True)
            return _paused(state, request.at), (PausePlayback(automatic=False),)
        case SetVolume(percent):
            state = replace(state, poll_now=True, volume_set_at=request.at, volume_kept=False)
            return state, (ChangeVolume(round(min(percent, rules.volume_max))),)
        case SetSpeaker(name):
            return _select_speaker(state, name, request.at)
        case Next() | Previous() as command:
            return _skip(state, request.at, forward=isinstance(command, Next))
        case OtherSongs():
            playing = _is_owned_playing(state) and not _is_pausing(state, request.at)
            state = replace(state, others_requested_at=request.at if playing else NEVER)
            return replace(state, away_since=_away_from(state, request.at)) if playing else state, ()


def _skip(state: PlayerState, at: float, *, forward: bool) -> Step:
    status = state.status
    if not (status.on_our_device and status.item_ids):
        return state, ()
    if forward and _is_owned_playing(state) and _is_last(state):
        return state, (RequestTracks(),) if state.room and state.room.watching else ()
    return _skipped(replace(state, away_since=_away_from(state, at)), at, forward=forward)


def _skipped(state: PlayerState, at: float, *, forward: bool) -> Step:
    state = replace(state, last_action_at=at, last_action_was_start=state.status.playing, poll_now=True)
    return state, (SkipTrack(forward),)


def _on_rejected(state: PlayerState, rules: PlaybackRules, at: float) -> Step:
    """Skip the track; the last one is paused instead, and autoplay goes on with other songs where it may."""
    if not _is_owned_playing(state):
        return state, ()
    if not _is_last(state):
        return _skipped(state, at, forward=True)
    more = (RequestTracks(),) if _may_continue(state, rules, at) else ()
    return _paused(state, at), (PausePlayback(automatic=True), *more)


def _is_last(state: PlayerState) -> bool:
    """Return whether the last of our tracks is loaded, and nothing of others follows."""
    return state.owned_ids[-1] in state.status.item_ids and not state.others_wait


def _away_from(state: PlayerState, at: float) -> float | None:
    """Return since when an empty room counts as empty: who asks from elsewhere wants to hear it for a while."""
    return None if state.away_since is None else at


def _select_speaker(state: PlayerState, name: str | None, at: float) -> Step:
    modes = () if state.poll_failed else state.modes  # where the player can't be reached, they stay for later
    restored = (RestorePlayer((), modes),) if modes else ()
    state = replace(state, modes=() if modes else state.modes, volume_set_at=at, poll_now=True)
    state = replace(state, last_action_at=at, last_action_was_start=state.status.playing)
    return state, (*restored, SelectSpeaker(name, move=True))


def _play(state: PlayerState, rules: PlaybackRules, request: Requested) -> Step:
    state = replace(
        state,
        suppressed_until=None,
        interventions=(),
        pending=None,
        foreign_playback_at=NEVER,
        pause_pending=False,
        away_since=_away_from(state, request.at),
    )
    if not request.tracks and is_owned(state.status, state.owned_ids) and not state.status.playing:
        state = replace(state, last_action_at=request.at, last_action_was_start=True, poll_now=True)
        return state, (ResumePlayback(),)
    recommendation = state.room.recommendation if state.room else None
    tracks = request.tracks or (recommendation.wanted if recommendation else ())
    return _start(state, rules, tracks, request.at, automatic=False) if tracks else (state, ())


def _start(state: PlayerState, rules: PlaybackRules, tracks: tuple[Track, ...], at: float, *, automatic: bool) -> Step:
    volume = state.room.volume if state.room and state.room.volume is not None else rules.volume
    current = state.status.volume
    if automatic and state.volume_kept:
        volume = None
    if volume is None and current is not None and current > rules.volume_max:
        volume = rules.volume_max
    volume = None if volume is None else min(volume, rules.volume_max)
    return replace(state, last_action_at=at, volume_set_at=at), (StartPlayback(tracks, automatic, volume),)


def _on_started(state: PlayerState, event: Started) -> PlayerState:
    return replace(
        state,
        owned_ids=event.item_ids,
        owned_track_ids=event.track_ids,
        former_ids=(),
        modes=_with_modes(state, event.modes),
        volume_set_at=event.at,
        last_action_at=event.at,
        last_action_was_start=True,
        autoplay_started_at=event.at if event.automatic else state.autoplay_started_at,
        pending=None,
        poll_now=True,
        last_poll=None,
    )


def _with_modes(state: PlayerState, modes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the modes to put back after our tracks, with those that were switched off just now."""
    return tuple(dict.fromkeys((*state.modes, *modes)))


def _on_status(state: PlayerState, rules: PlaybackRules, poll: StatusPolled) -> Step:
    if poll.status.announcing:  # the track waits meanwhile
        last_poll = None if state.last_poll is None else replace(state.last_poll, at=poll.at)
        return replace(state, last_poll=last_poll, poll_now=False), ()
    change = _change(state, poll)
    if _is_resumed(state, poll):
        state = replace(state, away_since=_away_from(state, poll.at))
    kept = state.volume_kept or _is_volume_changed(state, poll)
    state = replace(state, last_poll=poll, poll_now=False, poll_failed=False, volume_kept=kept)
    more: tuple[Action, ...] = ()
    if change.intervened:
        state = _intervene(state, rules, poll.at)
    over_ids = state.owned_ids if change.over else ()
    if change.over:
        state = replace(state, owned_ids=(), owned_track_ids=(), former_ids=over_ids)
    modes = () if state.owned_ids or poll.status.device is None else state.modes
    if over_ids or modes:
        more = (RestorePlayer(over_ids, modes),)
        state = replace(state, modes=() if modes else state.modes)
    if change.ended and _may_continue(state, rules, poll.at):
        more += (RequestTracks(),)
    if not state.owned_ids and poll.status.playing:
        state = replace(state, foreign_playback_at=poll.at, others_requested_at=NEVER)
    if _is_owned_playing(state) and _is_pause_due(state, rules, poll.at):
        return _paused(state, poll.at), (PausePlayback(automatic=True),)
    starting = state.last_action_was_start and poll.at < state.last_action_at + GRACE_S
    pause_pending = state.pause_pending and (starting or _is_owned_playing(state))
    state, quieter = _hold_ceiling(replace(state, pause_pending=pause_pending), rules)
    state, actions = _start_pending(state, rules, poll)
    return state, more + quieter + actions


def _hold_ceiling(state: PlayerState, rules: PlaybackRules) -> Step:
    """Turn down a speaker that was chosen during our music and is louder than the ceiling."""
    volume = state.status.volume
    if not (state.speaker_changed and _is_owned_playing(state)):
        return state, ()
    loud = volume is not None and volume > rules.volume_max
    return replace(state, speaker_changed=False), (ChangeVolume(rules.volume_max),) if loud else ()


def _change(state: PlayerState, poll: StatusPolled) -> PlaybackChange:
    """Return the change of our playback since the poll before, or since our own action; rule 7."""
    settled_at = state.last_action_at + GRACE_S
    if not state.owned_ids or poll.at < settled_at:
        return PlaybackChange()
    if state.last_poll is not None and state.last_poll.at >= settled_at:
        change = classify_change(state.last_poll, poll, state.owned_ids)
        return replace(change, intervened=False) if state.poll_failed else change
    passed_s = poll.at - state.last_action_at
    return classify_first(poll.status, passed_s, state.owned_ids, started=state.last_action_was_start)


def _is_resumed(state: PlayerState, poll: StatusPolled) -> bool:
    """Return whether a person has resumed our music elsewhere since the last poll; rule 6."""
    before = state.last_poll
    if before is None or before.at <= state.last_action_at:  # musicond may have resumed it
        return False
    paused = not before.status.playing and is_owned(before.status, state.owned_ids)
    return paused and poll.status.playing and is_owned(poll.status, state.owned_ids)


def _is_volume_changed(state: PlayerState, poll: StatusPolled) -> bool:
    """Return whether a person has changed the volume of our music elsewhere since the last poll; rule 10."""
    before = state.last_poll
    if before is None or before.at < state.volume_set_at + GRACE_S:
        return False
    volumes = before.status.volume, poll.status.volume
    return (
        before.status.playing
        and poll.status.playing
        and is_owned(before.status, state.owned_ids)
        and is_owned(poll.status, state.owned_ids)
        and None not in volumes
        and volumes[0] != volumes[1]
    )


def _may_continue(state: PlayerState, rules: PlaybackRules, at: float) -> bool:
    """Return whether autoplay may go on after the end of our tracks, whatever is left of the cool-down."""
    return (
        bool(state.room and state.room.autoplay) and autoplay_block(state, replace(rules, cool_down_s=0.0), at) is None
    )


def _is_pause_due(state: PlayerState, rules: PlaybackRules, at: float) -> bool:
    """Return whether our music is to be paused, and no pause of ours is under way; rules 6 and 7."""
    away = state.away_since is not None and at - state.away_since >= rules.away_s
    return not _is_pausing(state, at) and (state.pause_pending or away)


def _is_pausing(state: PlayerState, at: float) -> bool:
    """Return whether a pause of ours may be under way."""
    return not state.last_action_was_start and at < state.last_action_at + GRACE_S


def _start_pending(state: PlayerState, rules: PlaybackRules, poll: StatusPolled) -> Step:
    """Start the pending recommendation if it may be played."""
    pending, room, at = state.pending, state.room, poll.at
    if pending is None or room is None:
        return state, ()
    block = autoplay_block(state, rules, at)
    if not room.autoplay or (block is not None and block.reason is not BlockReason.COOL):
        return replace(state, pending=None), ()
    if block is not None:
        return state, ()
    playing = _is_owned_playing(state)
    if not playing and at - pending.since > max(PENDING_MAX_S, rules.cool_down_s):
        return replace(state, pending=None), ()
    if playing and rules.song_end and not _track_ends(pending, poll.status):
        return state, ()
    return _start(state, rules, pending.tracks, at, automatic=True)


def _track_ends(pending: PendingPlayback, status: PlayerStatus) -> bool:
    left = remaining_s(status)
    return (left is not None and left <= NEAR_END_S) or (
        bool(pending.playing_ids) and not status.item_ids & pending.playing_ids
    )


def _intervene(state: PlayerState, rules: PlaybackRules, at: float) -> PlayerState:
    times = (*(time for time in state.interventions if at - time < INTERVENTION_WINDOW_S), at)
    state = replace(state, interventions=times, foreign_playback_at=at)
    return _suppress(state, rules, at) if len(times) >= MAX_INTERVENTIONS else state


def _suppress(state: PlayerState, rules: PlaybackRules, at: float) -> PlayerState:
    return replace(state, suppressed_until=at + rules.silence_s, interventions=())


def _paused(state: PlayerState, at: float) -> PlayerState:
    return replace(state, last_action_at=at, volume_set_at=at, last_action_was_start=False, pending=None)


def is_suppressed(state: PlayerState, at: float) -> bool:
    """Return whether a person has suppressed autoplay."""
    return state.suppressed_until is not None and at < state.suppressed_until


def _is_owned_playing(state: PlayerState) -> bool:
    return state.status.playing and is_owned(state.status, state.owned_ids)
