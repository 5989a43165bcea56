"""`musicond catalogue`: list, change, refresh and rate the songs that can be recommended."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from musicond.app.library import build_maintenance, list_builders, wanted_lists
from musicond.commands import terminal
from musicond.commands.daemon import ask_daemon, own_state_dir, read_list_selection
from musicond.commands.options import add_actions, wants_json, write_output
from musicond.config.loader import load
from musicond.config.paths import control_socket
from musicond.config.schema import Config
from musicond.core.models import EMOTIONS, Emotion, Song, Verdict
from musicond.errors import UNAVAILABLE, ListError, SkippedEntries, bounded_number, counted
from musicond.library.actions import READ_ACTIONS
from musicond.library.actions import run as run_action
from musicond.library.audio_files import AudioFolder
from musicond.library.database import FILE_NAME, MEMORY
from musicond.library.editor import CatalogueEntry
from musicond.library.sorted_library import LIBRARY, moods_of_song, songs_for, takes_nearest
from musicond.library.sources import PLAYLISTS, library_source, read_table
from musicond.library.table_files import Row, rows_to_json, write_csv, write_json
from musicond.web.client import ControlClient

POLL_S = 0.3
FEEDBACK = ("likes", "dislikes", "skips", "mood", "track_id")
"""Keys of the columns of feedback."""
BATCH = 2000
"""Songs in one request to the daemon."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = add_actions(parser, {name: text for name, (text, _) in ACTIONS.items()})
    _add_emotion(actions["list"], "emotion", nargs="?")
    actions["list"].add_argument("--json", action="store_true", help="print all that is known, as a JSON array")
    add = actions["add"]
    _add_emotion(add, "emotion")
    add.add_argument("title")
    add.add_argument("artist")
    add.add_argument("link", nargs="?", help="its web address")
    add.add_argument("--id", metavar="ID", help="such as spotify:track:...; default: made of link, or artist and title")
    for name, text in (("valence", "gloomy to cheerful"), ("energy", "calm to lively")):
        add.add_argument(f"--{name}", type=_share, metavar="0..1", help=f"0 to 1, {text}")
    actions["remove"].add_argument("song", metavar="SONG", help="its id, as musicond catalogue list shows it")
    _add_emotion(actions["remove"], "--mood")
    actions["import"].add_argument("file", type=Path, metavar="FILE")
    _add_emotion(actions["import"], "--mood")
    export = actions["export"]
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: standard output")
    _add_emotion(export, "--mood")
    export.add_argument("--json", action="store_true", help="JSON instead of CSV; so does a FILE that ends in .json")
    actions["refresh"].add_argument("--if-due", action="store_true", help="only if music.refresh says that it is time")
    actions["sort"].add_argument("--dry-run", action="store_true", help="only by tags, and change nothing")
    feedback, verdicts = actions["feedback"], [*map(str, Verdict), "reset"]
    feedback.add_argument(
        "verdict", nargs="?", choices=verdicts, metavar="VERDICT", help=f"{', '.join(verdicts[:-1])}; reset deletes it"
    )
    feedback.add_argument(
        "song", nargs="?", metavar="SONG", help="its id, as list shows it; default: the first one shown, reset: all"
    )
    feedback.add_argument("--json", action="store_true", help="print JSON")


def _add_emotion(parser: argparse.ArgumentParser, name: str, **options: Any) -> None:
    if name.startswith("--"):
        options["dest"] = "emotion"
    choices = [*map(str, EMOTIONS)]
    parser.add_argument(name, metavar="MOOD", choices=choices, help=f"one of {', '.join(choices)}", **options)


def _share(text: str) -> float:
    if (share := bounded_number(text, 0, 1)) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return share


def run(args: argparse.Namespace) -> int | None:
    """Run one action; raise ConfigError, CatalogueError, ListError, StateDirError or ControlError."""
    _, function = ACTIONS[args.action]
    return function(args, load(args.config).config)


def _run_action(config: Config, action: str, **arguments: object) -> dict[str, Any]:
    """Run an action of `library.actions` in the daemon, or without one in its state directory."""
    return ask_daemon(
        config,
        lambda client: client.run_action("catalogue", action, arguments),
        lambda folder: _run_locally(folder / FILE_NAME, action, arguments),
    )


def _run_locally(path: Path, action: str, arguments: Mapping[str, object]) -> dict[str, Any]:
    """Run an action on the catalogue's file; one that only reads takes the starter where there is no file."""
    if action not in READ_ACTIONS:
        with own_state_dir(path.parent):
            return run_action(path, action, arguments)
    try:
        os.lstat(path)
    except OSError as exc:  # SQLite reports all others
        if isinstance(exc, FileNotFoundError | NotADirectoryError):
            print(f"musicond: there is no {path} yet; this is the starter that it begins with", file=sys.stderr)
            return run_action(MEMORY, action, arguments)
    return run_action(path, action, arguments)


def _list(args: argparse.Namespace, config: Config) -> None:
    """Print JSON, or a heading for each mood and a line for each track: times shown, id, song, link."""
    entries = _entries(config, args.emotion)
    if args.json:
        print(json.dumps([entry.to_json() for entry in entries], indent=1))
        return
    for emotion, group in groupby(entries, attrgetter("emotion")):
        terminal.echo((f"{emotion} (times shown, id, song, link)", "name"))
        for entry in group:
            gone = "  (no longer in its list)" if entry.state == "gone" else ""
            # Not a table of rich: a catalogue of many thousand songs would take seconds.
            parts = (entry.track_id, _song(entry.title, entry.artist), entry.link)
            print(f"{entry.shown:4}  {'  '.join(map(terminal.one_line, parts)).rstrip()}{gone}")


def _entries(config: Config, emotion: str | None) -> list[CatalogueEntry]:
    return [CatalogueEntry(**entry) for entry in _run_action(config, "list", emotion=emotion)["entries"]]


def _add(args: argparse.Namespace, config: Config) -> None:
    song = Song(
        title=args.title, artist=args.artist, track_id=args.id or "", link=args.link or "",
        valence=args.valence, energy=args.energy, source="added by hand",
    )  # fmt: skip
    new = _run_action(config, "add", rows=rows_to_json([Row(song, Emotion(args.emotion))]))["new"]
    print(f"added to {args.emotion}" if new else f"{args.emotion} has it already; brought up to date")


def _remove(args: argparse.Namespace, config: Config) -> None:
    lists = _run_action(config, "remove", id=args.song, emotion=args.emotion)["lists"]
    if not lists:
        raise ListError(f"no list holds a song {args.song!r}; musicond catalogue list shows the id of each song")
    print(f"removed from {counted(lists, 'list')}; a refresh does not bring it back")


def _import(args: argparse.Namespace, config: Config) -> None:
    emotion = Emotion(args.emotion) if args.emotion else None
    skipped = SkippedEntries()
    rows = list(terminal.track(_rows(args.file, emotion, skipped), "reading, songs"))
    if not rows and skipped:
        raise ListError(f"{args.file}: {skipped.none_usable()}; nothing was imported")
    new = 0
    with terminal.progress("importing, songs", len(rows)) as advance:
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            new += int(_run_action(config, "add", rows=rows_to_json(batch))["new"])
            advance(len(batch))
    print(f"{counted(len(rows), 'song')} read, {new} of them new")
    for line in skipped.report(str(args.file), len(rows)):
        print(f"musicond: {line}", file=sys.stderr)


def _rows(path: Path, emotion: Emotion | None, skipped: SkippedEntries) -> Iterator[Row]:
    """Yield the songs of a file or folder, and count entries that can't be used in `skipped`; raise ListError."""
    suffix, is_folder = path.suffix.lower(), os.path.isdir(path)  # noqa: PTH112 - unlike Path.is_dir it never raises
    if is_folder or suffix in PLAYLISTS:
        if emotion is None:
            raise ListError(f"{path}: give the mood of these songs: --mood MOOD")
        source = AudioFolder(path) if is_folder else PLAYLISTS[suffix](path)
        for song in source.tracks():
            yield Row(song, emotion)
        skipped.update(source.skipped)
        return
    for row in read_table(path, skipped):
        if (list_emotion := emotion or row.emotion) is None:
            raise ListError(f"{path}: {row.song.title!r} names no mood; add --mood MOOD, or a column emotion")
        yield Row(row.song, list_emotion, row.feedback)


def _export(args: argparse.Namespace, config: Config) -> None:
    entries = _entries(config, args.emotion)
    write_output(args.file, write_json(entries) if wants_json(args) else write_csv(entries))


def _verify(_: argparse.Namespace, config: Config) -> int:
    faults = _run_action(config, "verify")["faults"]
    for fault in faults or ["the catalogue has no faults"]:
        print(terminal.one_line(fault))
    return UNAVAILABLE if any(fault.startswith("damage") for fault in faults) else 0


def _refresh(args: argparse.Namespace, config: Config) -> int | None:
    report = ask_daemon(
        config,
        lambda client: _refresh_in_daemon(client, if_due=args.if_due),
        lambda folder: _refresh_locally(config, folder, if_due=args.if_due),
    )
    if report is not None:
        return _print_report(report)
    print("not due yet")
    return None


def _refresh_in_daemon(client: ControlClient, *, if_due: bool) -> dict[str, Any] | None:
    """Start a refresh and follow its progress; return its report, None if none is due.

    Ctrl-C ends the progress bar; the refresh continues.
    """
    if not client.run_action("catalogue", "refresh", {"if_due": if_due})["started"]:
        return None
    with terminal.progress("lists") as advance:
        while (progress := client.run_action("catalogue", "progress")).get("running"):
            songs = f", {counted(progress['songs'], 'song')}" if progress.get("songs") else ""
            advance(
                text=f"list {progress.get('name', '')}{songs}",
                total=progress.get("total"),
                completed=progress.get("done", 0),
            )
            time.sleep(POLL_S)
    return dict(progress.get("report") or {})


def _refresh_locally(config: Config, folder: Path, *, if_due: bool) -> dict[str, Any] | None:
    """Refresh in this process; return the report, None if no refresh is due."""
    with own_state_dir(folder), terminal.progress("lists") as move:
        maintenance = build_maintenance(config, folder)
        if not maintenance.run_action("refresh", {"if_due": if_due})["started"]:
            return None

        def advance(refresh: Any) -> None:
            move(1, total=refresh.progress.total)

        report = maintenance.refresh(advance)
        return report.to_json() if report else {"error": str(maintenance.run_action("progress", {})["report"])}


def _print_report(report: Mapping[str, Any]) -> int:
    if "error" in report:
        print(f"musicond: {terminal.one_line(report['error'])}", file=sys.stderr)
        return UNAVAILABLE
    for change in report.get("lists", []):
        print(f"{change['emotion']}, {terminal.one_line(change['list'])}:")
        for kind in ("new", "gone", "replaced"):
            for song in change[kind]:
                print(f"  {kind:9} {terminal.one_line(song)}")
    for fault in (*report.get("skipped", []), *report.get("faults", [])):
        print(f"musicond: {terminal.one_line(fault)}", file=sys.stderr)
    print(report.get("summary", "the daemon was stopped before it was done; the next start goes on with it"))
    return UNAVAILABLE if report.get("faults") else 0


def _sort(args: argparse.Namespace, config: Config) -> int | None:
    lists = _lists_in_force(config)
    places = dict.fromkeys(name for names in lists.values() for name in names if name.startswith(LIBRARY))
    if not places:
        if any(name.startswith(LIBRARY) for names in wanted_lists(config).values() for name in names):
            raise ListError("no mood takes songs of the library: other lists were chosen on the page; add it there")
        raise ListError("there is no library; set music.library to folders, or to mpd with playback.backend: mpd")
    if args.dry_run:
        _print_placed(lists, {place: list(_library_songs(config, place)) for place in places})
        return None
    report = ask_daemon(
        config,
        lambda client: _refresh_in_daemon(client, if_due=False),
        lambda folder: _refresh_locally(config, folder, if_due=False),
    )
    entries = (entry for entry in _entries(config, None) if entry.origin in places and entry.state == "listed")
    _print_sorted([(Emotion(entry.emotion), entry) for entry in entries])
    if report is not None and report.get("library_songs"):
        _print_left(report["left"], report["library_songs"])
    return _print_report({**(report or {}), "lists": []})


def _lists_in_force(config: Config) -> dict[Emotion, list[str]]:
    """Return the lists of each mood: the configured ones, or those chosen on the page."""
    lists = ask_daemon(
        config,
        lambda client: dict(client.run_action("catalogue", "sources")["lists"]),
        lambda folder: {**wanted_lists(config), **read_list_selection(folder)},
    )
    return {Emotion(emotion): list(names) for emotion, names in lists.items()}


def _print_placed(lists: Mapping[Emotion, Sequence[str]], songs: Mapping[str, Sequence[Song]]) -> None:
    """Print what a refresh would sort into each mood, of the songs of each library."""
    placed = {
        place: [(moods_of_song(song), song) for song in library if song.energy is not None]
        for place, library in songs.items()
    }
    sorted_songs: list[tuple[Emotion, Song]] = []
    for emotion, names in lists.items():
        has_songs: dict[str, bool] = {}
        for name in filter(placed.__contains__, names):
            nearest = takes_nearest(name, names, has_songs.get)
            fitting = list(songs_for(emotion, partial(placed.__getitem__, name), nearest=nearest))
            has_songs[name] = bool(fitting)
            sorted_songs += [(emotion, song) for song in fitting]
    _print_sorted(sorted_songs)
    count = sum(map(len, songs.values()))
    _print_left(count - sum(map(len, placed.values())), count)


def _library_songs(config: Config, place: str) -> Iterator[Song]:
    source = library_source(place, None, list_builders(config, None), listen=False)
    yield from terminal.track(source.tracks(), "reading, songs")


def _print_sorted(songs: Sequence[tuple[Emotion, Song]]) -> None:
    """Print how many songs each mood got, by what, and whether they are only the nearest ones."""
    for emotion in EMOTIONS:
        own = [song for mood, song in songs if mood == emotion]
        sources = Counter(song.source.partition(";")[0] for song in own)
        by = ", ".join(f"{number} by {source}" for source, number in sources.most_common())
        nearest = "" if any(song.energy is None or emotion in moods_of_song(song) for song in own) else "the nearest: "
        print(f"{emotion}: {counted(sources.total(), 'song')}{f' ({nearest}{by})' if by else ''}")


def _print_left(left: int, songs: int) -> None:
    print(f"left: {left} of {counted(songs, 'song')}")


def _feedback(args: argparse.Namespace, config: Config) -> None:
    if args.verdict == "reset":
        songs = _run_action(config, "reset-feedback", id=args.song)["songs"]
        print(f"the feedback on {counted(songs, 'song')} is deleted")
    elif args.verdict:
        ControlClient(control_socket(config)).send("rate", verdict=args.verdict, id=args.song)
        print("remembered")
    else:
        _print_feedback(_run_action(config, "feedback")["feedback"], as_json=args.json)


def _print_feedback(feedback: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(feedback, ensure_ascii=False, indent=1))
        return
    if not feedback:
        print("there is no feedback on any song yet")
        return
    columns = ("likes (n)", "dislikes (n)", "skips (n)", "mood", "id", "song")
    terminal.print_table(
        columns, [[*map(song.get, FEEDBACK), _song(song["title"], song["artist"])] for song in feedback]
    )


def _song(title: str, artist: str) -> str:
    return f"{title} – {artist}"  # noqa: RUF001 - the usual dash


ACTIONS: Mapping[str, tuple[str, Callable[[argparse.Namespace, Config], int | None]]] = {
    "list": ("print the lists", _list),
    "add": ("add one song to a list", _add),
    "remove": ("take a song out of one list or all, for good", _remove),
    "import": ("add the songs of a CSV, JSON or M3U file, or of a folder of audio files", _import),
    "export": ("write all lists, with the feedback on their songs, for import", _export),
    "verify": ("check the file and the lists", _verify),
    "refresh": ("read the lists of music.moods again, now", _refresh),
    "sort": ("sort the songs of music.library into the moods, now", _sort),
    "feedback": ("like, dislike or skip a song, or print the feedback", _feedback),
}
"""For each action, its line of help and its function, which returns an exit code other than 0."""
