"""A refusal by the broker is shown with a remedy, and messages that are too large are not taken."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from musicond.mqtt.connection import MAXIMUM_PACKET_SIZE
from tests.mqtt.conftest import Broker
from tests.mqtt.device import Device

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.mqtt.conftest import Listener

pytestmark = pytest.mark.broker


def until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def test_a_broker_that_lets_nobody_publish_is_told_with_the_rights_that_are_missing(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic read #\n")
    (tmp_path / "acl").chmod(0o600)
    broker = Broker(tmp_path)
    broker.config += f"acl_file {tmp_path}/acl\n"
    broker.start()
    try:
        with Device(tmp_path / "device", broker.port) as device:
            assert until(lambda: "refuses messages (not authorized)" in device.output.status()), device.output.status()
            assert "let it write musicond/" in device.output.status()
            assert device.output.status().startswith("connected to ")
    finally:
        broker.stop()


def test_a_huge_retained_message_does_not_reach_the_device(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    with Device(tmp_path / "first", broker.port) as device:
        topic = f"homeassistant/device/{device.output.base.rpartition('/')[2]}/config"
    listener = listen()
    listener.send(topic, "x" * (MAXIMUM_PACKET_SIZE + 1), retain=True)
    with Device(tmp_path / "second", broker.port) as device:
        assert until(lambda: listener.retained.get(f"{device.output.base}/availability") == "online")
        assert until(lambda: len(listener.retained.get(topic, "")) < MAXIMUM_PACKET_SIZE)
        assert device.output.status() == f"connected to 127.0.0.1:{broker.port}"
