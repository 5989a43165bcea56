"""A row of the table of things, and what many rows are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from musicond.core.commands import Command
    from musicond.core.outcome import Outcome

ON_OFF = {True: "on", False: "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityDescription:
    """A row. Topics stand below `<base>/<node>/`."""

    key: str
    """Its name in discovery, unique within the device; entity ids end in it."""
    platform: str
    """Home Assistant's platform."""
    name: str
    requires: str | None = None
    """The fact without which it does not exist."""
    state: str | None = None
    """Topic of its state."""
    value_fn: Callable[[Outcome], str] | None = None
    """The state's payload; None where the topic is another row's or one of `payloads.TOPICS`."""
    command: str | None = None
    """Topic of its commands."""
    command_fn: Callable[[str], Command] | None = None
    """What a payload asks for; raises ValueError with what would be right."""
    feedback: bool = False
    """Each command counts, and none is lost while the link is down for a moment."""
    discovery: Mapping[str, Any] = field(default_factory=dict)
    """The rest of its discovery message."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of its commands: a button also obeys its bare name."""
        bare = (self.key,) if self.platform == "button" else ()
        return (self.command, *bare) if self.command else ()


CONFIG: dict[str, Any] = {"entity_category": "config"}
DIAGNOSTIC: dict[str, Any] = {"entity_category": "diagnostic"}
SWITCH: dict[str, Any] = {"payload_on": "on", "payload_off": "off"}
MEASURED: dict[str, Any] = {"state_class": "measurement"}
PERCENT: dict[str, Any] = {**MEASURED, "unit_of_measurement": "%", "suggested_display_precision": 0}


def of(key: str) -> str:
    """Return the template for a key of a JSON topic; Home Assistant shows None as unknown."""
    return f"{{{{ value_json.{key} }}}}"


def button(
    key: str,
    name: str,
    means: Callable[[str], Command],
    icon: str,
    *,
    feedback: bool = False,
    needs: str | None = None,
) -> EntityDescription:
    """Return a button."""
    return EntityDescription(
        key=key,
        platform="button",
        name=name,
        requires=needs,
        command=f"{key}/set",
        command_fn=means,
        feedback=feedback,
        discovery={"icon": icon},
    )
