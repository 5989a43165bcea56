"""Floods of a stranger in the local network against the page of a running daemon, with what they cost its owner.

    tests/rig/floods.py --port 8080 --token-file /var/lib/musicond/page-token --pid PID [--seconds S] [--seed N]

Prints one line of JSON for each flood; only Python's standard library is needed. The strangers come from 127.0.0.2 and
on, which the daemon takes for addresses of other machines, and have no token. Meanwhile the owner opens the page from
this machine, from a phone that has opened it before, and from one that has not.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

STRANGERS = 4
"""Addresses from which strangers come."""
CONNECTIONS_EACH = 8
"""Connections of each address that send at a time."""
KNOWN_PHONE = "127.0.1.1"
WAIT_S = 20.0
"""Longest wait of the owner for a response."""
HEAD = b"Host: 127.0.0.1\r\n"
POST = b"POST /api/v1/like HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"

Parts = Iterator[bytes]
"""The data that one connection sends."""


def pipelined(_: random.Random) -> Parts:
    """Requests, without reading a response."""
    yield from itertools.repeat(b"GET /api/v1/state HTTP/1.1\r\n%b\r\n" % HEAD * 500)


def headers(rng: random.Random) -> Parts:
    """A request whose headers never end."""
    yield b"GET / HTTP/1.1\r\n" + HEAD
    yield from itertools.repeat(b"X-%b: %b\r\n" % (rng.randbytes(5).hex().encode(), b"x" * 400) * 100)


def trailers(rng: random.Random) -> Parts:
    """A chunked body whose trailers never end."""
    yield POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    yield from itertools.repeat(b"X-%b: x\r\n" % rng.randbytes(5).hex().encode() * 500)


def chunks(_: random.Random) -> Parts:
    """A body of one-byte chunks that never ends."""
    yield POST + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from itertools.repeat(b"1\r\nx\r\n" * 5000)


def connections(rng: random.Random) -> Parts:
    """A keep-alive connection with a request that lasts, and is held."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n"
    lasting = [b"Accept: text/event-stream\r\n", upgrade % b"AAAAAAAAAAAAAAAAAAAAAA==", b"Connection: keep-alive\r\n"]
    yield b"GET /api/v1/events HTTP/1.1\r\n" + HEAD + rng.choice(lasting) + b"\r\n"
    while True:
        time.sleep(0.2)
        yield b""


def garbage(rng: random.Random) -> Parts:
    """Requests that are no HTTP, each on its own connection."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # TLS
    odd = [
        hello,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET \xff HTTP/1.1\r\n",
        b"\r\n\r\n\0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
    odd += [POST + b"Content-Length: -1\r\n\r\n", POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nx"]
    odd += [
        b"GET / HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET //[::1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
    ]
    odd += [
        b"GET /?token=%ff%fe HTTP/1.1\r\n" + HEAD + b"Cookie: \xff=\xfe; a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\n \r\n\r\n",
    ]
    yield rng.choice([*odd, rng.randbytes(rng.randrange(1, 4000)) + b"\r\n\r\n"])
    time.sleep(0.05)


def bodies(rng: random.Random) -> Parts:
    """A body that comes one byte at a time."""
    yield POST + b"Content-Length: 60000\r\n\r\n"
    while True:
        time.sleep(rng.uniform(0.05, 0.2))
        yield b"x"


FLOODS: dict[str, tuple[Callable[[random.Random], Parts], int]] = {
    "pipelined requests": (pipelined, CONNECTIONS_EACH),
    "endless headers": (headers, CONNECTIONS_EACH),
    "endless trailers": (trailers, CONNECTIONS_EACH),
    "chunks": (chunks, CONNECTIONS_EACH),
    "keep-alive connections": (connections, 50),
    "garbage": (garbage, CONNECTIONS_EACH),
    "slow bodies": (bodies, 50),
}
"""Of each flood, what a connection sends, and how many of them an address has at a time."""


def connect(address: str, port: int) -> socket.socket:
    """Return a connection to the page from this address."""
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S, source_address=(address, 0))


class Flood:
    """Strangers who flood the page while the context lasts."""

    def __init__(self, name: str, port: int, seed: int) -> None:
        self._send, self._each = FLOODS[name]
        self._port, self._seed = port, seed
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self.opened = itertools.count()

    def __enter__(self) -> Self:
        for number in range(STRANGERS * self._each):
            thread = threading.Thread(target=self._run, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(WAIT_S)

    def _run(self, number: int) -> None:
        rng = random.Random(f"{self._seed}/{number}")
        while not self._ended.is_set():
            next(self.opened)
            with contextlib.suppress(OSError), connect(f"127.0.0.{2 + number % STRANGERS}", self._port) as connection:
                connection.settimeout(0.5)
                self._send_all(connection, rng)
            time.sleep(0.01)

    def _send_all(self, connection: socket.socket, rng: random.Random) -> None:
        for part in self._send(rng):
            if self._ended.is_set():
                return
            with contextlib.suppress(TimeoutError):  # nobody reads: the connection is held
                connection.sendall(part)


class Owner:
    """The owner, who opens the page again and again."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._headers = port, {"Authorization": f"Bearer {token}"}
        self._phones = (f"127.0.{block}.{last}" for block in range(2, 250) for last in range(1, 250))
        self.longest_s, self.failed = 0.0, 0

    def open_page(self) -> None:
        """Open the page from this machine, from the phone that is known, and from another one each time."""
        for address in ("127.0.0.1", KNOWN_PHONE, next(self._phones)):
            began = time.monotonic()
            try:
                self._get(address)
            except (OSError, http.client.HTTPException):
                self.failed += 1
            self.longest_s = max(self.longest_s, time.monotonic() - began)

    def _get(self, address: str) -> None:
        source = (address, 0)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=WAIT_S, source_address=source)
        with contextlib.closing(connection):
            for path in ("/", "/api/v1/state"):
                connection.request("GET", path, headers=self._headers)
                response = connection.getresponse()
                response.read()
                if response.status != http.HTTPStatus.OK:
                    self.failed += 1


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def measure(name: str, port: int, token: str, pid: int, seconds: float, seed: int) -> dict[str, Any]:
    """Return what a flood of some seconds costs: memory in MiB, the owner's longest wait in s, and failed requests."""
    owner, most = Owner(port, token), resident_mib(pid)
    owner.open_page()
    owner.longest_s = 0.0
    deadline = time.monotonic() + seconds
    with Flood(name, port, seed) as flood:
        while time.monotonic() < deadline:
            owner.open_page()
            most = max(most, resident_mib(pid))
            time.sleep(0.05)
    return {
        "fault": f"flood: {name}",
        "connections": next(flood.opened),
        "resident_mib": round(most, 1),
        "owner_longest_s": round(owner.longest_s, 3),
        "owner_failed": owner.failed,
    }


def main() -> int:
    """Run the command line; return 1 where a flood costs too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--pid", type=int, required=True, help="process id of the daemon")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each flood")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-mib", type=float, default=250.0)
    parser.add_argument("--max-wait", type=float, default=2.0)
    args = parser.parse_args()
    token, failed = args.token_file.read_text("utf-8").strip(), False
    for name in FLOODS:
        row = measure(name, args.port, token, args.pid, args.seconds, args.seed)
        print(json.dumps(row), flush=True)
        failed |= row["resident_mib"] > args.max_mib or row["owner_longest_s"] > args.max_wait
        failed |= bool(row["owner_failed"])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
