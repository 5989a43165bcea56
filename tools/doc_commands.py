"""The commands of a document: python tools/doc_commands.py FILE [HEADING] prints them, one in a line.

The options restrict them to those in blocks, fill in their placeholders, or print the fences of another language.
"""

from __future__ import annotations

import argparse
import io
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicond.cli import COMMANDS, build_parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FENCE = re.compile(r"(?ms)^ *```(\w*)\n(.*?)^ *```[^\n]*$")
INDENTED = re.compile(r"(?m)^ {4}(\S.*)$")
INLINE = re.compile(r"`((?:sudo |printf |curl |script/|musicond |\.venv/bin/musicond )[^`\n]*)`")
"""Code within a line is a command where it begins like one."""
NOTE = re.compile(r"\s{2,}(?=\S).*$|\s+# .*$")
"""A remark beside a command in a block."""
SHELLS = ("sh", "bash", "")
"""Languages of the fences that hold commands; `text`, `yaml` and the like do not."""
ROW = re.compile(r"(?m)^\| `musicond [^|]*\|")
CODE = re.compile(r"`([^`\n]+)`")
CHOICE = re.compile(r"\[?([\w-]+(?:\|[\w-]+)+)\]?")
MUSICOND = re.compile(r"^(?:sudo (?:-u \w+ )?)?(?:\.venv/bin/)?musicond (.*)$")
PLACEHOLDERS = {
    "ARTIST": "Artist", "CLIP": "demo", "COMMAND": "status", "FILE": "list.csv", "FOLDER": "music",
    "KEY": "privacy", "LINK": "https://example.org/song", "MOOD": "happy",
    "SONG": "https://example.org/song", "TITLE": "Title",
}  # fmt: skip
"""A value for each word in capitals that stands for one."""


def commands(text: str) -> Iterator[str]:
    """Yield the command lines of Markdown: first those of blocks, then those within sentences."""
    yield from block_commands(text)
    yield from inline_commands(text)


def block_commands(text: str) -> Iterator[str]:
    """Yield the lines of indented blocks and of fences that hold commands."""
    for language, block in FENCE.findall(text):
        if language in SHELLS:
            yield from (_plain(line) for line in block.splitlines() if line.strip())
    yield from map(_plain, INDENTED.findall(FENCE.sub("", text)))


def inline_commands(text: str) -> Iterator[str]:
    """Yield the commands within sentences and tables; in a table, `stop` after `musicond play` is one of musicond."""
    prose = INDENTED.sub("", FENCE.sub("", text))
    yield from (line.strip() for line in INLINE.findall(ROW.sub("", prose)))
    for row in ROW.findall(prose):
        yield from (f"musicond {code.removeprefix('musicond ')}" for code in CODE.findall(row))


def variants(line: str) -> Iterator[str]:
    """Yield a command line for each choice such as `on|off` in it, with a value for each placeholder."""
    if choice := CHOICE.search(line):
        for word in choice.group(1).split("|"):
            yield from variants(f"{line[: choice.start()]}{word}{line[choice.end() :]}")
        return
    line = re.sub(r"\[(.*?)\]", r"\1", line) if MUSICOND.match(line) else line
    yield re.sub(r"\b[A-Z]{3,}\b", lambda word: PLACEHOLDERS.get(word.group(), word.group()), line)


def usage_fault(line: str, *, is_name: bool = False) -> str:
    """Return the parser's error for a command line of musicond; nothing if it is valid, or for other programs.

    `is_name`: `musicond mood` alone is the name of a command, whatever arguments it needs.
    """
    if not (match := MUSICOND.match(line)):
        return ""
    try:
        name, *rest = shlex.split(match.group(1))
    except ValueError as error:
        return str(error)
    name, *rest = [*rest, "--help"] if name == "help" and rest else [name, *rest]
    if name not in COMMANDS and not name.startswith("-"):
        return f"there is no command musicond {name}"
    if is_name and not rest:
        rest = ["--help"]
    errors = io.StringIO()
    try:
        with redirect_stderr(errors), redirect_stdout(io.StringIO()):
            build_parser(name).parse_args([name, *rest])
    except SystemExit as end:
        return errors.getvalue().strip() if end.code else ""
    return ""


def section(text: str, heading: str) -> str:
    """Return the text below a heading, to the next one of its level; raise ValueError."""
    found = re.search(rf"(?ms)^(#+) {re.escape(heading)}\n(.*?)(?=^\1 |\Z)", text)
    if found is None:
        raise ValueError(f"there is no heading {heading!r}")
    return found.group(2)


def fences(text: str, language: str) -> Iterator[str]:
    """Yield the contents of the fences of a language."""
    yield from (block for name, block in FENCE.findall(text) if name == language)


def _plain(line: str) -> str:
    return NOTE.sub("", line.strip())


def main(argv: Sequence[str] | None = None) -> int:
    """Print the commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("heading", nargs="?", help="only those below this heading")
    parser.add_argument("--blocks", action="store_true", help="only those in blocks, not within sentences")
    parser.add_argument("--fill", action="store_true", help="a line for each choice, a value for each placeholder")
    parser.add_argument("--fences", metavar="LANGUAGE", help="print the fences of a language instead, such as yaml")
    args = parser.parse_args(argv)
    text = args.file.read_text("utf-8")
    text = section(text, args.heading) if args.heading else text
    if args.fences:
        print(*fences(text, args.fences), sep="", end="")
        return 0
    for command in block_commands(text) if args.blocks else commands(text):
        print(*variants(command) if args.fill else [command], sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
