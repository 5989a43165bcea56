"""The real daemon among a broker, players and files that script/chaos damages, with a record of its acknowledgements."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cv2

from musicond.capture.demo import HOLD_S, ORDER, DemoClip
from musicond.config.paths import models_dir
from musicond.core.models import EMOTIONS, Mood
from musicond.music_assistant.auth import ServerToken, ServerTokenFile
from musicond.spotify.token_file import Grant, TokenFile
from tests.chaos.judge import (
    NODE,
    Case,
    Stopwatch,
    Verdict,
    count_kept,
    get_resources,
    open_files,
    read_catalogue,
    stored_likes,
)
from tests.mqtt.conftest import Broker, Listener
from tests.mqtt.relay import Relay
from tests.music_assistant.double import MusicAssistantDouble
from tests.player.test_mpd import FakeMpd
from tests.spotify.fake_spotify import CLIENT_ID, SCOPES, FakeSpotify
from tests.system.daemon import Daemon
from tests.system.test_faulty_machine import FaultyDaemon

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = ("mpd", "spotify", "music-assistant")
SECRETS = ("planted-mqtt-password", "planted-refresh-token", "token-of-the-test")
TITLE = "Quodlibet"
"""In every title, and in no other text."""
SONGS = 14
"""In each mood's list."""
STATE_MIB = 8
PRIVACY_S = 3.0
"""A second, threefold for a busy machine; what its threads waited for a processor does not count."""
END_S = 6.0
"""Two seconds from SIGTERM to the end, likewise."""
GAP_S = 15.0
"""Longest time without a sign to the watchdog."""
PATIENCE_S = 45.0
"""15 seconds until all agree, threefold."""
MOOD_WORDS = re.compile(rf"(?<![\w./-])({'|'.join(EMOTIONS)})(?![\w./-])")
READ = Mood.HAPPY
"""The only mood in the recording."""


class NotStartedError(Exception):
    """A life of the daemon did not begin; its text is the log."""


class ChaosDaemon(FaultyDaemon):
    """The test build of musicond on the recording."""

    def __init__(self, world: World, config: str) -> None:
        super().__init__(world.folder, world.preload, f"file:{world.clip}", config)
        self.watchdog_s = 30.0
        self.more_env |= {
            "CHAOS_SPOTIFY": world.spotify.address,
            "CHAOS_PLANT": world.plant or "",
            "PYTHONPATH": str(ROOT),
        }

    def program(self) -> list[str]:
        return [sys.executable, "-m", "tests.chaos.launch"]


class World:
    """A context manager; `plant` is the name of a planted bug."""

    def __init__(self, folder: Path, preload: Path, rng: random.Random, plant: str | None = None) -> None:
        self.folder, self.preload, self.rng, self.plant = folder, preload, rng, plant
        self.state, self.clip = folder / "state", folder / "film.avi"
        self.spotify, self.assistant, self.mpd = FakeSpotify(), MusicAssistantDouble(), FakeMpd({})
        self.broker = Broker(folder)
        self.broken: list[tuple[str, str]] = []
        """Invariants that were found broken, by letter and text."""
        self.private: bool | None = False
        """What was acknowledged last; None after an order without an answer."""
        self.likes: dict[str, tuple[int, int]] = {}
        """By song: acknowledged and sent."""
        self.counts: dict[str, float] = {}
        self.resources: dict[str, float] = {}
        self.expected_song: str | None = None
        self.manual: set[str] = set()
        """Moods that a person has set."""
        self.new_songs = 0
        self.more_config = ""
        self.stopped_until = 0.0
        """Monotonic seconds until which the process is stopped."""
        self.longest_gap_s = self.longest_privacy_s = 0.0
        self._read_lines = self._read_beats = self._read_messages = 0

    def __enter__(self) -> Self:
        self.state.mkdir()
        size = f"size={STATE_MIB}m,mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self.state)], check=True)
        self.make_clip()
        self.write_lists()
        self.broker.start()
        self.relay = Relay(self.broker.port)
        self.listener = Listener(self.broker.port)
        threading.Thread(target=self.mpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.assistant.start()
        self.spotify.__enter__()
        password = self.folder / "mqtt-password"
        password.write_text(f"{SECRETS[0]}\n")
        password.chmod(0o600)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.__exit__()
        self.listener.close()
        self.relay.__exit__()
        self.broker.stop()
        self.assistant.stop()
        self.spotify.__exit__()
        self.mpd.shutdown()
        self.mpd.server_close()
        subprocess.run(["umount", "--lazy", str(self.state)], check=False)

    def make_clip(self) -> None:
        """Write the demo's happy face as a clip."""
        demo, start = DemoClip(models_dir()), ORDER.index(READ) * HOLD_S + 2
        writer = cv2.VideoWriter(str(self.clip), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (640, 480))
        for number in range(40):
            writer.write(cv2.cvtColor(demo.frame_at(start + number / 10), cv2.COLOR_GRAY2BGR))
        writer.release()

    def write_lists(self, *more: str) -> None:
        """Write a list of songs for each mood, with more ids in that of the mood that is read."""
        for emotion in EMOTIONS:
            ids = [f"x:{emotion}-{number}" for number in range(SONGS)] + list(
                more if emotion.value == READ.value else ()
            )
            rows = [f"{TITLE} {song_id},Wundt,{song_id}\n" for song_id in ids]
            (self.folder / f"{emotion}.csv").write_text("title,artist,track_id\n" + "".join(rows), "utf-8")

    def make_config(self, backend: str) -> str:
        """Return the configuration of a life."""
        moods = ", ".join(f"{emotion}: {{lists: ['{self.folder / emotion}.csv']}}" for emotion in EMOTIONS)
        mqtt = f"host: 127.0.0.1, port: {self.relay.port}, username: den, password_file: mqtt-password"
        return (
            f"device: {{node: den}}\nmqtt: {{{mqtt}}}\nmusic: {{cool_down_s: 0, refresh: never, moods: {{{moods}}}}}\n"
            f"history: {{enabled: true}}\nplayback: {{backend: {backend}}}\nspotify: {{client_id: {CLIENT_ID}}}\n"
            f"music_assistant: {{url: '{self.assistant.url}', player: Kitchen}}\n"
            f"mpd: {{host: 127.0.0.1, port: {self.mpd.server_address[1]}}}\n{self.more_config}"
        )

    def start(self) -> None:
        """Begin a life of the daemon, signed in at both music services; raise NotStartedError."""
        now = datetime.now(UTC).isoformat()
        with contextlib.suppress(OSError):  # the disk may be full
            TokenFile(self.state / "spotify.json").save(Grant(SECRETS[1], now, " ".join(SCOPES), CLIENT_ID, "Ann"))
            ServerTokenFile(self.state / "music-assistant.json").save(
                ServerToken(SECRETS[2], self.assistant.url, "Ann", now)
            )
        self.daemon = ChaosDaemon(self, self.make_config(self.rng.choice(BACKENDS)))
        self._read_lines, self._read_beats, self.stopped_until = 0, 0, 0.0
        self.daemon.__enter__()
        try:
            self.daemon.ready()
        except AssertionError as exc:
            raise NotStartedError(str(exc)) from None
        self.port = self.daemon.port()
        self.resources = get_resources(self.daemon.process.pid)
        self._watch = Stopwatch(self.daemon.process.pid)

    def end(self) -> None:
        """Stop the daemon as systemd does; check f."""
        process, watch = self.daemon.process, Stopwatch(self.daemon.process.pid)
        process.terminate()
        while process.poll() is None and watch.own_s() < 30:
            time.sleep(0.02)
        code, took_s = process.poll(), watch.own_s()
        if code != 0 or took_s > END_S:
            self.broken.append(("f", f"the end took {took_s:.1f} s, with exit code {code}"))
        self.close()

    def kill(self) -> None:
        """Kill the daemon."""
        self.daemon.process.kill()
        self.daemon.process.wait(10)
        self.close()

    def close(self) -> None:
        """Check a process that has ended, and count the data that the next one must keep."""
        self.check_output()
        if self.counts:
            self.counts = {name: max(value, self.counts[name]) for name, value in count_kept(self.state).items()}
        self.daemon.__exit__()

    def check_output(self) -> None:
        """Check the invariants that the daemon can't report itself: d (the watchdog), f (tracebacks) and j."""
        beats = self.daemon.beats()[self._read_beats :]
        self._read_beats += max(0, len(beats) - 1)
        gap_s = max((after - before for before, after in pairwise(beats)), default=0.0) - self._watch.kept_s()
        self._watch = Stopwatch(self.daemon.process.pid)
        self.longest_gap_s = max(self.longest_gap_s, gap_s)
        if gap_s > GAP_S:
            self.broken.append(("d", f"no sign to the watchdog for {gap_s:.1f} s"))
        lines, self._read_lines = self.daemon.lines[self._read_lines :], len(self.daemon.lines)
        for line in lines:
            if "Traceback" in line:
                place = self.daemon.lines.index(line)
                self.broken.append(("f", "\n".join(self.daemon.lines[place - 1 : place + 40])))
            if " DEBUG " not in line and (words := self.private_words(line)):
                self.broken.append(("j", f"{words!r} in the log: {line}"))
        messages, self._read_messages = self.listener.messages[self._read_messages :], len(self.listener.messages)
        for topic, text, _ in messages:
            if topic == f"{NODE}/event" and (mood := json.loads(text)["after"]) not in {
                READ,
                "nobody",
                "unsure",
                *self.manual,
            }:
                self.broken.append(("j", f"the mood became {mood}, which nobody showed"))

    def private_words(self, line: str) -> str | None:
        """Return what must not be in the log from INFO on."""
        secret = next((word for word in (*SECRETS, TITLE) if word in line), None)
        match = MOOD_WORDS.search(line) if "config" not in line and "musicon.yaml" not in line else None
        return secret or (match[0] if match else None)

    def judge(self) -> None:
        """Check the daemon by a new process, and store its counts."""
        if self.daemon.process.poll() is not None:
            self.broken.append(
                ("f", f"the daemon has ended with {self.daemon.process.returncode}: {self.daemon.lines[-3:]}")
            )
            self.close()
            self.start()
        case = Case(
            pid=self.daemon.process.pid,
            folder=str(self.folder),
            config=str(self.daemon.config),
            clip=str(self.clip),
            broker_port=self.broker.port,
            page_port=self.port,
            patience_s=PATIENCE_S,
            private=self.private is True,
            likes=self.likes,
            counts=self.counts,
            resources=self.resources,
            expected_song=self.expected_song,
        )
        file = self.folder / "case.json"
        file.write_text(json.dumps(asdict(case)), "utf-8")
        environment = {**os.environ, "RUNTIME_DIRECTORY": str(self.folder / "run"), "PYTHONPATH": str(ROOT)}
        judged = subprocess.run(
            [sys.executable, "-m", "tests.chaos.judge", str(file)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if judged.returncode:
            raise RuntimeError(judged.stderr)
        verdict = Verdict(**json.loads(judged.stdout.splitlines()[-1]))
        self.broken += [(letter, text) for letter, text in verdict.broken]
        self.counts = verdict.counts
        self.expected_song = None
        self.check_output()

    def post(self, path: str, body: dict[str, object], seconds: float = 20) -> int:
        """Send a command as the page does; return the status, 0 without an answer."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)) as connection:
            try:
                connection.request("POST", f"/api/v1/{path}", json.dumps(body), {"Content-Type": "application/json"})
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return 0

    def set_privacy(self, *, on: bool) -> None:
        """Switch privacy; check d, that the source is closed within a second."""
        if on is False or self.private is not True:
            self.private = None
        status = list[int]()
        thread = threading.Thread(target=lambda: status.append(self.post("privacy", {"on": on}, 60)))
        thread.start()
        if on:
            self.wait_closed()
        thread.join(70)
        if status == [200]:
            self.private = on

    def wait_closed(self) -> None:
        """Wait until no descriptor is on the source; check d."""
        time.sleep(max(0.0, self.stopped_until - time.monotonic()))
        pid, watch = self.daemon.process.pid, Stopwatch(self.daemon.process.pid)
        while any(link.startswith(str(self.clip)) for link in open_files(pid)) and watch.own_s() < 15:
            time.sleep(0.02)
        took_s = watch.own_s()
        self.longest_privacy_s = max(self.longest_privacy_s, took_s)
        if took_s > PRIVACY_S:
            self.broken.append(("d", f"privacy closed the source after {took_s:.1f} s"))

    def like(self, song: str, times: int) -> None:
        """Like a song at the page, several times at once."""
        acknowledged, sent = self.likes.get(song, (0, 0))
        self.likes[song] = acknowledged, sent + times
        statuses = list[int]()
        body: dict[str, object] = {"verdict": "like", "id": song}
        threads = [threading.Thread(target=lambda: statuses.append(self.post("rate", body, 60))) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(70)
        self.likes[song] = acknowledged + statuses.count(200), sent + times

    def check_kept_likes(self, likes: dict[str, tuple[int, int]], lines: list[str]) -> None:
        """Check b after damage to the catalogue: acknowledged likes are stored, or the log names the damage."""
        stored = stored_likes(self.state)
        lost = [song for song, (acknowledged, _) in likes.items() if stored.get(song, 0) < acknowledged]
        if lost and not any("it was kept as" in line for line in lines):
            self.broken.append(("b", f"likes of {', '.join(lost)} were lost, and the log names no damage"))

    def forget_promises(self) -> None:
        """Clear the record after damage to the files with the acknowledged data."""
        stored = stored_likes(self.state)
        self.likes = {song: (stored.get(song, 0), stored.get(song, 0)) for song in self.likes}
        self.counts = {}

    def make_room(self) -> None:
        """Move the copies of damaged files away before they fill the small disk."""
        status = os.statvfs(self.state)
        if status.f_bavail < status.f_blocks / 2:
            for file in [
                *self.state.rglob("*.damaged"),
                *self.state.glob("*.damaged*.sqlite"),
                *self.state.glob("*.kept.*"),
            ]:
                file.unlink()
            self.counts.pop("damaged copies", None)

    def songs(self) -> list[str]:
        """Return the ids in the catalogue's lists."""
        return sorted(str(row[0]) for row in read_catalogue(self.state, "SELECT DISTINCT track_id FROM tracks"))


@contextlib.contextmanager
def in_background(target: Any, *args: Any) -> Iterator[None]:
    """Run a function in a thread during the block."""
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(90)


__all__ = ["Daemon", "World", "in_background"]
