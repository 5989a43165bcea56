"""The composition root: `build(config)` connects all parts, and starts none."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from musicond.app.backup import copies_of_history
from musicond.app.expiry_log import ExpiryLog
from musicond.app.health import collect_health, collect_page_health
from musicond.app.library import build_maintenance, reconfigurer
from musicond.app.mqtt import build_mqtt
from musicond.app.music_assistant import MusicAssistant
from musicond.app.pipeline import build_pipeline, build_source, build_vision, frame_rate
from musicond.app.playback import build_player
from musicond.app.reload import apply_config, reloader
from musicond.app.setup import Setup
from musicond.app.spotify import build_spotify
from musicond.app.state import build_restart_guard, initial_settings, owned_state
from musicond.app.web import Checks, build_endpoints, build_page, build_preview, build_sign_in
from musicond.config.paths import state_dir
from musicond.config.schema import Config
from musicond.config.user_settings import FILE_NAME as SETTINGS
from musicond.controller import Controller
from musicond.core.commands import OVERTAKING, Command, ConfigUpdate
from musicond.core.outcome import Outcome
from musicond.core.ports import Output
from musicond.errors import CatalogueError
from musicond.history import FOLDER as HISTORY_FOLDER
from musicond.history import HistoryBook, HistoryOutput
from musicond.indicator import PrivacyButton
from musicond.library.catalogue import CatalogueFlusher, SqliteCatalogue
from musicond.library.database import FILE_NAME
from musicond.runtime.clock import ClockGuard, ZoneFollower
from musicond.runtime.inbox import Inbox
from musicond.runtime.json_file import JsonFile
from musicond.runtime.storage import StorageWriter
from musicond.runtime.supervisor import Service, ServiceMonitor, Supervisor
from musicond.runtime.systemd import Notifier
from musicond.runtime.worker import Worker
from musicond.status import StatusOutput
from musicond.watch_loop import WatchLoop
from musicond.web.server import WebOutput

log = logging.getLogger(__name__)


@contextmanager
def build(
    config: Config, setup: Setup, examine: Callable[[], Checks], *, ask_consent: bool = False
) -> Iterator[Supervisor]:
    """Hold the state directory and yield the supervisor; nothing runs before `Supervisor.run`.

    `setup` has the actions of the page's set-up; `examine` runs the doctor's checks for the page.
    With `ask_consent` a camera stays closed until a person opens it.
    """
    folder, writer, clock = state_dir(config), StorageWriter(), ClockGuard()
    with owned_state(folder, ask_consent), SqliteCatalogue(folder / FILE_NAME, submit=writer.submit) as catalogue:
        with suppress(CatalogueError):  # the pipeline reports it when it needs the tracks
            catalogue.preload()
        inbox = Inbox[Command | ConfigUpdate](lambda command: isinstance(command, (*OVERTAKING, ConfigUpdate)))
        notifier, settings_file, preview = Notifier(), JsonFile(folder / SETTINGS), build_preview(config)
        pipeline = build_pipeline(config, *build_vision(config), catalogue, seed=secrets.randbits(32))
        pipeline.settings = initial_settings(settings_file, config, clock)
        source, spotify = build_source(config, inbox.has_urgent), build_spotify(config, folder)
        music_assistant = MusicAssistant(config, folder)
        player = build_player(config, folder, spotify, music_assistant, inbox.put)
        controller = Controller(pipeline, frame_rate(config), settings_file, player, preview, writer, clock)
        controller.demo = config.camera.source == "demo"
        outputs, running = list[Output](), list[Service]()
        monitor = ServiceMonitor(running)
        loop = WatchLoop(
            source,
            controller,
            inbox,
            emit=lambda outcome: _emit(outputs, outcome),
            beat=lambda: notifier.beat() if monitor.is_watching else None,
            max_wait_s=(notifier.watchdog_s or 60) / 4,
        )
        worker = Worker(periodic := list[Callable[[], None]]())
        services: list[Service] = [worker]
        maintenance = build_maintenance(config, folder, worker.should_stop, spotify)
        book, history_output = _history(config, folder, clock)
        counting = [history_output.tick] if history_output is not None else []
        periodic += [ZoneFollower().tick, maintenance.tick, maintenance.back_up, *music_assistant.periodic(), *counting]
        endpoints = build_endpoints(worker, maintenance, book, history_output, examine, music_assistant, setup, player)
        if spotify is not None:
            endpoints["spotify"], sign_in_worker = build_sign_in(spotify.sign_in)
            services.insert(0, sign_in_worker)
            periodic.append(ExpiryLog(spotify.auth.get_account).warn)
        get_health = partial(collect_health, config, source, loop, controller, writer, (monitor, worker))
        guard, reason = build_restart_guard(config, folder)

        def get_page_health() -> dict[str, object]:
            more = {"last_restart": reason, "broker": mqtt and mqtt.page_health()}
            return {**collect_page_health(config, source, outputs), **get_health(), **more}

        page = build_page(config, inbox.put, get_page_health, endpoints, preview, player, folder, worker)
        mqtt = build_mqtt(config, folder, inbox.put, get_health, controller, writer) if config.mqtt.host else None
        always, button = (StatusOutput(notifier.status), CatalogueFlusher(catalogue)), _button(config, inbox.put)
        optional = (*always, history_output, player, page, mqtt, button)
        outputs += [output for output in optional if output is not None]
        running += [writer, *outputs, *services]
        relist = reconfigurer(maintenance, worker.wake, config.playback.backend)
        reload = reloader(config, setup.read_again, inbox, partial(apply_config, pipeline, controller, relist, player))
        supervisor = Supervisor(monitor, loop, notifier, partial(_log_ready, page), reload, guard)
        setup.attach(supervisor)
        yield supervisor


def _button(config: Config, submit: Callable[[Command], Future[None]]) -> PrivacyButton | None:
    pin = config.indicator.button_pin
    return PrivacyButton(pin, submit) if pin is not None else None


def _log_ready(page: WebOutput) -> None:
    log.info("ready; the page is %s", page.address)


def _history(config: Config, folder: Path, clock: ClockGuard) -> tuple[HistoryBook, HistoryOutput | None]:
    book = HistoryBook(folder / HISTORY_FOLDER, copies_of_history(folder))
    return book, HistoryOutput(book, config.history.keep_days, clock.is_trusted) if config.history.enabled else None


def _emit(outputs: list[Output], outcome: Outcome) -> None:
    for output in outputs:
        output.accept(outcome)
