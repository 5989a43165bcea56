"""The short form of script/chaos: some random faults of the real daemon, and a planted bug that must be found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.faults import DAMAGES, ORDERS, parts, plan
from tests.chaos.judge import Case, check_kept, check_resources, open_files
from tests.chaos.plants import PLANTS
from tests.system.preload import compiler, has_namespaces

ROOT = Path(__file__).resolve().parents[2]


def chaos(*args: str) -> subprocess.CompletedProcess[str]:
    """Run tools/chaos.py."""
    command = [sys.executable, str(ROOT / "tools" / "chaos.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.skipif(not has_namespaces(), reason="no mount namespaces here")
@pytest.mark.skipif(compiler() is None, reason="no C compiler: sudo apt install gcc")
def test_some_random_faults_break_nothing_and_a_planted_bug_is_found() -> None:
    well = chaos("--seed", "29", "--steps", "1-2")
    assert well.returncode == 0, well.stdout + well.stderr
    assert '"faults": 2' in well.stdout
    planted = chaos("--seed", "3", "--plants", "songs-in-the-log")
    assert planted.returncode == 0, planted.stdout + planted.stderr
    assert "broken: ['j']" in planted.stderr


def test_each_invariant_has_a_planted_bug_and_each_plant_a_step_that_shows_it() -> None:
    assert {plant.breaks for plant in PLANTS.values()} == set("abcdefghij")
    steps = [parts(3, number) for number in range(1, 200)]
    for name, plant in PLANTS.items():
        assert not plant.shown_by or any({*step} & {*plant.shown_by} for step in steps), name
    kinds = {kind for step in steps for kind in step}
    assert kinds >= {*DAMAGES, *ORDERS, "restart: term", "restart: kill"}


def test_a_step_is_always_the_same() -> None:
    assert plan(29, 7) == plan(29, 7)
    assert any(plan(29, number) != plan(30, number) for number in range(1, 9))


def test_the_judge_sees_what_shrinks_and_what_grows(tmp_path: Path) -> None:
    case = Case(1, str(tmp_path), "", "", 1, 1, 0.0, counts={"own songs": 3}, resources={"files": 20})
    assert list(check_kept(case, {"own songs": 3})) == []
    assert list(check_kept(case, {"own songs": 2})) == [("g", "own songs: 2, before 3")]
    assert list(check_resources(case, {"files": 30})) == []
    assert [letter for letter, _ in check_resources(case, {"files": 60})] == ["i"]
    with (tmp_path / "film").open("w"):
        assert str(tmp_path / "film") in open_files(int(Path("/proc/self").resolve().name))
