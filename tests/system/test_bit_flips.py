"""Flipped bits in every file that the running daemon writes: it goes on, and its next start opens no camera."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from musicond.library.database import BACKUP, FILE_NAME
from musicond.music_assistant.auth import ServerToken, ServerTokenFile
from musicond.player.events import PlayerState
from musicond.player.state_file import PlayerStateFile
from musicond.runtime.json_file import JsonFile
from musicond.spotify.token_file import Grant, TokenFile
from tests.figures import FULL, SEED, record
from tests.system.daemon import Daemon
from tests.system.quick import QuickDaemon
from tests.system.test_locked_storage import likes
from tests.system.test_workers import post

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 10 if FULL else 2
LIKES = 5
CONFIG = f"""\
playback: {{backend: music-assistant}}
music_assistant: {{url: 'http://127.0.0.1:9', player: Kitchen}}
spotify: {{client_id: {"0123456789abcdef" * 2}}}
mqtt: {{host: 127.0.0.1, port: 9}}
"""
SETTINGS = "settings.json"
DATABASES = (FILE_NAME, f"{FILE_NAME}-wal", BACKUP)


def save_other_files(state: Path) -> list[Path]:
    """Write all state files that nobody switches, whole; return their paths."""
    (state / "history").mkdir(exist_ok=True)
    names = ("playback.json", "spotify.json", "music-assistant.json", "lists.json", "refresh.json", "published.json")
    player, spotify, assistant, lists, refresh, published = paths = [state / name for name in names]
    PlayerStateFile(JsonFile(player), "music-assistant").save(PlayerState(owned_ids=("a", "b")))
    now = datetime.now(UTC).isoformat()
    TokenFile(spotify).save(Grant("token", now, "a b", "id", "Ann"))
    ServerTokenFile(assistant).save(ServerToken("token", "http://127.0.0.1:9", "Ann", now))
    JsonFile(published).save({"topics": ["musicond/old/mood", "musicond/old/availability"]})
    JsonFile(lists).save({"sad": ["starter"]})
    JsonFile(refresh).save({"refreshed": now, "done": None, "mark": None})
    history = state / "history" / f"{now[:7]}.json"
    JsonFile(history).save({f"{now[:7]}-01": {"happy": 12.5, "sad": 3.25}})
    (state / "restart.txt").write_text(f"{now} for a test\n", "utf-8")
    return [*paths, history, state / "restart.txt"]


def flip_bits(file: Path, rng: random.Random) -> int:
    """Flip 1 to 5 bits of a file in its place; return their number."""
    with suppress(FileNotFoundError), file.open("r+b", buffering=0) as handle:
        size, number = file.stat().st_size, rng.choice((1, 1, 2, 5))
        for place in rng.sample(range(size), min(size, number)):
            handle.seek(place)
            byte = handle.read(1)[0]
            handle.seek(place)
            handle.write(bytes([byte ^ 1 << rng.randrange(8)]))
        return min(size, number)
    return 0


def use(daemon: Daemon) -> bool:
    """Use each state file as the page and the command line do; return whether a like was acknowledged."""
    track = daemon.wait_state(lambda state: state["recommendation"] is not None)["recommendation"]["tracks"][0]["id"]
    status = post(daemon, "rate", {"verdict": "like", "id": track})
    assert status in (200, 500, 503)
    assert post(daemon, "play", {}) in (200, 409, 500, 503)
    for words in (("catalogue", "list", "sad"), ("catalogue", "refresh"), ("history", "export"), ("spotify", "status")):
        assert daemon.command(*words).returncode in (0, 69), words
    assert daemon.get("/healthz")[0] in (200, 503)
    assert daemon.process.poll() is None
    return status == 200


def test_flipped_bits_in_the_files_of_the_running_daemon_open_no_camera(tmp_path: Path) -> None:
    rng, state, bits, rebuilt = random.Random(SEED), tmp_path / "state", 0, 0
    settings, liked, lines = JsonFile(state / SETTINGS), 0, list[str]()
    for round_number in range(ROUNDS + 1):
        with Daemon(tmp_path, "--source", "demo", config=CONFIG) as daemon:
            daemon.ready()
            wanted = "private" if round_number else "yes"
            daemon.wait_state(lambda state, wanted=wanted: state["watching"] == wanted)  # type: ignore[misc] # mypy sees no defaults of lambdas
            rebuilt += any("a new one made" in line for line in daemon.lines)
            stored = likes(state / FILE_NAME)
            assert stored >= liked or any("it was kept as" in line for line in (*lines, *daemon.lines))
            for private in (True, False):
                assert post(daemon, "privacy", {"on": private}) == 200
            daemon.command("catalogue", "refresh")  # after it none runs, which would write refresh.json, too
            others = [*save_other_files(state), *(state / name for name in DATABASES)]
            bits += sum(flip_bits(file, rng) for file in (settings.path, *others))
            daemon.wait_state(lambda state: state["watching"] == "yes")
            liked = stored + use(daemon)
            for private in (True, False):
                assert post(daemon, "privacy", {"on": private}) == 200
                assert settings.parse().get("private", False) is private, "it is written whole again"
                assert settings.verified
            bits += flip_bits(settings.path, rng)
            assert [line for line in daemon.lines if "Traceback" in line] == [], "\n".join(daemon.lines)
        lines = daemon.lines
    record("bits flipped in all files of the running daemon", starts=ROUNDS, bits=bits, rebuilt=rebuilt)


def test_flipped_bits_in_the_write_ahead_log_lose_no_like_and_the_camera_stays_closed(tmp_path: Path) -> None:
    rng, catalogue, bits = random.Random(SEED), tmp_path / "state" / FILE_NAME, 0
    log = catalogue.with_name(f"{FILE_NAME}-wal")
    for round_number in range(ROUNDS):
        with QuickDaemon(tmp_path) as daemon:
            assert daemon.state()["watching"] == "private" or not round_number
            assert daemon.post("privacy", {"on": False}) == 200
            for _ in range(LIKES):
                daemon.like()
            assert daemon.post("privacy", {"on": True}) == 200
            deadline = time.monotonic() + 30
            while log.stat().st_size and time.monotonic() < deadline:
                time.sleep(0.05)
            assert log.stat().st_size == 0, "no like depends on it"
            daemon.process.kill()
            daemon.process.join(10)
        bits += flip_bits(log, rng)
        assert likes(catalogue) == LIKES * (round_number + 1)
    record("bits flipped in the write-ahead log after SIGKILL", likes=LIKES * ROUNDS, bits=bits)
