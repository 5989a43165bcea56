"""Parsers of command payloads: each returns the command, or raises ValueError with the text of a correct payload.

The log shows these errors, so none of them names an emotion, not even in a list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from musicond.core.commands import (
    Command,
    Next,
    OtherSongs,
    Pause,
    Play,
    Previous,
    Rate,
    Resume,
    SetAutoplay,
    SetManualMood,
    SetPolicy,
    SetPrivacy,
    SetSensitivity,
    SetVolume,
    Stop,
    Withdraw,
    WrongMood,
)
from musicond.core.models import EMOTIONS, Policy, Verdict
from musicond.core.settings import MANUAL_MINUTES, MAX_MINUTES
from musicond.errors import NOT_TEXT, bounded_number

Parser = Callable[[str], Command]

PRESS = "PRESS"
"""Payload of Home Assistant's buttons; an empty one means the same."""
AUTO = "auto"
POLICIES = (AUTO, *Policy)
MANUAL_MOODS = (AUTO, *EMOTIONS)
A_MOOD = "one of the seven moods in docs/mqtt.md"
A_TRACK = f'{PRESS}, or {{"track_id": "..."}} with an id of recommendation/attributes'
MINUTES_OF_MOOD = f'{{"mood": MOOD, "minutes": 30}}, with minutes up to {MAX_MINUTES}'


def parse_word(text: str, commands: Mapping[str, Command], expected: str) -> Command:
    """Return the command of a word, in upper or lower case."""
    if (command := commands.get(text.lower())) is None:
        raise ValueError(f"send {expected}")
    return command


def parse_object(text: str, keys: set[str], expected: str) -> dict[str, Any]:
    """Return a JSON object with at least one of these keys and no others."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not value or not value.keys() <= keys:
        raise ValueError(f"send {expected}")
    return value


def parse_number(value: object, low: float, high: float, expected: str) -> float:
    """Return a number of this range from text or JSON."""
    if (number := bounded_number(value, low, high)) is None:
        raise ValueError(f"send {expected}")
    return number


def parse_track(text: str, command: Callable[[str], Command]) -> Command:
    """Return the command for a track from `{"track_id": ID}`."""
    track_id = parse_object(text, {"track_id"}, A_TRACK)["track_id"]
    if not isinstance(track_id, str) or NOT_TEXT.search(track_id):
        raise ValueError(f"send {A_TRACK}")
    return command(track_id)


def parse_pause(text: str) -> Command:
    """Return Pause or Resume; 0 minutes resume."""
    words: dict[str, Command] = {"on": Pause(), "off": Resume(), "tomorrow": Pause(until_tomorrow=True)}
    if (command := words.get(text.lower())) is not None:
        return command
    minutes = parse_number(text, 0, MAX_MINUTES, f"on, off, tomorrow or minutes up to {MAX_MINUTES}")
    return Pause(minutes) if minutes else Resume()


def parse_mood(text: str) -> Command:
    """Return SetManualMood from a word, or from `{"mood": WORD, "minutes": NUMBER}`."""
    minutes: float = MANUAL_MINUTES
    if text.startswith("{"):
        body = parse_object(text, {"mood", "minutes"}, MINUTES_OF_MOOD)
        minutes = parse_number(body.get("minutes", minutes), 0.001, MAX_MINUTES, MINUTES_OF_MOOD)
        text = str(body.get("mood"))
    moods = {AUTO: SetManualMood(None, minutes)} | {mood: SetManualMood(mood, minutes) for mood in EMOTIONS}
    return parse_word(text, moods, f"auto or {A_MOOD}")


def _words(commands: Mapping[str, Command], expected: str) -> Parser:
    return partial(parse_word, commands=commands, expected=expected)


def _percent(command: Callable[[float], Command]) -> Parser:
    return lambda text: command(parse_number(text, 0, 100, "a number from 0 to 100"))


def _button(command: Command, otherwise: Parser | None = None) -> Parser:
    """Return a parser of a press; any other payload goes to `otherwise`."""
    parse_other = otherwise or _words({}, PRESS)
    return lambda text: command if not text or text.upper() == PRESS else parse_other(text)


def _rate(verdict: Verdict) -> Parser:
    return _button(Rate(verdict), partial(parse_track, command=partial(Rate, verdict)))


ON_OFF = {"on": True, "off": False}
PARSERS: Mapping[str, Parser] = {
    "privacy": _words({word: SetPrivacy(on) for word, on in ON_OFF.items()}, "on or off"),
    "guest": _button(SetPrivacy(on=True, until_midnight=True)),
    "pause": parse_pause,
    "policy": _words({AUTO: SetPolicy(None)} | {policy: SetPolicy(policy) for policy in Policy}, " or ".join(POLICIES)),
    "sensitivity": _percent(SetSensitivity),
    "mood": parse_mood,
    "autoplay": _words(
        {AUTO: SetAutoplay(None)} | {word: SetAutoplay(on) for word, on in ON_OFF.items()}, "on, off or auto"
    ),
    "volume": _percent(SetVolume),
    "play": _button(Play(), partial(parse_track, command=Play)),
    "stop": _button(Stop()),
    "next": _button(Next()),
    "previous": _button(Previous()),
    "other_songs": _button(OtherSongs()),
    "like": _rate(Verdict.LIKE),
    "dislike": _rate(Verdict.DISLIKE),
    "withdraw": _button(Withdraw(), partial(parse_track, command=Withdraw)),
    "wrong_mood": _button(
        WrongMood(), _words({emotion: WrongMood(emotion) for emotion in EMOTIONS}, f"{PRESS} or {A_MOOD}")
    ),
}
"""The parser of each command topic `<name>/set`."""
