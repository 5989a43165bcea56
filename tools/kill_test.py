#!/usr/bin/env python3
"""Kill the real daemon at random moments of a refresh and of feedback, and look for damage and for lost likes.

    script/kill-test [--kills 200] [--seed N]

Each round starts `musicond run` on a blank recording, has it refresh lists that change from round to round, sends
likes through the control socket one after the other, and kills it (SIGKILL) after a random time. Then the file is
checked (integrity_check), and each song's likes must be at least those acknowledged and at most those sent.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from tqdm import tqdm

from musicond.errors import ControlError
from musicond.library.database import FILE_NAME
from musicond.library.editor import CatalogueEditor
from musicond.web.client import ControlClient

START_S = 60.0
LONGEST_S = 1.0
"""Longest time from the first like to the kill."""
SONGS = 12


class Round:
    """One start and one kill of the daemon in `folder`."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self.rng = folder, rng
        self.client = ControlClient(folder / "run" / "control.sock")
        self.sent: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()

    def prepare(self) -> None:
        """Write the configuration, the recording and the list; only the list differs from round to round."""
        (self.folder / "frames").mkdir(exist_ok=True)
        (self.folder / "run").mkdir(exist_ok=True)
        cv2.imwrite(str(self.folder / "frames" / "0.png"), np.full((48, 64), 90, np.uint8))
        titles = self.rng.sample(range(400), 300)
        rows = [f"Song {number},Artist {number},x:{number}\n" for number in titles]
        (self.folder / "list.csv").write_text("title,artist,track_id\n" + "".join(rows))
        (self.folder / "musicon.yaml").write_text(
            f"web: {{listen: '127.0.0.1:0'}}\nstate_dir: {self.folder / 'state'}\ncamera: {{source: 'file:frames'}}\n"
            "music: {refresh: never, moods: {sad: {lists: [starter, list.csv]}, happy: {lists: [starter, list.csv]}}}\n"
        )

    def run(self) -> str:
        """Start, use and kill the daemon; return its error if it did not start, else nothing."""
        env = {**os.environ, "RUNTIME_DIRECTORY": str(self.folder / "run")}
        env.pop("STATE_DIRECTORY", None)
        command = [sys.executable, "-m", "musicond", "run", "--config", str(self.folder / "musicon.yaml")]
        with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
            try:
                if not self._ready(process):
                    return process.communicate(timeout=10)[1] if process.poll() is not None else "no answer"
                delay = self.rng.random() * LONGEST_S
                killer = threading.Timer(delay, lambda: process.send_signal(signal.SIGKILL))
                killer.start()
                self._work()
                killer.join()
            finally:
                process.kill()
        return ""

    def _ready(self, process: subprocess.Popen[str]) -> bool:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                self.client.state()
            except ControlError:
                time.sleep(0.02)
            else:
                return True
        return False

    def _work(self) -> None:
        """Ask for a refresh and like songs until the daemon is gone."""
        try:
            self.client.run_action("catalogue", "refresh")
            while True:
                song = self.rng.choice(self.songs)
                self.sent[song] += 1
                self.client.send("rate", verdict="like", id=song)
                self.acknowledged[song] += 1
        except ControlError:
            return  # killed

    @property
    def songs(self) -> list[str]:
        """The songs to like: of the starter, as no refresh removes them."""
        with CatalogueEditor(self.folder / "state" / FILE_NAME, read_only=True) as lists:
            return [entry.track_id for entry in lists.entries() if entry.origin == "starter"][:: 175 // SONGS]


def faults(path: Path, sent: Counter[str], acknowledged: Counter[str]) -> list[str]:
    """Return the faults of the catalogue after a kill."""
    connection = sqlite3.connect(path)
    try:
        damage = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        likes = dict(
            connection.execute("SELECT track_id, sum(likes) FROM feedback JOIN tracks USING (track) GROUP BY track_id")
        )
        orphans = connection.execute(
            "SELECT count(*) FROM lists WHERE track NOT IN (SELECT track FROM tracks)"
        ).fetchone()[0]
    finally:
        connection.close()
    wrong = [] if damage == ["ok"] else [f"damage: {damage[0]}"]
    if orphans:
        wrong.append(f"damage: {orphans} places in lists of unknown songs")
    for song in sent:
        stored = likes.get(song, 0)
        if stored < acknowledged[song]:
            wrong.append(f"lost: {song}: {stored} of {acknowledged[song]} acknowledged likes")
        if stored > sent[song]:
            wrong.append(f"counted twice: {song}: {stored} likes, {sent[song]} sent")
    return wrong


def main() -> int:
    """Run the rounds; return 1 at the first fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="musicond-kill-") as name:
        round_ = Round(Path(name), rng)
        for number in tqdm(range(1, args.kills + 1), desc="kills", disable=None):
            round_.prepare()
            error = round_.run()
            wrong = [error] if error else faults(round_.folder / "state" / FILE_NAME, round_.sent, round_.acknowledged)
            if (round_.folder / "state" / "catalogue.damaged.sqlite").exists():
                wrong.append("the catalogue was damaged and rebuilt")
            if wrong:
                print(f"kill {number}: " + "; ".join(wrong), file=sys.stderr)
                return 1
    likes, sent = sum(round_.acknowledged.values()), sum(round_.sent.values())
    print(f"{args.kills} kills: {likes} acknowledged likes of {sent} sent, none lost, none counted twice, no damage")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
