"""The table of things: what each is in Home Assistant, where its state stands, and what a command to it means.

Discovery, states and commands are all made from this table: a new thing is a new row. A row whose `needs` is not among
the facts of this installation is neither announced nor obeyed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from musicond.core.models import EMOTIONS, Mood, Verdict, Watching
from musicond.core.settings import MAX_MINUTES
from musicond.mqtt import parsers as meanings
from musicond.mqtt import payloads
from musicond.mqtt import playback_things as playback
from musicond.mqtt.thing import CONFIG, DIAGNOSTIC, MEASURED, ON_OFF, PERCENT, SWITCH, EntityDescription, button, of

if TYPE_CHECKING:
    from collections.abc import Collection

    from musicond.core.outcome import Outcome


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
    *playback.PLAYBACK_ENTITIES,
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
