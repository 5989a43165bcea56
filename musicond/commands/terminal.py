"""Output for people: lines, tables and progress, in colour only on a terminal. rich is imported only to draw."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, TextIO, TypeVar

from musicond.errors import clean_text

if TYPE_CHECKING:  # loads in a tenth of a second on a PC, and in much more on a Pi
    from rich.console import Console

Item = TypeVar("Item")
STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "name": "bold", "note": "dim"}
"""Style of rich for each meaning; a style that is not here goes to rich as it is."""
WIDE = 10_000
"""Characters of a line where no terminal breaks it."""


def one_line(text: object) -> str:
    """Return a text from outside on one line and without control characters, which could steer a terminal."""
    return clean_text(" ".join(str(text).split()))


def percent(share: float) -> str:
    """Return a share from 0 to 1 as a whole percentage."""
    return f"{share * 100:.0f} %"


def has_colour(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows colours: https://no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def has_fine_colour(stream: TextIO) -> bool:
    """Return whether a stream is a terminal with at least 256 colours, so that similar ones differ."""
    return has_colour(stream) and _console(stream).color_system in ("256", "truecolor")


def echo(*parts: str | tuple[str, str], stream: TextIO | None = None) -> None:
    """Print one line of texts; a pair is a text with its style."""
    stream = stream or sys.stdout
    pairs = [(part, "") if isinstance(part, str) else part for part in parts]
    if has_colour(stream):
        with suppress(ImportError):  # the doctor runs without rich
            from rich.text import Text

            line = Text().join(Text(clean_text(text), STYLES.get(style, style)) for text, style in pairs)
            _console(stream).print(line, soft_wrap=True)
            return
    print("".join(clean_text(text) for text, _ in pairs), file=stream, flush=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; a column whose name ends in ")", with its unit, holds numbers and is aligned to the right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name.endswith(")") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else one_line(cell)) for cell in row))
    console = _console(sys.stdout)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip())


def track(items: Iterable[Item], text: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items, and show their number in a progress bar on standard error while it is a terminal."""
    with progress(text, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def progress(text: str, total: float | None = None) -> Iterator[Callable[..., None]]:
    """Yield a function `(count, text=None, total=None, completed=None)` that moves a progress bar on a terminal."""
    if not sys.stderr.isatty() or find_spec("rich") is None:  # the doctor runs without rich
        yield lambda *_args, **_options: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Without redirect_stdout=False, rich sends what goes to a file or a pipe to the terminal.
    with Progress(*columns, console=_console(sys.stderr), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(text, total=total)

        def advance(
            count: float = 0, text: str | None = None, total: float | None = None, completed: float | None = None
        ) -> None:
            if completed is None:
                bar.advance(task, count)
            bar.update(task, description=None if text is None else one_line(text), total=total, completed=completed)

        yield advance


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    colour, terminal = has_colour(stream), stream.isatty()
    return Console(
        file=stream,
        no_color=not colour,
        force_terminal=terminal,
        width=None if terminal else WIDE,
        highlight=False,
        markup=False,
        emoji=False,
    )
