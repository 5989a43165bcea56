from __future__ import annotations

import pytest

from musicond.core.commands import Command, Pause, Play, Rate, Resume, SetAutoplay, SetManualMood, SetPolicy, WrongMood
from musicond.core.models import EMOTIONS, Emotion, Policy, Verdict
from musicond.mqtt.parsers import PARSERS


@pytest.mark.parametrize(
    ("name", "payload", "command"),
    [
        ("pause", "Tomorrow", Pause(until_tomorrow=True)),
        ("pause", "30", Pause(30)),
        ("pause", "0", Resume()),
        ("policy", "AUTO", SetPolicy(None)),
        ("policy", "lift", SetPolicy(Policy.LIFT)),
        ("autoplay", "auto", SetAutoplay(None)),
        ("mood", "Sad", SetManualMood(Emotion.SAD, 60)),
        ("mood", '{"mood": "auto", "minutes": "7"}', SetManualMood(None, 7)),
        ("play", "", Play()),
        ("play", '{"track_id": "x"}', Play("x")),
        ("like", "press", Rate(Verdict.LIKE)),
        ("dislike", '{"track_id": "x"}', Rate(Verdict.DISLIKE, "x")),
        ("wrong_mood", "PRESS", WrongMood()),
        ("wrong_mood", "FEAR", WrongMood(Emotion.FEAR)),
    ],
)
def test_a_payload_gives_its_command(name: str, payload: str, command: Command) -> None:
    assert PARSERS[name](payload) == command


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "payload",
    ["perhaps", "-1", "nan", "{}", pytest.param("[" * 100_000, id="nested"), '{"track_id": 3}', '{"mood": null}'],
)
def test_a_malformed_payload_raises_an_error_without_an_emotion(name: str, payload: str) -> None:
    with pytest.raises(ValueError, match="^send ") as error:
        PARSERS[name](payload)
    assert not any(emotion in str(error.value) for emotion in EMOTIONS)
