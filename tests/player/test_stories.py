"""What may go wrong in the middle of a song, with each backend: one table of faults by backends.

Each fault is shown with its remedy or is nobody's doing, never holds up the watch loop, passes without a second start,
and leaves no secret in the log. What persons do is in test_acts.py and tests/music_assistant/test_stories.py.
"""

from __future__ import annotations

import logging
import socket
import socketserver
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from musicond.core.commands import Play, SetVolume, Stop
from musicond.core.models import Track
from musicond.core.outcome import PlayState
from musicond.core.settings import Settings
from musicond.library.database import FILE_NAME
from musicond.library.recovery import open_catalogue
from musicond.library.song_uris import SongUriTable
from musicond.music_assistant import client as client_module
from musicond.music_assistant.auth import MusicAssistantAuth, ServerToken, ServerTokenFile
from musicond.music_assistant.backend import MusicAssistantBackend
from musicond.player.event_queue import STOPPING
from musicond.player.events import PlaybackRules
from musicond.player.mpd import MpdBackend
from musicond.player.player import Player
from musicond.player.state_file import PlayerStateFile
from musicond.runtime.json_file import JsonFile
from musicond.spotify.backend import SpotifyBackend
from musicond.spotify.client import SpotifyClient
from musicond.spotify.sign_in import SignIn
from tests.music_assistant.double import Fault as ServerFault
from tests.music_assistant.double import MusicAssistantDouble
from tests.music_assistant.server_queue import track
from tests.player.test_mpd import Library, Room, wait_until
from tests.spotify.api_objects import track_uri
from tests.spotify.conftest import auth_in, running_spotify, sign_in_at
from tests.spotify.fake_server import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from musicond.core.ports import PlaybackBackend
    from musicond.spotify.auth import SpotifyAuth
    from tests.spotify.fake_spotify import FakeSpotify

RULES = PlaybackRules(autoplay=True, song_end=False, cool_down_s=0, away_s=600)
TOKENS = ("token-of-the-test", "another-token-of-the-test")
FAULTS = ("sign-in ends", "player gone", "setting up", "no answer", "half an answer")


@dataclass
class Stage:
    """A backend with its service; `faults` maps each of FAULTS to the trouble that is shown, None for no trouble."""

    backend: PlaybackBackend
    tracks: tuple[Track, ...]
    faults: Mapping[str, str | None]
    break_by: Callable[[str], object]
    mend: Callable[[], object]
    count_starts: Callable[[], int]
    replace_queue: Callable[[], object]
    """A person plays other music on the same speaker."""
    pause: Callable[[], object]
    """A person pauses what plays."""
    enqueue: Callable[[], object]
    """A person puts a song behind what plays."""
    secrets: list[str] = field(default_factory=list)
    queues: bool = True
    """Our songs and those of persons are in one queue, which keeps its place while it is paused."""


class FaultyWay(socketserver.ThreadingTCPServer):
    """Leads to mpd at a port, with a fault in between."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int) -> None:
        self.port, self.fault, self.released = port, "", threading.Event()
        self.on_line: Callable[[str], object] = lambda _line: None
        """Called with each line before mpd receives it."""
        self.commands: list[str] = []
        super().__init__(("127.0.0.1", 0), FaultyConnection)


class FaultyConnection(socketserver.StreamRequestHandler):
    """One client."""

    server: FaultyWay

    def handle(self) -> None:
        if self.server.fault == "player gone":
            return
        if self.server.fault == "setting up":
            self.wfile.write(b"ACK [0@0] {} starting\n")
            return
        with socket.create_connection(("127.0.0.1", self.server.port)) as mpd, mpd.makefile("rb") as answers:
            self.wfile.write(answers.readline())
            for line in self.rfile:
                self.server.commands.append(line.decode().split()[0])
                self.server.on_line(line.decode().strip())
                mpd.sendall(line)
                answer = b""
                while not answer.endswith(b"\n") or not answer.splitlines()[-1].startswith((b"OK", b"ACK")):
                    answer += answers.readline()
                if not self._pass(answer):
                    return

    def _pass(self, answer: bytes) -> bool:
        """Send an answer, or what the fault leaves of it; return whether the connection goes on."""
        fault = self.server.fault
        if fault == "sign-in ends":
            answer = b'ACK [4@0] {status} you don\'t have permission for "status"\n'
        elif fault == "no answer":
            self.server.released.wait(20)
            return False
        elif fault:
            answer = answer[: len(answer) // 2] if fault == "half an answer" else b""
        self.wfile.write(answer)
        return fault in ("", "sign-in ends")


def mpd_stage(folder: Path) -> Iterator[Stage]:
    library = Library(folder)
    library.password = "open sesame"
    with (folder / "mpd.conf").open("a") as config:
        config.write(f'password "{library.password}@read,add,control,admin"\ndefault_permissions ""\n')
    with library, FaultyWay(library.port) as way:
        threading.Thread(target=way.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        person = library.client()
        away = "check that it runs"
        faults = dict.fromkeys(FAULTS, away) | {"sign-in ends": "permission"}

        def mend() -> None:
            way.fault = ""
            way.released.set()

        yield Stage(
            MpdBackend("127.0.0.1", int(way.server_address[1]), SecretStr(library.password), timeout_s=1.0),
            library.tracks(),
            faults,
            lambda fault: setattr(way, "fault", fault),
            mend,
            lambda: way.commands.count("playid"),
            lambda: (person.clear(), person.add("theirs.wav"), person.play()),
            lambda: person.pause(1),
            lambda: person.add("theirs.wav"),
            [library.password],
        )
        way.released.set()
        way.shutdown()


def spotify_stage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with running_spotify(monkeypatch) as spotify:
        auth = auth_in(folder)
        sign_in, client = sign_in_at(spotify, SignIn(auth)), SpotifyClient(auth)
        yield signed_in_stage(spotify, auth, sign_in, client)
        client.close()


def signed_in_stage(spotify: FakeSpotify, auth: SpotifyAuth, sign_in: SignIn, client: SpotifyClient) -> Stage:
    client._session._deadline_s, client._api.requests_timeout = 1.0, (1.0, 1.0)
    kitchen, devices = spotify.add_device("Kitchen"), spotify.player.devices
    acts: dict[str, Callable[[], object]] = {
        "sign-in ends": spotify.revoke_sign_ins,
        "player gone": lambda: setattr(spotify.player, "devices", []),
        "setting up": lambda: spotify.faults.append(Fault("me/player", 503)),
        "no answer": lambda: spotify.faults.append(Fault("me/player", how="hang")),
        "half an answer": lambda: spotify.faults.append(Fault("me/player", how="cut")),
    }

    def mend() -> None:
        spotify.player.devices = devices
        spotify.faults.clear()
        spotify.released.set()
        redirect = spotify.authorize(str(sign_in.run_action("begin", {})["url"]))
        sign_in.run_action("finish", {"redirect": redirect})

    return Stage(
        SpotifyBackend(client, auth, "Kitchen"),
        tuple(Track(track_uri(f"song {number}"), "a", "b", "") for number in range(3)),
        {
            "sign-in ends": "sign in",
            "player gone": None,
            "setting up": "Spotify",
            "no answer": "does not answer in time",
            "half an answer": "broken",
        },
        lambda fault: acts[fault](),
        mend,
        lambda: spotify.count("PUT", "me/player/play"),
        lambda: spotify.player.play([track_uri("theirs")], kitchen),
        spotify.player.pause,
        lambda: None,
        list(spotify.secrets),
        queues=False,
    )


def music_assistant_stage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(client_module, "READ_S", 1.0)
    server = MusicAssistantDouble()
    server.library = [track("spotify", f"s{number}", f"Song {number}", "Ann") for number in range(3)]
    theirs = track("filesystem_local", "f5", "Their Own Song", "Somebody")
    server.start()
    file = ServerTokenFile(folder / "music-assistant.json")
    file.save(ServerToken(TOKENS[0], server.url))
    open_catalogue(folder / FILE_NAME).close()
    backend = MusicAssistantBackend(MusicAssistantAuth(file, None), SongUriTable(folder / FILE_NAME), "Kitchen")
    players = dict(server.players)
    acts: dict[str, Callable[[], object]] = {
        "sign-in ends": server.tokens.clear,
        "player gone": lambda: setattr(server, "players", {}),
        "setting up": lambda: setattr(server, "set_up", False),
        "no answer": lambda: server.faults.append(ServerFault("*", "hang")),
        "half an answer": lambda: server.faults.append(ServerFault("*", "cut")),
    }

    def mend() -> None:
        server.players, server.set_up = players, True
        server.faults.clear()
        server.released.set()
        server.tokens |= {*TOKENS}
        file.save(ServerToken(TOKENS[1], server.url))

    yield Stage(
        backend,
        tuple(Track(f"spotify:track:s{number}", f"Song {number}", "Ann", "") for number in range(3)),
        {
            "sign-in ends": "no longer takes the sign-in",
            "player gone": "gone",
            "setting up": "being set up",
            "no answer": "does not answer in time",
            "half an answer": "broken",
        },
        lambda fault: acts[fault](),
        mend,
        lambda: server.count("player_queues/play_media"),
        lambda: server.replace_queue(theirs),
        lambda: server.run("player_queues/pause", {"queue_id": "kitchen"}),
        lambda: server.enqueue(theirs),
        [*TOKENS],
    )
    server.stop()


BACKENDS: dict[str, Callable[[Path, pytest.MonkeyPatch], Iterator[Stage]]] = {
    "mpd": lambda folder, _: mpd_stage(folder),
    "spotify": spotify_stage,
    "music-assistant": music_assistant_stage,
}


@pytest.fixture(params=BACKENDS)
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    yield from BACKENDS[request.param](tmp_path, monkeypatch)


def play_ours(stage: Stage, state_file: PlayerStateFile | None = None) -> Room:
    room = Room(Player(stage.backend, RULES, state_file=state_file))
    room.player.start()
    room.update(stage.tracks)
    assert wait_until(lambda: room.player.get_playback().ours)
    assert wait_until(lambda: room.player.get_playback().state is PlayState.PLAYING)
    return room


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_middle_of_a_song_is_shown_and_passes(
    stage: Stage, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    room, text = play_ours(stage), stage.faults[fault]
    stage.break_by(fault)
    room.player.wake()
    begun = time.monotonic()
    for _ in range(20):
        room.update()
    assert time.monotonic() - begun < 0.5, "the watch loop never waits"
    if text is None:
        assert wait_until(lambda: not room.player.get_playback().ours)
        assert room.player.get_playback().trouble is None
    else:
        assert wait_until(lambda: text in str(room.player.get_playback().trouble))
        assert room.player.get_playback().state is PlayState.UNAVAILABLE
    stage.mend()
    room.player.wake()
    assert wait_until(lambda: room.player.get_playback().trouble is None)
    if text is not None:
        assert wait_until(lambda: room.player.get_playback().ours), "ours is still ours"
    assert room.player.get_playback().autoplay_block is None, "it was nobody's doing"
    assert stage.count_starts() == 1
    assert stage.secrets
    assert not [secret for secret in stage.secrets if secret in caplog.text]
    room.player.stop()


def test_a_queue_that_a_person_has_put_there_is_left_alone(stage: Stage) -> None:
    room = play_ours(stage)
    stage.replace_queue()
    room.player.wake()
    assert wait_until(lambda: not room.player.get_playback().ours)
    room.update(stage.tracks[1:])
    assert wait_until(lambda: "somebody else" in str(room.player.get_playback().autoplay_block))
    assert room.player.get_playback().state is PlayState.PLAYING
    assert stage.count_starts() == 1
    room.player.stop()


def test_paused_music_of_a_person_keeps_its_place_until_a_person_plays_ours(stage: Stage) -> None:
    room = play_ours(stage)
    stage.replace_queue()
    stage.pause()
    room.player.wake()
    assert wait_until(lambda: room.player.get_playback().state is PlayState.PAUSED)
    held = "paused or queued there" in str(room.player.get_playback().autoplay_block)
    assert held == stage.queues, "Spotify shows what was paused for hours: there it is over after the cool-down"
    room.update(stage.tracks[1:])
    if held:
        room.player.wake()
        assert not wait_until(lambda: stage.count_starts() > 1, 1)
        room.player.request(Play())
    assert wait_until(lambda: room.player.get_playback().ours)
    assert stage.count_starts() == 2
    room.player.stop()


def is_in(room: Room, state: PlayState) -> bool:
    return room.player.get_playback().state is state


PAUSED = Settings(paused=True)


@pytest.mark.parametrize("lasts", [True, False])
def test_a_pause_that_the_player_has_missed_is_made_later_only_while_it_lasts(stage: Stage, *, lasts: bool) -> None:
    room = play_ours(stage)
    stage.break_by("half an answer")
    room.update(settings=PAUSED)
    assert wait_until(lambda: room.player.get_playback().trouble is not None)
    if not lasts:
        room.update()
    stage.mend()
    room.player.wake()
    assert wait_until(lambda: room.player.get_playback().trouble is None)
    assert wait_until(lambda: is_in(room, PlayState.PAUSED), 30 if lasts else 9) is lasts
    room.player.stop()


def test_a_pause_that_the_player_has_missed_is_made_after_a_restart(stage: Stage, tmp_path: Path) -> None:
    file = PlayerStateFile(JsonFile(tmp_path / "playback.json"), stage.backend.name)
    room = play_ours(stage, file)
    stage.break_by("half an answer")
    room.update(settings=PAUSED)
    assert wait_until(lambda: room.player.get_playback().trouble is not None)
    room.player.stop()
    stage.mend()
    again = Room(Player(stage.backend, RULES, state_file=file), settings=PAUSED)
    again.player.start()
    assert wait_until(lambda: is_in(again, PlayState.PAUSED))
    again.player.stop()


@contextmanager
def playing_spotify(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Room, FakeSpotify]]:
    """Play our songs at the fake Spotify."""
    with running_spotify(monkeypatch) as spotify:
        auth = auth_in(folder)
        with closing(SpotifyClient(auth)) as client:
            room = play_ours(signed_in_stage(spotify, auth, sign_in_at(spotify, SignIn(auth)), client))
            yield room, spotify
            room.player.stop()


def test_a_speaker_whose_volume_spotify_refuses_is_paused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with playing_spotify(tmp_path, monkeypatch) as (room, spotify):
        error = {"status": 403, "reason": "VOLUME_CONTROL_DISALLOW", "message": "Player command failed"}
        spotify.faults.append(Fault("me/player/volume", 403, error=error))
        room.update(settings=PAUSED)
        assert wait_until(lambda: not spotify.player.playing)
        assert wait_until(lambda: is_in(room, PlayState.PAUSED))
        assert room.player.get_playback().trouble is None


def test_a_fade_that_breaks_off_is_begun_again_and_its_volume_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with playing_spotify(tmp_path, monkeypatch) as (room, spotify):
        device = spotify.player.devices[0]
        before = device["volume_percent"]
        spotify.faults.append(Fault("me/player/pause", 503))
        room.update(settings=PAUSED)
        assert wait_until(lambda: "Spotify" in str(room.player.get_playback().trouble)), "the pause has failed"
        spotify.faults.clear()
        assert wait_until(lambda: not spotify.player.playing)
        assert wait_until(lambda: device["volume_percent"] == before)


def test_a_disliked_song_is_skipped_that_spotify_plays_as_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with playing_spotify(tmp_path, monkeypatch) as (room, spotify):
        first, second = spotify.player.uris[:2]
        spotify.relinked[first] = track_uri("the same one, as it is sold here")
        room.update(rejected=frozenset({first}))
        assert wait_until(lambda: spotify.player.uris[0] == second, 15)


@dataclass
class PlayingMpd:
    """A player with a real mpd that plays our songs at 80 percent; `person` is another client."""

    room: Room
    person: Any
    way: FaultyWay
    tracks: tuple[Track, ...]


@contextmanager
def playing_mpd(folder: Path, *, volume: int | None = None) -> Iterator[PlayingMpd]:
    """Play our songs at mpd, which is at 80 percent; with a `volume`, autoplay fades them in to it."""
    with Library(folder) as library, FaultyWay(library.port) as way:
        (person := library.client()).setvol(80)
        threading.Thread(target=way.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        backend = MpdBackend("127.0.0.1", int(way.server_address[1]))
        room = Room(Player(backend, replace(RULES, autoplay=volume is not None, volume=volume)))
        room.player.start()
        if volume is None:
            room.player.request(Play(), library.tracks())
        else:
            room.update(library.tracks())
        assert wait_until(lambda: is_in(room, PlayState.PLAYING))
        yield PlayingMpd(room, person, way, library.tracks())
        way.released.set()
        room.player.stop()
        way.shutdown()


@pytest.mark.parametrize("fading", [True, False])
def test_a_stop_finishes_the_fade_of_a_pause_and_one_that_has_just_been_switched_on(
    tmp_path: Path, *, fading: bool
) -> None:
    with playing_mpd(tmp_path) as playing:
        playing.room.update(settings=PAUSED)
        assert not fading or wait_until(lambda: int(playing.person.status()["volume"]) < 80)
        playing.room.player.stop()
        assert playing.person.status()["state"] == "pause"
        assert playing.person.status()["volume"] == "80"


def test_a_stop_waits_for_a_stop_command_behind_a_slow_one(tmp_path: Path) -> None:
    with playing_mpd(tmp_path) as playing:
        delays = iter([1.5])
        playing.way.on_line = lambda line: time.sleep(next(delays, 0)) if line.startswith("setvol") else None
        playing.room.player.request(SetVolume(30))
        stopped = playing.room.player.request(Stop())
        playing.room.player.stop()
        assert stopped.exception(0) is None
        assert playing.person.status()["state"] == "pause"


def test_a_stop_finishes_a_stop_command_and_a_pause_with_one_pause(tmp_path: Path) -> None:
    with playing_mpd(tmp_path) as playing:
        polling, put = threading.Event(), threading.Event()

        def hold(line: str) -> None:
            if line == "currentsong":
                polling.set()
                put.wait(20)

        playing.way.on_line = hold
        playing.room.player.wake()
        assert polling.wait(20)
        playing.room.update(settings=PAUSED)
        playing.room.player.request(Stop())
        threading.Timer(0.2, put.set).start()
        playing.room.player.stop()
        assert playing.person.status()["state"] == "pause"
        assert playing.way.commands[-1] == "pause", "and nothing is asked after it"


def test_a_question_is_answered_at_the_stop_while_the_player_hangs(tmp_path: Path) -> None:
    with playing_mpd(tmp_path) as playing:
        hanging = threading.Event()
        playing.way.fault, playing.way.on_line = "no answer", lambda _line: hanging.set()
        playing.room.player.wake()
        assert hanging.wait(20)
        waiting = playing.room.player.query(lambda backend: backend.get_status())
        playing.room.player.stop()
        late = playing.room.player.query(lambda backend: backend.get_status())
        assert [str(answer.exception(0)) for answer in (waiting, late)] == [STOPPING, STOPPING]


def test_a_disliked_song_is_skipped_once_the_player_is_back(tmp_path: Path) -> None:
    with playing_mpd(tmp_path) as playing:
        playing.way.fault = "player gone"
        playing.room.update(rejected=frozenset({playing.tracks[0].track_id}))
        assert wait_until(lambda: playing.room.player.get_playback().trouble is not None)
        playing.way.fault = ""
        playing.room.player.wake()
        assert wait_until(lambda: playing.person.currentsong()["file"] == "song 1.wav", 10), "long before its end"


def test_music_that_is_started_in_a_fade_plays_at_its_volume(tmp_path: Path) -> None:
    with playing_mpd(tmp_path) as playing:
        room, person = playing.room, playing.person
        room.update(settings=PAUSED)
        assert wait_until(lambda: int(person.status()["volume"]) < 80)
        room.update()
        room.player.request(Play(), playing.tracks[1:])
        assert wait_until(lambda: person.currentsong()["file"] == "song 1.wav")
        assert wait_until(lambda: person.status()["volume"] == "80")
        assert not wait_until(lambda: person.status()["state"] != "play", 3)


def test_a_pause_in_the_fade_of_a_start_restores_the_volume_in_which_it_was_to_end(tmp_path: Path) -> None:
    with playing_mpd(tmp_path, volume=40) as playing:
        assert wait_until(lambda: (playing.room.player.get_playback().volume or 40) < 40)
        playing.room.update(settings=PAUSED)
        assert wait_until(lambda: playing.person.status()["state"] == "pause")
        assert wait_until(lambda: playing.person.status()["volume"] == "40", 3)
