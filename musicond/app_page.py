"""The part of the composition root that joins the page: its desks, the live picture and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musicond.config import own_socket
from musicond.credentials import page_token
from musicond.outputs import history
from musicond.runtime import logs
from musicond.web.desk import Desk
from musicond.web.preview import Preview
from musicond.web.routes import page_actions
from musicond.web.server import WebOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from musicond.config import Config
    from musicond.core.messages import Command
    from musicond.music.librarian import Librarian
    from musicond.runtime.jobs import Jobs

Checks = list[dict[str, str]]


def build_preview(config: Config) -> Preview | None:
    """Return what shows the live picture; None where it is off."""
    return Preview() if config.web.preview else None


def build_desks(
    jobs: Jobs,
    librarian: Librarian,
    book: history.HistoryBook,
    counts: history.HistoryOutput | None,
    examine: Callable[[], Checks],
) -> dict[str, Desk]:
    """Return what the command line and the page can ask of the thread `jobs`."""
    return {
        "catalogue": Desk(
            lambda action, args: jobs.submit(lambda: librarian.do(action, args)), page=page_actions("catalogue")
        ),
        "history": Desk(
            lambda action, args: jobs.submit(lambda: history.do(book, counts, action, args)),
            page=page_actions("history"),
        ),
        "doctor": Desk(lambda _action, _args: jobs.submit(lambda: {"checks": examine()}), page=page_actions("doctor")),
    }


def build_page(
    config: Config,
    submit: Callable[[Command], Future[None]],
    health: Callable[[], Mapping[str, object]],
    desks: Mapping[str, Desk],
    preview: Preview | None,
) -> WebOutput:
    """Return the page, not started."""
    return WebOutput(
        config.web.listen,
        own_socket(config),
        page_token(config),
        submit,
        health,
        desks,
        preview=preview,
        recent=logs.RECENT.lines,
    )
