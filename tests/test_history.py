from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from musicond import history as module
from musicond.commands.history import bars, svg
from musicond.core.models import Faces, Mood, Watching
from musicond.core.outcome import Outcome
from musicond.errors import ListError
from musicond.history import HistoryBook, HistoryOutput, run_action
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:
    from pathlib import Path

NIGHT = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)


def outcome(at: float, mood: Mood, watching: Watching = Watching.YES) -> Outcome:
    wall = NIGHT + timedelta(seconds=at)
    return Outcome(1, at, wall, watching, mood, wall, 0.5, None, None, Faces(), None)


def watch(output: HistoryOutput, start: float, seconds: float, mood: Mood, watching: Watching = Watching.YES) -> float:
    for step in range(round(seconds)):
        output.accept(outcome(start + step, mood, watching))
    return start + seconds


def test_minutes_of_each_mood_and_day_are_kept_and_nothing_else(tmp_path: Path) -> None:
    book = HistoryBook(tmp_path / "history")
    output = HistoryOutput(book, 365)
    at = watch(output, 0, 120, Mood.HAPPY)
    at = watch(output, at, 60, Mood.UNSURE)
    at = watch(output, at, 600, Mood.NOBODY)
    at = watch(output, at, 600, Mood.NOBODY, Watching.PAUSED)
    watch(output, at + 3600, 31, Mood.SAD)
    output.stop()
    assert book.days() == {
        "2026-11-30": {"happy": 1.0},
        "2026-12-01": {"happy": 1.0, "sad": 0.5, "unsure": 1.0},
    }
    files = sorted((tmp_path / "history").iterdir())
    assert [file.name for file in files] == ["2026-11.json", "2026-12.json"]
    assert JsonFile(files[0]).parse() == {"2026-11-30": {"happy": 1.0}}
    assert [path.stat().st_mode & 0o077 for path in (files[0].parent, *files)] == [0, 0, 0]


def test_it_is_stored_in_batches_and_added_up_over_restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = HistoryBook(tmp_path / "history")
    output = HistoryOutput(book, 365)
    watch(output, 0, 31, Mood.HAPPY)
    output.tick()
    assert book.days() == {}
    monkeypatch.setattr(module, "FLUSH_S", 0.0)
    output.tick()
    again = HistoryOutput(book, 365)
    watch(again, 0, 31, Mood.HAPPY)
    again.stop()
    again.stop()
    assert book.days() == {"2026-11-30": {"happy": 1.0}}
    assert again.status() == "kept for 365 days"


def test_days_past_their_time_go(tmp_path: Path) -> None:
    book = HistoryBook(tmp_path / "history")
    old = {(f"2026-{month:02}-{day:02}", "sad"): 1.0 for month in (9, 10) for day in range(1, 31)}
    book.add(old, date(2020, 1, 1))
    output = HistoryOutput(book, 40, today=NIGHT.date)
    watch(output, 0, 31, Mood.HAPPY)
    output.flush()
    assert min(book.days()) == "2026-10-22"
    assert not (tmp_path / "history" / "2026-09.json").exists()


def test_minutes_that_a_wrong_clock_counted_delete_no_day_once_the_clock_is_right(tmp_path: Path) -> None:
    book, trusted = HistoryBook(tmp_path / "history"), False
    days = {((NIGHT - timedelta(days=age)).date().isoformat(), "sad"): 1.0 for age in range(60)}
    book.add(days, date.min)
    output = HistoryOutput(book, 60, lambda: trusted, NIGHT.date)
    in_2040 = replace(outcome(0, Mood.HAPPY), wall_time=NIGHT.replace(year=2040))
    output.accept(in_2040)
    output.accept(outcome(5, Mood.HAPPY))
    (tmp_path / "history").rename(tmp_path / "aside")
    (tmp_path / "history").write_text("in the way")
    output.flush()  # it can't be stored until the clock is right again
    (tmp_path / "history").unlink()
    (tmp_path / "aside").rename(tmp_path / "history")
    trusted = True
    output.accept(outcome(10, Mood.HAPPY))
    output.flush()
    assert book.days().keys() == {*(day for day, _ in days), "2040-11-30"}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"2026-11-30": {"sad": NaN}}',
        '{"2026-11-30": {"sad": 1e999}}',
        '{"2026-11-30": {"bored": 1}}',
        '{"soon": {"sad": 1}}',
        '{"2026-11-30": 3}',
    ],
)
def test_a_damaged_month_is_kept_aside(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "history"
    folder.mkdir()
    (folder / "2026-11.json").write_text(text)
    book = HistoryBook(folder)
    book.add({("2026-11-30", "sad"): 2.0}, date(2020, 1, 1))
    assert book.days() == {"2026-11-30": {"sad": 2.0}}
    assert (folder / "2026-11.damaged").read_text() == text
    assert "was damaged" in caplog.text


def test_damage_of_one_day_leaves_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    book = HistoryBook(tmp_path / "history")
    book.add({(f"2026-11-{day:02}", "happy"): float(day) for day in range(1, 31)}, date.min)
    days, file = book.days(), tmp_path / "history" / "2026-11.json"
    content = file.read_bytes()
    for damaged in (content.replace(b"17.0", b"18.0"), content.replace(b"-11-17", b"-31-17"), content[:-9]):
        file.write_bytes(damaged)
        left = book.days()
        assert len(left) == 29
        assert left.items() <= days.items()
        assert JsonFile(file).parse() == left, "it is repaired"
    assert "days that are left: 29" in caplog.text
    assert len(list(file.parent.glob("*.damaged"))) == 3


def test_a_month_of_an_earlier_version_is_read_and_gets_its_checksum(tmp_path: Path) -> None:
    book, file = HistoryBook(tmp_path / "history"), tmp_path / "history" / "2026-11.json"
    file.parent.mkdir()
    file.write_text('{\n"2026-11-29": {\n"happy": 2.5\n},\n"2026-11-30": {\n"bored": 3.0\n}\n}')
    assert book.days() == {"2026-11-29": {"happy": 2.5}}, "the other day is none"
    book.add({("2026-11-29", "happy"): 1.0}, date.min)
    assert JsonFile(file).parse() == {"2026-11-29": {"happy": 3.5}}
    assert "checksum" in file.read_text()


def test_what_cannot_be_stored_waits_and_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "history").write_text("in the way")
    book = HistoryBook(tmp_path / "history")
    output = HistoryOutput(book, 365)
    watch(output, 0, 31, Mood.HAPPY)
    output.flush()
    output.flush()
    assert caplog.text.count("the history can't be stored") == 1
    assert output.status().startswith("not stored")
    (tmp_path / "history").unlink()
    output.flush()
    assert book.days() == {"2026-11-30": {"happy": 0.5}}
    assert output.last_day() == {"day": "2026-11-30", "hours": {"23": {"happy": 0.5}}}


def test_everything_can_be_read_and_deleted_while_it_runs(tmp_path: Path) -> None:
    book = HistoryBook(tmp_path / "history")
    output = HistoryOutput(book, 365)
    output.start()
    watch(output, 0, 31, Mood.HAPPY)
    assert run_action(book, output, "days", {}) == {
        "days": {"2026-11-30": {"happy": 0.5}},
        "last_day": {"day": "2026-11-30", "hours": {"23": {"happy": 0.5}}},
    }
    watch(output, 31, 10, Mood.HAPPY)
    assert run_action(book, output, "delete", {}) == {"deleted": 1}
    assert run_action(book, output, "days", {}) == run_action(book, None, "days", {}) == {"days": {}, "last_day": None}
    assert run_action(book, None, "delete", {}) == {"deleted": 0}
    output.stop()
    assert not (tmp_path / "history").exists()
    with pytest.raises(ListError, match="give days or delete"):
        run_action(book, output, "eat", {})


def test_the_hours_of_the_last_day_are_in_memory_only(tmp_path: Path) -> None:
    book = HistoryBook(tmp_path / "history")
    output = HistoryOutput(book, 365)
    watch(output, 0, 61, Mood.HAPPY)
    assert output.last_day() is None, "the watch loop adds nothing up"
    output.flush()
    at = watch(output, 61, 3600, Mood.SAD)
    watch(output, at, 61, Mood.HAPPY)
    output.stop()
    assert output.last_day() == {
        "day": "2026-12-01",
        "hours": {"0": {"happy": 0.02, "sad": 59.98}, "1": {"sad": 0.02, "happy": 1.0}},
    }
    assert sorted(file.name for file in (tmp_path / "history").iterdir()) == ["2026-11.json", "2026-12.json"]
    assert HistoryOutput(book, 365).last_day() is None


def test_the_pictures_show_each_day_and_mood() -> None:
    days = {"2026-11-28": {"happy": 30.0, "sad": 30.0}, "2026-11-30": {"surprise": 120.0}}
    legend, first, second = (
        "".join(part if isinstance(part, str) else part[0] for part in line) for line in bars(days)
    )
    assert "S surprise" in legend
    assert first.endswith("h" * 15 + "s" * 15)
    assert second.endswith("S" * 60)
    assert list(bars({})) == []
    drawn = ET.fromstring(svg(days))
    texts = [title.text for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert texts[1:] == ["2026-11-28 happy: 30 min", "2026-11-28 sad: 30 min", "2026-11-30 surprise: 120 min"]
    assert ET.fromstring(svg({})) is not None


def test_a_turn_that_took_long_was_no_watching(tmp_path: Path) -> None:
    output = HistoryOutput(HistoryBook(tmp_path / "history"), 365)
    output.accept(outcome(0, Mood.HAPPY))
    output.accept(replace(outcome(0, Mood.HAPPY), captured_at=500.0))
    output.stop()
    assert not (tmp_path / "history").exists()


def test_the_moods_of_the_demo_are_nobody_s(tmp_path: Path) -> None:
    book = HistoryBook(tmp_path / "history")
    output = HistoryOutput(book, 365)
    for second in range(120):
        output.accept(replace(outcome(second, Mood.HAPPY), demo=True))
    output.stop()
    assert book.days() == {}


def test_what_a_save_or_damage_has_left_is_deleted_with_the_history(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    book = HistoryBook(folder)
    book.add({("2026-11-30", "happy"): 5.0}, date.min)
    for name in ("2026-11.json.new", "2026-09.damaged", "2026-09.2.damaged", "2026-11.damaged"):
        (folder / name).write_text("{")
    book.add({("2026-12-01", "happy"): 5.0}, date(2026, 10, 15))
    left = sorted(file.name for file in folder.iterdir())
    assert left == ["2026-11.damaged", "2026-11.json", "2026-11.json.new", "2026-12.json"]
    assert book.delete() == 2
    assert not folder.exists()
