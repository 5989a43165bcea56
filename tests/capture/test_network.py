"""Cameras in the network on real servers: what each fault is called, how it ends, and that nothing is left behind.

script/fault-test cameras runs 200 reconnects; here some are enough.
"""

from __future__ import annotations

import gc
import hashlib
import io
import os
import signal
import threading
import time
import tracemalloc
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from musicond.app.pipeline import build_source
from musicond.capture import mjpeg, network
from musicond.capture.connection import is_near
from musicond.capture.mjpeg import MjpegStream, _digest
from musicond.capture.rtsp import Delay
from musicond.capture.rtsp_relay import Answers
from musicond.config.camera import Camera
from musicond.config.camera_url import parse_url
from musicond.config.schema import Config
from musicond.errors import Connecting, Interrupted, SourceLost
from musicond.runtime.health import memory_mib
from tests.capture.cameras import LEVELS, NAME, PASSWORD, MjpegCamera, mjpeg_camera, rtsp_camera, rtsp_socket
from tests.figures import FULL, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from musicond.core.models import Frame
    from musicond.core.ports import FrameSource

OK = b"RTSP/1.0 200 OK\r\nCSeq: <number>\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n"
REDIRECT = b"RTSP/1.0 302 Found\r\nCSeq: <number>\r\nLocation: rtsp://93.184.216.34/live\r\n\r\n"
MISSING = b"RTSP/1.0 404 Not Found\r\nCSeq: <number>\r\n\r\n"
PASSWORD_WANTED = b'RTSP/1.0 401 Unauthorized\r\nCSeq: <number>\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n'


@contextmanager
def opened(
    url: str, is_urgent: Callable[[], bool] = lambda: False, credentials: Path | None = None, **options: object
) -> Iterator[FrameSource]:
    camera = Camera.model_validate({"source": url, "credentials_file": credentials, **options})
    source = build_source(Config(camera=camera), is_urgent)
    source.open()
    try:
        yield source
    finally:
        source.close()


def next_frame(source: FrameSource, wait_s: float = 3.0) -> Frame:
    """Return a frame, as the watch loop does: while the camera is being connected, the call is repeated."""
    while True:
        try:
            return source.capture(wait_s)
        except Connecting:
            continue


def watch(source: FrameSource) -> None:
    while True:
        next_frame(source)


def lost(source: FrameSource, wait_s: float = 0.5) -> str:
    """Return why the camera is lost; frames before do not count."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            next_frame(source, wait_s)
        except SourceLost as exc:
            return str(exc)
    raise AssertionError("the camera is not lost")


@pytest.fixture
def http() -> Iterator[MjpegCamera]:
    with mjpeg_camera() as camera:
        yield camera


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    file = tmp_path / "camera"
    file.write_text(f"{NAME}:{PASSWORD}\n")
    file.chmod(0o600)
    return file


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("camera")]


@pytest.mark.parametrize("fault", ["", "no lengths"])
def test_the_newest_picture_is_shown_and_no_old_one_waits(http: MjpegCamera, fault: str) -> None:
    http.fault, http.interval_s = fault, 0.05
    with opened(http.url) as source:
        for _ in range(4):
            oldest = http.number - 4  # of the pictures that may be shown: a reader that is late by 0.2 s
            frame = next_frame(source)
            number = round((float(frame.grey.mean()) - 6) / 10)
            assert (number - oldest) % LEVELS <= http.number - oldest, "an old picture"
            time.sleep(0.4)  # eight pictures
        assert frame.grey.shape == (240, 320)
        assert frame.colour is not None
        assert frame.colour().shape == (240, 320, 3)
    assert http.wait_closed(5)
    assert not threads()


MJPEG_FAULTS = {
    "stops": "it has ended the stream",
    "cut": "the connection was lost",
    "hangs": "no pictures come any more",
    "redirects": "it points to another address, which is not followed",
    "garbage": "no HTTP",
    "garbage after a picture": "something other than an MJPEG stream",
    "endless part": "larger than 4 MiB",
    "large": "1920 x 1080 pixels, more than 1280 x 720; choose its second stream",
    "page": "text/html, which is no MJPEG stream",
    "one picture": "it gives single pictures",
    "missing": "it answers 404",
    "basic": "put NAME:PASSWORD into a file, and name it in camera.credentials_file",
}


@pytest.mark.parametrize("fault", MJPEG_FAULTS)
def test_a_fault_of_an_mjpeg_camera_is_named(http: MjpegCamera, fault: str) -> None:
    http.fault = fault
    with opened(http.url) as source:
        assert MJPEG_FAULTS[fault] in lost(source)
    assert http.wait_closed(5)
    assert http.paths == ["/mjpeg"], "nothing is asked for twice, and no redirect is followed"
    assert not threads()


@pytest.mark.parametrize("method", ["basic", "digest", "two digests"])
def test_an_mjpeg_camera_gets_its_password(http: MjpegCamera, credentials: Path, method: str) -> None:
    http.fault = method
    with opened(http.url, credentials=credentials) as source:
        assert next_frame(source).grey.shape == (240, 320)
    credentials.write_text(f"{NAME}:wrong\n")
    with opened(http.url, credentials=credentials) as source:
        assert "does not take the name and password in camera.credentials_file" in lost(source)
        credentials.write_text(f"{NAME}:{PASSWORD}\n")
        source.close()
        source.open()
        assert next_frame(source).grey.shape == (240, 320), "the file is read again"
    http.fault = "odd password"
    with opened(http.url, credentials=credentials) as source:
        assert "set it to Basic or Digest" in lost(source)


def test_the_digest_of_rfc_2617_is_answered() -> None:
    challenge = 'realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    answer = _digest(challenge, "Mufasa", "CircleOfLife", "/dir/index.html")
    assert answer is not None
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in answer
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in answer
    assert _digest('realm="r", nonce="n", algorithm=NONE', "a", "b", "/") is None


def test_a_digest_takes_any_password_and_the_first_algorithm_that_is_known() -> None:
    stream = MjpegStream(parse_url("http://10.0.0.1/x"), ("Tür", SecretStr("pässwört€")), allow_public=False)
    challenges = ['Digest realm="r", nonce="n", algorithm=' + name for name in ("SHA-512-256", "SHA-256", "MD5")]
    answer = stream._authorization(['Basic realm="r"', *challenges]).decode()

    def sha256(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    secret, request = sha256("Tür:r:pässwört€"), sha256("GET:/x")
    assert f'response="{sha256(f"{secret}:n:{request}")}"' in answer
    assert 'username="Tür"' in answer


HEAD = b"Content-Type: image/jpeg\r\n"
LONG = b"Content-Length: 5\r\n"
STREAMS = {
    "the head first": HEAD + LONG + b"\r\nfirst\r\n--b\r\n" + HEAD + LONG + b"\r\nother\r\n--b\r\n",
    "the head first, without lengths": HEAD + b"\r\nfirst\r\n--b\r\n" + HEAD + b"\r\nother\r\n--b\r\n",
    "empty lines": b"\r\n\r\n--b\r\n" + HEAD + LONG + b"\r\nfirst\r\n\r\n--b\r\n" + HEAD + LONG + b"\r\nother",
    "a preamble": b"A preamble.\r\n\r\nIt is long.\r\n--b\r\n" + HEAD + b"\r\nfirst\r\n--b\r\n\r\nother\r\n--b--",
}


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1000])
@pytest.mark.parametrize("kind", STREAMS)
def test_streams_of_all_forms_are_read(kind: str, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mjpeg, "CHUNK_BYTES", chunk_bytes)
    assert list(mjpeg._parts(io.BytesIO(STREAMS[kind]), b"--b")) == [b"first", b"other"]


def test_a_preamble_without_end_is_no_stream() -> None:
    with pytest.raises(SourceLost, match="something other than an MJPEG stream"):
        list(mjpeg._parts(io.BytesIO(b"<p>\r\n\r\n" * 1000), b"--b"))


def test_a_closed_camera_keeps_no_picture() -> None:
    newest = network.NewestPicture()
    newest.put(b"a")
    newest.close()
    newest.put(b"b")
    assert newest.take(0.01, lambda: False) is None


def test_a_camera_that_never_answers_is_lost_in_time(http: MjpegCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "OPEN_S", 0.5)
    http.fault = "silent"
    with opened(http.url) as source:
        started = time.monotonic()
        with pytest.raises(Connecting):
            source.capture(0.1)
        assert "it gives no picture within" in lost(source, 0.3)
    assert time.monotonic() - started < 3
    assert http.wait_closed(5)
    assert not threads()


@pytest.mark.parametrize("fault", ["silent", "hangs"])
def test_an_urgent_command_ends_the_wait_for_a_camera_that_hangs(http: MjpegCamera, fault: str) -> None:
    http.fault = fault
    urgent = threading.Event()
    with opened(http.url, urgent.is_set) as source:
        if fault == "hangs":
            next_frame(source)
        timer = threading.Timer(0.2, urgent.set)
        timer.start()
        started = time.monotonic()
        with pytest.raises(Interrupted):
            watch(source)
        assert time.monotonic() - started < 2.7
    assert http.wait_closed(3), "the connection is closed at once"


def test_nobody_at_the_address_and_an_unknown_name_are_named() -> None:
    with opened("http://127.0.0.1:1/mjpeg") as source:
        assert "Connection refused; see whether the camera is on" in lost(source)
    with opened("rtsp://no-such-camera.invalid/live") as source:
        assert "its name no-such-camera.invalid is not known" in lost(source)


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True), ("10.1.2.3", True), ("172.31.0.1", True), ("192.168.178.2", True), ("169.254.1.1", True),
        ("::1", True), ("fe80::1%eth0", True), ("fd00::2", True), ("::ffff:192.168.1.1", True),
        ("172.32.0.1", False), ("100.64.0.1", False), ("8.8.8.8", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("2001:db8::1", False), ("::ffff:8.8.8.8", False), ("::", False),
    ],
)  # fmt: skip
def test_only_addresses_of_the_own_network_are_near(address: str, near: bool) -> None:
    assert is_near(address) is near


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_public_address_is_refused_unless_allowed(scheme: str) -> None:
    with opened(f"{scheme}://192.0.2.1:9/x") as source:  # TEST-NET-1, where nobody answers
        text = lost(source)
        assert "its address 192.0.2.1 is outside your own network" in text
        assert "camera.allow_public: true" in text
    with opened(f"{scheme}://192.0.2.1:9/x", allow_public=True) as source:
        try:
            source.capture(0.05)
        except Connecting:
            return
        except SourceLost as exc:  # where this machine has no way there
            assert "outside your own network" not in str(exc)


def test_an_encrypted_camera_whose_certificate_nobody_knows_is_refused(http: MjpegCamera) -> None:
    with opened(http.url.replace("http:", "https:")) as source:
        assert "see whether it is http instead of https" in lost(source)


def test_rtsp_pictures_come_in_time(tmp_path: Path) -> None:
    with rtsp_camera() as (url, process), opened(url, size=(320, 240), rotation=90, mirror=True) as source:
        first = next_frame(source)
        assert first.grey.shape == (320, 240)
        assert first.colour is not None
        assert first.colour().shape == (320, 240, 3)
        for _ in range(3):
            started = time.monotonic()
            assert source.capture(3).captured_at >= started, "a picture from before"
        process.send_signal(signal.SIGSTOP)
        assert "no pictures come any more" in lost(source, 1)
        process.send_signal(signal.SIGCONT)
        source.close()
        source.open()
        assert next_frame(source).grey.shape == (320, 240)
        process.kill()
        assert "it has ended the connection" in lost(source, 3)
    assert not threads()
    assert "OPENCV_FFMPEG_CAPTURE_OPTIONS" not in os.environ, "recordings would lose frames by them"


@pytest.mark.parametrize("method", ["basic", "digest"])
def test_rtsp_gets_its_password(credentials: Path, method: str, capfd: pytest.CaptureFixture[str]) -> None:
    with rtsp_camera("320", "240", NAME, PASSWORD, method) as (url, _):
        with opened(url, credentials=credentials) as source:
            assert next_frame(source).grey.shape == (240, 320)
        with opened(url) as source:
            assert "it asks for a name and password" in lost(source)
        credentials.write_text(f"{NAME}:wrong\n")
        with opened(url, credentials=credentials) as source:
            assert "does not take the name and password in camera.credentials_file" in lost(source)
    out = capfd.readouterr()
    assert "127.0.0.1" not in out.out + out.err, "FFmpeg writes no address"


def test_rtsp_above_720p_is_refused_with_advice() -> None:
    with rtsp_camera("1920", "1080") as (url, _), opened(url) as source:
        assert "1920 x 1080 pixels, more than 1280 x 720; choose its second stream" in lost(source)


RTSP_FAULTS: dict[str, tuple[tuple[bytes, ...], str]] = {
    "redirects": ((OK, REDIRECT), "it points to another address, which is not followed"),
    "redirects at once": ((REDIRECT,), "it points to another address, which is not followed"),
    "garbage": ((bytes(range(256)) * 4,), "its answer is no RTSP"),
    "a web server": ((b"HTTP/1.0 400 Bad Request\r\n\r\n",), "its answer is no RTSP"),
    "an endless head": ((b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 4000,), "its answer is no RTSP"),
    "a redirect behind a packet": ((OK, b"$\0\0\4abcd" + REDIRECT), "it points to another address"),
    "missing": ((OK, MISSING), "it answers 404"),
    "asks": ((OK, PASSWORD_WANTED, PASSWORD_WANTED), "it asks for a name and password"),
    "stops": ((OK, b""), "it has ended the connection"),
}


@pytest.mark.parametrize("fault", RTSP_FAULTS)
def test_a_fault_of_an_rtsp_camera_is_named(fault: str) -> None:
    answers, text = RTSP_FAULTS[fault]
    with rtsp_socket(*answers) as url:
        with opened(url) as source:
            assert text in lost(source)
        assert not threads()


def test_an_rtsp_camera_that_hangs_while_it_is_opened_is_closed_at_once() -> None:
    with rtsp_socket(OK) as url, opened(url) as source:
        with pytest.raises(Connecting):
            source.capture(0.3)
        deadline = time.monotonic() + 5
        while len(threads()) != 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        started = time.monotonic()
        source.close()
        assert not threads()
        assert time.monotonic() - started < 3


def test_answers_come_in_parts_and_only_whole_ones_are_passed_on() -> None:
    answers = Answers(has_credentials=False)
    parts = [b"RTSP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nv=0\n", b"$\1\0\3abc", b"RTSP/1.0 200 OK\r\n\r\n"]
    passed = [answers.feed(bytes([byte])) for byte in b"".join(parts)]
    assert [part for part in passed if part] == parts
    answers.feed(b"RTSP/1.0 2")
    assert answers.rest() == b"RTSP/1.0 2"


def test_a_delay_grows_only_with_late_pictures() -> None:
    delay = Delay()
    assert max(delay.get(second * 0.9995, second) for second in range(10_000)) < 1, "the clock of the camera is slow"
    assert delay.get(10_000, 10_020) > 10
    delay = Delay()
    assert max(delay.get(0, second) for second in range(100)) == 0, "this camera gives no times"


MOST_MIB = 20
"""A picture left by each of 200 reconnects would be twice as much."""
MOST_TRACED_MIB = 1
"""Memory of Python's objects; a picture left by each of 20 reconnects would be four times as much."""


def test_reconnects_leave_nothing_behind(http: MjpegCamera) -> None:
    faults = [*MJPEG_FAULTS, "", "silent"]
    with ExitStack() as stack:
        answers = [*(answers for answers, _ in RTSP_FAULTS.values()), (OK,)]  # the last one hangs
        urls = [stack.enter_context(rtsp_socket(*parts)) for parts in answers]
        urls += [stack.enter_context(rtsp_camera())[0]] if FULL else []

        def connect(number: int) -> None:
            http.fault = faults[number % len(faults)]
            url = http.url if number % 2 else urls[number // 2 % len(urls)]
            with opened(url) as source:
                for _ in range(2):
                    try:
                        source.capture(0.1 if http.fault in ("", "silent") else 0.3)
                    except (SourceLost, Connecting):
                        continue

        for number in range(2 * len(faults)):  # what is made once
            connect(number)
        before, before_mib, count = descriptors(), memory_mib(), 200 if FULL else 20
        tracemalloc.start()
        for number in range(count):
            connect(number)
        assert http.wait_closed(5)
        deadline = time.monotonic() + 5
        while (after := descriptors()) > before and time.monotonic() < deadline:
            time.sleep(0.1)
        gc.collect()
        traced_mib = tracemalloc.get_traced_memory()[0] / 2**20
        tracemalloc.stop()
    running, grown_mib = threads(), round(memory_mib() - before_mib, 1)
    record(
        "camera in the network",
        reconnects=count,
        descriptors=after - before,
        threads=len(running),
        memory_mib=grown_mib,
        traced_mib=round(traced_mib, 2),
    )
    assert after <= before
    assert running == []
    assert traced_mib < MOST_TRACED_MIB
    assert grown_mib < MOST_MIB


def descriptors() -> int:
    """Return the open descriptors of this process but those of the servers' threads."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - one call
