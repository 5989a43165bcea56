#!/usr/bin/env python3
"""Measure a first visit of the page on a slow phone, and how soon a long list of songs opens.

    .venv/bin/python tools/measure_visit.py [--visits N] [--songs N]

The real daemon on its demo, and Chromium with an empty cache, a processor slowed down to a quarter and 10 Mbit/s both
ways. The browser itself measures (PerformanceObserver): the first and the largest paint, the time until the state is
shown, the layout shift, and the total blocking time, which is the sum of what each task takes beyond 50 ms. The last
two and the largest paint are what Lighthouse weighs most. All but the layout shift are wrong on a machine that is busy
with something else; `main_thread_ms` is not, as it is the processor time of the page's main thread, slowed down too.
Prints the medians as one line of JSON; returns 1 where a limit is missed. Needs Chromium: apt install chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicond.core.models import Emotion, Song
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import FILE_NAME
from musicond.library.editor import CatalogueEditor
from tools.screenshots import FLAGS, page_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, CDPSession, Page

SLOWDOWN = 4
BYTES_PER_S = 10_000_000 / 8
LATENCY_MS = 20
VIEWS = ("now", "device")
"""What is visited first: the view that people open, and the longest one."""
MOST_STATE_MS, MOST_SHIFT, MOST_LIST_MS = 1000, 0.05, 1000
"""Limits: from the first paint to the state, of the layout shift, and for a long list to open."""
OBSERVE = """
window.seen = { shift: 0, largest: 0, blocked: 0 };
const watch = (type, take) => {
	new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
};
watch("layout-shift", (entry) => { if (!entry.hadRecentInput) seen.shift += entry.value; });
watch("largest-contentful-paint", (entry) => { seen.largest = entry.startTime; });
watch("longtask", (entry) => { seen.blocked += Math.max(0, entry.duration - 50); });
window.painted = new Promise((done) => {
	watch("paint", (entry) => {
		if (entry.name !== "first-contentful-paint") return;
		seen.paint = entry.startTime;
		done();
	});
});
window.stateShown = new Promise((done) => {
	new MutationObserver((_, observer) => {
		if (!document.body || document.body.classList.contains("loading")) return;
		observer.disconnect();
		requestAnimationFrame(() => { seen.state = performance.now(); done(); });
	}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
});
"""
OPEN_LIST = """(total) => new Promise((done) => {
	const began = performance.now();
	const wanted = new RegExp(`^${total.toLocaleString("en")}|^${total}`);
	new MutationObserver((_, observer) => {
		const { children } = document.getElementById("songs");
		if (!wanted.test(document.getElementById("count").textContent) || children.length !== 100) return;
		observer.disconnect();
		requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
	}).observe(document.getElementById("view-music"), { subtree: true, childList: true, characterData: true });
	document.querySelector("#moods [data-mood=sad]").click();
})"""


def main() -> int:
    """Measure and print; return 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=5, help="visits of each view (default: 5)")
    parser.add_argument("--songs", type=int, default=20_000, help="songs of the long list (default: 20000)")
    args = parser.parse_args()
    result = measure(args.visits, args.songs)
    print(json.dumps(result))
    views = [result[view] for view in VIEWS]
    is_slow = result["list"]["ms"] > MOST_LIST_MS or any(view["state_after_paint_ms"] > MOST_STATE_MS for view in views)
    return 1 if is_slow or any(view["layout_shift"] > MOST_SHIFT for view in views) else 0


def measure(visits: int, songs: int) -> dict[str, dict[str, float]]:
    """Return the medians of each view and of the long list: milliseconds, and the layout shift."""
    program = os.environ.get("MUSICOND_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory(prefix="musicond-") as scratch, sync_playwright() as playwright:
        total = fill(Path(scratch) / "state", songs)
        with daemon(Path(scratch)) as address:
            browser = playwright.chromium.launch(executable_path=program, args=[f"--{flag}" for flag in FLAGS.split()])
            views = {view: summary([visit(browser, f"{address}/#{view}") for _ in range(visits)]) for view in VIEWS}
            lists = [open_list(browser, f"{address}/#music", total) for _ in range(visits)]
            browser.close()
    return {**views, "list": {"songs": total, **list_summary(lists)}}


def list_summary(lists: list[tuple[float, float]]) -> dict[str, float]:
    """Return the medians of openings of the list."""
    took, main_thread = zip(*lists, strict=True)
    return {"ms": round(median(took)), "main_thread_ms": round(median(main_thread))}


def fill(state: Path, songs: int) -> int:
    """Add songs to the list of one mood; return its number of songs."""
    state.mkdir(mode=0o700)
    path = state / FILE_NAME
    SqliteCatalogue(path).close()
    with CatalogueEditor(path) as editor:
        editor.add(
            (Emotion.SAD, Song(f"Song {number}", f"Artist {number % 900}"), (0, 0, 0)) for number in range(songs)
        )
        return editor.page(Emotion.SAD, "", 0, 1)[1]


@contextmanager
def daemon(scratch: Path) -> Iterator[str]:
    """Run the daemon on its demo; yield the page's address."""
    config = scratch / "musicon.yaml"
    config.write_text(f"web: {{listen: '127.0.0.1:0'}}\nstate_dir: {scratch / 'state'}\n", "utf-8")
    environment = {key: value for key, value in os.environ.items() if key not in ("STATE_DIRECTORY", "JOURNAL_STREAM")}
    environment["RUNTIME_DIRECTORY"] = str(scratch)
    command = [sys.executable, "-m", "musicond", "run", "--source", "demo", "--config", str(config)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            yield page_address(process).rstrip("/")
        finally:
            process.terminate()


@contextmanager
def slow_phone(browser: Browser, url: str) -> Iterator[tuple[Page, CDPSession]]:
    """Open the page on a slow phone with an empty cache."""
    context = browser.new_context(viewport={"width": 390, "height": 664}, is_mobile=True, has_touch=True, locale="en")
    context.add_init_script(OBSERVE)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    limits = {"latency": LATENCY_MS, "downloadThroughput": BYTES_PER_S, "uploadThroughput": BYTES_PER_S}
    session.send("Network.emulateNetworkConditions", {"offline": False, **limits})
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    page.goto(url)
    page.evaluate("stateShown")
    try:
        yield page, session
    finally:
        context.close()


def main_thread_ms(session: CDPSession) -> float:
    """Return the processor time of the page's main thread so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def visit(browser: Browser, url: str) -> dict[str, Any]:
    """Return what the browser has measured of a first visit, some time after its state is shown."""
    with slow_phone(browser, url) as (page, session):
        page.evaluate("painted")
        page.wait_for_timeout(1500)
        return {**page.evaluate("seen"), "main_thread": main_thread_ms(session)}


def summary(visits: list[dict[str, Any]]) -> dict[str, float]:
    """Return the medians of visits."""
    return {
        "first_paint_ms": round(median(found["paint"] for found in visits)),
        "largest_paint_ms": round(median(found["largest"] for found in visits)),
        "state_ms": round(median(found["state"] for found in visits)),
        "state_after_paint_ms": round(median(found["state"] - found["paint"] for found in visits)),
        "main_thread_ms": round(median(found["main_thread"] for found in visits)),
        "blocking_ms": round(median(found["blocked"] for found in visits)),
        "layout_shift": round(median(found["shift"] for found in visits), 4),
    }


def open_list(browser: Browser, url: str, total: int) -> tuple[float, float]:
    """Return the milliseconds from a tap on a mood until the first part of its list is drawn, and the main thread's."""
    with slow_phone(browser, url) as (page, session):
        page.wait_for_selector("#songs li")
        page.evaluate("document.querySelector('#moods [data-mood=happy]').click()")  # it may be the long list already
        page.wait_for_timeout(1500)
        before = main_thread_ms(session)
        took = float(page.evaluate(OPEN_LIST, total))
        return took, main_thread_ms(session) - before


if __name__ == "__main__":
    sys.exit(main())
