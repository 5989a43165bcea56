"""The catalogue as the watch loop uses it, and its file: schema, backups, damage."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

from musicond.core.models import EMOTIONS, Emotion, Song, Track, Verdict
from musicond.core.recommend.sampler import TrackStats
from musicond.errors import CatalogueError
from musicond.library import catalogue as module
from musicond.library import database as schema
from musicond.library import recovery
from musicond.library.catalogue import CatalogueFlusher, SqliteCatalogue
from musicond.library.database import APPLICATION_ID, BACKUP, MEMORY, SCHEMA_VERSION, back_up, rebuild_lock
from musicond.library.editor import CatalogueEditor
from musicond.runtime.storage import StorageWriter
from tests.figures import FULL, SEED, record
from tests.web.conftest import HAPPY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from musicond.core.ports import Catalogue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "catalogue.sqlite"


def new_catalogue(path: Path) -> Path:
    SqliteCatalogue(path).close()
    return path


def edited(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return path


def refusal(path: Path, *, read_only: bool = False) -> str:
    with pytest.raises(CatalogueError) as caught:
        SqliteCatalogue(path, read_only=read_only)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def key(catalogue: SqliteCatalogue, emotion: Emotion, place: int = 0) -> int:
    return int(catalogue.candidates(emotion).keys[place])


def test_a_new_catalogue_holds_the_starter() -> None:
    with SqliteCatalogue(MEMORY) as catalogue:
        port: Catalogue = catalogue
        for emotion in EMOTIONS:
            candidates = port.candidates(emotion)
            assert len(candidates) == len(set(candidates.keys.tolist())) == 25
            assert candidates.keys.tolist() == sorted(candidates.keys.tolist())
            assert 0 <= candidates.familiarity.min() <= candidates.familiarity.max() <= 1
            assert -1 <= candidates.affect.min() <= candidates.affect.max() <= 1
            assert port.stats(emotion) == {}
            track = port.tracks([int(candidates.keys[3])])[0]
            assert port.key_of(track.track_id) == candidates.keys[3]
            assert port.emotions_of(int(candidates.keys[3])) == (emotion,)
        assert port.key_of("unknown") is None


def test_the_playlist_that_holds_all_songs_is_found_and_no_other(path: Path) -> None:
    def songs(*titles: str) -> list[Song]:
        return [Song(title, "x", f"t:{title}") for title in titles]

    def tracks(*titles: str) -> list[Track]:
        return [Track(song.track_id, song.title, song.artist, "") for song in songs(*titles)]

    def refreshed(*rounds: tuple[Emotion, str, str, str | None]) -> None:
        with CatalogueEditor(path) as lists:
            for emotion, origin, titles, uri in rounds:
                lists.merge(emotion, origin, songs(*titles), uri)

    with SqliteCatalogue(path) as catalogue:
        assert catalogue.playlist(()) is None
        first = catalogue.tracks(catalogue.candidates(Emotion.SAD).keys[:5].tolist())
        assert catalogue.playlist(first) is None, "the starter is none"
        refreshed(
            (Emotion.SAD, "spotify:Rain", "abcd", "p:rain"),
            (Emotion.SAD, "spotify:liked", "aef", None),
            (Emotion.HAPPY, "spotify:Sun", "aeg", "p:sun"),
        )
        assert catalogue.playlist(tracks(*"bac")) == "p:rain"
        assert catalogue.playlist(tracks(*"ag")) == "p:sun"
        assert catalogue.playlist(tracks("a")) == "p:rain", "of two that hold it, always the same one"
        assert catalogue.playlist(tracks(*"bg")) is None, "of two lists"
        assert catalogue.playlist(tracks(*"af")) is None, "liked songs have no address"
        assert catalogue.playlist([*tracks("b"), first[0]]) is None
        assert catalogue.playlist(tracks("b", "unknown")) is None
        refreshed((Emotion.SAD, "spotify:Rain", "ab", "p:renamed"))
        assert catalogue.playlist(tracks(*"ab")) == "p:renamed"
        assert catalogue.playlist(tracks(*"bc")) is None, "the playlist names c no longer"
        refreshed((Emotion.SAD, "spotify:Rain", "ab", None))
        assert catalogue.playlist(tracks(*"ab")) is None
    with CatalogueEditor(path) as lists:
        lists.drop_other_origins(Emotion.HAPPY, ())
        assert lists.connection.execute("SELECT * FROM playlists").fetchall() == []


def test_counts_are_kept_and_no_times(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        first, second = key(catalogue, Emotion.SAD), key(catalogue, Emotion.SAD, 1)
        catalogue.mark_offered(Emotion.SAD, [first, second], 1)
        catalogue.mark_offered(Emotion.SAD, [first], 2)
        assert catalogue.stats(Emotion.SAD)[first] == TrackStats(impressions=2, round=2)
    with SqliteCatalogue(path) as catalogue:
        assert catalogue.stats(Emotion.SAD) == {
            first: TrackStats(impressions=2, round=2),
            second: TrackStats(impressions=1, round=1),
        }
        assert catalogue.stats(Emotion.HAPPY) == {}
    connection = sqlite3.connect(path)
    columns = [str(row[0]) for row in connection.execute(
        "SELECT m.name || '.' || i.name FROM sqlite_master m, pragma_table_info(m.name) i WHERE m.name <> 'scanned'"
    )]  # fmt: skip
    connection.close()
    assert "plays.turn" in columns
    assert not [name for name in columns if any(word in name for word in ("date", "time", "day", "_at", "changed"))]


def test_what_was_offered_is_stored_in_batches_and_with_any_verdict(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stored() -> list[tuple[int, int]]:
        with CatalogueEditor(path, read_only=True) as lists:
            return lists.connection.execute("SELECT track, shown FROM plays").fetchall()

    with SqliteCatalogue(path) as catalogue:
        flusher = CatalogueFlusher(catalogue)
        song = key(catalogue, Emotion.SAD)
        catalogue.mark_offered(Emotion.SAD, [song], 1)
        flusher.accept(HAPPY)
        assert stored() == []
        monkeypatch.setattr(module, "FLUSH_S", 0.0)
        flusher.accept(HAPPY)
        assert stored() == [(song, 1)]
        catalogue.mark_offered(Emotion.SAD, [song], 2)
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        assert stored() == [(song, 2)]
        assert catalogue.stats(Emotion.SAD)[song] == TrackStats(likes=1, impressions=2, round=2)
        assert flusher.status() == "well"


def test_what_cannot_be_stored_is_told_once_and_waits(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 0.0)
    monkeypatch.setattr(schema, "BUSY_TIMEOUT_S", 0.05)
    with SqliteCatalogue(path) as catalogue:
        flusher = CatalogueFlusher(catalogue)
        song = key(catalogue, Emotion.SAD)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        catalogue.mark_offered(Emotion.SAD, [song], 1)
        flusher.accept(HAPPY)
        flusher.accept(HAPPY)
        assert caplog.text.count("can't be stored") == 1
        assert "close that program" in flusher.status()
        other.execute("ROLLBACK")
        other.close()
        flusher.accept(HAPPY)
        assert flusher.status() == "well"
    with SqliteCatalogue(path, read_only=True) as catalogue:
        assert catalogue.stats(Emotion.SAD)[song].impressions == 1


def test_feedback_is_counted_for_each_mood_and_survives(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        catalogue.rate([Emotion.SAD, Emotion.HAPPY], song, Verdict.DISLIKE)
        catalogue.rate([Emotion.SAD], song, Verdict.SKIP)
        catalogue.rate([Emotion.SAD], song, Verdict.SKIP)
    with CatalogueEditor(path, read_only=True) as lists:
        counts = {row["mood"]: (row["likes"], row["dislikes"], row["skips"]) for row in lists.feedback()}
    assert counts == {"sad": (0, 1, 2), "happy": (0, 1, 0)}, "a dislike takes the place of a like"
    with SqliteCatalogue(path) as catalogue:
        catalogue.withdraw([Emotion.SAD], song)
        assert song not in catalogue.stats(Emotion.SAD) or not catalogue.stats(Emotion.SAD)[song].has_feedback
    with CatalogueEditor(path, read_only=True) as lists:
        assert [row["mood"] for row in lists.feedback()] == ["happy"]


def test_another_connection_s_changes_are_seen_and_nothing_waiting_is_lost(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        catalogue.mark_offered(Emotion.SAD, [song], 1)
        with CatalogueEditor(path) as lists:
            lists.remove(catalogue.tracks([key(catalogue, Emotion.SAD, 1)])[0].track_id)
        assert len(catalogue.candidates(Emotion.SAD)) == 24
        assert catalogue.stats(Emotion.SAD)[song].impressions == 1


def test_the_revision_is_another_one_after_each_change_and_each_replacement(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        revisions = [catalogue.revision()]
        assert catalogue.revision() == revisions[0]
        for place in range(2):
            with CatalogueEditor(path) as lists:
                lists.remove(catalogue.tracks([key(catalogue, Emotion.SAD, place)])[0].track_id)
            revisions.append(catalogue.revision())
        for _ in range(2):
            rebuild_meanwhile(path)
            revisions.append(catalogue.revision())
        assert len(set(revisions)) == len(revisions)


def test_it_may_be_opened_in_one_thread_and_used_in_another(path: Path) -> None:
    counts: list[int] = []
    with SqliteCatalogue(path) as catalogue:
        thread = threading.Thread(target=lambda: counts.append(len(catalogue.candidates(Emotion.HAPPY))))
        thread.start()
        thread.join(10)
    assert counts == [25]


def test_a_file_uses_a_write_ahead_log_syncs_and_is_read_while_written(path: Path) -> None:
    with SqliteCatalogue(path) as writer:
        assert writer._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert writer._connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
        writer._connection.execute("BEGIN IMMEDIATE")
        with CatalogueEditor(path, read_only=True) as reader:
            assert len(reader.entries()) == 7 * 25
        writer._connection.execute("ROLLBACK")


def test_no_flipped_bit_of_the_write_ahead_log_loses_an_acknowledged_like(path: Path, tmp_path: Path) -> None:
    copy, rng = tmp_path / "copy" / path.name, random.Random(21)
    log = path.with_name(f"{path.name}-wal")
    with SqliteCatalogue(path) as catalogue, CatalogueEditor(path) as editor:
        for number in range(1, 6):
            catalogue.rate([Emotion.HAPPY], key(catalogue, Emotion.HAPPY), Verdict.LIKE)
            editor.add([(Emotion.HAPPY, Song("New", f"Artist {number}", f"x:{number}"), (0, 0, 0))])
            for place in rng.sample(range(log.stat().st_size), min(10, log.stat().st_size)):
                copy.parent.mkdir()
                data = bytearray(log.read_bytes())
                data[place] ^= 1 << rng.randrange(8)
                shutil.copy(path, copy)  # as SIGKILL leaves it
                copy.with_name(log.name).write_bytes(data)
                with CatalogueEditor(copy) as damaged:
                    assert [row["likes"] for row in damaged.feedback()] == [number]
                    assert len(damaged.entries(Emotion.HAPPY)) == 25 + number
                shutil.rmtree(copy.parent)
            assert sum(row[0] for row in editor.connection.execute("SELECT likes FROM feedback")) == number


def test_the_log_is_empty_before_a_like_is_answered_or_after_the_next_one_if_a_reader_is_in_the_way(path: Path) -> None:
    writer, log = StorageWriter(), path.with_name(f"{path.name}-wal")
    writer.start()

    def like() -> int:
        catalogue.rate([Emotion.HAPPY], key(catalogue, Emotion.HAPPY), Verdict.LIKE)
        assert writer.last_submitted is not None
        writer.last_submitted.result(20)
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as file_alone:
            return int(file_alone.execute("SELECT sum(likes) FROM feedback").fetchone()[0] or 0)

    with SqliteCatalogue(path, submit=writer.submit) as catalogue:
        assert (like(), log.stat().st_size) == (1, 0)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM feedback").fetchone()
            like()
            assert log.stat().st_size > 0
        assert (like(), log.stat().st_size) == (3, 0)
        writer.stop()


def test_read_only_reads_a_file_at_rest_and_writes_nothing(path: Path) -> None:
    new_catalogue(path)
    with SqliteCatalogue(path, read_only=True) as catalogue, pytest.raises(CatalogueError, match="writable"):
        catalogue.rate([Emotion.FEAR], key(catalogue, Emotion.FEAR), Verdict.LIKE)


def test_read_only_makes_no_file(path: Path) -> None:
    path.parent.mkdir()
    assert "unable to open" in refusal(path, read_only=True)
    assert not path.exists()


@pytest.mark.parametrize("place", ["/proc/catalogue.sqlite", "/proc/nowhere/catalogue.sqlite"])
def test_a_folder_that_takes_no_files_is_told_with_a_remedy(place: str) -> None:
    with pytest.raises(CatalogueError, match="writable for this user, or set state_dir"):
        SqliteCatalogue(place)


def damage(path: Path, how: str) -> None:
    """Damage a catalogue that is closed."""
    if how == "text":
        path.write_text("this is no database, " * 200)
    elif how == "empty pages":
        content = bytearray(path.read_bytes())
        content[4096:-4096] = b"\xa5" * (len(content) - 8192)
        path.write_bytes(content)
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


@pytest.mark.parametrize("how", ["text", "empty pages", "cut off"])
def test_a_damaged_file_is_moved_aside_and_rebuilt_from_its_backup(
    path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        back_up(catalogue._connection, path.with_name(BACKUP))
    damage(path, how)
    before = path.read_bytes()
    assert "the next start of the daemon moves it aside" in refusal(path, read_only=True)
    assert path.read_bytes() == before
    with SqliteCatalogue(path) as catalogue:
        assert catalogue.stats(Emotion.SAD)[song].likes == 1
        assert len(catalogue.candidates(Emotion.HAPPY)) == 25
    assert path.with_name("catalogue.damaged.sqlite").read_bytes() == before
    [line] = caplog.messages
    assert "its backup" in line
    assert "feedback on 1 songs" in line
    assert "musicond catalogue refresh" in line


@pytest.mark.parametrize("how", ["missing", "empty", "missing while it runs"])
def test_a_lost_file_is_made_from_its_backup(path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    writer = StorageWriter()
    writer.start()
    with CatalogueEditor(path) as lists:
        lists.merge(Emotion.SAD, "own", [Song("Mine", "Me", "x:1")])
    with SqliteCatalogue(path, submit=writer.submit) as catalogue:
        song = catalogue.key_of("x:1")
        assert song is not None
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        writer.submit(lambda: None).result(10)
        back_up(catalogue._connection, path.with_name(BACKUP))
        if how == "missing while it runs":
            path.unlink()
            deadline = time.monotonic() + 20
            while not path.exists() and time.monotonic() < deadline:
                with contextlib.suppress(CatalogueError):
                    catalogue.key_of("x:1")
                time.sleep(0.05)
            assert catalogue.key_of("x:1") is not None
    writer.stop()
    if how != "missing while it runs":
        path.unlink()
    if how == "empty":
        path.touch()
    with pytest.raises(CatalogueError) if how != "missing while it runs" else contextlib.nullcontext():
        SqliteCatalogue(path, read_only=True)
    with SqliteCatalogue(path) as catalogue:
        song = catalogue.key_of("x:1")
        assert song is not None
        assert catalogue.stats(Emotion.SAD)[song].likes == 1
    assert "from its backup with the feedback on 1 songs" in caplog.text


def test_each_flipped_bit_of_the_header_is_mended_and_loses_nothing(path: Path, tmp_path: Path) -> None:
    """The first 100 bytes of a file of SQLite; the version and the identifier are among them."""
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        back_up(catalogue._connection, path.with_name(BACKUP))
    edited(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    for number in [*random.Random(21).sample(range(800), 800 if FULL else 60), *range(480, 512), *range(544, 576)]:
        state = tmp_path / f"{number}"
        shutil.copytree(path.parent, state)
        content = bytearray((state / path.name).read_bytes())
        content[number // 8] ^= 1 << number % 8
        (state / path.name).write_bytes(content)
        with SqliteCatalogue(state / path.name) as catalogue:
            assert catalogue.stats(Emotion.SAD)[song].likes == 1, number
        shutil.rmtree(state)


@pytest.mark.parametrize("name", ["catalogue.sqlite", BACKUP])
def test_damage_of_the_catalogue_or_its_backup_loses_nothing(path: Path, tmp_path: Path, name: str) -> None:
    """But for a bit within a value: SQLite has no checksums, so another value is read."""
    with CatalogueEditor(path) as lists:
        lists.merge(Emotion.SAD, "user", [Song(f"Mine {number}", "Me", f"x:{number}") for number in range(8)])
    with SqliteCatalogue(path) as catalogue:
        for emotion in EMOTIONS:
            catalogue.rate([emotion], key(catalogue, emotion), Verdict.LIKE)
        back_up(catalogue._connection, path.with_name(BACKUP))
    content, rng, state = path.with_name(name).read_bytes(), random.Random(SEED), tmp_path / "damaged"
    damages, other_values = 2000 if FULL else 40, 0
    for _ in range(damages):
        shutil.copytree(path.parent, state)
        (state / name).write_bytes(damaged(content, rng))
        with SqliteCatalogue(state / path.name) as catalogue:
            likes = [sum(row.likes for row in catalogue.stats(emotion).values()) for emotion in EMOTIONS]
            songs = [catalogue.key_of(f"x:{number}") for number in range(8)]
        other_values += likes != [1] * len(EMOTIONS) or None in songs
        shutil.rmtree(state)
    record(f"damage of {name}", damages=damages, other_values=other_values)
    assert other_values <= (0 if name == BACKUP else damages / 40)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return a file with bits flipped, cut off, or with a part of zeros or of noise."""
    data, place = bytearray(content), rng.randrange(len(content))
    match rng.randrange(5):
        case 0:
            for _ in range(rng.choice((1, 2, 20))):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case 1:
            del data[place:]
        case 2:
            data[place : place + 512] = bytes(512)
        case 3:
            data[place : place + 512] = rng.randbytes(512)
        case _:
            data[place:place] = rng.randbytes(7)
    return bytes(data)


def test_damage_while_it_runs_is_mended_at_once(path: Path) -> None:
    writer = StorageWriter()
    writer.start()
    with SqliteCatalogue(path, submit=writer.submit) as catalogue:
        song = key(catalogue, Emotion.SAD)
        track_id = catalogue.tracks([song])[0].track_id
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        writer.submit(lambda: None).result(10)
        back_up(catalogue._connection, path.with_name(BACKUP))
        with path.open("r+b") as file:
            for page in range(1, path.stat().st_size // 4096):
                file.seek(4096 * page)
                file.write(random.Random(page).randbytes(4096))
        deadline = time.monotonic() + 20
        likes = 0
        while likes != 2 and time.monotonic() < deadline:
            with contextlib.suppress(CatalogueError):
                number = catalogue.key_of(track_id)
                assert number is not None
                if catalogue.stats(Emotion.SAD)[number].likes == 1:
                    catalogue.rate([Emotion.SAD], number, Verdict.LIKE)
                    writer.submit(lambda: None).result(10)
                likes = catalogue.stats(Emotion.SAD)[number].likes
            time.sleep(0.05)
        assert likes == 2
    writer.stop()


def test_without_a_backup_the_starter_starts_with_what_the_damaged_file_still_gives(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
    overwrite_root(path, "plays")
    with SqliteCatalogue(path) as catalogue:
        assert catalogue.stats(Emotion.SAD)[song].likes == 2
        assert len(catalogue.candidates(Emotion.HAPPY)) == 25
    assert "the starter with the feedback on 1 songs" in caplog.text


def contents(path: Path) -> dict[str, set[tuple[tuple[str, object], ...]]]:
    """Return the rows of every table, each column with its name, and songs by their identifier and not by number."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        ids = {row["track"]: row["track_id"] for row in connection.execute("SELECT track, track_id FROM tracks")}
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: {
                tuple((name, ids[row[name]] if name == "track" else row[name]) for name in row.keys())  # noqa: SIM118 - a Row is no mapping
                for row in connection.execute(f"SELECT * FROM {table}")
            }
            for table in tables
        }


def overwrite_root(path: Path, name: str) -> None:
    """Overwrite the first page of a table or an index of a catalogue that is closed."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]
    with path.open("r+b") as file:
        file.seek(4096 * (root - 1))
        file.write(b"\xa5" * 4096)


def full(path: Path) -> Path:
    """Make a catalogue in which every table holds something, with songs numbered unlike those of a new one."""
    rain = [
        Song(f"Rain {n}", "Ann", f"t:rain:{n}", f"https://a.example/{n}", album=f"Clouds {n % 9}") for n in range(300)
    ]
    with CatalogueEditor(path) as lists:
        lists.merge(Emotion.ANGRY, "file:gone.csv", [Song("Gone", "Bob", "t:gone")])
        lists.merge(Emotion.SAD, "spotify:Rain", rain, "spotify:playlist:rain")
        lists.merge(Emotion.SAD, "file:mine.csv", rain[:3])
        lists.drop_other_origins(Emotion.ANGRY, ["starter"])
        lists.remove("t:rain:2", Emotion.SAD)
        starter = lists.entries(Emotion.HAPPY)[0].track_id
        lists.connection.execute("UPDATE tracks SET album = 'Found later' WHERE track_id = ?", (starter,))
        lists.connection.execute("INSERT INTO scanned VALUES ('/music/a.mp3', 1, 2, '{}')")
        lists.connection.execute("INSERT INTO song_uris VALUES ('home', 't:rain:1', 'spotify://track/1', 5)")
    with SqliteCatalogue(path) as catalogue:
        for track_id in ("t:rain:1", starter):
            song = catalogue.key_of(track_id)
            assert song is not None
            catalogue.mark_offered(Emotion.SAD, [song], 4)
            catalogue.rate([Emotion.SAD, Emotion.FEAR], song, Verdict.LIKE)
    return path


@pytest.mark.parametrize("broken", ["plays", "scanned", "playlists", "feedback"])
def test_all_other_tables_and_columns_of_a_damaged_file_are_rescued(path: Path, broken: str) -> None:
    before = contents(full(path))
    assert all(before.values()), "every table holds something"
    overwrite_root(path, broken)
    SqliteCatalogue(path).close()
    after = contents(path)
    assert after.keys() == before.keys()
    for table in before.keys() - {broken}:
        assert before[table] <= after[table], table
    rows: list[dict[str, object]] = [dict(row) for row in after["tracks"]]
    albums = {row["track_id"]: row["album"] for row in rows}
    assert albums["t:rain:13"] == "Clouds 4"
    assert "Found later" in albums.values()
    with SqliteCatalogue(path) as catalogue:
        playlist = catalogue.playlist([Track("t:rain:7", "Rain 7", "Ann", "")])
        assert playlist == (None if broken == "playlists" else "spotify:playlist:rain")


def test_feedback_on_known_songs_is_rescued_though_the_songs_cannot_be_read(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = catalogue.tracks([key(catalogue, Emotion.SAD)])[0].track_id
        catalogue.rate([Emotion.SAD], key(catalogue, Emotion.SAD), Verdict.LIKE)
    overwrite_root(path, "tracks")
    with SqliteCatalogue(path) as catalogue:
        number = catalogue.key_of(song)
        assert number is not None
        assert catalogue.stats(Emotion.SAD)[number].likes == 1


def test_a_song_that_was_removed_since_the_backup_stays_removed(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        back_up(catalogue._connection, path.with_name(BACKUP))
        song = catalogue.tracks([key(catalogue, Emotion.SAD)])[0].track_id
    with CatalogueEditor(path) as lists:
        lists.remove(song)
    overwrite_root(path, "plays")
    with SqliteCatalogue(path) as catalogue:
        assert len(catalogue.candidates(Emotion.SAD)) == 24


def test_a_damaged_backup_does_not_stop_the_start(path: Path) -> None:
    new_catalogue(path)
    path.with_name(BACKUP).write_text("no database")
    damage(path, "text")
    with SqliteCatalogue(path) as catalogue:
        assert len(catalogue.candidates(Emotion.HAPPY)) == 25


def copies(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.glob("catalogue.*.sqlite") if file.name != BACKUP)


def break_index(path: Path, track_id: str) -> None:
    """Let the index of the songs' identifiers lead to a row that is not there."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_tracks_1'"
        [(root,)] = connection.execute(query)
        [(size,)] = connection.execute("PRAGMA page_size")
        connection.execute("PRAGMA journal_mode = DELETE")
    content = bytearray(path.read_bytes())
    place = content.index(track_id.encode(), (root - 1) * size) + len(track_id)
    content[place] = 250  # the number that follows the text; as a signed byte it is -6
    path.write_bytes(content)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)], "the pages alone look well"
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            connection.execute("SELECT title FROM tracks WHERE track_id = ?", [track_id]).fetchall()


def break_value(path: Path) -> None:
    """Store a value that the schema forbids, as a flipped bit does: SQLite does not see it while it only reads."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE lists SET state = 'lIsted' WHERE position = 30")
        connection.commit()
        assert connection.total_changes
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM lists WHERE state = 'lIsted'").fetchone() == (1,)


@pytest.mark.parametrize("also_backup", [False, True])
def test_an_index_that_leads_to_no_song_is_damage_in_the_file_and_in_the_backup(
    path: Path, *, also_backup: bool
) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        track_id = catalogue.tracks([song])[0].track_id
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        back_up(catalogue._connection, path.with_name(BACKUP))
    for file in (path, path.with_name(BACKUP))[: 1 + also_backup]:
        break_index(file, track_id)
    with SqliteCatalogue(path) as catalogue:
        number = catalogue.key_of(track_id)
        assert number is not None
        assert catalogue.stats(Emotion.SAD)[number].likes == 1
        assert len(catalogue.candidates(Emotion.HAPPY)) == 25
    assert copies(path) == ["catalogue.backup.kept.sqlite"] * also_backup + ["catalogue.damaged.sqlite"]


@pytest.mark.parametrize("what", ["an older schema", "a newer schema", "damage", "a damaged value"])
def test_a_backup_that_can_not_be_used_as_it_is_is_kept_and_its_rows_are_taken_over(path: Path, what: str) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        track_id = catalogue.tracks([song])[0].track_id
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
    path.rename(path.with_name(BACKUP))
    if what == "damage":
        overwrite_root(path.with_name(BACKUP), "plays")
    elif what == "a damaged value":
        break_value(path.with_name(BACKUP))
    else:
        with contextlib.closing(sqlite3.connect(path.with_name(BACKUP))) as connection:
            connection.execute(f"PRAGMA user_version = {3 if what == 'an older schema' else 99}")
    before = path.with_name(BACKUP).read_bytes()
    path.write_bytes(b"\xa5" * 8192)
    with SqliteCatalogue(path) as catalogue:
        number = catalogue.key_of(track_id)
        assert number is not None
        assert catalogue.stats(Emotion.SAD)[number].likes == 1
    assert path.with_name("catalogue.backup.kept.sqlite").read_bytes() == before
    assert copies(path) == ["catalogue.backup.kept.sqlite", "catalogue.damaged.sqlite"]


def test_each_damaged_file_and_unusable_backup_is_kept(path: Path) -> None:
    new_catalogue(path)
    contents = [bytes([number]) * 8192 for number in (0xA5, 0xA6, 0xA7)]
    for content in contents:
        path.write_bytes(content)
        path.with_name(BACKUP).write_bytes(content)
        SqliteCatalogue(path).close()
    for kind in ("damaged", "backup.kept"):
        names = [f"catalogue.{kind}{number}.sqlite" for number in ("", ".2", ".3")]
        assert [path.with_name(name).read_bytes() for name in names] == contents


def test_a_rebuild_that_fails_on_the_way_changes_nothing_and_succeeds_later(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
    overwrite_root(path, "plays")
    before = path.read_bytes()
    hindrance = path.with_suffix(".rebuilt")
    hindrance.mkdir()
    refusal(path)
    assert path.read_bytes() == before
    assert copies(path) == []
    hindrance.rmdir()
    with SqliteCatalogue(path) as catalogue:
        assert catalogue.stats(Emotion.SAD)[song].likes == 1


def test_a_rebuild_that_fails_at_its_end_leaves_an_unusable_backup_for_the_next_one(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        track_id = catalogue.tracks([song])[0].track_id
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
    path.rename(path.with_name(BACKUP))
    edited(path.with_name(BACKUP), "PRAGMA user_version = 99", "PRAGMA journal_mode = DELETE")
    path.write_bytes(b"\xa5" * 8192)
    hindrance = path.with_name("catalogue.damaged.sqlite")
    hindrance.symlink_to("nowhere")  # the name seems free, and is not
    refusal(path)
    hindrance.unlink()
    with SqliteCatalogue(path) as catalogue:
        number = catalogue.key_of(track_id)
        assert number is not None
        assert catalogue.stats(Emotion.SAD)[number].likes == 1
    assert copies(path) == ["catalogue.backup.kept.sqlite", "catalogue.damaged.sqlite"]


def test_a_flipped_bit_in_the_schema_is_mended_or_an_error_of_one_line(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        back_up(catalogue._connection, path.with_name(BACKUP))
    whole, rng, mended = path.read_bytes(), random.Random(21), 0
    for _ in range(60):
        content = bytearray(whole)
        content[rng.randrange(whole.index(b"CREATE TABLE") - 200, 4096)] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        with contextlib.suppress(CatalogueError), SqliteCatalogue(path) as catalogue:
            assert len(catalogue.candidates(Emotion.HAPPY)) == 25
            assert catalogue.stats(Emotion.SAD)[song].likes == 1
            mended += 1
    assert mended > 50


def test_text_that_is_not_utf_8_hides_no_song(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE tracks SET title = CAST(x'ff41' AS TEXT) WHERE track = ?", (song,))
        connection.execute("UPDATE lists SET emotion = CAST(x'ff41' AS TEXT) WHERE track = ?", (song,))
        connection.commit()
    with SqliteCatalogue(path) as catalogue:
        assert catalogue.tracks([song])[0].title == "\ufffdA"
        assert catalogue.emotions_of(song) == ()
    with CatalogueEditor(path) as editor:
        assert len(editor.entries()) == 174


def test_the_files_are_for_the_daemon_s_user_alone(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        catalogue.rate([Emotion.SAD], key(catalogue, Emotion.SAD), Verdict.LIKE)
        back_up(catalogue._connection, path.with_name(BACKUP))
        path.chmod(0o644)
        SqliteCatalogue(path).close()
        assert {
            file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.glob("catalogue.*")
        } == dict.fromkeys(("catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm", BACKUP), "0o600")


def rebuild_meanwhile(path: Path) -> None:
    """Damage the file and open it again, while another connection has it open."""
    edited(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    damage(path, "empty pages")
    CatalogueEditor(path).connection.close()
    assert path.with_name("catalogue.damaged.sqlite").exists()


def test_a_file_that_another_replaced_is_used_from_then_on(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        track_id = catalogue.tracks([song])[0].track_id
        rebuild_meanwhile(path)
        number = catalogue.key_of(track_id)
        assert number is not None
        catalogue.rate([Emotion.SAD], number, Verdict.LIKE)
        with SqliteCatalogue(path, read_only=True) as next_process:
            assert next_process.stats(Emotion.SAD)[number].likes == 1


def test_a_like_is_not_acknowledged_once_the_file_is_gone(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        song = key(catalogue, Emotion.SAD)
        track_id = catalogue.tracks([song])[0].track_id
        path.unlink()
        with pytest.raises(CatalogueError, match="try again"):
            catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
        number = catalogue.key_of(track_id)
        assert number is not None
        catalogue.rate([Emotion.SAD], number, Verdict.LIKE)
        assert contents(path)["feedback"]


def test_no_write_goes_into_a_file_that_is_being_rebuilt(path: Path) -> None:
    writer = StorageWriter()
    with SqliteCatalogue(path, submit=writer.submit) as catalogue:
        song = key(catalogue, Emotion.SAD)
        writer.start()
        with rebuild_lock(path, "catalogue", 1, exclusive=True):
            catalogue.rate([Emotion.SAD], song, Verdict.LIKE)
            waiting = writer.last_submitted
            assert waiting is not None
            time.sleep(1)
            assert not waiting.done()
            assert contents(path)["feedback"] == set()
        waiting.result(20)
        assert contents(path)["feedback"]
        writer.stop()


def test_a_rebuild_waits_for_a_write_and_not_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "REBUILD_WAIT_S", 0.5)
    new_catalogue(path)
    damage(path, "empty pages")
    before = path.read_bytes()
    with rebuild_lock(path, "catalogue", 1, exclusive=False):
        assert "being rebuilt" in refusal(path)
        assert path.read_bytes() == before
    SqliteCatalogue(path).close()
    assert path.with_name("catalogue.damaged.sqlite").exists()


def test_every_like_that_is_acknowledged_during_a_rebuild_is_in_the_new_file(path: Path) -> None:
    writer, futures, ended = StorageWriter(), list[Future[None]](), threading.Event()
    with SqliteCatalogue(path, submit=writer.submit) as catalogue:
        track_id = catalogue.tracks([key(catalogue, Emotion.SAD)])[0].track_id
        edited(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        overwrite_root(path, "scanned")  # a table that no like touches
        writer.start()

        def like() -> None:
            while not ended.is_set():
                with contextlib.suppress(CatalogueError):
                    number = catalogue.key_of(track_id)
                    assert number is not None
                    catalogue.rate([Emotion.SAD], number, Verdict.LIKE)
                    assert writer.last_submitted is not None
                    futures.append(writer.last_submitted)
                time.sleep(0.2)

        thread = threading.Thread(target=like)
        thread.start()
        time.sleep(0.3)
        CatalogueEditor(path).connection.close()
        time.sleep(1)
        ended.set()
        thread.join(20)
        writer.stop()
    stored = sum(future.done() and future.exception() is None for future in futures)
    with SqliteCatalogue(path) as catalogue:
        number = catalogue.key_of(track_id)
        assert number is not None
        assert catalogue.stats(Emotion.SAD)[number].likes >= stored > 0
    assert path.with_name("catalogue.damaged.sqlite").exists()


def test_the_watch_thread_waits_for_no_lock_of_a_file_that_another_put_there(path: Path) -> None:
    writer = StorageWriter()
    writer.start()
    with SqliteCatalogue(path, submit=writer.submit) as catalogue:
        track_id = catalogue.tracks([key(catalogue, Emotion.SAD)])[0].track_id
        path.unlink()
        SqliteCatalogue(path).close()
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA journal_mode = DELETE")
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            with pytest.raises(CatalogueError, match="try again"):
                catalogue.key_of(track_id)
            assert time.monotonic() - began < 1
            other.execute("ROLLBACK")
        assert catalogue.key_of(track_id) is not None
        writer.stop()


def test_a_like_that_waits_is_not_stored_in_a_file_with_other_numbers(path: Path) -> None:
    waiting: list[Callable[[], None]] = []

    def submit(write: Callable[[], None]) -> Future[None]:
        waiting.append(write)
        return Future()

    with SqliteCatalogue(path, submit=submit) as catalogue:
        catalogue.rate([Emotion.SAD], key(catalogue, Emotion.SAD), Verdict.LIKE)
        rebuild_meanwhile(path)
        with pytest.raises(CatalogueError, match="try again"):
            waiting.pop()()
        assert contents(path)["feedback"] == set()


def test_a_foreign_file_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    edited(path, "CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    assert "move it away" in refusal(path)
    assert path.read_bytes() == before
    edited(path, "PRAGMA user_version = 1")
    assert "another program" in refusal(path)


def test_a_newer_file_is_refused(path: Path) -> None:
    edited(new_catalogue(path), "PRAGMA user_version = 6")
    before = path.read_bytes()
    assert f"newer musicond (schema 6, this one knows {SCHEMA_VERSION}); update musicond" in refusal(path)
    assert path.read_bytes() == before


def test_damage_met_later_is_a_catalogue_error(path: Path) -> None:
    with SqliteCatalogue(path) as catalogue:
        edited(path, "DROP TABLE lists")
        with pytest.raises(CatalogueError, match="moves it aside"):
            catalogue.candidates(Emotion.HAPPY)


def test_a_locked_file_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "BUSY_TIMEOUT_S", 0.05)
    new_catalogue(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert "another program holds it" in refusal(path)
    finally:
        other.close()


def test_half_made_is_not_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA", f"{schema.SCHEMA}; SELECT power_cut")
        assert "power_cut" in refusal(path)
    with SqliteCatalogue(path) as catalogue:
        assert len(catalogue.candidates(Emotion.ANGRY)) == 25


VERSION_1 = """
CREATE TABLE tracks (track_id TEXT PRIMARY KEY, title TEXT NOT NULL, artist TEXT NOT NULL, link TEXT NOT NULL,
  year INTEGER NOT NULL, genre TEXT NOT NULL, valence REAL NOT NULL, energy REAL NOT NULL, tempo REAL NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('major', 'minor')),
  popularity INTEGER NOT NULL CHECK (popularity BETWEEN 0 AND 100), source TEXT NOT NULL,
  shown INTEGER NOT NULL DEFAULT 0 CHECK (shown >= 0)) STRICT, WITHOUT ROWID;
CREATE TABLE lists (emotion TEXT NOT NULL, position INTEGER NOT NULL, track_id TEXT NOT NULL REFERENCES tracks,
  PRIMARY KEY (emotion, position), UNIQUE (emotion, track_id)) STRICT, WITHOUT ROWID;
INSERT INTO tracks VALUES ('t:old', 'Old', 'Ann', '', 1999, 'folk', 0.5, 0.5, 100.0, 'major', 50, 'here', 3);
INSERT INTO lists VALUES ('sad', 0, 't:old');
"""
VERSION_2 = """
CREATE TABLE tracks (
  track INTEGER PRIMARY KEY, track_id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, artist TEXT NOT NULL,
  link TEXT NOT NULL, year INTEGER, genre TEXT, valence REAL CHECK (valence BETWEEN 0 AND 1),
  energy REAL CHECK (energy BETWEEN 0 AND 1), tempo REAL, mode TEXT CHECK (mode IN ('major', 'minor')),
  popularity INTEGER CHECK (popularity BETWEEN 0 AND 100), source TEXT NOT NULL) STRICT;
CREATE TABLE lists (
  emotion TEXT NOT NULL, track INTEGER NOT NULL, origin TEXT NOT NULL, position INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'listed' CHECK (state IN ('listed', 'gone', 'removed')),
  PRIMARY KEY (emotion, track, origin)) STRICT, WITHOUT ROWID;
CREATE TABLE plays (
  mood TEXT NOT NULL, track INTEGER NOT NULL, shown INTEGER NOT NULL, turn INTEGER NOT NULL,
  PRIMARY KEY (mood, track)) STRICT, WITHOUT ROWID;
CREATE TABLE feedback (
  mood TEXT NOT NULL, track INTEGER NOT NULL, likes INTEGER NOT NULL DEFAULT 0, dislikes INTEGER NOT NULL DEFAULT 0,
  skips INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (mood, track)) STRICT, WITHOUT ROWID;
CREATE TABLE scanned (
  path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, tags TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO tracks VALUES (7, 't:own', 'Own', 'Ann', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'added by hand');
INSERT INTO tracks VALUES (8, 't:gone', 'Gone', 'Ann', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'added by hand');
INSERT INTO lists VALUES ('sad', 7, 'own', 0, 'listed'), ('sad', 8, 'own', 1, 'removed');
INSERT INTO plays VALUES ('sad', 7, 3, 9);
INSERT INTO feedback VALUES ('sad', 7, 2, 1, 0);
"""
VERSION_3 = f"{VERSION_2} ALTER TABLE tracks ADD COLUMN album TEXT;"
VERSION_4 = f"""{VERSION_3}
CREATE TABLE playlists (origin TEXT PRIMARY KEY, uri TEXT NOT NULL) STRICT, WITHOUT ROWID;
UPDATE tracks SET album = 'Clouds' WHERE track = 7;
INSERT INTO playlists VALUES ('own', 'playlist:own');
"""


def outdated(path: Path, version: int) -> bytes:
    """Write a catalogue as a development version before the first release did; return its bytes."""
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript((VERSION_1, VERSION_2, VERSION_3, VERSION_4)[version - 1])
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
    return path.read_bytes()


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_file_from_before_the_first_release_is_kept_and_rebuilt(
    path: Path, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    before = outdated(path, version)
    text = refusal(path, read_only=True)
    assert "made before the first release; the next start of the daemon moves it aside and rebuilds it" in text
    assert path.read_bytes() == before
    with SqliteCatalogue(path) as catalogue:
        assert catalogue._connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert len(catalogue.candidates(Emotion.HAPPY)) == 25
        song = catalogue.key_of("t:own")
        if version > 1:  # the first schema had only the starter, and no feedback
            assert song is not None
            assert catalogue.stats(Emotion.SAD) == {song: TrackStats(likes=2, dislikes=1, impressions=3, round=9)}
            assert song in catalogue.candidates(Emotion.SAD).keys
            assert catalogue.tracks([song])[0].album == ("Clouds" if version > 3 else "")
            removed = catalogue.key_of("t:gone")
            assert removed is not None
            assert removed not in catalogue.candidates(Emotion.SAD).keys, "it stays removed"
            assert catalogue.playlist(catalogue.tracks([song])) == ("playlist:own" if version > 3 else None)
    assert path.with_name("catalogue.old.sqlite").read_bytes() == before
    [line] = caplog.messages
    assert f"feedback on {0 if version == 1 else 1} songs" in line
    assert "catalogue.old.sqlite" in line
    caplog.clear()
    SqliteCatalogue(path).close()
    assert not caplog.messages


def test_closing_twice_is_fine() -> None:
    catalogue = SqliteCatalogue(MEMORY)
    catalogue.close()
    catalogue.close()
