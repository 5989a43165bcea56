"""What persons do at Music Assistant while our music plays; tests/player/stories.py has the table, test_stories.py faults."""

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
from tests.player.stories import acts_of
from tests.player.test_acts import change_by
from tests.player.test_mpd import Room, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from musicond.core.models import Track
    from musicond.library.song_uris import SongUriTable
    from musicond.music_assistant.auth import MusicAssistantAuth
    from tests.music_assistant.double import MusicAssistantDouble

ACTS = acts_of("music_assistant")


@pytest.mark.parametrize("story", ACTS)
def test_what_a_person_does_is_told_from_what_nobody_did(
    server: MusicAssistantDouble, backend: MusicAssistantBackend, story: str
) -> None:
    act = ACTS[story]
    assert change_by(backend, SONGS, lambda: act.do(server)) == act.change


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


def test_a_disliked_song_is_skipped(
    server: MusicAssistantDouble, auth: MusicAssistantAuth, uris: SongUriTable, tmp_path: Path
) -> None:
    def is_skipped(number: int, tracks: tuple[Track, ...] = ()) -> bool:
        """Start musicond, with tracks to play, and dislike one of them; return whether the next one plays."""
        state_file = PlayerStateFile(JsonFile(tmp_path / "playback.json"), "music-assistant Kitchen")
        room = Room(Player(MusicAssistantBackend(auth, uris, "Kitchen"), RULES, state_file=state_file))
        room.player.start()
        room.update(tracks)
        assert wait_until(lambda: room.player.get_playback().ours)
        room.update(rejected=frozenset({SONGS[number].track_id}))
        skipped = wait_until(lambda: server.queues["kitchen"].index == number + 1, 15)
        room.player.stop()
        return skipped

    assert is_skipped(0, SONGS)
    assert is_skipped(1), "after a restart too"


def test_a_speaker_on_which_others_play_is_not_taken_over(
    server: MusicAssistantDouble, auth: MusicAssistantAuth, uris: SongUriTable
) -> None:
    server.add_player("den", "Den", volume_level=95)
    theirs = server.library[5]
    server.replace_queue(theirs, player_id="den")
    undone: list[tuple[str | None, str | None]] = []
    backend = MusicAssistantBackend(auth, uris, "Kitchen")
    room = Room(Player(backend, RULES, undo_speaker=lambda *names: undone.append(names)))
    room.player.start()
    room.update(SONGS)
    assert wait_until(lambda: room.player.get_playback().ours)
    room.player.request(SetSpeaker("Den"))
    assert wait_until(lambda: undone == [("Den", None)]), "it is not stored, either"
    assert wait_until(lambda: "Den plays other music" in str(room.player.get_playback().trouble))
    assert (server.names("den"), server.queues["den"].state) == ([theirs["name"]], "playing")
    assert server.queues["kitchen"].state == "playing"
    room.update(SONGS[1:])
    room.player.wake()
    assert wait_until(lambda: server.count("player_queues/play_media") == 2)
    assert server.names("den") == [theirs["name"]], "not by the next mood either"
    server.run("player_queues/clear", {"queue_id": "den"})
    room.player.request(SetSpeaker("Den"))
    assert wait_until(lambda: server.queues["den"].state == "playing")
    assert wait_until(lambda: server.players["den"]["volume_level"] == RULES.volume_max)
    assert server.queues["kitchen"].state == "idle"
    server.players["den"]["volume_level"] = 95
    room.player.request(SetSpeaker("Den"))
    polls = server.count("player_queues/get_active_queue")
    assert wait_until(lambda: server.count("player_queues/get_active_queue") > polls + 1)
    assert server.players["den"]["volume_level"] == 95, "it was chosen before, and is no other speaker"
    room.player.stop()
