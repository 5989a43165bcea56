"""Short forms of the tools that hold the music's promises: the simulated month, the kills, the choice, the bias."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def tool(name: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / name), *args], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_some_simulated_days_keep_every_promise_and_are_drawn(tmp_path: Path) -> None:
    out = tool("simulate_month.py", "--days", "6", "--rounds", "1500", "--picture", str(tmp_path / "m.svg"))
    lines = out.splitlines()
    assert len([line for line in lines if line.startswith("kept")]) == 15
    assert "BROKEN" not in out
    assert len(list(ET.parse(tmp_path / "m.svg").getroot())) > 60


@pytest.mark.slow
def test_some_kills_of_the_real_daemon_lose_no_like_and_damage_nothing() -> None:
    out = tool("kill_test.py", "--kills", "4", "--seed", "3")
    assert out.startswith("4 kills: ")
    assert "none lost, none counted twice, no damage" in out
    assert int(out.split()[2]) > 0, "likes were acknowledged"


@pytest.mark.alone
def test_a_choice_from_fifty_thousand_songs_costs_less_than_a_pass_of_the_pipeline() -> None:
    found = json.loads(tool("measure_choice.py", "--json"))
    assert found["songs"] == 50_000
    for policy in ("match", "lift", "steady"):
        assert found[f"{policy}_ms"] < found["vision_ms"], found


def test_no_permitted_bias_costs_more_than_a_point_on_publictest(shared: Path) -> None:
    found = json.loads(tool("evaluate_bias.py", "--data", str(shared / "data" / "fer2013.zip"), "--json"))
    assert found["most_moved_points"] <= 15
    losses = {name: value for name, value in found.items() if name.startswith("points_lost")}
    assert len(losses) == 4
    assert max(losses.values()) <= 1, losses
