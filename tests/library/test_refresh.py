"""Sources of lists, and the refresh that reads them."""

from __future__ import annotations

import contextlib
import json
import os
import time
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mutagen
import pytest
from mutagen.easyid3 import EasyID3
from mutagen.flac import FLAC
from mutagen.id3 import TIT2, TPE1
from mutagen.wave import WAVE

from musicond.core.models import Emotion, Song
from musicond.core.schedule import Schedule
from musicond.errors import CatalogueError, ListError, SkippedEntries
from musicond.library import maintenance as maintenance_module
from musicond.library import refresh as module
from musicond.library.audio_files import AudioFolder, TagCache
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import BACKUP, FILE_NAME, MEMORY
from musicond.library.editor import CatalogueEditor
from musicond.library.m3u import M3u
from musicond.library.maintenance import LibraryMaintenance
from musicond.library.refresh import Refresh, RefreshCancelledError
from musicond.library.sources import MOST_SONGS, make_source
from musicond.library.text_files import MOST_BYTES
from musicond.runtime.json_file import JsonFile
from musicond.runtime.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from musicond.core.ports import ListSource

SUNDAY = datetime(2026, 11, 29, 5, tzinfo=UTC)


def mp3(path: Path, **tags: str) -> Path:
    """Write a second of silent MPEG frames, with tags."""
    frame = b"\xff\xfb\x90\x64" + bytes(413)
    path.write_bytes(frame * 40)
    if tags:
        audio = EasyID3()
        for name, value in tags.items():
            audio[name] = value
        audio.save(path)
    return path


def wav(path: Path, title: str, artist: str) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(800))
    audio = WAVE(path)
    audio.add_tags()
    audio.tags.add(TIT2(encoding=3, text=[title]))
    audio.tags.add(TPE1(encoding=3, text=[artist]))
    audio.save()
    return path


def flac(path: Path, **tags: str) -> Path:
    streaminfo = bytes.fromhex("100010000000000000000ac440f000000000") + bytes(16)
    path.write_bytes(b"fLaC" + b"\x80\x00\x00\x22" + streaminfo)
    audio = FLAC(path)
    for name, value in tags.items():
        audio[name] = value
    audio.save()
    return path


@pytest.fixture
def tag_cache() -> Iterator[TagCache]:
    with CatalogueEditor(MEMORY) as lists:
        yield TagCache(lists.connection)


def test_a_folder_is_read_by_the_tags_of_its_files_in_the_order_of_paths(tmp_path: Path, tag_cache: TagCache) -> None:
    (tmp_path / "b").mkdir()
    mp3(tmp_path / "z.MP3", title="One", artist="Ann", date="1999-05-01", genre="Folk", bpm="101")
    wav(tmp_path / "b" / "a.wav", "Two", "Ben")
    flac(tmp_path / "b" / "c.flac", title="Three", artist="Cy", date="2001")
    (tmp_path / "b" / "Dan - Four.ogg").write_bytes(b"no audio")
    (tmp_path / "cover.jpg").write_bytes(b"no song")
    songs = list(AudioFolder(tmp_path, tag_cache).tracks())
    assert [(song.title, song.artist) for song in songs] == [
        ("One", "Ann"),
        ("Four", "Dan"),
        ("Two", "Ben"),
        ("Three", "Cy"),
    ]
    first = songs[0]
    assert (first.year, first.genre, first.tempo) == (1999, "Folk", 101.0)
    assert first.link == first.track_id == (tmp_path / "z.MP3").as_uri()
    assert songs[3].year == 2001


def test_what_is_no_text_or_no_file_keeps_no_song_from_being_read(tmp_path: Path, tag_cache: TagCache) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    wav(folder / "a.wav", "One\x00\x07", "Ann")
    os.mkfifo(folder / "b.mp3")
    Path(os.fsdecode(os.fsencode(folder) + b"/Cy - caf\xe9.ogg")).write_bytes(b"no audio")
    (folder / "d.mp3").write_bytes(b"ID3\x04\x00\xff\x7f\x7f\x7f\x7f" + bytes(range(256)))
    songs = list(AudioFolder(folder, tag_cache).tracks())
    assert [song.title for song in songs] == ["caf\ufffd", "One", "b", "d"]
    tag_cache.flush()
    assert list(AudioFolder(folder, tag_cache).tracks()) == songs
    names = tmp_path / "list.json"
    names.write_text('[{"title": "\\ud800 x", "artist": "a\\u0000b", "track_id": "\\udfff"}]')
    (tmp_path / "list.m3u8").write_text("http://radio.example/\n#EXTINF:1,A\x07 - B\nfile:///%00.mp3\n")
    wanted = {Emotion.HAPPY: (str(folder), str(names), str(tmp_path / "list.m3u8"))}
    report = Refresh(wanted).run(tmp_path / "c.sqlite")
    assert report.errors == []
    with CatalogueEditor(tmp_path / "c.sqlite") as editor:
        entries = {(entry.title, entry.artist) for entry in editor.entries(Emotion.HAPPY)}
    assert {("\ufffd x", "ab"), ("caf\ufffd", "Cy")} <= entries
    assert report.skipped[0] == f"{tmp_path / 'list.m3u8'}: 1 of 2 entries not found"


@pytest.mark.parametrize("name", ["pipe.csv", "pipe.json", "pipe.m3u"])
def test_a_pipe_is_no_list(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(ListError, match="not a file"):
        list(make_source(str(tmp_path / name), Emotion.SAD).tracks())


@pytest.mark.parametrize("name", ["long.csv", "long.json", "long.m3u"])
def test_a_list_that_would_take_much_memory_is_refused(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ListError, match="larger than 16 MiB; split it"):
        list(make_source(str(tmp_path / name), Emotion.SAD).tracks())


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.csv", "title,artist\n" + "a,b\n" * (MOST_SONGS + 1), f"more than {MOST_SONGS} songs; split it"),
        ("a.json", "[" + "[]," * MOST_SONGS + "[]]", f"more than {MOST_SONGS} songs; split it"),
        ("a.m3u", "x\n" * (SkippedEntries.MOST + 1), f"more than {SkippedEntries.MOST} entries are like this"),
    ],
)
def test_a_file_of_endless_entries_is_refused_without_reading_all(
    tmp_path: Path, name: str, text: str, fault: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ListError, match=fault):
        list(make_source(str(tmp_path / name), Emotion.SAD).tracks())


def test_tags_are_read_once_and_again_when_the_file_changes(
    tmp_path: Path, tag_cache: TagCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    real = mutagen.File

    def counted(path: Path, **more: Any) -> Any:
        reads.append(Path(path.name).name)
        return real(path, **more)

    monkeypatch.setattr(mutagen, "File", counted)
    mp3(tmp_path / "a.mp3", title="Old", artist="Ann")
    assert next(AudioFolder(tmp_path, tag_cache).tracks()).title == "Old"
    tag_cache.flush()
    assert next(AudioFolder(tmp_path, tag_cache).tracks()).title == "Old"
    assert reads == ["a.mp3"]
    mp3(tmp_path / "a.mp3", title="New one", artist="Ann")
    assert next(AudioFolder(tmp_path, tag_cache).tracks()).title == "New one"


def test_m3u_takes_files_addresses_and_spotify(tmp_path: Path, tag_cache: TagCache) -> None:
    mp3(tmp_path / "tagged song.mp3", title="Tagged", artist="Ann")
    for name in ("untagged.mp3", "Cy - Named.mp3", "x.mp3"):
        mp3(tmp_path / name)
    (tmp_path / "list.m3u8").write_text(
        "\ufeff#EXTM3U\n#EXTINF:123,Ben - Told\nuntagged.mp3\n\ntagged song.mp3\nfile://"
        + str(tmp_path / "tagged%20song.mp3")
        + "\n#EXTINF:-1,Radio - Live\nhttps://radio.example/stream\nspotify:track:4uLU6hMCjMI75M1A2tKUQC\n"
        "# a remark\nhttps://open.spotify.com/track/7GhIk7Il098yCjg4BQjzvb?si=1\nCy - Named.mp3\n",
        "utf-8",
    )
    songs = list(M3u(tmp_path / "list.m3u8", tag_cache).tracks())
    assert [(song.title, song.artist) for song in songs] == [
        ("Told", "Ben"), ("Tagged", "Ann"), ("Live", "Radio"),
        ("4uLU6hMCjMI75M1A2tKUQC", "unknown artist"),
        ("7GhIk7Il098yCjg4BQjzvb", "unknown artist"), ("Named", "Cy"),
    ]  # fmt: skip
    assert songs[3].link == "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC"
    (tmp_path / "old.m3u").write_bytes(b"#EXTINF:1,Bj\xf6rk - J\xf3ga\nx.mp3\n")
    assert next(M3u(tmp_path / "old.m3u", tag_cache).tracks()).artist == "Björk"


def test_names_of_lists(tmp_path: Path, tag_cache: TagCache) -> None:
    (tmp_path / "t.csv").write_text("title,artist,emotion\na,b,sad\nc,d,happy\ne,f,\n")
    (tmp_path / "t.json").write_text(json.dumps([{"title": "g", "artist": "h"}]))

    def titles(name: str, emotion: Emotion = Emotion.SAD) -> list[str]:
        return [song.title for song in make_source(name, emotion, tag_cache).tracks()]

    assert titles(str(tmp_path / "t.csv")) == ["a", "e"]
    assert titles(str(tmp_path / "t.json")) == ["g"]
    assert len(titles("starter")) == 25
    for name, says in (
        (str(tmp_path / "no.csv"), "No such file"),
        (str(tmp_path / "no.m3u"), "No such file"),
        (str(tmp_path / "nowhere"), "no folder that can be read"),
        ("x.txt", "no list; give starter"),
    ):
        with pytest.raises(ListError, match=says):
            titles(name)


def test_another_kind_of_list_plugs_in_by_its_prefix(tag_cache: TagCache) -> None:
    class Playlist:
        uri = None

        def __init__(self, name: str) -> None:
            self.name = name
            self.skipped = SkippedEntries()

        def tracks(self) -> Iterator[Song]:
            yield Song(self.name, "x")

    def build(name: str, emotion: Emotion) -> ListSource:
        return Playlist(f"{name} for {emotion}")

    source = make_source("spotify:playlist:1", Emotion.SAD, tag_cache, {"spotify": build})
    assert next(iter(source.tracks())).title == "spotify:playlist:1 for sad"


class LibraryFixture:
    """A state directory with a list of songs to edit, a clock, and the maintenance of the catalogue."""

    def __init__(self, folder: Path, schedule: str = "sun 04:00") -> None:
        self.list = folder / "mine.csv"
        self.state = folder / "state"
        self.state.mkdir()
        self.path = self.state / FILE_NAME
        self.now = SUNDAY
        self.stops_after: int | None = None
        self.schedule = Schedule.parse(schedule)
        self.songs("a", "b")

    def songs(self, *titles: str) -> None:
        self.list.write_text("title,artist\n" + "".join(f"{title},x\n" for title in titles))

    def should_stop(self) -> bool:
        if self.stops_after is None:
            return False
        self.stops_after -= 1
        return self.stops_after < 0

    def maintenance(self, *more: str) -> LibraryMaintenance:
        wanted = {Emotion.SAD: ("starter", str(self.list)), Emotion.HAPPY: ("starter", *more)}
        store = JsonFile(self.state / "refresh.json")
        return LibraryMaintenance(
            self.path, wanted, self.schedule, store, should_stop=self.should_stop, now=lambda: self.now
        )

    def titles(self) -> set[str]:
        with CatalogueEditor(self.path) as lists:
            return {entry.title for entry in lists.entries(Emotion.SAD) if entry.origin == str(self.list)}


def test_a_refresh_is_done_when_it_is_time_and_once(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path)
    maintenance = library.maintenance()
    maintenance.tick()
    assert library.titles() == {"a", "b"}
    library.songs("a", "b", "c")
    maintenance.tick()
    library.now += timedelta(days=6)
    library.maintenance().tick()
    assert library.titles() == {"a", "b"}
    library.now += timedelta(days=3)
    library.maintenance().tick()
    assert library.titles() == {"a", "b", "c"}, "Sunday was missed and is made up for"


def test_what_changed_is_reported_and_the_log_names_no_song_and_no_mood(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    library = LibraryFixture(tmp_path, "never")
    maintenance = library.maintenance("/nowhere/x.csv")
    assert maintenance.run_action("refresh", {}) == {"started": True}
    assert maintenance.run_action("progress", {}) == {"running": True, "report": None}
    maintenance.tick()
    report = maintenance.run_action("progress", {})["report"]
    assert isinstance(report, dict)
    assert report["lists"] == [
        {"emotion": "sad", "list": str(library.list), "new": ("a, x", "b, x"), "gone": (), "replaced": ()}
    ]
    assert report["faults"] == ["/nowhere/x.csv: No such file or directory; give a file that can be read"]
    assert report["summary"] == "2 new songs, 0 no longer listed, 0 replaced, 1 list could not be read"
    assert "musicond catalogue refresh names them" in caplog.text
    assert not any(word in caplog.text for word in ("sad", "happy", "mine.csv"))
    assert maintenance.run_action("refresh", {"if_due": True}) == {"started": False}


def test_a_list_that_cannot_be_read_or_is_empty_stays_as_it_was(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    library.maintenance().refresh()
    library.songs()
    report = library.maintenance().refresh()
    assert report is not None
    assert "no songs in it; the list stays as it was" in report.errors[0]
    library.list.unlink()
    library.maintenance().refresh()
    assert library.titles() == {"a", "b"}


def test_a_refresh_that_is_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    done: list[int] = []
    library.stops_after = 26
    assert library.maintenance().refresh(lambda refresh: done.append(refresh.progress.done)) is None
    assert done == [0], "the first of three lists, of 25 songs"
    library.stops_after = None
    maintenance = library.maintenance()
    maintenance.tick()
    assert library.titles() == {"a", "b"}
    library.songs("c")
    maintenance.tick()
    assert library.titles() == {"a", "b"}, "nothing is left to go on with"


def test_a_refresh_that_a_person_asks_for_reads_all_lists_also_after_an_interrupted_one(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    library.stops_after = 28
    assert library.maintenance().refresh() is None
    assert library.titles() == {"a", "b"}
    library.stops_after = None
    library.songs("a", "b", "c")
    maintenance = library.maintenance()
    maintenance.run_action("refresh", {})
    maintenance.tick()
    assert library.titles() == {"a", "b", "c"}


def test_a_refresh_that_a_person_asks_for_and_that_fails_reads_all_lists_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_module, "RETRY_S", (0.05,))
    library = LibraryFixture(tmp_path, "never")
    library.stops_after = 28
    assert library.maintenance().refresh() is None
    library.stops_after = None
    library.songs("a", "b", "c")
    away = library.path.rename(library.path.with_name("away.sqlite"))
    library.path.mkdir()
    maintenance = library.maintenance()
    maintenance.run_action("refresh", {})
    maintenance.tick()
    progress = maintenance.run_action("progress", {})
    assert progress["running"] is False
    assert "error" in str(progress["report"])
    library.path.rmdir()
    away.rename(library.path)
    time.sleep(0.06)
    maintenance.tick()
    assert library.titles() == {"a", "b", "c"}


def test_a_refresh_that_a_person_asks_for_outlasts_a_restart(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    library.maintenance().refresh()
    library.songs("a", "b", "c")
    library.maintenance().run_action("refresh", {})
    library.maintenance().tick()
    assert library.titles() == {"a", "b", "c"}


def test_a_refresh_asked_for_during_another_one_follows_it(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    library.maintenance().refresh()
    maintenance = library.maintenance()

    def change_list(refresh: Refresh) -> None:
        if refresh.progress.done == 1 and library.titles() == {"a", "b"}:
            library.songs("a", "b", "c")
            assert maintenance.run_action("refresh", {"if_due": True}) == {"started": False}
            assert maintenance.run_action("refresh", {}) == {"started": True}

    maintenance.refresh(change_list)
    assert library.titles() == {"a", "b"}
    assert maintenance.run_action("progress", {})["running"] is True
    maintenance.tick()
    assert library.titles() == {"a", "b", "c"}
    assert maintenance.run_action("progress", {})["running"] is False


def test_a_change_of_the_configuration_is_not_gone_on_with(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    library.stops_after = 26
    library.maintenance().refresh()
    library.stops_after = None
    done: list[int] = []
    library.maintenance(str(library.list)).refresh(lambda refresh: done.append(refresh.progress.done))
    assert done == [0, 1, 2, 3], "all lists are read"


def test_other_lists_than_the_last_ones_are_read_at_the_next_start_and_once(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path)
    store = JsonFile(library.state / "refresh.json")

    def start(lists: tuple[str, ...], address: str = "") -> LibraryMaintenance:
        wanted = {Emotion.SAD: lists}
        maintenance = LibraryMaintenance(library.path, wanted, library.schedule, store, now=lambda: library.now)
        maintenance.source_ids = {"mpd": address}
        return maintenance

    start(("starter",)).tick()
    own = ("starter", str(library.list))
    start(own).tick()
    assert library.titles() == {"a", "b"}
    assert not start(own).is_due()
    assert start((*own, "mpd")).is_due()
    start((*own, "mpd"), "here:6600").tick()
    assert not start((*own, "mpd"), "here:6600").is_due()
    assert start((*own, "mpd"), "there:6600").is_due(), "another mpd has other songs"
    start(("starter",)).tick()
    assert not library.titles()


def test_lists_that_a_reload_brings_are_read_at_once_also_during_a_refresh(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    maintenance, done = library.maintenance(), list[int]()
    own = {Emotion.SAD: ("starter", str(library.list))}

    def reload(refresh: Refresh) -> None:
        done.append(refresh.progress.done)
        maintenance.reconfigure({Emotion.SAD: ("starter",)}, library.schedule)

    assert maintenance.refresh(reload) is None
    assert done == [0], "the first of three lists"
    maintenance.tick()
    assert not maintenance.is_due()
    assert library.titles() == set()
    worker = Worker([maintenance.tick])
    worker.start()
    maintenance.reconfigure(own, library.schedule)
    worker.wake()
    end = time.monotonic() + 20
    while library.titles() != {"a", "b"}:
        assert time.monotonic() < end
        time.sleep(0.02)
    worker.stop()


def test_songs_of_an_m3u_file_lead_to_it(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    m3u = tmp_path / "quiet evenings.m3u8"
    m3u.write_text("#EXTINF:1,Ann - One\nhttps://radio.example/1\n#EXTINF:1,Ann - Two\nhttps://radio.example/2\n")
    assert library.maintenance(str(m3u)).refresh() is not None
    with SqliteCatalogue(library.path) as catalogue:
        numbers = [catalogue.key_of(f"https://radio.example/{number}") for number in (1, 2)]
        tracks = catalogue.tracks([number for number in numbers if number])
        assert catalogue.playlist(tracks) == m3u.as_uri()
        assert len(tracks) == 2
        assert catalogue.playlist(catalogue.tracks(catalogue.candidates(Emotion.SAD).keys[:2].tolist())) is None


def test_lists_taken_out_of_the_configuration_go(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    library.maintenance().refresh()
    store = JsonFile(library.state / "refresh.json")
    report = LibraryMaintenance(library.path, {Emotion.SAD: ("starter",)}, library.schedule, store).refresh()
    assert report is not None
    assert report.changes["sad", "no longer configured"].replaced == ("a, x", "b, x")
    assert not library.titles()


def test_progress_is_told_while_a_list_is_read(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    library.songs(*map(str, range(70)))
    maintenance = library.maintenance()
    seen: list[object] = []

    def should_stop() -> bool:
        seen.append(maintenance.run_action("progress", {}))
        return False

    library.should_stop = should_stop  # type: ignore[method-assign]  # what it is there for
    maintenance = library.maintenance()
    maintenance.refresh()
    assert {"running": True, "done": 1, "total": 3, "name": str(library.list), "songs": 60} in seen


def test_a_refresh_that_fails_as_a_whole_is_told_and_tried_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library = LibraryFixture(tmp_path)
    library.path.write_text("")
    library.path.unlink()
    library.path.mkdir()
    maintenance = library.maintenance()
    maintenance.tick()
    maintenance.tick()
    assert caplog.text.count("the catalogue was not refreshed") == 1
    assert "error" in str(maintenance.run_action("progress", {}))


def test_a_refresh_that_failed_is_tried_again_though_the_lists_are_never_read_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_module, "RETRY_S", (0.05,))
    library = LibraryFixture(tmp_path, "never")
    library.path.mkdir()
    maintenance = library.maintenance()
    maintenance.run_action("refresh", {})
    maintenance.tick()
    library.path.rmdir()
    time.sleep(0.06)
    maintenance.tick()
    assert library.titles() == {"a", "b"}
    library.songs("a", "b", "c")
    maintenance.tick()
    assert library.titles() == {"a", "b"}, "once it has succeeded, it is not read again"


class BrokenList:
    """A list whose library fails in an unexpected way."""

    uri = None
    skipped = SkippedEntries()

    def tracks(self) -> Iterator[Song]:
        raise IndexError("bug")


def test_a_list_that_breaks_its_reader_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    wanted = {Emotion.HAPPY: ("broken:1",), Emotion.SAD: ("starter",)}
    report = Refresh(wanted, {"broken": lambda *_: BrokenList()}).run(tmp_path / "c.sqlite")
    assert report.errors == ["broken:1: bug; the list stays as it was"]
    with CatalogueEditor(tmp_path / "c.sqlite") as editor:
        assert len(editor.entries(Emotion.HAPPY)) == len(editor.entries(Emotion.SAD)) == 25


@pytest.mark.parametrize("name", ["refresh.json", "lists.json"])
def test_a_refresh_that_was_asked_for_ends_with_a_report_whatever_happens(tmp_path: Path, name: str) -> None:
    library = LibraryFixture(tmp_path, "never")
    maintenance = library.maintenance()
    maintenance.run_action("refresh", {})
    (library.state / name).unlink(missing_ok=True)
    (library.state / name).mkdir()
    with contextlib.suppress(Exception):
        maintenance.tick()
    progress = maintenance.run_action("progress", {})
    assert not progress["running"]
    assert "error" in str(progress["report"])


@pytest.mark.parametrize("name", ["refresh.json", "lists.json"])
def test_a_refresh_that_is_asked_for_is_refused_where_that_cannot_be_stored(tmp_path: Path, name: str) -> None:
    library = LibraryFixture(tmp_path, "never")
    library.maintenance().refresh()
    library.songs("a", "b", "c")
    maintenance, broken = library.maintenance(), library.state / name
    content = broken.read_bytes() if broken.exists() else None
    broken.unlink(missing_ok=True)
    broken.mkdir()
    with pytest.raises(CatalogueError, match=rf"was not started: .*{name}"):
        maintenance.run_action("refresh", {})
    broken.rmdir()
    if content is not None:
        broken.write_bytes(content)
    assert maintenance.run_action("progress", {}) == {"running": False, "report": None}
    maintenance.tick()
    assert library.titles() == {"a", "b"}


def test_lists_that_were_chosen_are_read_after_a_restart(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    library.maintenance().refresh()
    library.maintenance().run_action("source", {"emotion": "sad", "lists": ["starter"]})
    library.maintenance().tick()
    assert library.titles().isdisjoint({"a", "b"})


def test_a_list_of_too_many_songs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SONGS", 24)
    refresh = Refresh({Emotion.SAD: ("starter",)})
    report = refresh.run(tmp_path / "c.sqlite")
    assert report.errors == ["starter: more than 24 songs; split it"]


def test_stopping_keeps_the_tags_that_were_read(tmp_path: Path) -> None:
    for number in range(4):
        mp3(tmp_path / f"{number}.mp3", title=str(number), artist="x")
    stops = iter([False, False, True])
    with pytest.raises(RefreshCancelledError):
        Refresh({Emotion.SAD: (str(tmp_path),)}, should_stop=lambda: next(stops)).run(tmp_path / "c.sqlite")
    with CatalogueEditor(tmp_path / "c.sqlite") as lists:
        assert lists.connection.execute("SELECT count(*) FROM scanned").fetchone() == (3,)


def test_a_backup_from_a_wrong_year_puts_off_no_other(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    maintenance, backup = library.maintenance(), library.state / BACKUP
    maintenance.back_up()
    future = datetime(2040, 1, 1, tzinfo=UTC).timestamp()
    os.utime(backup, (future, future))
    maintenance.back_up()
    assert backup.stat().st_mtime < future


def test_the_catalogue_is_backed_up_once_a_week_if_it_changed(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    maintenance, backup = library.maintenance(), library.state / BACKUP
    maintenance.back_up()
    first = backup.stat().st_mtime_ns
    maintenance.back_up()
    assert backup.stat().st_mtime_ns == first
    old = first / 1e9 - 8 * 86400
    os.utime(backup, (old, old))
    maintenance.back_up()
    assert backup.stat().st_mtime > old
    with CatalogueEditor(backup, read_only=True) as lists:
        assert len(lists.entries()) == 175


def test_the_actions_of_the_catalogue_are_run_by_its_maintenance_too(tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, "never")
    maintenance = library.maintenance()
    assert maintenance.run_action("verify", {}) == {"faults": []} if library.path.exists() else True
    maintenance.refresh()
    assert maintenance.run_action("verify", {}) == {"faults": []}
    with pytest.raises(ListError, match="no action 'eat'"):
        maintenance.run_action("eat", {})
    with pytest.raises(CatalogueError):
        LibraryMaintenance(tmp_path / "none" / "x", {}, library.schedule, JsonFile(tmp_path / "r.json")).run_action(
            "list", {}
        )
