"""The players of a simulated month at their network edge: a real mpd, and the doubles of Spotify and Music Assistant.

musicond reaches each by its backend; persons use the player itself. All have the clock of the simulation. mpd has its own,
so its songs are moved on by seeking before anybody looks at it.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import mpd

from musicond.core.models import Track
from musicond.library.database import FILE_NAME
from musicond.library.recovery import open_catalogue
from musicond.library.song_uris import SongUriTable
from musicond.music_assistant.auth import MusicAssistantAuth, ServerToken, ServerTokenFile
from musicond.music_assistant.backend import MusicAssistantBackend
from musicond.player.mpd import MpdBackend
from musicond.spotify.backend import SpotifyBackend
from musicond.spotify.client import SpotifyClient
from musicond.spotify.sign_in import SignIn
from tests.music_assistant.double import MusicAssistantDouble
from tests.music_assistant.server_queue import track
from tests.player.stories import KITCHEN, acts_of
from tests.player.test_mpd import Library, song
from tests.player.test_stories import FaultyWay
from tests.spotify.api_objects import track_uri
from tests.spotify.conftest import auth_in, running_spotify, sign_in_at
from tests.spotify.fake_server import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from musicond.core.ports import PlaybackBackend
    from musicond.spotify.auth import SpotifyAuth
    from tests.player.stories import Act
    from tests.spotify.fake_spotify import FakeSpotify

START = datetime(2026, 11, 1, tzinfo=UTC)
TRACK_S, SONGS = 200, 5
OURS, THEIRS = "ours", "theirs"


class Clock:
    """Simulated monotonic seconds."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at

    @property
    def wall(self) -> datetime:
        return START + timedelta(seconds=self.at)


@dataclass(frozen=True)
class Loaded:
    """What is loaded at the player: of musicond, of a person, or nothing (empty), and whether it plays."""

    whose: str = ""
    playing: bool = False


class Speaker(ABC):
    """A player; `on_command` gets each command of musicond before it is carried out, with its value.

    The commands are status, start, resume, pause, skip, volume (percent), delete (whose), mode and other.
    """

    name: ClassVar[str]
    repeating: str | bool
    """The value of its mode of repeating that persons switch on."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tracks: tuple[Track, ...] = ()
        self.acts: dict[str, Act] = acts_of(self.name.replace("-", "_"))
        self.on_command: Callable[[str, Any], object] = lambda _command, _value: None

    @abstractmethod
    def new_backend(self) -> PlaybackBackend: ...

    @abstractmethod
    def loaded(self) -> Loaded: ...

    @abstractmethod
    def person_acts(self, name: str) -> None:
        """Let a person do what the story of this name says."""

    @abstractmethod
    def resume(self) -> None: ...

    @abstractmethod
    def repair(self) -> None:
        """Let a person switch everything on and into its room again; what was lost does not play."""

    @abstractmethod
    def reach(self, *, reachable: bool) -> None:
        """Open or close the way to the player."""

    def theirs_wait(self) -> bool:
        """Return whether music of persons is paused, or queued, which a start would take the place of."""
        return False

    def is_free(self) -> bool:
        """Return whether the player is switched on, and in no group."""
        return True

    @abstractmethod
    def forget(self) -> None:
        """Forget what was recorded, so that a month does not fill the memory."""

    volume: Any
    """Percent."""
    repeat: Any
    """The mode of repeating."""


class MpdSpeaker(Speaker):
    name, repeating = "mpd", "1"

    def __init__(self, clock: Clock, library: Library, way: FaultyWay) -> None:
        super().__init__(clock)
        self._way, self._person = way, library.client()
        songs = (library.music / f"song {number}.wav" for number in range(SONGS))
        self.tracks = tuple(Track(path.as_uri(), path.stem, "x", "") for path in songs)
        self._owners: dict[str, str] = {}
        self._moved_at = clock.at
        self._silent: dict[str, Any] | None = None
        """The status of mpd while nothing plays or changes there."""
        way.on_line = self._on_line

    def new_backend(self) -> PlaybackBackend:
        return MpdBackend("127.0.0.1", int(self._way.server_address[1]), timeout_s=60.0)

    def _on_line(self, line: str) -> None:
        command, _, argument = line.partition(" ")
        value = argument.replace('"', "")
        if command == "ping":
            self.move_on()
        if command == "playid":
            self._new_songs_of(OURS)
        named = {
            "currentsong": ("status", None),
            "playid": ("start", None),
            "pause": ("pause" if value == "1" else "resume", None),
            "next": ("skip", None),
            "previous": ("skip", None),
            "setvol": ("volume", int(value or 0) if command == "setvol" else 0),
            "deleteid": ("delete", self._owners.get(value)),
            **dict.fromkeys(("clear", "delete", "stop", "seekid", "enableoutput", "disableoutput"), ("other", line)),
        }
        if command in named:
            self.on_command(*named[command])
            if command != "currentsong":
                self._silent = None

    def move_on(self) -> dict[str, Any]:
        """Move the song that plays on to the present; return mpd's status."""
        passed_s, self._moved_at = self.clock.at - self._moved_at, self.clock.at
        status = self._silent or self._person.status()
        while passed_s > 0 and status.get("state") == "play":
            elapsed_s = float(status.get("elapsed", 0))
            try:
                self._person.seekcur(min(TRACK_S, elapsed_s + passed_s))
            except mpd.CommandError:  # without an output its decoder ends
                status = self._person.status()
                break
            passed_s -= TRACK_S - elapsed_s
            if passed_s < 0:
                break
            before, end = status["songid"], time.monotonic() + 60
            while is_at_end(status := self._person.status(), before):
                assert time.monotonic() < end, "mpd does not end its song"
        self._silent = None if status["state"] == "play" else status
        return dict(status)

    def _new_songs_of(self, whose: str) -> None:
        for item in self._person.playlistinfo():
            self._owners.setdefault(item["id"], whose)

    def loaded(self) -> Loaded:
        status = self.move_on()
        if status["state"] == "stop" or "songid" not in status:
            return Loaded()
        return Loaded(self._owners[status["songid"]], status["state"] == "play")

    def theirs_wait(self) -> bool:
        status = self.move_on()
        songs = [] if status["state"] == "stop" else self._person.playlistinfo()[int(status.get("song", 0)) :]
        return any(self._owners[item["id"]] == THEIRS for item in songs)

    def person_acts(self, name: str) -> None:
        self.move_on()
        self.acts[name].do(self._person)
        self._silent = None
        self._new_songs_of(THEIRS)

    def resume(self) -> None:
        if self.move_on()["state"] == "pause":
            self._person.pause(0)
            self._silent = None

    def repair(self) -> None:
        for number in range(2):
            self._person.enableoutput(number)
        self._silent = None

    def reach(self, *, reachable: bool) -> None:
        self._way.fault = "" if reachable else "player gone"

    def forget(self) -> None:
        self._way.commands.clear()

    @property
    def volume(self) -> int:
        return int(self._person.status()["volume"])

    @volume.setter
    def volume(self, percent: int) -> None:
        self._person.setvol(percent)

    @property
    def repeat(self) -> str:
        return str(self._person.status()["repeat"])

    @repeat.setter
    def repeat(self, value: str) -> None:
        self._person.repeat(value)


def is_at_end(status: dict[str, Any], songid: str) -> bool:
    """Return whether mpd still plays the end of a song."""
    return status["state"] == "play" and status.get("songid") == songid and float(status.get("elapsed", 0)) > 1


class SpotifySpeaker(Speaker):
    name, repeating = "spotify", "context"

    def __init__(self, clock: Clock, spotify: FakeSpotify, auth: SpotifyAuth) -> None:
        super().__init__(clock)
        self._spotify, self._auth, self._player, self._whose = spotify, auth, spotify.player, ""
        self.tracks = tuple(Track(track_uri(f"song {number}"), "a", "b", "") for number in range(SONGS))
        for number, name in enumerate(("Kitchen", "Bedroom")):
            spotify.add_device(name, id=f"d{number}")
        self._player.clock, self._player.length_s = clock, TRACK_S
        spotify.on_command = self._on_request

    def new_backend(self) -> PlaybackBackend:
        return SpotifyBackend(SpotifyClient(self._auth), self._auth, "Kitchen")

    def _on_request(self, act: str, arguments: dict[str, Any]) -> None:
        new = act == "play" and bool(arguments.get("uris"))
        named = {
            "play": ("start" if new else "resume", None),
            "next": ("skip", None),
            "previous": ("skip", None),
            "volume": ("volume", int(arguments.get("volume_percent", 0))),
            "shuffle": ("mode", None),
            "repeat": ("mode", None),
        }
        self.on_command(*named.get(act, (act, None) if act in ("status", "pause") else ("other", act)))
        if new:
            self._whose = OURS

    def loaded(self) -> Loaded:
        current = self._player.current()
        device = self._player.device
        gone = current is None or not device  # the double goes on without a device, and nobody hears it
        return Loaded() if gone else Loaded(self._whose if device == "d0" else THEIRS, self._player.playing)

    def person_acts(self, name: str) -> None:
        self.loaded()
        before = self._player.uris
        self.acts[name].do(self._spotify)
        if self._player.uris is not before and name != "skip":
            self._whose = THEIRS

    def resume(self) -> None:
        if self.loaded().whose and not self._player.playing:
            self._player.resume()

    def repair(self) -> None:
        if self._player.device != "d0":
            self._player.pause()
            self._player.device = "d0"

    def reach(self, *, reachable: bool) -> None:
        self._spotify.faults[:] = [] if reachable else [Fault("me/player", 503)]

    def forget(self) -> None:
        self._spotify.requests.clear()
        self._spotify.expire_access_tokens()

    @property
    def volume(self) -> int:
        return int(self._player.devices[0]["volume_percent"])

    @volume.setter
    def volume(self, percent: int) -> None:
        self._player.devices[0]["volume_percent"] = percent

    @property
    def repeat(self) -> str:
        return self._player.repeat

    @repeat.setter
    def repeat(self, value: str) -> None:
        self._player.repeat = value


class MusicAssistantSpeaker(Speaker):
    name, repeating = "music-assistant", "all"

    def __init__(self, clock: Clock, server: MusicAssistantDouble, folder: Path) -> None:
        super().__init__(clock)
        self._server, self._player, self._queue = server, server.players["kitchen"], server.queues["kitchen"]
        (file := ServerTokenFile(folder / "music-assistant.json")).save(ServerToken("token-of-the-test", server.url))
        open_catalogue(folder / FILE_NAME).close()
        self._auth, self._uris = MusicAssistantAuth(file, None), SongUriTable(folder / FILE_NAME)
        self.tracks = tuple(Track(f"spotify:track:s{number}", f"Song {number}", "Ann", "") for number in range(SONGS))
        self._owners: dict[str, str] = {}
        self._started = False
        server.on_command = self._on_command

    def new_backend(self) -> PlaybackBackend:
        return MusicAssistantBackend(self._auth, self._uris, "Kitchen")

    def _on_command(self, command: str, arguments: dict[str, Any]) -> None:
        self._note_new_items()
        named = {
            "player_queues/get_active_queue": ("status", None),
            "player_queues/play_media": ("start", None),
            "player_queues/pause": ("pause", None),
            "player_queues/resume": ("resume", None),
            "player_queues/next": ("skip", None),
            "player_queues/previous": ("skip", None),
            "players/cmd/volume_set": ("volume", arguments.get("volume_level")),
            "player_queues/delete_item": ("delete", self._owners.get(str(arguments.get("item_id_or_index")))),
            **dict.fromkeys((f"player_queues/{name}" for name in ("clear", "stop", "transfer")), ("other", command)),
        }
        if {arguments.get(key, "kitchen") for key in ("player_id", "queue_id")} == {"kitchen"} and command in named:
            self.on_command(*named[command])
        elif arguments.get("queue_id") == "den" and not command.endswith(("/items", "/get")):
            self.on_command("other", command)
        self._started = command == "player_queues/play_media"

    def _note_new_items(self) -> None:
        for item in self._queue.items:
            self._owners.setdefault(item["queue_item_id"], OURS if self._started else THEIRS)
        self._started = False

    def loaded(self) -> Loaded:
        if self._player["active_source"]:
            return Loaded(THEIRS, playing=True)
        self._note_new_items()
        self._queue.advance()
        if self._player["synced_to"] or self._queue.current is None or self._queue.ended:
            return Loaded()
        return Loaded(self._owners[self._queue.current["queue_item_id"]], self._queue.state == "playing")

    def theirs_wait(self) -> bool:
        self.loaded()
        position = len(self._queue.items) if self._queue.index is None else self._queue.index + self._queue.ended
        return any(self._owners[item["queue_item_id"]] == THEIRS for item in self._queue.items[position:])

    def is_free(self) -> bool:
        return self._player["powered"] is True and not self._player["synced_to"]

    def person_acts(self, name: str) -> None:
        self.loaded()
        self.acts[name].do(self._server)
        self.loaded()

    def resume(self) -> None:
        if self.loaded().whose and self._queue.state == "paused":
            self._server.run("player_queues/resume", KITCHEN)

    def repair(self) -> None:
        if self._player["synced_to"] or self._player["active_source"]:
            self._server.run("player_queues/stop", KITCHEN)
        self._player |= {"synced_to": None, "active_source": None, "playback_state": "idle", "powered": True}

    def reach(self, *, reachable: bool) -> None:
        self._server.set_up = reachable

    def forget(self) -> None:
        self._server.calls.clear()

    @property
    def volume(self) -> int:
        return int(self._player["volume_level"])

    @volume.setter
    def volume(self, percent: int) -> None:
        self._player["volume_level"] = percent

    @property
    def repeat(self) -> str:
        return self._queue.repeat

    @repeat.setter
    def repeat(self, value: str) -> None:
        self._queue.repeat = value


@contextmanager
def running_speaker(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Speaker]:
    """Start a player, as long as a block lasts."""
    clock = Clock()
    if name == "spotify":
        with running_spotify(monkeypatch) as spotify:
            auth = auth_in(folder)
            sign_in_at(spotify, SignIn(auth))
            yield SpotifySpeaker(clock, spotify, auth)
    elif name == "music-assistant":
        server = MusicAssistantDouble(lambda: START.timestamp() + clock.at)
        server.library = [track("spotify", f"s{number}", f"Song {number}", "Ann", TRACK_S) for number in range(SONGS)]
        server.library.append(track("filesystem_local", "f5", "Their Own Song", "Somebody", TRACK_S))
        server.start()
        yield MusicAssistantSpeaker(clock, server, folder)
        server.stop()
    else:
        yield from _running_mpd(clock, folder)


def _running_mpd(clock: Clock, folder: Path) -> Iterator[Speaker]:
    library = Library(folder)
    for name in ("theirs", *(f"song {number}" for number in range(SONGS))):
        song(library.music / f"{name}.wav", 220.0, TRACK_S)
    with (folder / "mpd.conf").open("a") as config:
        config.write('connection_timeout "86400"\n')
    library.start()
    with FaultyWay(library.port) as way:
        threading.Thread(target=way.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield MpdSpeaker(clock, library, way)
        way.shutdown()
    library.stop()
