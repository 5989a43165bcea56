"""Cut the power of a virtual machine at random moments, and judge each boot after it: python -m tests.rig.power_cut FOLDER.

FOLDER has vmlinuz, initrd, root.img and the page's token, as script/test-power-cut makes them. Likes, privacy and the
policy are sent from here to the page and counted as acknowledged once they are answered. QEMU is killed after a
random time: what the machine had not given to its disk is lost. The next boot reports what is stored before the daemon
reads it. For each song acknowledged <= stored <= sent must hold, and the settings are those acknowledged or sent last.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.rig import qemu

if TYPE_CHECKING:
    from collections.abc import Callable

BOOT_S = 900.0
"""Longest boot, by emulation on a busy machine."""
LONGEST_S = 12.0
"""Longest time from the first acknowledged like to the cut."""
SONGS = 12
SETTINGS_SHARE = 0.2
SETTINGS = (
    ("private", "privacy", "on", True),
    ("private", "privacy", "on", False),
    ("policy", "policy", "policy", "lift"),
    ("policy", "policy", "policy", "steady"),
)
"""Key in settings.json, path and key of the page's command, and value."""
DEFAULTS = {"private": False, "policy": None}
"""Settings that are not in the file."""
REPORT = re.compile(r"(?m)^RIG (\{.*\})\s*$")


@dataclass
class Ledger:
    """Orders that were sent and acknowledged."""

    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    settings: dict[str, list[Any]] = field(default_factory=dict)
    """For each setting the values that may be stored: the last one acknowledged, and those sent since."""

    def judge(self, report: dict[str, Any]) -> list[str]:
        """Return the faults of what a boot has reported."""
        if "error" in report:
            return [str(report["error"])]
        wrong = [] if report["integrity"] == "ok" else [f"integrity check: {report['integrity']}"]
        wrong += [f"{name} was kept as damaged" for name in report["damaged"]]
        for song, sent in self.sent.items():
            stored = report["likes"].get(song, 0)
            if not self.acknowledged[song] <= stored <= sent:
                wrong.append(f"{song}: {self.acknowledged[song]} likes acknowledged, {stored} stored, {sent} sent")
        for name, values in self.settings.items():
            stored = report["settings"].get(name, DEFAULTS[name])
            if stored not in values:
                wrong.append(f"{name} is {stored}, not one of {values}")
        return wrong


class Machine:
    """The virtual machine, from its start to the cut."""

    def __init__(self, folder: Path, number: int) -> None:
        self.console = folder / f"console-{number}"
        self.is_cut = False
        self.boot_s = 0.0
        """From the report to the page."""
        self.console.touch()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        disk = f"{folder / 'root.img'},cache=writeback"
        self._command = [*qemu.command(folder, self.console, disk), *qemu.forwarded(self.port)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return self

    def cut(self) -> None:
        """Cut the power."""
        self.is_cut = True
        self._process.kill()
        self._process.wait()

    def __exit__(self, *_: object) -> None:
        self.cut()

    def report(self) -> dict[str, Any] | None:
        """Return the report of this boot, None until there is one."""
        reports = REPORT.findall(self.console.read_text("utf-8", "replace").replace("\r", ""))
        return json.loads(reports[0]) if reports else None


class Page:
    """The page of the machine; any error of the connection is a `None`."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the answer's JSON where the status is 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            connection.request(method, f"/api/v1/{path}", content, headers)
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else None
        return None


def within(seconds: float, find: Callable[[], Any]) -> Any:
    """Return the value that is found within some seconds, else None."""
    deadline = time.monotonic() + seconds
    while not (value := find()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return value


def write(machine: Machine, page: Page, ledger: Ledger, rng: random.Random, cut: threading.Timer) -> str:
    """Send likes and settings until the cut, which is set off by the first acknowledged like; return why there is none."""
    entries = page.ask("POST", "catalogue/list", {}) or {"entries": []}
    songs = [str(entry["track_id"]) for entry in entries["entries"]][:SONGS]
    if not songs:
        return "the catalogue has no songs"
    deadline = time.monotonic() + BOOT_S
    while not machine.is_cut:
        if cut.ident is None and time.monotonic() > deadline:
            return "no like is acknowledged"
        if rng.random() < SETTINGS_SHARE:
            name, path, key, value = rng.choice(SETTINGS)
            ledger.settings.setdefault(name, [DEFAULTS[name]]).append(value)
            if page.ask("POST", path, {key: value}) is not None:
                ledger.settings[name] = [value]
            continue
        song = rng.choice(songs)
        ledger.sent[song] += 1
        if page.ask("POST", "rate", {"verdict": "like", "id": song}) is not None:
            ledger.acknowledged[song] += 1
            if cut.ident is None:
                cut.start()
    cut.join()
    return ""


def judge_boot(machine: Machine, ledger: Ledger | None) -> str:
    """Return what is wrong with the state that a boot has found; the first one finds none."""
    report = within(BOOT_S, machine.report)
    if report is None:
        return "it does not boot"
    return "; ".join(ledger.judge(report)) if ledger else ""


def use_and_cut(machine: Machine, page: Page, ledger: Ledger, rng: random.Random) -> str:
    """Write by the page until the power is cut; return why that was not possible."""
    began = time.monotonic()
    if not within(BOOT_S, lambda: page.ask("GET", "state")):
        return "the page does not open"
    machine.boot_s = time.monotonic() - began
    timer = threading.Timer(rng.uniform(0.0, LONGEST_S), machine.cut)
    return write(machine, page, ledger, rng, timer)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng, ledger, token = random.Random(args.seed), Ledger(), (args.folder / "token").read_text()
    for number in range(args.kills + 1):
        with Machine(args.folder, number) as machine:
            wrong = judge_boot(machine, ledger if number else None) or (
                use_and_cut(machine, Page(machine.port, token), ledger, rng) if number < args.kills else ""
            )
            if wrong:
                print(f"FAIL  boot {number + 1}: {wrong}\n{machine.console.read_text('utf-8', 'replace')[-1500:]}")
                return 1
        likes = sum(ledger.acknowledged.values())
        print(f"ok    boot {number + 1}, {machine.boot_s:.0f} s; {likes} likes acknowledged so far", flush=True)
    likes, sent = sum(ledger.acknowledged.values()), sum(ledger.sent.values())
    print(f"{args.kills} cuts: {likes} acknowledged likes of {sent} sent, none lost, none counted twice, no damage")
    return 0


if __name__ == "__main__":
    sys.exit(main())
