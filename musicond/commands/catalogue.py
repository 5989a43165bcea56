"""`musicond catalogue`: look at, change, bring up to date and rate the songs that can be recommended."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from musicond.app.build import build_maintenance
from musicond.commands.options import add_config, load_config
from musicond.config.paths import control_socket, daemon_state_dir
from musicond.core.models import EMOTIONS, Emotion, Song, Verdict
from musicond.errors import ListError, NotRunning, StateDirError
from musicond.library.actions import ACTIONS
from musicond.library.actions import run as run_action
from musicond.library.audio_files import AudioFolder, M3u
from musicond.library.database import FILE_NAME, MEMORY
from musicond.library.editor import CatalogueEntry
from musicond.library.sources import read_table
from musicond.library.table_files import Row, as_message, write_csv, write_json
from musicond.runtime.json_file import state_lock
from musicond.web.client import ControlClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from musicond.config.schema import Config


NAMES = [each.value for each in EMOTIONS]


ONE_OF = f"one of {', '.join(NAMES)}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be done with the catalogue."""
    add_config(parser)
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        add_config(made, action=True)
        return made

    listing = action("list", "print the lists")
    _emotion(listing, "emotion", nargs="?")
    listing.add_argument("--json", action="store_true", help="print all that is known, as a JSON array")
    add = action("add", "add one song to a list")
    _emotion(add, "emotion")
    add.add_argument("title")
    add.add_argument("artist")
    add.add_argument("link", nargs="?", help="its web address")
    add.add_argument("--id", metavar="ID", help="such as spotify:track:...; default: made of link, or artist and title")
    for name, text in (("valence", "gloomy to cheerful"), ("energy", "calm to lively")):
        add.add_argument(f"--{name}", type=_share, metavar="0..1", help=f"0 to 1, {text}")
    remove = action("remove", "take a song out of one list or all, for good")
    remove.add_argument("song", metavar="SONG", help="its track_id, as list --json has it")
    _emotion(remove, "--mood")
    bring = action("import", "add the songs of a CSV, JSON or M3U file, or of a folder of audio files")
    bring.add_argument("file", type=Path, metavar="FILE")
    _emotion(bring, "--mood")
    export = action("export", "write all lists, with what was said of their songs, for import")
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: standard output")
    _emotion(export, "--mood")
    export.add_argument("--json", action="store_true", help="JSON instead of CSV; so does a FILE that ends in .json")
    action("verify", "check the file and the lists")
    refresh = action("refresh", "read the lists of music.moods anew, now")
    refresh.add_argument("--if-due", action="store_true", help="only if music.refresh says that it is time")
    feedback = action("feedback", "like, dislike or skip a song, or print what was said")
    verdicts = [*(each.value for each in Verdict), "reset"]
    feedback.add_argument(
        "verdict", nargs="?", choices=verdicts, metavar="VERDICT", help=f"{', '.join(verdicts[:-1])}; reset forgets"
    )
    feedback.add_argument(
        "song", nargs="?", metavar="SONG", help="its track_id; default: the first one shown, reset: all"
    )
    feedback.add_argument("--json", action="store_true", help="print JSON")


def _emotion(parser: argparse.ArgumentParser, name: str, nargs: str | None = None) -> None:
    if name.startswith("--"):
        parser.add_argument(name, dest="emotion", metavar="EMOTION", choices=NAMES, help=ONE_OF)
    else:
        parser.add_argument(name, metavar="EMOTION", choices=NAMES, help=ONE_OF, nargs=nargs)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return share


__all__ = ["HELP", "add_arguments", "run"]

HELP = "look at and change the songs that can be recommended, and say what they are worth"
POLL_S = 0.3
FAULTY = 69
PART = 2000
"""Songs sent to the daemon at once."""


def run(args: argparse.Namespace) -> int:
    """Do one of the actions; raise ConfigError, CatalogueError, ListError, StateDirError or ControlError."""
    return DOES[args.action](args, load_config(args).config)


def _ask(config: Config, action: str, arguments: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Have the daemon do it; without one, do it here, holding the state directory where it changes something."""
    try:
        return ControlClient(control_socket(config)).run_action("catalogue", action, arguments)
    except NotRunning:
        folder = daemon_state_dir(config)
    path = folder / FILE_NAME
    if ACTIONS[action][1]:
        if not _made(path):
            print(f"musicond: there is no {path} yet; this is the starter that it begins with", file=sys.stderr)
        return run_action(path if _made(path) else MEMORY, action, arguments or {})
    _own(folder)
    with state_lock(folder):
        return run_action(path, action, arguments or {})


def _own(folder: Path) -> None:
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        # Files of another user in there would keep the daemon from starting.
        raise StateDirError(f"{folder} belongs to another user; put sudo -u {folder.owner()} before the command")


def _made(path: Path) -> bool:
    """Tell whether there is a file; one that may not be looked at counts, for SQLite to complain of."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


def _list(args: argparse.Namespace, config: Config) -> int:
    entries = _entries(config, args.emotion)
    if args.json:
        print(
            json.dumps([{name: getattr(each, name) for name in CatalogueEntry.__slots__} for each in entries], indent=1)
        )
    else:
        for line in lines(entries):
            print(line)
    return 0


def _entries(config: Config, emotion: str | None) -> list[CatalogueEntry]:
    return [CatalogueEntry(**each) for each in _ask(config, "list", {"emotion": emotion})["entries"]]


def lines(entries: Sequence[CatalogueEntry]) -> Iterator[str]:
    """Yield a heading for each emotion and a line for each track: how often shown, title, artist, link."""
    emotion = ""
    for each in entries:
        if each.emotion != emotion:
            emotion = each.emotion
            yield f"{emotion} (times shown, song)"
        gone = "  (no longer in its list)" if each.state == "gone" else ""
        yield f"{each.shown:4}  {each.title} – {each.artist}  {each.link}{gone}"  # noqa: RUF001 - the dash of a list of songs


def _add(args: argparse.Namespace, config: Config) -> int:
    song = Song(
        title=args.title, artist=args.artist, track_id=args.id or "", link=args.link or "",
        valence=args.valence, energy=args.energy, source="added by hand",
    )  # fmt: skip
    found = _ask(config, "add", {"rows": as_message([Row(song, Emotion(args.emotion))])})
    print(f"added to {args.emotion}" if found["new"] else f"{args.emotion} has it already; brought up to date")
    return 0


def _remove(args: argparse.Namespace, config: Config) -> int:
    count = _ask(config, "remove", {"id": args.song, "emotion": args.emotion})["lists"]
    if not count:
        raise ListError(f"no list holds a song {args.song!r}; musicond catalogue list --json names their track_id")
    print(f"removed from {count} list{'s' if count > 1 else ''}; a refresh does not bring it back")
    return 0


def _import(args: argparse.Namespace, config: Config) -> int:
    emotion = Emotion(args.emotion) if args.emotion else None
    rows = list(tqdm(_rows(args.file, emotion), desc="reading", unit=" songs", leave=False, disable=None))
    new = 0
    parts = [rows[start : start + PART] for start in range(0, len(rows), PART)]
    for part in tqdm(parts, desc="importing", leave=False, disable=None):
        new += int(_ask(config, "add", {"rows": as_message(part)})["new"])
    print(f"{len(rows)} songs read, {new} of them new")
    return 0


def _rows(path: Path, emotion: Emotion | None) -> Iterator[Row]:
    """Yield what is imported; raise ListError."""
    kind = path.suffix.lower()
    if path.is_dir() or kind in (".m3u", ".m3u8"):
        if emotion is None:
            raise ListError(f"{path}: say for which mood these songs are: --mood EMOTION")
        for song in (AudioFolder if path.is_dir() else M3u)(path, _Forgetful()).tracks():
            yield Row(song, emotion)
        return
    for row in read_table(path):
        if (found := emotion or row.emotion) is None:
            raise ListError(f"{path}: {row.song.title!r} names no emotion; add --mood EMOTION, or a column emotion")
        yield Row(row.song, found, row.feedback)


class _Forgetful:
    """A shelf for tags that are read once."""

    def find(self, path: str, size: int, changed: int) -> None:
        """Find nothing."""

    def keep(self, path: str, size: int, changed: int, tags: str) -> None:
        """Keep nothing."""


def _export(args: argparse.Namespace, config: Config) -> int:
    entries = _entries(config, args.emotion)
    as_json = args.json or (args.file is not None and args.file.suffix.lower() == ".json")
    text = write_json(entries) if as_json else write_csv(entries)
    if args.file is None:
        sys.stdout.write(text)
        return 0
    try:
        args.file.write_text(text, "utf-8")
    except OSError as fault:
        raise ListError(f"{args.file}: {fault.strerror}; give a file that can be written") from None
    print(f"{args.file} written")
    return 0


def _verify(_: argparse.Namespace, config: Config) -> int:
    faults = _ask(config, "verify")["faults"]
    for fault in faults or ["the catalogue is well"]:
        print(fault)
    return FAULTY if any(fault.startswith("damage") for fault in faults) else 0


def _refresh(args: argparse.Namespace, config: Config) -> int:
    client = ControlClient(control_socket(config))
    try:
        if not client.run_action("catalogue", "refresh", {"if_due": args.if_due})["started"]:
            print("not due yet")
            return 0
        return _told(_watched(lambda: client.run_action("catalogue", "progress")))
    except NotRunning:
        folder = daemon_state_dir(config)
    _own(folder)
    with state_lock(folder), tqdm(desc="lists", leave=False, disable=None) as bar:
        librarian = build_maintenance(config, folder)
        if args.if_due and not librarian.due():
            print("not due yet")
            return 0

        def tell(refresh: Any) -> None:
            bar.total = refresh.progress.total
            bar.update(1)

        report = librarian.refresh(tell)
    return _told(report.as_json() if report else {"error": str(librarian.run_action("progress", {})["report"])})


def _watched(progress: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Show how far the daemon is; return its report. Ctrl-C ends the looking, not the refresh."""
    with tqdm(leave=False, disable=None) as bar:
        while (found := progress()).get("running"):
            bar.total, bar.n = found.get("total"), found.get("done", 0)
            bar.set_postfix_str(f"{found.get('name', '')} {found.get('songs') or ''}")
            time.sleep(POLL_S)
    return dict(found.get("report") or {})


def _told(report: Mapping[str, Any]) -> int:
    if "error" in report:
        print(f"musicond: {report['error']}", file=sys.stderr)
        return FAULTY
    for change in report.get("lists", []):
        print(f"{change['emotion']}, {change['list']}:")
        for word in ("new", "gone", "replaced"):
            for song in change[word]:
                print(f"  {word:9} {song}")
    for fault in report.get("faults", []):
        print(f"musicond: {fault}", file=sys.stderr)
    print(report.get("summary", "the daemon was stopped before it was done; the next start goes on with it"))
    return FAULTY if report.get("faults") else 0


def _feedback(args: argparse.Namespace, config: Config) -> int:
    if args.verdict == "reset":
        count = _ask(config, "forget", {"id": args.song})["songs"]
        print(f"forgotten what was said of {count} songs")
        return 0
    if args.verdict:
        ControlClient(control_socket(config)).rate(args.verdict, args.song)
        print("remembered")
        return 0
    said = _ask(config, "said")["feedback"]
    if args.json:
        print(json.dumps(said, ensure_ascii=False, indent=1))
        return 0
    print("likes, dislikes, skips" if said else "nothing was said of any song yet")
    for each in said:
        counts = f"{each['likes']:4} {each['dislikes']:4} {each['skips']:4}"
        print(f"{counts}  {each['title']} – {each['artist']}  ({each['mood']})")  # noqa: RUF001 - the dash of a list
    return 0


DOES: Mapping[str, Callable[[argparse.Namespace, Config], int]] = {
    "list": _list,
    "add": _add,
    "remove": _remove,
    "import": _import,
    "export": _export,
    "verify": _verify,
    "refresh": _refresh,
    "feedback": _feedback,
}
