"""When music may start, change and stop: the rules of "never annoy", the same for every speaker.

The rules
  1. What plays is ours if it plays on the configured speaker and is one of the songs that we started there. All else is
     somebody's, wherever it plays. It is stopped or replaced only by a person's order, and its volume stays.
  2. By itself, music starts only right after a look at what plays, only with autoplay on, somebody there and a mood
     that has changed; never while somebody's music plays, in quiet hours, in a pause, or with an unset clock.
  3. It starts or changes by itself at most once in the cool-down, and not within the cool-down after somebody's music
     or a person's pause.
  4. `song_end`: a song of ours that plays is not cut off; the change comes with its end.
  5. A person who stops our music by musicond, or pauses or skips it otherwise twice within MEMORY_S, gets silence for
     `silence_s`: nothing starts by itself. An order to play ends it.
  6. With nobody in the room for `away_s`, or when a pause begins, what we started is paused.
  7. For GRACE_S after our own act, what is heard may still be the state before: no person is held to have done it.
  8. A wish lapses where rule 2 forbids it, and after WISH_S while the speaker can't be had.
Events in (`RoomUpdate`, `StatusPolled`, the orders, `Started`), actions out; time comes with the events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from musicond.core.models import PlayerStatus
from musicond.core.outcome import AutoplayBlock, BlockReason
from musicond.core.schedule import quiet_for_playback
from musicond.player.events import (
    Ask,
    AskNext,
    AskStop,
    AskVolume,
    ChangeVolume,
    Event,
    PausePlayback,
    PendingPlayback,
    PlaybackRules,
    PlayerState,
    RequestTracks,
    ResumePlayback,
    RoomUpdate,
    StartPlayback,
    StatusPolled,
)

if TYPE_CHECKING:
    from musicond.core.models import Track
    from musicond.player.events import Action


END_S = 5.0
"""A song with no more than this left when it was last heard of has come to its end by itself."""


CLEAR_S = 60.0
"""Looks further apart tell nothing of what a person did between them."""


SOON_S = 20.0
"""A first look later than that after our own act tells nothing either."""


@dataclass(frozen=True, slots=True)
class PlaybackChange:
    """What happened."""

    intervened: bool = False
    """A person has paused or skipped our music."""
    over: bool = False
    """What plays, or is paused, is no longer ours."""
    ended: bool = False
    """Ours came to its end by itself."""


def is_owned(heard: PlayerStatus, ours: tuple[str, ...]) -> bool:
    """Whether what was heard is one of our songs, on our speaker."""
    return heard.on_our_device and not heard.item_ids.isdisjoint(ours)


def remaining_s(heard: PlayerStatus) -> float | None:
    """Return the seconds that were left of the song; None where its length is unknown."""
    return None if heard.duration_s is None else heard.duration_s - heard.elapsed_s


def classify_change(
    before: PlayerStatus, before_at: float, now: PlayerStatus, at: float, ours: tuple[str, ...]
) -> PlaybackChange:
    """Return what happened to our music between two looks (times in monotonic seconds).

    `ours` are the names of our songs in the order of playing; not empty.
    """
    played = before.playing and is_owned(before, ours)
    ended = played and ours[-1] in before.item_ids and _ended(before, at - before_at)
    if not is_owned(now, ours):
        return PlaybackChange(over=True, ended=ended and not now.playing)
    if not played or at - before_at > CLEAR_S:
        return PlaybackChange()
    if now.playing:
        return PlaybackChange(
            intervened=now.item_ids != before.item_ids and not _ended(before, at - now.elapsed_s - before_at)
        )
    # Some services stay on the last song of a list, others go back to its first.
    return PlaybackChange(over=True, ended=True) if ended else PlaybackChange(intervened=True)


def classify_first(now: PlayerStatus, passed_s: float, ours: tuple[str, ...], *, began: bool) -> PlaybackChange:
    """Return what happened to our music in `passed_s` seconds since our own act: that it `began`, or was halted."""
    if not is_owned(now, ours):
        return PlaybackChange(over=True)
    if not began or passed_s > SOON_S or (now.duration_s is not None and now.duration_s <= passed_s):
        return PlaybackChange()
    return PlaybackChange(intervened=not now.playing)


def _ended(heard: PlayerStatus, passed_s: float) -> bool:
    """Whether a song had ended by itself; one of unknown length counts as ended: nobody is blamed by mistake."""
    left = remaining_s(heard)
    return left is None or left - passed_s <= END_S


MEMORY_S = 3600.0
ENOUGH = 2
"""Pauses and skips that mean: be silent."""
GRACE_S = 5.0
WISH_S = 300.0
LOOK_S = 10.0
"""Between two looks while ours plays."""
NEAR_S = 1.5
"""So near its end a song counts as ended."""


Step = tuple[PlayerState, tuple["Action", ...]]


def step(state: PlayerState, rules: PlaybackRules, event: Event) -> Step:
    """Return the state after an event, and what is to be done now, in this order."""
    match event:
        case RoomUpdate():
            done = _seen(state, rules, event)
        case StatusPolled():
            done = _listened(state, rules, event)
        case Ask():
            done = _asked(state, rules, event)
        case AskStop(at):
            silent = replace(_silenced(state, rules, at), pending=None, next_asked=False, poll_now=True)
            silent = replace(silent, last_action_at=at, last_action_was_start=False)
            done = silent, (PausePlayback(automatic=False),)
        case AskVolume(at, percent):
            done = replace(state, poll_now=True), (ChangeVolume(round(min(percent, rules.volume_max))),)
        case AskNext():
            done = replace(state, next_asked=_ours_plays(state)), ()
        case _:
            begun_at = event.at if event.automatic else state.autoplay_started_at
            started = replace(
                state,
                owned_ids=event.item_ids,
                last_action_at=event.at,
                last_action_was_start=True,
                autoplay_started_at=begun_at,
            )
            done = replace(started, pending=None, poll_now=True, last=None), ()
    return done


def autoplay_block(state: PlayerState, rules: PlaybackRules, at: float) -> AutoplayBlock | None:
    """Return why nothing starts by itself now; None where something may, or autoplay is off."""
    room = state.room
    if room is None or not room.autoplay:
        return None
    if _silent(state, at):
        return AutoplayBlock(BlockReason.SILENT, _clock(room, state.suppressed_until or at))
    if _others_play(state):
        return AutoplayBlock(BlockReason.OTHERS)
    if (forbidden := _forbidden(room, rules)) is not None:
        return forbidden
    for moment, why in ((state.foreign_playback_at, BlockReason.AFTER), (state.autoplay_started_at, BlockReason.COOL)):
        if at < moment + rules.cool_down_s:
            return AutoplayBlock(why, _clock(room, moment + rules.cool_down_s))
    return None


def _clock(room: RoomUpdate, at: float) -> str:
    return f"{room.wall_time + timedelta(seconds=at - room.at):%H:%M}"


def poll_in_s(state: PlayerState, at: float) -> float | None:
    """Return after how many seconds what plays matters again; None: for the rules it does not."""
    if state.poll_now:
        return 0.0
    if not state.owned_ids and state.pending is None:
        return None
    wait = GRACE_S if state.pending is not None or at - state.last_action_at < LOOK_S else LOOK_S
    left = remaining_s(state.last.status) if state.last is not None and state.pending is not None else None
    if left is None or state.last is None:
        return wait
    return min(wait, max(0.2, state.last.at + left - NEAR_S - at))


def plays_ours(state: PlayerState, heard: PlayerStatus) -> bool:
    """Whether what was heard is ours, playing or paused."""
    return is_owned(heard, state.owned_ids)


def _seen(state: PlayerState, rules: PlaybackRules, room: RoomUpdate) -> Step:
    before = state.room
    # A pause that holds at the start has stopped whatever there was.
    hush = state.pause_pending or (room.paused and before is not None and not before.paused)
    # Who has left is still away while nothing can be seen.
    gone = None if room.present else state.away_since
    if room.present is False and gone is None:
        gone = room.at
    state = replace(
        state,
        room=room,
        pause_pending=hush,
        away_since=gone,
        poll_now=state.poll_now or (hush and not state.pause_pending),
    )
    if gone is not None and state.owned_ids and room.at - gone >= rules.away_s and _ours_plays(state):
        state = replace(state, poll_now=True)
    if not room.recommended or room.recommendation is None:
        return state, ()
    tracks = room.recommendation.tracks
    if state.next_asked:
        return _begin(replace(state, next_asked=False), rules, tracks, room.at, by_itself=False)
    if not room.autoplay or _forbidden(room, rules) is not None:
        return replace(state, pending=None), ()
    during = state.last.status.item_ids if state.last is not None and _ours_plays(state) else frozenset[str]()
    return replace(state, pending=PendingPlayback(tracks, room.at, during), poll_now=True), ()


def _forbidden(room: RoomUpdate, rules: PlaybackRules) -> AutoplayBlock | None:
    """Return why nothing may start by itself, by what is known of the room alone."""
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


def _asked(state: PlayerState, rules: PlaybackRules, order: Ask) -> Step:
    state = replace(
        state,
        suppressed_until=None,
        interventions=(),
        pending=None,
        foreign_playback_at=float("-inf"),
        pause_pending=False,
    )
    if state.away_since is not None:
        state = replace(state, away_since=order.at)  # who asks from elsewhere wants to hear it for a while
    heard = state.last.status if state.last else PlayerStatus()
    if not order.tracks and plays_ours(state, heard) and not heard.playing:
        return replace(state, last_action_at=order.at, last_action_was_start=True, poll_now=True), (ResumePlayback(),)
    found = state.room.recommendation if state.room else None
    tracks = order.tracks or (found.tracks if found else ())
    return _begin(state, rules, tracks, order.at, by_itself=False) if tracks else (state, ())


def _begin(state: PlayerState, rules: PlaybackRules, tracks: tuple[Track, ...], at: float, *, by_itself: bool) -> Step:
    wanted = state.room.volume if state.room and state.room.volume is not None else rules.volume
    now = state.last.status.volume if state.last else None
    if wanted is None and now is not None and now > rules.volume_max:
        wanted = rules.volume_max
    level = None if wanted is None else min(wanted, rules.volume_max)
    return replace(state, last_action_at=at), (StartPlayback(tracks, by_itself, level),)


def _listened(state: PlayerState, rules: PlaybackRules, event: StatusPolled) -> Step:
    before, heard = state.last, event.status
    state = replace(state, last=event, poll_now=False)
    more: tuple[Action, ...] = ()
    settled = state.last_action_at + GRACE_S
    if state.owned_ids and event.at >= settled:
        if before is not None and before.at >= settled:
            verdict = classify_change(before.status, before.at, heard, event.at, state.owned_ids)
        else:
            verdict = classify_first(
                heard, event.at - state.last_action_at, state.owned_ids, began=state.last_action_was_start
            )
        if verdict.intervened:
            state = _meddled(state, rules, event.at)
        if verdict.over:
            state = replace(state, owned_ids=())
            more = (RequestTracks(),) if verdict.ended and _may_go_on(state, rules, event.at) else ()
    if not state.owned_ids and heard.playing:
        state = replace(state, foreign_playback_at=event.at)
    if plays_ours(state, heard) and heard.playing and _too_much(state, rules, event.at):
        return replace(
            state, pause_pending=False, last_action_at=event.at, last_action_was_start=False, pending=None
        ), (PausePlayback(automatic=True),)
    state, actions = _fulfil(replace(state, pause_pending=False), rules, event)
    return state, more + actions


def _may_go_on(state: PlayerState, rules: PlaybackRules, at: float) -> bool:
    cooled = replace(rules, cool_down_s=0.0)  # a list that has been heard to its end has had its time
    return bool(state.room and state.room.autoplay) and autoplay_block(state, cooled, at) is None


def _too_much(state: PlayerState, rules: PlaybackRules, at: float) -> bool:
    """Apply rule 6."""
    return state.pause_pending or (state.away_since is not None and at - state.away_since >= rules.away_s)


def _fulfil(state: PlayerState, rules: PlaybackRules, event: StatusPolled) -> Step:
    """Play what waits to be played, if it may be."""
    wish, room, at = state.pending, state.room, event.at
    if wish is None or room is None:
        return state, ()
    disturbed = at < state.foreign_playback_at + rules.cool_down_s
    playing = _ours_plays(state)
    if not room.autoplay or _forbidden(room, rules) or _silent(state, at) or disturbed or _others_play(state):
        return replace(state, pending=None), ()
    if at < state.autoplay_started_at + rules.cool_down_s:
        return state, ()
    if not playing and at - wish.since > max(WISH_S, rules.cool_down_s):
        return replace(state, pending=None), ()
    if playing and rules.song_end and not _song_ends(wish, event.status):
        return state, ()
    return _begin(state, rules, wish.tracks, at, by_itself=True)


def _song_ends(wish: PendingPlayback, heard: PlayerStatus) -> bool:
    left = remaining_s(heard)
    return (left is not None and left <= NEAR_S) or (bool(wish.during) and not heard.item_ids & wish.during)


def _meddled(state: PlayerState, rules: PlaybackRules, at: float) -> PlayerState:
    times = (*(each for each in state.interventions if at - each < MEMORY_S), at)
    state = replace(state, interventions=times, foreign_playback_at=at)
    return _silenced(state, rules, at) if len(times) >= ENOUGH else state


def _silenced(state: PlayerState, rules: PlaybackRules, at: float) -> PlayerState:
    return replace(state, suppressed_until=at + rules.silence_s, interventions=())


def _silent(state: PlayerState, at: float) -> bool:
    return state.suppressed_until is not None and at < state.suppressed_until


def _ours_plays(state: PlayerState) -> bool:
    return state.last is not None and state.last.status.playing and plays_ours(state, state.last.status)


def _others_play(state: PlayerState) -> bool:
    return state.last is not None and state.last.status.playing and not plays_ours(state, state.last.status)
