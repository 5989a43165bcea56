#!/usr/bin/env python3
"""Take screenshots of the page of the real daemon on its built-in demo, and film it as a GIF.

    script/screenshots [FOLDER]

Phone and desktop, light and dark. The player is a real Music Player Daemon that makes no sound; the days of the history
are drawn at random. Needs Chromium, mpd and ffmpeg: apt install chromium mpd ffmpeg.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

from musicond.history import FOLDER, HistoryBook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ViewportSize

MOOD = "happy"
CYCLE_MS = 180_000
"""Longer than the demo needs for all its moods, on a slow machine too."""
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
PICTURES: tuple[tuple[str, str, ViewportSize, Literal["light", "dark"]], ...] = (
    ("now", "now", DESKTOP, "light"),
    ("now-dark", "now", DESKTOP, "dark"),
    ("phone", "now", PHONE, "light"),
    ("phone-dark", "now", PHONE, "dark"),
    ("welcome", "start", PHONE, "light"),
    ("music", "music", PHONE, "light"),
    ("music-dark", "music", DESKTOP, "dark"),
    ("history", "history", DESKTOP, "light"),
    ("history-dark", "history", PHONE, "dark"),
    ("device", "device", DESKTOP, "light"),
    ("device-dark", "device", PHONE, "dark"),
    ("about", "about", PHONE, "light"),
)
"""Name of the file, view, size and theme."""
LIVE = "live"
"""The file of the live picture, taken from a second daemon that has it switched on."""
FILM, FILM_S, FILM_WIDTH = "demo.gif", 30.0, 800
"""The film: its file, its seconds, for which the demo shows each of its moods once, and its pixels."""
GIF = (
    f"fps=4,scale={FILM_WIDTH}:-1:flags=lanczos,split[a][b];[a]palettegen=stats_mode=full[p];"
    "[b][p]paletteuse=dither=none:diff_mode=rectangle"
)
"""Filters of ffmpeg: one palette for the whole film, and only the part of a picture that has changed."""
READY = {
    "start": "#steps li",
    "music": "#songs li",
    "history": "#chart svg",
    "device": "#checks li.ok",
    "about": "#view-about .card",
}
"""An element that each view has once it is complete; the view Now is taken when the demo shows MOOD."""
DAYS = 30
FLAGS = (
    "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update "
    "disable-sync"
)


def main() -> int:
    """Run the daemon and take the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    program = os.environ.get("MUSICOND_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("screenshots: Chromium is missing; apt install chromium", file=sys.stderr)
        return 69
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[f"--{flag}" for flag in FLAGS.split()])
        with tempfile.TemporaryDirectory(prefix="musicond-") as scratch, demo(Path(scratch)) as address:
            for name, view, viewport, scheme in PICTURES:
                take(browser, f"{address}/#{view}", folder / f"{name}.png", viewport, scheme)
            film(browser, f"{address}/#now", folder / FILM, Path(scratch))
        with tempfile.TemporaryDirectory(prefix="musicond-") as scratch, demo(Path(scratch), preview=True) as address:
            take(browser, f"{address}/#now", folder / f"{LIVE}.png", PHONE, "light", live=True)
        browser.close()
    return 0


def take(
    browser: Browser,
    url: str,
    file: Path,
    viewport: ViewportSize,
    scheme: Literal["light", "dark"],
    *,
    live: bool = False,
) -> None:
    """Take the screenshot of one view, once it is complete."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce", locale="en-GB")
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(READY.get(url.partition("#")[2], f"#hero[data-mood={MOOD}]"), timeout=CYCLE_MS)
    if live:
        page.click("#live-show")
        page.wait_for_selector("#picture")  # visible once it has a height
        page.locator("#live").scroll_into_view_if_needed()
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.screenshot(path=file)
    print(file)
    context.close()


def film(browser: Browser, url: str, file: Path, scratch: Path) -> None:
    """Film the view Now, as fast as screenshots can be taken."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", reduced_motion="reduce", locale="en-GB")
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(f"#hero[data-mood={MOOD}]", timeout=CYCLE_MS)
    began, pictures = time.monotonic(), [(0.0, scratch / "0.png")]
    while pictures[-1][0] < FILM_S:
        page.screenshot(path=pictures[-1][1])
        pictures.append((time.monotonic() - began, scratch / f"{len(pictures)}.png"))
    context.close()
    lengths = pairwise(pictures)
    script = "".join(f"file '{path}'\nduration {end - at:.3f}\n" for (at, path), (end, _) in lengths)
    (scratch / "film").write_text(f"ffconcat version 1.0\n{script}", "utf-8")
    command = [shutil.which("ffmpeg") or "/usr/bin/ffmpeg", "-loglevel", "error", "-y", "-safe", "0", "-f", "concat"]
    subprocess.run([*command, "-i", str(scratch / "film"), "-vf", GIF, "-loop", "0", str(file)], check=True)  # noqa: S603 - our own arguments
    print(file)


@contextmanager
def demo(scratch: Path, *, preview: bool = False) -> Iterator[str]:
    """Run the daemon on its demo with fresh state and a silent player; yield the page's address."""
    state = scratch / "state"
    draw_history(state / FOLDER)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = scratch / "musicon.yaml"
    config.write_text(
        f"web: {{listen: '127.0.0.1:0', preview: {str(preview).lower()}}}\nstate_dir: {state}\n"
        f"history: {{enabled: true}}\nplayback: {{backend: mpd, volume: 40}}\nmpd: {{port: {port}}}\n",
        "utf-8",
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("STATE_DIRECTORY", "JOURNAL_STREAM")}
    environment["RUNTIME_DIRECTORY"] = str(scratch)
    command = [sys.executable, "-m", "musicond", "run", "--source", "demo", "--config", str(config)]
    with (
        silent_player(scratch, port),
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as daemon,  # noqa: S603 - our own program
    ):
        try:
            yield page_address(daemon)
        finally:
            daemon.terminate()


@contextmanager
def silent_player(scratch: Path, port: int) -> Iterator[None]:
    """Run an mpd without music and with a null output."""
    (scratch / "songs").mkdir()
    (scratch / "mpd.conf").write_text(
        f'music_directory "{scratch}/songs"\ndb_file "{scratch}/db"\nbind_to_address "127.0.0.1"\nport "{port}"\n'
        'audio_output {\n type "null"\n name "Living room"\n mixer_type "software"\n}\n',
        "utf-8",
    )
    command = [shutil.which("mpd") or "/usr/bin/mpd", "--no-daemon", str(scratch / "mpd.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as player:  # noqa: S603 - our own arguments
        try:
            yield
        finally:
            player.terminate()


def draw_history(folder: Path) -> None:
    """Write random minutes of each mood for a month of days."""
    draw, today = random.Random(1), datetime.now().astimezone().date()
    minutes = {
        ((today - timedelta(days=day)).isoformat(), mood): draw.expovariate(1 / mean)
        for day in range(DAYS)
        for mood, mean in (("happy", 60), ("neutral", 90), ("surprise", 8), ("sad", 20), ("angry", 8), ("unsure", 15))
    }
    HistoryBook(folder).add(minutes, today - timedelta(days=365))


def page_address(daemon: subprocess.Popen[str]) -> str:
    """Return the page's address from the daemon's log."""
    lines = []
    for line in daemon.stderr or ():
        lines.append(line)
        match = re.search(r"the page is (http://\S+)", line)
        if match:
            return match[1]
    raise SystemExit("screenshots: musicond did not start:\n" + "".join(lines))


if __name__ == "__main__":
    sys.exit(main())
