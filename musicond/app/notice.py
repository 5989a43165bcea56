"""The notice of a configuration; apart from the page, so that `musicond notice` loads no server and no camera."""

from __future__ import annotations

from musicond.config.schema import Config
from musicond.web.notice import Notice


def build_notice(config: Config) -> Notice:
    """Return what the people in the room should know of this configuration."""
    return Notice(
        name=config.device.name,
        preview=config.web.preview,
        history=config.history.enabled,
        smart_home=config.mqtt.host is not None,
    )
