"""The backend for Music Assistant with a double of its server: which music is ours, music of persons, and faults."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from musicond.core.models import Speaker, Track
from musicond.errors import PlaybackError
from musicond.music_assistant import client as client_module
from musicond.music_assistant.auth import MusicAssistantAuth, ServerToken, ServerTokenFile
from musicond.music_assistant.backend import MusicAssistantBackend
from tests.music_assistant.conftest import SONGS, TOKEN
from tests.music_assistant.double import Fault, MusicAssistantDouble
from tests.music_assistant.server_queue import track

if TYPE_CHECKING:
    from pathlib import Path

    from musicond.library.song_uris import SongUriTable


def test_it_plays_in_one_request_and_follows(server: MusicAssistantDouble, backend: MusicAssistantBackend) -> None:
    started = backend.play(SONGS)
    ids = started.item_ids
    assert started.track_ids == tuple(song.track_id for song in SONGS)
    assert server.names() == ["Happy", "Feeling Good", "Hurt"]
    [(_, args)] = [call for call in server.calls if call[0] == "player_queues/play_media"]
    assert args == {
        "queue_id": "kitchen",
        "media": ["spotify://track/s1", "filesystem_local://track/f2", "spotify://track/s3"],
        "option": "replace",
    }
    status = backend.get_status()
    assert (status.playing, status.on_our_device, status.item_ids) == (True, True, frozenset(ids[:1]))
    assert status.track is not None
    assert (status.track.title, status.track.artist) == ("Happy", "Pharrell Williams")
    assert (status.device, status.volume, status.duration_s) == ("Kitchen", 50, 200)
    server.run("player_queues/next", {"queue_id": "kitchen"})
    assert backend.get_status().item_ids == {ids[1]}
    backend.set_volume(30)
    assert backend.get_status().volume == 30
    backend.pause()
    assert not backend.get_status().playing
    assert backend.get_status().item_ids == {ids[1]}
    backend.resume()
    assert backend.get_status().playing


def test_tracks_are_skipped_and_the_speaker_is_chosen(
    server: MusicAssistantDouble, backend: MusicAssistantBackend
) -> None:
    server.add_player("den", "Den")
    server.add_player("lamp", "Lamp", type="light")
    ids = backend.play(SONGS).item_ids
    backend.next()
    assert backend.get_status().item_ids == {ids[1]}
    backend.previous()
    assert backend.get_status().item_ids == {ids[0]}
    assert backend.get_speakers() == (Speaker("Kitchen", selected=True), Speaker("Den"))
    backend.select_speaker("Den", move=True)
    status = backend.get_status()
    assert (status.device, status.playing, status.item_ids) == ("Den", True, frozenset(ids[:1]))
    assert server.names() == []
    server.players.pop("den")
    backend.select_speaker(None, move=True)
    assert backend.get_status().device == "Kitchen"


def test_the_picture_of_the_loaded_song_is_read(server: MusicAssistantDouble, backend: MusicAssistantBackend) -> None:
    backend.play(SONGS)
    track = backend.get_status().track
    assert track is not None
    cover = backend.get_cover(track)
    assert cover is not None
    assert cover.media_type == "image/png"
    assert backend.get_cover(SONGS[1]) is None, "not loaded"
    server.run("player_queues/next", {"queue_id": "kitchen"})
    track = backend.get_status().track
    assert track is not None
    assert backend.get_cover(track) is None, "the server has none"


def test_songs_are_looked_for_once(
    server: MusicAssistantDouble, backend: MusicAssistantBackend, uris: SongUriTable
) -> None:
    absent = Track("song:x:absent", "Nowhere Man", "The Beatles", "")
    server.library.append(track("spotify", "s9", "Nowhere Man", "Karaoke Crew"))
    backend.play((*SONGS, absent))
    asked = len([name for name, _ in server.calls if name.startswith("music/")])
    backend.play((*SONGS, absent))
    assert len([name for name, _ in server.calls if name.startswith("music/")]) == asked
    missing = "double with filesystem_local spotify"
    assert uris.get(missing, [absent.track_id]) == {absent.track_id: None}
    server.library = []
    with pytest.raises(PlaybackError, match=r"500"):
        backend.play(SONGS)
    assert uris.get("double", [SONGS[0].track_id]) == {}, "what is no longer played is forgotten"
    with pytest.raises(PlaybackError, match=r"none of the recommended songs .* music\.moods"):
        backend.play((absent,))


@pytest.mark.parametrize("services", [["filesystem_local", "builtin"], ["builtin"], []])
def test_a_song_that_is_missing_is_looked_for_where_other_services_are(
    server: MusicAssistantDouble, auth: MusicAssistantAuth, uris: SongUriTable, services: list[str]
) -> None:
    song, all_services, library = SONGS[0], server.providers, server.library
    server.providers, server.library = services, []
    first = MusicAssistantBackend(auth, uris, "Kitchen")
    for _ in range(2):
        with pytest.raises(PlaybackError, match="none of the recommended songs"):
            first.play((song,))
    asked = server.count("music/search")
    assert asked == (2 if services in ([], ["builtin"]) else 1), "a server without services knows of no song"
    first.close()
    server.providers, server.library = all_services, library
    second = MusicAssistantBackend(auth, uris, "Kitchen")
    assert second.play((song,)).item_ids
    second.close()


def test_a_server_from_before_the_lookup_by_name_is_searched(
    server: MusicAssistantDouble, backend: MusicAssistantBackend
) -> None:
    server.schema, server.providers = 28, ["filesystem_local"]
    backend.play(SONGS[1:2])
    assert server.names() == ["Feeling Good"]
    assert server.count("music/item_by_name") == 0
    assert server.queues["kitchen"].items[0]["media_item"]["item_id"] == "f2", "no karaoke, and not the concert"


def test_a_server_from_before_the_sign_in_needs_none(
    server: MusicAssistantDouble, tmp_path: Path, uris: SongUriTable
) -> None:
    server.schema = 27
    auth = MusicAssistantAuth(ServerTokenFile(tmp_path / "none.json"), server.url)
    backend = MusicAssistantBackend(auth, uris, "Kitchen")
    assert backend.play(SONGS).item_ids
    assert backend.get_account() is None
    server.schema = 34  # it is updated
    auth.token_file.save(ServerToken(TOKEN, server.url))
    with pytest.raises(PlaybackError, match="no longer takes the sign-in"):
        backend.get_status()
    assert backend.get_status().playing, "the token was not the one that was refused"
    account = backend.get_account()
    assert account is not None
    assert account.signed_in
    backend.close()


def test_songs_of_a_person_are_not_ours(server: MusicAssistantDouble, backend: MusicAssistantBackend) -> None:
    ids = backend.play(SONGS).item_ids
    server.replace_queue(server.library[0])
    status = backend.get_status()
    assert status.playing
    assert not status.item_ids & set(ids), "the same song, added by a person"
    server.players["kitchen"] |= {
        "active_source": "line-in",
        "playback_state": "playing",
        "current_media": {"uri": "x", "title": "Radio"},
    }
    status = backend.get_status()
    assert (status.playing, status.on_our_device) == (True, True)
    assert not status.item_ids & set(ids)
    assert status.track is not None
    assert status.track.title == "Radio"


def waiting(backend: MusicAssistantBackend, ours: tuple[str, ...]) -> list[bool]:
    """Return for each item that a start would take the place of whether it is ours."""
    return [not item_ids.isdisjoint(ours) for item_ids in backend.get_status().waiting]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_paused_queue_of_a_person_waits(
    server: MusicAssistantDouble, backend: MusicAssistantBackend, *, elsewhere: bool
) -> None:
    theirs = track("filesystem_local", "f6", "Another Song", "Somebody")
    server.replace_queue(server.library[5], theirs)
    server.run("player_queues/pause", {"queue_id": "kitchen"})
    if elsewhere:
        server.players["kitchen"]["active_source"] = "line-in"
    assert waiting(backend, ()) == [False, False]
    queue = server.queues["kitchen"]
    queue.index, queue.ended, queue.state = 1, True, "idle"
    assert waiting(backend, ()) == [], "it has been heard"
    server.enqueue(theirs)
    assert waiting(backend, ()) == [False]


def test_a_station_that_was_stopped_holds_no_place(
    server: MusicAssistantDouble, backend: MusicAssistantBackend
) -> None:
    station = {**track("builtin", "r", "Radio", "Somebody"), "media_type": "radio"}
    server.replace_queue(station)
    assert len(backend.get_status().waiting) == 1
    server.run("player_queues/stop", {"queue_id": "kitchen"})
    assert backend.get_status().waiting == ()


def test_our_songs_leave_a_queue_that_others_use_too(
    server: MusicAssistantDouble, backend: MusicAssistantBackend
) -> None:
    ids = backend.play(SONGS).item_ids
    server.enqueue(server.library[5])
    assert waiting(backend, ids) == [True, True, True, False]
    server.enqueue(server.library[5], option="play")
    assert server.names() == ["Happy", "Their Own Song", "Feeling Good", "Hurt", "Their Own Song"]
    assert waiting(backend, ids) == [False, True, True, False]
    backend.restore(ids, ())
    assert server.names() == ["Happy", "Their Own Song", "Their Own Song"], "what was played stays"
    assert waiting(backend, ids) == [False, False]
    backend.restore(ids, ())


def test_a_queue_that_has_ended_holds_nothing(server: MusicAssistantDouble, backend: MusicAssistantBackend) -> None:
    server.library = [track("spotify", "s1", "Happy", "Pharrell Williams", duration=1)]
    ids = backend.play(SONGS[:1]).item_ids
    assert backend.get_status().item_ids == set(ids)
    queue = server.queues["kitchen"]
    queue.elapsed_s = 1.0
    status = backend.get_status()
    assert (status.playing, status.item_ids) == (False, frozenset())


def test_modes_are_off_for_our_songs_and_put_back(server: MusicAssistantDouble, backend: MusicAssistantBackend) -> None:
    queue = server.queues["kitchen"]
    queue.shuffle, queue.repeat, queue.autoplay = True, "all", True
    started = backend.play(SONGS)
    ids, modes = started.item_ids, started.modes
    assert modes == ("shuffle=on", "repeat=all", "autoplay=on")
    assert list(ids) == [item["queue_item_id"] for item in queue.items]
    assert server.names() == ["Happy", "Feeling Good", "Hurt"]
    assert (queue.shuffle, queue.repeat, queue.autoplay) == (False, "off", False)
    queue.repeat = "one"  # by a person
    backend.restore(ids, modes)
    assert (queue.shuffle, queue.repeat, queue.autoplay) == (True, "one", True)
    assert backend.get_status().shuffled
    backend.restore(ids, ())


def test_other_rooms_are_left_alone(server: MusicAssistantDouble, backend: MusicAssistantBackend) -> None:
    kitchen = server.players["kitchen"]
    server.add_player("den", "Den", group_members=["den", "kitchen"])
    server.replace_queue(server.library[0], player_id="den")
    kitchen["synced_to"] = "den"
    status = backend.get_status()
    assert (status.playing, status.on_our_device, status.grouped) == (True, False, True)
    backend.pause()
    assert server.queues["den"].state == "playing"
    with pytest.raises(PlaybackError, match="part of a group"):
        backend.play(SONGS)
    with pytest.raises(PlaybackError, match="part of a group"):
        backend.resume()
    kitchen |= {"synced_to": None, "group_members": ["kitchen", "den"]}
    assert backend.get_status().grouped, "a leader takes its members with it"
    kitchen |= {"group_members": ["den"], "type": "group"}
    assert not backend.get_status().grouped, "a group that was configured"


def test_an_announcement_is_waited_for(server: MusicAssistantDouble, backend: MusicAssistantBackend) -> None:
    backend.play(SONGS)
    attributes = server.players["kitchen"]["extra_attributes"]
    attributes["announcement_in_progress"] = True
    assert backend.get_status().announcing
    with pytest.raises(PlaybackError, match="announcement"):
        backend.play(SONGS)
    attributes.clear()
    assert not backend.get_status().announcing


def test_a_player_that_is_off_is_seen_and_its_volume_stays(
    server: MusicAssistantDouble, backend: MusicAssistantBackend
) -> None:
    server.players["kitchen"]["powered"] = False
    assert not backend.get_status().powered
    backend.set_volume(10)
    assert server.players["kitchen"]["volume_level"] == 50
    assert not server.players["kitchen"]["powered"]


def test_the_position_is_right_although_the_clocks_differ(
    server: MusicAssistantDouble, backend: MusicAssistantBackend
) -> None:
    backend.play(SONGS)
    server.clock_offset_s = -20.0  # as if the player had not been asked for 20 s
    assert 19 < backend.get_status().elapsed_s < 25


def test_a_player_is_found_by_its_id_too(
    server: MusicAssistantDouble, auth: MusicAssistantAuth, uris: SongUriTable
) -> None:
    with closing(MusicAssistantBackend(auth, uris, "kitchen")) as backend:
        assert backend.get_status().device == "Kitchen"
    server.players["kitchen"]["name"] = "Other"
    with closing(MusicAssistantBackend(auth, uris, "kitchen")) as backend:
        assert backend.get_status().device == "Other"
    with (
        closing(MusicAssistantBackend(auth, uris, None)) as backend,
        pytest.raises(PlaybackError, match=r"choose the speaker .* music_assistant\.player"),
    ):
        backend.get_status()


FAULTS = {
    "the sign-in ends": ("player_queues/get_active_queue", "status", 401, "no longer takes the sign-in"),
    "the player is gone": ("player_queues/get_active_queue", "status", 404, "gone"),
    "no permission": ("player_queues/get_active_queue", "status", 403, "under Users"),
    "it is being set up": ("player_queues/get_active_queue", "status", 503, "still being set up"),
    "an error of the server": ("players/get_by_name", "status", 500, "its log explains"),
    "half an answer": ("player_queues/get_active_queue", "cut", 200, "broken"),
    "noise": ("players/get_by_name", "noise", 200, "broken"),
    "no answer": ("player_queues/get_active_queue", "hang", 200, "does not answer in time"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_plain_sentence_and_passes(
    name: str,
    server: MusicAssistantDouble,
    backend: MusicAssistantBackend,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    command, how, status, text = FAULTS[name]
    monkeypatch.setattr(client_module, "READ_S", 0.5)
    caplog.set_level(logging.DEBUG)
    ids = backend.play(SONGS).item_ids
    server.faults.append(Fault(command, how, status))
    begun = time.monotonic()
    with pytest.raises(PlaybackError, match=text) as error:
        backend.get_status()
    assert time.monotonic() - begun < 5
    assert error.value.sign_in == (status == 401)
    assert "\n" not in str(error.value)
    server.faults.clear()
    server.released.set()
    if status == 401:
        with pytest.raises(PlaybackError, match="no longer takes the sign-in"):
            backend.get_status()
        account = backend.get_account()
        assert account is not None
        assert not account.signed_in
        backend._auth.token_file.save(ServerToken("new", server.url))
        server.tokens.add("new")
    assert backend.get_status().item_ids == {ids[0]}, "ours is still ours"
    assert TOKEN not in caplog.text + str(error.value)


def test_the_player_goes_and_comes(server: MusicAssistantDouble, backend: MusicAssistantBackend) -> None:
    player = server.players.pop("kitchen")
    with pytest.raises(PlaybackError, match="Kitchen is gone") as error:
        backend.get_status()
    assert error.value.gone
    server.players["kitchen"] = player
    player["available"] = False
    with pytest.raises(PlaybackError, match="does not reach the player Kitchen"):
        backend.play(SONGS)
    player["available"] = True
    assert backend.play(SONGS)


def test_a_slow_player_that_has_started_is_ours(
    server: MusicAssistantDouble, backend: MusicAssistantBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "READ_S", 0.5)
    server.faults.append(Fault("player_queues/play_media", "late", times=1))
    ids = backend.play(SONGS).item_ids
    assert backend.get_status().item_ids == {ids[0]}


def test_a_start_that_never_came_is_an_error(
    server: MusicAssistantDouble, backend: MusicAssistantBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "READ_S", 0.5)
    server.replace_queue(server.library[0])
    server.faults.append(Fault("player_queues/play_media", "hang", times=1))
    with pytest.raises(PlaybackError, match="does not answer in time"):
        backend.play(SONGS)
    assert server.count("player_queues/play_media") == 0, "nothing is repeated"


def test_songs_that_play_are_ours_although_their_queue_could_not_be_read(
    server: MusicAssistantDouble, backend: MusicAssistantBackend
) -> None:
    server.faults.append(Fault("player_queues/items", after="player_queues/play_media"))
    started = backend.play(SONGS)
    ids = started.item_ids
    assert started.track_ids == tuple(song.track_id for song in SONGS)
    with pytest.raises(PlaybackError):
        backend.get_status()
    server.faults.clear()
    assert ids[0] in backend.get_status().item_ids
    server.run("player_queues/next", {"queue_id": "kitchen"})
    server.run("player_queues/next", {"queue_id": "kitchen"})
    assert ids[-1] in backend.get_status().item_ids
    server.replace_queue(server.library[0])
    assert not backend.get_status().item_ids & set(ids)


@pytest.mark.parametrize("fault", ["player_queues/play_media", "player_queues/repeat"])
def test_a_start_that_fails_leaves_the_modes_as_they_were(
    server: MusicAssistantDouble, backend: MusicAssistantBackend, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(client_module, "READ_S", 0.5)
    queue = server.queues["kitchen"]
    queue.shuffle, queue.repeat = True, "all"
    server.faults.append(Fault(fault, "hang", times=1))
    with pytest.raises(PlaybackError, match="does not answer in time"):
        backend.play(SONGS)
    assert (queue.shuffle, queue.repeat) == (True, "all")


def test_a_speaker_that_can_not_be_reached_is_not_selected(
    server: MusicAssistantDouble, backend: MusicAssistantBackend
) -> None:
    server.add_player("den", "Den", available=False)
    ids = backend.play(SONGS).item_ids
    with pytest.raises(PlaybackError, match="does not reach the player Den"):
        backend.select_speaker("Den", move=True)
    status = backend.get_status()
    assert (status.device, status.playing, status.item_ids) == ("Kitchen", True, frozenset(ids[:1]))
    backend.select_speaker("Den", move=False)
    server.players["den"]["available"] = True
    assert backend.get_status().device == "Den"
    assert server.queues["kitchen"].state == "playing", "what plays is not moved"


def test_what_is_no_server_is_said(tmp_path: Path, uris: SongUriTable) -> None:
    file = ServerTokenFile(tmp_path / "token")
    (tmp_path / "token").write_text("abc\n")
    with pytest.raises(PlaybackError, match=r"can't be reached.*music_assistant\.url"):
        MusicAssistantBackend(MusicAssistantAuth(file, "http://127.0.0.1:9"), uris, "Kitchen").get_status()
    with pytest.raises(PlaybackError, match=r"no Music Assistant server is known"):
        MusicAssistantBackend(MusicAssistantAuth(file, None), uris, "Kitchen").get_status()
