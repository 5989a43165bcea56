"""The part of the composition root that builds the page: its action endpoints, the live picture and the log."""

from __future__ import annotations

import ipaddress
import math
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicond import history
from musicond.app.music_assistant import BACKEND as MUSIC_ASSISTANT
from musicond.app.music_assistant import MusicAssistant
from musicond.app.notice import build_notice
from musicond.app.setup import Setup
from musicond.config.addresses import is_loopback
from musicond.config.paths import docs_dir, listen_socket
from musicond.config.schema import Config
from musicond.config.secrets import page_token
from musicond.core.commands import Command
from musicond.core.ports import PlaybackBackend, PlaybackControl
from musicond.errors import ListError, PlaybackError
from musicond.library.actions import check_page_action
from musicond.library.maintenance import LibraryMaintenance
from musicond.runtime import logs
from musicond.runtime.json_file import JsonFile
from musicond.runtime.worker import Worker, run_job
from musicond.web.api import ActionEndpoint
from musicond.web.covers import CoverCache
from musicond.web.links import FILE_NAME as LINKS_FILE
from musicond.web.links import PageLinks
from musicond.web.preview import Preview
from musicond.web.server import WebOutput

if TYPE_CHECKING:  # not imported where Spotify is not configured
    from musicond.spotify.sign_in import SignIn

Checks = list[dict[str, str]]
MAX_AGE_S = 30.0
PATIENCE_S = 3.0
"""Longest wait of the page for an answer of Spotify, in seconds."""
QUICK = ("status", "begin")
"""Actions of the sign-in that need no answer of Spotify."""


class CachedChecks:
    """The doctor's checks, made at most once in MAX_AGE_S: some ask the network, and every open page asks for them."""

    def __init__(self, examine: Callable[[], Checks]) -> None:
        self._examine, self._checks, self._at = examine, Checks(), -math.inf

    def to_json(self) -> dict[str, object]:
        """Return the checks, made now or at most MAX_AGE_S ago; for one thread."""
        if time.monotonic() - self._at > MAX_AGE_S:
            self._checks, self._at = self._examine(), time.monotonic()
        return {"checks": self._checks}


def build_preview(config: Config) -> Preview | None:
    """Return the live picture; None where it is off."""
    return Preview() if config.web.preview else None


def build_endpoints(
    jobs: Worker,
    maintenance: LibraryMaintenance,
    book: history.HistoryBook,
    output: history.HistoryOutput | None,
    examine: Callable[[], Checks],
    music_assistant: MusicAssistant,
    setup: Setup,
    player: PlaybackControl | None = None,
) -> dict[str, ActionEndpoint]:
    """Return the endpoints whose actions run in the thread `jobs`."""
    checks = CachedChecks(examine)

    return {
        "catalogue": ActionEndpoint(
            lambda action, arguments: jobs.submit(lambda: maintenance.run_action(action, arguments)), check_page_action
        ),
        "history": ActionEndpoint(
            lambda action, arguments: jobs.submit(lambda: history.run_action(book, output, action, arguments))
        ),
        "setup": ActionEndpoint(lambda action, arguments: jobs.submit(lambda: setup.run_action(action, arguments))),
        "doctor": ActionEndpoint(lambda *_: jobs.submit(checks.to_json)),
        MUSIC_ASSISTANT: ActionEndpoint(
            lambda action, arguments: jobs.submit(lambda: music_assistant.run_action(action, arguments))
        ),
    } | ({"playback": _speakers_endpoint(player)} if player is not None else {})


def build_sign_in(sign_in: SignIn) -> tuple[ActionEndpoint, Worker]:
    """Return the endpoint of the sign-in at Spotify and its thread; a quick action runs at once, without it."""
    worker = Worker(name="sign-in")

    def run(action: str, arguments: Mapping[str, Any]) -> Future[Mapping[str, object]]:
        job = partial(sign_in.run_action, action, arguments)
        return run_job(job) if action in QUICK else worker.submit(job)

    def answer_late(action: str) -> Mapping[str, object]:
        if action == "finish":
            return sign_in.status()
        raise PlaybackError("Spotify does not answer in time; try again in a moment")

    return ActionEndpoint(run, wait_s=PATIENCE_S, answer_late=answer_late), worker


def build_page(
    config: Config,
    submit: Callable[[Command], Future[None]],
    health: Callable[[], Mapping[str, object]],
    endpoints: Mapping[str, ActionEndpoint],
    preview: Preview | None,
    player: PlaybackControl | None,
    folder: Path,
    jobs: Worker,
) -> WebOutput:
    """Return the page, not started; its links are kept in the state directory `folder`, by the thread `jobs`."""
    links = PageLinks(JsonFile(folder / LINKS_FILE), public_address(config))
    return WebOutput(
        config.web.listen,
        listen_socket(config),
        page_token(config),
        submit,
        health,
        {**endpoints, "links": links_endpoint(links, jobs)},
        preview=preview,
        recent=logs.RECENT.lines,
        covers=_covers(player) if player is not None else None,
        notice=build_notice(config),
        embed=config.web.embed,
        links=links,
        docs=docs_dir(),
        ingress=config.web.ingress,
    )


def links_endpoint(links: PageLinks, jobs: Worker) -> ActionEndpoint:
    """Return the endpoint of the named links, for those with the page's own link."""
    return ActionEndpoint(
        lambda action, arguments: jobs.submit(lambda: links.run_action(action, arguments)), owner_only=True
    )


def _covers(player: PlaybackControl) -> CoverCache:
    return CoverCache(lambda track: player.query(lambda backend: backend.get_cover(track)))


def _speakers_endpoint(player: PlaybackControl) -> ActionEndpoint:
    """Return the endpoint of the player, whose only action lists the speakers."""

    def run(action: str, _: Mapping[str, Any]) -> Future[Mapping[str, object]]:
        if action != "speakers":
            raise ListError(f"there is no action {action!r}; give speakers")
        return player.query(_list_speakers)

    return ActionEndpoint(run)


def _list_speakers(backend: PlaybackBackend) -> Mapping[str, object]:
    """Return the speakers, or why there are none: a player out of reach is no fault of the request."""
    try:
        return {"speakers": [asdict(speaker) for speaker in backend.get_speakers()], "reason": None}
    except PlaybackError as exc:
        return {"speakers": [], "reason": str(exc)}


def public_address(config: Config) -> str | None:
    """Return the page's address for other machines in the network; None where only this one may open it."""
    host, port = config.web.address
    if is_loopback(host) or port == 0:
        return None
    if ipaddress.ip_address(host).is_unspecified:
        host = f"{socket.gethostname().partition('.')[0]}.local"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
