"""The rules of playback, each by an example, and a property test over any sequence of events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicond.core.commands import Next, OtherSongs, Play, PlayerCommand, Previous, SetSpeaker, SetVolume, Stop
from musicond.core.expiry import warning_due
from musicond.core.models import Mood, PlayerStatus, Track
from musicond.core.outcome import Recommendation
from musicond.core.schedule import Hours
from musicond.player.changes import classify_change, classify_first, is_owned, remaining_s
from musicond.player.events import (
    Action,
    ChangeVolume,
    Event,
    ModesCleared,
    PausePlayback,
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
from musicond.player.rules import GRACE_S, PENDING_MAX_S, autoplay_block, poll_in_s, step
from musicond.spotify import token_file as expiry

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SONGS = tuple(Track(f"t:{number}", f"Song {number}", "x", "") for number in range(3))
OTHERS = tuple(Track(f"o:{number}", f"Other {number}", "x", "") for number in range(3))
LENGTH_S = 200.0


def recommendation(tracks: tuple[Track, ...] = SONGS) -> Recommendation:
    return Recommendation(Mood.HAPPY, tracks, "", NOON)


class Simulation:
    """The rules with a simulated backend and clock."""

    def __init__(self, rules: PlaybackRules | None = None, **room: Any) -> None:
        self.rules, self.state, self.at = rules or PlaybackRules(), PlayerState(), 0.0
        self.room = RoomUpdate(0.0, NOON, **({"autoplay": True} | room))
        self.status = PlayerStatus(device="Kitchen")
        self.done: list[Action] = []
        self.update()

    def take(self, event: Event) -> list[Action]:
        self.state, actions = step(self.state, self.rules, event)
        for action in actions:
            if isinstance(action, StartPlayback):
                self.play(*(track.track_id for track in action.tracks))
                names = tuple(track.track_id for track in action.tracks)
                assert not self.take(Started(self.at, names, action.automatic))
            elif isinstance(action, PausePlayback | ResumePlayback):
                self.status = replace(self.status, playing=isinstance(action, ResumePlayback))
        self.done += actions
        return list(actions)

    def play(self, *names: str, here: bool = True, elapsed_s: float = 0.0) -> None:
        """Play the first of these, as somebody elsewhere might."""
        self.status = PlayerStatus(
            playing=True,
            on_our_device=here,
            item_ids=frozenset(names[:1]),
            elapsed_s=elapsed_s,
            duration_s=LENGTH_S,
            device="Kitchen",
            volume=50,
        )

    def request(self, command: PlayerCommand, tracks: tuple[Track, ...] = ()) -> list[Action]:
        """Send a person's command."""
        return self.take(Requested(self.at, command, tracks))

    def update(self, **room: Any) -> list[Action]:
        """Send a room update."""
        wall = NOON + timedelta(seconds=self.at)
        self.room = replace(self.room, at=self.at, wall_time=wall, recommended=False, **room)
        return self.take(self.room)

    def recommend(self, tracks: tuple[Track, ...] = SONGS) -> list[Action]:
        """Send a new recommendation."""
        self.room = replace(self.room, at=self.at, recommendation=recommendation(tracks), recommended=True)
        return self.take(self.room)

    def poll(self, after_s: float = 10.0) -> list[Action]:
        """Let time pass, then poll."""
        self.at += after_s
        if self.status.playing:
            self.status = replace(self.status, elapsed_s=self.status.elapsed_s + after_s)
        self.update()
        return self.take(StatusPolled(self.at, self.status))

    def started(self) -> Simulation:
        """Let autoplay start music."""
        self.recommend()
        assert self.poll(0.1) == [StartPlayback(SONGS, automatic=True)]
        assert self.poll(GRACE_S) == []
        return self

    @property
    def why(self) -> str:
        return str(autoplay_block(self.state, self.rules, self.at) or "")


def test_a_new_mood_starts_music_right_after_a_look() -> None:
    player = Simulation(PlaybackRules(volume=70, volume_max=60))
    assert poll_in_s(player.state, 0.0) is None
    assert player.recommend() == []
    assert poll_in_s(player.state, 0.0) == 0.0
    assert player.poll(0.1) == [StartPlayback(SONGS, automatic=True, volume=60)], "never beyond the ceiling"
    assert is_owned(player.status, player.state.owned_ids)


def test_without_autoplay_only_a_person_starts_music() -> None:
    player = Simulation(autoplay=False)
    player.recommend()
    assert player.poll() == []
    assert player.why == ""
    assert player.request(Play()) == [StartPlayback(SONGS, automatic=False)]
    assert player.request(Play(), OTHERS) == [StartPlayback(OTHERS, automatic=False)]


def test_an_order_without_anything_to_play_does_nothing() -> None:
    assert Simulation().request(Play()) == []
    state, actions = step(PlayerState(), PlaybackRules(), Requested(0.0, Play()))
    assert not actions
    assert autoplay_block(state, PlaybackRules(), 0.0) is None
    assert (
        step(PlayerState(), PlaybackRules(), Requested(1.0, Stop()))[0].suppressed_until
        == 1.0 + PlaybackRules().silence_s
    )


@pytest.mark.parametrize("here", [True, False])
def test_somebodys_music_is_never_interrupted(*, here: bool) -> None:
    player = Simulation()
    player.play("theirs", here=here)
    player.recommend()
    assert player.poll() == []
    assert "somebody else's" in player.why
    player.status = replace(player.status, playing=False)
    player.recommend()
    assert player.poll() == []
    assert "cool-down after" in player.why
    player.poll(700)
    player.recommend()
    assert player.poll() == [StartPlayback(SONGS, automatic=True)]


@pytest.mark.parametrize("playing", [True, False])
def test_music_of_others_that_is_paused_or_queued_is_kept_for_them(*, playing: bool) -> None:
    player = Simulation(PlaybackRules(cool_down_s=0, song_end=False))
    if playing:
        player.started()
    queue = (*player.status.item_ids, "theirs")
    player.status = replace(player.status, waiting=tuple(frozenset({item_id}) for item_id in queue))
    player.recommend(OTHERS)
    assert player.poll(9000) == []
    assert "paused or queued there" in player.why
    if playing:
        player.status = replace(player.status, item_ids=frozenset({"t:2"}), elapsed_s=0.0)
        player.poll(0.1)
        assert player.request(Next()) == [SkipTrack(forward=True)], "their song comes next, and no other songs of ours"
    assert player.request(Play(), OTHERS) == [StartPlayback(OTHERS, automatic=False)], "a command is a command"


def test_what_is_left_of_our_music_is_nobody_elses() -> None:
    player = Simulation(PlaybackRules(cool_down_s=0)).started()
    left = tuple(map(frozenset, (["t:1"], ["t:2"])))
    player.play("theirs")
    player.poll()
    player.status = PlayerStatus(on_our_device=True, item_ids=frozenset({"t:1"}), waiting=left)
    player.poll(900)
    player.recommend(OTHERS)
    assert player.poll(0.1) == [StartPlayback(OTHERS, automatic=True)]


def test_who_takes_over_is_left_alone() -> None:
    player = Simulation().started()
    player.play("theirs")
    assert player.poll() == [RestorePlayer(("t:0", "t:1", "t:2"), ())]
    assert not is_owned(player.status, player.state.owned_ids)
    player.update(present=False)
    assert player.poll(3000) == [], "not ours to pause"
    assert player.request(Play()) == [StartPlayback(SONGS, automatic=False)], "a command is a command"


def test_a_song_is_heard_to_its_end_and_then_the_mood_is_followed() -> None:
    player = Simulation(PlaybackRules(cool_down_s=0)).started()
    player.recommend(OTHERS)
    assert player.poll(60) == []
    assert poll_in_s(player.state, player.at) == GRACE_S
    player.poll(LENGTH_S - player.status.elapsed_s - 3)
    assert poll_in_s(player.state, player.at) == pytest.approx(1.5)
    assert player.poll(2) == [StartPlayback(OTHERS, automatic=True)]


def test_a_song_of_unknown_length_is_followed_when_the_next_one_plays() -> None:
    player = Simulation(PlaybackRules(cool_down_s=0)).started()
    player.status = replace(player.status, duration_s=None)
    player.recommend(OTHERS)
    assert player.poll() == []
    assert poll_in_s(player.state, player.at) == GRACE_S
    player.play("t:1")
    assert player.poll() == [StartPlayback(OTHERS, automatic=True)]


def test_now_means_now_but_not_within_the_cool_down() -> None:
    player = Simulation(PlaybackRules(song_end=False)).started()
    player.recommend(OTHERS)
    assert player.poll() == []
    assert "cool-down until 12:10" in player.why
    player.status = replace(player.status, elapsed_s=0.0, duration_s=9000.0)
    assert player.poll(590) == [StartPlayback(OTHERS, automatic=True)]


def test_two_pauses_or_skips_bring_silence_which_an_order_ends() -> None:
    player = Simulation(PlaybackRules(cool_down_s=0)).started()
    player.play("t:1")
    player.poll()
    assert player.state.interventions, "skipped"
    player.status = replace(player.status, playing=False)
    player.poll()
    assert "silent until 14:0" in player.why
    player.recommend(OTHERS)
    assert player.poll(60) == []
    assert player.request(Play()) == [ResumePlayback()]
    assert player.why == ""
    player.poll(7300)
    assert player.request(Play(), OTHERS) == [StartPlayback(OTHERS, automatic=False)]


def test_a_pause_right_after_the_start_counts_too() -> None:
    player = Simulation()
    player.recommend()
    player.poll(0.1)
    player.status = replace(player.status, playing=False)
    player.poll(1)
    assert not player.state.interventions, "it may be the state before"
    player.poll(GRACE_S)
    assert player.state.interventions


def test_stop_is_silence_at_once() -> None:
    player = Simulation(PlaybackRules(cool_down_s=0)).started()
    assert player.request(Stop()) == [PausePlayback(automatic=False)]
    player.poll()
    assert not player.state.interventions, "nobody is blamed for what was ordered"
    player.recommend(OTHERS)
    assert player.poll() == []
    assert "play ends it" in player.why


def test_next_plays_the_other_songs_where_ours_play() -> None:
    player = Simulation(autoplay=False)
    player.recommend()
    player.request(OtherSongs())
    assert player.recommend(OTHERS) == []
    player.request(Play())
    player.poll()
    player.request(OtherSongs())
    assert player.recommend(SONGS) == [StartPlayback(SONGS, automatic=False)]


def test_a_request_for_other_songs_lapses() -> None:
    player = Simulation(autoplay=False)
    player.recommend()
    player.request(Play())
    player.poll()
    player.request(OtherSongs())
    player.poll(GRACE_S + 0.1)
    assert player.recommend(OTHERS) == []
    player.request(OtherSongs())
    player.play("theirs")
    player.poll(0.1)
    assert player.recommend(SONGS) == []


def test_a_skip_is_nobody_s_intervention_and_the_last_track_leads_on_to_other_songs() -> None:
    player = Simulation().started()
    assert player.request(Next()) == [SkipTrack(forward=True)]
    player.status = replace(player.status, item_ids=frozenset({"t:1"}), elapsed_s=0.0)
    player.poll(GRACE_S)
    assert not player.state.interventions
    assert player.request(Previous()) == [SkipTrack(forward=False)]
    player.status = replace(player.status, item_ids=frozenset({"t:2"}), elapsed_s=0.0)
    player.poll(GRACE_S)
    assert player.request(Next()) == [RequestTracks()]


def test_nothing_is_skipped_elsewhere_or_where_nothing_is_loaded() -> None:
    player = Simulation()
    player.poll()
    assert player.request(Next()) == []
    player.status = PlayerStatus(playing=True, on_our_device=False, item_ids=frozenset({"x"}))
    player.poll()
    assert player.request(Next()) == []
    assert player.request(Previous()) == []
    player.status = replace(player.status, on_our_device=True)
    player.poll()
    assert player.request(Previous()) == [SkipTrack(forward=False)]


def test_the_end_of_a_track_is_polled_for_the_next_one() -> None:
    player = Simulation().started()
    player.poll(GRACE_S * 3)
    player.status = replace(player.status, elapsed_s=LENGTH_S - 17)
    player.poll()
    left = remaining_s(player.state.status)
    assert left is not None
    assert 0 < left <= 7
    assert poll_in_s(player.state, player.at) == pytest.approx(max(1.0, left + 0.5))
    player.status = replace(player.status, elapsed_s=0.0)
    player.poll()
    assert poll_in_s(player.state, player.at) == 10.0


def test_an_empty_room_pauses_what_we_started_also_when_it_gets_dark() -> None:
    player = Simulation().started()
    player.status = replace(player.status, duration_s=9000.0)
    player.update(present=False)
    assert player.poll(300) == []
    player.update(present=None, watching=False)
    assert player.why == "nothing is read now"
    assert player.poll(301) == [PausePlayback(automatic=True)]
    player.poll()
    assert not player.state.interventions
    player.update(present=False, watching=True)
    assert player.why == "nobody is in the room"
    assert player.request(Play()) == [ResumePlayback()]
    assert player.poll(300) == [], "who asks from elsewhere wants to hear it"
    assert player.poll(301) == [PausePlayback(automatic=True)]
    player.poll()
    assert player.request(Previous()) == [SkipTrack(forward=False)]
    player.status = replace(player.status, playing=True)
    assert player.poll(300) == [], "likewise"
    assert player.poll(301) == [PausePlayback(automatic=True)]
    player.poll()
    player.status = replace(player.status, playing=True)  # resumed with the player's own app
    assert player.poll(GRACE_S) == [], "likewise"
    assert player.poll(599) == []
    assert player.poll(2) == [PausePlayback(automatic=True)]
    player.update(present=True)
    assert player.state.away_since is None


def test_a_pause_that_is_under_way_is_not_made_again() -> None:
    player = Simulation().started()
    player.status = replace(player.status, duration_s=9000.0)
    player.update(present=False)
    assert player.poll(601) == [PausePlayback(automatic=True)]
    player.status = replace(player.status, playing=True)  # the music fades out
    player.update()
    assert not player.state.poll_now
    assert player.poll(1.0) == []
    assert player.poll(GRACE_S) == [PausePlayback(automatic=True)], "it has failed"


def test_a_pause_stops_ours_and_lets_nothing_start() -> None:
    player = Simulation().started()
    player.update(paused=True)
    assert poll_in_s(player.state, player.at) == 0.0
    assert player.poll(0.1) == [PausePlayback(automatic=True)]
    player.recommend(OTHERS)
    assert player.poll() == []
    assert player.why == "paused"


def test_a_pause_is_made_again_until_a_status_shows_it() -> None:
    player = Simulation().started()
    player.status = replace(player.status, duration_s=9000.0)
    player.update(paused=True)
    assert player.poll(GRACE_S) == [PausePlayback(automatic=True)]
    player.status = replace(player.status, playing=True)  # it has failed, or the music fades out
    assert player.poll(1.0) == []
    assert player.poll(GRACE_S) == [PausePlayback(automatic=True)]
    assert player.poll(1.0) == []
    player.status = replace(player.status, playing=True)
    assert player.poll() == [], "a person goes on with it elsewhere"


def test_a_pause_right_after_a_start_is_made_although_the_status_still_shows_no_music() -> None:
    player = Simulation()
    player.recommend()
    player.poll()
    playing, player.status = player.status, PlayerStatus()
    player.update(paused=True)
    assert player.poll(1.0) == []
    player.status = playing
    assert player.poll(1.0) == [PausePlayback(automatic=True)]


def test_a_pause_that_is_over_pauses_nothing_any_more() -> None:
    player = Simulation().started()
    player.status = replace(player.status, duration_s=9000.0)
    player.update(paused=True)
    player.take(PollFailed())
    player.at += 600
    player.update(paused=False)
    assert player.poll(7200) == []


def test_quiet_hours_and_a_clock_that_is_not_set() -> None:
    player = Simulation(PlaybackRules(quiet_hours=Hours.parse("11:00-13:00")))
    player.recommend()
    assert player.poll() == []
    assert player.why == "quiet hours until 13:00"
    player.update(synchronised=False)
    assert "clock" in player.why


def test_a_list_that_ends_asks_for_more_with_autoplay() -> None:
    for autoplay in (True, False):
        player = Simulation(PlaybackRules(cool_down_s=600), autoplay=autoplay)
        player.recommend()
        player.request(Play())
        player.poll(GRACE_S)
        player.play("t:2", elapsed_s=LENGTH_S - 3)
        player.state = replace(player.state, interventions=())
        player.poll(0)
        player.state = replace(player.state, foreign_playback_at=float("-inf"), interventions=())
        player.status = PlayerStatus()
        assert player.poll(4) == [RestorePlayer(("t:0", "t:1", "t:2"), ()), *([RequestTracks()] if autoplay else [])]
        assert not player.state.owned_ids


def test_what_can_not_be_had_for_long_is_not_wanted_any_more() -> None:
    player = Simulation(PlaybackRules(cool_down_s=0))
    player.recommend()
    assert player.poll(PENDING_MAX_S + 1) == []
    player.recommend()
    player.update(present=False)
    assert player.poll(1) == []
    assert player.state.pending is None


def test_the_volume_is_a_persons_within_the_ceiling() -> None:
    player = Simulation(PlaybackRules(volume_max=60))
    assert player.request(SetVolume(90)) == [ChangeVolume(60)]
    player.update(volume=20)
    player.recommend()
    assert player.poll() == [StartPlayback(SONGS, automatic=True, volume=20)]
    loud = Simulation(PlaybackRules(volume_max=30))
    loud.status = PlayerStatus(volume=80)
    loud.poll()
    loud.recommend()
    assert loud.poll() == [StartPlayback(SONGS, automatic=True, volume=30)]


def test_a_change_is_classified_from_two_polls() -> None:
    ours = ("a", "b")
    last = PlayerStatus(playing=True, on_our_device=True, item_ids=frozenset("b"), elapsed_s=198, duration_s=200)
    first = replace(last, item_ids=frozenset("a"), elapsed_s=50)
    paused = replace(first, playing=False)

    def change(before: PlayerStatus, now: PlayerStatus, after_s: float = 10) -> PlaybackChange:
        return classify_change(StatusPolled(0, before), StatusPolled(after_s, now), ours)

    assert change(last, replace(last, playing=False, elapsed_s=0)).ended
    assert change(first, paused).intervened
    assert not change(first, paused, 100).intervened, "too long ago to say"
    assert not change(paused, first).intervened
    assert not change(first, replace(last, elapsed_s=3, error="mpd can't play: x")).intervened, "its own skip"
    assert change(first, replace(last, elapsed_s=3)).intervened
    assert not change(replace(first, elapsed_s=195), replace(last, elapsed_s=3)).intervened
    assert not classify_first(first, 6, ours, started=True).intervened
    assert not classify_first(paused, 6, ours, started=False).intervened
    assert not classify_first(replace(paused, duration_s=5), 6, ours, started=True).intervened
    assert classify_first(PlayerStatus(), 6, ours, started=True).over


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("poll"), st.sampled_from([0.1, 5.0, 10.0, 70.0, 700.0])),
        st.tuples(st.just("mood"), st.sampled_from([SONGS, OTHERS])),
        st.tuples(st.just("theirs"), st.booleans()),
        st.tuples(st.just("pause"), st.none()),
        st.tuples(
            st.just("room"),
            st.sampled_from([{"present": False}, {"present": True}, {"paused": True}, {"paused": False}]),
        ),
        st.tuples(
            st.just("request"), st.sampled_from([Play(), Stop(), Next(), Previous(), OtherSongs(), SetSpeaker("Den")])
        ),
    ),
    max_size=40,
)


@given(EVENTS, st.booleans(), st.booleans())
@settings(max_examples=300)
def test_music_that_someone_else_started_is_never_touched_without_an_order(
    events: list[tuple[str, Any]], song_end: bool, autoplay: bool
) -> None:
    player = Simulation(PlaybackRules(song_end=song_end, cool_down_s=30), autoplay=autoplay)
    for kind, value in events:
        theirs = player.status.playing and "theirs" in player.status.item_ids
        before = player.room
        if kind == "poll":
            actions = player.poll(value)
            if theirs:
                assert all(isinstance(action, RestorePlayer) for action in actions)
            starts = [action for action in actions if isinstance(action, StartPlayback)]
            assert all(start.automatic for start in starts)
            if starts:
                assert autoplay
                assert before.present
                assert not before.paused
        elif kind == "mood":
            actions = player.recommend(value)
            assert not [action for action in actions if isinstance(action, StartPlayback) and action.automatic]
        elif kind == "theirs":
            player.play("theirs", here=value)
        elif kind == "pause":
            player.status = replace(player.status, playing=False)
        elif kind == "room":
            assert player.update(**value) == []
        else:
            player.request(value)


@pytest.mark.parametrize(
    ("device", "why"),
    [
        (PlayerStatus(powered=False), "the player is switched off; play switches it on"),
        (PlayerStatus(grouped=True), "the player is in a group with others; play starts there nevertheless"),
    ],
)
def test_autoplay_starts_nothing_where_it_would_surprise(device: PlayerStatus, why: str) -> None:
    player = Simulation()
    player.status = device
    player.recommend()
    assert player.poll(0.1) == []
    assert player.why == why
    assert player.request(Play()) == [StartPlayback(SONGS, automatic=False)]


def test_a_stored_speaker_is_selected_before_anything_else_and_moves_nothing() -> None:
    room = RoomUpdate(0.0, NOON, speaker="Den", autoplay=True, recommended=True, recommendation=recommendation())
    for update in (room, replace(room, recommended=False), replace(room, autoplay=False)):
        state, actions = step(PlayerState(owned_ids=("t:0",)), PlaybackRules(), update)
        assert actions == (SelectSpeaker("Den", move=False),)
        assert step(state, PlaybackRules(), replace(room, recommended=False, speaker="Kitchen"))[1] == ()
    assert step(PlayerState(), PlaybackRules(), replace(room, speaker=None))[1] == ()


def test_another_speaker_gets_the_music_and_the_modes_go_back_to_the_one_before() -> None:
    player = Simulation().started()
    player.take(ModesCleared(("repeat=1",)))
    assert player.request(SetSpeaker("Den")) == [RestorePlayer((), ("repeat=1",)), SelectSpeaker("Den", move=True)]
    assert poll_in_s(player.state, player.at) == 0.0
    player.take(ModesCleared(("random=1",)))
    status = player.status
    player.status = replace(status, playing=False, volume=20)
    assert player.poll(1) == [], "while it moves"
    player.status = replace(status, volume=20)
    for _ in range(2):
        assert player.poll(GRACE_S) == []
    assert player.state.interventions == ()
    assert not player.state.volume_kept, "the volume of the other speaker is nobody's doing"
    assert is_owned(player.state.status, player.state.owned_ids)
    player.play("theirs")
    assert player.poll() == [RestorePlayer(("t:0", "t:1", "t:2"), ("random=1",))]
    assert player.request(SetSpeaker(None)) == [SelectSpeaker(None, move=True)]


def test_a_rejected_track_is_skipped_and_after_the_last_one_only_autoplay_goes_on() -> None:
    player = Simulation().started()
    player.status = replace(player.status, duration_s=9000.0)
    player.update(present=False)
    assert player.take(TrackRejected(player.at)) == [SkipTrack(forward=True)]
    assert player.poll(601) == [PausePlayback(automatic=True)], "nobody has asked to hear it in the empty room"
    for present, more in ((True, [RequestTracks()]), (False, [])):
        player = Simulation().started()
        player.play("t:2")
        player.poll(GRACE_S)
        player.update(present=present)
        assert player.take(TrackRejected(player.at)) == [PausePlayback(automatic=True), *more]
        player.status = replace(player.status, playing=True)  # it fades out
        player.request(OtherSongs())
        assert player.recommend(OTHERS) == [], "autoplay's rules hold for what comes next"
        player.status = replace(player.status, playing=False)
        assert player.poll(GRACE_S) == []
        assert player.take(TrackRejected(player.at)) == []


def test_next_at_the_last_track_is_refused_where_no_other_songs_can_come() -> None:
    player = Simulation().started()
    player.play("t:2")
    player.poll(GRACE_S)
    assert player.request(Next()) == [RequestTracks()]
    player.update(watching=False)
    assert player.request(Next()) == []


def test_the_modes_wait_for_a_device_after_it_was_switched_off() -> None:
    player = Simulation().started()
    player.take(ModesCleared(("repeat=1",)))
    player.poll()
    player.status = PlayerStatus()
    assert player.poll() == [RestorePlayer(("t:0", "t:1", "t:2"), ())]
    assert player.poll() == []
    player.status = PlayerStatus(device="Kitchen")
    assert player.poll() == [RestorePlayer((), ("repeat=1",))]
    assert player.poll() == []


def test_a_loud_speaker_that_is_chosen_during_our_music_is_turned_down() -> None:
    player = Simulation(PlaybackRules(volume_max=60)).started()

    def select(name: str, volume: int) -> list[Action]:
        player.request(SetSpeaker(name))
        player.take(SpeakerSelected(name))
        player.status = replace(player.status, volume=volume, device=name)
        return player.poll(0.5)

    assert select("Den", 95) == [ChangeVolume(60)]
    assert player.poll(0.5) == [], "once: what a person sets there later stays"
    player.request(SetSpeaker("Den"))
    assert player.poll(0.5) == [], "it is not selected again"
    assert select("Den", 95) == [], "it was the configured one all the time"
    assert select("Bath", 50) == []
    player.play("theirs")
    assert ChangeVolume(60) not in select("Den", 95), "the volume of other music is theirs"


def test_an_announcement_is_nobodys_doing() -> None:
    player = Simulation(PlaybackRules(cool_down_s=0, song_end=False))
    player.status = PlayerStatus(announcing=True)
    player.recommend()
    assert player.poll(0.1) == [], "nothing starts in it"
    player.status = PlayerStatus()
    assert player.poll() == [StartPlayback(SONGS, automatic=True)]
    assert player.poll(GRACE_S) == []
    for _ in range(2):
        playing = player.status
        player.status = replace(playing, playing=False, announcing=True)
        assert player.poll() == []
        player.status = playing
        assert player.poll() == []
    assert player.state.interventions == ()
    assert is_owned(player.state.status, player.state.owned_ids)


def test_six_months_later_it_ends() -> None:
    assert expiry.expiry_date(date(2026, 8, 31)) == date(2027, 2, 28)
    assert expiry.expiry_date(date(2026, 1, 15)) == date(2026, 7, 15)
    assert [warning_due(days) for days in (31, 30, 8, 7, 2, 1, 0, -5)] == [None, 30, 30, 7, 7, 1, 1, 1]
    assert "2027-02-28" in expiry.expiry_warning(date(2027, 2, 28))
