"""The rows of the player in the table of things; they exist where one is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musicond.core.outcome import PlayState
from musicond.mqtt import parsers as meanings
from musicond.mqtt.thing import DIAGNOSTIC, ON_OFF, SWITCH, EntityDescription, button, of

if TYPE_CHECKING:
    from musicond.core.outcome import Outcome

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
