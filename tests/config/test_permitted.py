"""Every permitted configuration has the effect that its keys describe, or is refused with the remedy."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from musicond.app.pipeline import frame_rate
from musicond.app.playback import playback_rules
from musicond.config.camera import Camera
from musicond.config.limits import WINDOW_PX
from musicond.config.loader import load, schema
from musicond.config.schema import Config, FacesSection, MoodSection
from musicond.core.commands import Play, SetVolume
from musicond.core.models import EMOTIONS, Mood, Track
from musicond.core.mood.tracker import UNSURE_DWELL, MoodState, Observation, update
from musicond.errors import ConfigError
from musicond.player.events import ChangeVolume, PlayerState, Requested, RoomUpdate
from musicond.player.rules import step

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
@example(rate=1, enter=0.42, share=0.625, dwell_s=1, smoothing_s=0.8, sensitivity=50, seed=0)
@settings(max_examples=30, deadline=None)
def test_every_mood_is_announced_at_every_permitted_rate(
    rate: float, enter: float, share: float, dwell_s: float, smoothing_s: float, sensitivity: float, seed: int
) -> None:
    leave = 0.1 + share * (enter - 0.1)
    section = MoodSection(enter=enter, leave=leave, dwell_s=dwell_s, smoothing_s=smoothing_s)
    config = Config(mood=section, camera=Camera(rate=rate, idle_rate=min(rate, 2.5)))
    rules = config.mood.tracker.at_rate(config.camera.rate).at_sensitivity(sensitivity)
    rng, state, at = random.Random(seed), MoodState(), 0.0
    # Of two emotions, the old score falls as the new one rises; rule 2 requires a level and a lead of the new one.
    rise_s = -smoothing_s * math.log(min(1 - rules.enter, (1 - rules.enter + rules.leave) / 2))
    for emotion in EMOTIONS:
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
        ("size: [160, 120]", "0.055, max_size: 0.1", "faces.max_size: 0.2"),
        ("size: [160, 120]", "0.055, max_size: 0.2", None),
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


RANGES = {
    "camera": ("rate", "idle_rate", "exposure_max_ms"),
    "faces": ("min_size", "max_size"),
    "mood": ("enter", "leave", "dwell_s", "away_s", "smoothing_s"),
    "music": ("cool_down_s",),
    "playback": ("volume", "volume_max", "away_s", "silence_s"),
    "history": ("keep_days",),
    "device": ("memory_max_mib",),
}
"""Keys with a range of numbers; the test reads the range from the schema."""


def numbers(section: str, key: str) -> st.SearchStrategy[float | None]:
    """Return a number in the whole range of a key, its ends more often; None: left out."""
    reference = schema()["properties"][section]["anyOf"][0]["$ref"].rpartition("/")[2]
    field = schema()["$defs"][reference]["properties"][key]
    field = next((item for item in field.get("anyOf", ()) if item["type"] != "null"), field)
    low, high = field["minimum"], field["maximum"]
    inner = st.integers(low, high) if field["type"] == "integer" else st.floats(low, high)
    return st.none() | st.sampled_from((low, high)) | inner


WHOLE = st.fixed_dictionaries(
    {section: st.fixed_dictionaries({key: numbers(section, key) for key in keys}) for section, keys in RANGES.items()}
)
SIZES = st.sampled_from([[160, 120], [320, 240], [640, 480], [1280, 960], [1920, 1080], [1920, 120]])


def away_after_s(config: Config) -> float:
    """Return the seconds after which a person who left is announced as gone, at the configured rate."""
    rules, state, frames = config.mood.tracker.at_rate(config.camera.rate), MoodState(Mood.HAPPY), 0
    while state.mood is not Mood.NOBODY:
        frames += 1
        state = update(state, rules, Observation(frames / config.camera.rate))
    return frames / config.camera.rate


def volumes(config: Config, percent: float) -> list[int]:
    """Return the volumes at which music starts, as configured and as a person chose, and that of a command."""
    rules, chosen = playback_rules(config), []
    room = RoomUpdate(0.0, datetime(2026, 11, 23, 12, tzinfo=UTC), volume=round(percent))
    for state in (PlayerState(), PlayerState(room=room)):
        for request in (Requested(1.0, Play(), (Track("t", "x", "y", ""),)), Requested(1.0, SetVolume(percent))):
            for action in step(state, rules, request)[1]:
                volume = action.percent if isinstance(action, ChangeVolume) else getattr(action, "volume", None)
                chosen += [volume] if volume is not None else []
    return chosen


PAIRS = (("camera", "idle_rate", "rate"), ("faces", "min_size", "max_size"), ("mood", "leave", "enter"))


@given(data=WHOLE, size=SIZES, rotation=st.sampled_from((0, 90)), percent=st.floats(0, 100), ordered=st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_permitted_combination_keeps_what_its_keys_say(
    data: dict[str, dict[str, float | None]], size: list[int], rotation: int, percent: float, ordered: bool
) -> None:
    for section, low, high in PAIRS if ordered else ():
        values = data[section]
        if values[low] is not None and values[high] is not None:
            values[low] = min(values[low], values[high])  # type: ignore[type-var]
    given_keys = {name: {key: value for key, value in keys.items() if value is not None} for name, keys in data.items()}
    given_keys["camera"] |= {"size": size, "rotation": rotation, "source": "auto"}  # type: ignore[dict-item]
    try:
        config = Config.model_validate_json(json.dumps(given_keys), strict=True)
    except ValidationError as refused:
        text = str(refused)
        assert any(key in text for keys in RANGES.values() for key in keys), text
        assert "must" in text or "give a larger size" in text, text
        event("refused")
        return
    for name, keys in given_keys.items():
        for key, value in keys.items():
            kept = getattr(getattr(config, name), key)
            assert (list(kept) if key == "size" else kept) == value
    rates = frame_rate(config)
    assert rates.interval_s(None) == pytest.approx(1 / config.camera.rate)
    assert config.camera.idle_rate <= config.camera.rate
    rules = config.mood.tracker.at_rate(config.camera.rate).at_sensitivity(percent)
    assert 0 < rules.leave <= rules.enter < 1
    assert config.mood.away_s <= away_after_s(config) + 1e-5 <= config.mood.away_s + 1 / config.camera.rate + 2e-5
    assert all(volume <= config.playback.volume_max for volume in volumes(config, percent))
    height = size[rotation == 0]
    assert round(config.faces.max_size * height) >= WINDOW_PX
    assert config.faces.min_size == FacesSection().min_size or round(config.faces.min_size * height) >= WINDOW_PX
