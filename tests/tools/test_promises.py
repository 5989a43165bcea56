"""Short runs of the tools that check the promises about music: simulated month, kills, choice and bias."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def run_tool(name: str, *args: str) -> str:
    process = subprocess.run(
        [sys.executable, str(ROOT / "tools" / name), *args], capture_output=True, text=True, timeout=300, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_some_simulated_days_keep_every_promise_and_are_drawn(tmp_path: Path) -> None:
    output = run_tool("simulate_month.py", "--days", "6", "--rounds", "1500", "--picture", str(tmp_path / "m.svg"))
    lines = output.splitlines()
    assert len([line for line in lines if line.startswith("kept")]) == 15
    assert "BROKEN" not in output
    assert len(list(ET.parse(tmp_path / "m.svg").getroot())) > 60


@pytest.mark.slow
def test_some_kills_of_the_real_daemon_lose_no_like_and_damage_nothing() -> None:
    output = run_tool("kill_test.py", "--kills", "4", "--seed", "3")
    assert output.startswith("4 kills: ")
    assert "none lost, none counted twice, no damage" in output
    assert int(output.split()[2]) > 0, "likes were acknowledged"


@pytest.mark.alone
def test_a_choice_from_fifty_thousand_songs_costs_less_than_a_fifth_of_a_full_pass() -> None:
    runs = []
    for _ in range(3):  # other work on the machine slows one part of a run and not the other
        runs.append(json.loads(run_tool("measure_choice.py", "--json")))
        assert runs[-1]["songs"] == 50_000
        if all(runs[-1][f"{policy}_ms"] < runs[-1]["vision_ms"] / 5 for policy in ("match", "lift", "steady")):
            return
    pytest.fail(f"in none of three runs: {runs}")


def test_no_bias_of_wrong_moods_costs_more_than_a_point_on_publictest_and_no_calibration_more_than_three(
    shared: Path,
) -> None:
    figures = json.loads(run_tool("evaluate_bias.py", "--data", str(shared / "data" / "fer2013.zip"), "--json"))
    assert figures["most_moved_points"] <= 9
    losses = {name: value for name, value in figures.items() if name.startswith("points_lost")}
    assert len(losses) == 4
    assert losses.pop("points_lost_neutral_face") <= 3
    assert max(losses.values()) <= 1, losses
