"""Figures for Prometheus: of the machine and the daemon, and none of a mood, a song or who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

from musicond import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import Metric

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
"""What `Metrics.text` is."""
GAUGES: Mapping[str, tuple[str, str, float]] = {
    # By key of the health: the metric, what it is, and what one unit of the key is of the metric's.
    "temperature_c": ("musicond_temperature_celsius", "Temperature of the processor", 1),
    "throttled": ("musicond_throttled", "1 while the machine is slowed down by heat or low voltage", 1),
    "memory_mib": ("musicond_memory_bytes", "Resident memory of the daemon", 2**20),
    "uptime_s": ("musicond_uptime_seconds", "Seconds since the daemon started", 1),
}


class Metrics:
    """What `/metrics` answers; `health` as `web.server.WebOutput` has it."""

    def __init__(
        self,
        health: Callable[[], Mapping[str, object]],
        age_s: Callable[[], float],
        fault: Callable[[], str | None],
        streams: Callable[[], int],
    ) -> None:
        self._health, self._age_s, self._fault, self._streams = health, age_s, fault, streams
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of this moment; for the registry."""
        health = self._health()
        yield InfoMetricFamily("musicond", "The version that runs", value={"version": __version__})
        for key, (name, what, unit) in GAUGES.items():
            value = health.get(key)
            if isinstance(value, int | float):
                yield GaugeMetricFamily(name, what, value=value * unit)
        healthy = float(self._fault() is None)
        yield GaugeMetricFamily("musicond_healthy", "1 while frames are analysed or not wanted, as /healthz", healthy)
        trouble = float(health.get("trouble") is not None)
        yield GaugeMetricFamily(
            "musicond_camera_trouble", "1 while the camera gives no frames that are wanted", trouble
        )
        yield GaugeMetricFamily("musicond_turn_age_seconds", "Seconds since the watch loop's last turn", self._age_s())
        yield GaugeMetricFamily("musicond_event_streams", "Pages that listen now", self._streams())
