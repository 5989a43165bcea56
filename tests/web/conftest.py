"""A page on a free port with real sockets."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Box, Faces, Mood, Track, Watching
from musicond.core.outcome import Outcome, Recommendation
from musicond.web.server import WebOutput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from musicond.core.commands import Command
    from musicond.web.api import ActionEndpoint
    from musicond.web.covers import CoverCache
    from musicond.web.links import PageLinks
    from musicond.web.preview import Preview

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SONGS = (
    Track("t:1", "Sunny Side", "The Bright", "https://open.example/track/1", "Hits"),
    Track("t:2", "Up <b>&amp;</b> Away", "Ann & Ben", "http://plain.example/track/2"),
    Track("t:3", "Odd", "Trick", "javascript:alert(1)"),
)
SCORES = (0.01, 0.02, 0.03, 0.8, 0.07, 0.04, 0.03)

HAPPY = Outcome(
    seq=1,
    captured_at=1.0,
    wall_time=NOON,
    watching=Watching.YES,
    mood=Mood.HAPPY,
    since=NOON,
    confidence=0.8,
    scores=SCORES,
    raw_scores=SCORES,
    faces=Faces(confirmed=(Box(10, 10, 100, 100),)),
    recommendation=Recommendation(Mood.HAPPY, SONGS, "bright and quick, to match a happy room", NOON),
    present=True,
)


def without_face(watching: Watching, **changes: Any) -> Outcome:
    """Return an outcome without a face."""
    blank: dict[str, Any] = {"mood": Mood.NOBODY, "confidence": 0.0, "scores": None, "raw_scores": None}
    blank["present"] = False if watching is Watching.YES else None
    return replace(HAPPY, watching=watching, faces=Faces(), **(blank | changes))


def good_health() -> dict[str, object]:
    """Return the health of a daemon without trouble."""
    return {
        "camera": "demo",
        "trouble": None,
        "frames_per_s": 8.0,
        "temperature_c": 51.2,
        "throttled": False,
        "memory_mib": 92.4,
        "uptime_s": 4000,
        "broker": {"address": "mqtt.example:1883", "connected": True},
        "outputs": {"page": "open", "mqtt": "connected to mqtt.example:1883"},
    }


@dataclass
class Server:
    """The output under test with the commands submitted to it and the health that it shows."""

    path: Path
    commands: list[Command] = field(default_factory=list)
    futures: list[Future[None]] = field(default_factory=list)
    answer: BaseException | None = None
    """The error of each command; None is success."""
    hold: bool = False
    """Leave the futures unresolved, like a watch loop that is stuck."""
    health: dict[str, object] = field(default_factory=good_health)
    arrived: threading.Event = field(default_factory=threading.Event)
    token: SecretStr | None = None
    endpoints: dict[str, ActionEndpoint] = field(default_factory=dict)
    preview: Preview | None = None
    covers: CoverCache | None = None
    embed: tuple[str, ...] = ()
    links: PageLinks | None = None
    docs: Path | None = None
    ingress: str | None = None

    def __post_init__(self) -> None:
        self.output = self.again("127.0.0.1:0")

    def submit(self, command: Command) -> Future[None]:
        """Replace the inbox and the watch loop behind it."""
        self.commands.append(command)
        future: Future[None] = Future()
        self.futures.append(future)
        if self.answer is not None:
            future.set_exception(self.answer)
        elif not self.hold:
            future.set_result(None)
        self.arrived.set()
        return future

    @property
    def port(self) -> int:
        return int(self.output.address.rpartition(":")[2])

    def again(self, listen: str) -> WebOutput:
        """Return another output, not started, with this inbox."""
        return WebOutput(
            listen,
            self.path,
            self.token,
            self.submit,
            lambda: self.health,
            self.endpoints,
            preview=self.preview,
            covers=self.covers,
            embed=self.embed,
            links=self.links,
            docs=self.docs,
            ingress=self.ingress,
            recent=lambda: [{"at": NOON.isoformat(), "level": "WARNING", "text": "demo lost: unplugged; retrying"}],
        )


def make_server(folder: Path, covers: CoverCache | None = None) -> Server:
    """Return a server whose output is not started."""
    return Server(folder / "run" / "control.sock", covers=covers)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = make_server(tmp_path)
    server.output.start()
    yield server
    server.output.stop()
