from __future__ import annotations

import http.client
import json
import socket
import stat
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from musicond.core.commands import (
    Calibrate,
    Next,
    OtherSongs,
    Pause,
    Play,
    PlayerCommand,
    Previous,
    Rate,
    Reset,
    Resume,
    SetAutoplay,
    SetManualMood,
    SetPolicy,
    SetPrivacy,
    SetSpeaker,
    SetVolume,
    Stop,
    Withdraw,
    WrongMood,
)
from musicond.core.models import Emotion, Faces, Mood, Policy, Verdict, Watching
from musicond.core.settings import SETTINGS, Settings
from musicond.errors import CatalogueError, CommandError, OutputError, PlaybackError, SongsMissingError
from musicond.runtime.inbox import InboxFull
from musicond.web import api, responses, static_files, streams
from musicond.web.requests import Switch
from musicond.web.routes import COMMAND_ROUTES
from tests.web.conftest import HAPPY, NOON, SCORES, Server, make_server, without_face

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = {"Content-Type": "application/json"}


def ask(
    server: Server, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        content = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(content) if is_json else content, answer.headers
    finally:
        connection.close()


def post(server: Server, path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    status, content, _ = ask(server, "POST", path, json.dumps(body), JSON | (headers or {}))
    return status, content


class Stream:
    """A reader of server-sent events on a separate socket."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.connection.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        self.file = self.connection.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass
        self.known: dict[str, Any] = {}

    def line(self, start: bytes) -> bytes:
        for line in self.file:
            if line.startswith(start):
                return line.strip()
        raise EOFError

    def event(self) -> tuple[str, dict[str, Any]]:
        """Return the name and the content of the next event."""
        name = self.line(b"event: ")[7:].decode()
        return name, json.loads(self.line(b"data: ")[6:])

    def state(self) -> dict[str, Any]:
        """Return the state after the next event."""
        name, content = self.event()
        self.known = content if name == "state" else streams.merged(self.known, content)
        return self.known

    def close(self) -> None:
        self.file.close()
        self.connection.close()


def tree(children: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Return nested JSON with few names, so that two of them have some in common."""
    return st.lists(children, max_size=2) | st.dictionaries(st.sampled_from("abc"), children, max_size=3)


@contextmanager
def stream(server: Server) -> Iterator[Stream]:
    reader = Stream(server.port)
    try:
        yield reader
    finally:
        reader.close()


def test_the_state_before_the_first_outcome_is_a_start(server: Server) -> None:
    status, content, headers = ask(server, "GET", "/api/v1/state")
    assert (status, content["watching"], content["mood"], content["since"]) == (200, "no_camera", "nobody", None)
    assert "Starting" in content["notice"]
    assert headers["Cache-Control"] == "no-store"


def test_the_state_holds_all_of_an_outcome(server: Server) -> None:
    assert HAPPY.recommendation is not None
    rated = replace(HAPPY.recommendation, verdicts={"t:1": Verdict.LIKE, "t:3": Verdict.DISLIKE})
    server.output.accept(replace(HAPPY, settings=Settings(paused=True, paused_until=NOON), recommendation=rated))
    _, content, _ = ask(server, "GET", "/api/v1/state")
    assert (content["watching"], content["mood"], content["confidence"], content["faces"]) == ("yes", "happy", 0.8, 1)
    assert content["present"] is True
    assert content["since"] == NOON.isoformat()
    assert content["scores"]["happy"] == 0.8
    assert len(content["scores"]) == 7
    assert content["recommendation"]["tracks"][0] == {
        "id": "t:1",
        "title": "Sunny Side",
        "artist": "The Bright",
        "album": "Hits",
        "link": "https://open.example/track/1",
    }
    assert (content["recommendation"]["liked"], content["recommendation"]["disliked"]) == (["t:1"], ["t:3"])
    assert content["controls"] == {
        "private": False,
        "paused": True,
        "private_until": None,
        "consent_pending": False,
        "paused_until": NOON.isoformat(),
        "policy": None,
        "mood": None,
        "mood_until": None,
        "speaker": None,
        "bias": None,
    }
    assert content["health"]["camera"] == "demo"
    assert set(content) == set(responses.state_json(None, {}))


def test_presence_is_unknown_while_nothing_is_watched() -> None:
    assert responses.state_json(without_face(Watching.PRIVATE), {})["present"] is None
    assert responses.state_json(without_face(Watching.YES), {})["present"] is False


@pytest.mark.parametrize(
    ("path", "body", "command"),
    [
        ("privacy", {"on": True}, SetPrivacy(on=True)),
        ("privacy", {"on": False}, SetPrivacy(on=False)),
        ("pause", {"minutes": 30}, Pause(30.0)),
        ("pause", {"minutes": 0.5}, Pause(0.5)),
        ("pause", {"minutes": None}, Pause(None)),
        ("pause", {"until": "tomorrow"}, Pause(until_tomorrow=True)),
        ("settings/reset", {"key": None}, Reset()),
        ("settings/reset", {"key": "privacy"}, Reset("privacy")),
        ("pause", {}, Pause(None)),
        ("resume", {}, Resume()),
        ("rate", {"verdict": "like"}, Rate(Verdict.LIKE)),
        ("rate", {"verdict": "skip", "id": "t:1"}, Rate(Verdict.SKIP, "t:1")),
        ("rate", {"verdict": "dislike", "id": None}, Rate(Verdict.DISLIKE)),
        ("wrong_mood", {}, WrongMood()),
        ("wrong_mood", {"right": "sad"}, WrongMood(Emotion.SAD)),
        ("policy", {"policy": "lift"}, SetPolicy(Policy.LIFT)),
        ("policy", {"policy": None}, SetPolicy(None)),
        ("next", {}, Next()),
        ("previous", {}, Previous()),
        ("other_songs", {}, OtherSongs()),
        ("withdraw", {"id": "t:1"}, Withdraw("t:1")),
        ("mood", {"mood": "happy", "minutes": 15}, SetManualMood(Emotion.HAPPY, 15.0)),
        ("mood", {"mood": None}, SetManualMood(None, 60.0)),
        ("speaker", {"name": "Kitchen"}, SetSpeaker("Kitchen")),
        ("speaker", {"name": None}, SetSpeaker(None)),
        ("calibrate", {}, Calibrate()),
        ("calibrate", {"reset": True}, Calibrate(reset=True)),
        ("play", {}, Play()),
        ("play", {"id": "t:1"}, Play("t:1")),
        ("stop", {}, Stop()),
        ("volume", {"percent": 35}, SetVolume(35.0)),
        ("autoplay", {"on": True}, SetAutoplay(on=True)),
    ],
)
def test_commands_reach_the_inbox(server: Server, path: str, body: object, command: object) -> None:
    assert post(server, f"/api/v1/{path}", body) == (200, {"done": True})
    assert server.commands == [command]
    (route,) = (route for route in COMMAND_ROUTES if route.path == path)
    assert route.for_player == (isinstance(command, PlayerCommand) and command != OtherSongs())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("privacy", "{}"),
        ("privacy", '{"on": 1}'),
        ("privacy", '{"on": true, "more": 1}'),
        ("privacy", "[true]"),
        ("privacy", "nonsense"),
        ("privacy", ""),
        ("privacy", "[" * 1000),
        ("pause", '{"minutes": 0}'),
        ("pause", '{"until": "soon"}'),
        ("pause", '{"until": "tomorrow", "minutes": 3}'),
        ("settings/reset", "{}"),
        ("settings/reset", '{"key": "everything"}'),
        ("settings/reset", '{"key": 3}'),
        ("pause", '{"minutes": -1}'),
        ("pause", '{"minutes": NaN}'),
        ("pause", '{"minutes": 1e308}'),
        ("pause", '{"minutes": true}'),
        ("pause", '{"minutes": "10"}'),
        ("resume", '{"now": true}'),
        ("rate", "{}"),
        ("rate", '{"verdict": "love"}'),
        ("rate", '{"verdict": "like", "id": ""}'),
        ("rate", '{"verdict": "like", "id": 7}'),
        ("wrong_mood", '{"right": "unsure"}'),
        ("wrong_mood", '{"right": 3}'),
        ("policy", "{}"),
        ("policy", '{"policy": "loud"}'),
        ("next", '{"now": true}'),
        ("calibrate", '{"reset": null}'),
        ("play", '{"id": ""}'),
        ("play", r'{"id": "\ud800"}'),
        ("volume", '{"percent": 101}'),
        ("volume", '{"percent": "50"}'),
        ("volume", "{}"),
        ("autoplay", '{"on": null}'),
    ],
)
def test_malformed_bodies_are_told_what_would_be_right(server: Server, path: str, body: str) -> None:
    status, content, _ = ask(server, "POST", f"/api/v1/{path}", body, JSON)
    assert status == 400
    assert "send {" in content["error"]
    assert server.commands == []


def test_a_large_body_is_refused(server: Server) -> None:
    status, content, _ = ask(server, "POST", "/api/v1/privacy", " " * 5000, JSON)
    assert (status, "too large" in content["error"]) == (413, True)


def test_other_methods_and_addresses_are_refused_in_the_same_shape(server: Server) -> None:
    status, content, headers = ask(server, "GET", "/api/v1/privacy")
    assert (status, headers["Allow"]) == (405, "POST")
    assert "error" in content
    assert ask(server, "GET", "/../server.py")[0] == 404
    assert ask(server, "POST", "/", "{}", JSON)[0] == 405


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "10.0.0.7", "127.0.0.1.evil.example", "[::1", ""])
def test_a_foreign_host_name_is_refused(server: Server, host: str) -> None:
    for path in ("/", "/api/v1/state", "/api/v1/events", "/healthz"):
        assert ask(server, "GET", path, headers={"Host": host})[0] == 403
    assert post(server, "/api/v1/privacy", {"on": False}, {"Host": host})[0] == 403
    assert server.commands == []


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:80", "LOCALHOST"])
def test_names_of_this_machine_are_served(server: Server, host: str) -> None:
    assert ask(server, "GET", "/api/v1/state", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_another_site_may_not_post(server: Server, origin: str) -> None:
    assert post(server, "/api/v1/privacy", {"on": False}, {"Origin": origin})[0] == 403
    assert server.commands == []


def test_the_page_itself_may_post(server: Server) -> None:
    assert post(server, "/api/v1/resume", {}, {"Origin": server.output.address})[0] == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_post_that_a_form_could_send_is_refused(server: Server, kind: str) -> None:
    assert ask(server, "POST", "/api/v1/resume", "{}", {"Content-Type": kind})[0] == 415
    assert server.commands == []


def test_every_answer_carries_the_protecting_headers(server: Server) -> None:
    for path in ("/", "/app.js", "/api/v1/state", "/nothing"):
        headers = ask(server, "GET", path)[2]
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Server"] == "musicond"
        assert "Access-Control-Allow-Origin" not in headers


def test_files_are_sent_again_only_when_they_changed(server: Server) -> None:
    _, content, headers = ask(server, "GET", "/style.css")
    assert content
    status, content, _ = ask(server, "GET", "/style.css", headers={"If-None-Match": headers["ETag"]})
    assert (status, content) == (304, b"")


def test_each_file_of_the_page_has_a_media_type() -> None:
    folder = Path(api.__file__).with_name("static")
    assert {file.suffix.removeprefix(".") for file in folder.iterdir()} == set(static_files.MEDIA_TYPES)


def test_a_full_inbox_and_a_full_disk_are_told(server: Server) -> None:
    server.answer = InboxFull("too many commands at once")
    assert post(server, "/api/v1/resume", {}) == (503, {"error": "too many commands at once"})
    server.answer = OSError(28, "No space left on device")
    status, content = post(server, "/api/v1/resume", {})
    assert (status, "No space left on device" in content["error"]) == (500, True)


def test_what_makes_no_sense_and_a_broken_catalogue_are_told_apart(server: Server) -> None:
    server.answer = CommandError("no song is recommended now; name one")
    assert post(server, "/api/v1/rate", {"verdict": "like"}) == (409, {"error": "no song is recommended now; name one"})
    server.answer = PlaybackError("mpd refuses; check it")
    assert post(server, "/api/v1/play", {}) == (502, {"error": "mpd refuses; check it"})
    server.answer = SongsMissingError("none of the songs is there")
    assert post(server, "/api/v1/play", {})[0] == 409
    server.answer = CatalogueError("catalogue: disk full; make room on the disk")
    status, content = post(server, "/api/v1/rate", {"verdict": "like"})
    assert (status, "make room" in content["error"]) == (500, True)


def test_a_command_without_effect_is_told_and_its_future_left_to_the_loop(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "EFFECT_WAIT_S", 0.05)
    server.hold = True
    status, content = post(server, "/api/v1/resume", {})
    assert (status, "not done yet" in content["error"]) == (504, True)
    assert not server.futures[0].cancelled()
    assert post(server, "/api/v1/play", {}) == (202, {"done": False}), "a player may take its time"
    server.futures[0].set_result(None)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (HAPPY, 200),
        (without_face(Watching.DARK), 200),
        (without_face(Watching.PRIVATE), 200),
        (without_face(Watching.PAUSED), 200),
        (without_face(Watching.NO_CAMERA), 503),
    ],
)
def test_healthz_is_well_while_frames_are_analysed_or_not_wanted(server: Server, outcome: Any, status: int) -> None:
    server.health["trouble"] = "the cable is loose"
    assert ask(server, "GET", "/healthz")[0] == 503
    server.output.accept(outcome)
    content = ask(server, "GET", "/healthz")
    assert content[0] == status
    assert status == 200 or "the cable is loose" in content[1]["error"]


def test_healthz_tells_of_a_stuck_loop() -> None:
    assert responses.health_error(HAPPY, responses.STALE_S - 1, {}) is None
    assert "told nothing" in str(responses.health_error(HAPPY, responses.STALE_S + 1, {}))


def test_healthz_tells_of_threads_and_jobs_that_fail() -> None:
    assert responses.health_error(HAPPY, 0, {"problems": []}) is None
    assert responses.health_error(HAPPY, 0, {"problems": ["playback ended", "a job failed"]}) == (
        "playback ended; a job failed"
    )


def test_a_stream_begins_at_once_and_wakes_with_each_change(server: Server) -> None:
    server.output.accept(HAPPY)
    with stream(server) as reader:
        assert reader.state()["mood"] == "happy"
        server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD))
        assert reader.state()["mood"] == "sad"
        server.output.accept(without_face(Watching.PRIVATE))
        assert reader.state()["watching"] == "private"


def test_a_stream_gets_the_latest_and_not_every_one(server: Server) -> None:
    server.output.accept(HAPPY)
    with stream(server) as reader:
        reader.state()
        started = time.monotonic()
        for count in range(1000):
            server.output.accept(replace(HAPPY, seq=count, faces=Faces(), confidence=count / 1000))
        events = 1
        while reader.state()["confidence"] != 0.999:
            events += 1
        assert events <= 2 + (time.monotonic() - started) / streams.MIN_INTERVAL_S


def test_a_stream_sends_only_what_changed(server: Server) -> None:
    server.output.accept(HAPPY)
    with stream(server) as reader:
        name, whole = reader.event()
        assert (name, whole) == ("state", ask(server, "GET", "/api/v1/state")[1])
        server.output.accept(replace(HAPPY, seq=2, faces=Faces(), scores=None, raw_scores=None))
        assert reader.event() == ("change", {"faces": 0, "scores": None})
        server.output.accept(replace(HAPPY, seq=3, faces=Faces(), scores=(0.51, *SCORES[1:])))
        assert reader.event() == ("change", {"scores": {**whole["scores"], "angry": 0.51}}), "from null to an object"
        server.output.accept(replace(HAPPY, seq=4, faces=Faces(), scores=(0.41, *SCORES[1:])))
        assert reader.event() == ("change", {"scores": {"angry": 0.41}})


def test_small_changes_wait_and_arrive_too(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "EXACT_S", 1.5)
    server.output.accept(HAPPY)
    with stream(server) as reader:
        whole = reader.state()
        server.health |= {"uptime_s": 4001, "memory_mib": 120.0}
        server.output.accept(replace(HAPPY, seq=2, confidence=0.804))
        server.output.accept(replace(HAPPY, seq=3, confidence=0.804, mood=Mood.SAD))
        assert reader.event() == ("change", {"mood": "sad"})
        assert reader.event() == ("change", {"confidence": 0.804, "health": {"uptime_s": 4001, "memory_mib": 120.0}})
        server.health["trouble"] = "unplugged"
        server.output.accept(replace(HAPPY, seq=4, confidence=0.804, mood=Mood.SAD))
        assert reader.event() == ("change", {"health": {"trouble": "unplugged"}}), "a text does not wait"
        assert whole["health"]["trouble"] is None


def test_a_field_that_has_gone_makes_the_state_whole_again(server: Server) -> None:
    server.output.accept(HAPPY)
    with stream(server) as reader:
        reader.state()
        del server.health["temperature_c"]
        server.output.accept(replace(HAPPY, seq=2))
        name, content = reader.event()
        assert (name, "temperature_c" in content["health"]) == ("state", False)


@given(st.recursive(st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=2), tree), st.data())
def test_changes_lead_from_any_state_to_any_other(before: object, data: st.DataObject) -> None:
    after = data.draw(st.recursive(st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=2), tree))
    change = streams.changes({"it": before}, {"it": after})
    if change is not None:
        assert streams.merged({"it": before}, json.loads(json.dumps(change))) == {"it": after}


def test_a_silent_stream_gets_an_empty_change(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment would not reach the page, which would treat the silence as a lost connection."""
    monkeypatch.setattr(streams, "PING_S", 0.05)
    with stream(server) as reader:
        assert reader.event()[0] == "state"
        assert reader.event() == ("change", {})


def test_pages_above_the_cap_are_refused_and_a_closed_one_makes_room(server: Server) -> None:
    readers = [Stream(server.port) for _ in range(streams.MAX_STREAMS)]
    try:
        assert {reader.status for reader in readers} == {200}
        assert server.output.status().endswith(", 50 open")
        status, content, headers = ask(server, "GET", "/api/v1/events")
        assert (status, headers["Retry-After"]) == (503, "10")
        assert "close one" in content["error"]
        readers.pop().close()
        deadline = time.monotonic() + 10
        count = 0
        while not server.output.status().endswith(", 49 open"):
            assert time.monotonic() < deadline
            count += 1
            server.output.accept(replace(HAPPY, seq=count, confidence=count % 10 / 10))
            readers[0].state()
    finally:
        for reader in readers:
            reader.close()


def test_a_slow_reader_holds_up_nobody_and_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WRITE_WAIT_S", 0.2)
    monkeypatch.setattr(streams, "MIN_INTERVAL_S", 0.0)
    with stream(server), stream(server) as reader:  # the first never reads
        deadline, count, slowest = time.monotonic() + 20, 0, 0.0
        while not server.output.status().endswith(", 1 open"):
            assert time.monotonic() < deadline
            count += 1
            server.health["padding"] = str(count % 10) * 400_000
            started = time.monotonic()
            server.output.accept(replace(HAPPY, seq=count))
            slowest = max(slowest, time.monotonic() - started)
            reader.state()
        assert slowest < 0.5


def ask_and_be_cut_off(server: Server) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        post(server, "/api/v1/resume", {})


def test_stop_ends_in_time_with_streams_and_commands_open(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.output.start()
    server.hold = True
    waiting = threading.Thread(target=ask_and_be_cut_off, args=(server,))
    half = socket.create_connection(("127.0.0.1", server.port))
    half.sendall(b"POST /api/v1/resume HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
    half.sendall(b"Content-Length: 100\r\n\r\n{")
    with half, stream(server) as first, stream(server):
        first.state()
        waiting.start()
        assert server.arrived.wait(5)
        thread = server.output._thread
        started = time.monotonic()
        server.output.stop()
        assert time.monotonic() - started < 1.0
        assert thread is not None
        assert not thread.is_alive()
        with pytest.raises((EOFError, ConnectionError)):
            first.line(b"never")
    waiting.join(5)
    assert not server.path.exists()
    server.output.stop()
    server.output.accept(HAPPY)


def test_stop_without_start_does_nothing(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.output.stop()
    assert server.output.status() == "not started"


def test_a_taken_port_is_one_line_with_the_remedy(server: Server, tmp_path: Path) -> None:
    second = server.again(f"127.0.0.1:{server.port}")
    with pytest.raises(OutputError, match=r"is taken by another program; .* web\.listen"):
        second.start()
    assert server.path.exists()


def test_an_address_of_another_machine_is_one_line(server: Server) -> None:
    with pytest.raises(OutputError, match="can't be opened"):
        server.again("192.0.2.1:0").start()


def test_the_control_socket_is_for_this_user_alone(server: Server) -> None:
    mode = server.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


def test_a_left_over_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(server.path))
    server.output.start()
    try:
        with pytest.raises(OutputError, match="another musicond answers"):
            server.again("127.0.0.1:0").start()
        assert ask(server, "GET", "/api/v1/state")[0] == 200
    finally:
        server.output.stop()


def test_a_file_in_the_socket_s_place_is_left_alone(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.path.parent.mkdir()
    server.path.write_text("mine")
    with pytest.raises(OutputError, match="not a socket"):
        server.output.start()
    assert server.path.read_text() == "mine"


def test_a_path_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    server = make_server(tmp_path / ("long" * 40))
    with pytest.raises(OutputError, match="can't be made"):
        server.output.start()


def test_the_metrics_are_of_the_machine_and_not_of_a_mood(server: Server) -> None:
    server.health |= {"throttled": True, "temperature_c": None}
    status, content, headers = ask(server, "GET", "/metrics")
    assert (status, headers.get_content_type()) == (200, "text/plain")
    families = {family.name: family for family in text_string_to_metric_families(content.decode())}
    assert families["musicond_healthy"].samples[0].value == 0, "nothing has been looked at yet"
    server.output.accept(HAPPY)
    content = ask(server, "GET", "/metrics")[1]
    families = {family.name: family for family in text_string_to_metric_families(content.decode())}
    values = {name: family.samples[0].value for name, family in families.items()}
    assert values["musicond_healthy"] == 1
    assert not [name for name in values if "frames" in name], "how often is looked at tells whether someone is there"
    assert values["musicond_memory_bytes"] == 92.4 * 2**20
    assert values["musicond_throttled"] == 1
    assert values["process_cpu_seconds"] > 0
    assert "musicond_temperature_celsius" not in values, "a machine that does not tell"
    for word in ("happy", "mood", "Sunny"):
        assert word not in content.decode()


def test_the_recent_log_is_told(server: Server) -> None:
    status, content, _ = ask(server, "GET", "/api/v1/log")
    assert (status, content["lines"][0]["level"]) == (200, "WARNING")


def test_what_the_api_takes_is_what_the_core_knows() -> None:
    assert set(get_args(Switch)) == set(SETTINGS)
