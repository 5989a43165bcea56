"""The rows of the player in the table of things; they exist where one is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musicond.core.outcome import PlayState
from musicond.mqtt import parsers as meanings
from musicond.mqtt.thing import DIAGNOSTIC, ON_OFF, SWITCH, Thing, button, of

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


THINGS: tuple[Thing, ...] = (
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
        more={**DIAGNOSTIC, "device_class": "date", "value_template": of("expires_on")},
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
            "value_template": of("days_left"),
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
    button("play", "Play", meanings.play, "mdi:play", needs="playback"),
    button("stop", "Stop", meanings.stop, "mdi:stop", needs="playback"),
)
