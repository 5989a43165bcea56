"""Relative paths in the configuration, which count from the folder of its file."""

from __future__ import annotations

import os

from pydantic import ValidationInfo


def resolve(path: str, info: ValidationInfo) -> str:
    """Resolve a relative path from the file's folder, the context of the validation, and ~ to the home directory."""
    # os.path.expanduser keeps an unknown user's path; pathlib's raises.
    return str(info.context / os.path.expanduser(path)) if path and info.context else path  # noqa: PTH111 - see above


def resolve_source(source: str, info: ValidationInfo) -> str:
    """Resolve the path of a camera source `file:PATH`."""
    kind, _, path = source.partition(":")
    return f"file:{resolve(path, info)}" if kind == "file" else source
