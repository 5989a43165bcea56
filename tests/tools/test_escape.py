"""The judge of the attempts to leave the service's sandbox; script/test-system makes them in a booted system."""

from __future__ import annotations

from tests.rig.escape import ATTEMPTS, DONE, FILTER, NOT_IN_A_CONTAINER, attempt, judge

REFUSED = dict.fromkeys(ATTEMPTS, "PermissionError: no")
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
    assert faults(let_through, ALL_DONE, {**ALL_DONE, FILTER: "PermissionError: no"}) == []
    assert faults(let_through, ALL_DONE, ALL_DONE) == ["FAIL  sandbox: open another device: done"]


def test_an_attempt_is_made_in_a_process_of_its_own() -> None:
    def fail() -> None:
        raise PermissionError(1, "no")

    assert attempt(lambda: None) == DONE
    assert attempt(fail) == "PermissionError: [Errno 1] no"
    assert attempt(ATTEMPTS["run memory that can be written"]) == DONE, "there is no sandbox here"
