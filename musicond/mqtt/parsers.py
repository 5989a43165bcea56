"""What a payload asks for: from the text of a command to the command, or a ValueError that says what would be right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from musicond.core.commands import (
    Command,
    Next,
    Pause,
    Play,
    Rate,
    Resume,
    SetAutoplay,
    SetManualMood,
    SetPolicy,
    SetPrivacy,
    SetSensitivity,
    SetVolume,
    Stop,
    WrongMood,
)
from musicond.core.models import EMOTIONS, Emotion, Policy, Verdict
from musicond.core.settings import MANUAL_MINUTES, MAX_MINUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

PRESS = "PRESS"
"""What Home Assistant's buttons send; an empty payload does as well."""
AUTO = "auto"
AN_EMOTION = "an emotion, as docs/mqtt.md lists them"
"""The log names none, not even in a list."""
POLICIES = (AUTO, *Policy)
MANUAL_MOODS = (AUTO, *EMOTIONS)


def _word(text: str, words: Collection[str], right: str) -> str:
    found = text.lower()
    if found not in words:
        raise ValueError(f"send {right}")
    return found


def _object(text: str, keys: set[str], right: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not found or not found.keys() <= keys:
        raise ValueError(f"send {right}")
    return found


def _number(value: object, low: float, high: float, right: str) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if not low <= number <= high:  # which is false of NaN too
        raise ValueError(f"send {right}")
    return number


def privacy(text: str) -> Command:
    """Close the camera, or let it be opened."""
    return SetPrivacy(_word(text, ("on", "off"), "on or off") == "on")


def pause(text: str) -> Command:
    """Pause, for some minutes or until tomorrow, or go on."""
    word = text.lower()
    if word in ("on", "off"):
        return Pause() if word == "on" else Resume()
    if word == "tomorrow":
        return Pause(until_tomorrow=True)
    minutes = _number(text, 0, MAX_MINUTES, f"on, off, tomorrow or minutes up to {MAX_MINUTES}")
    return Pause(minutes) if minutes else Resume()


def sensitivity(text: str) -> Command:
    """Set the sensitivity."""
    return SetSensitivity(_number(text, 0, 100, "a number from 0 to 100"))


def policy(text: str) -> Command:
    """Choose how the music follows the mood."""
    word = _word(text, POLICIES, " or ".join(POLICIES))
    return SetPolicy(None if word == AUTO else Policy(word))


def mood(text: str) -> Command:
    """Set the mood by hand, as a word or with minutes as JSON."""
    minutes: float = MANUAL_MINUTES
    if text.startswith("{"):
        right = f'{{"mood": EMOTION, "minutes": 30}}, with minutes up to {MAX_MINUTES}'
        body = _object(text, {"mood", "minutes"}, right)
        minutes = _number(body.get("minutes", minutes), 0.001, MAX_MINUTES, right)
        text = str(body.get("mood"))
    word = _word(text, MANUAL_MOODS, f"auto or {AN_EMOTION}")
    return SetManualMood(None if word == AUTO else Emotion(word), minutes)


def _pressed(text: str) -> bool:
    return not text or text.upper() == PRESS


def another(text: str) -> Command:
    """Offer other songs."""
    if not _pressed(text):
        raise ValueError(f"send {PRESS}")
    return Next()


def play(text: str) -> Command:
    """Play what is recommended, or that from one of its songs on."""
    if _pressed(text):
        return Play()
    right = f'{PRESS}, or {{"track_id": "..."}} with an id of recommendation/attributes'
    return Play(_track_id(text, right))


def stop(text: str) -> Command:
    """Stop the music."""
    if not _pressed(text):
        raise ValueError(f"send {PRESS}")
    return Stop()


def autoplay(text: str) -> Command:
    """Let music start by itself, or not, or as the configuration says."""
    word = _word(text, ("on", "off", AUTO), "on, off or auto")
    return SetAutoplay(None if word == AUTO else word == "on")


def volume(text: str) -> Command:
    """Set the volume."""
    return SetVolume(_number(text, 0, 100, "a number from 0 to 100"))


def rate(verdict: Verdict) -> Callable[[str], Command]:
    """Return what understands the feedback of one verdict."""

    def means(text: str) -> Command:
        if _pressed(text):
            return Rate(verdict)
        right = f'{PRESS}, or {{"track_id": "..."}} with an id of recommendation/attributes'
        return Rate(verdict, _track_id(text, right))

    return means


def _track_id(text: str, right: str) -> str:
    track = _object(text, {"track_id"}, right)["track_id"]
    if not isinstance(track, str):
        raise ValueError(f"send {right}")  # noqa: TRY004 - all that is malformed is one error
    return track


def wrong_mood(text: str) -> Command:
    """Call the mood wrong, and say what would be right where that is known."""
    return (
        WrongMood() if _pressed(text) else WrongMood(Emotion(_word(text, tuple(EMOTIONS), f"{PRESS} or {AN_EMOTION}")))
    )
