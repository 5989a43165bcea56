"""Home Assistant's device discovery: one message that announces every entity.

The format is that of the MQTT integration, "Device discovery payload": https://www.home-assistant.io/integrations/mqtt
"""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from musicond.errors import NOT_TEXT
from musicond.mqtt.entities import EntityDescription

TOPIC_OPTIONS = ("json_attributes_topic",)
"""Discovery options of a row whose value is a topic relative to the node."""
MACHINE_ID = Path("/etc/machine-id")
BIRTH = "online"
"""Payload of Home Assistant's birth message."""
BIRTH_DELAY_S = (0.5, 4.0)
"""Range of the random delay after it, so that not all devices announce themselves at the same moment."""


def node_id(configured: str | None, machine_id: Path = MACHINE_ID) -> str:
    """Return the node's name in topics: the configured one, else host name and four digits of the machine id."""
    if configured:
        return configured
    try:
        digits = machine_id.read_text("ascii").strip()[:4]
    except (OSError, UnicodeDecodeError):
        digits = ""
    host = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname()).strip("-") or "musicond"
    return f"{host}-{digits}" if digits else host


def config_topic(prefix: str, node: str) -> str:
    """Return the topic of the discovery message."""
    return f"{prefix}/device/{node}/config"


def discovery_message(
    base: str, node: str, name: str, version: str, entities: Iterable[EntityDescription], page: str | None = None
) -> dict[str, Any]:
    """Return the discovery message of a device called `name` with topics below `base`; `page`: address of its page."""
    return {
        "device": {
            "identifiers": [f"musicond_{node}"],
            "name": name,
            "manufacturer": "musicond",
            "model": "Speaker companion",
            "sw_version": version,
            **({"configuration_url": page} if page else {}),
        },
        "origin": {"name": "musicond", "sw_version": version},
        "availability_topic": f"{base}/availability",
        "qos": 1,
        "components": {entity.key: _component(base, node, name, entity) for entity in entities},
    }


def removed_components(retained: bytes | bytearray, message: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the components of an earlier message that `message` lacks, in the form that removes them."""
    try:
        components = json.loads(retained)["components"]
        platforms = {key: component["platform"] for key, component in components.items()}
        return {
            key: {"platform": platform}
            for key, platform in platforms.items()
            if key not in message["components"] and _is_name(key) and _is_name(platform)
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _is_name(value: object) -> bool:
    """Return whether a value is text that can be sent; half a surrogate can't be encoded."""
    return isinstance(value, str) and not NOT_TEXT.search(value)


def trimmed(message: dict[str, Any], most_bytes: int) -> dict[str, Any]:
    """Return the message with as many components as `most_bytes` of JSON allow; those least used go first."""
    components = dict(message["components"])
    for key in sorted(components, key=lambda key: _importance(components[key]), reverse=True)[::-1]:
        if len(as_json({**message, "components": components}).encode()) <= most_bytes:
            break
        del components[key]
    return {**message, "components": components}


def as_json(message: Mapping[str, Any]) -> str:
    """Return the payload of a message."""
    return json.dumps(message, ensure_ascii=False)


def _importance(component: Mapping[str, Any]) -> int:
    return (
        component.get("enabled_by_default", True),
        "entity_category" not in component,
        component["platform"] != "button",
    ).count(True)


def birth_delay() -> float:
    """Return the seconds to wait after Home Assistant's birth message."""
    return random.uniform(*BIRTH_DELAY_S)  # noqa: S311 - no secret


def _component(base: str, node: str, name: str, entity: EntityDescription) -> dict[str, Any]:
    component: dict[str, Any] = {
        "platform": entity.platform,
        "name": entity.name,
        "unique_id": f"musicond_{node}_{entity.key}",
        "default_entity_id": f"{entity.platform}.{_slug(name)}_{entity.key}",
    }
    if entity.state_topic:
        component["state_topic"] = f"{base}/{entity.state_topic}"
    if entity.command_topic:
        component["command_topic"] = f"{base}/{entity.command_topic}"
    for option, value in entity.discovery.items():
        component[option] = f"{base}/{value}" if option in TOPIC_OPTIONS else value
    return component


def _slug(name: str) -> str:
    """Return a device's name in the form of an entity id."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "musicond"
