"""Privacy: with the history off, no file and no line of the journal pairs a mood with a time."""

from __future__ import annotations

import re
import sqlite3
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import EMOTIONS, Mood
from musicond.history import HistoryBook
from musicond.library.database import FILE_NAME
from musicond.library.editor import CatalogueEditor
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = re.compile(r"\b(" + "|".join(mood.value for mood in Mood) + r")\b", re.IGNORECASE)
TIME = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d|(?<!\d)1[6-9]\d{8}(?!\d)")
WATCH_S = 45


def run_demo(folder: Path, config: str, level: str = "info") -> tuple[list[str], set[str], set[str]]:
    """Run the demo through several moods, with feedback and a refresh; return the journal, the moods and the songs."""
    moods: set[str] = set()
    songs: set[str] = set()
    with Daemon(folder, "--source", "demo", "--log-level", level, config=config) as daemon:
        daemon.ready()
        assert daemon.command("catalogue", "refresh").returncode == 0
        for state in daemon.states(WATCH_S):
            moods.add(state["mood"])
            if state["recommendation"] and not songs:
                assert daemon.command("catalogue", "feedback", "like").returncode == 0
                assert daemon.command("catalogue", "feedback", "dislike").returncode == 0
            songs |= {track["title"] for track in (state["recommendation"] or {"tracks": []})["tracks"]}
            if len(moods - {"nobody", "unsure"}) >= 3:
                break
        daemon.process.terminate()
        assert daemon.process.wait(20) == 0
        return daemon.lines, moods, songs


def values(path: Path) -> Iterator[tuple[str, list[Any]]]:
    """Yield every row of every table, with the table's name."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f"SELECT * FROM {table}").fetchall():
                yield table, list(row)
    finally:
        connection.close()


@pytest.mark.slow
def test_with_the_history_off_no_mood_is_written_with_a_time(tmp_path: Path) -> None:
    lines, moods, songs = run_demo(tmp_path, "")
    assert len(moods & set(EMOTIONS)) >= 3, "the test needs several moods"
    for line in lines:
        assert not WORDS.search(line), line
        assert not any(title in line for title in songs), line
    files = sorted(file for file in (tmp_path / "state").rglob("*") if file.is_file())
    assert {file.name for file in files} >= {FILE_NAME, "settings.json", "refresh.json"} - {"settings.json"}
    for file in files:
        if file.name.startswith("catalogue."):
            kinds = {table for table, row in values(file) if any(WORDS.search(str(value)) for value in row)}
            assert kinds <= {"lists", "plays", "feedback", "tracks"}
            for table, row in values(file):
                texts = [str(value) for value in row]
                if table in ("plays", "feedback") or (table == "lists"):
                    assert not any(TIME.search(text) for text in texts), (table, row)
        else:
            text = file.read_text("utf-8")
            assert not (WORDS.search(text) and TIME.search(text)), file
            assert file.name in ("lock", "refresh.json", "settings.json", "settings.stored"), (
                "a file this test does not know"
            )
    with CatalogueEditor(tmp_path / "state" / FILE_NAME, read_only=True) as lists:
        assert sum(entry.shown for entry in lists.entries()) >= 10, "what was offered is counted"
        counts = [(row["likes"], row["dislikes"]) for row in lists.feedback()]
        assert counts == [(0, 1)], "the dislike has ended the like"


@pytest.mark.slow
def test_with_the_history_on_there_are_minutes_by_day_and_they_can_be_shown_and_deleted(tmp_path: Path) -> None:
    run_demo(tmp_path, "history: {enabled: true}\n")
    folder, stored_moods = tmp_path / "state" / "history", ("happy", "sad")
    assert not folder.exists(), "the moods of the demo are not counted"
    HistoryBook(folder).add({("2026-11-30", mood): 5.0 for mood in stored_moods}, date(2026, 1, 1))
    with Daemon(tmp_path, config="camera: {source: 'v4l2:/dev/video99'}\nhistory: {enabled: true}\n") as daemon:
        daemon.ready()
        shown = daemon.command("history", "show")
        assert all(mood in shown.stdout for mood in stored_moods)
        exported = daemon.command("history", "export")
        assert exported.stdout.startswith("day,happy,surprise")
        assert "<svg" in daemon.command("history", "chart").stdout
        refused = daemon.command("history", "delete")
        assert (refused.returncode, refused.stdout) == (2, ""), "only with --yes, as nobody can be asked"
        assert folder.exists()
        assert daemon.command("history", "delete", "--yes").stdout == "1 day deleted\n"
        assert not folder.exists()
        assert "no history is kept" in daemon.command("history", "show").stderr
    again = daemon.command("history", "delete", "--yes")
    assert (again.returncode, again.stdout) == (0, "0 days deleted\n"), "without a daemon, too"
