"""The table of entities: platform, topics, parser and discovery options of each.

Discovery messages, states and commands are all made from this table: a new entity is a new row. A row whose `requires`
is not among the capabilities of this installation is neither announced nor subscribed to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from musicond.core.models import EMOTIONS, Mood, Watching
from musicond.core.outcome import Outcome, PlayState
from musicond.core.settings import MAX_MINUTES
from musicond.mqtt import payloads
from musicond.mqtt.parsers import AUTO, MANUAL_MOODS, PARSERS, POLICIES, Parser

UNKNOWN = "None"
"""Payload by which the state of a Home Assistant number becomes unknown."""


@dataclass(frozen=True, slots=True)
class EntityDescription:
    """A row; its topics are relative to `<base>/<node>/`."""

    key: str
    """Name in discovery, unique within the device; entity ids end in it."""
    platform: str
    """Home Assistant's platform."""
    name: str
    state_topic: str | None = None
    value_fn: Callable[[Outcome], str] | None = None
    """Returns the state's payload; None where another row or `payloads.TOPICS` defines the topic."""
    command_topic: str | None = None
    command_fn: Parser | None = None
    """None where another row has the same command topic."""
    requires: str | None = None
    """Capability without which the entity does not exist."""
    feedback: bool = False
    """Whether each command counts, and none is lost while the connection is interrupted."""
    discovery: Mapping[str, Any] = field(default_factory=dict)
    """Further options of the discovery message."""

    @property
    def command_topics(self) -> tuple[str, ...]:
        """The command topic; a button also has its key as a second one."""
        bare = (self.key,) if self.platform == "button" else ()
        return (self.command_topic, *bare) if self.command_topic else ()


CONFIG: dict[str, Any] = {"entity_category": "config"}
DIAGNOSTIC: dict[str, Any] = {"entity_category": "diagnostic"}
ENUM: dict[str, Any] = {"device_class": "enum"}
PROBLEM: dict[str, Any] = {**DIAGNOSTIC, "device_class": "problem"}
MEASURED: dict[str, Any] = {"state_class": "measurement"}
PERCENT: dict[str, Any] = {**MEASURED, "unit_of_measurement": "%", "suggested_display_precision": 0}
PERCENT_RANGE: dict[str, Any] = {"min": 0, "max": 100, "step": 1, "unit_of_measurement": "%"}


def _template(text: str) -> dict[str, Any]:
    """Return the option for a template; Home Assistant shows none as unknown."""
    return {"value_template": f"{{{{ {text} }}}}"}


def _field(key: str) -> dict[str, Any]:
    """Return the template option for a key of a JSON topic."""
    return _template(f"value_json.{key}")


def _boolean(key: str) -> dict[str, Any]:
    """Return the template option for a key that is true, false or null."""
    return _template(f"none if value_json.{key} is none else 'ON' if value_json.{key} else 'OFF'")


def _sensor(
    key: str,
    name: str,
    value_fn: Callable[[Outcome], str] | None = None,
    *,
    platform: str = "sensor",
    topic: str | None = None,
    requires: str | None = None,
    **discovery: Any,
) -> EntityDescription:
    """Return an entity without commands, with a topic of its own or a value of a JSON topic."""
    return EntityDescription(key, platform, name, topic or key, value_fn, requires=requires, discovery=discovery)


def _health_sensor(
    key: str, name: str, value: str, options: Mapping[str, Any], *, requires: str | None = None, **discovery: Any
) -> EntityDescription:
    """Return an entity whose state is the key `value` of the topic `health`."""
    return _sensor(key, name, topic="health", requires=requires, **DIAGNOSTIC, **options, **_field(value), **discovery)


def _setting(
    platform: str,
    key: str,
    name: str,
    value_fn: Callable[[Outcome], str],
    *,
    topic: str | None = None,
    requires: str | None = None,
    **discovery: Any,
) -> EntityDescription:
    """Return an entity with its state in `<topic>/state` and commands in `<topic>/set`."""
    topic = topic or key
    state, command, parser = f"{topic}/state", f"{topic}/set", PARSERS[topic]
    return EntityDescription(key, platform, name, state, value_fn, command, parser, requires, discovery=discovery)


def _switch(
    key: str, name: str, value_fn: Callable[[Outcome], bool], *, requires: str | None = None, **discovery: Any
) -> EntityDescription:
    options = {"payload_on": "on", "payload_off": "off", **discovery}
    return _setting(
        "switch", key, name, lambda outcome: "on" if value_fn(outcome) else "off", requires=requires, **options
    )


def _button(
    key: str, name: str, icon: str, *, feedback: bool = False, requires: str | None = None
) -> EntityDescription:
    command, parser = f"{key}/set", PARSERS[key]
    return EntityDescription(key, "button", name, None, None, command, parser, requires, feedback, {"icon": icon})


def _policy(outcome: Outcome) -> str:
    return outcome.settings.policy or AUTO


def _sensitivity(outcome: Outcome) -> str:
    return f"{outcome.settings.sensitivity_percent:g}"


def _play_state(outcome: Outcome) -> str:
    return outcome.playback.state if outcome.playback else PlayState.STOPPED


def _autoplay(outcome: Outcome) -> bool:
    return outcome.playback is not None and outcome.playback.autoplay


def _volume(outcome: Outcome) -> str:
    volume = outcome.playback.volume if outcome.playback else None
    return UNKNOWN if volume is None else str(volume)


ENTITIES: tuple[EntityDescription, ...] = (
    _sensor(
        "mood",
        "Mood",
        lambda outcome: outcome.mood,
        **ENUM,
        options=[*Mood],
        icon="mdi:emoticon-outline",
        json_attributes_topic="state",
        json_attributes_template="{{ {'emotion': value_json.emotion, 'confidence': value_json.confidence, "
        "'scores': value_json.scores, 'faces': value_json.faces, 'since': value_json.since, "
        "'manual': value_json.manual, 'manual_until': value_json.manual_until, 'demo': value_json.demo} | tojson }}",
    ),
    _sensor(
        "watching", "Watching", lambda outcome: outcome.watching, **ENUM, options=[*Watching], icon="mdi:eye-outline"
    ),
    _sensor(
        "confidence",
        "Confidence",
        topic="state",
        **PERCENT,
        icon="mdi:gauge",
        **_template("(100 * value_json.confidence) | round if value_json.confidence is not none else none"),
    ),
    _sensor(
        "recommendation",
        "Recommendation",
        lambda outcome: payloads.summary(outcome.recommendation),
        icon="mdi:playlist-music",
        **_template("value if value else none"),
        json_attributes_topic="recommendation/attributes",
    ),
    _sensor(
        "presence",
        "Presence",
        platform="binary_sensor",
        topic="state",
        device_class="occupancy",
        **_boolean("presence"),
    ),
    _sensor(
        "mood_changed",
        "Mood changed",
        platform="event",
        topic="event",
        event_types=["mood_changed"],
        icon="mdi:emoticon-happy-outline",
    ),
    *(
        _sensor(
            f"score_{emotion}",
            f"Score {emotion}",
            topic="state",
            **PERCENT,
            **DIAGNOSTIC,
            enabled_by_default=False,
            **_template(f"(100 * value_json.scores.{emotion}) | round if value_json.scores else none"),
        )
        for emotion in EMOTIONS
    ),
    _switch("privacy", "Privacy", lambda outcome: outcome.settings.private, **CONFIG, icon="mdi:camera-off"),
    _button("guest", "Private until midnight", "mdi:account-group"),
    _switch("pause", "Pause", lambda outcome: outcome.settings.paused, icon="mdi:pause-circle-outline"),
    EntityDescription(
        "pause_minutes",
        "number",
        "Pause for",
        state_topic="pause/attributes",
        command_topic="pause/set",
        discovery={
            "min": 0,
            "max": MAX_MINUTES,
            "step": 1,
            "mode": "box",
            "unit_of_measurement": "min",
            "icon": "mdi:timer-pause-outline",
            **_field("minutes"),
        },
    ),
    EntityDescription(
        "pause_until_tomorrow",
        "button",
        "Pause until tomorrow",
        command_topic="pause/set",
        discovery={"payload_press": "tomorrow", "icon": "mdi:weather-night"},
    ),
    _sensor(
        "paused_until",
        "Paused until",
        topic="pause/attributes",
        **DIAGNOSTIC,
        device_class="timestamp",
        **_field("until"),
    ),
    _setting("select", "policy", "Policy", _policy, **CONFIG, options=[*POLICIES], icon="mdi:swap-vertical"),
    _setting("number", "sensitivity", "Sensitivity", _sensitivity, **CONFIG, **PERCENT_RANGE, icon="mdi:tune"),
    _setting(
        "select",
        "manual_mood",
        "Manual mood",
        lambda outcome: outcome.settings.manual_mood or AUTO,
        topic="mood",
        options=[*MANUAL_MOODS],
        icon="mdi:emoticon-cool-outline",
    ),
    _sensor(
        "playback",
        "Playback",
        _play_state,
        topic="playback/state",
        requires="playback",
        **ENUM,
        options=[*PlayState],
        icon="mdi:speaker",
        json_attributes_topic="playback/attributes",
    ),
    _sensor(
        "playback_trouble",
        "Playback trouble",
        topic="playback/attributes",
        requires="playback",
        **DIAGNOSTIC,
        icon="mdi:speaker-off",
        **_template("(value_json.trouble or none)"),
    ),
    _sensor(
        "sign_in",
        "Sign-in needed",
        platform="binary_sensor",
        topic="playback/attributes",
        requires="account",
        **PROBLEM,
        **_template("'OFF' if value_json.signed_in else 'ON'"),
    ),
    _sensor(
        "sign_in_ends",
        "Sign-in ends",
        topic="playback/attributes",
        requires="account",
        **DIAGNOSTIC,
        device_class="date",
        **_field("expires_on"),
    ),
    _sensor(
        "sign_in_days",
        "Sign-in days left",
        topic="playback/attributes",
        requires="account",
        **DIAGNOSTIC,
        unit_of_measurement="d",
        icon="mdi:calendar-clock",
        **_field("days_left"),
    ),
    _switch("autoplay", "Autoplay", _autoplay, requires="playback", icon="mdi:play-circle-outline"),
    _setting("number", "volume", "Volume", _volume, requires="playback", **PERCENT_RANGE, icon="mdi:volume-high"),
    _button("play", "Play", "mdi:play", requires="playback"),
    _button("stop", "Pause the music", "mdi:pause", requires="playback"),
    _button("next", "Next", "mdi:skip-next"),
    _button("previous", "Previous", "mdi:skip-previous", requires="playback"),
    _button("other_songs", "Other songs", "mdi:playlist-music"),
    _button("like", "Like", "mdi:thumb-up-outline", feedback=True),
    _button("dislike", "Dislike", "mdi:thumb-down-outline", feedback=True),
    _button("withdraw", "Withdraw feedback", "mdi:thumbs-up-down-outline", feedback=True),
    _button("wrong_mood", "Wrong mood", "mdi:emoticon-confused-outline", feedback=True),
    _health_sensor(
        "frames_per_s", "Frame rate", "frames_per_s", MEASURED, unit_of_measurement="fps", icon="mdi:filmstrip"
    ),
    _sensor(
        "width_seen",
        "Camera width seen",
        topic="health",
        requires="pi_camera",
        **DIAGNOSTIC,
        **PERCENT,
        **_template("(100 * value_json.width_seen) | round if value_json.width_seen is not none else none"),
        icon="mdi:panorama-horizontal",
    ),
    _health_sensor(
        "temperature",
        "Processor temperature",
        "temperature_c",
        MEASURED,
        requires="temperature",
        device_class="temperature",
        unit_of_measurement="°C",
        suggested_display_precision=0,
    ),
    _sensor(
        "throttled",
        "Throttled",
        platform="binary_sensor",
        topic="health",
        requires="throttled",
        **PROBLEM,
        **_boolean("throttled"),
    ),
    _sensor(
        "undervoltage",
        "Undervoltage",
        platform="binary_sensor",
        topic="health",
        requires="undervoltage",
        **PROBLEM,
        **_boolean("undervoltage"),
    ),
    _sensor(
        "slowed",
        "Slowed by heat",
        platform="binary_sensor",
        topic="health",
        requires="temperature",
        **PROBLEM,
        **_template("'ON' if value_json.rate_share < 1 else 'OFF'"),
    ),
    _health_sensor("cpu", "Processor use", "cpu_percent", PERCENT, icon="mdi:chip"),
    _health_sensor(
        "memory",
        "Memory",
        "memory_mib",
        MEASURED,
        device_class="data_size",
        unit_of_measurement="MiB",
        suggested_display_precision=0,
    ),
    _health_sensor("version", "Version", "version", {}, icon="mdi:tag-outline"),
)
"""Every entity. Never change a key: Home Assistant would show a new entity beside the old one."""


def available_entities(capabilities: Collection[str]) -> tuple[EntityDescription, ...]:
    """Return the entities of an installation with these capabilities."""
    return tuple(entity for entity in ENTITIES if entity.requires is None or entity.requires in capabilities)
