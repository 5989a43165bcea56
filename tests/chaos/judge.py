"""Judges a running daemon from outside: python -m tests.chaos.judge FILE.json prints what is broken, as JSON.

A new process for each check. It reads /proc, the files, the broker and the page, and reports where these differ. The
invariants, by their letters:
  a  whenever private was acknowledged or is retained: no descriptor on the source, `watching` private, and on the disk
  b  acknowledged <= stored <= sent feedback, for each song
  c  retained state, page and `musicond status` agree
  e  every named thread is alive, or /healthz says which is not
  g  history, own songs, backup and damaged copies never shrink
  h  a good list is still refreshed
  i  descriptors, threads and memory stay bounded within a life of the process
`tests.chaos.world` judges the others: d (time to privacy, gaps of the watchdog), f (tracebacks, the end) and j (the log,
changes of mood).
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from musicond.cli import main as run_musicond
from musicond.config.user_settings import load_settings
from musicond.core.models import Mood
from musicond.library.database import BACKUP, FILE_NAME
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = "musicond/den"
THREADS = {"watch", "storage", "mqtt", "web", "playback", "jobs"}
MOST_FILES, MOST_THREADS, MOST_MIB = 24, 16, 60.0
"""Growth within a life that is still no leak: page connections, aiohttp's helpers, caches of the first uses."""
REFRESH_S = 240.0
"""A refresh that failed is tried again after 15 and 60 s, once a minute at most; twofold for a busy machine."""


@dataclass
class Case:
    """The data that the judge needs."""

    pid: int
    folder: str
    config: str
    clip: str
    broker_port: int
    page_port: int
    patience_s: float
    private: bool = False
    """Whether privacy was acknowledged, and not switched off since."""
    likes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By song: acknowledged and sent."""
    counts: dict[str, float] = field(default_factory=dict)
    """The least values of `count_kept`."""
    resources: dict[str, float] = field(default_factory=dict)
    """Those of this life at its beginning."""
    expected_song: str | None = None
    """Has come into a list, and a refresh was asked for."""

    @property
    def state(self) -> Path:
        """The state directory."""
        return Path(self.folder) / "state"


@dataclass
class Verdict:
    """What is broken, by letter and text, and what was counted."""

    broken: list[tuple[str, str]]
    counts: dict[str, float]
    resources: dict[str, float]


def judge(case: Case) -> Verdict:
    """Check repeatedly until nothing is broken or the deadline is over."""
    watch = Stopwatch(case.pid)
    with retained_topics(case.broker_port) as topics:
        while True:
            counts, resources = count_kept(case.state), get_resources(case.pid)
            broken = [*check_privacy(case, topics), *check_likes(case), *check_agreement(case, topics)]
            broken += [*check_threads(case), *check_kept(case, counts), *check_song(case)]
            broken += check_resources(case, resources)
            patience_s = case.patience_s if {letter for letter, _ in broken} != {"h"} else REFRESH_S
            if not broken or watch.own_s() > patience_s or not Path(f"/proc/{case.pid}").exists():
                return Verdict(broken, counts, resources)
            time.sleep(0.3)


@contextlib.contextmanager
def retained_topics(port: int) -> Iterator[dict[str, str]]:
    """Yield the topics of the device, kept up to date."""
    topics: dict[str, str] = {}
    subscribed = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe(f"{NODE}/#")
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: topics.update(
        {message.topic.removeprefix(f"{NODE}/"): message.payload.decode("utf-8", "replace")}
    )
    client.connect("127.0.0.1", port)
    client.loop_start()
    subscribed.wait(10)
    time.sleep(0.2)
    try:
        yield topics
    finally:
        client.disconnect()
        with contextlib.suppress(AttributeError):
            client.loop_stop()


def open_files(pid: int) -> list[str]:
    """Return what the descriptors of a process point to."""
    links = []
    with contextlib.suppress(FileNotFoundError):
        for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - entries come and go
            with contextlib.suppress(OSError):
                links.append(os.readlink(f"/proc/{pid}/fd/{number}"))  # noqa: PTH115 - likewise
    return links


def check_privacy(case: Case, topics: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Check a."""
    if not case.private and topics.get("privacy/state") != "on":
        return
    if any(link.startswith(case.clip) for link in open_files(case.pid)):
        yield "a", "the source is open in privacy"
    if topics.get("watching") != "private":
        yield "a", f"watching is {topics.get('watching')} in privacy"
    if case.private and not next_start_is_private(case.state):
        yield "a", "the next start would open the camera, though privacy was acknowledged"


def next_start_is_private(state: Path) -> bool:
    """Return whether a start with a copy of the settings would be private."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "settings.json"
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(state / copy.name, copy)
        return load_settings(JsonFile(copy)).private


def check_likes(case: Case) -> Iterator[tuple[str, str]]:
    """Check b."""
    stored = stored_likes(case.state)
    for song, (acknowledged, sent) in case.likes.items():
        if not acknowledged <= stored.get(song, 0) <= sent:
            yield "b", f"{song}: {acknowledged} likes acknowledged, {stored.get(song, 0)} stored, {sent} sent"


def stored_likes(state: Path) -> dict[str, int]:
    """Return the likes in the catalogue by song."""
    query = "SELECT track_id, sum(likes) FROM feedback JOIN tracks USING (track) GROUP BY track_id"
    return {str(song): int(number) for song, number in read_catalogue(state, query)}


def read_catalogue(state: Path, query: str, *values: str) -> list[Any]:
    """Return the rows of the catalogue as it is on the disk; none where it can't be read."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{state / FILE_NAME}?mode=ro", uri=True, timeout=5)
        ) as connection:
            return connection.execute(query, values).fetchall()
    except sqlite3.Error:
        return []


def check_agreement(case: Case, topics: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Check c."""
    retained = {
        "watching": topics.get("watching"),
        "mood": topics.get("mood"),
        "private": topics.get("privacy/state") == "on",
        "paused": topics.get("pause/state") == "on",
    }
    if topics.get("availability") != "online":
        yield "c", f"availability is {topics.get('availability')}"
    try:
        page = shown(json.loads(get(case.page_port, "/api/v1/state")[1]))
    except (OSError, ValueError, KeyError, http.client.HTTPException) as exc:
        yield "c", f"the page does not answer: {exc!r}"
        return
    if page != retained:
        yield "c", f"retained is {retained}, the page shows {page}"
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = run_musicond(["status", "--json", "--config", case.config])
    status = shown(json.loads(output.getvalue())) if code == 0 else code
    if status != page:
        yield "c", f"the page shows {page}, musicond status {status}"


def shown(state: dict[str, Any]) -> dict[str, object]:
    """Return the part of the page's state that is compared."""
    controls = state["controls"]
    private, paused = controls["private"], controls["paused"]
    return {"watching": state["watching"], "mood": state["mood"], "private": private, "paused": paused}


def get(port: int, path: str) -> tuple[int, bytes]:
    """Return the status and body of an address of the page."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def thread_names(pid: int) -> list[str]:
    """Return the names of the threads of a process."""
    names = []
    for task in Path(f"/proc/{pid}/task").glob("*/comm"):
        with contextlib.suppress(OSError):
            names.append(task.read_text("utf-8").strip())
    return names


def cpu_waits(pid: int) -> dict[str, float]:
    """Return for each thread the seconds in which it could have run, but other processes did (proc(5), schedstat)."""
    waits = {}
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            waits[file.parent.name] = int(file.read_text("ascii").split()[1]) / 1e9
    return waits


class Stopwatch:
    """Measures the time of a process without that in which other processes kept it from running."""

    def __init__(self, pid: int) -> None:
        self._pid, self._began, self._waits = pid, time.monotonic(), cpu_waits(pid)
        self._kept_s = 0.0

    def kept_s(self) -> float:
        """Return the seconds for which the thread that waited most has waited for a processor."""
        waits = cpu_waits(self._pid)
        self._kept_s = max([self._kept_s, *(now - self._waits.get(thread, 0.0) for thread, now in waits.items())])
        return self._kept_s

    def own_s(self) -> float:
        """Return the seconds so far without those of `kept_s`."""
        return max(0.0, time.monotonic() - self._began - self.kept_s())


def check_threads(case: Case) -> Iterator[tuple[str, str]]:
    """Check e."""
    missing = THREADS - set(thread_names(case.pid))
    if not missing:
        return
    try:
        status, body = get(case.page_port, "/healthz")
    except (OSError, http.client.HTTPException) as exc:
        yield "e", f"no threads {sorted(missing)}, and the page does not answer: {exc!r}"
        return
    if status == http.client.OK:
        yield "e", f"no threads {sorted(missing)}, and /healthz says {body.decode()}"


def count_kept(state: Path) -> dict[str, float]:
    """Return the sizes of the data that must never shrink; a month that is no history, as bits have flipped, is none."""
    minutes = 0.0
    for file in (state / "history").glob("*.json"):
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
            days = json.loads(file.read_text("utf-8"))
            if all(date.fromisoformat(day) and set(moods) <= {*Mood} for day, moods in days.items()):
                minutes += sum(sum(moods.values()) for moods in days.values())
    own = read_catalogue(state, "SELECT count(*) FROM lists WHERE origin = 'user' AND state = 'listed'")
    return {
        "minutes of history": round(minutes, 3),
        "own songs": own[0][0] if own else 0,
        "backups": float((state / BACKUP).exists()),
        "damaged copies": len([*state.rglob("*.damaged"), *state.glob("*.damaged*.sqlite")]),
    }


def check_kept(case: Case, counts: dict[str, float]) -> Iterator[tuple[str, str]]:
    """Check g."""
    for name, least in case.counts.items():
        if counts[name] < least - 0.01:
            yield "g", f"{name}: {counts[name]:g}, before {least:g}"


def check_song(case: Case) -> Iterator[tuple[str, str]]:
    """Check h."""
    query = "SELECT 1 FROM lists JOIN tracks USING (track) WHERE track_id = ? AND state = 'listed'"
    if case.expected_song and not read_catalogue(case.state, query, case.expected_song):
        yield "h", f"{case.expected_song} is in a list, but a refresh did not bring it"


def get_resources(pid: int) -> dict[str, float]:
    """Return the descriptors, threads and memory of a process."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except OSError:
        return {}
    mib = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return {"files": len(open_files(pid)), "threads": len(thread_names(pid)), "mib": round(mib, 1)}


def check_resources(case: Case, resources: dict[str, float]) -> Iterator[tuple[str, str]]:
    """Check i."""
    for name, most in (("files", MOST_FILES), ("threads", MOST_THREADS), ("mib", MOST_MIB)):
        before, now = case.resources.get(name), resources.get(name)
        if before is not None and now is not None and now > before + most:
            yield "i", f"{name}: {now:g}, at the beginning of this life {before:g}"


def main() -> int:
    """Print the verdict."""
    fields = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    fields["likes"] = {song: tuple(numbers) for song, numbers in fields["likes"].items()}
    sys.stdout.write(json.dumps(asdict(judge(Case(**fields)))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
