"""A replay of the demo gives the golden events; renew them by musicond replay demo | grep -v summary > replay.jsonl."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.compare import differences

GOLDEN = (Path(__file__).parent / "replay.jsonl").read_text("utf-8")


def test_the_demo_replays_to_the_golden_events() -> None:
    command = [sys.executable, "-m", "musicond", "replay", "--config", "/dev/null", "demo"]
    replay = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    assert differences(GOLDEN, replay) == []


@pytest.mark.parametrize(("key", "value"), [("t", 0.5), ("confidence", 0.03)])
def test_a_difference_is_seen(key: str, value: float) -> None:
    first, *rest = GOLDEN.splitlines()
    event = json.loads(first)
    event[key] += value
    assert len(differences(GOLDEN, "\n".join([json.dumps(event), *rest]))) == 1
    assert len(differences(GOLDEN, "\n".join(rest))) > 1
    assert differences(GOLDEN, GOLDEN) == []
