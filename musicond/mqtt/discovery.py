"""Home Assistant's device discovery: one message that announces every thing of the table.

The format is that of the MQTT integration, "Device discovery payload": https://www.home-assistant.io/integrations/mqtt
"""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from musicond.mqtt.entities import EntityDescription

TOPIC_KEYS = ("json_attributes_topic",)
"""Options of a row that hold a topic below the node."""
BIRTH = "online"
BIRTH_DELAY_S = (0.5, 4.0)
"""After its birth message many devices announce themselves: each waits a moment of its own."""


def config_topic(prefix: str, node: str) -> str:
    """Return the topic of the discovery message."""
    return f"{prefix}/device/{node}/config"


def discovery(base: str, node: str, name: str, version: str, things: Iterable[EntityDescription]) -> dict[str, Any]:
    """Return the discovery message of a device called `name` whose topics stand below `base`."""
    return {
        "device": {
            "identifiers": [f"musicond_{node}"],
            "name": name,
            "manufacturer": "musicond",
            "model": "Speaker companion",
            "sw_version": version,
        },
        "origin": {"name": "musicond", "sw_version": version},
        "availability_topic": f"{base}/availability",
        "qos": 1,
        "components": {thing.key: _component(base, node, name, thing) for thing in things},
    }


def removed(retained: bytes, new: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the components of an earlier message that `new` lacks, in the form that removes them."""
    try:
        old = json.loads(retained)["components"]
        return {
            str(key): {"platform": str(component["platform"])}
            for key, component in old.items()
            if key not in new["components"]
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def birth_delay() -> float:
    """Return the seconds to wait after Home Assistant's birth message."""
    return random.uniform(*BIRTH_DELAY_S)  # noqa: S311 - no secret


def _component(base: str, node: str, name: str, thing: EntityDescription) -> dict[str, Any]:
    made: dict[str, Any] = {
        "platform": thing.platform,
        "name": thing.name,
        "unique_id": f"musicond_{node}_{thing.key}",
        "default_entity_id": f"{thing.platform}.{_slug(name)}_{thing.key}",
    }
    if thing.state_topic:
        made["state_topic"] = f"{base}/{thing.state_topic}"
    if thing.command_topic:
        made["command_topic"] = f"{base}/{thing.command_topic}"
    more = {key: f"{base}/{value}" if key in TOPIC_KEYS else value for key, value in thing.discovery.items()}
    return made | more


def _slug(name: str) -> str:
    """Return a device's name as the beginning of an entity id."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "musicond"
