"""Fixtures for all tests."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes depends on the machine and its load: that is no property of what is tested.
settings.register_profile("musicond", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("musicond")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs Chromium, so that `-m 'not browser'` leaves it out."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of the shared test data (FER2013, clips); skips where it is not given."""
    folder = os.environ.get("MUSICOND_TEST_DATA")
    if not folder:
        pytest.skip("MUSICOND_TEST_DATA is not set: no shared test data (clips, FER2013) to test on")
    return Path(folder)


FLAGS = (
    "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update "
    "disable-sync"
)


def launch(chromium_type: Any, flags: str = FLAGS) -> Any:
    """Start Chromium by Playwright's type of it."""
    program = os.environ.get("MUSICOND_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("Chromium is not installed: script/test installs it, or: apt install chromium")
    return chromium_type.launch(executable_path=program, args=[f"--{flag}" for flag in flags.split()])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with importlib.import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = launch(playwright.chromium)
        yield browser
        browser.close()
