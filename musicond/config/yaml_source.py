"""The parser of YAML files: plain values with their marks, and all problems of the syntax."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

import yaml

from musicond.config.camera_url import HIDDEN

Path = tuple["str | int", ...]
"""The keys and list positions that lead to a value."""

MAX_BYTES = 1 << 16
"""Of a file; PyYAML takes seconds for a larger one on a Pi."""
MAX_DEPTH = 20
MAX_INT = 10**18
TAG = "tag:yaml.org,2002:"
TEXT_TAGS = {TAG + name for name in ("str", "timestamp", "value", "merge")}
PARSER_MESSAGES = (
    (r"'\t'", "a tab; YAML is indented with spaces"),
    ("mapping values are not allowed", "a ':' where none belongs; check the indentation, or put the value in quotes"),
    ("could not find expected ':'", "a key without ':'; write KEY: VALUE"),
    ("expected <block end>", "the indentation does not match the lines above; line it up with them"),
    ("expected a single document", "a second document; keep one, without '---' lines"),
)
MAY_HOLD_A_PASSWORD = re.compile(r":.*@|:/.*\?", re.DOTALL)
"""Matches an address with a name, a password or a query, also a mistyped one."""
INVALID = object()
"""Stands for a value whose problem is recorded already."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A problem in the file; line and column count from 1."""

    line: int
    column: int
    key: str
    text: str

    def format(self, file: str) -> str:
        """Return `file:line:col: key: text`."""
        key = f"{self.key}: " if self.key else ""
        return f"{file}:{self.line}:{self.column}: {key}{self.text}"


@dataclass(slots=True)
class Document:
    """The values of a file, the nodes of keys and values, and the problems of its syntax."""

    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[Path, yaml.Node] = field(default_factory=dict)
    values: dict[Path, yaml.Node] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, place: yaml.Node | yaml.Mark | None, path: Path, text: str) -> None:
        """Record a problem at a node or a mark; None stands for the beginning of the file."""
        mark = place.start_mark if isinstance(place, yaml.Node) else place
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self.problems.append(Problem(line, column, dotted(path), text))


def parse(raw: bytes) -> Document:
    """Return the document of a YAML 1.1 file; never raises, but records problems."""
    document = Document()
    if len(raw) > MAX_BYTES:
        document.add_problem(None, (), "larger than 64 KiB; this is no configuration file")
        return document
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        document.add_problem(_mark_at(before), (), "not UTF-8 text; save the file as UTF-8")
        return document
    root = _compose(text, document)
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == TAG + "null"):
        return document
    if not isinstance(root, yaml.MappingNode):
        document.add_problem(root, (), "not a set of sections; write for example camera: and below it source: demo")
        return document
    data = _walk(root, (), document)
    document.data = {} if data is INVALID else data
    return document


def dotted(path: Path) -> str:
    """Return a path in dotted form, without list positions."""
    return ".".join(part if _is_plain(part) else quoted(part) for part in path if isinstance(part, str))


def quoted(text: str) -> str:
    """Return text quoted for a message, in one line and shortened, without what may be a password."""
    if MAY_HOLD_A_PASSWORD.search(text):
        return f"'{HIDDEN}'"
    return ascii(text) if len(text) <= 60 else ascii(text[:57]) + "..."  # noqa: PLR2004 - what fits in a line


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without aliases, which may loop or explode, and with a limit of depth."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # types-PyYAML leaves the parser untyped
        if isinstance(event, yaml.AliasEvent):
            raise _error("an alias (*); write the value out", event)
        if self.depth > MAX_DEPTH:
            raise _error("nested too deeply", event)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _error(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type] # the types name libyaml's marks too; this is the Python parser


def _compose(text: str, document: Document) -> yaml.Node | None:
    """Return the root node, None for an empty file or after a problem."""
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        document.add_problem(error.problem_mark or error.context_mark, (), _describe(error))
    except yaml.reader.ReaderError as error:
        document.add_problem(_mark_at(text[: error.position]), (), "a control character; remove it")
    except (ValueError, OverflowError):
        # PyYAML passes an escape beyond Unicode, such as "\Uffffffff", to chr().
        document.add_problem(
            loader.get_mark() if loader else None, (), "an escape that is no character; write the character itself"
        )
    return None


def _describe(error: yaml.MarkedYAMLError) -> str:
    text = " ".join(f"{error.context or ''} {error.problem or ''}".split())
    default = f"not valid YAML: {text}; check quotes, brackets and indentation"
    return next((message for part, message in PARSER_MESSAGES if part in text), default)


def _mark_at(before: str) -> yaml.Mark:
    """Return the mark after the text `before`."""
    return yaml.Mark("", len(before), before.count("\n"), len(before) - before.rfind("\n") - 1, None, 0)


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= 60 and text.isprintable() and not MAY_HOLD_A_PASSWORD.search(text)  # noqa: PLR2004 - what fits in a line


def _is_printable(text: str) -> bool:
    """Return whether text has neither control characters nor surrogates."""
    return not any(unicodedata.category(char) in ("Cc", "Cs") for char in text)


def _walk(node: yaml.Node, path: Path, document: Document) -> Any:
    """Return a node's value and record it; INVALID after a problem."""
    document.values[path] = node
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, document)
    if node.tag not in (TAG + "map", TAG + "seq"):
        document.add_problem(node, path, f"the tag {quoted(_tag(node))} means nothing here; remove it")
        return INVALID
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    items = [_walk(item, (*path, position), document) for position, item in enumerate(node.value)]
    return INVALID if any(item is INVALID for item in items) else items


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode) or not _is_printable(key_node.value):
            document.add_problem(key_node, path, "a key must be a plain word")
            continue
        key_path = (*path, key_node.value)
        if key_path in document.keys:
            first = document.keys[key_path].start_mark
            text = f"given twice, in line {first.line + 1}, column {first.column + 1} and here; remove one"
            document.add_problem(key_node, key_path, text)
            continue
        document.keys[key_path] = key_node
        value = _walk(value_node, key_path, document)
        if value is not INVALID:
            values[key_node.value] = value
    return values


def _tag(node: yaml.Node) -> str:
    return "!!" + node.tag.removeprefix(TAG) if node.tag.startswith(TAG) else node.tag


def _scalar(node: yaml.ScalarNode, path: Path, document: Document) -> Any:
    text, problem = node.value, ""
    value: Any = text
    if node.tag == TAG + "null":
        value = None
    elif node.tag == TAG + "bool":
        value = yaml.SafeLoader.bool_values.get(text.lower(), text)
    elif node.tag in (TAG + "int", TAG + "float"):
        value = _number(node)
        reading = "" if isinstance(value, str) else _odd_reading(text)
        if reading:
            problem = f"{text} means {value:.12g} in YAML ({reading}); write that number, or put the text in quotes"
    elif node.tag not in TEXT_TAGS:
        problem = f"the tag {quoted(_tag(node))} means nothing here; remove it"
    if not _is_printable(text):
        problem = f"{quoted(text)} holds a control character; remove it"
    if problem:
        document.add_problem(node, path, problem)
        return INVALID
    return value


def _number(node: yaml.ScalarNode) -> int | float | str:
    """Return the number, or the text where it is not one (`!!int x`, `0b_`)."""
    constructor = yaml.constructor.SafeConstructor()
    try:
        if node.tag == TAG + "int":
            # Larger ones are out of every range, and Python refuses to print huge ones.
            return max(-MAX_INT, min(MAX_INT, constructor.construct_yaml_int(node)))
        return float(constructor.construct_yaml_float(node))
    except (ValueError, IndexError, OverflowError):
        return str(node.value)


def _odd_reading(text: str) -> str:
    """Return how YAML 1.1 reads a number that people read in another way; empty for others."""
    digits = text.lstrip("+-").replace("_", "")
    if ":" in digits:
        return "minutes and seconds, base sixty"
    if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
        return "octal, for its leading 0"
    return ""
