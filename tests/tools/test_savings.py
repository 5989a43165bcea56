"""What saves work in vision changes no mood of the demo, and delays none by more than a frame of it."""

from __future__ import annotations

from musicond.capture.demo import DemoClip
from tools.measure_savings import CHOICES, later_s, run, undone


def test_each_mood_of_the_demo_comes_as_early_as_without_any_saving() -> None:
    calls, seconds, moods = run(["demo"])
    with undone(*CHOICES):
        calls_before, _, moods_before = run(["demo"])
    later = later_s(moods_before, moods)
    assert later is not None, f"{moods} instead of {moods_before}"
    assert later <= 1 / DemoClip.fps + 1e-6, f"{moods}, before {moods_before}"
    assert calls["invoke"] < calls_before["invoke"] / 3
    assert calls["fine"] < calls_before["fine"] / 3
    assert calls["frames"] < 4.5 * seconds
