"""The output over MQTT, as the configuration has it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

from musicond.app.playback import capabilities
from musicond.app.web import public_address
from musicond.config.schema import Config
from musicond.config.secrets import mqtt_password
from musicond.controller import Controller
from musicond.core.commands import Command
from musicond.mqtt.discovery import node_id
from musicond.mqtt.output import MqttOutput
from musicond.runtime import health
from musicond.runtime.json_file import JsonFile
from musicond.runtime.storage import StorageWriter


def build_mqtt(
    config: Config,
    folder: Path,
    submit: Callable[[Command], Future[None]],
    get_health: Callable[[], dict[str, object]],
    controller: Controller,
    writer: StorageWriter,
) -> MqttOutput:
    """Return the output, which announces the figures that this machine can give; raise ConfigError."""
    started = datetime.now().astimezone()
    sensors = {
        "temperature": health.temperature_c(),
        "throttled": health.throttled(),
        "undervoltage": health.undervoltage(),
    }
    return MqttOutput(
        config.mqtt,
        node_id(config.device.node),
        config.device.name,
        mqtt_password(config),
        submit,
        lambda: {**get_health(), "started": started, "cpu_percent": round(controller.meter.cpu_percent(), 1)},
        capabilities(config) | {name for name, value in sensors.items() if value is not None},
        page=public_address(config),
        published=JsonFile(folder / "published.json"),
        is_reported=lambda: writer.reported,
    )
