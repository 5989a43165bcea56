"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of the shared test data (FER2013, clips); skips where it is not given."""
    folder = os.environ.get("MUSICOND_TEST_DATA")
    if not folder:
        pytest.skip("MUSICOND_TEST_DATA is not set: no shared test data (clips, FER2013) to test on")
    return Path(folder)
