"""What happens at Music Assistant while our music plays: acts of persons as the rules see them, and six faults."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from musicond.core.commands import SetSpeaker, SetVolume
from musicond.core.outcome import PlayState
from musicond.core.settings import Settings
from musicond.music_assistant import client as client_module
from musicond.music_assistant.auth import ServerToken
from musicond.music_assistant.backend import MusicAssistantBackend
from musicond.player.events import PlaybackRules
from musicond.player.player import Player
from musicond.player.state_file import PlayerStateFile
from musicond.runtime.json_file import JsonFile
from tests.music_assistant.conftest import SONGS, TOKEN
from tests.music_assistant.double import Fault
from tests.player.test_acts import NOBODY, PAUSED, TAKEN_OVER, change_by
from tests.player.test_mpd import Room, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from musicond.library.song_uris import SongUriTable
    from musicond.music_assistant.auth import MusicAssistantAuth
    from musicond.player.rules import PlaybackChange
    from tests.music_assistant.double import MusicAssistantDouble

KITCHEN = {"queue_id": "kitchen"}


def join_another_room(server: MusicAssistantDouble) -> None:
    server.add_player("den", "Den")
    server.players["kitchen"]["synced_to"] = "den"


def play_the_line_in(server: MusicAssistantDouble) -> None:
    server.players["kitchen"] |= {"active_source": "line-in", "playback_state": "playing"}


ACTS: dict[str, tuple[Callable[[MusicAssistantDouble], object], PlaybackChange]] = {
    "nothing": (lambda _: None, NOBODY),
    "pause": (lambda server: server.run("player_queues/pause", KITCHEN), PAUSED),
    "stop": (lambda server: server.run("player_queues/stop", KITCHEN), PAUSED),
    "skip": (lambda server: server.run("player_queues/next", KITCHEN), PAUSED),
    "another queue": (lambda server: server.replace_queue(server.library[5]), TAKEN_OVER),
    "the same song in another queue": (lambda server: server.replace_queue(server.library[0]), TAKEN_OVER),
    "another source": (play_the_line_in, TAKEN_OVER),
    "another room": (join_another_room, TAKEN_OVER),
    "volume": (lambda server: server.players["kitchen"].update(volume_level=30), NOBODY),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_a_person_does_is_told_from_what_nobody_did(
    server: MusicAssistantDouble, backend: MusicAssistantBackend, act: str
) -> None:
    do, right = ACTS[act]
    assert change_by(backend, SONGS, lambda: do(server)) == right


RULES = PlaybackRules(song_end=False, volume=40, volume_max=60, cool_down_s=0, away_s=600, autoplay=True)


FAULTS: dict[str, tuple[Callable[[MusicAssistantDouble], object], str]] = {
    "the sign-in ends": (lambda server: server.tokens.clear(), "no longer takes the sign-in"),
    "the player is gone": (lambda server: server.players.clear(), "gone"),
    "the server is being set up": (lambda server: setattr(server, "set_up", False), "being set up"),
    "no answer": (lambda server: server.faults.append(Fault("*", "hang")), "does not answer in time"),
    "half an answer": (lambda server: server.faults.append(Fault("*", "cut")), "broken"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_middle_of_a_song_is_shown_and_passes(
    name: str,
    server: MusicAssistantDouble,
    auth: MusicAssistantAuth,
    backend: MusicAssistantBackend,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(client_module, "READ_S", 1.0)
    room = Room(Player(backend, RULES))
    room.player.start()
    room.update(SONGS)
    assert wait_until(lambda: room.player.get_playback().ours)
    players = dict(server.players)
    break_it, text = FAULTS[name]
    break_it(server)
    room.player.wake()
    begun = time.monotonic()
    for _ in range(20):
        room.update()
    assert time.monotonic() - begun < 0.5, "the watch loop never waits"
    assert wait_until(lambda: text in str(room.player.get_playback().trouble))
    assert room.player.get_playback().state is PlayState.UNAVAILABLE
    server.players, server.set_up = players, True
    server.faults.clear()
    server.released.set()
    server.tokens |= {TOKEN, "new"}
    auth.token_file.save(ServerToken("new", server.url))
    room.player.wake()
    assert wait_until(lambda: room.player.get_playback().trouble is None)
    assert wait_until(lambda: room.player.get_playback().ours), "ours is still ours"
    assert server.count("player_queues/play_media") == 1
    assert TOKEN not in caplog.text
    room.player.stop()


def test_a_queue_that_a_person_has_put_there_is_left_alone(
    server: MusicAssistantDouble, backend: MusicAssistantBackend
) -> None:
    room = Room(Player(backend, RULES))
    room.player.start()
    room.update(SONGS)
    assert wait_until(lambda: room.player.get_playback().ours)
    server.replace_queue(server.library[5])
    room.player.wake()
    assert wait_until(lambda: not room.player.get_playback().ours)
    room.update(SONGS[1:])
    assert wait_until(lambda: "somebody else" in str(room.player.get_playback().autoplay_block))
    assert server.names() == ["Their Own Song"]
    assert server.queues["kitchen"].state == "playing"
    room.player.stop()


def test_a_chosen_speaker_takes_the_music_along_and_outlives_a_restart(
    server: MusicAssistantDouble, auth: MusicAssistantAuth, uris: SongUriTable, tmp_path: Path
) -> None:
    server.add_player("den", "Den")
    server.queues["kitchen"].shuffle = True
    state_file = PlayerStateFile(JsonFile(tmp_path / "playback.json"), "music-assistant Kitchen")
    room = Room(Player(MusicAssistantBackend(auth, uris, "Kitchen"), RULES, state_file=state_file))
    room.player.start()
    room.update(SONGS)
    assert wait_until(lambda: room.player.get_playback().ours)
    room.player.request(SetSpeaker("Den"))
    assert wait_until(lambda: room.player.get_playback().device == "Den")
    assert wait_until(lambda: room.player.get_playback().ours)
    assert server.queues["kitchen"].shuffle, "as it was before our songs"
    assert not server.queues["den"].shuffle, "our songs keep their order"
    room.player.stop()
    calls = len(server.calls)
    player = Player(MusicAssistantBackend(auth, uris, "Kitchen"), RULES, state_file=state_file)
    player.start()
    player.wake()
    player.request(SetVolume(30))
    assert player.query(lambda backend: backend.name).result(20) == "music-assistant"
    assert len(server.calls) == calls, "nothing is asked before the speaker is known"
    Room(player, settings=Settings(speaker="Den"))
    assert wait_until(lambda: player.get_playback().ours)
    assert wait_until(lambda: server.players["den"]["volume_level"] == 30)
    assert (server.queues["den"].state, server.count("player_queues/transfer")) == ("playing", 1)
    player.stop()
