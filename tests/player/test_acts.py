"""What a client other than ours does, on each backend; each row is two polls as the rules see them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.commands import SetVolume
from musicond.core.models import Mood, PlayerStatus, Track
from musicond.core.outcome import Recommendation
from musicond.errors import PlaybackError
from musicond.player.changes import classify_change
from musicond.player.events import (
    PlaybackChange,
    PlaybackRules,
    PlayerState,
    PollFailed,
    Requested,
    RestorePlayer,
    RoomUpdate,
    Started,
    StartPlayback,
    StatusPolled,
)
from musicond.player.mpd import MpdBackend
from musicond.player.rules import step
from musicond.spotify.backend import SpotifyBackend
from tests.player.stories import BACKENDS, PAUSED, STORIES, acts_of
from tests.player.test_mpd import NOON, Library, wait_until
from tests.spotify.api_objects import track_uri
from tests.spotify.conftest import auth, client, fake_spotify, sign_in, signed_in
from tests.spotify.fake_server import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from musicond.core.ports import PlaybackBackend
    from musicond.spotify.auth import SpotifyAuth
    from musicond.spotify.client import SpotifyClient
    from tests.spotify.fake_spotify import FakeSpotify

__all__ = ["auth", "client", "fake_spotify", "sign_in", "signed_in"]

PLAYING = PlayerStatus(
    playing=True, on_our_device=True, item_ids=frozenset({"a"}), elapsed_s=10.0, duration_s=200.0, device="Kitchen"
)
RECOMMENDATION = Recommendation(Mood.HAPPY, (Track("b", "B", "x", ""),), "", NOON)
ENDED = PlaybackChange(over=True, ended=True)
ACTS = {backend: acts_of(backend) for backend in BACKENDS}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library(tmp_path_factory.mktemp("mpd")) as library:
        yield library


@pytest.fixture
def person(library: Library) -> Any:
    person = library.client()
    person.clear()
    for number in range(2):
        person.enableoutput(number)
    person.setvol(50)
    for mode in (person.repeat, person.random, person.single, person.consume):
        mode(0)
    return person


@pytest.fixture
def mpd_backend(library: Library) -> Iterator[MpdBackend]:
    backend = MpdBackend("127.0.0.1", library.port)
    yield backend
    backend.close()


@pytest.fixture
def spotify(fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth) -> SpotifyBackend:
    fake_spotify.player.devices.clear()
    for name in ("Kitchen", "Bedroom"):
        fake_spotify.add_device(name)
    for number, device in enumerate(fake_spotify.player.devices):
        device["id"] = f"d{number}"
    return SpotifyBackend(client, auth, "Kitchen")


def change_by(backend: PlaybackBackend, tracks: tuple[Track, ...], act: Callable[[], object]) -> PlaybackChange:
    """Return how the rules see an act during our music, ten seconds after a poll."""
    item_ids = backend.play(tracks).item_ids
    assert wait_until(lambda: backend.get_status().playing)
    before = backend.get_status()
    act()
    assert wait_until(lambda: backend.get_status() != before)
    time.sleep(0.1)
    return classify_change(StatusPolled(100, before), StatusPolled(110, backend.get_status()), item_ids)


def test_every_story_is_told_by_at_least_two_backends_or_is_one_players_own() -> None:
    own = {"another source"}
    counts = {name: sum(name in acts for acts in ACTS.values()) for name in STORIES}
    assert {name for name, count in counts.items() if count == 1} == own


@pytest.mark.parametrize("story", ACTS["mpd"])
def test_what_a_person_does_at_mpd_is_told_from_what_nobody_did(
    library: Library, person: Any, mpd_backend: MpdBackend, story: str
) -> None:
    act = ACTS["mpd"][story]
    assert change_by(mpd_backend, library.tracks(), lambda: act.do(person)) == act.change


def test_mpd_without_an_output_is_the_fault_of_no_person(
    library: Library, person: Any, mpd_backend: MpdBackend
) -> None:
    mpd_backend.play(library.tracks())
    assert wait_until(lambda: mpd_backend.get_status().playing)
    for number in range(2):
        person.disableoutput(number)
    assert wait_until(lambda: "check its sound card and its outputs" in (mpd_backend.get_status().error or ""))


@pytest.mark.parametrize("story", ACTS["spotify"])
def test_what_a_person_does_at_spotify_is_told_from_what_nobody_did(
    fake_spotify: FakeSpotify, spotify: SpotifyBackend, story: str
) -> None:
    act = ACTS["spotify"][story]
    tracks = tuple(Track(track_uri(f"song {number}"), "a", "b", "") for number in range(3))
    assert change_by(spotify, tracks, lambda: act.do(fake_spotify)) == act.change


def test_a_missing_sound_card_is_the_players_trouble_and_nobodys_doing(tmp_path: Path) -> None:
    library = Library(tmp_path, {"card": 'type "alsa"\n  device "hw:77,0"'})
    library.start()
    backend = MpdBackend("127.0.0.1", library.port)
    item_ids = backend.play(library.tracks()).item_ids
    assert wait_until(lambda: not backend.get_status().playing)
    status = backend.get_status()
    assert "can't play" in str(status.error)
    assert "check its sound card" in str(status.error)
    state = PlayerState(owned_ids=item_ids, last_action_at=90, last_action_was_start=True)
    state, actions = step(state, PlaybackRules(), StatusPolled(100, status))
    assert actions == (RestorePlayer(item_ids, ()),)
    assert (state.owned_ids, state.interventions, state.suppressed_until) == ((), (), None)
    backend.close()
    library.stop()


def test_the_error_of_an_earlier_song_is_not_the_reason_of_a_pause(
    library: Library, person: Any, mpd_backend: MpdBackend
) -> None:
    (library.music / "song 1.wav").write_bytes(b"no audio")
    try:
        assert len(mpd_backend.play(library.tracks()[1:]).item_ids) == 2, "the second one plays"
        assert wait_until(lambda: "song 2" in person.currentsong().get("file", ""))
        assert wait_until(lambda: mpd_backend.get_status().playing)
        person.pause(1)
        assert mpd_backend.get_status().error is None
    finally:
        (library.music / "song 1.wav").write_bytes((library.music / "song 0.wav").read_bytes())


def test_modes_are_put_back_and_the_queue_of_a_person_stays(
    library: Library, person: Any, mpd_backend: MpdBackend
) -> None:
    person.add("theirs.wav")
    person.repeat(1)
    person.random(1)
    started = mpd_backend.play(library.tracks())
    assert started.modes == ("repeat=1", "random=1")
    assert [song["file"] for song in person.playlistinfo()] == ["theirs.wav", "song 0.wav", "song 1.wav", "song 2.wav"]
    assert mpd_backend.clear_modes() == ()
    person.random(0)
    person.single(1)
    mpd_backend.restore(started.item_ids, ("repeat=1", "single=1"))
    assert [song["file"] for song in person.playlistinfo()] == ["theirs.wav"]
    status = person.status()
    assert (status["repeat"], status["random"], status["single"]) == ("1", "0", "1")


def test_modes_of_spotify_are_put_back(fake_spotify: FakeSpotify, spotify: SpotifyBackend) -> None:
    player = fake_spotify.player
    player.shuffle, player.repeat = True, "context"
    player.play([track_uri("x")], "d0")
    modes = spotify.play([Track(track_uri("song 0"), "a", "b", "")]).modes
    assert modes == ("shuffle=true", "repeat=context")
    assert (player.shuffle, player.repeat) == (False, "off")
    assert not spotify.get_status().shuffled
    player.repeat = "track"
    spotify.restore((), modes)
    assert (player.shuffle, player.repeat) == (True, "track"), "a mode that a person has set since stays"
    assert fake_spotify.violations == []


def test_modes_of_an_inactive_device_at_spotify_are_put_back_too(
    fake_spotify: FakeSpotify, spotify: SpotifyBackend
) -> None:
    fake_spotify.player.shuffle = True
    modes = spotify.play([Track(track_uri("song 0"), "a", "b", "")]).modes
    assert (modes, fake_spotify.player.shuffle) == (("shuffle=true",), False)


def test_a_start_that_fails_leaves_the_modes_of_spotify_as_they_were(
    fake_spotify: FakeSpotify, spotify: SpotifyBackend
) -> None:
    player = fake_spotify.player
    player.shuffle, player.repeat = True, "context"
    player.play([track_uri("x")], "d0")
    fake_spotify.bad_uris = {track_uri("song 0")}
    with pytest.raises(PlaybackError):
        spotify.play([Track(track_uri("song 0"), "a", "b", "")])
    assert (player.shuffle, player.repeat) == (True, "context")


def test_an_error_after_a_start_that_worked_is_no_failed_start(
    fake_spotify: FakeSpotify, spotify: SpotifyBackend
) -> None:
    fake_spotify.faults.append(Fault("me/player", 500, after="me/player/play"))
    started = spotify.play([Track(track_uri("song 0"), "a", "b", "")])
    assert started.item_ids == (track_uri("song 0"),)
    assert fake_spotify.player.playing


@pytest.mark.parametrize("named", [True, False])
def test_a_track_that_spotify_refuses_does_not_keep_the_others_from_playing(
    fake_spotify: FakeSpotify, spotify: SpotifyBackend, named: bool
) -> None:
    uris = [track_uri(f"song {number}") for number in range(5)]
    fake_spotify.bad_uris, fake_spotify.names_bad_uris = {uris[3]}, named
    tracks = [Track(uri, "a", "b", "") for uri in (*uris, "spotify:track:short", "spotify:local:x")]
    played = spotify.play(tracks)
    assert set(played.item_ids) == (set(uris) - {uris[3]} if named else set(uris[:3]))
    fake_spotify.bad_uris = set(uris)
    with pytest.raises(PlaybackError, match="does not accept"):
        spotify.play(tracks)


def test_a_track_that_mpd_refuses_does_not_keep_the_others_from_playing(
    library: Library, mpd_backend: MpdBackend
) -> None:
    bad = Track("file:///../../etc/%0a.mp3", "x\ny", "z", "")
    assert len(mpd_backend.play((bad, *library.tracks())).item_ids) == 3


def test_a_shuffled_list_ends_with_any_of_its_songs() -> None:
    was = replace(PLAYING, elapsed_s=195.0, shuffled=True)
    stopped = replace(was, playing=False, elapsed_s=0.0)
    assert classify_change(StatusPolled(0, was), StatusPolled(10, stopped), ("a", "b", "c")) == ENDED
    was = replace(was, shuffled=False)
    assert classify_change(StatusPolled(0, was), StatusPolled(10, stopped), ("a", "b", "c")) == PAUSED


def test_what_happens_while_the_player_cannot_be_reached_is_nobodys_doing() -> None:
    state = PlayerState(owned_ids=("a",), last_poll=StatusPolled(100, PLAYING))
    stopped = StatusPolled(110, PlayerStatus(device="Kitchen"))
    told, _ = step(state, PlaybackRules(), stopped)
    assert len(told.interventions) == 1
    untold, actions = step(step(state, PlaybackRules(), PollFailed())[0], PlaybackRules(), stopped)
    assert (untold.interventions, untold.owned_ids) == ((), ())
    assert actions == (RestorePlayer(("a",), ()),)


def test_a_volume_that_a_person_has_set_elsewhere_is_left_by_autoplay() -> None:
    rules = PlaybackRules(volume=40)
    state = step(PlayerState(), rules, Started(0, ("a",), automatic=True, modes=("repeat=1",)))[0]
    for at, volume in ((3, 20), (10, 40), (20, 40)):
        state = step(state, rules, StatusPolled(at, replace(PLAYING, volume=volume)))[0]
    early = state.volume_kept
    assert early is False, "our own fade is nobody's doing"
    state = step(state, rules, StatusPolled(30, replace(PLAYING, volume=25)))[0]
    kept = state
    assert (kept.volume_kept, kept.modes) == (True, ("repeat=1",))
    room = RoomUpdate(35, NOON, autoplay=True, recommended=True, recommendation=RECOMMENDATION)
    rules = replace(rules, cool_down_s=0, song_end=False)
    state = step(state, rules, room)[0]
    _, actions = step(state, rules, StatusPolled(40, replace(PLAYING, volume=25)))
    assert actions == (StartPlayback(RECOMMENDATION.tracks, automatic=True, volume=None),)
    state = step(state, rules, Requested(41, SetVolume(60)))[0]
    _, actions = step(state, rules, StatusPolled(50, replace(PLAYING, volume=60)))
    assert actions == (StartPlayback(RECOMMENDATION.tracks, automatic=True, volume=40),)
