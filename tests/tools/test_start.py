"""The start of the daemon and its memory: the short form of tools/measure_start.py."""

from __future__ import annotations

import pytest

from tools.measure_start import measure

MOST_RATIO = 3.0
"""Of the time from exec to READY to that of the imports alone."""
MOST_ABOVE_MIB = 25.0
"""Resident memory above a bare process with the same modules, the model loaded and the detector run once."""
MOST_MIB = 150.0


@pytest.mark.alone
@pytest.mark.slow
def test_the_daemon_starts_soon_and_stays_small() -> None:
    figures = measure(runs=1, settle_s=1.0)
    assert figures["ratio"] <= MOST_RATIO, figures
    assert figures["above_mib"] <= MOST_ABOVE_MIB, figures
    assert figures["memory_mib"] <= MOST_MIB, figures
