from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from musicond.runtime.warn_once import MAX_KEPT, WarnOnce

if TYPE_CHECKING:
    import pytest

log = logging.getLogger(__name__)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_warning_is_logged_once_until_the_trouble_is_over(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    warnings = WarnOnce(log, clock=clock)
    assert warnings.clear() is None
    for clock.now, reason in ((1.0, "refused"), (2.0, "silent"), (1e9, "refused")):
        warnings.warn("broker: %s", OSError(reason))
    assert caplog.messages == ["broker: refused", "broker: silent"]
    assert (warnings.lasted_s, warnings.clear(), warnings.clear()) == (1e9 - 1, 1e9 - 1, None)
    warnings.warn("broker: %s", "refused")
    assert caplog.messages[2:] == ["broker: refused"]


def test_not_every_warning_is_remembered_for_ever() -> None:
    warnings = WarnOnce(logging.getLogger("test"))
    for number in range(3 * MAX_KEPT):
        warnings.warn("no %s", number)
    assert len(warnings._logged_at) <= MAX_KEPT + 1


def test_a_warning_is_logged_again_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    warnings = WarnOnce(log, again_s=60, clock=clock)
    for clock.now in (0, 59, 60, 61, 121):
        warnings.warn("ignored")
    assert len(caplog.messages) == 3
