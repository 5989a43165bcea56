"""The table of things: what each is in Home Assistant, where its state stands, and what a command to it means.

Discovery, states and commands are all made from this table: a new thing is a new row. A row whose `needs` is not among
the facts of this installation is neither announced nor obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from musicond.core.models import EMOTIONS, Mood, Verdict, Watching
from musicond.core.outcome import PlayState
from musicond.core.settings import MAX_MINUTES
from musicond.mqtt import parsers as meanings
from musicond.mqtt import payloads

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

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


UNKNOWN = "None"
"""What Home Assistant's numbers take for unknown."""


def _state_of(outcome: Outcome) -> str:
    return outcome.playback.state if outcome.playback else PlayState.STOPPED


def _autoplay(outcome: Outcome) -> str:
    return ON_OFF[outcome.playback is not None and outcome.playback.autoplay]


def _volume(outcome: Outcome) -> str:
    volume = outcome.playback.volume if outcome.playback else None
    return UNKNOWN if volume is None else str(volume)


PLAYBACK_ENTITIES: tuple[EntityDescription, ...] = (
    EntityDescription(
        key="playback",
        platform="sensor",
        name="Playback",
        requires="playback",
        state="playback/state",
        value_fn=_state_of,
        discovery={
            "device_class": "enum",
            "options": [*PlayState],
            "icon": "mdi:speaker",
            "json_attributes_topic": "playback/attributes",
        },
    ),
    EntityDescription(
        key="playback_trouble",
        platform="sensor",
        name="Playback trouble",
        requires="playback",
        state="playback/attributes",
        discovery={**DIAGNOSTIC, "icon": "mdi:speaker-off", "value_template": "{{ (value_json.trouble or none) }}"},
    ),
    EntityDescription(
        key="sign_in",
        platform="binary_sensor",
        name="Sign-in needed",
        requires="account",
        state="playback/attributes",
        discovery={
            **DIAGNOSTIC,
            "device_class": "problem",
            "value_template": "{{ 'OFF' if value_json.signed_in else 'ON' }}",
        },
    ),
    EntityDescription(
        key="sign_in_ends",
        platform="sensor",
        name="Sign-in ends",
        requires="account",
        state="playback/attributes",
        discovery={**DIAGNOSTIC, "device_class": "date", "value_template": of("expires_on")},
    ),
    EntityDescription(
        key="sign_in_days",
        platform="sensor",
        name="Sign-in days left",
        requires="account",
        state="playback/attributes",
        discovery={
            **DIAGNOSTIC,
            "unit_of_measurement": "d",
            "icon": "mdi:calendar-clock",
            "value_template": of("days_left"),
        },
    ),
    EntityDescription(
        key="autoplay",
        platform="switch",
        name="Autoplay",
        requires="playback",
        state="autoplay/state",
        value_fn=_autoplay,
        command="autoplay/set",
        command_fn=meanings.autoplay,
        discovery={**SWITCH, "icon": "mdi:play-circle-outline"},
    ),
    EntityDescription(
        key="volume",
        platform="number",
        name="Volume",
        requires="playback",
        state="volume/state",
        value_fn=_volume,
        command="volume/set",
        command_fn=meanings.volume,
        discovery={"min": 0, "max": 100, "step": 1, "unit_of_measurement": "%", "icon": "mdi:volume-high"},
    ),
    button("play", "Play", meanings.play, "mdi:play", needs="playback"),
    button("stop", "Stop", meanings.stop, "mdi:stop", needs="playback"),
)


def _manual(outcome: Outcome) -> str:
    manual = outcome.settings.manual_mood
    return manual.value if manual else meanings.AUTO


def _followed(outcome: Outcome) -> str:
    policy = outcome.settings.policy
    return policy.value if policy else meanings.AUTO


def _on_off(key: str) -> str:
    return f"{{{{ none if value_json.{key} is none else 'ON' if value_json.{key} else 'OFF' }}}}"


def _percent(value: str, known: str) -> str:
    return f"{{{{ (100 * {value}) | round if {known} else none }}}}"


def _vital(
    key: str, name: str, field_: str, kind: dict[str, Any], *, needs: str | None = None, **more: Any
) -> EntityDescription:
    """Return a diagnostic sensor of a field of `health`."""
    options = {**DIAGNOSTIC, **kind, "value_template": of(field_), **more}
    return EntityDescription(key=key, platform="sensor", name=name, requires=needs, state="health", discovery=options)


ENTITIES: tuple[EntityDescription, ...] = (
    EntityDescription(
        key="mood",
        platform="sensor",
        name="Mood",
        state="mood",
        value_fn=lambda outcome: outcome.mood.value,
        discovery={
            "device_class": "enum",
            "options": [*Mood],
            "icon": "mdi:emoticon-outline",
            "json_attributes_topic": "state",
            "json_attributes_template": "{{ {'emotion': value_json.emotion, 'confidence': value_json.confidence, "
            "'scores': value_json.scores, 'faces': value_json.faces, 'since': value_json.since, "
            "'manual': value_json.manual, 'manual_until': value_json.manual_until} | tojson }}",
        },
    ),
    EntityDescription(
        key="watching",
        platform="sensor",
        name="Watching",
        state="watching",
        value_fn=lambda outcome: outcome.watching.value,
        discovery={"device_class": "enum", "options": [*Watching], "icon": "mdi:eye-outline"},
    ),
    EntityDescription(
        key="confidence",
        platform="sensor",
        name="Confidence",
        state="state",
        discovery={
            **PERCENT,
            "icon": "mdi:gauge",
            "value_template": _percent("value_json.confidence", "value_json.confidence is not none"),
        },
    ),
    EntityDescription(
        key="recommendation",
        platform="sensor",
        name="Recommendation",
        state="recommendation",
        value_fn=lambda outcome: payloads.summary(outcome.recommendation),
        discovery={
            "icon": "mdi:playlist-music",
            "value_template": "{{ value if value else none }}",
            "json_attributes_topic": "recommendation/attributes",
        },
    ),
    EntityDescription(
        key="presence",
        platform="binary_sensor",
        name="Presence",
        state="state",
        discovery={
            "device_class": "occupancy",
            "value_template": _on_off("presence"),
        },
    ),
    EntityDescription(
        key="mood_changed",
        platform="event",
        name="Mood changed",
        state="event",
        discovery={"event_types": ["mood_changed"], "icon": "mdi:emoticon-happy-outline"},
    ),
    *(
        EntityDescription(
            key=f"score_{emotion}",
            platform="sensor",
            name=f"Score {emotion}",
            state="state",
            discovery={
                **PERCENT,
                **DIAGNOSTIC,
                "enabled_by_default": False,
                "value_template": _percent(f"value_json.scores.{emotion}", "value_json.scores"),
            },
        )
        for emotion in EMOTIONS
    ),
    EntityDescription(
        key="privacy",
        platform="switch",
        name="Privacy",
        state="privacy/state",
        value_fn=lambda outcome: ON_OFF[outcome.settings.private],
        command="privacy/set",
        command_fn=meanings.privacy,
        discovery={**SWITCH, **CONFIG, "icon": "mdi:camera-off"},
    ),
    EntityDescription(
        key="pause",
        platform="switch",
        name="Pause",
        state="pause/state",
        value_fn=lambda outcome: ON_OFF[outcome.settings.paused],
        command="pause/set",
        command_fn=meanings.pause,
        discovery={**SWITCH, "icon": "mdi:pause-circle-outline"},
    ),
    EntityDescription(
        key="pause_minutes",
        platform="number",
        name="Pause for",
        state="pause/attributes",
        command="pause/set",
        discovery={
            "min": 0,
            "max": MAX_MINUTES,
            "step": 1,
            "mode": "box",
            "unit_of_measurement": "min",
            "icon": "mdi:timer-pause-outline",
            "value_template": of("minutes"),
        },
    ),
    EntityDescription(
        key="pause_until_tomorrow",
        platform="button",
        name="Pause until tomorrow",
        command="pause/set",
        discovery={"payload_press": "tomorrow", "icon": "mdi:weather-night"},
    ),
    EntityDescription(
        key="paused_until",
        platform="sensor",
        name="Paused until",
        state="pause/attributes",
        discovery={**DIAGNOSTIC, "device_class": "timestamp", "value_template": of("until")},
    ),
    EntityDescription(
        key="policy",
        platform="select",
        name="Policy",
        state="policy/state",
        value_fn=_followed,
        command="policy/set",
        command_fn=meanings.policy,
        discovery={**CONFIG, "options": [*meanings.POLICIES], "icon": "mdi:swap-vertical"},
    ),
    EntityDescription(
        key="sensitivity",
        platform="number",
        name="Sensitivity",
        state="sensitivity/state",
        value_fn=lambda outcome: f"{outcome.settings.sensitivity_percent:g}",
        command="sensitivity/set",
        command_fn=meanings.sensitivity,
        discovery={**CONFIG, "min": 0, "max": 100, "step": 1, "unit_of_measurement": "%", "icon": "mdi:tune"},
    ),
    EntityDescription(
        key="manual_mood",
        platform="select",
        name="Manual mood",
        state="mood/state",
        value_fn=_manual,
        command="mood/set",
        command_fn=meanings.mood,
        discovery={"options": [*meanings.MANUAL_MOODS], "icon": "mdi:emoticon-cool-outline"},
    ),
    *PLAYBACK_ENTITIES,
    button("next", "Next", meanings.another, "mdi:skip-next"),
    button("like", "Like", meanings.rate(Verdict.LIKE), "mdi:thumb-up-outline", feedback=True),
    button("dislike", "Dislike", meanings.rate(Verdict.DISLIKE), "mdi:thumb-down-outline", feedback=True),
    button("wrong_mood", "Wrong mood", meanings.wrong_mood, "mdi:emoticon-confused-outline", feedback=True),
    _vital("frames_per_s", "Frame rate", "frames_per_s", MEASURED, unit_of_measurement="fps", icon="mdi:filmstrip"),
    _vital(
        "temperature",
        "Processor temperature",
        "temperature_c",
        MEASURED,
        needs="temperature",
        device_class="temperature",
        unit_of_measurement="°C",
        suggested_display_precision=0,
    ),
    EntityDescription(
        key="throttled",
        platform="binary_sensor",
        name="Throttled",
        requires="throttled",
        state="health",
        discovery={**DIAGNOSTIC, "device_class": "problem", "value_template": _on_off("throttled")},
    ),
    _vital("cpu", "Processor use", "cpu_percent", PERCENT, icon="mdi:chip"),
    _vital(
        "memory",
        "Memory",
        "memory_mib",
        MEASURED,
        device_class="data_size",
        unit_of_measurement="MiB",
        suggested_display_precision=0,
    ),
    _vital("version", "Version", "version", {}, icon="mdi:tag-outline"),
)
"""Every thing; keep the keys: a changed one is a new entity in everybody's home."""


def available_entities(facts: Collection[str]) -> tuple[EntityDescription, ...]:
    """Return the things that exist in an installation with these facts."""
    return tuple(thing for thing in ENTITIES if thing.requires is None or thing.requires in facts)
