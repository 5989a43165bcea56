"""Compare the events of a replay with the golden ones: python tests/golden/compare.py GOLDEN REPLAY.

Moods, songs and reasons must be the same; other libraries or the same ones on another processor may shift a moment by one
frame of a still face and a confidence by two hundredths.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FRAME_S = 0.41
"""One frame at 2.5 frames per second."""
CONFIDENCE = 0.02


def events(text: str) -> list[dict[str, Any]]:
    """Return all events but the summary."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [event for event in lines if event["type"] != "summary"]


def differences(golden: str, replay: str) -> list[str]:
    """Return one line for each event that differs."""
    expected, actual = events(golden), events(replay)
    lines = [f"{len(actual)} events instead of {len(expected)}"] if len(actual) != len(expected) else []
    for number, (golden_event, event) in enumerate(zip(expected, actual, strict=False), 1):
        near = abs(golden_event.pop("t") - event.pop("t")) <= FRAME_S
        near &= abs(golden_event.pop("confidence", 0) - event.pop("confidence", 0)) <= CONFIDENCE
        if not near or golden_event != event:
            lines.append(f"event {number}: {event} instead of {golden_event}")
    return lines


if __name__ == "__main__":
    wrong = differences(*(Path(path).read_text("utf-8") for path in sys.argv[1:3]))
    print("\n".join(wrong) or "the same events")  # noqa: T201 - the result
    sys.exit(bool(wrong))
