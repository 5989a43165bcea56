"""A page with all its endpoints: a real catalogue and history in a thread, and a double of the Spotify sign-in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from musicond.app.music_assistant import MusicAssistant
from musicond.app.setup import Setup
from musicond.app.web import build_endpoints, links_endpoint
from musicond.config.loader import LoadedConfig
from musicond.config.overrides import Overrides
from musicond.config.schema import Config, Mqtt
from musicond.core.models import Emotion
from musicond.core.schedule import Schedule
from musicond.errors import ListError, SkippedEntries
from musicond.history import HistoryBook, HistoryOutput
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.maintenance import LibraryMaintenance
from musicond.runtime.json_file import JsonFile
from musicond.runtime.worker import Worker
from musicond.web.api import ActionEndpoint
from musicond.web.links import PageLinks
from musicond.web.openapi import document
from musicond.web.preview import Preview
from tests.web.conftest import HAPPY, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic import SecretStr

    from musicond.core.ports import ListSource

CHECKS = [
    {"name": "broker", "state": "failed", "found": "mqtt.example:1883 refuses", "remedy": "correct mqtt.username"},
    {"name": "clock", "state": "ok", "found": "synchronised", "remedy": ""},
]


class Account:
    """A double of the sign-in at Spotify, with the same steps and answers."""

    def __init__(self) -> None:
        self.signed_in = False
        self.redirects: list[str] = []

    def run(self, action: str, arguments: Mapping[str, Any]) -> Future[Mapping[str, object]]:
        future: Future[Mapping[str, object]] = Future()
        try:
            future.set_result(self._run(action, arguments))
        except ListError as exc:
            future.set_exception(exc)
        return future

    def _run(self, action: str, arguments: Mapping[str, Any]) -> dict[str, object]:
        if action == "begin":
            return {"url": "https://accounts.example/authorize?state=x"}
        if action == "devices":
            speaker = {"name": "Kitchen", "type": "Speaker", "active": True, "restricted": False, "usable": True}
            return {"devices": [speaker]}
        if action == "finish":
            self.redirects.append(str(arguments.get("redirect")))
            if "code=" not in self.redirects[-1]:
                raise ListError("this address belongs to another sign-in; begin again")
            self.signed_in = True
        if action == "logout":
            self.signed_in = False
        return {
            "configured": True,
            "pending": False,
            "signed_in": self.signed_in,
            "user": "Ann" if self.signed_in else None,
            "scopes": [],
            "signed_in_on": "2026-05-01T12:00:00+02:00" if self.signed_in else None,
            "expires_on": "2026-10-28" if self.signed_in else None,
            "days_left": 180 if self.signed_in else None,
            "trouble": None if self.signed_in else "nobody is signed in at Spotify; sign in: musicond spotify login",
        }


class FullServer:
    """A server with all endpoints; the songs of `library` are sorted at its start."""

    def __init__(self, folder: Path, library: ListSource | None = None) -> None:
        self.folder = folder
        path = folder / "catalogue.sqlite"
        SqliteCatalogue(path).close()
        wanted = dict.fromkeys(Emotion, ("starter",)) | {Emotion.FEAR: ("starter", "library:/srv/music")}
        builders: dict[str, Callable[[str, Emotion], ListSource]] = {"spotify": _empty_source}
        if library is not None:
            wanted[Emotion.HAPPY] = ("library:mpd",)
            builders["mpd"] = lambda _, __: library
        store = JsonFile(folder / "refresh.json")
        self.jobs = Worker(periodic := list[Callable[[], None]]())
        self.maintenance = LibraryMaintenance(
            path, wanted, Schedule.parse("never"), store, builders=builders, should_stop=self.jobs.should_stop
        )
        periodic.append(self.maintenance.tick)
        self.book = HistoryBook(folder / "history")
        self.history = HistoryOutput(self.book, 365)
        self.account = Account()
        self.brokers: list[tuple[Mqtt, str | None]] = []
        """Brokers that were asked for a connection, with the passwords."""
        self.overrides = Overrides(folder, lambda: LoadedConfig(Config(), None, {}))
        self.checks: list[dict[str, str]] = CHECKS
        """What the doctor finds."""
        self.asked: list[str] = []
        """What the set-up has asked of the daemon."""
        setup = Setup(Config(), self.overrides, lambda: self.overrides.effective().config, self._check_broker, folder)
        setup.attach(self)
        self.links = PageLinks(JsonFile(folder / "page-links.json"), "http://den.local:8080/")
        endpoints = build_endpoints(
            self.jobs,
            self.maintenance,
            self.book,
            self.history,
            lambda: self.checks,
            MusicAssistant(Config(), folder),
            setup,
        )
        endpoints["links"] = links_endpoint(self.links, self.jobs)
        endpoints["spotify"] = ActionEndpoint(self.account.run)
        self.server = Server(folder / "run" / "control.sock", endpoints=endpoints, preview=Preview())
        self.output = self.server.output

    def reload(self) -> None:
        self.asked.append("reload")

    def restart(self) -> None:
        self.asked.append("restart")

    def _check_broker(self, mqtt: Mqtt, password: SecretStr | None, _node: str) -> dict[str, object]:
        self.brokers.append((mqtt, password.get_secret_value() if password else None))
        return {"name": "broker", "state": "failed", "found": f"{mqtt.host}: Not authorized", "remedy": "correct it"}

    def document(self) -> dict[str, Any]:
        return document(self.server.endpoints)


def _empty_source(name: str, _: Emotion) -> Any:
    class EmptySource:
        uri = None
        skipped = SkippedEntries()

        def tracks(self) -> Iterator[Any]:
            yield from ()

    return EmptySource()


@pytest.fixture
def full_server(tmp_path: Path) -> Iterator[FullServer]:
    with running(FullServer(tmp_path)) as full:
        yield full


@contextmanager
def running(full: FullServer) -> Iterator[FullServer]:
    """Run a server."""
    full.jobs.start()
    full.output.start()
    full.output.accept(HAPPY)
    try:
        yield full
    finally:
        full.output.stop()
        full.jobs.stop()
