"""The table of things: what each is in Home Assistant, where its state stands, and what a command to it means.

Discovery, states and commands are all made from this table: a new thing is a new row. A row whose `needs` is not among
the facts of this installation is neither announced nor obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from musicond.core.controls import MAX_MINUTES
from musicond.core.messages import EMOTIONS, Mood, Verdict, Watching
from musicond.core.playing import PlayState
from musicond.outputs import meanings, payloads

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from musicond.core.messages import Command, Outcome

ON_OFF = {True: "on", False: "off"}
UNKNOWN = "None"
"""What Home Assistant's numbers take for unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A row. Topics stand below `<base>/<node>/`."""

    key: str
    """Its name in discovery, unique within the device; entity ids end in it."""
    kind: str
    """Home Assistant's platform."""
    name: str
    needs: str | None = None
    """The fact without which it does not exist."""
    state: str | None = None
    """Topic of its state."""
    says: Callable[[Outcome], str] | None = None
    """The state's payload; None where the topic is another row's or one of `payloads.TOPICS`."""
    command: str | None = None
    """Topic of its commands."""
    means: Callable[[str], Command] | None = None
    """What a payload asks for; raises ValueError with what would be right."""
    feedback: bool = False
    """Each command counts, and none is lost while the link is down for a moment."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """The rest of its discovery message."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of its commands: a button also obeys its bare name."""
        bare = (self.key,) if self.kind == "button" else ()
        return (self.command, *bare) if self.command else ()


def _manual(outcome: Outcome) -> str:
    manual = outcome.controls.manual_mood
    return manual.value if manual else meanings.AUTO


def _followed(outcome: Outcome) -> str:
    policy = outcome.controls.policy
    return policy.value if policy else meanings.AUTO


CONFIG: dict[str, Any] = {"entity_category": "config"}
DIAGNOSTIC: dict[str, Any] = {"entity_category": "diagnostic"}
SWITCH: dict[str, Any] = {"payload_on": "on", "payload_off": "off"}
MEASURED: dict[str, Any] = {"state_class": "measurement"}
PERCENT: dict[str, Any] = {**MEASURED, "unit_of_measurement": "%", "suggested_display_precision": 0}


def _of(key: str) -> str:
    """Return the template for a key of a JSON topic; Home Assistant shows None as unknown."""
    return f"{{{{ value_json.{key} }}}}"


def _on_off(key: str) -> str:
    return f"{{{{ none if value_json.{key} is none else 'ON' if value_json.{key} else 'OFF' }}}}"


def _percent(value: str, known: str) -> str:
    return f"{{{{ (100 * {value}) | round if {known} else none }}}}"


def _button(
    key: str,
    name: str,
    means: Callable[[str], Command],
    icon: str,
    *,
    feedback: bool = False,
    needs: str | None = None,
) -> Thing:
    return Thing(
        key=key,
        kind="button",
        name=name,
        needs=needs,
        command=f"{key}/set",
        means=means,
        feedback=feedback,
        more={"icon": icon},
    )


def _state_of(outcome: Outcome) -> str:
    return outcome.playback.state if outcome.playback else PlayState.STOPPED


def _autoplay(outcome: Outcome) -> str:
    return ON_OFF[outcome.playback is not None and outcome.playback.autoplay]


def _volume(outcome: Outcome) -> str:
    volume = outcome.playback.volume if outcome.playback else None
    return UNKNOWN if volume is None else str(volume)


def _vital(key: str, name: str, field_: str, kind: dict[str, Any], *, needs: str | None = None, **more: Any) -> Thing:
    """Return a diagnostic sensor of a field of `health`."""
    options = {**DIAGNOSTIC, **kind, "value_template": _of(field_), **more}
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
            "'manual': value_json.manual} | tojson }}",
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
        says=lambda outcome: ON_OFF[outcome.controls.private],
        command="privacy/set",
        means=meanings.privacy,
        more={**SWITCH, **CONFIG, "icon": "mdi:camera-off"},
    ),
    Thing(
        key="pause",
        kind="switch",
        name="Pause",
        state="pause/state",
        says=lambda outcome: ON_OFF[outcome.controls.paused],
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
            "value_template": _of("minutes"),
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
        more={**DIAGNOSTIC, "device_class": "timestamp", "value_template": _of("until")},
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
        says=lambda outcome: f"{outcome.controls.sensitivity_percent:g}",
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
    Thing(
        key="playback",
        kind="sensor",
        name="Playback",
        needs="playback",
        state="playback/state",
        says=_state_of,
        more={
            "device_class": "enum",
            "options": [*PlayState],
            "icon": "mdi:speaker",
            "json_attributes_topic": "playback/attributes",
        },
    ),
    Thing(
        key="playback_trouble",
        kind="sensor",
        name="Playback trouble",
        needs="playback",
        state="playback/attributes",
        more={**DIAGNOSTIC, "icon": "mdi:speaker-off", "value_template": "{{ (value_json.trouble or none) }}"},
    ),
    Thing(
        key="sign_in",
        kind="binary_sensor",
        name="Sign-in needed",
        needs="account",
        state="playback/attributes",
        more={
            **DIAGNOSTIC,
            "device_class": "problem",
            "value_template": "{{ 'OFF' if value_json.signed_in else 'ON' }}",
        },
    ),
    Thing(
        key="sign_in_ends",
        kind="sensor",
        name="Sign-in ends",
        needs="account",
        state="playback/attributes",
        more={**DIAGNOSTIC, "device_class": "date", "value_template": _of("expires_on")},
    ),
    Thing(
        key="sign_in_days",
        kind="sensor",
        name="Sign-in days left",
        needs="account",
        state="playback/attributes",
        more={
            **DIAGNOSTIC,
            "unit_of_measurement": "d",
            "icon": "mdi:calendar-clock",
            "value_template": _of("days_left"),
        },
    ),
    Thing(
        key="autoplay",
        kind="switch",
        name="Autoplay",
        needs="playback",
        state="autoplay/state",
        says=_autoplay,
        command="autoplay/set",
        means=meanings.autoplay,
        more={**SWITCH, "icon": "mdi:play-circle-outline"},
    ),
    Thing(
        key="volume",
        kind="number",
        name="Volume",
        needs="playback",
        state="volume/state",
        says=_volume,
        command="volume/set",
        means=meanings.volume,
        more={"min": 0, "max": 100, "step": 1, "unit_of_measurement": "%", "icon": "mdi:volume-high"},
    ),
    _button("play", "Play", meanings.play, "mdi:play", needs="playback"),
    _button("stop", "Stop", meanings.stop, "mdi:stop", needs="playback"),
    _button("next", "Next", meanings.another, "mdi:skip-next"),
    _button("like", "Like", meanings.rate(Verdict.LIKE), "mdi:thumb-up-outline", feedback=True),
    _button("dislike", "Dislike", meanings.rate(Verdict.DISLIKE), "mdi:thumb-down-outline", feedback=True),
    _button("wrong_mood", "Wrong mood", meanings.wrong_mood, "mdi:emoticon-confused-outline", feedback=True),
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
