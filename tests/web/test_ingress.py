"""The page below a path of Home Assistant, by a small proxy that does what its ingress does."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self

import pytest
from aiohttp import ClientSession, web
from pydantic import SecretStr

from musicond.core.commands import SetPrivacy
from musicond.runtime.worker import run_job
from musicond.web.api import ActionEndpoint
from tests.web.browser import click, go, text
from tests.web.conftest import HAPPY, Server, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIX = "/api/hassio_ingress/a-session"
HOST = "homeassistant.localhost"
"""A name that browsers take for this machine, and musicond for a stranger's."""
NOT_SENT = ("transfer-encoding", "content-length", "content-type", "content-encoding")
"""Headers of a response that Home Assistant's proxy does not pass on."""


class Ingress:
    """The proxy, in a thread; a page of Home Assistant at `/` shows musicond in a frame."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._ending: asyncio.Event
        self._loop: asyncio.AbstractEventLoop

    def __enter__(self) -> Self:
        port: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(port)))
        self._thread.start()
        self.port = port.result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(10)

    async def _serve(self, port: Future[int]) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_get("/", self._frame)
        app.router.add_route("*", PREFIX + "/{path:.*}", self._forward)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        async with ClientSession() as self._session:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port.set_result(runner.addresses[0][1])
            await self._ending.wait()
            await runner.cleanup()

    async def _frame(self, _: web.Request) -> web.Response:
        return web.Response(text=f'<iframe src="{PREFIX}/" width=390 height=600></iframe>', content_type="text/html")

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in NOT_SENT[:2]}
        headers |= {"X-Ingress-Path": PREFIX, "X-Forwarded-Host": request.host, "X-Forwarded-For": "192.0.2.7"}
        url = f"{self._target}/{request.match_info['path']}"
        data = await request.read()
        async with self._session.request(
            request.method, url, headers=headers, params=request.query, data=data, allow_redirects=False
        ) as answer:
            passed = {name: value for name, value in answer.headers.items() if name.lower() not in NOT_SENT}
            response = web.StreamResponse(status=answer.status, headers=passed)
            response.content_type = answer.content_type
            await response.prepare(request)
            async for part, _ in answer.content.iter_chunks():
                await response.write(part)
            return response


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A page with a token that trusts Home Assistant's proxy, which is this machine here."""
    server = make_server(tmp_path)
    server.token, server.ingress = SecretStr("a-token-of-24-characters"), "127.0.0.1"
    answer = {"open": True, "links": []}
    server.endpoints = {"links": ActionEndpoint(lambda *_: run_job(lambda: answer))}
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    server.output.accept(HAPPY)
    yield server
    server.output.stop()


def ask(port: int, method: str, path: str, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        body = json.dumps({"on": True}) if method == "POST" else None
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


@pytest.mark.browser
def test_the_page_works_below_a_path_of_home_assistant_and_in_its_frame(server: Server, chromium: Any) -> None:
    with Ingress(server.output.address) as ingress:
        context = chromium.new_context(viewport={"width": 420, "height": 640}, reduced_motion="reduce", locale="en-GB")
        context.set_default_timeout(15_000)
        tab = context.new_page()
        failed: list[str] = []
        tab.on(
            "response",
            lambda got: failed.append(got.url) if got.status >= 400 and got.request.method == "GET" else None,
        )
        tab.on("console", lambda message: failed.append(message.text) if "Security Policy" in message.text else None)
        tab.on("pageerror", lambda error: failed.append(str(error)))
        tab.goto(f"http://{HOST}:{ingress.port}/")
        [page] = tab.frames[1:]
        page.click("a[data-t=welcome_go]")
        page.wait_for_selector("#hero[data-kind=happy]")
        assert text(page, "#word") == "Happy"
        click(server, page, "#privacy")
        assert server.commands == [SetPrivacy(on=True)]
        for view in ("music", "history", "about", "now", "device"):
            go(page, view)
        assert page.is_hidden("#links"), "a link made here would lead to Home Assistant"
        tab.set_extra_http_headers({"Authorization": "Bearer a-token-of-24-characters"})
        tab.goto(f"{server.output.address}/#device")
        tab.wait_for_selector("#links:not([hidden])")
        context.close()
    assert [url for url in failed if not url.endswith("/favicon.ico")] == []  # the frame's own page has none


def test_only_the_address_of_the_proxy_with_its_path_needs_no_token(server: Server) -> None:
    path = {"X-Ingress-Path": PREFIX}
    assert ask(server.port, "GET", "/api/v1/state", **path)[0] == 200
    assert ask(server.port, "GET", "/api/v1/state")[0] == 401, "without its header: somebody on this machine"
    server.ingress = "172.30.32.2"
    stranger = server.again("127.0.0.1:0")
    stranger._path = server.path.with_name("other.sock")
    stranger.start()
    try:
        port = int(stranger.address.rpartition(":")[2])
        assert ask(port, "GET", "/api/v1/state", **path)[0] == 401
        assert ask(port, "GET", "/")[2]["X-Frame-Options"] == "DENY"
    finally:
        stranger.stop()


def test_the_frame_is_home_assistants_and_other_sites_switch_nothing(server: Server) -> None:
    known = {"X-Ingress-Path": PREFIX, "Host": HOST, "X-Forwarded-Host": "ha.example:8123"}
    status, _, headers = ask(server.port, "GET", "/", **known)
    assert status == 200
    assert headers["Content-Security-Policy"].endswith("frame-ancestors 'self'")
    assert "X-Frame-Options" not in headers
    assert ask(server.port, "POST", "/api/v1/privacy", Origin="https://evil.example", **known)[0] == 403
    assert server.commands == []
    assert ask(server.port, "POST", "/api/v1/privacy", Origin="https://ha.example:8123", **known)[0] == 200
    assert server.commands == [SetPrivacy(on=True)]
