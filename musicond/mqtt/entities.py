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
from musicond.mqtt.thing import CONFIG, DIAGNOSTIC, MEASURED, ON_OFF, PERCENT, SWITCH, Thing, button, of

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


def _vital(key: str, name: str, field_: str, kind: dict[str, Any], *, needs: str | None = None, **more: Any) -> Thing:
    """Return a diagnostic sensor of a field of `health`."""
    options = {**DIAGNOSTIC, **kind, "value_template": of(field_), **more}
    return Thing(key=key, kind="sensor", name=name, needs=needs, state="health", more=options)


THINGS: tuple[Thing, ...] = (
    Thing(
        key="mood",
        kind="sensor",
        name="Mood",
        state="mood",
        says=lambda outcome: outcome.mood.value,
        more={
            "device_class": "enum",
            "options": [*Mood],
            "icon": "mdi:emoticon-outline",
            "json_attributes_topic": "state",
            "json_attributes_template": "{{ {'emotion': value_json.emotion, 'confidence': value_json.confidence, "
            "'scores': value_json.scores, 'faces': value_json.faces, 'since': value_json.since, "
            "'manual': value_json.manual, 'manual_until': value_json.manual_until} | tojson }}",
        },
    ),
    Thing(
        key="watching",
        kind="sensor",
        name="Watching",
        state="watching",
        says=lambda outcome: outcome.watching.value,
        more={"device_class": "enum", "options": [*Watching], "icon": "mdi:eye-outline"},
    ),
    Thing(
        key="confidence",
        kind="sensor",
        name="Confidence",
        state="state",
        more={
            **PERCENT,
            "icon": "mdi:gauge",
            "value_template": _percent("value_json.confidence", "value_json.confidence is not none"),
        },
    ),
    Thing(
        key="recommendation",
        kind="sensor",
        name="Recommendation",
        state="recommendation",
        says=lambda outcome: payloads.plain(outcome.recommendation),
        more={
            "icon": "mdi:playlist-music",
            "value_template": "{{ value if value else none }}",
            "json_attributes_topic": "recommendation/attributes",
        },
    ),
    Thing(
        key="presence",
        kind="binary_sensor",
        name="Presence",
        state="state",
        more={
            "device_class": "occupancy",
            "value_template": _on_off("presence"),
        },
    ),
    Thing(
        key="mood_changed",
        kind="event",
        name="Mood changed",
        state="event",
        more={"event_types": ["mood_changed"], "icon": "mdi:emoticon-happy-outline"},
    ),
    *(
        Thing(
            key=f"score_{emotion}",
            kind="sensor",
            name=f"Score {emotion}",
            state="state",
            more={
                **PERCENT,
                **DIAGNOSTIC,
                "enabled_by_default": False,
                "value_template": _percent(f"value_json.scores.{emotion}", "value_json.scores"),
            },
        )
        for emotion in EMOTIONS
    ),
    Thing(
        key="privacy",
        kind="switch",
        name="Privacy",
        state="privacy/state",
        says=lambda outcome: ON_OFF[outcome.settings.private],
        command="privacy/set",
        means=meanings.privacy,
        more={**SWITCH, **CONFIG, "icon": "mdi:camera-off"},
    ),
    Thing(
        key="pause",
        kind="switch",
        name="Pause",
        state="pause/state",
        says=lambda outcome: ON_OFF[outcome.settings.paused],
        command="pause/set",
        means=meanings.pause,
        more={**SWITCH, "icon": "mdi:pause-circle-outline"},
    ),
    Thing(
        key="pause_minutes",
        kind="number",
        name="Pause for",
        state="pause/attributes",
        command="pause/set",
        more={
            "min": 0,
            "max": MAX_MINUTES,
            "step": 1,
            "mode": "box",
            "unit_of_measurement": "min",
            "icon": "mdi:timer-pause-outline",
            "value_template": of("minutes"),
        },
    ),
    Thing(
        key="pause_until_tomorrow",
        kind="button",
        name="Pause until tomorrow",
        command="pause/set",
        more={"payload_press": "tomorrow", "icon": "mdi:weather-night"},
    ),
    Thing(
        key="paused_until",
        kind="sensor",
        name="Paused until",
        state="pause/attributes",
        more={**DIAGNOSTIC, "device_class": "timestamp", "value_template": of("until")},
    ),
    Thing(
        key="policy",
        kind="select",
        name="Policy",
        state="policy/state",
        says=_followed,
        command="policy/set",
        means=meanings.policy,
        more={**CONFIG, "options": [*meanings.POLICIES], "icon": "mdi:swap-vertical"},
    ),
    Thing(
        key="sensitivity",
        kind="number",
        name="Sensitivity",
        state="sensitivity/state",
        says=lambda outcome: f"{outcome.settings.sensitivity_percent:g}",
        command="sensitivity/set",
        means=meanings.sensitivity,
        more={**CONFIG, "min": 0, "max": 100, "step": 1, "unit_of_measurement": "%", "icon": "mdi:tune"},
    ),
    Thing(
        key="manual_mood",
        kind="select",
        name="Manual mood",
        state="mood/state",
        says=_manual,
        command="mood/set",
        means=meanings.mood,
        more={"options": [*meanings.MANUAL_MOODS], "icon": "mdi:emoticon-cool-outline"},
    ),
    *playback.THINGS,
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
    Thing(
        key="throttled",
        kind="binary_sensor",
        name="Throttled",
        needs="throttled",
        state="health",
        more={**DIAGNOSTIC, "device_class": "problem", "value_template": _on_off("throttled")},
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


def present(facts: Collection[str]) -> tuple[Thing, ...]:
    """Return the things that exist in an installation with these facts."""
    return tuple(thing for thing in THINGS if thing.needs is None or thing.needs in facts)
