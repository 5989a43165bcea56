"""The player with a real mpd: short generated songs, a null output, and another client as the person in the room."""

from __future__ import annotations

import contextlib
import http.server
import math
import shutil
import socket
import socketserver
import struct
import subprocess
import threading
import time
import wave
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import mpd
import pytest
from pydantic import SecretStr

from musicond.core.commands import Next, OtherSongs, Play, Previous, SetSpeaker, SetVolume, Stop
from musicond.core.models import Faces, Mood, PlayerStatus, Speaker, Track, Watching
from musicond.core.outcome import Outcome, PlayState, Recommendation
from musicond.core.settings import Settings
from musicond.errors import CommandError, PlaybackError, SongsMissingError
from musicond.player.events import PlaybackRules
from musicond.player.mpd import MpdBackend
from musicond.player.player import Player
from tests.mqtt.conftest import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

MPD = shutil.which("mpd") or shutil.which("mpd", path="/usr/bin:/usr/local/bin")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


NULL_OUTPUTS = {"null": 'type "null"', "other": 'type "null"'}
"""Outputs of mpd by their names, as lines of its configuration."""


class Library:
    """A real mpd with three songs of half a minute; it can be stopped and started again."""

    def __init__(self, folder: Path, outputs: Mapping[str, str] = NULL_OUTPUTS) -> None:
        self.music, self._folder, self.port = folder / "music", folder, free_port()
        self._clients: list[Any] = []
        self.password = ""
        self.music.mkdir()
        for number in range(3):
            song(self.music / f"song {number}.wav", 220.0 * (number + 1))
        song(self.music / "theirs.wav", 100.0)
        (folder / "mpd.conf").write_text(
            f'music_directory "{self.music}"\ndb_file "{folder}/db"\nlog_file "{folder}/log"\n'
            f'bind_to_address "127.0.0.1"\nport "{self.port}"\n'
            + "".join(
                f'audio_output {{\n  {lines}\n  name "{name}"\n  mixer_type "software"\n}}\n'
                for name, lines in outputs.items()
            )
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def start(self) -> None:
        assert MPD, "mpd is missing: apt install mpd"
        self.process = subprocess.Popen([MPD, "--no-daemon", str(self._folder / "mpd.conf")], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.02)
        client = self.client()
        client.update()
        while "updating_db" in client.status() or len(client.listall()) < 4:
            assert time.monotonic() < end, "mpd does not finish reading its music folder"
            time.sleep(0.05)

    def stop(self) -> None:
        for client in self._clients:
            client.disconnect()
        self._clients.clear()
        self.process.terminate()
        self.process.wait(10)

    def client(self) -> Any:
        client = mpd.MPDClient()
        client.connect("127.0.0.1", self.port)
        if self.password:
            client.password(self.password)
        self._clients.append(client)
        return client

    def tracks(self) -> tuple[Track, ...]:
        return tuple(
            Track((self.music / f"song {number}.wav").as_uri(), f"song {number}", "x", "") for number in range(3)
        )


def song(path: Path, pitch: float, seconds: int = 30, rate: int = 8000) -> None:
    """Write a tone."""
    samples = b"".join(struct.pack("<h", round(3000 * math.sin(2 * math.pi * pitch * at / rate))) for at in range(rate))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples * seconds)


class Room:
    """A player in a room that the test directs."""

    def __init__(self, player: Player, more: threading.Event | None = None, settings: Settings | None = None) -> None:
        self.player, self.more = player, more or threading.Event()
        self.seq = 0
        self.update(settings=settings)

    def update(
        self,
        tracks: tuple[Track, ...] = (),
        *,
        present: bool = True,
        settings: Settings | None = None,
        rejected: frozenset[str] = frozenset(),
    ) -> None:
        self.seq += 1
        self.player.accept(
            Outcome(
                seq=self.seq,
                captured_at=time.monotonic(),
                wall_time=NOON,
                watching=Watching.YES,
                mood=Mood.HAPPY,
                since=NOON,
                confidence=1.0,
                scores=None,
                raw_scores=None,
                faces=Faces(),
                recommendation=Recommendation(Mood.HAPPY, tracks, "", NOON, rejected=rejected),
                recommended=bool(tracks),
                settings=settings or Settings(),
                present=present,
            )
        )

    def until(self, true: Callable[[], bool]) -> bool:
        return wait_until(true)


def wait_until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        threading.Event().wait(0.02)
    return True


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path) as library:
        yield library


@pytest.fixture
def room(library: Library) -> Iterator[Room]:
    rules = PlaybackRules(autoplay=True, song_end=False, volume=40, volume_max=60, cool_down_s=0, away_s=1)
    more = threading.Event()
    room = Room(Player(MpdBackend("127.0.0.1", library.port), rules, more.set), more)
    room.player.start()
    yield room
    room.player.stop()


def test_a_mood_plays_its_songs_softly_and_a_person_may_take_over(library: Library, room: Room) -> None:
    person = library.client()
    room.update(library.tracks())
    assert room.until(lambda: room.player.get_playback().ours and room.player.get_playback().state is PlayState.PLAYING)
    assert [song["file"] for song in person.playlistinfo()] == [f"song {number}.wav" for number in range(3)]
    assert room.until(lambda: person.status().get("volume") == "40")
    track = room.player.get_playback().track
    assert track is not None
    assert track.title == "song 0"
    person.clear()
    person.add("theirs.wav")
    person.play()
    assert room.until(lambda: not room.player.get_playback().ours)
    room.update(library.tracks())
    assert room.until(lambda: "somebody else" in str(room.player.get_playback().autoplay_block))
    assert person.currentsong()["file"] == "theirs.wav"
    assert person.status()["state"] == "play"


def test_persons_orders_are_obeyed_within_the_ceiling(library: Library, room: Room) -> None:
    person = library.client()
    room.update(library.tracks(), settings=Settings(autoplay=False))
    room.player.request(Play(), ())
    assert room.until(lambda: person.status()["state"] == "play")
    room.player.request(SetVolume(90))
    assert room.until(lambda: person.status().get("volume") == "60")
    room.player.request(Stop())
    assert room.until(lambda: person.status()["state"] == "pause")
    assert room.until(lambda: room.player.get_playback().state is PlayState.PAUSED)
    room.player.request(Play(), ())
    assert room.until(lambda: person.status()["state"] == "play")
    assert person.currentsong()["file"] == "song 0.wav", "it goes on"
    room.player.request(Play("x"), library.tracks()[1:])
    assert room.until(lambda: person.currentsong().get("file") == "song 1.wav")
    assert room.until(lambda: room.player.get_playback().ours)
    room.player.request(OtherSongs())
    room.update(library.tracks()[2:], settings=Settings(autoplay=False))
    assert room.until(lambda: person.currentsong().get("file") == "song 2.wav")


def is_loaded(person: Any, file: str) -> bool:
    return bool(person.currentsong().get("file") == file)


def is_shown(room: Room, title: str) -> bool:
    track = room.player.get_playback().track
    return track is not None and track.title == title


def test_tracks_are_skipped_and_the_last_one_leads_on(library: Library, room: Room) -> None:
    person = library.client()
    room.update(library.tracks(), settings=Settings(autoplay=False))
    room.player.request(Play())
    assert room.until(lambda: room.player.get_playback().ours)
    for command, file in ((Next(), "song 1.wav"), (Next(), "song 2.wav"), (Previous(), "song 1.wav")):
        room.player.request(command)
        assert room.until(partial(is_loaded, person, file))
        assert room.until(partial(is_shown, room, file.removesuffix(".wav")))
    playback = room.player.get_playback()
    assert playback.duration_s == pytest.approx(30, abs=1)
    assert playback.elapsed_s is not None
    assert playback.elapsed_at is not None
    room.player.request(Next())
    assert room.until(lambda: person.currentsong().get("file") == "song 2.wav")
    assert room.until(partial(is_shown, room, "song 2"))
    room.player.request(Next())
    assert room.more.wait(20)


def test_a_command_that_failed_is_shown_until_the_player_works(library: Library, room: Room) -> None:
    room.update(library.tracks()[:1], settings=Settings(autoplay=False))
    room.player.request(Play())
    assert room.until(lambda: room.player.get_playback().ours)
    room.player.request(Play("x"), (Track("file:///elsewhere", "Elsewhere", "x", ""),))
    assert room.until(lambda: "mpc update" in str(room.player.get_playback().trouble))
    room.player.request(Next())  # at our last track it only requests other songs
    assert room.more.wait(20)
    assert room.player.query(lambda backend: backend.name).result(20) == "mpd"
    assert "mpc update" in str(room.player.get_playback().trouble)
    assert room.player.get_playback().reachable


def test_songs_that_mpd_does_not_have_are_named_once_and_are_no_fault(
    library: Library, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    playback = room.player.get_playback
    missing = (Track("file:///elsewhere", "Elsewhere", "x", ""),)
    for _ in range(3):
        room.update(missing)
        assert room.until(lambda: playback().songs_missing)
        assert playback().state is PlayState.STOPPED, "mpd works"
        assert "music.library" in str(playback().trouble)
        room.update(missing[:0])
    room.update(library.tracks())
    assert room.until(lambda: playback().ours)
    assert not playback().songs_missing
    assert playback().trouble is None
    room.update(missing)
    assert room.until(lambda: playback().songs_missing)
    assert playback().state is PlayState.PLAYING, "what plays goes on"
    assert caplog.text.count("none of the recommended songs") == 1
    assert "playback is back" not in caplog.text


def test_an_output_is_chosen_and_a_picture_is_read(library: Library, room: Room) -> None:
    person = library.client()
    assert room.player.query(lambda backend: backend.get_speakers()).result(20) == (
        Speaker("null", selected=True),
        Speaker("other", selected=True),
    )
    room.player.request(SetSpeaker("other"))
    assert room.until(lambda: [output["outputenabled"] for output in person.outputs()] == ["0", "1"])
    error = room.player.request(SetSpeaker("gone")).exception(20)
    assert str(error) == "there is no speaker 'gone' now; the player has: null, other"
    assert room.player.get_playback().trouble is None, "the player is well"
    room.player.request(SetSpeaker("null"))
    assert room.until(lambda: [output["outputenabled"] for output in person.outputs()] == ["1", "0"])
    assert room.until(lambda: room.player.get_playback().trouble is None)
    (library.music / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40_000))
    room.update(library.tracks(), settings=Settings(autoplay=False))
    room.player.request(Play())
    assert room.until(lambda: room.player.get_playback().track is not None)
    track = room.player.get_playback().track
    assert track is not None
    cover = room.player.query(lambda backend: backend.get_cover(track)).result(20)
    assert cover is not None
    assert (cover.media_type, len(cover.content)) == ("image/png", 40_008)
    assert room.player.query(lambda backend: backend.get_cover(library.tracks()[1])).result(20) is None, (
        "it does not play"
    )


@pytest.mark.parametrize("paused", [False, True])
def test_a_stored_speaker_waits_for_what_plays_and_is_used_by_the_next_start(library: Library, paused: bool) -> None:
    person = library.client()
    before = MpdBackend("127.0.0.1", library.port)
    owned = before.play(library.tracks()).item_ids
    assert wait_until(lambda: before.get_status().playing)
    before.close()
    backend = MpdBackend("127.0.0.1", library.port)
    backend.select_speaker("other", move=False)
    assert [output["outputenabled"] for output in person.outputs()] == ["1", "1"], "no music moves for it"
    if paused:
        person.pause(1)
        backend.resume()
    else:
        assert set(backend.play(library.tracks()).item_ids).isdisjoint(owned)
    assert [output["outputenabled"] for output in person.outputs()] == ["0", "1"]
    assert wait_until(lambda: backend.get_status().playing)
    person.enableoutput(0)
    backend.play(library.tracks())
    assert [output["outputenabled"] for output in person.outputs()] == ["1", "1"], "a person's later choice stays"
    with pytest.raises(PlaybackError, match="has no output gone"):
        backend.select_speaker("gone", move=False)
    backend.close()


def test_an_empty_room_lets_the_music_fade_and_sets_the_volume_back(library: Library, room: Room) -> None:
    person = library.client()
    room.update(library.tracks())
    assert room.until(lambda: person.status().get("volume") == "40")

    def is_paused_in_an_empty_room() -> bool:
        room.update(present=False)  # as the watch loop does, several times a second
        return bool(person.status()["state"] == "pause")

    assert room.until(is_paused_in_an_empty_room)
    assert room.until(lambda: person.status().get("volume") == "40")


def test_a_daemon_that_goes_and_comes_back_is_told_and_found(library: Library, room: Room) -> None:
    library.stop()
    room.update(library.tracks())
    assert room.until(lambda: "check that it runs" in str(room.player.get_playback().trouble))
    assert room.player.get_playback().state is PlayState.UNAVAILABLE
    assert room.until(lambda: not room.player.get_playback().reachable)
    library.start()
    room.player.wake()
    assert room.until(lambda: room.player.get_playback().trouble is None)
    assert room.player.get_playback().reachable
    assert room.until(lambda: room.player.get_playback().ours), "the recommendation still waits"


def test_songs_that_it_does_not_have_are_told(library: Library) -> None:
    backend = MpdBackend("127.0.0.1", library.port)
    with pytest.raises(SongsMissingError, match=r"music\.library.*mpc update"):
        backend.play([Track("spotify:track:1", "Elsewhere", "x", "")])
    item_ids = backend.play(library.tracks()[:1]).item_ids
    assert backend.get_status().item_ids == set(item_ids)
    backend.pause()
    assert not backend.get_status().playing
    backend.resume()
    backend.close()
    with pytest.raises(PlaybackError, match=r"mpd\.host"):
        MpdBackend("127.0.0.1", free_port()).get_status()


def test_a_password_opens_mpd_and_is_never_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library = Library(tmp_path)
    library.password = "open sesame"
    with (tmp_path / "mpd.conf").open("a") as config:
        config.write('password "open sesame@read,add,control,admin"\ndefault_permissions ""\n')
    library.start()
    caplog.set_level("DEBUG")
    without = MpdBackend("127.0.0.1", library.port)
    with pytest.raises(PlaybackError, match="permission"):
        without.get_status()
    without.close()
    with pytest.raises(PlaybackError, match="incorrect password") as error:
        MpdBackend("127.0.0.1", library.port, SecretStr("wrong sesame")).get_status()
    backend = MpdBackend("127.0.0.1", library.port, SecretStr("open sesame"))
    assert backend.play(library.tracks())
    backend.close()
    assert "sesame" not in caplog.text + str(error.value) + repr(vars(backend))
    library.stop()


def test_an_address_is_played_where_mpd_opens_its_kind(library: Library, tmp_path: Path) -> None:
    song(tmp_path / "far.wav", 150.0)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        web = f"http://127.0.0.1:{server.server_address[1]}"
        backend = MpdBackend("127.0.0.1", library.port)
        [item_id] = backend.play(
            [Track(f"{web}/far.wav", "Far", "x", ""), Track(f"{web}/page", "Page", "x", "")]
        ).item_ids
        assert item_id.endswith("/far.wav")
        assert wait_until(lambda: backend.get_status().item_ids == {item_id})
        backend.close()
        server.shutdown()


def test_mopidy_plays_songs_of_spotify_by_their_address(fake_mpd: FakeMpd) -> None:
    fake_mpd.answers |= {"urlhandlers": "handler: spotify\n", "addid": "Id: 7\n"}
    backend = MpdBackend("127.0.0.1", int(fake_mpd.server_address[1]))
    assert backend.play([Track("spotify:track:1", "Elsewhere", "x", "")]).item_ids == ("7 spotify:track:1",)
    backend.close()


@pytest.mark.parametrize("failing", ["playid", "repeat", "addid"])
def test_a_start_that_fails_leaves_the_queue_and_the_modes_as_they_were(fake_mpd: FakeMpd, failing: str) -> None:
    fake_mpd.answers |= {
        "urlhandlers": "handler: spotify\n",
        "status": "repeat: 1\n",
        "addid": "Id: 7\n",
        "playlistinfo": "file: theirs\nId: 1\nfile: spotify:track:1\nId: 7\n",
    }
    fake_mpd.answers[failing] = "ACK [50@0] {} refused\n" if failing != "addid" else "Id: 7\n"
    tracks = [Track("spotify:track:1", "Elsewhere", "x", "")]
    backend = MpdBackend("127.0.0.1", int(fake_mpd.server_address[1]))
    if failing == "addid":  # the second one, after which mpd is gone
        fake_mpd.answers["find"] = "no colon\n"
        tracks.append(Track("song:x", "Next", "x", ""))
    with pytest.raises(PlaybackError):
        backend.play(tracks)
    backend.close()
    assert fake_mpd.answers["status"] == "repeat: 1\n"
    assert [line for line in fake_mpd.commands if line.startswith("delete")] == ['deleteid "7"']


class FakeMpd(socketserver.ThreadingTCPServer):
    """Speaks mpd's protocol with the lines of `answers`, by command."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers, self.commands = answers, list[str]()
        super().__init__(("127.0.0.1", 0), FakeMpdConnection)


class FakeMpdConnection(socketserver.StreamRequestHandler):
    """One client."""

    server: FakeMpd

    def handle(self) -> None:
        self.wfile.write(b"OK MPD 0.23.5\n")
        for line in self.rfile:
            command, _, argument = line.decode().strip().partition(" ")
            self.server.commands.append(line.decode().strip())
            if command == "repeat":
                self.server.answers["status"] = f"repeat: {argument.strip(chr(34))}\n"
            answer = self.server.answers.get(command, "")
            end = "" if answer.startswith("ACK [") else "OK\n"
            self.wfile.write(f"{answer}{end}".encode("utf-8", "surrogateescape"))


@pytest.fixture
def fake_mpd() -> Iterator[FakeMpd]:
    with FakeMpd({}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "status",
    [
        "volume: loud\nelapsed: abc\nduration: nan\n",
        "volume: 900\nelapsed: -1\nduration: inf\n",
        "volume: -1\n",
        "volume: 10\nvolume: 20\nelapsed: 1\nelapsed: 2\nstate: play\nstate: stop\n",
        "",
    ],
)
def test_odd_values_of_mpd_count_as_unknown(fake_mpd: FakeMpd, status: str) -> None:
    song = "file: a\nfile: b\ntitle: x\x07\ntitle: y\nartist: \x1b[31m\n"
    fake_mpd.answers |= {"status": status, "currentsong": song}
    backend = MpdBackend("127.0.0.1", int(fake_mpd.server_address[1]))
    answer = backend.get_status()
    assert (answer.volume, answer.elapsed_s, answer.duration_s) == (None, 0.0, None)
    assert answer.track is not None
    assert (answer.track.track_id, answer.track.title, answer.track.artist) == ("a", "x", "")
    backend.set_volume(20)
    backend.close()


@pytest.mark.parametrize("answer", ["no colon\n", "x\udcff: y\n", "\x00\n" * 9, "ACK\n", "ACK [5@0] {} x\n"])
def test_what_is_no_answer_of_mpd_is_a_trouble_and_never_ends_the_thread(fake_mpd: FakeMpd, answer: str) -> None:
    backend = MpdBackend("127.0.0.1", int(fake_mpd.server_address[1]))
    player = Room(Player(backend, PlaybackRules())).player
    fake_mpd.answers |= dict.fromkeys(("status", "currentsong", "find", "addid"), answer)
    for action in (backend.get_status, backend.pause, lambda: backend.play([Track("file:/a", "x", "y", "")])):
        with contextlib.suppress(PlaybackError):
            action()
    player.start()
    player.wake()
    assert wait_until(lambda: player.get_playback().trouble is not None)
    assert player.is_alive()
    fake_mpd.answers.clear()
    player.wake()
    assert wait_until(lambda: player.get_playback().trouble is None)
    player.stop()


SONG = "Angry Ballad"


@pytest.mark.parametrize(
    "status",
    [
        f"state: stop\nerror: Failed to decode /music/{SONG}.wav\n",
        f"ACK [50@0] {{status}} No such song: {SONG}\n",
        f"{SONG} without a colon\n",
    ],
)
def test_what_mpd_says_of_a_song_is_shown_and_not_logged(
    fake_mpd: FakeMpd, caplog: pytest.LogCaptureFixture, status: str
) -> None:
    caplog.set_level("INFO")
    fake_mpd.answers["status"] = status
    player = Room(Player(MpdBackend("127.0.0.1", int(fake_mpd.server_address[1])), PlaybackRules())).player
    player.start()
    assert wait_until(lambda: SONG in str(player.get_playback().trouble))
    assert "playback: mpd" in caplog.text
    assert SONG not in caplog.text
    player.stop()


class BrokenBackend:
    """A backend with a bug in one method at a time."""

    name = "broken"

    def __init__(self) -> None:
        self.broken = ""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name == self.broken:
            raise KeyError("bug")
        return lambda *_: {"get_status": PlayerStatus(), "clear_modes": ()}.get(name)


@pytest.mark.parametrize("method", ["get_status", "get_account"])
def test_a_bug_of_a_backend_is_shown_and_playback_goes_on(method: str, caplog: pytest.LogCaptureFixture) -> None:
    backend: Any = BrokenBackend()
    backend.broken = method
    player = Room(Player(backend, PlaybackRules())).player
    player.start()
    assert wait_until(lambda: "an error of musicond" in str(player.get_playback().trouble))
    assert player.get_playback().state is PlayState.UNAVAILABLE
    backend.broken = ""
    player.wake()
    assert wait_until(lambda: player.get_playback().state is PlayState.STOPPED or not player.is_alive())
    assert player.is_alive()
    assert caplog.text.count("Traceback") == 1
    player.stop()


def test_a_question_is_answered_although_a_bug_ends_the_turn() -> None:
    backend: Any = BrokenBackend()
    backend.broken = "get_status"
    player = Room(Player(backend, PlaybackRules())).player
    answer = player.query(lambda backend: backend.name)
    player.start()
    assert isinstance(answer.exception(20), CommandError)
    player.stop()
