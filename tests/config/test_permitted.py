"""Every permitted configuration does what its keys say, or is refused with what would be right."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicond.config.loader import load
from musicond.config.schema import Camera, Config, MoodSection
from musicond.core.models import EMOTIONS, Mood
from musicond.core.mood.tracker import UNSURE_DWELL, MoodState, Observation, update
from musicond.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@given(
    rate=st.floats(1, 30),
    enter=st.floats(0.15, 0.95),
    share=st.floats(0, 1),
    dwell_s=st.floats(0, 60),
    smoothing_s=st.floats(0, 30),
    sensitivity=st.floats(0, 100),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=30, deadline=None)
def test_every_mood_is_announced_at_every_permitted_rate(
    rate: float, enter: float, share: float, dwell_s: float, smoothing_s: float, sensitivity: float, seed: int
) -> None:
    leave = 0.1 + share * (enter - 0.1)
    section = MoodSection(enter=enter, leave=leave, dwell_s=dwell_s, smoothing_s=smoothing_s)
    config = Config(mood=section, camera=Camera(rate=rate, idle_rate=min(rate, 2.5)))
    rules = config.mood.tracker.at_rate(config.camera.rate).at_sensitivity(sensitivity)
    rng, state, at = random.Random(seed), MoodState(), 0.0
    # Of two emotions, the old score falls as the new one rises; rule 2 asks for the new one's level and for its lead.
    rise_s = -smoothing_s * math.log(min(1 - rules.enter, (1 - rules.enter + rules.leave) / 2))
    for emotion in (EMOTIONS[0], EMOTIONS[3], EMOTIONS[6]):
        scores = tuple(float(each is emotion) for each in EMOTIONS)
        end = at + rise_s + max(rules.dwell_s, rules.break_s) + UNSURE_DWELL * rules.dwell_s + 5 / rate
        while at < end:
            state = update(state, rules, Observation(at, present=True, scores=scores))
            at += rng.uniform(0.9, 1.2) / rate
        assert state.mood is Mood(emotion.value)


@pytest.mark.parametrize(
    ("camera", "min_size", "right"),
    [
        ("size: [160, 120]", "0.12", "give a larger size, or faces.min_size: 0.2"),
        ("size: [320, 240]", "0.05", "faces.min_size: 0.1"),
        ("size: [320, 240], rotation: 90", "0.05", "faces.min_size: 0.08"),
        ("size: [160, 120]", "0.2", None),
        ("size: [320, 240]", "0.12", None),
        ("size: [640, 480]", "0.05", None),
        ("size: [160, 120], source: demo", "0.12", None),
    ],
)
def test_a_picture_that_cannot_hold_the_smallest_face_is_refused(
    tmp_path: Path, camera: str, min_size: str, right: str | None
) -> None:
    file = tmp_path / "musicon.yaml"
    file.write_text(f"camera: {{{camera}}}\nfaces: {{min_size: {min_size}}}\n")
    if right is None:
        load(file)
        return
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert right in str(refused.value)
    assert ":1:16: camera.size" in str(refused.value)
