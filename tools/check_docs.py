"""Check the documents: python tools/check_docs.py [--online] [FILE...].

Each line of output is a fault: a long sentence or a high mean, a word that the glossary replaces, a link that leads
nowhere, or a command that musicond's parser refuses. The exit code is 1 where there is a fault. Sentences may be longer
in docs/dev; words and commands are checked in the documents for users. With --online, web addresses are opened, too.
"""

from __future__ import annotations

import argparse
import re
import sys
from http import HTTPStatus
from pathlib import Path
from statistics import fmean

import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from typing import TYPE_CHECKING

from tools.doc_commands import block_commands, inline_commands, usage_fault, variants

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_WORDS, MAX_MEAN = 28, 14.0
FREE = "docs/dev/"
"""The folder whose sentences may be longer."""
DEVELOPERS = (FREE, "docs/adr/", "docs/architecture.md", "models/")
"""Documents for developers, which use the terms of the code."""
GLOSSARY = ROOT / "docs/glossary.md"
FENCE = re.compile(r"(?ms)^ *```.*?^ *```[^\n]*\n")
MARKUP = (
    (re.compile(r"<!--.*?-->", re.DOTALL), " "),
    (re.compile(r"!\[[^\]]*\]\([^)]*\)"), " "),
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"`[^`]*`"), "code"),
    (re.compile(r"https?://\S+"), "address"),
    (re.compile(r"[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}"), ""),
)
BLOCK = re.compile(r"^ *(?:[-*+>] |\d+\. |#+ )")
END = re.compile(r"(?<=[.!?])[\")']*\s+")
WORD = re.compile(r"[\w'-]+")
ROW = re.compile(r"(?m)^\s*\|(.*)\|\s*$")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TWIN = re.compile(r"(?m)^\| ([^|]+) \| ([^|]*) \| ([^|]*) \|$")
GERMAN = "## German"
"""Heading of the glossary's words for the German texts, in the second column."""
QUOTED = re.compile(r"(?ms)^ *```text$.*?^ *```")
CODE = (re.compile(r"`([^`\n]+)`"), re.compile(r"(?ms)^ *```.*?^ *```"), re.compile(r"(?m)^ {4}\S.*$"))
"""Within a line, fenced, and indented; QUOTED is the output of a program."""
SCRIPT = re.compile(r"(?<![\w/.-])(script/[a-z-]+)")


def documents() -> list[Path]:
    """Return the documents of the repository, in order."""
    folders = ("", "docs/**/", "examples/**/", "models/", "oci/**/")
    return sorted(file for folder in folders for file in ROOT.glob(f"{folder}*.md"))


def get_name(file: Path) -> str:
    """Return the path of a document below the repository."""
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else file.name


def blocks(text: str) -> Iterator[str]:
    """Yield the paragraphs, list items and headings of Markdown as plain text; tables and code are left out."""
    block: list[str] = []
    for line in [*FENCE.sub("\n", text).splitlines(), ""]:
        starts = BLOCK.match(line)
        if starts or not line.strip() or line.lstrip().startswith("|") or line.startswith("    "):
            if block:
                yield " ".join(block)
            block = []
        if line.strip() and not line.lstrip().startswith("|") and not line.startswith("    "):
            block.append(line[starts.end() :] if starts else line.strip())


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of Markdown without its tables."""
    comments = MARKUP[0]
    for block in blocks(comments[0].sub(comments[1], text)):
        yield from split(block)


def cell_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of the cells of all tables."""
    for row in ROW.findall(FENCE.sub("\n", text)):
        for cell in row.split("|"):
            yield from split(cell)


def split(block: str) -> Iterator[str]:
    """Yield the sentences of a paragraph; a full stop, a question mark and an exclamation mark end one."""
    for pattern, word in MARKUP[1:]:
        block = pattern.sub(word, block)
    yield from (part.strip() for part in END.split(block) if WORD.search(part))


def check_sentences(name: str, text: str) -> Iterator[str]:
    """Yield the faults of a document's sentences; the cells of tables do not count for the mean."""
    lengths = [len(WORD.findall(sentence)) for sentence in sentences(text)]
    for sentence in (*sentences(text), *cell_sentences(text)):
        if (words := len(WORD.findall(sentence))) > MAX_WORDS:
            yield f"{name}: {words} words in one sentence, at most {MAX_WORDS}: {sentence[:400]}"
    if lengths and (mean := fmean(lengths)) > MAX_MEAN:
        yield f"{name}: {mean:.1f} words in a sentence on average, at most {MAX_MEAN:g}"


def forbidden(*, german: bool = False) -> dict[str, str]:
    """Return the right word for each word that the glossary replaces, in English or in German."""
    english, _, others = GLOSSARY.read_text("utf-8").partition(GERMAN)
    words: dict[str, str] = {}
    for name, second, twins in TWIN.findall(others if german else english):
        right = second if german else name
        words |= {twin.strip(): right.strip() for twin in twins.split(",") if WORD.search(twin)}
    return {twin: right for twin, right in words.items() if twin not in ("Not", "---")}


def check_words(name: str, plain: str, words: dict[str, str]) -> Iterator[str]:
    """Yield the forbidden words of a text."""
    for twin, right in words.items():
        if re.search(rf"\b{re.escape(twin)}\b", plain, re.IGNORECASE):
            yield f"{name}: say {right!r} instead of {twin!r} (docs/glossary.md)"


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.*)$", FENCE.sub("\n", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(file: Path, text: str) -> Iterator[str]:
    """Yield the links within the repository that lead nowhere."""
    for link in LINK.findall(FENCE.sub("\n", text)):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path) if path else file
        if not target.exists():
            yield f"{get_name(file)}: the link {link} leads nowhere"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text("utf-8")):
            yield f"{get_name(file)}: {path or 'the document'} has no heading for #{anchor}"


def check_commands(name: str, text: str) -> Iterator[str]:
    """Yield the commands that musicond's parser refuses, and the scripts that do not exist."""
    for lines, is_name in ((block_commands(text), False), (inline_commands(text), True)):
        for variant in (variant for line in lines for variant in variants(line)):
            if fault := usage_fault(variant, is_name=is_name):
                yield f"{name}: {variant}: {fault}"
    text = QUOTED.sub("", text)
    code = "\n".join(found for pattern in CODE for found in pattern.findall(text))
    for script in SCRIPT.findall(code):
        if not (ROOT / script).exists():
            yield f"{name}: there is no {script}"


def check_addresses(name: str, text: str) -> Iterator[str]:
    """Yield the web addresses of links that don't answer, or answer with an error."""
    for link in sorted({link for link in LINK.findall(FENCE.sub("\n", text)) if re.match(r"https?:", link)}):
        try:
            answer = requests.get(link, timeout=10, stream=True)
            answer.close()
        except requests.RequestException as exc:
            yield f"{name}: {link} does not answer: {type(exc).__name__}"
        else:
            if answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                yield f"{name}: {link} leads nowhere: {answer.status_code}"


def faults(file: Path, *, online: bool = False) -> Iterator[str]:
    """Yield the faults of one document."""
    name, text = get_name(file), file.read_text("utf-8")
    yield from check_links(file, text)
    if online:
        yield from check_addresses(name, text)
    if not name.startswith(FREE):
        yield from check_sentences(name, text)
    if name.startswith(DEVELOPERS) or name == "CHANGELOG.md":
        return
    yield from check_commands(name, text)
    if file != GLOSSARY:
        words = forbidden() | (forbidden(german=True) if name.startswith("docs/de/") else {})
        yield from check_words(name, " ".join((*sentences(text), *cell_sentences(text))), words)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the faults; return 1 where there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="default: all documents")
    parser.add_argument("--online", action="store_true", help="open web addresses, too")
    args = parser.parse_args(argv)
    found = [fault for file in args.files or documents() for fault in faults(file.resolve(), online=args.online)]
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
