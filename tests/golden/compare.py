"""Holds the events of a replay against the golden ones: python tests/golden/compare.py GOLDEN REPLAY.

Moods, songs and reasons must be the same; the same libraries on another processor or in another version may shift a
moment by one frame and a confidence by a hundredth.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FRAME_S = 0.13
"""One frame at 8 frames per second."""
CONFIDENCE = 0.01


def events(text: str) -> list[dict[str, Any]]:
    """Return all lines but the summary."""
    found = [json.loads(line) for line in text.splitlines()]
    return [event for event in found if event["type"] != "summary"]


def differences(golden: str, replay: str) -> list[str]:
    """Return one line for each event that is not as it should be."""
    expected, found = events(golden), events(replay)
    said = [f"{len(found)} events instead of {len(expected)}"] if len(found) != len(expected) else []
    for number, (right, event) in enumerate(zip(expected, found, strict=False), 1):
        near = abs(right.pop("t") - event.pop("t")) <= FRAME_S
        near &= abs(right.pop("confidence", 0) - event.pop("confidence", 0)) <= CONFIDENCE
        if not near or right != event:
            said.append(f"event {number}: {event} instead of {right}")
    return said


if __name__ == "__main__":
    wrong = differences(*(Path(path).read_text("utf-8") for path in sys.argv[1:3]))
    print("\n".join(wrong) or "the same events")  # noqa: T201 - its answer
    sys.exit(bool(wrong))
