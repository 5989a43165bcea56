"""The only composition root: names to builders, `build(config)` to an App that has opened nothing yet."""

from __future__ import annotations

import logging
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zlib import crc32

from musicond import __version__, history
from musicond.app.pipeline import (
    build_pipeline,
    build_source,
    build_vision,
    frame_rate,
    mood_config,
    recommender_config,
)
from musicond.app.playback import build_player, build_spotify, capabilities, playback_rules, player_config
from musicond.app.reload import reloader
from musicond.app.web import build_endpoints, build_page, build_preview
from musicond.config.paths import model_path, state_dir
from musicond.config.secrets import mqtt_password
from musicond.config.user_settings import load_settings
from musicond.controller import Controller
from musicond.core.commands import Command, ConfigUpdate, Next
from musicond.core.pipeline import FrameRate
from musicond.errors import CatalogueError
from musicond.library.catalogue import CatalogueFlusher, SqliteCatalogue
from musicond.library.database import FILE_NAME
from musicond.library.maintenance import JITTER_S, LibraryMaintenance
from musicond.mqtt.output import MqttOutput, node_id
from musicond.runtime import health
from musicond.runtime.inbox import Inbox
from musicond.runtime.json_file import JsonFile, state_lock
from musicond.runtime.supervisor import Supervisor
from musicond.runtime.systemd import Notifier
from musicond.runtime.worker import Worker
from musicond.status import StatusOutput
from musicond.watch_loop import WatchLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from musicond.app.playback import Spotify
    from musicond.app.web import Checks
    from musicond.config.schema import Config
    from musicond.core.outcome import Outcome
    from musicond.core.ports import FrameSource, Output
    from musicond.runtime.supervisor import Service
    from musicond.web.api import ActionEndpoint

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class App:
    """Everything that runs, wired and not yet started."""

    supervisor: Supervisor

    def run(self) -> int:
        """Run until a signal; return the exit code."""
        return self.supervisor.run()


def build_maintenance(
    config: Config,
    folder: Path,
    breathe: Callable[[], bool] = lambda: False,
    spotify: Spotify | None = None,
) -> LibraryMaintenance:
    """Return what looks after the catalogue in the state directory; `breathe` tells it when to end."""
    spotify = spotify or build_spotify(config, folder)
    others = spotify.lists() if spotify else None
    jitter_s = crc32(node_id(config.device.node).encode()) % JITTER_S
    store, music = JsonFile(folder / "refresh.json"), config.music
    return LibraryMaintenance(
        folder / FILE_NAME, music.wanted, music.schedule, store, jitter_s=jitter_s, others=others, breathe=breathe
    )


@contextmanager
def build(config: Config, read_again: Callable[[], Config], examine: Callable[[], Checks] = list) -> Iterator[App]:
    """Hold the state directory and yield the app, wired; nothing runs before `App.run`.

    `read_again` returns the configuration anew when a reload is asked for, or raises ConfigError; `examine` does the
    checks of musicond doctor that the page shows.
    """
    folder = state_dir(config)
    with state_lock(folder), SqliteCatalogue.open(folder / FILE_NAME) as catalogue:
        with suppress(CatalogueError):  # the pipeline tells of it when songs are wanted
            catalogue.preload()
        store, inbox, notifier = JsonFile(folder / "settings.json"), Inbox[Command | ConfigUpdate](), Notifier()
        pipeline = build_pipeline(config, *build_vision(config), catalogue, seed=secrets.randbits(32))
        pipeline.settings = load_settings(store)
        spotify = build_spotify(config, folder)
        player = build_player(config, folder, spotify, lambda: inbox.put(Next()))
        preview = build_preview(config)
        brain = Controller(pipeline, frame_rate(config), store, player, preview)
        source = build_source(config)
        outputs: list[Output] = [StatusOutput(notifier.status), CatalogueFlusher(catalogue)]
        loop = WatchLoop(
            source,
            brain,
            inbox,
            emit=lambda outcome: _emit(outputs, outcome),
            beat=notifier.beat,
            max_wait_s=(notifier.watchdog_s or 60) / 4,
        )
        services: list[Service] = []
        jobs, librarian, endpoints = _jobs(config, folder, outputs, spotify, examine)
        if player is not None:
            outputs.append(player)
        if spotify is not None:
            services.append(spotify.open(endpoints, player.wake if player else lambda: None))
        named = {"name": config.device.name, "model": model_path(config).name}
        page = build_page(
            config, inbox.put, lambda: {**named, **_health(source, loop, brain, outputs)}, endpoints, preview
        )
        outputs.append(page)
        if config.mqtt.host:
            outputs.append(_mqtt(config, inbox, source, loop, brain))

        def tune(new: Config) -> None:
            pipeline.mood_config = mood_config(new)
            # The rate waits for a restart, as the camera was opened with it.
            brain.frame_rate = FrameRate(config.camera.rate, min(new.camera.idle_rate, config.camera.rate))
            pipeline.recommender.config = recommender_config(new)
            librarian.reconfigure(new.music.wanted, new.music.schedule)
            if player is not None:
                player.reconfigure(playback_rules(new), player_config(new))

        def ready() -> None:
            log.info("ready; the page is %s", page.address)

        yield App(
            Supervisor([*outputs, *services, jobs], loop, notifier, ready, reloader(config, read_again, inbox, tune))
        )


def _jobs(
    config: Config, folder: Path, outputs: list[Output], spotify: Spotify | None, examine: Callable[[], Checks]
) -> tuple[Worker, LibraryMaintenance, dict[str, ActionEndpoint]]:
    """Return the thread for what takes long, and what the command line can ask of it; adds the history's output."""
    regular: list[Callable[[], None]] = []
    jobs = Worker(regular)
    librarian = build_maintenance(config, folder, jobs.should_stop, spotify)
    regular.append(librarian.tick)
    if spotify is not None:
        regular.append(spotify.warn)
    book, counts = history.HistoryBook(folder / history.FOLDER), None
    if config.history.enabled:
        counts = history.HistoryOutput(book, config.history.keep_days)
        outputs.append(counts)
        regular.append(counts.tick)
    return jobs, librarian, build_endpoints(jobs, librarian, book, counts, examine)


def _mqtt(
    config: Config,
    inbox: Inbox[Command | ConfigUpdate],
    source: FrameSource,
    loop: WatchLoop,
    brain: Controller,
) -> MqttOutput:
    started = datetime.now().astimezone()
    facts = capabilities(config) | {
        name
        for name, value in (("temperature", health.temperature_c()), ("throttled", health.throttled()))
        if value is not None
    }
    return MqttOutput(
        config.mqtt,
        node_id(config.device.node),
        config.device.name,
        mqtt_password(config),
        inbox.put,
        lambda: {
            **_vitals(source, loop, brain),
            "started": started,
            "cpu_percent": round(brain.meter.cpu_percent(), 1),
        },
        facts,
    )


def _emit(outputs: list[Output], outcome: Outcome) -> None:
    for output in outputs:
        output.accept(outcome)


def _health(
    source: FrameSource,
    loop: WatchLoop,
    brain: Controller,
    outputs: list[Output],
) -> dict[str, object]:
    statuses = {output.name: output.status() for output in outputs}
    return {**_vitals(source, loop, brain), "outputs": statuses}


def _vitals(source: FrameSource, loop: WatchLoop, brain: Controller) -> dict[str, object]:
    return {
        "version": __version__,
        "camera": source.name,
        "trouble": loop.trouble,
        "frames_per_s": round(brain.meter.rate(), 1),
        "temperature_c": health.temperature_c(),
        "throttled": health.throttled(),
        "memory_mib": round(health.memory_mib(), 1),
        "uptime_s": round(brain.meter.uptime_s()),
    }
