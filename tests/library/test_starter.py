from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path
from statistics import fmean

import pytest

from musicond.core.models import EMOTIONS, Emotion
from musicond.library.database import MEMORY
from musicond.library.editor import CatalogueEditor, CatalogueEntry
from tools.make_starter import COARSE, OUT, OUT_IDS, WINDOWS, song, table

ROOT = Path(__file__).resolve().parent.parent.parent


def lists() -> dict[Emotion, tuple[CatalogueEntry, ...]]:
    with CatalogueEditor(MEMORY) as catalogue:
        return {emotion: catalogue.entries(emotion) for emotion in EMOTIONS}


LISTS = lists()
ALL = [entry for entries in LISTS.values() for entry in entries]


def mean(emotion: Emotion, name: str) -> float:
    return fmean(getattr(entry, name) for entry in LISTS[emotion])


def test_every_emotion_has_whole_rounds_of_five() -> None:
    assert {emotion: len(entries) for emotion, entries in LISTS.items()} == dict.fromkeys(EMOTIONS, 25)


def test_no_track_and_no_song_stands_in_two_lists() -> None:
    assert len({entry.track_id for entry in ALL}) == len(ALL)
    assert len({song({"artist_name": entry.artist, "track_name": entry.title}) for entry in ALL}) == len(ALL)


def test_no_two_windows_overlap() -> None:
    for first, second in combinations(WINDOWS.values(), 2):
        ranges = ((first.valence, second.valence), (first.energy, second.energy), (first.tempo, second.tempo))
        assert any(a[1] < b[0] or b[1] < a[0] for a, b in ranges)


def test_an_artist_has_at_most_two_tracks_in_a_list() -> None:
    for entries in LISTS.values():
        assert max(Counter(entry.artist for entry in entries).values()) <= 2


def test_every_row_has_a_link_and_a_source() -> None:
    for entry in ALL:
        kind, number = entry.track_id.rsplit(":", 1)
        assert (kind, len(number)) == ("spotify:track", 22)
        assert entry.link == f"https://open.spotify.com/track/{number}"
        assert entry.source.startswith("https://github.com/MrP29/EECS3401_Project row ")
        assert entry.title.strip() == entry.title != ""
        assert entry.artist


def test_titles_are_decent() -> None:
    assert not [entry.title for entry in ALL if COARSE.search(entry.title)]


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_every_track_is_inside_its_window(emotion: Emotion) -> None:
    window = WINDOWS[emotion.value]
    for entry in LISTS[emotion]:
        assert entry.valence is not None
        assert entry.energy is not None
        assert entry.tempo is not None
        assert window.valence[0] <= entry.valence <= window.valence[1]
        assert window.energy[0] <= entry.energy <= window.energy[1]
        assert window.tempo[0] <= entry.tempo <= window.tempo[1]
        assert not window.mode_demanded or (entry.mode == "major") == (window.mode == 1)


def test_the_lists_sound_as_the_circumplex_has_it() -> None:
    pleasant = {emotion: mean(emotion, "valence") for emotion in EMOTIONS}
    lively = {emotion: mean(emotion, "energy") for emotion in EMOTIONS}
    assert max(pleasant, key=pleasant.__getitem__) is Emotion.HAPPY
    assert min(lively, key=lively.__getitem__) is Emotion.SAD
    unpleasant = (Emotion.ANGRY, Emotion.DISGUST, Emotion.FEAR, Emotion.SAD)
    assert all(pleasant[mood] < pleasant[Emotion.NEUTRAL] < pleasant[Emotion.SURPRISE] for mood in unpleasant)
    assert lively[Emotion.NEUTRAL] < lively[Emotion.FEAR] < lively[Emotion.ANGRY]
    assert mean(Emotion.SAD, "tempo") < mean(Emotion.HAPPY, "tempo") < mean(Emotion.ANGRY, "tempo")
    assert mean(Emotion.DISGUST, "tempo") < mean(Emotion.ANGRY, "tempo") - 40


def tracks() -> Path:
    folder = os.environ.get("MUSICOND_TEST_DATA")
    if not folder:
        pytest.skip("MUSICOND_TEST_DATA is unset: it names the folder with data/tracks.csv")
    return Path(folder) / "data" / "tracks.csv"


def test_the_tool_makes_the_same_bytes_again(tmp_path: Path) -> None:
    out = tmp_path / "starter.csv"
    tool = [sys.executable, str(ROOT / "tools" / "make_starter.py")]
    printed = subprocess.run([*tool, str(tracks()), "--out", str(out)], check=True, capture_output=True, text=True)
    assert out.read_bytes() == OUT.read_bytes()
    assert printed.stdout.strip() in (ROOT / "docs" / "dev" / "starter.md").read_text("utf-8")


def test_what_was_taken_out_is_in_the_data() -> None:
    with tracks().open(encoding="utf-8", newline="") as file:
        known = {row["track_id"] for row in csv.DictReader(file)}
    assert known >= OUT_IDS


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    tool = [sys.executable, str(ROOT / "tools" / "make_starter.py"), str(tmp_path / "none.csv")]
    failed = subprocess.run(tool, check=False, capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert table({}).startswith("| list |")
