"""The lines of the log that are kept for the page, and those that nobody reads."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from musicond.runtime.logs import (
    FLUSH_S,
    KEPT_LINES,
    MAX_LENGTH,
    MAX_WAITING,
    DescriptorHandler,
    QueuedHandler,
    RecentLines,
)

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


def test_a_log_that_nobody_reads_holds_up_nobody_and_what_is_dropped_is_counted_in_its_place() -> None:
    reader, writer = os.pipe()
    queued, total = QueuedHandler(DescriptorHandler(writer, "ascii")), MAX_WAITING + 20_000
    queued.start()
    started = time.monotonic()
    for number in range(total):
        queued.handle(logging.makeLogRecord({"levelno": logging.INFO, "msg": "line %d \xe4", "args": (number,)}))
    queued.flush()
    assert time.monotonic() - started < FLUSH_S + 5
    number, written = 0, 0
    with os.fdopen(reader, encoding="ascii") as pipe:
        while number < total:
            line = pipe.readline().rstrip()
            if line.startswith("the log was not read: lines dropped here: "):
                number += int(line.rsplit(" ", 1)[1])
            else:
                assert line == f"line {number} ?"
                number, written = number + 1, written + 1
        assert MAX_WAITING <= written < total
        queued.handle(logging.makeLogRecord({"levelno": logging.INFO, "msg": "last"}))
        assert pipe.readline() == "last\n"
        started = time.monotonic()
        queued.flush()
        assert time.monotonic() - started < FLUSH_S, "all is written"
    queued.handle(logging.makeLogRecord({"levelno": logging.INFO, "msg": "nobody is there any more"}))
    queued.flush()
    os.close(writer)
