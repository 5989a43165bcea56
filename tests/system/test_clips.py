"""The shared clips of real faces through `musicond replay --frames`, and the accuracy of the summary's figures."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from functools import cache
from statistics import mean
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from musicond.core.models import EMOTIONS

if TYPE_CHECKING:
    from pathlib import Path

CLEAR = 0.76
"""A mood that just passes its threshold may do so with tracking and not without; d18 is a face that does little else."""
CLIPS = ("d0", "d3", "d10", "d18", "s18", "s32")


def replay(shared: Path, *args: str, clips: tuple[str, ...] = CLIPS) -> list[str]:
    paths = [str(shared / "clips" / f"{clip}.mp4") for clip in clips]
    command = [sys.executable, "-m", "musicond", "replay", *args, *paths]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.splitlines()


@cache
def replay_frames(shared: Path) -> list[str]:
    return replay(shared, "--frames")


@cache
def frames(shared: Path) -> list[dict[str, Any]]:
    return [line for text in replay_frames(shared) if (line := json.loads(text))["type"] == "frame"]


def test_nearly_every_frame_has_a_face_and_only_one(shared: Path) -> None:
    lines = frames(shared)
    assert mean(len(frame["faces"]) > 0 for frame in lines) >= 0.98
    assert mean(len(frame["faces"]) > 1 for frame in lines) <= 0.005


def test_labelled_spans_are_read_right(shared: Path) -> None:
    labels = yaml.safe_load((shared / "clips" / "clips.yaml").read_text())
    shares = []
    for clip in CLIPS:
        for start, end, accepted in labels[clip]["spans"]:
            span = [f for f in frames(shared) if f["clip"] == f"{clip}.mp4" and start <= f["t"] <= end]
            read = [max(f["scores"], key=f["scores"].get) if f["scores"] else None for f in span]
            shares.append(mean(emotion in accepted for emotion in read))
    # 89.6 % was measured with Bookworm's runtime and with Trixie's; the model before had 88.2 and 87.9 %.
    assert mean(shares) >= 0.88, shares


def test_scores_are_seven_and_sum_to_one(shared: Path) -> None:
    scored = [frame["scores"] for frame in frames(shared) if frame["scores"]]
    assert all(list(scores) == list(EMOTIONS) for scores in scored)
    assert all(sum(scores.values()) == pytest.approx(1, abs=0.001) for scores in scored)


def test_a_calm_face_before_a_moving_camera_announces_nothing_after_its_first_mood(shared: Path) -> None:
    moods = [line for text in replay(shared, clips=("s18",)) if (line := json.loads(text))["type"] == "mood"]
    assert len(moods) == 1


def test_the_same_bytes_twice_and_the_same_moods_without_tracking(shared: Path) -> None:
    once, again = replay_frames(shared), replay(shared, "--frames")
    assert once[:-1] == again[:-1]

    def moods(lines: list[str], least: float = 0.0) -> list[tuple[str, str]]:
        changes = [change for line in lines if (change := json.loads(line))["type"] == "mood"]
        clear = [change for change in changes if change["confidence"] >= least and change["clip"] != "d18.mp4"]
        return [(change["clip"], change["after"]) for change in clear]

    without = replay(shared, "--no-tracking")
    assert len(moods(once, CLEAR)) >= 5
    assert [mood for mood in moods(once, CLEAR) if mood not in moods(without)] == []
    assert [mood for mood in moods(without, CLEAR) if mood not in moods(once)] == []


def test_the_stated_processor_time_is_what_the_system_counts(shared: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = json.loads(replay(shared, "--frames", clips=("d3", "s32"))[-1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    outside = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    parts = summary["cpu_s"]
    stated = parts["start"] + parts["decode"] + summary["cpu_ms_per_frame"] * summary["analysed"] / 1000
    assert stated == pytest.approx(outside, rel=0.05)
