"""The faults of script/chaos: damage that lasts for a while, commands of a user, and restarts."""

from __future__ import annotations

import contextlib
import http.client
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from musicond.library.database import BACKUP, FILE_NAME
from tests.chaos.judge import NODE
from tests.chaos.world import TITLE, in_background
from tests.music_assistant.double import Fault as AssistantFault
from tests.spotify.fake_server import Fault as SpotifyFault
from tests.system.test_bit_flips import flip_bits
from tests.system.test_faulty_machine import DECADES_S, fill
from tests.system.test_locked_storage import HOLD
from tests.system.test_odd_input import HALF, PAYLOADS, STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.chaos.world import World

DAY_S = 86400
JSON_FILES = (
    "settings",
    "playback",
    "lists",
    "refresh",
    "published",
    "overrides",
    "page-links",
    "spotify",
    "music-assistant",
)
TOPICS = ("like", "dislike", "wrong_mood", "mood", "pause", "volume", "policy", "sensitivity", "autoplay")
ODD_PATHS = ("/", "/api/v1/state?" + "x" * 5000, "/%ff%fe", "/..%2f..%2fetc/passwd", "/api/v1/rate", "/api/v1/events")
ODD_BODIES = (
    b"",
    b"{",
    b"[" * 5000,
    b"null",
    b'{"on": "yes"}',
    b'{"id": "\\ud800", "verdict": "like"}',
    HALF,
    b"\0" * 99,
)
RECONNECTS = (2,) * 15 + (5,) * 14 + (50,)
BROKEN_CONFIG = "mood: {dwell_s: often}\n"


@contextmanager
def full_disk(world: World, rng: random.Random) -> Iterator[None]:
    """Fill the file system of the state for some seconds."""
    ballast = world.state / "ballast"
    fill(ballast)
    yield
    time.sleep(rng.uniform(0.2, 2.0))
    ballast.unlink()


@contextmanager
def locked_catalogue(world: World, rng: random.Random) -> Iterator[None]:
    """Hold the catalogue with BEGIN IMMEDIATE in another process."""
    command = [sys.executable, "-c", HOLD, str(world.state / FILE_NAME), str(round(rng.uniform(1, 5), 1))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield
        holder.wait(60)


@contextmanager
def slow_disk(world: World, rng: random.Random) -> Iterator[None]:
    """Let each fsync take long."""
    world.daemon.set_faults(fsync_ms=rng.choice((200, 600, 1500)))
    yield
    time.sleep(rng.uniform(0, 1))
    world.daemon.set_faults()


@contextmanager
def wrong_clock(world: World, rng: random.Random) -> Iterator[None]:
    """Set the time of day for some seconds."""
    world.daemon.set_faults(clock_s=rng.choice((-1, 1)) * rng.choice((3600, DAY_S, 40 * DAY_S, DECADES_S)))
    yield
    time.sleep(rng.uniform(0.5, 6))
    world.daemon.set_faults()


@contextmanager
def flipped_bits(world: World, rng: random.Random) -> Iterator[None]:
    """Flip bits in the JSON files of the state."""
    names = rng.sample(JSON_FILES, rng.randint(1, len(JSON_FILES)))
    for name in names:
        flip_bits(world.state / f"{name}.json", rng)
    yield


@contextmanager
def flipped_database(world: World, rng: random.Random) -> Iterator[None]:
    """Flip bits in the catalogue, its backup and the history, then start again; a lost like must be in the log.

    Counts of what is stored begin at zero.
    """
    likes, world.likes = world.likes, {}
    for file in (world.state / FILE_NAME, world.state / f"{FILE_NAME}-wal", world.state / BACKUP):
        flip_bits(file, rng)
    for file in (world.state / "history").glob("*.json"):
        flip_bits(file, rng)
    yield
    lines = world.daemon.lines
    world.end()
    world.start()
    world.check_kept_likes(likes, [*lines, *world.daemon.lines])
    world.likes = likes | world.likes
    world.daemon.command("catalogue", "refresh")
    world.forget_promises()


@contextmanager
def odd_text(world: World, rng: random.Random) -> Iterator[None]:
    """Send malformed text to the broker and the page, and write it into a list."""
    for topic in rng.sample(TOPICS, 4):
        world.listener.send(f"{NODE}/{topic}/set", rng.choice(PAYLOADS))
    for _ in range(4):
        request(world, rng.choice(ODD_PATHS), rng.choice((None, *ODD_BODIES)))
    with (world.folder / "sad.csv").open("ab") as file:
        file.write(b"%s \xff\xfe,\xed\xa0\x80,x:sad-odd\n\0\0,,\n" % TITLE.encode())
    yield
    world.write_lists(*filter(None, [world.expected_song]))


@contextmanager
def odd_player(world: World, rng: random.Random) -> Iterator[None]:
    """Let all players send invalid answers, refuse or close the connection."""
    world.mpd.answers |= {"status": rng.choice(STATUSES)}
    how, status = rng.choice(("answer", "cut", "close")), rng.choice((429, 500, 502, 403))
    world.spotify.faults.append(SpotifyFault("me/player", status, how=how, headers={"Retry-After": "2"}))
    for command in ("players/all", "player_queues/all", "info"):
        world.assistant.faults.append(AssistantFault(command, rng.choice(("status", "cut", "noise"))))
    yield
    time.sleep(rng.uniform(0, 2))
    world.mpd.answers.pop("status", None)
    world.spotify.faults.clear()
    world.assistant.faults.clear()


@contextmanager
def reload_under_load(world: World, rng: random.Random) -> Iterator[None]:
    """Reload a changed or broken configuration while commands come."""
    plain, ended = world.daemon.config.read_text("utf-8"), threading.Event()

    def flood() -> None:
        while not ended.is_set():
            world.post("sensitivity", {"percent": 50})

    with in_background(flood):
        for _ in range(rng.randint(1, 3)):
            more = rng.choice((BROKEN_CONFIG, "mood: {dwell_s: 2}\n", "mood: {enter: 0.5}\n", "{[", "\ufeff# \u202e\n"))
            world.daemon.config.write_text(plain + more, "utf-8")
            world.daemon.process.send_signal(signal.SIGHUP)
            time.sleep(rng.uniform(0.05, 0.5))
        yield
        world.daemon.config.write_text(plain, "utf-8")
        world.daemon.process.send_signal(signal.SIGHUP)
        ended.set()


@contextmanager
def stopped_process(world: World, rng: random.Random) -> Iterator[None]:
    """Stop the process for some seconds."""
    seconds = rng.uniform(0.5, 4)
    world.stopped_until = time.monotonic() + seconds
    world.daemon.process.send_signal(signal.SIGSTOP)
    timer = threading.Timer(seconds, lambda: world.daemon.process.send_signal(signal.SIGCONT))
    timer.start()
    yield
    timer.join()


@contextmanager
def lost_broker(world: World, rng: random.Random) -> Iterator[None]:
    """Kill the broker, and start it again."""
    world.broker.stop()
    yield
    time.sleep(rng.uniform(0, 2))
    world.broker.start()


@contextmanager
def deaf_broker(world: World, rng: random.Random) -> Iterator[None]:
    """Lose all that is sent, in one or both directions, then cut the connection."""
    world.relay.deaf_up, world.relay.deaf_down = rng.choice(((True, False), (False, True), (True, True)))
    yield
    time.sleep(rng.uniform(0.5, 2))
    world.relay.deaf_up = world.relay.deaf_down = False
    world.relay.cut()


@contextmanager
def reconnects(world: World, rng: random.Random) -> Iterator[None]:
    """Cut the connection to the broker again and again."""
    for _ in range(rng.choice(RECONNECTS)):
        before = world.relay.connections
        world.relay.cut()
        deadline = time.monotonic() + 15
        while world.relay.connections == before and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
    yield


@contextmanager
def lost_camera(world: World, rng: random.Random) -> Iterator[None]:
    """Take the recording away, or put garbage or half of it in its place."""
    content = world.clip.read_bytes()
    kept = world.clip.with_suffix(".kept")
    kept.write_bytes(content)
    world.clip.unlink()
    if rng.random() < 2 / 3:
        world.clip.write_bytes(rng.choice((rng.randbytes(5000), content[: len(content) // 2], b"")))
    yield
    time.sleep(rng.uniform(0.5, 5))
    kept.replace(world.clip)


@contextmanager
def flood(world: World, rng: random.Random) -> Iterator[None]:
    """Open many connections to the page, and send garbage on them, or nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(rng.choice((20, 50))):
            with suppress(OSError):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", world.port), 2))
                connection.sendall(rng.choice((b"", b"GET / HTTP/1.1\r\nX: ", rng.randbytes(300), b"GET /\n\n")))
        yield
        time.sleep(rng.uniform(0, 1))


@contextmanager
def no_damage(world: World, rng: random.Random) -> Iterator[None]:
    """Leave everything as it is."""
    del world, rng
    yield


def request(world: World, path: str, body: bytes | None) -> None:
    """Send anything to the page."""
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=5)
    with contextlib.closing(connection), suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET" if body is None else "POST", path, body, {"Content-Type": "application/json"})
        connection.getresponse().read(1000)


DAMAGES: dict[str, Callable[[World, random.Random], AbstractContextManager[None]]] = {
    "full disk": full_disk,
    "locked catalogue": locked_catalogue,
    "slow disk": slow_disk,
    "wrong clock": wrong_clock,
    "flipped bits": flipped_bits,
    "flipped database": flipped_database,
    "odd text": odd_text,
    "odd player": odd_player,
    "reload under load": reload_under_load,
    "stopped process": stopped_process,
    "lost broker": lost_broker,
    "deaf broker": deaf_broker,
    "reconnects": reconnects,
    "lost camera": lost_camera,
    "flood": flood,
    "none": no_damage,
}


def order_privacy(world: World, rng: random.Random) -> None:
    """Close the camera, or open it."""
    world.set_privacy(on=rng.random() < 2 / 3)


def order_likes(world: World, rng: random.Random) -> None:
    """Like a song several times; then close the camera, which must not wait."""
    if songs := [song for song in world.songs() if song.startswith("x:")]:
        with in_background(world.like, rng.choice(songs), rng.choice((1, 5, 20))):
            time.sleep(0.3)
            world.set_privacy(on=True)


def order_pause(world: World, rng: random.Random) -> None:
    """Pause for some minutes, or go on."""
    if rng.random() < 1 / 3:
        world.post("pause", {"minutes": 5})
    else:
        world.post("resume", {})


def order_mood(world: World, rng: random.Random) -> None:
    """Set a mood, and take it back."""
    mood = rng.choice(("sad", "fear"))
    world.manual.add(mood)
    world.post("mood", {"mood": mood, "minutes": 1})
    time.sleep(rng.uniform(0, 1))
    world.post("mood", {"mood": None})


def order_music(world: World, rng: random.Random) -> None:
    """Play, stop, turn up and ask for other songs."""
    acts: tuple[tuple[str, dict[str, object]], ...] = (
        ("play", {}),
        ("stop", {}),
        ("next", {}),
        ("volume", {"percent": 30}),
        ("other_songs", {}),
        ("policy", {"policy": "lift"}),
    )
    for path, body in rng.sample(acts, 3):
        world.post(path, body)


def order_own_song(world: World, rng: random.Random) -> None:
    """Add a song of one's own."""
    world.new_songs += 1
    rows = [{"emotion": "sad", "title": f"{TITLE} own", "artist": "Wundt", "track_id": f"x:own-{world.new_songs}"}]
    world.post("catalogue/add", {"rows": rows})
    del rng


def order_refresh(world: World, rng: random.Random) -> None:
    """Write a new song into a list, and refresh the lists."""
    world.new_songs += 1
    song = f"x:new-{world.new_songs}"
    world.write_lists(song)
    if world.post("catalogue/refresh", {}, 40) == http.client.OK:
        world.expected_song = song
    del rng


ORDERS: dict[str, Callable[[World, random.Random], None]] = {
    "privacy": order_privacy,
    "likes": order_likes,
    "pause": order_pause,
    "mood": order_mood,
    "music": order_music,
    "own song": order_own_song,
    "refresh": order_refresh,
}
RESTARTS = ("term", "kill", "none", "none", "none", "none")


def plan(seed: int, number: int) -> tuple[str, list[str], str]:
    """Return the damage, the orders and the restart of step `number`, always the same for a seed."""
    rng = random.Random(f"plan {seed} {number}")
    damage = rng.choice(list(DAMAGES))
    orders = rng.sample(list(ORDERS), rng.choice((0, 1, 1, 2)))
    if not orders and damage == "none":
        orders = ["privacy"]
    return damage, orders, rng.choice(RESTARTS)


def parts(seed: int, number: int) -> list[str]:
    """Return the names of all that happens in a step."""
    damage, orders, restart = plan(seed, number)
    return [damage, *orders, f"restart: {restart}"]


def run_step(world: World, seed: int, number: int) -> None:
    """Run one step: damage, commands during it, a restart after it, and the checks."""
    damage, orders, restart = plan(seed, number)
    rng = random.Random(f"run {seed} {number}")
    with DAMAGES[damage](world, rng):
        for order in orders:
            ORDERS[order](world, rng)
    if restart != "none":
        world.end() if restart == "term" else world.kill()
        world.start()
    world.make_room()
    world.judge()
    if world.private is not False and rng.random() < 2 / 3:
        world.set_privacy(on=False)
