from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from musicond.runtime.backoff import Backoff


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_waits_grow_up_to_the_last_one_and_a_reset_begins_again() -> None:
    clock = Clock()
    backoff = Backoff((1.0, 2.0, 5.0), clock=clock)
    assert backoff.wait_s() == 0, "the first attempt is due at once"
    assert [backoff.fail() for _ in range(4)] == [1.0, 2.0, 5.0, 5.0]
    assert backoff.wait_s() == 5.0
    clock.now += 7
    assert backoff.wait_s() == -2.0
    backoff.reset()
    assert backoff.wait_s() == 0
    assert backoff.fail() == 1.0


@given(jitter=st.floats(0, 1), wait_s=st.floats(0.01, 1e4))
def test_the_jitter_stays_within_its_share(jitter: float, wait_s: float) -> None:
    waits_s = [Backoff((wait_s,), jitter, Clock()).fail() for _ in range(20)]
    assert all(wait_s * (1 - jitter) <= value <= wait_s * (1 + jitter) for value in waits_s)
    assert jitter < 0.1 or len(set(waits_s)) > 1
