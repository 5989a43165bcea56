"""The part of the composition root that joins the page: its desks, the live picture and the log."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from musicond import history
from musicond.config.paths import listen_socket
from musicond.config.secrets import page_token
from musicond.library.actions import from_page
from musicond.runtime import logs
from musicond.web.api import ActionEndpoint
from musicond.web.preview import Preview
from musicond.web.routes import page_actions
from musicond.web.server import WebOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from musicond.config.schema import Config
    from musicond.core.commands import Command
    from musicond.library.maintenance import LibraryMaintenance
    from musicond.runtime.worker import Worker

Checks = list[dict[str, str]]
KEPT_S = 30.0


class Doctor:
    """Does the doctor's checks for the page, at most once in KEPT_S: some ask the network, and each page asks."""

    def __init__(self, examine: Callable[[], Checks]) -> None:
        self._examine, self._found, self._at = examine, Checks(), -math.inf

    def told(self) -> dict[str, object]:
        """Return `checks`, made now or a moment ago; in one thread alone."""
        if time.monotonic() - self._at > KEPT_S:
            self._found, self._at = self._examine(), time.monotonic()
        return {"checks": self._found}


def build_preview(config: Config) -> Preview | None:
    """Return what shows the live picture; None where it is off."""
    return Preview() if config.web.preview else None


def build_desks(
    jobs: Worker,
    librarian: LibraryMaintenance,
    book: history.HistoryBook,
    counts: history.HistoryOutput | None,
    examine: Callable[[], Checks],
) -> dict[str, ActionEndpoint]:
    """Return what the command line and the page can ask of the thread `jobs`."""
    doctor = Doctor(examine)
    return {
        "catalogue": ActionEndpoint(
            lambda action, args: jobs.submit(lambda: librarian.run_action(action, args)),
            page=page_actions("catalogue"),
            vet=from_page,
        ),
        "history": ActionEndpoint(
            lambda action, args: jobs.submit(lambda: history.do(book, counts, action, args)),
            page=page_actions("history"),
        ),
        "doctor": ActionEndpoint(lambda _action, _args: jobs.submit(doctor.told), page=page_actions("doctor")),
    }


def build_page(
    config: Config,
    submit: Callable[[Command], Future[None]],
    health: Callable[[], Mapping[str, object]],
    desks: Mapping[str, ActionEndpoint],
    preview: Preview | None,
) -> WebOutput:
    """Return the page, not started."""
    return WebOutput(
        config.web.listen,
        listen_socket(config),
        page_token(config),
        submit,
        health,
        desks,
        preview=preview,
        recent=logs.RECENT.lines,
    )
