"""Connections without a request lock out neither the page nor the command line."""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from musicond.web import sockets
from musicond.web.client import ControlClient

if TYPE_CHECKING:
    from tests.web.conftest import Server

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


def test_more_connections_than_allowed_are_refused_and_the_command_line_is_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_CONNECTIONS", 30)
    with ExitStack() as held:
        many = [held.enter_context(connected(server)) for _ in range(sockets.MAX_CONNECTIONS)]
        for connection in many:
            connection.sendall(b"GET ")
        with connected(server) as late:
            assert closed(late)
        assert ControlClient(server.path).state()
    deadline = time.monotonic() + DEADLINE_S
    while not answered(server):  # the server notices one by one that they are closed
        assert time.monotonic() < deadline
