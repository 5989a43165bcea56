"""Lists of 20,000 songs are read by the real daemon within the memory that its unit allows."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from musicond.library.database import FILE_NAME
from musicond.library.editor import CatalogueEntry
from musicond.library.table_files import write_csv, write_json
from tests.figures import SEED, record
from tests.system.daemon import Daemon

SONGS = 20_000
REFRESH_S = 300.0
"""Longest refresh on a busy machine."""
MOST_MIB = 250
"""The unit slows musicond down from 300 MiB, and musicond ends itself there."""
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def entries() -> list[CatalogueEntry]:
    rng, songs = random.Random(SEED), list[CatalogueEntry]()
    for number in range(SONGS):
        track_id, name = "".join(rng.choices(LETTERS, k=22)), f"A title of usual length {number}"
        songs.append(
            CatalogueEntry(
                title=name, artist="Artist of some Length", track_id=f"spotify:track:{track_id}",
                link=f"https://open.spotify.com/track/{track_id}", album=f"{name} (Deluxe Edition)", year=2001,
                genre="electronic", valence=0.512, energy=0.734, tempo=120.01, mode="major", popularity=50,
                source="https://example.org/lists/of/songs", emotion="happy", origin="own", state="listed",
                shown=0, likes=0, dislikes=0, skips=0,
            )
        )  # fmt: skip
    return songs


def spotify_export(songs: list[CatalogueEntry]) -> str:
    """Return a playlist as Spotify's "Download your data" has it."""
    items = [
        {
            "track": {"trackName": song.title, "artistName": song.artist, "albumName": song.album,
                      "trackUri": song.track_id},
            "episode": None, "audiobook": None, "localTrack": None, "addedDate": "2024-05-01",
        }
        for song in songs
    ]  # fmt: skip
    return json.dumps({"playlists": [{"name": "all", "lastModifiedDate": "2026-01-01", "items": items}]}, indent=2)


def m3u(songs: list[CatalogueEntry]) -> str:
    return "#EXTM3U\n" + "".join(f"#EXTINF:215,{song.artist} - {song.title}\n{song.link}\n" for song in songs)


def count_songs(path: Path) -> dict[tuple[str, str], int]:
    """Return the number of songs of each mood and list, without the starter."""
    query = "SELECT emotion, origin, count(*) FROM lists WHERE origin <> 'starter' GROUP BY emotion, origin"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return {(mood, origin): songs for mood, origin, songs in connection.execute(query)}


def peak_mib(pid: int) -> float:
    """Return the largest resident memory of a process so far."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


@pytest.mark.alone
def test_lists_of_20000_songs_are_read_in_little_memory(tmp_path: Path) -> None:
    songs = entries()
    texts = {"own.json": write_json(songs), "own.csv": write_csv(songs), "Playlist1.json": spotify_export(songs),
             "all.m3u8": m3u(songs)}  # fmt: skip
    moods = {"happy": ("own.json", "own.csv"), "sad": ("Playlist1.json",), "angry": ("all.m3u8",)}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    paths = {mood: [str(tmp_path / name) for name in names] for mood, names in moods.items()}
    rows = "".join(f"    {mood}: {{lists: [{', '.join(names)}]}}\n" for mood, names in paths.items())
    with Daemon(tmp_path, "--source", "demo", config=f"music:\n  moods:\n{rows}") as daemon:
        daemon.ready()
        before = peak_mib(daemon.process.pid)
        wanted = {(mood, name): SONGS for mood, names in paths.items() for name in names}
        deadline = time.monotonic() + REFRESH_S
        while (listed := count_songs(tmp_path / "state" / FILE_NAME)) != wanted:
            assert time.monotonic() < deadline, listed
            time.sleep(1)
        peak = peak_mib(daemon.process.pid)
    sizes = {name: round((tmp_path / name).stat().st_size / 1e6, 1) for name in texts}
    record(f"lists of {SONGS} songs", **sizes, peak_before_mib=round(before, 1), peak_mib=round(peak, 1))
    assert peak < MOST_MIB
