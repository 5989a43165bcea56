"""Cameras in the network, on 127.0.0.1: a real HTTP server for MJPEG, GStreamer's RTSP server, and faulty sockets."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SYSTEM_PYTHON = "/usr/bin/python3"
NAME, PASSWORD = "door", "s3cret:of/the@door"
"""The password has the characters that are special in an address."""
NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c0"
LEVELS = 24


def numbered(number: int, size: tuple[int, int] = (320, 240)) -> bytes:
    """Return a JPEG whose brightness is its number."""
    noise = np.random.default_rng(number).integers(0, 3, (size[1], size[0]), dtype=np.uint8)
    return cv2.imencode(".jpg", noise + np.uint8(10 * (number % LEVELS) + 5))[1].tobytes()


PICTURES = [numbered(number) for number in range(LEVELS)]


class MjpegCamera:
    """An HTTP camera at `url`; `fault` selects its behaviour for the next request; it counts its connections."""

    def __init__(self, port: int = 0) -> None:
        self.fault = ""
        self.number = 0
        """Number of the newest picture."""
        self.interval_s = 0.02
        self.large = numbered(0, (1920, 1080))
        self.paths: list[str] = []
        self.open = 0
        """Connections that are open."""
        self.closed = threading.Condition()
        self.stopping = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            """Answers according to the camera's fault."""

            def do_GET(self) -> None:
                camera.paths.append(self.path)
                with camera.closed:
                    camera.open += 1
                try:
                    FAULTS[camera.fault](camera, self)
                except OSError:
                    pass
                finally:
                    self.close_connection = True
                    with camera.closed:
                        camera.open -= 1
                        camera.closed.notify_all()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Print nothing: connections are cut here."""

        self.server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/mjpeg"

    def wait_closed(self, seconds: float) -> bool:
        """Wait until no connection is open."""
        with self.closed:
            return self.closed.wait_for(lambda: self.open == 0, seconds)

    def stream(self, handler: BaseHTTPRequestHandler, count: int = 10**6, *, lengths: bool = True) -> None:
        """Send pictures until the connection ends."""
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=--frame")
        handler.end_headers()
        for _ in range(count):
            self.number += 1
            jpeg = PICTURES[self.number % LEVELS]
            length = f"Content-Length: {len(jpeg)}\r\n" if lengths else ""
            handler.wfile.write(f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + jpeg + b"\r\n")
            if self.stopping.wait(self.interval_s):
                return

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Say nothing until the other side has closed the connection."""
        handler.connection.settimeout(60)
        handler.connection.recv(1)

    def answer(self, handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
        """Send an answer with a body."""
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    def ask(self, handler: BaseHTTPRequestHandler, *challenges: str) -> None:
        """Stream to clients with the password, and request it from all others."""
        given = handler.headers.get("Authorization", "")
        if given in (basic_answer(), digest_answer(given, handler.path)):
            self.stream(handler)
            return
        handler.send_response(401)
        for challenge in challenges:
            handler.send_header("WWW-Authenticate", challenge)
        handler.end_headers()


def basic_answer() -> str:
    return "Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()


def digest_answer(given: str, path: str) -> str | None:
    """Return `given` if it is right by RFC 7616, MD5 with qop=auth; None otherwise."""
    values = dict(re.findall(r'(\w+)="?([^",]*)"?', given))
    if not given.startswith("Digest ") or values.get("uri") != path or values.get("nonce") != NONCE:
        return None

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret, request = md5(f"{NAME}:cam:{PASSWORD}"), md5(f"GET:{path}")
    right = md5(f"{secret}:{NONCE}:{values.get('nc')}:{values.get('cnonce')}:auth:{request}")
    return given if values.get("response") == right else None


BASIC, DIGEST = 'Basic realm="cam"', f'Digest realm="cam", nonce="{NONCE}", qop="auth", algorithm=MD5'


def send_stop(camera: MjpegCamera, handler: BaseHTTPRequestHandler) -> None:
    camera.stream(handler, 3)


def send_hang(camera: MjpegCamera, handler: BaseHTTPRequestHandler) -> None:
    camera.stream(handler, 3)
    camera.hang(handler)


def send_cut(camera: MjpegCamera, handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"1000\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n")


def send_garbage(camera: MjpegCamera, handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(np.random.default_rng(1).bytes(10_000))


def send_garbage_parts(camera: MjpegCamera, handler: BaseHTTPRequestHandler) -> None:
    camera.stream(handler, 1)
    handler.wfile.write(np.random.default_rng(1).bytes(10_000) + b"\r\n\r\n" + bytes(1000))


def send_endless(camera: MjpegCamera, handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
    handler.end_headers()
    handler.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n")
    for _ in range(200):
        handler.wfile.write(bytes(2**16))


def send_large(camera: MjpegCamera, handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
    handler.end_headers()
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(camera.large)}\r\n\r\n".encode()
    for _ in range(100):
        handler.wfile.write(head + camera.large + b"\r\n")
        time.sleep(camera.interval_s)


FAULTS: dict[str, Callable[[MjpegCamera, Any], None]] = {
    "": MjpegCamera.stream,
    "no lengths": lambda camera, handler: camera.stream(handler, lengths=False),
    "stops": send_stop,
    "cut": send_cut,
    "hangs": send_hang,
    "silent": MjpegCamera.hang,
    "redirects": lambda camera, handler: camera.answer(handler, 302, Location="http://93.184.216.34/mjpeg"),
    "garbage": send_garbage,
    "garbage after a picture": send_garbage_parts,
    "endless part": send_endless,
    "large": send_large,
    "page": lambda camera, handler: camera.answer(handler, 200, b"<html>", Content_Type="text/html"),
    "one picture": lambda camera, handler: camera.answer(handler, 200, numbered(1), Content_Type="image/jpeg"),
    "missing": lambda camera, handler: camera.answer(handler, 404),
    "basic": lambda camera, handler: camera.ask(handler, BASIC),
    "digest": lambda camera, handler: camera.ask(handler, BASIC, DIGEST),
    "two digests": lambda camera, handler: camera.ask(handler, DIGEST, DIGEST.replace("MD5", "SHA-512-256")),
    "odd password": lambda camera, handler: camera.ask(handler, "Negotiate"),
}


@contextmanager
def mjpeg_camera(port: int = 0) -> Iterator[MjpegCamera]:
    """Run an HTTP camera on this port, or on a free one."""
    camera = MjpegCamera(port)
    thread = threading.Thread(target=camera.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield camera
    finally:
        camera.stopping.set()
        camera.server.shutdown()
        camera.server.server_close()
        thread.join(5)


@contextmanager
def rtsp_camera(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run GStreamer's RTSP server; yield its address and process."""
    program = [SYSTEM_PYTHON, str(Path(__file__).with_name("rtsp_server.py")), *(options or ("640", "480"))]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port, "GStreamer's RTSP server is not installed: script/bootstrap dev installs it"
        yield f"rtsp://127.0.0.1:{port}/live", process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


@contextmanager
def rtsp_socket(*answers: bytes) -> Iterator[str]:
    """Run a server that answers each request with the next of `answers`, then nothing; yield its address.

    An empty answer ends the connection.
    """
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            try:
                connected, _ = server.accept()
            except TimeoutError:
                continue
            with connected:
                connected.settimeout(20)
                try:
                    for answer in answers:
                        number = re.search(rb"CSeq: (\d+)", connected.recv(4096))
                        connected.sendall(answer.replace(b"<number>", number[1] if number else b"0"))
                    while b"" not in answers and connected.recv(4096):
                        pass
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/live"
    finally:
        stopping.set()
        thread.join(25)
        server.close()
