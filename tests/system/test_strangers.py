"""Floods of strangers against the page of the real daemon; in full in script/fault-test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.figures import FULL, SEED, record
from tests.rig.floods import FLOODS, measure
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "a-token-of-24-characters"
SECONDS = 20.0 if FULL else 1.0


@pytest.mark.alone
def test_floods_of_strangers_cost_little_and_keep_nobody_out(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    with Daemon(tmp_path, "--source", "demo", web=f"listen: '0.0.0.0:0', token_file: {file}") as daemon:
        daemon.ready()
        before = len(daemon.lines)
        rows = [measure(name, daemon.port(), TOKEN, daemon.process.pid, SECONDS, SEED) for name in FLOODS]
        lines = [line for line in daemon.lines[before:] if " DEBUG " not in line]
    for row in rows:
        record(**row, lines=len(lines))
    assert [row for row in rows if row["owner_failed"]] == []
    assert [row for row in rows if row["owner_longest_s"] > 3 * 2] == []
    assert [row for row in rows if row["resident_mib"] > 250] == []
    assert len(lines) < 5, lines
    assert not any("Traceback" in line for line in lines)
