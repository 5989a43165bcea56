"""The loader of musicon.yaml: a Config with the origin of every value, or all errors together."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from musicond.config.schema import PASSWORD_VARIABLE, Config
from musicond.config.secrets import password_source
from musicond.config.section import CrossSectionError, Section
from musicond.config.yaml_source import MAX_BYTES, Document, parse, quoted
from musicond.config.yaml_source import Path as KeyPath
from musicond.errors import ConfigError, counted
from musicond.runtime.systemd import remedy_for

SEARCH = (Path("/etc/musicond/musicon.yaml"), Path("config/musicon.yaml"))
MAX_PROBLEMS = 100
"""Most problems that are reported at once; there are fewer keys than that."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration and its origins."""

    config: Config
    path: Path | None
    """The file that was read; None without one."""
    origin: dict[str, str]
    """For every dotted key: `default`, `FILE:LINE` or `environment VARIABLE`."""


def load(path: Path | None = None, search: Sequence[Path] = SEARCH) -> LoadedConfig:
    """Load `path`, else the first existing file of `search`, else the defaults; raise ConfigError."""
    # A file that exists but is not readable is an error; the search does not go on.
    path = path or next(filter(os.path.lexists, search), None)
    document = parse(_read(path) if path else b"")
    folder = path.absolute().parent if path else Path.cwd()
    config = _validate(document, folder)
    if config is None or document.problems:
        raise ConfigError(*_report(document, str(path)))
    return LoadedConfig(config, path, _origins(config, path, document))


def iter_keys(section: type[Section] = Config, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key that has a value, in the order of the model."""
    for name, info in section.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield from iter_keys(info.annotation, (*path, name))
        else:
            yield (*path, name)


def changes(old: Config, new: Config) -> list[str]:
    """Return the dotted keys whose values differ."""
    return [".".join(path) for path in iter_keys() if reduce(getattr, path, old) != reduce(getattr, path, new)]


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of musicon.yaml; a section may be empty."""
    model = Config.model_json_schema()
    for section in (model, *model["$defs"].values()):
        for name, info in section.get("properties", {}).items():
            if "$ref" in info:
                section["properties"][name] = {"anyOf": [{"$ref": info["$ref"]}, {"type": "null"}], "default": None}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model, "title": "musicon.yaml"}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as exc:
        remedy = remedy_for(path, "give a file that can be read, or leave --config out")
        raise ConfigError(f"{path}: {exc.strerror}; {remedy}") from None


def _report(document: Document, file: str) -> list[str]:
    """Return a line for each problem in the order of the file; beyond MAX_PROBLEMS, only how many more there are."""
    first = sorted(document.problems)[:MAX_PROBLEMS]
    more = len(document.problems) - len(first)
    rest = [f"{file}: {counted(more, 'more fault')}; correct the ones above first"] if more else []
    return [*(problem.format(file) for problem in first), *rest]


def _validate(document: Document, folder: Path) -> Config | None:
    """Return the Config; without one, record the problems."""
    data = json.dumps(fill_empty_sections(document.data, Config))
    try:
        # Strict JSON, as in the schema: neither "8080" nor on is a number.
        return Config.model_validate_json(data, strict=True, context=folder)
    except ValidationError as exc:
        for error in exc.errors(include_url=False):
            _add_problems(error, document)
        return None


def fill_empty_sections(data: dict[str, Any], section: type[Section]) -> dict[str, Any]:
    """Return the data with every empty section as a section without keys."""
    filled = dict(data)
    for name, info in section.model_fields.items():
        kind = info.annotation
        if name in filled and isinstance(kind, type) and issubclass(kind, Section):
            value = {} if filled[name] is None else filled[name]
            filled[name] = fill_empty_sections(value, kind) if isinstance(value, dict) else value
    return filled


def _add_problems(error: ErrorDetails, document: Document) -> None:
    """Record one of pydantic's errors in words, at its place in the file."""
    path: KeyPath = error["loc"]
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, CrossSectionError):
        for key, text in cause.problems:
            document.add_problem(document.values.get(key), key, text)
        return
    if error["type"] == "extra_forbidden":
        document.add_problem(document.keys.get(path), path, _unknown(path))
        return
    near = path
    while near and near not in document.values:
        near = near[:-1]
    node = document.values.get(near)
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    if error["type"] == "value_error" and not text:
        node = document.keys.get(near, node)  # a whole section: its name, not the first of its keys
    document.add_problem(node, path, describe_error(error, near, text))


def _unknown(path: KeyPath) -> str:
    """Describe an unknown key by the known ones."""
    *parents, name = (str(part) for part in path)
    depth = len(parents)
    siblings = list(dict.fromkeys(key[depth] for key in iter_keys() if list(key[:depth]) == parents and key[depth:]))
    close = difflib.get_close_matches(name, siblings, 1)
    if close:
        return f"unknown key; did you mean {'.'.join([*parents, close[0]])}?"
    elsewhere = [".".join(key) for key in iter_keys() if key[-1] == name]
    if elsewhere:
        return f"unknown key here; did you mean {' or '.join(elsewhere)}?"
    return f"unknown key; known here: {', '.join(siblings)}"


def describe_error(error: ErrorDetails, path: KeyPath, text: str) -> str:
    """Describe what is wrong with a value, and what would be right."""
    value, expected = error["input"], describe_expected(_schema_at(path))
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    if value is None:
        return f"has no value; give {expected}, or remove the line"
    if isinstance(value, bool):
        hint = f', or "{text}" in quotes' if error["type"] == "string_type" else ""
        return f"{text} means {str(value).lower()} in YAML; give {expected}{hint}"
    template = PROBLEMS.get(error["type"], "{} does not fit")
    shown = text if isinstance(value, int | float) and text else quoted(text)
    return f"{template.format(shown if text else 'this')}; give {expected}"


PROBLEMS = {
    "greater_than_equal": "{} is too small",
    "less_than_equal": "{} is too large",
    "string_too_long": "{} is too long",
    "string_too_short": "is empty",
    "int_type": "{} is not a whole number",
    "int_from_float": "{} is not a whole number",
    "float_type": "{} is not a number",
    "finite_number": "{} is not a finite number",
    "bool_type": "{} is neither true nor false",
    "string_type": "{} is not text; put it in quotes",
    "model_type": "{} is not a section",
    "missing": "too few values",
    "too_long": "too many values",
}


def _schema_at(path: KeyPath) -> dict[str, Any]:
    """Return the schema of the key or list item at `path`, without its alternative `null`."""
    node = schema()
    for part in path:
        inner = _item_schema(node, part) if isinstance(part, int) else node["properties"][part]
        alternatives = (option for option in inner.get("anyOf", ()) if option.get("type") != "null")
        node = {**inner, **next(alternatives, {})}
        if "$ref" in node:
            node = schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def _item_schema(node: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the schema of a list's item: each has its own in a list of fixed length."""
    own = node.get("prefixItems", ())
    return dict(own[number] if number < len(own) else node.get("items", {}))


def describe_expected(info: dict[str, Any]) -> str:
    """Describe the values that a schema allows."""
    if "enum" in info:
        *most, last = dict.fromkeys(map(str, info["enum"]))
        return f"{', '.join(most)} or {last}"
    if "properties" in info:
        return f"its keys on lines of their own, indented: {', '.join(info['properties'])}"
    if "prefixItems" in info:
        return f"[{', '.join(describe_expected(item) for item in info['prefixItems'])}]"
    if info.get("type") in ("integer", "number"):
        span = f"{info['minimum']:g} to {info['maximum']:g}".replace("e+", "e")
        return f"a whole number, {span}" if info["type"] == "integer" else span
    if info.get("type") == "boolean":
        return "true or false"
    what = str(info.get("description", "")).split(". ")[0].rstrip(".")
    return f"text ({what})" if what else "text"


def _origins(config: Config, path: Path | None, document: Document) -> dict[str, str]:
    """Return the origin of each key's value."""
    origins = {
        ".".join(key): f"{path}:{document.keys[key].start_mark.line + 1}" if key in document.keys else "default"
        for key in iter_keys()
    }
    if os.environ.get("STATE_DIRECTORY"):
        origins["state_dir"] = "environment STATE_DIRECTORY"
    if os.environ.get("MUSICOND_MODELS") and config.model.path is None:
        origins["model.path"] = "environment MUSICOND_MODELS"
    source = password_source(config)
    if source != config.mqtt.password_file:
        variable = PASSWORD_VARIABLE if source == PASSWORD_VARIABLE else "CREDENTIALS_DIRECTORY"
        origins["mqtt.password_file"] = f"environment {variable}"
    return origins
