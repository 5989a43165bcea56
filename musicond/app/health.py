"""The health of the daemon and of the machine, for the page, MQTT and the metrics."""

from __future__ import annotations

from collections.abc import Iterable

from musicond import __version__
from musicond.capture.transform import rotation_hint
from musicond.config.paths import model_path
from musicond.config.schema import Config
from musicond.controller import Controller
from musicond.core import heat
from musicond.core.ports import FrameSource, Output
from musicond.runtime import health
from musicond.runtime.storage import StorageWriter
from musicond.runtime.supervisor import ServiceMonitor
from musicond.runtime.worker import Worker
from musicond.vision.reach import rounded_reach_m
from musicond.watch_loop import WatchLoop


def collect_health(
    config: Config,
    source: FrameSource,
    loop: WatchLoop,
    controller: Controller,
    writer: StorageWriter,
    services: Iterable[ServiceMonitor | Worker],
) -> dict[str, object]:
    """Return the figures by their names in the topic `health`."""
    status, camera = source.get_status(), config.camera
    turned = controller.picture_turned if camera.is_device else 0
    return {
        "version": __version__,
        "camera": source.name,
        "width_seen": status.width_seen,
        "reach_m": rounded_reach_m(status.vertical_deg, config.faces.min_size),
        "rotation_hint": rotation_hint(camera.rotation, turned, mirror=camera.mirror),
        "bad_frames": status.bad_frames,
        "stale_frames": status.stale_frames,
        "missing_frames": status.missing_frames,
        "trouble": loop.trouble,
        "unsaved": writer.unsaved,
        "problems": [service.trouble for service in services if service.trouble],
        "frames_per_s": round(controller.meter.rate(), 1),
        "temperature_c": health.temperature_c(),
        "throttled": health.throttled(),
        "undervoltage": health.undervoltage(),
        "rate_share": heat.rate_share(controller.heat_step),
        "memory_mib": round(health.memory_mib(), 1),
        "uptime_s": round(controller.meter.uptime_s()),
    }


def collect_page_health(config: Config, source: FrameSource, outputs: Iterable[Output]) -> dict[str, object]:
    """Return what only the page shows beside `collect_health`."""
    return {
        "name": config.device.name,
        "language": config.web.language,
        "model": model_path(config).name,
        "light": source.get_status().light or ("none" if config.camera.is_device else None),
        "outputs": {output.name: output.status() for output in outputs},
    }
