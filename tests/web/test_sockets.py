"""Connections without a request lock out neither the page nor the command line."""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from musicond.web import sockets
from musicond.web.access import COOKIE, PUBLIC, TokenAuth
from musicond.web.client import ControlClient
from tests.web.conftest import Server, make_server

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S = 10.0


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)


def closed(connection: socket.socket) -> bool:
    """Whether the other side ends it within the deadline."""
    with suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


def answered(server: Server) -> bool:
    """Whether the page answers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    try:
        connection.request("GET", "/api/v1/state")
        return connection.getresponse().status == 200
    except (ConnectionError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_connection_that_asks_nothing_is_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(sockets, "FIRST_REQUEST_S", 0.2)
    with connected(server) as silent:
        silent.sendall(sent)
        assert closed(silent)


def test_a_connection_that_asked_stays_for_the_next_request(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "FIRST_REQUEST_S", 0.2)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    connection.request("GET", "/api/v1/state")
    connection.getresponse().read()
    with connected(server) as other:
        assert closed(other), "by now its time is over, too"
    same = connection.sock
    connection.request("GET", "/api/v1/state")
    assert connection.getresponse().status == 200
    assert connection.sock is same
    connection.close()


def test_when_all_places_are_taken_the_oldest_that_waits_is_closed_for_the_next(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_CONNECTIONS", 30)
    with ExitStack() as held:
        many = [held.enter_context(connected(server)) for _ in range(sockets.MAX_CONNECTIONS)]
        for connection in many:
            connection.sendall(b"GET ")
        assert answered(server)
        assert closed(many[0])
        assert ControlClient(server.path).state()


def test_connections_that_asked_are_not_closed_for_the_next(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_CONNECTIONS", 3)
    with ExitStack() as held:
        for _ in range(sockets.MAX_CONNECTIONS):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
            held.callback(connection.close)
            connection.request("GET", "/api/v1/state")
            assert connection.getresponse().read()
        with connected(server) as late:
            assert closed(late)
        assert ControlClient(server.path).state()
    deadline = time.monotonic() + DEADLINE_S
    while not answered(server):  # the server notices one by one that they are closed
        assert time.monotonic() < deadline


def from_address(server: Server, address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), DEADLINE_S, source_address=(address, 0))


def test_strangers_have_few_places_and_one_address_fewer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_STRANGERS", 5)
    monkeypatch.setattr(sockets, "MAX_STRANGERS_EACH", 3)
    with ExitStack() as held:
        first = [held.enter_context(from_address(server, "127.0.0.2")) for _ in range(3)]
        assert closed(held.enter_context(from_address(server, "127.0.0.2"))), "three of one address"
        held.enter_context(from_address(server, "127.0.0.3"))
        held.enter_context(from_address(server, "127.0.0.3"))
        last = held.enter_context(from_address(server, "127.0.0.4"))
        assert closed(first[0]), "the oldest of the address that has most"
        last.sendall(b"GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert last.recv(15) == b"HTTP/1.1 200 OK"
        known = [held.enter_context(from_address(server, "127.0.0.4")) for _ in range(6)]
        known[-1].sendall(b"GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert known[-1].recv(15) == b"HTTP/1.1 200 OK", "no stranger any more"


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_address_makes_no_stranger_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(sockets, "MAX_STRANGERS_EACH", 2)
    server = make_server(tmp_path)
    server.token = SecretStr("a-token-of-24-characters")
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    cookie = f"Cookie: {COOKIE}={TokenAuth(server.token).cookie}\r\n"
    try:
        for header, is_known in (("", False), (cookie, True)):
            with from_address(server, "127.0.0.2") as asking, ExitStack() as held:
                asking.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode())
                head = asking.recv(2000).partition(b"\r\n\r\n")[0]
                assert head.startswith(b"HTTP/1.1 200 OK")
                assert (b"Connection: close" in head) is not is_known
                for _ in range(2):
                    held.enter_context(from_address(server, "127.0.0.2"))
                third = held.enter_context(from_address(server, "127.0.0.2"))
                third.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                with suppress(ConnectionError):
                    assert bool(third.recv(15)) is is_known
    finally:
        server.output.stop()


def test_an_address_that_opens_too_many_connections_is_refused_for_a_while(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_OPENED", 4)
    for _ in range(4):
        with from_address(server, "127.0.0.2") as refused:
            refused.sendall(b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
            assert refused.recv(12) == b"HTTP/1.1 403"
    with from_address(server, "127.0.0.2") as refused:
        assert closed(refused)
    assert answered(server)


def test_a_refusal_closes_the_connection(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    connection.request("GET", "/api/v1/state", headers={"Host": "elsewhere.example"})
    response = connection.getresponse()
    assert (response.status, response.getheader("Connection")) == (403, "close")
    response.read()
    connection.close()


def test_only_the_head_of_a_request_is_read_before_it_is_allowed(server: Server) -> None:
    with connected(server) as long:
        line = b"X: %b\r\n" % (b"x" * 1000)
        with suppress(ConnectionError):
            long.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + line * (sockets.FIRST_HEAD_BYTES // 1000 + 1))
        assert closed(long)


@pytest.mark.parametrize("cut", [1, 20, 60, 1000])
def test_a_first_request_with_a_body_may_come_in_any_parts(server: Server, cut: int) -> None:
    body = b'{"on": true}'
    head = b"POST /api/v1/privacy HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with connected(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(request), cut):
            connection.sendall(request[start : start + cut])
            time.sleep(0.002)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        connection.sendall(request)
        assert connection.recv(1000)


def test_a_first_request_with_a_large_body_is_answered(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    connection.request("POST", "/api/v1/privacy", b"x" * 400_000, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 413
    connection.close()


def test_requests_that_are_no_http_give_one_line_and_no_traceback(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    for sent in (
        b"\x16\x03\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad\r\n\r\n",
    ):
        with connected(server) as connection:
            connection.sendall(sent)
            assert closed(connection) or b"400" in connection.recv(100)
    lines = [record for record in caplog.records if record.levelno > 10]
    assert len(lines) == 1
    assert "not valid HTTP" in lines[0].getMessage()
