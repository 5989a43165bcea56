"""The own library: sorted by tags, else by sound, resumed, and never against a person."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import time
import wave
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mutagen.id3 import ID3, TXXX
from mutagen.wave import WAVE

from musicond.app.library import wanted_lists
from musicond.cli import main
from musicond.config.schema import Config
from musicond.core.models import Emotion, Song
from musicond.core.recommend.song_affect import SOUND
from musicond.core.schedule import Schedule
from musicond.errors import ListError, SkippedEntries
from musicond.library import maintenance as maintenance_module
from musicond.library import refresh as refresh_module
from musicond.library import sorted_library
from musicond.library.audio_files import read_tags
from musicond.library.database import FILE_NAME
from musicond.library.editor import CatalogueEditor
from musicond.library.maintenance import LibraryMaintenance
from musicond.library.refresh import Refresh, RefreshCancelledError
from musicond.library.sorted_library import LibraryReading, SortedFolder
from musicond.library.sound import RATE, TIMEOUT_S, arousal_of, estimate_arousal
from musicond.runtime.json_file import JsonFile
from musicond.web.api import ACTION_WAIT_S
from tests.figures import FULL
from tests.library.test_refresh import mp3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SONGS = 2000 if FULL else 400
"""Full: script/fault-test lists."""
GENRES = ("Disco", "Heavy Metal", "Blues", "Techno", "Classical", "Grunge", "Dark Ambient", "Jazz", "Rock", "Other")
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is missing: apt install ffmpeg")


def library_names(config: Config) -> dict[Emotion, tuple[str, ...]]:
    return {emotion: names[-1:] for emotion, names in wanted_lists(config).items()}


def sorted_songs(catalogue: Path) -> dict[str, list[tuple[str, float | None, float | None, str]]]:
    """Return the library's songs of each mood, with valence, energy and source."""
    with CatalogueEditor(catalogue) as editor:
        return {
            emotion: [
                (entry.track_id, entry.valence, entry.energy, entry.source)
                for entry in editor.entries(emotion)
                if entry.origin.startswith("library:") and entry.state == "listed"
            ]
            for emotion in Emotion
        }


def places(catalogue: Path) -> dict[str, tuple[float | None, float | None, str]]:
    return {track_id: tuple(place) for songs in sorted_songs(catalogue).values() for track_id, *place in songs}  # type: ignore[misc]


def library(folder: Path) -> Config:
    return Config.model_validate({"music": {"library": [str(folder)]}})


def test_many_songs_are_sorted_the_same_twice(tmp_path: Path) -> None:
    folder, rng = tmp_path / "music", random.Random(1)
    for number in range(SONGS):
        (folder / str(number % 40)).mkdir(parents=True, exist_ok=True)
        tags = {"title": f"Song {number}", "genre": rng.choice(GENRES), "bpm": str(rng.randrange(60, 180))}
        if number % 4 == 0:
            tags["mood"] = rng.choice(("happy", "sad", "angry", "scary", "calm", "nothing known"))
        mp3(folder / str(number % 40) / f"{number}.mp3", **tags)
    wanted = library_names(library(folder))
    results = []
    for name in ("one.sqlite", "two.sqlite"):
        report = Refresh(wanted).run(tmp_path / name)
        assert report.errors == []
        results.append(sorted_songs(tmp_path / name))
    assert results[0] == results[1]
    assert {track_id for songs in results[0].values() for track_id, *_ in songs} == {
        (folder / str(number % 40) / f"{number}.mp3").as_uri() for number in range(SONGS)
    }
    assert all(len(songs) > SONGS / 40 for songs in results[0].values())
    assert not Refresh(wanted).run(tmp_path / "one.sqlite").changes, "a second refresh changes nothing"


def test_a_person_moves_a_song_for_good(tmp_path: Path) -> None:
    folder, catalogue = tmp_path / "music", tmp_path / FILE_NAME
    folder.mkdir()
    song = mp3(folder / "a.mp3", title="A", mood="sad").as_uri()
    mp3(folder / "b.mp3", title="B", mood="sad")
    wanted = library_names(library(folder))
    Refresh(wanted).run(catalogue)
    with CatalogueEditor(catalogue) as editor:
        entry = next(entry for entry in editor.entries(Emotion.SAD) if entry.track_id == song)
        assert editor.remove(song, Emotion.SAD) == 1
        editor.add([(Emotion.HAPPY, entry, (0, 0, 0))])
    mp3(folder / "c.mp3", title="C", mood="sad")
    Refresh(wanted).run(catalogue)
    mp3(folder / "a.mp3", title="A", mood="melancholy", genre="Blues")
    Refresh(wanted).run(catalogue)
    with CatalogueEditor(catalogue) as editor:
        titles = {emotion: [entry.title for entry in editor.entries(emotion)] for emotion in Emotion}
    assert "A" not in titles[Emotion.SAD]
    assert {"B", "C"} <= set(titles[Emotion.SAD])
    assert "A" in titles[Emotion.HAPPY]


def test_the_starter_gives_way_only_where_the_library_has_songs(tmp_path: Path) -> None:
    folder, catalogue = tmp_path / "music", tmp_path / FILE_NAME
    folder.mkdir()
    mp3(folder / "a.mp3", title="A", mood="happy")
    wanted = wanted_lists(library(folder))
    assert wanted[Emotion.HAPPY] == ("starter", f"library:{folder}")
    report = Refresh(wanted).run(catalogue)
    assert report.errors == []
    with CatalogueEditor(catalogue) as editor:
        origins = {emotion: {entry.origin for entry in editor.entries(emotion)} for emotion in Emotion}
    assert origins[Emotion.HAPPY] == {f"library:{folder}"}
    assert origins[Emotion.SAD] == {"starter"}
    (folder / "a.mp3").unlink()
    assert "the library has no songs" in str(Refresh(wanted).run(catalogue).errors)
    with CatalogueEditor(catalogue) as editor:
        assert "A" in {entry.title for entry in editor.entries(Emotion.HAPPY)}, "an empty folder may not be mounted"


def test_an_interrupted_first_sort_drops_the_starter_as_an_uninterrupted_one_does(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    for mood in ("happy", "angry", "sad"):
        mp3(folder / f"{mood}.mp3", title=mood, mood=mood)
    wanted = wanted_lists(library(folder))
    Refresh(wanted).run(tmp_path / "whole.sqlite")
    done: list[int] = []
    interrupted = Refresh(wanted, should_stop=lambda: len(done) == 8)
    with pytest.raises(RefreshCancelledError):
        interrupted.run(tmp_path / FILE_NAME, on_list_done=done.append)
    Refresh(wanted).run(tmp_path / FILE_NAME, first=8)
    origins = []
    for name in ("whole.sqlite", FILE_NAME):
        with CatalogueEditor(tmp_path / name) as editor:
            origins.append({emotion: {entry.origin for entry in editor.entries(emotion)} for emotion in Emotion})
    assert origins[0] == origins[1]
    assert origins[0][Emotion.HAPPY] == {f"library:{folder}"}


class CountedLibrary:
    """A library that counts how often it is read; `at` is called before a song of this number."""

    uri = None

    def __init__(self, songs: int = 10) -> None:
        self.readings, self.songs = 0, songs
        self.fails: Exception | None = None
        self.at: dict[int, Callable[[], object]] = {}
        self.skipped = SkippedEntries()

    def tracks(self) -> Iterator[Song]:
        self.readings += 1
        self.skipped, last = SkippedEntries(), self.songs - 1
        for number in range(self.songs):
            self.at.pop(number, lambda: None)()
            if self.fails is not None:
                raise self.fails
            yield Song(f"Song {number}", "x", valence=number / last, energy=number / last, source="mood tag; mpd")


def maintenance_of(folder: Path, library: CountedLibrary, lists: Sequence[str]) -> LibraryMaintenance:
    wanted = dict.fromkeys(Emotion, (*lists, "library:mpd"))
    store, builders = JsonFile(folder / "refresh.json"), {"mpd": lambda _, __: library}
    return LibraryMaintenance(folder / FILE_NAME, wanted, Schedule.parse("never"), store, builders=builders)


def test_a_refresh_reads_a_library_once_for_all_moods(tmp_path: Path) -> None:
    library = CountedLibrary()
    maintenance = maintenance_of(tmp_path, library, ["starter"])
    report = maintenance.refresh()
    assert report is not None
    assert (report.errors, library.readings) == ([], 1)
    songs = sorted_songs(tmp_path / FILE_NAME)
    assert {track_id for mood in songs.values() for track_id, *_ in mood} == {f"song:x:song%20{n}" for n in range(10)}
    assert ("song:x:song%209", 1.0, 1.0, "mood tag; mpd") in songs[Emotion.HAPPY]
    library.fails = ListError("mpd is away")
    report = maintenance.refresh()
    assert report is not None
    assert (report.errors, library.readings) == (["mpd is away"], 2)
    assert sorted_songs(tmp_path / FILE_NAME) == songs


def test_a_library_out_of_reach_is_tried_again_soon_and_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sorted_library, "SOON_S", 0.02)
    monkeypatch.setattr(maintenance_module, "RETRY_S", (0.02,))
    caplog.set_level("INFO")
    library = CountedLibrary()
    library.fails = ListError("mpd is away")
    maintenance = maintenance_of(tmp_path, library, ["starter"])
    for _ in range(3):
        maintenance.tick()
        assert not maintenance.is_due(), "not at once again"
        time.sleep(0.03)
    assert library.readings == 3
    assert caplog.text.count("1 list could not be read") == 1
    library.fails = None
    maintenance_of(tmp_path, library, ["starter"]).tick()
    assert len(sorted_songs(tmp_path / FILE_NAME)[Emotion.HAPPY]) > 0, "a restart tries it again, too"
    assert not maintenance_of(tmp_path, library, ["starter"]).is_due()


def test_the_passes_over_a_sorted_library_show_their_progress_and_can_be_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_library, "SORTED_EVERY", refresh_module.PROGRESS_EVERY)
    library = CountedLibrary(songs=50)
    done: list[int] = []
    seen: list[tuple[int, int]] = []

    def should_stop() -> bool:
        seen.append((len(done), refresh.progress.songs))
        return len(done) == 2 and refresh.progress.songs > 0

    wanted = dict.fromkeys(Emotion, ("starter", "library:mpd"))
    refresh = Refresh(wanted, {"mpd": lambda _, __: library}, should_stop)
    with pytest.raises(RefreshCancelledError):
        refresh.run(tmp_path / FILE_NAME, on_list_done=done.append)
    assert (done, library.readings) == ([1, 2], 1)
    assert [entry for entry in seen if entry[0] > 0] == [(1, 0), (1, 20), (2, 0), (2, 20)]


def test_a_disk_that_is_full_while_a_library_is_sorted_is_one_error_of_all_moods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_library, "SPOOL_BYTES", 1000)
    library = CountedLibrary(songs=500)
    reading, limits = LibraryReading(lambda: library, tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    texts = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        for emotion in Emotion:
            with pytest.raises(ListError) as caught:
                list(reading.songs_of(emotion))
            texts.append(str(caught.value))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert set(texts) == {f"{tmp_path}: the library can't be sorted there (File too large); make room on this disk"}
    assert library.readings == 1


def test_lists_that_are_chosen_during_the_first_sort_are_read_before_it_goes_on(tmp_path: Path) -> None:
    library, chosen = CountedLibrary(), tmp_path / "chosen.csv"
    chosen.write_text("title,artist\nChosen,Ann\n")
    maintenance = maintenance_of(tmp_path, library, [str(chosen)])
    maintenance.run_action("source", {"emotion": "sad", "lists": ["starter"]})
    titles: list[set[str]] = []

    def choose() -> None:
        maintenance.run_action("source", {"emotion": "sad", "lists": [str(chosen)]})
        library.at[1] = look

    def look() -> None:
        with CatalogueEditor(tmp_path / FILE_NAME) as editor:
            titles.append({entry.title for entry in editor.entries(Emotion.SAD)})

    library.at[4] = choose
    maintenance.tick()
    assert "Chosen" in titles[0], "the sort goes on after it"
    assert library.readings == 2
    progress = maintenance.run_action("progress", {})
    assert not progress["running"]
    assert isinstance(report := progress["report"], dict)
    assert report["faults"] == []
    assert len(sorted_songs(tmp_path / FILE_NAME)[Emotion.HAPPY]) > 0
    assert len(sorted_songs(tmp_path / FILE_NAME)[Emotion.SAD]) == 0, "only what was chosen"


def test_a_library_may_have_more_songs_than_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(12):
        mp3(folder / f"{number}.mp3", title=f"{number}", mood="happy" if number % 2 else "sad")
    wanted = library_names(library(folder))
    monkeypatch.setattr(refresh_module, "MOST_SONGS", 6)
    assert Refresh(wanted).run(tmp_path / FILE_NAME).errors == []
    assert [len(sorted_songs(tmp_path / FILE_NAME)[mood]) for mood in (Emotion.HAPPY, Emotion.SAD)] == [6, 6]
    monkeypatch.setattr(refresh_module, "MOST_SONGS", 5)
    assert Refresh(wanted).run(tmp_path / FILE_NAME).errors == [
        f"library:{folder}: more than 5 songs; name folders with fewer in music.library"
    ]


@needs_ffmpeg
@pytest.mark.parametrize("spelling", ["REPLAYGAIN_TRACK_GAIN", "replaygain_track_gain"])
def test_a_song_whose_loudness_alone_is_known_is_listened_to(tmp_path: Path, spelling: str) -> None:
    song = mp3(tmp_path / "a.mp3", title="A")
    file = ID3(song)
    file.add(TXXX(encoding=3, desc=spelling, text=["-10.00 dB"]))
    file.save()
    assert read_tags(song)["gain"] == "-10.00 dB"
    write(tmp_path / "b.wav", tone(random.Random(1), 100, -20, 4))
    wave_file = WAVE(tmp_path / "b.wav")
    wave_file.add_tags()
    wave_file.tags.add(TXXX(encoding=3, desc=spelling, text=["-10.00 dB"]))
    wave_file.save()
    assert read_tags(tmp_path / "b.wav")["gain"] == "-10.00 dB"
    songs = {song.title: song for song in SortedFolder(tmp_path).tracks()}
    assert songs["A"].energy is None, "it is silent"
    assert songs["b"].source == f"{SOUND}; {tmp_path}"


def test_which_lists_a_configuration_has() -> None:
    starter = dict.fromkeys(Emotion, ("starter",))
    assert wanted_lists(Config()) == starter
    own: dict[str, Any] = {"playback": {"backend": "mpd"}, "music": {"moods": {"sad": {"lists": ["/music/sad"]}}}}
    lists = wanted_lists(Config.model_validate(own))
    assert (lists[Emotion.SAD], lists[Emotion.HAPPY]) == (("/music/sad",), ("library:mpd",))
    own["music"]["library"] = ["/music", "mpd"]
    lists = wanted_lists(Config.model_validate(own))
    libraries = ("library:/music", "library:mpd")
    assert (lists[Emotion.SAD], lists[Emotion.HAPPY]) == (("/music/sad", *libraries), libraries)
    own["playback"]["backend"] = "none"
    assert wanted_lists(Config.model_validate(own))[Emotion.HAPPY] == ("starter", *libraries)
    waits = Config.model_validate({"playback": {"backend": "mpd"}})
    assert wanted_lists(waits, "none") == starter
    none = {"playback": {"backend": "mpd"}, "music": {"library": []}}
    assert wanted_lists(Config.model_validate(none)) == starter


def tone(rng: random.Random, tempo: float, level_db: float, harmonics: int, seconds: int = 12) -> NDArray[np.float32]:
    """Return notes at a tempo (per minute), with a level (dB of full scale) and a number of harmonics."""
    at = np.arange(seconds * RATE) / RATE
    period = 60 / tempo
    pitch = np.array([rng.choice((110, 131, 147, 165, 196)) for _ in range(int(seconds / period) + 1)])
    frequency = pitch[(at / period).astype(int)]
    envelope = np.exp(-(at % period) * 6)
    parts = [np.sin(2 * np.pi * frequency * number * at) / number for number in range(1, harmonics + 1)]
    samples = envelope * sum(parts)
    samples *= 10 ** (level_db / 20) / np.sqrt(np.mean(samples**2))
    return np.asarray(samples + np.random.default_rng(rng.randrange(10**6)).normal(0, 1e-4, len(at)), np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_synthetic_music_is_ranked_by_its_arousal(seed: int) -> None:
    rng = random.Random(seed)
    expected, estimated = [], []
    for _ in range(40):
        tempo, level, bright = rng.random(), rng.random(), rng.random()
        samples = tone(rng, 50 * 4**tempo, -38 + 26 * level, round(2 ** (1 + 3.5 * bright)))
        arousal = arousal_of(samples)
        assert arousal is not None
        estimated.append(arousal)
        expected.append(tempo + level + bright)
    ranks = np.array([np.argsort(np.argsort(values)) for values in (expected, estimated)])
    assert np.corrcoef(ranks)[0, 1] >= 0.8, "Spearman's rank correlation"


def test_silence_and_scraps_have_no_arousal() -> None:
    assert arousal_of(np.zeros(5 * RATE, np.float32)) is None
    assert arousal_of(np.ones(100, np.float32)) is None
    assert arousal_of(np.full(2 * RATE, np.nan, np.float32)) is None


def write(path: Path, samples: NDArray[np.float32]) -> None:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


@needs_ffmpeg
def test_a_song_without_tags_is_sorted_by_its_sound_which_is_read_once(tmp_path: Path) -> None:
    folder, catalogue, rng = tmp_path / "music", tmp_path / FILE_NAME, random.Random(1)
    folder.mkdir()
    for name, tempo, level in (("loud", 190, -9), ("soft", 50, -34)):
        write(folder / f"{name}.wav", tone(rng, tempo, level, 12 if name == "loud" else 1))
    write(folder / "silent.wav", np.zeros(3 * RATE, np.float32))
    (folder / "broken.mp3").write_bytes(b"no audio")
    wanted = library_names(library(folder))
    stops = iter([False, True])
    with pytest.raises(RefreshCancelledError):
        Refresh(wanted, should_stop=lambda: next(stops)).run(catalogue)
    report = Refresh(wanted).run(catalogue)
    songs = places(catalogue)
    loud, soft = (songs[(folder / f"{name}.wav").as_uri()] for name in ("loud", "soft"))
    assert (loud[0], soft[0]) == (None, None), "the valence is unknown"
    assert (loud[1] or 0) > (soft[1] or 1) + 0.3
    assert loud[2] == f"{SOUND}; {folder}"
    assert len(songs) == 2
    assert report.skipped[0] == f"library:{folder}: 2 of 4 entries skipped"
    assert "silent, unknown artist: has no tag of mood, genre or tempo; add one" in "".join(report.skipped)
    status = (folder / "loud.wav").stat()
    (folder / "loud.wav").write_bytes(bytes(status.st_size))
    os.utime(folder / "loud.wav", ns=(status.st_atime_ns, status.st_mtime_ns))
    Refresh(wanted).run(tmp_path / FILE_NAME)
    assert places(catalogue) == songs, "an unchanged file is not decoded again"


@needs_ffmpeg
def test_a_file_is_no_command(tmp_path: Path) -> None:
    for name in ("-i.wav", "concat:a|b.wav", "%d.wav"):
        write(tmp_path / name, tone(random.Random(1), 100, -20, 4))
        assert estimate_arousal(tmp_path / name, timeout_s=120) is not None
    (tmp_path / "list.wav").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n")
    assert estimate_arousal(tmp_path / "list.wav", timeout_s=120) is None


def test_a_decoder_that_hangs_ends_before_an_action_gives_up_and_its_sound_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = tone(random.Random(1), 120, -20, 4)
    (tmp_path / "samples").write_bytes(samples.astype("<f4").tobytes())
    decoder = tmp_path / "ffmpeg"
    decoder.write_text(f"#!/bin/sh\ncat '{tmp_path}/samples'\nexec sleep 60\n")
    decoder.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    begun = time.monotonic()
    assert estimate_arousal(tmp_path / "a.mp3", timeout_s=5) == arousal_of(samples)
    assert time.monotonic() - begun < 30
    decoder.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(TimeoutError, match="not decoded"):
        estimate_arousal(tmp_path / "a.mp3", timeout_s=0.1)
    assert TIMEOUT_S < ACTION_WAIT_S


def test_without_ffmpeg_songs_without_tags_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    mp3(folder / "a.mp3", title="A", genre="Disco")
    mp3(folder / "b.mp3", title="B")
    monkeypatch.setenv("PATH", "")
    report = Refresh(wanted_lists(library(folder))).run(tmp_path / FILE_NAME)
    assert "install ffmpeg" in "".join(report.skipped)
    assert [len(songs) for songs in sorted_songs(tmp_path / FILE_NAME).values()].count(0) == 6


def test_the_command_says_what_each_mood_got(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, config = tmp_path / "music", tmp_path / "c.yaml"
    folder.mkdir()
    for number in range(3):
        mp3(folder / f"{number}.mp3", title=f"Song {number}", mood="happy" if number else "sad")
    mp3(folder / "x.mp3", title="X")
    config.write_text(f"state_dir: {tmp_path / 'state'}\nmusic: {{library: ['{folder}']}}\n")
    arguments = ["catalogue", "sort", "--config", str(config)]
    assert main([*arguments, "--dry-run"]) == 0
    dry = capsys.readouterr().out
    assert "happy: 2 songs (2 by mood tag)\n" in dry
    assert "sad: 1 song (1 by mood tag)\nsurprise: 0 songs\nleft: 1 of 4 songs\n" in dry
    assert not (tmp_path / "state").exists()
    assert main(arguments) == 0
    output = capsys.readouterr()
    assert output.out.startswith(dry), "with the songs that are left"
    assert "X, unknown artist" in output.err
    place = f"state_dir: {tmp_path / 'other'}\nmusic: {{library: ['{folder}']}}\n"
    config.write_text(f"{place}playback: {{backend: mpd}}\n")
    for more in (["--dry-run"], []):
        assert main([*arguments, *more]) == 0
        nearest = capsys.readouterr().out
        assert "happy: 2 songs (2 by mood tag)\n" in nearest
        assert "surprise: 2 songs (the nearest: 2 by mood tag)\n" in nearest, "mpd does not have the starter's songs"
        assert "disgust: 1 song (the nearest: 1 by mood tag)\n" in nearest
    config.write_text("music: {library: []}\n")
    with contextlib.suppress(SystemExit, ListError):
        assert main(arguments) == 69
    assert "there is no library" in capsys.readouterr().err


def test_a_dry_run_says_what_the_sort_does_with_several_libraries_and_lists_chosen_on_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [tmp_path / name for name in ("cheerful", "mixed")]
    for folder, moods in zip(folders, (["happy"], ["happy", "sad"]), strict=True):
        folder.mkdir()
        for mood in moods:
            mp3(folder / f"{mood}.mp3", title=f"{folder.name} {mood}", mood=mood)
    config, state = tmp_path / "c.yaml", tmp_path / "state"
    places = ", ".join(f"'{folder}'" for folder in folders)
    config.write_text(f"state_dir: {state}\nmusic: {{library: [{places}]}}\nplayback: {{backend: mpd}}\n")
    state.mkdir()
    lists = JsonFile(state / "lists.json")
    chosen = {"happy": [f"library:{folders[1]}"], "neutral": ["starter"], "surprise": [f"library:{folders[0]}"]}
    lists.save({mood: json.dumps(names) for mood, names in chosen.items()})
    arguments = ["catalogue", "sort", "--config", str(config)]
    assert main([*arguments, "--dry-run"]) == 0
    dry = capsys.readouterr().out
    assert "happy: 1 song (1 by mood tag)\n" in dry
    assert "neutral: 0 songs\n" in dry
    assert "disgust: 1 song (the nearest: 1 by mood tag)\n" in dry, "of the last library alone"
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith(dry)
    lists.save(dict.fromkeys(Emotion, json.dumps(["starter"])))
    assert main([*arguments, "--dry-run"]) == 69
    assert "add it there" in capsys.readouterr().err
