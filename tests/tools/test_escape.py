"""The judge of the attempts to leave the service's sandbox; script/test-system makes them in a booted system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.rig.escape import ATTEMPTS, DONE, FILTER, NOT_IN_A_CONTAINER, judge

REFUSED = dict.fromkeys(ATTEMPTS, "refused: PermissionError: no")
ALL_DONE = dict.fromkeys(ATTEMPTS, DONE)


def faults(sandbox: dict[str, str], user: dict[str, str], root: dict[str, str]) -> list[str]:
    return [line for line in judge(sandbox, user, root) if line.startswith("FAIL")]


def test_a_sandbox_that_refuses_all_is_well_and_one_that_lets_something_through_is_not() -> None:
    assert faults(REFUSED, ALL_DONE, ALL_DONE) == []
    for name in ATTEMPTS:
        assert faults({**REFUSED, name: DONE}, ALL_DONE, ALL_DONE) == [f"FAIL  sandbox: {name}: done"]


def test_an_attempt_that_nobody_can_make_shows_nothing() -> None:
    assert len(faults(REFUSED, REFUSED, REFUSED)) == len(ATTEMPTS) - len(NOT_IN_A_CONTAINER)
    assert faults(REFUSED, REFUSED, ALL_DONE) == []


def test_the_filter_of_devices_is_asked_for_where_it_can_be_loaded() -> None:
    let_through = {**REFUSED, "open another device": DONE}
    assert faults(let_through, ALL_DONE, {**ALL_DONE, FILTER: "refused: PermissionError: no"}) == []
    assert faults(let_through, ALL_DONE, ALL_DONE) == ["FAIL  sandbox: open another device: done"]


def test_an_attempt_that_goes_wrong_is_no_refusal() -> None:
    for name in ATTEMPTS:
        broken = {**REFUSED, name: "failed: KeyError: 'x86'"}
        assert faults(broken, ALL_DONE, ALL_DONE) == [
            f"FAIL  sandbox: {name}: not refused, but failed: KeyError: 'x86'"
        ]


@pytest.mark.parametrize(
    ("act", "result"),
    [
        ("lambda: None", DONE),
        ("lambda: os.open('/proc/self/nowhere', os.O_RDONLY)", "refused: FileNotFoundError: [Errno 2] "),
        ("lambda: os.kill(os.getpid(), signal.SIGSYS)", "refused: SIGSYS"),
        ("lambda: os.kill(os.getpid(), signal.SIGSEGV)", "failed: it ended with status 11"),
        ("lambda: {}['x86']", "failed: KeyError: 'x86'"),
        ("lambda: os.listdir('/proc/self/stat')", "failed: NotADirectoryError: [Errno 20] "),
        ("ATTEMPTS['run memory that can be written']", DONE),  # there is no sandbox here
    ],
)
def test_an_attempt_is_made_in_a_process_of_its_own(act: str, result: str) -> None:
    # Not in this process: it has threads, and an attempt forks.
    program = f"import os, signal; from tests.rig.escape import ATTEMPTS, attempt; print(attempt({act}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(result)
