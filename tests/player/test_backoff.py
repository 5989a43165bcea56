from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from musicond.errors import PlaybackError
from musicond.player.backoff import BACKOFF_S, JITTER, SHOWN_S, SIGN_IN_S, Backoff
from musicond.player.fade import STEP_S, VolumeFader

if TYPE_CHECKING:
    import pytest


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_waits_grow_with_jitter_and_the_log_tells_edges_only(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    retries = Backoff(clock)
    with caplog.at_level(logging.INFO):
        for wait in (*BACKOFF_S, BACKOFF_S[-1]):
            retries.failed(PlaybackError("out of reach; plug it in"), looked=True)
            found = retries.wait_s()
            assert found is not None
            assert wait * (1 - JITTER) <= found <= wait * (1 + JITTER)
            clock.now += found
        retries.succeeded(looked=True)
        retries.succeeded()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert (retries.trouble, retries.wait_s()) == (None, None)


def test_a_rest_that_was_asked_for_binds_persons_orders_too() -> None:
    clock = Clock()
    retries = Backoff(clock)
    retries.failed(PlaybackError("a rest", wait_s=3600))
    retries.reset()
    assert retries.wait_s() == 3600
    assert retries.blocked(urgent=True)
    clock.now = 3600
    assert not retries.blocked()


def test_a_missing_sign_in_is_looked_for_often_and_a_new_one_at_once() -> None:
    retries = Backoff(Clock())
    retries.failed(PlaybackError("sign in", sign_in=True))
    assert retries.wait_s() == SIGN_IN_S
    retries.reset()
    assert retries.wait_s() is None
    retries.succeeded(looked=True)
    assert retries.trouble is None, "somebody has signed in: nothing more is asked for"


def test_what_could_not_be_done_stays_told_although_a_look_succeeds() -> None:
    clock = Clock()
    retries = Backoff(clock)
    retries.failed(PlaybackError("not visible"))
    assert retries.blocked(), "a flood of orders is no flood of requests"
    assert not retries.blocked(urgent=True), "but stop is tried"
    retries.succeeded(looked=True)
    assert retries.trouble == "not visible"
    clock.now = SHOWN_S
    retries.succeeded(looked=True)
    assert retries.trouble is None


def test_music_that_is_to_be_halted_is_halted_even_if_a_step_of_the_fade_fails() -> None:
    done: list[object] = []

    def level(percent: int) -> None:
        done.append(percent)
        if percent == 30:
            raise PlaybackError("no volume")

    fade = VolumeFader(level, lambda: done.append("halt"))
    fade.out(60)
    assert done == [45]
    at = fade.due_s(0.0)
    assert at is not None
    fade.turn(at + 3 * STEP_S)
    assert done == [45, 30, "halt"]
    assert fade.due_s(0.0) is None


def test_a_fade_goes_in_steps_and_can_be_left_undone() -> None:
    done: list[int] = []
    fade = VolumeFader(done.append, lambda: None)
    fade.to(20, 60)
    assert done == [30]
    at = fade.due_s(0.0)
    assert at is not None
    fade.turn(at + 10)
    assert done == [30, 40, 50, 60]
    fade.up(50, slowly=False)
    fade.to(None, 10)
    assert done[-2:] == [50, 10]
    fade.to(10, 90)
    fade.forget()
    fade.turn(at + 100)
    assert done[-1] == 30
