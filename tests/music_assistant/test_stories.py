"""What persons do at Music Assistant while our music plays, as the rules see it; tests/player/test_stories.py has faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from musicond.core.commands import SetSpeaker, SetVolume
from musicond.core.settings import Settings
from musicond.music_assistant.backend import MusicAssistantBackend
from musicond.player.events import PlaybackRules
from musicond.player.player import Player
from musicond.player.state_file import PlayerStateFile
from musicond.runtime.json_file import JsonFile
from tests.music_assistant.conftest import SONGS
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
    "clear": (lambda server: server.run("player_queues/clear", KITCHEN), TAKEN_OVER),
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
