"""Spotify's OpenAPI description, which comes with the shared test data; without it the fake Spotify does not validate."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.spotify.openapi_validator import Spec


@cache
def spec() -> Spec | None:
    """Return what validates; None where MUSICOND_TEST_DATA does not lead to it, or the validator is not installed."""
    folder = os.environ.get("MUSICOND_TEST_DATA")
    path = Path(folder) / "spotify/open-api.yml" if folder else None
    if path is None or not path.is_file() or importlib.util.find_spec("openapi_core") is None:
        return None
    validator: Spec = importlib.import_module("tests.spotify.openapi_validator").Spec(path)
    return validator
