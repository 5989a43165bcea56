"""Waits after failures of the backend, and the steps of a fade."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from musicond.errors import PlaybackError
from musicond.player.backoff import BACKOFF_S, JITTER, SHOWN_S, SIGN_IN_S, BackendBackoff
from musicond.player.fade import STEP_S, VolumeFader

if TYPE_CHECKING:
    import pytest


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_waits_grow_with_jitter_and_only_changes_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    backoff = BackendBackoff(clock)
    with caplog.at_level(logging.INFO):
        for expected in (*BACKOFF_S, BACKOFF_S[-1]):
            backoff.failed(PlaybackError("out of reach; plug it in"), polled=True)
            wait = backoff.wait_s()
            assert wait is not None
            assert expected * (1 - JITTER) <= wait <= expected * (1 + JITTER)
            clock.now += wait
        backoff.succeeded(polled=True)
        backoff.succeeded()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert (backoff.trouble, backoff.wait_s()) == (None, None)


def test_a_wait_that_the_service_asks_for_binds_persons_too() -> None:
    clock = Clock()
    backoff = BackendBackoff(clock)
    backoff.failed(PlaybackError("a rest", wait_s=3600))
    backoff.reset()
    assert backoff.wait_s() == 3600
    assert backoff.blocked(urgent=True)
    clock.now = 3600
    assert not backoff.blocked()


def test_a_missing_sign_in_is_checked_often_and_a_new_one_used_immediately() -> None:
    backoff = BackendBackoff(Clock())
    backoff.failed(PlaybackError("sign in", sign_in=True))
    assert backoff.wait_s() == SIGN_IN_S
    backoff.reset()
    assert backoff.wait_s() is None
    backoff.succeeded(polled=True)
    assert backoff.trouble is None, "somebody has signed in: nothing more is needed"


def test_a_failed_action_is_shown_although_polls_succeed() -> None:
    clock = Clock()
    backoff = BackendBackoff(clock)
    backoff.failed(PlaybackError("not visible"))
    assert backoff.blocked(), "many commands do not become many requests"
    assert not backoff.blocked(urgent=True), "but stop is tried"
    assert (backoff.trouble, backoff.reachable) == ("not visible", True), "the next may work"
    backoff.failed(PlaybackError("no answer"), polled=True)
    backoff.failed(PlaybackError("not visible"))
    assert (backoff.trouble, backoff.reachable) == ("not visible", False)
    backoff.succeeded(polled=True)
    assert (backoff.trouble, backoff.reachable) == ("not visible", True)
    clock.now = SHOWN_S
    backoff.succeeded(polled=True)
    assert backoff.trouble is None


def test_the_pause_of_a_fade_is_made_and_the_volume_set_back_even_if_a_step_fails() -> None:
    calls: list[object] = []

    def set_volume(percent: int) -> None:
        calls.append(percent)
        if percent == 30:
            raise PlaybackError("no volume")

    fader = VolumeFader(set_volume, lambda: calls.append("pause"))
    fader.fade_out(60)
    assert calls == [45]
    at = fader.due_s(0.0)
    assert at is not None
    fader.run_due(at + 3 * STEP_S)
    assert calls == [45, 30, "pause", 60]
    assert fader.due_s(0.0) is None


def test_a_fade_has_steps_and_can_be_cancelled() -> None:
    volumes: list[int] = []
    fader = VolumeFader(volumes.append, lambda: None)
    fader.fade_to(20, 60)
    assert volumes == [30]
    at = fader.due_s(0.0)
    assert at is not None
    fader.run_due(at + 10)
    assert volumes == [30, 40, 50, 60]
    fader.fade_to(None, 10)
    assert volumes[-1] == 10
    fader.fade_to(10, 90)
    fader.cancel()
    assert volumes[-1] == 30
    fader.run_due(at + 100)
    assert volumes[-2:] == [30, 90], "the volume does not stay in the middle of a fade"


def test_a_fade_out_that_is_under_way_goes_on() -> None:
    calls: list[object] = []
    fader = VolumeFader(calls.append, lambda: calls.append("pause"))
    fader.fade_out(40)
    fader.fade_out(30)
    fader.run_due(float("inf"))
    assert calls == [30, 20, 10, "pause", 40]
    fader.fade_out(40)
    fader.cancel()
    fader.run_due(float("inf"))
    assert calls[-2:] == [30, 40], "somebody goes on listening"


def test_a_fade_out_restores_the_volume_in_which_the_fade_before_was_to_end() -> None:
    clock, calls, refused = Clock(), list[object](), {60}

    def set_volume(percent: int) -> None:
        calls.append(percent)
        if percent in refused:
            raise PlaybackError("no volume")

    fader = VolumeFader(set_volume, lambda: calls.append("pause"), clock)
    fader.fade_to(0, 60)
    fader.run_due(STEP_S)
    fader.fade_out(30)
    assert fader.run_due(10) is None
    assert calls[:2] + calls[-2:] == [15, 30, "pause", 60], "not the 30 of the fade-in"
    fader.fade_out(8)
    assert fader.run_due(20) is None
    assert calls[-2:] == ["pause", 60], "that could not be set yet"
    refused ^= {60, 6}
    fader.fade_out(8)
    assert calls[-2:] == [6, "pause"], "at once, where the volume can't be changed"
    fader.run_due(20)
    assert calls[-1] == 60
