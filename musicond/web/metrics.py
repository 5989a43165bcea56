"""Metrics for Prometheus: of the machine and the daemon, and none of a mood, a song or a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

from musicond import __version__

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
"""Media type of `Metrics.text`."""
GAUGES: Mapping[str, tuple[str, str, float]] = {
    # By key of the health: name, description and factor of the metric.
    "temperature_c": ("musicond_temperature_celsius", "Temperature of the processor", 1),
    "throttled": ("musicond_throttled", "1 while the machine is slowed down by heat or low voltage", 1),
    "undervoltage": ("musicond_undervoltage", "1 while the supply voltage is too low", 1),
    "rate_share": ("musicond_rate_share", "Share of the frame rate that the heat leaves, 1 when cool", 1),
    "memory_mib": ("musicond_memory_bytes", "Resident memory of the daemon", 2**20),
    "bad_frames": ("musicond_bad_frames", "Frames since the start that could not be decoded", 1),
    "stale_frames": ("musicond_stale_frames", "Frames since the start that were the same as the one before", 1),
    "missing_frames": ("musicond_missing_frames", "How often since the start no frame came in time", 1),
    "uptime_s": ("musicond_uptime_seconds", "Seconds since the daemon started", 1),
}


class Metrics:
    """The metrics of `/metrics`; `health` as for `web.server.WebOutput`."""

    def __init__(
        self,
        health: Callable[[], Mapping[str, object]],
        age_s: Callable[[], float],
        health_error: Callable[[], str | None],
        streams: Callable[[], int],
    ) -> None:
        self._health, self._age_s, self._health_error, self._streams = health, age_s, health_error, streams
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment; called by the registry."""
        health = self._health()
        yield InfoMetricFamily("musicond", "The version that runs", value={"version": __version__})
        for key, (name, description, factor) in GAUGES.items():
            value = health.get(key)
            if isinstance(value, int | float):
                yield GaugeMetricFamily(name, description, value=value * factor)
        healthy = float(self._health_error() is None)
        yield GaugeMetricFamily("musicond_healthy", "1 while frames are analysed or not wanted, as /healthz", healthy)
        trouble = float(health.get("trouble") is not None)
        yield GaugeMetricFamily(
            "musicond_camera_trouble", "1 while the camera gives no frames that are wanted", trouble
        )
        yield GaugeMetricFamily("musicond_turn_age_seconds", "Seconds since the watch loop's last turn", self._age_s())
        yield GaugeMetricFamily("musicond_event_streams", "Pages that listen now", self._streams())
