"""The lines of the log that are kept for the page."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from musicond.runtime.logs import KEPT_LINES, MAX_LENGTH, RecentLines

if TYPE_CHECKING:
    import pytest


def test_the_latest_lines_from_info_on_are_kept() -> None:
    log = logging.getLogger("tests.recent")
    log.propagate = False
    recent = RecentLines()
    log.addHandler(recent)
    log.setLevel(logging.DEBUG)
    log.debug("not this")
    for number in range(KEPT_LINES + 5):
        log.info("line %d", number)
    log.warning("last")
    lines = recent.lines()
    assert len(lines) == KEPT_LINES
    assert (lines[0]["text"], lines[-1]["level"], lines[-1]["text"]) == ("line 6", "WARNING", "last")
    assert "T" in lines[0]["at"]
    assert lines[0]["at"][-6] in "+-", "with its zone"


def test_a_long_line_is_cut_and_one_that_can_not_be_made_hurts_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    recent = RecentLines()
    recent.handle(logging.makeLogRecord({"levelno": logging.INFO, "msg": "word " * 1000}))
    assert len(recent.lines()[0]["text"]) <= MAX_LENGTH
    recent.handle(logging.makeLogRecord({"levelno": logging.INFO, "msg": "%d", "args": ("x",)}))
    assert len(recent.lines()) == 1
    assert "Logging error" in capsys.readouterr().err
