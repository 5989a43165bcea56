"""What persons do at each player while our music plays, as the rules see it: one table of stories by backends.

An act takes the test's way to the player: a client of mpd, FakeSpotify, or the double of Music Assistant. Where a player
does not have such an act, the cell says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from musicond.player.events import PlaybackChange
from tests.spotify.api_objects import track_uri

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSED = PlaybackChange(intervened=True)
TAKEN_OVER = PlaybackChange(intervened=True, over=True)
NOBODY = PlaybackChange()
OVER = PlaybackChange(over=True)

BACKENDS = ("mpd", "spotify", "music_assistant")
"""Mopidy is played by mpd's backend."""


@dataclass(frozen=True)
class Act:
    """What a person does, and how the rules see it."""

    do: Callable[[Any], object]
    change: PlaybackChange


@dataclass(frozen=True)
class Story:
    """An act at each backend, or the reason why there is none."""

    mpd: Act | str
    spotify: Act | str
    music_assistant: Act | str


KITCHEN = {"queue_id": "kitchen"}


def join_another_room(server: Any) -> None:
    server.add_player("den", "Den")
    server.players["kitchen"]["synced_to"] = "den"


def play_the_line_in(server: Any) -> None:
    server.players["kitchen"] |= {"active_source": "line-in", "playback_state": "playing"}


def switch_off(server: Any) -> None:
    server.run("player_queues/stop", KITCHEN)
    server.players["kitchen"]["powered"] = False


STORIES: dict[str, Story] = {
    "nothing": Story(Act(lambda _: None, NOBODY), Act(lambda _: None, NOBODY), Act(lambda _: None, NOBODY)),
    "pause": Story(
        Act(lambda person: person.pause(1), PAUSED),
        Act(lambda spotify: spotify.player.pause(), PAUSED),
        Act(lambda server: server.run("player_queues/pause", KITCHEN), PAUSED),
    ),
    "stop": Story(
        Act(lambda person: person.stop(), TAKEN_OVER),
        "Spotify has only pause",
        Act(lambda server: server.run("player_queues/stop", KITCHEN), PAUSED),
    ),
    "skip": Story(
        Act(lambda person: person.next(), PAUSED),
        Act(lambda spotify: spotify.player.skip(), PAUSED),
        Act(lambda server: server.run("player_queues/next", KITCHEN), PAUSED),
    ),
    "volume": Story(
        Act(lambda person: person.setvol(30), NOBODY),
        Act(lambda spotify: spotify.player.devices[0].update(volume_percent=30), NOBODY),
        Act(lambda server: server.players["kitchen"].update(volume_level=30), NOBODY),
    ),
    "clear": Story(
        Act(lambda person: person.clear(), TAKEN_OVER),
        "Spotify's queue can't be cleared",
        Act(lambda server: server.run("player_queues/clear", KITCHEN), TAKEN_OVER),
    ),
    "another queue": Story(
        Act(lambda person: (person.clear(), person.add("theirs.wav"), person.play()), TAKEN_OVER),
        Act(lambda spotify: spotify.player.play([track_uri("x")], "d0"), TAKEN_OVER),
        Act(lambda server: server.replace_queue(server.library[5]), TAKEN_OVER),
    ),
    "one of our songs in another queue": Story(
        Act(lambda person: (person.clear(), person.add("song 0.wav"), person.play()), TAKEN_OVER),
        Act(lambda spotify: spotify.player.play([track_uri("song 0")], "d0", "spotify:album:1"), TAKEN_OVER),
        Act(lambda server: server.replace_queue(server.library[0]), TAKEN_OVER),
    ),
    "another song in our queue": Story(
        Act(lambda person: person.playid(person.addid("theirs.wav")), TAKEN_OVER),
        "a song that is put into Spotify's queue plays after the present one",
        Act(lambda server: server.enqueue(server.library[5], option="play"), TAKEN_OVER),
    ),
    "a song behind ours": Story(
        Act(lambda person: person.add("theirs.wav"), NOBODY),
        "what a person queues at Spotify is not part of the list that plays",
        Act(lambda server: server.enqueue(server.library[5]), NOBODY),
    ),
    "another speaker": Story(
        "mpd has one queue for all its outputs",
        Act(lambda spotify: setattr(spotify.player, "device", "d1"), TAKEN_OVER),
        Act(join_another_room, TAKEN_OVER),
    ),
    "another source": Story(
        "mpd plays nothing but its queue",
        "a device of Spotify plays nothing but Spotify",
        Act(play_the_line_in, TAKEN_OVER),
    ),
    "off": Story(
        Act(lambda person: [person.disableoutput(number) for number in range(2)], OVER),
        Act(lambda spotify: setattr(spotify.player, "device", None), OVER),
        Act(switch_off, PAUSED),
    ),
}


def acts_of(backend: str) -> dict[str, Act]:
    """Return the acts of a backend by the names of their stories."""
    cells = {name: getattr(story, backend) for name, story in STORIES.items()}
    return {name: cell for name, cell in cells.items() if isinstance(cell, Act)}
