"""From the bytes of a YAML file to plain values, each with its place, and every fault of form at once."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple["str | int", ...]
"""The keys (and positions in lists) that lead to a value."""

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_INT = 10**18
TAG = "tag:yaml.org,2002:"
TEXT_TAGS = {TAG + name for name in ("str", "timestamp", "value", "merge")}
PLAIN_WORDS = (
    (r"'\t'", "a tab; YAML is indented with spaces"),
    ("mapping values are not allowed", "a ':' where none belongs; check the indentation, or put the value in quotes"),
    ("could not find expected ':'", "a key without ':'; write KEY: VALUE"),
    ("expected <block end>", "the indentation does not match the lines above; line it up with them"),
    ("expected a single document", "a second document; keep one, without '---' lines"),
)
BAD = object()
"""Stands for a value whose fault has been noted already."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong in the file; line and column count from 1."""

    line: int
    column: int
    key: str
    text: str

    def shown(self, file: str) -> str:
        """Return `file:line:col: key: text`."""
        key = f"{self.key}: " if self.key else ""
        return f"{file}:{self.line}:{self.column}: {key}{self.text}"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands, and how it is written there."""

    line: int
    column: int
    text: str = ""


@dataclass(slots=True)
class Document:
    """The values of a file, where keys and values stand, and the faults of form."""

    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def fault(self, place: Mark, path: Path, text: str) -> None:
        """Note a fault."""
        self.problems.append(Problem(place.line, place.column, dotted(path), text))


def parse(raw: bytes) -> Document:
    """Read YAML 1.1; what can't be read is in the `faults` of the result. Never raises."""
    document = Document()
    if len(raw) > MAX_BYTES:
        document.fault(Mark(1, 1), (), "larger than 1 MiB; this is no configuration file")
        return document
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        document.fault(_place_at(before), (), "not UTF-8 text; save the file as UTF-8")
        return document
    root = _compose(text, document)
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == TAG + "null"):
        return document
    if not isinstance(root, yaml.MappingNode):
        document.fault(_place(root), (), "not a set of sections; write for example camera: and below it source: demo")
        return document
    found = _walk(root, (), document)
    document.data = {} if found is BAD else found
    return document


def dotted(path: Path) -> str:
    """Return a path as people write it, without positions in lists."""
    return ".".join(part if _plain(part) else quoted(part) for part in path if isinstance(part, str))


def quoted(text: str) -> str:
    """Return text for a message: quoted, in one line, not too long."""
    return ascii(text) if len(text) <= 60 else ascii(text[:57]) + "..."  # noqa: PLR2004 - what fits in a line


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without aliases (loops, explosions) and without endless depth."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # types-PyYAML leaves the parser untyped
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("an alias (*); write the value out", event)
        if self.depth > MAX_DEPTH:
            raise _refusal("nested too deeply", event)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _refusal(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type] # the types name libyaml's marks too; this is the Python parser


def _compose(text: str, document: Document) -> yaml.Node | None:
    """Return the root node, None for an empty file or after a fault."""
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        document.fault(place, (), _in_plain_words(error))
    except yaml.reader.ReaderError as error:
        document.fault(_place_at(text[: error.position]), (), "a control character; remove it")
    except (ValueError, OverflowError):
        # PyYAML hands an escape beyond Unicode, such as "\Uffffffff", straight to chr().
        mark = loader.get_mark() if loader else None
        place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        document.fault(place, (), "an escape that is no character; write the character itself")
    return None


def _in_plain_words(error: yaml.MarkedYAMLError) -> str:
    said = " ".join(f"{error.context or ''} {error.problem or ''}".split())
    for sign, words in PLAIN_WORDS:
        if sign in said:
            return words
    return f"not valid YAML: {said}; check quotes, brackets and indentation"


def _place(node: yaml.Node) -> Mark:
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1, text)


def _place_at(before: str) -> Mark:
    """Return the place that follows the text `before`."""
    return Mark(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _plain(text: str) -> bool:
    return bool(text) and len(text) <= 60 and text.isprintable()  # noqa: PLR2004 - what fits in a line


def _clean(text: str) -> bool:
    """Whether text has neither control characters nor halves of surrogate pairs."""
    return not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text)


def _walk(node: yaml.Node, path: Path, document: Document) -> Any:
    """Return a node's value, with its place noted; BAD after a fault."""
    document.values[path] = place = _place(node)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, place, path, document)
    if node.tag not in (TAG + "map", TAG + "seq"):
        document.fault(place, path, f"the tag {quoted(_tag(node))} means nothing here; remove it")
        return BAD
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    items = [_walk(item, (*path, position), document) for position, item in enumerate(node.value)]
    return BAD if any(item is BAD for item in items) else items


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _place(key_node)
        if not isinstance(key_node, yaml.ScalarNode) or not _clean(key_node.value):
            document.fault(place, path, "a key must be a plain word")
            continue
        here = (*path, key_node.value)
        first = document.keys.get(here)
        if first is not None:
            text = f"given twice, in line {first.line}, column {first.column} and here; remove one"
            document.fault(place, here, text)
            continue
        document.keys[here] = place
        value = _walk(value_node, here, document)
        if value is not BAD:
            found[key_node.value] = value
    return found


def _tag(node: yaml.Node) -> str:
    return "!!" + node.tag.removeprefix(TAG) if node.tag.startswith(TAG) else node.tag


def _scalar(node: yaml.ScalarNode, place: Mark, path: Path, document: Document) -> Any:
    text, wrong = node.value, ""
    value: Any = text
    if node.tag == TAG + "null":
        value = None
    elif node.tag == TAG + "bool":
        value = yaml.SafeLoader.bool_values.get(text.lower(), text)
    elif node.tag in (TAG + "int", TAG + "float"):
        value = _number(node)
        reading = "" if isinstance(value, str) else _odd_reading(text)
        if reading:
            wrong = f"{text} means {value:.12g} in YAML ({reading}); write that number, or put the text in quotes"
    elif node.tag not in TEXT_TAGS:
        wrong = f"the tag {quoted(_tag(node))} means nothing here; remove it"
    if not _clean(text):
        wrong = f"{quoted(text)} holds a control character; remove it"
    if wrong:
        document.fault(place, path, wrong)
        return BAD
    return value


def _number(node: yaml.ScalarNode) -> int | float | str:
    """Return the number, or the text where it is none after all (`!!int x`, `0b_`)."""
    constructor = yaml.constructor.SafeConstructor()
    try:
        if node.tag == TAG + "int":
            # Larger ones are out of every range, and Python refuses to write out huge ones.
            return max(-MAX_INT, min(MAX_INT, constructor.construct_yaml_int(node)))
        return float(constructor.construct_yaml_float(node))
    except (ValueError, IndexError, OverflowError):
        return str(node.value)


def _odd_reading(text: str) -> str:
    """Return how YAML 1.1 reads a number that people read otherwise; empty for ordinary ones."""
    digits = text.lstrip("+-").replace("_", "")
    if ":" in digits:
        return "minutes and seconds, base sixty"
    if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
        return "octal, for its leading 0"
    return ""
