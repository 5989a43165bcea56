"""Feedback, speakers and the commands of the player, with the real daemon and a real mpd."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from musicond.web.client import ControlClient
from tests.player.test_mpd import MPD, Library
from tests.system.quick import QuickDaemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

needs_mpd = pytest.mark.skipif(MPD is None, reason="mpd is missing: apt install mpd")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Return an mpd that is stopped, with two outputs."""
    (tmp_path / "mpd").mkdir()
    library = Library(tmp_path / "mpd")
    yield library
    if hasattr(library, "process"):
        library.stop()


def with_player(folder: Path, library: Library) -> QuickDaemon:
    """Return a daemon with this mpd as its player."""
    return QuickDaemon(folder, f"playback: {{backend: mpd}}\nmpd: {{host: 127.0.0.1, port: {library.port}}}\n")


def shown(daemon: QuickDaemon, mood: str) -> Any:
    """Return the recommendation of a mood that a person chooses."""
    assert daemon.post("mood", {"mood": mood, "minutes": 60}) == 200

    def is_shown(state: dict[str, Any]) -> bool:
        return bool(state["mood"] == mood and state["recommendation"] and state["recommendation"]["mood"] == mood)

    return daemon.state(is_shown)["recommendation"]


def feedback(folder: Path) -> list[tuple[str, int, int]]:
    """Return the id, likes and dislikes of each rated song."""
    answer = ControlClient(folder / "run" / "control.sock").run_action("catalogue", "feedback")
    return [(song["track_id"], song["likes"], song["dislikes"]) for song in answer["feedback"]]


def test_a_dislike_is_a_toggle_and_without_an_id_the_last_verdict_is_withdrawn(tmp_path: Path) -> None:
    with QuickDaemon(tmp_path) as daemon:
        songs = [track["id"] for track in shown(daemon, "sad")["tracks"]]
        assert daemon.post("rate", {"verdict": "dislike"}) == 200
        after = daemon.state()["recommendation"]
        assert [track["id"] for track in after["tracks"]][:5] == songs, "the row stays where it was"
        assert (len(after["tracks"]), after["disliked"]) == (6, songs[:1])
        assert feedback(tmp_path) == [(songs[0], 0, 1)]
        assert daemon.post("withdraw", {}) == 200
        assert daemon.state()["recommendation"]["disliked"] == []
        assert feedback(tmp_path) == []
        assert daemon.post("rate", {"verdict": "like", "id": songs[1]}) == 200
        assert daemon.post("rate", {"verdict": "dislike", "id": songs[1]}) == 200
        assert feedback(tmp_path) == [(songs[1], 0, 1)], "a dislike ends the like"
        assert daemon.state()["recommendation"]["liked"] == []
        assert daemon.post("withdraw", {"id": songs[1]}) == 200
        status, answer = daemon.request("POST", "withdraw", {"id": songs[1]})
        assert (status, "there is no feedback" in answer["error"]) == (409, True)
        status, answer = daemon.request("POST", "withdraw", {})
        assert (status, "no song was rated since the start" in answer["error"]) == (409, True)


def test_songs_that_left_the_lists_are_recommended_no_longer(tmp_path: Path) -> None:
    with QuickDaemon(tmp_path) as daemon:
        angry = shown(daemon, "angry")["tracks"][0]["id"]
        sad = shown(daemon, "sad")["tracks"][0]["id"]
        for song in (angry, sad):
            assert daemon.post("catalogue/remove", {"id": song}) == 200

        def has_lost(song: str, state: Any) -> bool:
            return song not in [track["id"] for track in state["recommendation"]["tracks"]]

        daemon.state(partial(has_lost, sad))
        assert has_lost(angry, {"recommendation": shown(daemon, "angry")})


@needs_mpd
def test_speakers_of_a_player_out_of_reach_are_an_answer_with_a_reason(tmp_path: Path, library: Library) -> None:
    with with_player(tmp_path, library) as daemon:
        status, answer = daemon.request("POST", "playback/speakers", {})
        assert (status, answer["speakers"]) == (200, [])
        assert "check that it runs, and mpd.host and mpd.port" in answer["reason"]
        library.start()
        status, answer = daemon.request("POST", "playback/speakers", {})
        assert ([speaker["name"] for speaker in answer["speakers"]], answer["reason"]) == (["null", "other"], None)


@needs_mpd
def test_what_a_player_out_of_reach_can_not_do_is_not_called_done(tmp_path: Path, library: Library) -> None:
    with with_player(tmp_path, library) as daemon:
        shown(daemon, "sad")
        for command in ("play", "stop"):
            status, answer = daemon.request("POST", command, {})
            assert (status, "check that it runs, and mpd.host" in answer["error"]) == (502, True), command
        status, answer = daemon.request("POST", "speaker", {"name": "other"})
        assert (status, "check that it runs, and mpd.host" in answer["error"]) == (502, True)
        daemon.state(lambda state: state["controls"]["speaker"] is None)
        assert daemon.post("settings/reset", {"key": "speaker"}) == 200


@needs_mpd
def test_a_speaker_that_the_player_does_not_have_is_refused(tmp_path: Path, library: Library) -> None:
    library.start()
    with with_player(tmp_path, library) as daemon:
        daemon.state(lambda state: state["playback"]["state"] == "stopped")
        assert daemon.post("speaker", {"name": "other"}) == 200
        status, answer = daemon.request("POST", "speaker", {"name": "nosuch"})
        assert (status, answer["error"]) == (409, "there is no speaker 'nosuch' now; the player has: null, other")
        state = daemon.state(lambda state: state["controls"]["speaker"] == "other")
        assert state["playback"]["state"] == "stopped", "it is still there"
        assert state["playback"]["trouble"] is None
        enabled = {output["outputname"]: output["outputenabled"] for output in library.client().outputs()}
        assert enabled == {"null": "0", "other": "1"}


@needs_mpd
def test_a_song_that_is_disliked_while_it_plays_is_skipped(tmp_path: Path, library: Library) -> None:
    library.start()
    with with_player(tmp_path, library) as daemon:
        shown(daemon, "sad")
        songs = [
            {
                "emotion": "sad",
                "title": f"Song {number}",
                "artist": "Ann",
                "link": (library.music / f"song {number}.wav").as_uri(),
            }
            for number in range(3)
        ]
        client = ControlClient(tmp_path / "run" / "control.sock")
        client.run_action("catalogue", "source", {"emotion": "sad", "lists": []})
        client.run_action("catalogue", "add", {"rows": songs})
        own = {song["link"] for song in songs}
        state = daemon.state(lambda state: {track["id"] for track in state["recommendation"]["tracks"]} == own)
        assert daemon.post("play", {}) == 200
        first, second, _ = [track["id"] for track in state["recommendation"]["tracks"]]
        playing = daemon.state(lambda state: state["playback"]["state"] == "playing")
        assert playing["playback"]["track"]["id"] == first, "the page marks it in the list"
        assert daemon.post("rate", {"verdict": "dislike", "id": first}) == 200
        daemon.state(lambda state: state["playback"]["track"]["id"] == second)
        assert daemon.post("play", {"id": first}) == 200
        time.sleep(1)
        assert daemon.state()["playback"]["track"]["id"] == first, "asked for, it is played"
