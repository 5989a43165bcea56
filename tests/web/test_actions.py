"""The actions: all of them by the control socket, some of them by the page's port."""

from __future__ import annotations

import http.client
import json
import queue
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from musicond.errors import CatalogueError, ControlError, ListError
from musicond.web import api
from musicond.web.api import ActionEndpoint
from musicond.web.client import ControlClient
from musicond.web.routes import PAGE_ACTIONS
from musicond.web.server import WebOutput
from tests.web.conftest import Server, make_server
from tests.web.test_api import JSON, ask, post

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class ActionServer:
    """A real server with an endpoint that records its calls."""

    def __init__(self, server: Server) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.answer: BaseException | None = None
        self.hold = False
        endpoints = {
            "catalogue": ActionEndpoint(self.run),
            "slow": ActionEndpoint(self.run, wait_s=0.05),
            "spotify": ActionEndpoint(self.run, wait_s=0.05, answer_late=lambda action: {"pending": action}),
        }
        self.output = WebOutput("127.0.0.1:0", server.path, None, server.submit, lambda: server.health, endpoints)
        self.client = ControlClient(server.path)

    def run(self, action: str, arguments: Mapping[str, Any]) -> Future[Mapping[str, object]]:
        self.calls.append((action, arguments))
        future: Future[Mapping[str, object]] = Future()
        if self.answer is not None:
            future.set_exception(self.answer)
        elif not self.hold:
            future.set_result({"well": True})
        return future


@pytest.fixture
def action_server(tmp_path: Path) -> Iterator[ActionServer]:
    action_server = ActionServer(make_server(tmp_path))
    action_server.output.start()
    yield action_server
    action_server.output.stop()


def test_the_control_socket_runs_actions_with_a_body_of_any_size(action_server: ActionServer) -> None:
    rows = [{"emotion": "sad", "title": "x" * 90, "artist": "y", "likes": 1} for _ in range(3000)]
    assert action_server.client.run_action("catalogue", "add", {"rows": rows}) == {"well": True}
    assert action_server.client.run_action("catalogue", "list") == {"well": True}
    assert action_server.calls == [("add", {"rows": rows}), ("list", {})]


def test_the_port_refuses_the_actions_of_the_command_line(action_server: ActionServer) -> None:
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(action_server.output.address.rpartition(":")[2]), timeout=10
    )
    assert ("catalogue", "verify") not in PAGE_ACTIONS
    connection.request("POST", "/api/v1/catalogue/verify", body="{}", headers={"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert (answer.status, "command line" in json.loads(answer.read())["error"]) == (403, True)
    connection.close()
    assert action_server.calls == []


def test_the_page_may_run_only_the_actions_that_the_table_allows(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    actions = ActionServer(server)
    server.endpoints = {
        "catalogue": ActionEndpoint(actions.run),
        "spotify": ActionEndpoint(actions.run),
    }
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    try:
        statuses = [post(server, path, {})[0] for path in ("/api/v1/catalogue/list", "/api/v1/catalogue/forget")]
        assert statuses == [200, 403]
        assert post(server, "/api/v1/spotify/status", {})[0] == 200
        assert post(server, "/api/v1/catalogue/list", {"x": "y" * api.PAGE_BODY_LIMIT})[0] == 413
        status, _, _ = ask(server, "POST", "/api/v1/catalogue/list", r'{"x": "\ud800"}', JSON)
        assert status == 400
        assert post(server, "/api/v1/catalogue/list", {}, {"Origin": "https://evil.example"})[0] == 403
    finally:
        server.output.stop()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ListError("x.csv:2: no title; give one"), "x.csv:2: no title"),
        (CatalogueError("catalogue: full; make room"), "make room"),
        (OSError(28, "No space left on device", "history"), "history: No space left on device"),
        (queue.Full(), "too much waits already"),
    ],
)
def test_errors_are_one_line(action_server: ActionServer, answer: BaseException, says: str) -> None:
    action_server.answer = answer
    with pytest.raises(ControlError, match=says) as caught:
        action_server.client.run_action("catalogue", "list", {})
    assert "\n" not in str(caught.value)


def test_a_body_that_is_too_large_or_no_object_is_refused(
    action_server: ActionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ControlError, match="send a JSON object"):
        action_server.client.run_action("catalogue", "add", [1])  # type: ignore[arg-type]  # what is tested
    monkeypatch.setattr(api, "ACTION_BODY_LIMIT", 100)
    with pytest.raises(ControlError, match="import it in parts"):
        action_server.client.run_action("catalogue", "add", {"rows": ["x" * 200]})
    assert action_server.calls == []


@pytest.mark.parametrize(
    ("action", "arguments", "says"),
    [
        ("add", {}, "rows: field required"),
        ("add", {"rows": [{"emotion": "sad", "title": 3, "artist": "x"}]}, "rows.0.title: input should be a valid str"),
        ("list", {"emotion": "joy"}, "emotion: input should be 'angry', 'disgust'"),
        ("remove", {"id": ""}, "id: string should have at least 1 character"),
        ("refresh", {"if_due": "yes"}, "if_due: input should be a valid boolean"),
    ],
)
def test_arguments_that_the_description_forbids_do_not_reach_the_action(
    action_server: ActionServer, action: str, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(ControlError, match=says):
        action_server.client.run_action("catalogue", action, arguments)
    assert action_server.calls == []


def test_an_action_that_takes_long_is_reported(action_server: ActionServer) -> None:
    action_server.hold = True
    with pytest.raises(ControlError, match="the daemon is busy"):
        action_server.client.run_action("slow", "verify")
    assert action_server.client.run_action("spotify", "finish", {"redirect": "x"}) == {"pending": "finish"}
