"""The readers of what comes over a wire that `tools/fuzz.py` tries: MQTT payloads, requests and answers.

The readers are the real ones: the page's server with a catalogue, and the clients of Spotify and Music Assistant with
a server on this machine. It answers each request with the next part of the input.
"""

from __future__ import annotations

import logging
import math
import socket
import tempfile
import threading
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import MQTTMessage

from musicond.config.schema import Mqtt
from musicond.core import settings as settings_module
from musicond.core.models import Track
from musicond.core.settings import Settings
from musicond.errors import CommandError, ListError, PlaybackError, clean_text
from musicond.mqtt.output import MqttOutput
from musicond.music_assistant.auth import MusicAssistantAuth, ServerToken, ServerTokenFile
from musicond.music_assistant.backend import MusicAssistantBackend
from musicond.music_assistant.sign_in import MusicAssistantSignIn
from musicond.runtime.json_file import JsonFile
from musicond.spotify import auth as spotify_auth
from musicond.spotify.auth import PLAY_SCOPES, READ_SCOPES, SpotifyAuth
from musicond.spotify.backend import SpotifyBackend
from musicond.spotify.client import SpotifyClient
from musicond.spotify.playlists import SpotifyList
from musicond.spotify.sign_in import SignIn
from musicond.spotify.token_file import Grant, TokenFile
from tools import fuzz_message_seeds as seeds
from tools.fuzz_files import MEMORY, Format
from tools.fuzz_message_seeds import BREAK, LENGTH, MOST_ANSWERS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from musicond.core.commands import Command

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PLAYER = "Kitchen"
REDIRECT = "http://127.0.0.1:8888/callback"
CLIENT = "c" * 32
ANSWER_S = 0.1
"""Wait for an answer of the page to a request that may be incomplete."""
MINE = Track("spotify:track:7qiZfU4dY1lWllzX7mPBI3", "Shape", "Ed", "")


class LogErrors(logging.Handler):
    """Keeps the tracebacks that are logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record with a traceback."""
        if record.exc_info:
            self.records.append(logging.Formatter().format(record))

    def check(self) -> None:
        """Raise for what was logged since the last check."""
        records, self.records = self.records, []
        if records:
            raise AssertionError("\n".join(records))


class AnswerServer:
    """An HTTP server on a free port of this machine that answers with given bytes, in a thread."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._answers, self._fixed, self._count = [b""], dict[bytes, bytes](), 0
        self._thread = threading.Thread(target=self._serve, name="answers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def set_answers(self, content: bytes, fixed: Mapping[bytes, bytes]) -> None:
        """Answer with the parts of `content` in turns, and with `fixed` at these paths."""
        self._answers, self._fixed, self._count = content.split(BREAK), dict(fixed), 0

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # it is closed
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                connection.sendall(self._answer(_read_request(connection)))

    def _answer(self, request: bytes) -> bytes:
        path = request.split(b" ", 2)[1] if request.count(b" ") > 1 else b""
        if path in self._fixed:
            return with_length(self._fixed[path])
        self._count += 1
        if self._count > MOST_ANSWERS:
            return b""
        return with_length(self._answers[(self._count - 1) % len(self._answers)])


def _read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request and (part := connection.recv(65536)):
        request += part
    head, _, body = request.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length and (part := connection.recv(65536)):
        body += part
    return request


def with_length(message: bytes) -> bytes:
    """Return an HTTP message with the right length of its body in place of `Content-Length: *`."""
    _, _, body = message.partition(b"\r\n\r\n")
    return message.replace(LENGTH, b"Content-Length: %d" % len(body), 1)


@cache
def answers() -> AnswerServer:
    """Return the one server."""
    return _OPEN.enter_context(closing(AnswerServer()))


@cache
def errors() -> LogErrors:
    """Return the one handler of the log."""
    handler = LogErrors()
    logging.getLogger().addHandler(handler)
    _OPEN.callback(logging.getLogger().removeHandler, handler)
    return handler


@cache
def folder() -> Path:
    """Return the folder of the readers' files."""
    holder = tempfile.TemporaryDirectory(prefix="musicond-fuzz-", dir=MEMORY if MEMORY.is_dir() else None)
    return Path(_OPEN.enter_context(holder))


_OPEN = ExitStack()
"""Servers, threads, files and the handler of the log, which the inputs share."""


def close() -> None:
    """Close what the readers share; the next input opens it again."""
    _OPEN.close()
    for shared in (answers, errors, folder, _mqtt, _page):
        shared.cache_clear()


def check_shown(value: Any) -> None:
    """Raise for a value to show that has control characters in a text, or a number without a value."""
    if isinstance(value, str) and clean_text(value) != value:
        raise AssertionError(repr(value))
    if isinstance(value, float) and not math.isfinite(value):
        raise AssertionError(value)
    for part in _parts(value):
        check_shown(part)


def _parts(value: Any) -> Iterator[Any]:
    if is_dataclass(value):
        # Identifiers are never shown.
        yield from (getattr(value, field.name) for field in fields(value) if field.name != "item_ids")
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value


@cache
def _mqtt() -> tuple[MqttOutput, list[Command]]:
    commands: list[Command] = []

    def submit(command: Command) -> Future[None]:
        commands.append(command)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    file = JsonFile(folder() / "published.json")
    file.save({"topics": ["musicond/old/availability", "musicond/old/mood"]})
    mqtt = Mqtt(host="127.0.0.1")
    needed = ("playback", "music", "temperature", "throttled", "undervoltage")
    return MqttOutput(mqtt, "den", "Den", None, submit, dict, needed, published=file), commands


def _read_payload(path: Path) -> None:
    """Give a payload to the output: the first byte is the topic, the second the flags."""
    content = path.read_bytes()
    output, commands = _mqtt()
    first, flags = (*content[:2], 0, 0)[:2]
    message = MQTTMessage(mid=flags >> 4, topic=TOPICS[first % len(TOPICS)].encode())
    message.payload, message.retain, message.dup = content[2:], bool(flags & 1), bool(flags & 2)
    commands.clear()
    errors().records.clear()
    output.on_message(message.topic, message)
    settings = Settings()
    for command in commands:
        settings = settings_module.apply(settings, command, NOON)
        check_shown(command)
    errors().check()


@cache
def _page() -> int:
    """Start the page with all its endpoints but those that search the network; return its port."""
    from tests.web.conftest import HAPPY  # noqa: PLC0415 - pytest is needed for this format alone
    from tests.web.full_server import FullServer  # noqa: PLC0415 - likewise

    full = FullServer(Path(tempfile.mkdtemp(dir=folder())))
    full.server.endpoints.pop("music-assistant")
    full.jobs.start()
    _OPEN.callback(full.jobs.stop)
    full.output.start()
    _OPEN.callback(full.output.stop)
    full.output.accept(HAPPY)
    return full.server.port


def _read_page_request(path: Path) -> None:
    handler = errors()
    handler.records.clear()
    with socket.create_connection(("127.0.0.1", _page())) as client:
        client.settimeout(ANSWER_S)
        answer = b""
        with suppress(OSError):
            client.sendall(with_length(path.read_bytes()))
            while (part := client.recv(65536)) and len(answer) < 2**20:
                answer += part
    handler.check()
    if answer.startswith(b"HTTP/1.1 500"):
        raise AssertionError(answer[:2000])


def _run(act: Callable[[], Any]) -> None:
    """Run a client of a server; it may raise only the errors that are shown to users."""
    errors().records.clear()
    try:
        check_shown(act())
    except (PlaybackError, ListError, CommandError) as exc:
        check_shown(str(exc))
    errors().check()


@contextmanager
def _spotify_at(address: str) -> Iterator[None]:
    """Direct the clients of Spotify to another server."""
    before = spotify_auth.API, spotify_auth.ACCOUNTS
    spotify_auth.API, spotify_auth.ACCOUNTS = f"{address}/v1/", address
    try:
        yield
    finally:
        spotify_auth.API, spotify_auth.ACCOUNTS = before


def _read_spotify(path: Path) -> None:
    """Send the request to Spotify that the first byte selects; the rest is the answer."""
    with _spotify_at(answers().address):
        _ask_spotify(path.read_bytes(), answers())


def _ask_spotify(content: bytes, server: AnswerServer) -> None:
    scopes = (*READ_SCOPES, *PLAY_SCOPES)
    auth = SpotifyAuth(TokenFile(folder() / "spotify.json"), CLIENT, REDIRECT, scopes)
    auth.token_file.save(Grant("r" * 20, "2026-11-01T12:00:00+00:00", " ".join(scopes), CLIENT, "Ann"))
    client = SpotifyClient(auth)
    backend, sign_in = SpotifyBackend(client, auth, PLAYER, anywhere=content[:1] > b"h"), SignIn(auth)

    def finish() -> object:
        state = str(sign_in.begin()["url"]).partition("state=")[2].partition("&")[0]
        return sign_in.run_action("finish", {"redirect": f"{REDIRECT}?code=x&state={state}"})

    def pause_and_move() -> None:
        backend.pause()
        backend.select_speaker("Den", move=True)

    def songs(name: str) -> list[object]:
        return list(islice(SpotifyList(name, client).tracks(), 200))

    acts: tuple[Callable[[], Any], ...] = (
        backend.get_status,
        lambda: backend.play([MINE]),
        backend.get_speakers,
        pause_and_move,
        lambda: songs("spotify:liked"),
        lambda: songs("spotify:My list"),
        lambda: songs("spotify:search:x"),
        lambda: songs("spotify:playlist:7qiZfU4dY1lWllzX7mPBI3"),
        finish,
        sign_in.devices,
        lambda: (client.me(), client.user_id()),
    )
    number = (*content[:1], 0)[0] % len(acts)
    token = {} if acts[number] is finish else {b"/api/token": seeds.TOKEN}
    server.set_answers(content[1:], token)
    with closing(client):
        _run(acts[number])


class NoUris:
    """Stores no addresses of songs, so that each input requests them; implements core.ports.SongUris."""

    def get(self, server: str, track_ids: Sequence[str]) -> Mapping[str, str | None]:  # noqa: ARG002 - nothing is stored
        """Know none."""
        return {}

    def put(self, server: str, track_id: str, uri: str | None) -> None:
        """Keep none."""

    def forget(self, server: str, track_ids: Sequence[str]) -> None:
        """Have none to delete."""


def _read_music_assistant(path: Path) -> None:
    """Send the request to Music Assistant that the first byte selects; the rest is the answer."""
    content, server = path.read_bytes(), answers()
    auth = MusicAssistantAuth(ServerTokenFile(folder() / "music-assistant.json"), None)
    auth.token_file.save(ServerToken("t" * 20, server.address, "anna", "2026-11-01T12:00:00+00:00"))
    backend, sign_in = MusicAssistantBackend(auth, NoUris(), PLAYER), MusicAssistantSignIn(auth, lambda: PLAYER)

    def pause_and_move() -> None:
        backend.pause()
        backend.select_speaker("Den", move=True)

    def change_modes() -> None:
        backend.clear_modes()
        backend.restore((), ("shuffle=on", "repeat=all"))

    def resume_louder() -> None:
        backend.set_volume(30)
        backend.resume()

    acts: tuple[Callable[[], Any], ...] = (
        backend.get_status,
        lambda: backend.play([MINE]),
        backend.get_speakers,
        pause_and_move,
        change_modes,
        resume_louder,
        sign_in.players,
        lambda: sign_in.log_in(server.address, "anna", "x"),
        lambda: sign_in.run_action("players", {}),
    )
    number = (*content[:1], 0)[0] % len(acts)
    server.set_answers(content[1:], {b"/info": seeds.INFO} if number < len(acts) - 2 else {})
    with closing(backend):
        _run(acts[number])


MESSAGES = {
    "mqtt": Format(".bin", seeds.payloads, _read_payload, ()),
    "page": Format(".http", seeds.requests, _read_page_request, ()),
    "spotify": Format(".http", seeds.spotify, _read_spotify, ()),
    "music-assistant": Format(".http", seeds.music_assistant, _read_music_assistant, ()),
}
