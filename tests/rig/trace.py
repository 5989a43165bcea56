"""List all that the running daemon writes and sends, and look for pictures in it; watch that a private camera stays closed.

    python3 -m tests.rig.trace writes --pid PID [--seconds 60] [--preview]
    python3 -m tests.rig.trace closed --film FILE [--seconds 10]

`writes` follows the process by strace while the page is used. No sink may get a picture: not as JPEG, PNG, WebP, GIF or
base64, nor rows of the demo's frames. With --preview a client looks at the live picture, and there one must be found.
`closed` switches privacy on, restarts the service, and asks the kernel (inotify) whether anybody has opened FILE, the
camera of the test; then privacy is switched off, and it must be opened. Runs as root in script/test-system.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import http.client
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

from tests.rig.checks import check, failures

CALLS = (
    "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,openat,open,creat,rename,renameat,renameat2,connect,"
    "bind,mkdir,mkdirat,unlink,unlinkat,link,linkat,symlink,symlinkat,sendfile,splice,copy_file_range,mmap"
)
MOST_BYTES = 2**20
"""Of one call that is looked into."""
SINK = re.compile(r"^\d+ +(write|pwrite64|writev|pwritev2?|sendto|sendmsg|sendmmsg)\((\d+)<(.+?)>, (.*)")
SHARED = re.compile(r"^\d+ +mmap\(.*PROT_WRITE.*MAP_SHARED.*, \d+<([^>]+)>")
COPIED = re.compile(r"^\d+ +(sendfile|splice|copy_file_range)\((.*)")
OPENED = re.compile(r'^\d+ +(?:open|openat|creat)\((?:AT_FDCWD(?:<[^>]*>)?, )?"([^"]*)", [^)]*O_(?:WRONLY|RDWR|CREAT)')
HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"WEBPVP8", b"/9j/4", b"iVBORw0KGgo", b"data:image/")
STATE = Path("/var/lib/musicond")
KNOWN = re.compile(
    r"/var/lib/musicond(/|$)|/dev/null$|UNIX|TCP(v6)?:\[+(127\.0\.0\.1|::1)\]?:[^>]*(->\[?(127\.0\.0\.1|::1)\]?:\d+)?\]$|NETLINK"
    r"|pipe:|anon_inode:\[event"
)
"""Sinks of the service: its state, its sockets within this machine, and what leads to the kernel or its own processes."""
ROW_BYTES = 24
FRAMES_APART = 7
"""Of those frames of the demo that are looked for."""
MOST_ROUNDS = 600
"""Of what a household does, however long it is traced."""
IN_OPEN = 0x20


def plain(text: str) -> str:
    """Return a text of strace with its hexadecimal letters as letters."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), text)


class Sinks:
    """What a process has written, by the name of the file or socket; `rows` are looked for as pictures are."""

    def __init__(self, rows: list[bytes]) -> None:
        self.sizes: defaultdict[str, int] = defaultdict(int)
        self.opened: set[str] = set()
        self.with_pictures: set[str] = set()
        self._wanted = (*PICTURES, *rows)
        self._ends: defaultdict[str, bytes] = defaultdict(bytes)
        """The last bytes of each sink, as a picture may be written in parts."""

    def add(self, line: str) -> None:
        """Add a line of strace."""
        if match := SINK.match(line):
            name = re.sub(r"->127\.0\.0\.1:\d{5}|\[\d+\]|\d{5,}", "", plain(match[3]))
            self._write(name, b"".join(bytes.fromhex(text.replace("\\x", "")) for text in HEX.findall(match[4])))
        elif match := SHARED.match(line):
            self.sizes[plain(match[1])] += 0
        elif match := COPIED.match(line):
            self.sizes[f"{match[1]}: {plain(match[2])[:80]}"] += 0
        elif match := OPENED.match(line):
            self.opened.add(plain(match[1]))

    def _write(self, name: str, data: bytes) -> None:
        self.sizes[name] += len(data)
        data = self._ends[name] + data
        if name not in self.with_pictures and any(part in data for part in self._wanted):
            self.with_pictures.add(name)
        self._ends[name] = data[-ROW_BYTES:]

    def unknown(self) -> list[str]:
        """Return the sinks that are none of the service's."""
        return sorted(name for name in {*self.sizes, *self.opened} if not KNOWN.match(name))


def demo_rows() -> list[bytes]:
    """Return a part of a row of some of the demo's frames, with many levels, so that it is found nowhere else."""
    from musicond.capture.demo import FACE, HEIGHT, WIDTH, DemoClip  # noqa: PLC0415 - the other command needs no package
    from musicond.config.paths import models_dir  # noqa: PLC0415 - likewise

    left, rows = (WIDTH - FACE) // 2, list[bytes]()
    clip = DemoClip(models_dir())
    for number in range(0, int(clip.duration_s * clip.fps), FRAMES_APART):
        frame = clip.frame_at(number / clip.fps)
        parts = (frame[y, left : left + ROW_BYTES].tobytes() for y in range(HEIGHT // 3, HEIGHT))
        rows += [part for part in parts if len(set(part)) > ROW_BYTES // 2][:1]
    return rows


def ask(path: str, body: str | None = None, *, seconds: float = 0.0) -> bytes:
    """Ask the page, and read a stream for some seconds."""
    token = (STATE / "page-token").read_text().strip() if (STATE / "page-token").exists() else ""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection, content = http.client.HTTPConnection("127.0.0.1", 8080, timeout=30), b""
    with contextlib.closing(connection), contextlib.suppress(TimeoutError):
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        end = time.monotonic() + seconds
        while (part := answer.read1(65536)) and (not seconds or time.monotonic() < end):
            content += part
    return content


def use_the_page(end: float, *, preview: bool) -> None:
    """Use the daemon as a household does, until the end."""
    stream = "/api/v1/preview" if preview else "/api/v1/events"
    pause = max(1.0, (end - time.monotonic()) / MOST_ROUNDS)
    reader = threading.Thread(target=ask, args=(stream,), kwargs={"seconds": end - time.monotonic() - 1})
    reader.start()
    while time.monotonic() < end - 2:
        for path, body in (
            ("/", None),
            ("/api/v1/state", None),
            ("/api/v1/rate", '{"verdict": "like"}'),
            ("/api/v1/policy", '{"policy": "lift"}'),
            ("/api/v1/policy", '{"policy": null}'),
            ("/api/v1/log", None),
            ("/metrics", None),
        ):
            ask(path, body)
        subprocess.run(["musicond", "status"], capture_output=True, check=False)
        time.sleep(pause)
    reader.join()


def trace(pid: int, seconds: float, sinks: Sinks, *, preview: bool) -> None:
    """Follow a process by strace while the page is used."""
    read_end, write_end = os.pipe()
    command = ["strace", "-f", "-qq", "-yy", "-xx", "-s", str(MOST_BYTES), "-e", f"trace={CALLS}"]
    with subprocess.Popen([*command, "-o", f"/dev/fd/{write_end}", "-p", str(pid)], pass_fds=(write_end,)) as tracer:
        os.close(write_end)

        def read() -> None:
            with os.fdopen(read_end, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    sinks.add(line)

        reader = threading.Thread(target=read)
        reader.start()
        time.sleep(1)
        use_the_page(time.monotonic() + seconds, preview=preview)
        tracer.terminate()
        reader.join()


def trace_writes(pid: int, seconds: float, *, preview: bool) -> None:
    """Check what a process writes in some seconds."""
    rows = demo_rows()
    check(len(rows) > 100, f"the demo's frames give {len(rows)} rows to look for")
    sinks = Sinks(rows)
    trace(pid, seconds, sinks, preview=preview)
    check(any(sinks.sizes.values()), f"in {seconds:.0f} s the daemon wrote to {len(sinks.sizes)} files and sockets")
    for name, size in sorted(sinks.sizes.items()):
        print(f"      | {size:9} bytes  {name}")
    for name in sorted(sinks.opened - sinks.sizes.keys()):
        print(f"      |    opened to write  {name}")
    check(not sinks.unknown(), f"all of them are its own: {sinks.unknown()}")
    shown = sorted(sinks.with_pictures)
    if preview:
        check(
            shown and all("TCP" in name for name in shown), f"with the preview on, pictures go to its client: {shown}"
        )
    else:
        check(not shown, f"with the preview off, no picture goes anywhere: {shown}")


class Watch:
    """Asks the kernel who opens a file."""

    def __init__(self, film: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._number = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._number, str(film).encode(), ctypes.c_uint32(IN_OPEN)) >= 0

    def opened(self, seconds: float) -> bool:
        """Return whether the file is opened within some seconds."""
        ready, _, _ = select.select([self._number], [], [], seconds)
        return bool(ready) and bool(os.read(self._number, 65536))


def has_open(film: Path) -> bool:
    """Return whether the service has a descriptor on the file."""
    pid = subprocess.run(
        ["systemctl", "show", "-P", "MainPID", "musicond"], capture_output=True, text=True, check=True
    ).stdout.strip()
    links = list(Path(f"/proc/{pid}/fd").iterdir()) if pid != "0" else []
    return any(link.is_symlink() and link.readlink() == film for link in links)


def within(seconds: float, film: Path) -> bool:
    """Return whether the service opens the file in time."""
    deadline = time.monotonic() + seconds
    while not has_open(film) and time.monotonic() < deadline:
        time.sleep(0.5)
    return has_open(film)


def check_closed(film: Path, seconds: float) -> None:
    """Check that a private camera is closed and stays so over a restart."""
    subprocess.run(["musicond", "privacy", "off"], check=True, capture_output=True)
    check(within(60, film), "with privacy off the camera is open")
    subprocess.run(["musicond", "privacy", "on"], check=True, capture_output=True)
    check(not has_open(film), "with privacy on it is closed when that is answered")
    watch = Watch(film)
    check(not watch.opened(seconds), f"and nobody opens it in {seconds:.0f} s")
    subprocess.run(["systemctl", "restart", "musicond"], check=True)
    watch.opened(0)  # at the start a recording, unlike a camera, is opened once to see that it can be read
    check(not watch.opened(seconds), f"nor in {seconds:.0f} s after a restart")
    check(not has_open(film), "the daemon of the restart has no descriptor on it")
    subprocess.run(["musicond", "privacy", "off"], check=True, capture_output=True)
    check(watch.opened(60), "and with privacy off it is opened, which is seen")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writes = commands.add_parser("writes")
    writes.add_argument("--pid", type=int, required=True)
    writes.add_argument("--seconds", type=float, default=60)
    writes.add_argument("--preview", action="store_true")
    closed = commands.add_parser("closed")
    closed.add_argument("--film", type=Path, required=True)
    closed.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    if args.command == "writes":
        trace_writes(args.pid, args.seconds, preview=args.preview)
    else:
        check_closed(args.film, args.seconds)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
