"""Changes of single keys in a musicon.yaml that keep everything else as it is, comments too."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from musicond.config.loader import load
from musicond.errors import ConfigError
from musicond.runtime.json_file import errors_of, sync_folder


def edit(path: Path, section: str, values: Mapping[str, str]) -> None:
    """Set keys of a section in a file, all or none; owner and mode stay.

    Raises ConfigError where the file has errors, before or after, and OSError where it can't be written.
    """
    target = path.resolve()  # a link stays one
    if target.exists() and not target.is_file():
        raise ConfigError(f"{path}: no regular file; give another one")  # root would replace even /dev/null
    load(path)
    with errors_of(path):
        _edit(target, section, values)


def _edit(path: Path, section: str, values: Mapping[str, str]) -> None:
    stat, text = path.stat(), path.read_text("utf-8")
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    new = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as out:
            out.write(changed(text, section, values))
            out.flush()
            os.fsync(number)
            if os.geteuid() == 0:
                os.fchown(number, stat.st_uid, stat.st_gid)
            os.fchmod(number, stat.st_mode & 0o7777)
        try:
            load(new)
        except ConfigError as exc:
            keys = ", ".join(f"{section}.{key}: {value}" for key, value in values.items())
            line = exc.problems[0].replace(str(new), str(path))
            raise ConfigError(f"{line} (after a change by program; set by hand: {keys})") from None
        new.replace(path)
        sync_folder(path.parent)
    finally:
        new.unlink(missing_ok=True)


def changed(text: str, section: str, values: Mapping[str, str]) -> str:
    """Return the YAML with the keys set: in place, else below the section's name, else at the end."""
    for name, value in reversed(list(values.items())):
        try:
            text = _with_key(text, section, name, json.dumps(value))
        except yaml.YAMLError:
            raise ConfigError(f"{section}.{name}: this file is written unusually; set it to {value} by hand") from None
    return text


def _with_key(text: str, section: str, name: str, value: str) -> str:
    root: Any = yaml.compose(text, yaml.SafeLoader)
    if isinstance(root, yaml.MappingNode) and root.flow_style:
        raise ConfigError(f"{section}.{name}: this file is written in braces; set it to {value} there by hand")
    key, body = _find(root, section)
    if key is None:
        end = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{end}\n{section}:\n  {name}: {value}\n"
    if not isinstance(body, yaml.MappingNode):  # empty, or null
        return f"{text[: body.start_mark.index]}\n  {name}: {value}{text[body.end_mark.index :]}"
    _, old = _find(body, name)
    if old is not None:
        return f"{text[: old.start_mark.index].rstrip(' ')} {value}{text[old.end_mark.index :]}"
    at = body.start_mark.index
    if body.flow_style:
        return f"{text[: at + 1]}{name}: {value}{', ' if body.value else ''}{text[at + 1 :]}"
    return f"{text[:at]}{name}: {value}\n{' ' * body.start_mark.column}{text[at:]}"


def _find(mapping: Any, name: str) -> tuple[Any, Any]:
    """Return the nodes of a key and its value, or None and None."""
    pairs = mapping.value if isinstance(mapping, yaml.MappingNode) else ()
    return next(((key, value) for key, value in pairs if key.value == name), (None, None))
