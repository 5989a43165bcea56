"""A wall clock that is set while the process runs."""

from __future__ import annotations

from datetime import timedelta

from musicond.runtime.clock import SETTLE_S, ClockGuard


class Clocks:
    """Two clocks; `synchronised` is the kernel's word."""

    def __init__(self) -> None:
        self.wall, self.monotonic, self.synchronised = 1e9, 50.0, True
        self.guard = ClockGuard(lambda: self.synchronised, lambda: self.wall, lambda: self.monotonic)

    def run(self, seconds: float, jump: float = 0.0) -> timedelta:
        self.wall += seconds + jump
        self.monotonic += seconds
        return self.guard.jump()


def test_a_jump_is_told_once_and_small_corrections_never() -> None:
    clocks = Clocks()
    assert [clocks.run(5, 1) for _ in range(9)] == [timedelta()] * 9
    assert clocks.run(5, 4e8) == timedelta(seconds=4e8)
    assert clocks.run(4) == timedelta()
    assert clocks.run(5, -4e8) == timedelta(seconds=-4e8)


def test_a_clock_is_trusted_a_while_after_it_was_set_and_while_it_is_synchronised() -> None:
    clocks = Clocks()
    assert clocks.guard.is_trusted()
    clocks.wall += 4e8
    assert not clocks.guard.is_trusted(), "before the watch loop has noticed it"
    clocks.run(4)
    clocks.run(4, -4e8)
    assert not clocks.guard.is_trusted()
    clocks.run(SETTLE_S)
    assert clocks.guard.is_trusted()
    clocks.synchronised = False
    assert not clocks.guard.is_trusted()
