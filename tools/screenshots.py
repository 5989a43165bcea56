#!/usr/bin/env python3
"""Take pictures of the page as the real daemon shows it on its built-in demo.

    script/screenshots [FOLDER]

Writes now.png and now-dark.png (desktop), phone.png and phone-dark.png (phone) when the demo shows MOOD.
Needs Chromium: apt install chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import ViewportSize

MOOD = "happy"
CYCLE_MS = 180_000
"""Longer than the demo needs for all its moods, on a slow machine too."""
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
PICTURES: tuple[tuple[str, ViewportSize, Literal["light", "dark"]], ...] = (
    ("now.png", DESKTOP, "light"),
    ("now-dark.png", DESKTOP, "dark"),
    ("phone.png", PHONE, "light"),
    ("phone-dark.png", PHONE, "dark"),
)
FLAGS = (
    "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update "
    "disable-sync"
)


def main() -> int:
    """Run the daemon, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    program = os.environ.get("MUSICOND_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("screenshots: Chromium is missing; apt install chromium", file=sys.stderr)
        return 69
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, demo(Path(scratch)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[f"--{flag}" for flag in FLAGS.split()])
        pages = []
        for name, viewport, scheme in PICTURES:
            context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
            page = context.new_page()
            page.goto(address)
            pages.append((name, page))
        for name, page in pages:
            page.wait_for_selector(f"#hero[data-mood={MOOD}]", timeout=CYCLE_MS)
            page.screenshot(path=folder / name, full_page=True)
            print(folder / name)
        browser.close()
    return 0


@contextmanager
def demo(scratch: Path) -> Iterator[str]:
    """Run the daemon on its demo with fresh state; yield the page's address."""
    config = scratch / "musicon.yaml"
    config.write_text(f"web: {{listen: '127.0.0.1:0'}}\nstate_dir: {scratch / 'state'}\n", "utf-8")
    environment = {key: value for key, value in os.environ.items() if key not in ("STATE_DIRECTORY", "JOURNAL_STREAM")}
    environment["RUNTIME_DIRECTORY"] = str(scratch)
    command = [sys.executable, "-m", "musicond", "run", "--source", "demo", "--config", str(config)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as daemon:  # noqa: S603 - our own program
        try:
            yield page_address(daemon)
        finally:
            daemon.terminate()


def page_address(daemon: subprocess.Popen[str]) -> str:
    """Wait for the line that names the page."""
    told = []
    for line in daemon.stderr or ():
        told.append(line)
        found = re.search(r"the page is (http://\S+)", line)
        if found:
            return found[1]
    raise SystemExit("screenshots: musicond did not start:\n" + "".join(told))


if __name__ == "__main__":
    sys.exit(main())
