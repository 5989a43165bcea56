"""`musicond history`: show, draw, export or delete the minutes of each mood and day."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date
from pathlib import Path

from musicond.app.backup import copies_of_history
from musicond.commands import terminal
from musicond.commands.daemon import ask_daemon
from musicond.commands.options import add_actions, confirm, wants_json, write_output
from musicond.config.overrides import load_effective
from musicond.config.schema import Config
from musicond.errors import StateDirError, counted
from musicond.history import FOLDER, Days, HistoryBook, run_action
from musicond.runtime.json_file import state_lock

DESCRIPTION = "the minutes of each mood and day, where history.enabled is on"
ACTIONS = {
    "show": "print a bar for each day",
    "chart": "draw a picture of all days (SVG)",
    "export": "write everything as CSV or JSON",
    "delete": "delete everything, for good",
}
COLOURS = {
    "happy": "#e8b200", "surprise": "#e07b00", "neutral": "#7a8b99", "sad": "#3b6fb6", "fear": "#7b4fa6",
    "angry": "#c43c3c", "disgust": "#5b8c3a", "unsure": "#c8ccd0",
}  # fmt: skip
MOODS = tuple(COLOURS)
BLOCK = "█"
WIDTH = 60
"""Characters of the longest bar."""
HEIGHT, SLOT, LEFT, TOP = 220, 14, 56, 30
"""Of the SVG, in pixels: a bar's greatest height, the width for a day, the margins."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = add_actions(parser, ACTIONS)
    for name in ("chart", "export"):
        actions[name].add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: standard output")
    actions["delete"].add_argument("--yes", action="store_true", help="do not ask")
    actions["export"].add_argument("--json", action="store_true", help="JSON; so does a FILE that ends in .json")


def run(args: argparse.Namespace) -> None:
    """Run one action; raise UsageError and others."""
    config = load_effective(args.config).config
    if args.action == "delete":
        if not args.yes:
            confirm("delete the minutes of all days, for good?", "nothing was deleted")
        print(f"{counted(int(str(_run_action(config, 'delete')['deleted'])), 'day')} deleted")
        return
    days: Days = _run_action(config, "days")["days"]  # type: ignore[assignment] # the value is JSON
    if not days:
        how = "" if config.history.enabled else "; history.enabled: true keeps it from then on"
        print(f"musicond: no history is kept{how}", file=sys.stderr)
    if args.action == "show":
        for line in bars(days, colour=terminal.has_fine_colour(sys.stdout)):
            terminal.echo(*line)
    elif args.action == "chart":
        write_output(args.file, svg(days))
    else:
        write_output(args.file, json.dumps(days, indent=1) + "\n" if wants_json(args) else _csv(days))


def _run_action(config: Config, action: str) -> dict[str, object]:
    def run_locally(folder: Path) -> dict[str, object]:
        try:
            with state_lock(folder) if action == "delete" and folder.exists() else nullcontext():
                return run_action(HistoryBook(folder / FOLDER, copies_of_history(folder)), None, action, {})
        except OSError as exc:
            raise StateDirError(f"{exc.filename or folder}: {exc.strerror}; put sudo -u musicond before it") from None

    return ask_daemon(config, lambda client: client.run_action("history", action), run_locally)


def _csv(days: Days) -> str:
    lines = [["day", *MOODS], *([day, *(f"{moods.get(mood, 0):.1f}" for mood in MOODS)] for day, moods in days.items())]
    return "".join(",".join(line) + "\n" for line in lines)


def bars(days: Days, *, colour: bool = False) -> Iterator[list[str | tuple[str, str]]]:
    """Yield a legend, then a line for each day: its minutes and a bar of the moods' initials, or of coloured blocks."""
    most = max((sum(moods.values()) for moods in days.values()), default=0.0)
    if most <= 0:
        return

    def block(mood: str, length: int) -> tuple[str, str]:
        return (BLOCK if colour else _letter(mood)) * length, COLOURS[mood]

    legend: list[str | tuple[str, str]] = []
    for mood in MOODS:
        legend += [block(mood, 1), f" {mood}  "]
    yield [*legend, f"  one {'block' if colour else 'letter'}: {most / WIDTH:.1f} min"]
    for day, moods in days.items():
        bar = [block(mood, round(moods.get(mood, 0.0) * WIDTH / most)) for mood in MOODS]
        yield [f"{day} {sum(moods.values()):7.0f} min  ", *bar]


def _letter(mood: str) -> str:
    return "S" if mood == "surprise" else mood[0]


def svg(days: Days) -> str:
    """Return an SVG chart of stacked bars, one for each day from the first to the last, with a scale in minutes."""
    ordinals = [date.fromisoformat(day).toordinal() for day in days]
    span = range(min(ordinals, default=0), max(ordinals, default=-1) + 1)
    width = LEFT + SLOT * max(len(span), 40) + 20
    most = max([60.0, *(sum(moods.values()) for moods in days.values())])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT + 90}" font-family="sans-serif">',
        "<title>Minutes of each mood, by day</title>",
        "<style>text { font-size: 11px; fill: #555 } .head { font-size: 13px; fill: #222 }</style>",
        f'<rect width="{width}" height="{HEIGHT + 90}" fill="#fff"/>',
        f'<text x="{LEFT}" y="16" class="head">Minutes of each mood, by day</text>',
    ]
    for share in (0, 0.5, 1):
        y = TOP + HEIGHT * (1 - share)
        parts.append(f'<line x1="{LEFT}" y1="{y:g}" x2="{width - 20}" y2="{y:g}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end">{most * share:.0f}</text>')
    for number, day in enumerate(date.fromordinal(ordinal).isoformat() for ordinal in span):
        x, y = LEFT + SLOT * number + 1, float(TOP + HEIGHT)
        for mood in MOODS:
            height = HEIGHT * days.get(day, {}).get(mood, 0.0) / most
            if height > 0:
                y -= height
                parts.append(
                    f'<rect x="{x}" y="{y:.1f}" width="{SLOT - 2}" height="{height:.1f}" fill="{COLOURS[mood]}">'
                    f"<title>{day} {mood}: {days[day][mood]:.0f} min</title></rect>"
                )
        if number % 7 == 0:
            parts.append(f'<text x="{x}" y="{TOP + HEIGHT + 16}">{day[5:]}</text>')
    for number, (mood, colour) in enumerate(COLOURS.items()):
        x = LEFT + 70 * number
        parts.append(f'<rect x="{x}" y="{TOP + HEIGHT + 34}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="{TOP + HEIGHT + 43}">{mood}</text>')
    return "\n".join([*parts, "</svg>", ""])
