"""Print the commands of a document, one in a line: python tools/doc_commands.py FILE [HEADING]."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FENCE = re.compile(r"(?ms)^ *```(\w*)\n(.*?)^ *```[^\n]*$")
INDENTED = re.compile(r"(?m)^ {4}(\S.*)$")
INLINE = re.compile(r"`((?:sudo |printf |script/|musicond |\.venv/bin/musicond )[^`\n]*)`")
"""Code within a line is a command where it begins like one."""
NOTE = re.compile(r"\s{2,}(?=\S).*$|\s+# .*$")
"""What a block of commands says beside one of them."""
SHELLS = ("sh", "bash", "")
"""Languages of the fences that hold commands; `text`, `yaml` and the like do not."""


def commands(text: str) -> Iterator[str]:
    """Yield the command lines of Markdown: those of its indented blocks and fences, then those within sentences."""
    for language, block in FENCE.findall(text):
        if language in SHELLS:
            yield from (_plain(line) for line in block.splitlines() if line.strip())
    prose = FENCE.sub("", text)
    yield from map(_plain, INDENTED.findall(prose))
    yield from map(str.strip, INLINE.findall(INDENTED.sub("", prose)))


def section(text: str, heading: str) -> str:
    """Return the text below a heading, to the next one of its level; raise ValueError."""
    found = re.search(rf"(?ms)^(#+) {re.escape(heading)}\n(.*?)(?=^\1 |\Z)", text)
    if found is None:
        raise ValueError(f"there is no heading {heading!r}")
    return found.group(2)


def _plain(line: str) -> str:
    return NOTE.sub("", line.strip())


def main(argv: Sequence[str] | None = None) -> int:
    """Print the commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("heading", nargs="?", help="only those below this heading")
    args = parser.parse_args(argv)
    text = args.file.read_text("utf-8")
    for command in commands(section(text, args.heading) if args.heading else text):
        print(command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
