"""The short form of script/soak: the real daemon for some seconds, and a leak that must be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.soak import Sample, draw, judge, soak

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_the_daemon_stays_as_small_as_it_was() -> None:
    samples, frames_per_s = soak(4.0, every_s=0.1, clip_frames=60)
    summary = judge(samples)
    assert summary["flat"], summary
    assert len(samples) > 10
    assert frames_per_s > 1


@pytest.mark.parametrize("leak", ["memory_mib", "files", "threads"])
def test_what_grows_is_seen(leak: str, tmp_path: Path) -> None:
    def samples(growing: bool) -> list[Sample]:
        flat = {"memory_mib": 100.0, "files": 20, "threads": 8}
        return [
            Sample(float(second), **(flat | {leak: flat[leak] + (second / 100 if growing else second % 2)}))  # type: ignore[arg-type]
            for second in range(1000)
        ]

    assert judge(samples(growing=False))["flat"]
    assert not judge(samples(growing=True))["flat"]
    draw(samples(growing=True), tmp_path / "soak.png")
    assert (tmp_path / "soak.png").stat().st_size > 5000
