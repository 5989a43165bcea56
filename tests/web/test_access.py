"""Access from the network: the token, the cookie and the limit on wrong tokens."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from musicond.web.access import COOKIE, MAX_ADDRESSES, MAX_FAILURES, WINDOW_S, TokenAuth, is_local
from musicond.web.responses import HttpError
from tests.web.conftest import HAPPY, Server, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "a-token-of-24-characters"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_token_opens_once_and_the_cookie_from_then_on() -> None:
    auth = TokenAuth(SecretStr(TOKEN))
    assert not auth.authenticate("a")
    assert auth.authenticate("a", token=TOKEN)
    assert auth.authenticate("a", cookie=auth.cookie)
    assert not auth.authenticate("a", cookie=TOKEN)
    assert not auth.authenticate("a", token=auth.cookie)
    for odd in ("\u00e9", "\udcff"):
        assert not auth.authenticate("a", token=odd)
        assert not auth.authenticate("a", cookie=odd)
    assert TOKEN not in auth.cookie
    assert TokenAuth(SecretStr(TOKEN + "x")).cookie != auth.cookie


def test_an_address_with_wrong_tokens_must_wait_and_locks_nobody_else_out() -> None:
    clock = Clock()
    auth = TokenAuth(SecretStr(TOKEN), clock)
    for _ in range(MAX_FAILURES):
        assert not auth.authenticate("attacker", token="wrong")
    with pytest.raises(HttpError, match="too many wrong tokens"):
        auth.authenticate("attacker", token=TOKEN)
    assert auth.authenticate("attacker", cookie=auth.cookie), "the cookie still opens the page"
    assert auth.authenticate("other", token=TOKEN)
    clock.now = WINDOW_S + 1
    assert auth.authenticate("attacker", token=TOKEN)


def test_a_request_without_any_token_and_an_old_cookie_are_no_wrong_token() -> None:
    auth = TokenAuth(SecretStr(TOKEN))
    assert not any(auth.authenticate("a", cookie="old") for _ in range(5 * MAX_FAILURES))
    assert not any(auth.authenticate("a") for _ in range(5 * MAX_FAILURES))


def test_many_addresses_take_no_more_room() -> None:
    auth = TokenAuth(SecretStr(TOKEN))
    for number in range(4 * MAX_ADDRESSES):
        auth.authenticate(str(number), token="wrong")
    assert len(auth._failures._times) == MAX_ADDRESSES


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Server]:
    """A page with a token."""
    server = make_server(tmp_path)
    server.token = SecretStr(TOKEN)
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    server.output.accept(HAPPY)
    yield server
    server.output.stop()


def get(server: Server, path: str, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def test_the_link_sets_a_cookie_and_takes_the_token_out_of_the_address(closed: Server) -> None:
    status, _, headers = get(closed, f"/?token={TOKEN}")
    assert status == 303
    assert headers["Location"] == "./", "also below a path of another server"
    cookie = headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    shown = cookie.split(";")[0]
    for path in ("/", "/api/v1/state", "/app.js"):
        assert get(closed, path, Cookie=shown)[0] == 200
    assert get(closed, "/?token=whatever", Cookie=shown)[0] == 303, "an old link with a valid cookie"


API = [f"/api/v1/{name}" for name in ("state", "events", "log", "preview", "openapi.json")]


@pytest.mark.parametrize("path", ["/", "/app.js", *API, "/metrics", "/healthz", "/nothing"])
def test_without_the_token_nothing_is_served(closed: Server, path: str) -> None:
    status, text, _ = get(closed, path)
    assert status == 401
    assert "sudo musicond page-link" in text
    assert "happy" not in text
    assert get(closed, f"{path}?token=wrong")[0] == 401
    assert get(closed, path, Cookie=f"{COOKIE}=wrong")[0] == 401


def test_a_header_that_is_no_text_is_a_wrong_token(closed: Server) -> None:
    for header in (b"Authorization: Bearer \xff", b"Cookie: musicond_page=\xff"):
        with socket.create_connection(("127.0.0.1", closed.port), timeout=10) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + header + b"\r\n\r\n")
            assert raw.makefile("rb").readline().split()[1] == b"401"


def test_a_program_sends_the_token_as_a_bearer(closed: Server) -> None:
    status, text, _ = get(closed, "/api/v1/state", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    assert json.loads(text)["mood"] == "happy"


def test_after_ten_wrong_tokens_the_address_waits(closed: Server) -> None:
    statuses = [get(closed, "/?token=wrong")[0] for _ in range(MAX_FAILURES + 1)]
    assert statuses == [401] * MAX_FAILURES + [429]
    status, _, headers = get(closed, f"/?token={TOKEN}")
    assert (status, headers["Retry-After"]) == (429, "60")


def test_a_post_needs_the_token_too(closed: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", closed.port, timeout=10)
    connection.request("POST", "/api/v1/privacy", body='{"on": true}', headers={"Content-Type": "application/json"})
    assert connection.getresponse().status == 401
    connection.close()
    assert closed.commands == []


def test_only_the_machine_s_own_names_are_served() -> None:
    name = socket.gethostname()
    for host in (f"{name}.local:8080", name.upper(), "127.0.0.1:1", "[::1]:1", "192.0.2.7:8080", f"{name}.local."):
        assert is_local(host, "0.0.0.0", "192.0.2.7"), host
    for host in ("example.org", "192.0.2.8", f"{name}.example.org", "local", "", "[::1"):
        assert not is_local(host, "0.0.0.0", "192.0.2.7"), host
    assert is_local("192.0.2.7", "::", "::ffff:192.0.2.7")


def test_the_full_host_name_is_served_with_the_domain_of_the_network(tmp_path: Path) -> None:
    name, resolver = socket.gethostname().partition(".")[0], tmp_path / "resolv.conf"
    resolver.write_text("# made by dhcp\nnameserver 192.168.178.1\nsearch fritz.box Attic.Example.\n")
    for domain in ("local", "lan", "home.arpa", "fritz.box", "attic.example"):
        for host in (f"{name}.{domain}", f"{name}.{domain}.:8080".upper()):
            assert is_local(host, "0.0.0.0", "192.0.2.7", resolver), host
    for host in ("fritz.box", "other.fritz.box", f"{name}.fritz.box.evil.example", f"x.{name}.local", f"{name}.com"):
        assert not is_local(host, "0.0.0.0", "192.0.2.7", resolver), host
    for content in (b"", b"search\n", b"\xff"):
        resolver.write_bytes(content)
        assert not is_local(f"{name}.fritz.box", "0.0.0.0", "192.0.2.7", resolver)
    assert not is_local(f"{name}.fritz.box", "0.0.0.0", "192.0.2.7", tmp_path / "none")
