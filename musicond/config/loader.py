"""Finds and reads musicon.yaml: a Config with the origin of every value, or all faults at once."""

from __future__ import annotations

import difflib
import json
import os
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from musicond.config.schema import PASSWORD_VARIABLE, SPOTIFY, Config, CrossSectionError, Section
from musicond.config.secrets import password_source
from musicond.config.yaml_source import MAX_BYTES, Document, Mark, Problem, dotted, parse, quoted
from musicond.config.yaml_source import Path as KeyPath
from musicond.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_core import ErrorDetails

SEARCH = (Path("/etc/musicond/musicon.yaml"), Path("config/musicon.yaml"))
PATH_KEYS = (
    ("model", "path"),
    *(("mqtt", key) for key in ("password_file", "ca", "cert", "key")),
    ("web", "token_file"),
    ("state_dir",),
)
RESERVED = {
    "": ("indicator",),
}
"""Keys that are planned: naming one is no slip of the pen."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration with what is known of its making."""

    config: Config
    path: Path | None
    """The file that was read; None without one."""
    origin: dict[str, str]
    """For every dotted key: `default`, `FILE:LINE` or `environment VARIABLE`."""


def load(path: Path | None = None, search: Sequence[Path] = SEARCH) -> LoadedConfig:
    """Read `path`, else the first of `search` that exists, else take the defaults; raise ConfigError."""
    path, raw = (path, _read(path)) if path else _first(search)
    document = parse(raw)
    folder = path.absolute().parent if path else Path.cwd()
    config, faults = _validate(document, folder)
    if config is None or faults:
        raise ConfigError(*(fault.shown(str(path)) for fault in sorted(faults)))
    return LoadedConfig(config, path, _origins(config, path, document))


def iter_keys(section: type[Section] = Config, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key that holds a value, in the order of the model."""
    for name, info in section.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield from iter_keys(info.annotation, (*path, name))
        else:
            yield (*path, name)


def changes(old: Config, new: Config) -> list[str]:
    """Return the dotted keys whose values differ."""
    before, after = old.model_dump(), new.model_dump()
    return [".".join(path) for path in iter_keys() if _value_at(before, path) != _value_at(after, path)]


def _value_at(values: Any, path: tuple[str, ...]) -> Any:
    return reduce(lambda section, name: section[name], path, values)


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of musicon.yaml; a section may be left empty."""
    made = Config.model_json_schema()
    for section in (made, *made["$defs"].values()):
        for name, info in section.get("properties", {}).items():
            if "$ref" in info:
                section["properties"][name] = {"anyOf": [{"$ref": info["$ref"]}, {"type": "null"}], "default": None}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "musicon.yaml"}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as fault:
        raise ConfigError(f"{path}: {fault.strerror}; give a file that can be read, or leave --config out") from None


def _first(search: Sequence[Path]) -> tuple[Path | None, bytes]:
    for path in search:
        # A file that is there but may not be read is a fault, not a reason to go on.
        if os.path.lexists(path):
            return path, _read(path)
    return None, b""


def _validate(document: Document, folder: Path) -> tuple[Config | None, list[Problem]]:
    """Return the Config (None if there is none), and all faults of form and content."""
    data = fill_empty_sections(document.data, Config)
    resolve_paths(data, folder)
    faults = list(document.problems)
    try:
        # As JSON and strict: "8080" is no number, and on is none either, just as the schema says.
        return Config.model_validate_json(json.dumps(data), strict=True), faults
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            faults += _faults(error, document)
        return None, faults


def fill_empty_sections(data: dict[str, Any], section: type[Section]) -> dict[str, Any]:
    """Return the data with sections that were left empty as sections without keys."""
    opened = dict(data)
    for name, info in section.model_fields.items():
        kind = info.annotation
        if name in opened and isinstance(kind, type) and issubclass(kind, Section):
            value = {} if opened[name] is None else opened[name]
            opened[name] = fill_empty_sections(value, kind) if isinstance(value, dict) else value
    return opened


def resolve_paths(data: dict[str, Any], folder: Path) -> None:
    """Make relative paths relative to the file's folder, and ~ the home directory."""
    for *sections, key in PATH_KEYS:
        section = data.get(sections[0]) if sections else data
        if isinstance(section, dict) and isinstance(section.get(key), str) and section[key]:
            section[key] = _absolute(section[key], folder)
    for mood in _items(_items(data.get("music")).get("moods")).values():
        lists = _items(mood).get("lists")
        if isinstance(lists, list):
            mood["lists"] = [_anchored(each, folder) for each in lists]
    camera = data.get("camera")
    if isinstance(camera, dict):
        kind, colon, rest = str(camera.get("source")).partition(":")
        if kind == "file" and colon and rest:
            camera["source"] = f"file:{_absolute(rest, folder)}"


def _items(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _anchored(name: Any, folder: Path) -> Any:
    """Make the path of a list of songs absolute; what has a name or a scheme is left."""
    if not isinstance(name, str) or not name or name == "starter" or name.startswith(SPOTIFY):
        return name
    return _absolute(name, folder)


def _absolute(text: str, folder: Path) -> str:
    # expanduser of os.path leaves what it can't expand; that of pathlib raises.
    return str(folder / os.path.expanduser(text))  # noqa: PTH111 - see above


def _faults(error: ErrorDetails, document: Document) -> list[Problem]:
    """Turn one of pydantic's errors into words, each with its place in the file."""
    cause = error.get("ctx", {}).get("error")
    if not isinstance(cause, CrossSectionError):
        return [_fault(error, document)]
    found = []
    for path, text in cause.found:
        place = document.values.get(path, Mark(1, 1))
        found.append(Problem(place.line, place.column, dotted(path), text))
    return found


def _fault(error: ErrorDetails, document: Document) -> Problem:
    path: KeyPath = error["loc"]
    if error["type"] == "extra_forbidden":
        place = document.keys.get(path, Mark(1, 1))
        return Problem(place.line, place.column, dotted(path), _unknown(path))
    near = path
    while near and near not in document.values:
        near = near[:-1]
    place = document.values.get(near, Mark(1, 1))
    if error["type"] == "value_error" and near in document.keys and not document.values[near].text:
        place = document.keys[near]  # a whole section: its name, not the first of its keys
    return Problem(place.line, place.column, dotted(path), describe_error(error, near, place.text))


def _unknown(path: KeyPath) -> str:
    """Say what is known instead of an unknown key."""
    *parents, name = (str(part) for part in path)
    if name in RESERVED.get(".".join(parents), ()):
        return "not available in this version yet; remove it"
    depth = len(parents)
    siblings = list(
        dict.fromkeys(leaf[depth] for leaf in iter_keys() if list(leaf[:depth]) == parents and leaf[depth:])
    )
    close = difflib.get_close_matches(name, siblings, 1)
    if close:
        return f"unknown key; did you mean {'.'.join([*parents, close[0]])}?"
    elsewhere = [".".join(leaf) for leaf in iter_keys() if leaf[-1] == name]
    if elsewhere:
        return f"unknown key here; did you mean {' or '.join(elsewhere)}?"
    return f"unknown key; known here: {', '.join(siblings)}"


def describe_error(error: ErrorDetails, path: KeyPath, text: str) -> str:
    """Say what is wrong with a value, and what would be right."""
    value, right = error["input"], describe_expected(_schema_at(path))
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    if value is None:
        return f"has no value; give {right}, or remove the line"
    if isinstance(value, bool):
        hint = f', or "{text}" in quotes' if error["type"] == "string_type" else ""
        return f"{text} means {str(value).lower()} in YAML; give {right}{hint}"
    words = PROBLEMS.get(error["type"], "{} does not fit")
    shown = text if isinstance(value, int | float) and text else quoted(text)
    return f"{words.format(shown if text else 'this')}; give {right}"


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
    """Return the schema of the key (or item of a list) at `path`, without its alternative `null`."""
    found = schema()
    for part in path:
        inner = found["prefixItems"][part] if isinstance(part, int) else found["properties"][part]
        real: dict[str, Any] = next((one for one in inner.get("anyOf", ()) if one.get("type") != "null"), {})
        found = {**inner, **real}
        if "$ref" in found:
            found = schema()["$defs"][found["$ref"].rsplit("/", 1)[1]]
    return found


def describe_expected(info: dict[str, Any]) -> str:
    """Describe in words what a schema admits."""
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
    return f"text ({str(info.get('description', '')).split('. ')[0].rstrip('.')})"


def _origins(config: Config, path: Path | None, document: Document) -> dict[str, str]:
    """Tell for each key where its value comes from."""
    origins = dict.fromkeys((".".join(leaf) for leaf in iter_keys()), "default")
    for leaf in iter_keys():
        if leaf in document.keys:
            origins[".".join(leaf)] = f"{path}:{document.keys[leaf].line}"
    if os.environ.get("STATE_DIRECTORY"):
        origins["state_dir"] = "environment STATE_DIRECTORY"
    if os.environ.get("MUSICOND_MODELS") and config.model.path is None:
        origins["model.path"] = "environment MUSICOND_MODELS"
    source = password_source(config)
    if source != config.mqtt.password_file:
        variable = PASSWORD_VARIABLE if source == PASSWORD_VARIABLE else "CREDENTIALS_DIRECTORY"
        origins["mqtt.password_file"] = f"environment {variable}"
    return origins
