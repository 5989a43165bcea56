"""Facts of the machine from /proc, /sys and /etc, each below `root`; None where the machine does not say."""

from __future__ import annotations

import fcntl
import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")
VOLATILE = ("tmpfs", "ramfs", "rootfs")
"""File systems whose content a boot forgets."""
OVERLAY = "overlay"
UPPER = re.compile(r"upperdir=([^,]+)")
ESCAPED = re.compile(r"\\([0-7]{3})")
JOURNALD = ("usr/lib/systemd/journald.conf.d", "etc/systemd/journald.conf.d", "run/systemd/journald.conf.d")
STORAGE = re.compile(r"(?m)^Storage=(\w+)")
SIOCGIWPOWER = 0x8B2D
"""The question of linux/wireless.h whether an interface saves power."""
IWREQ = struct.Struct("16siBBH8x")
"""struct iwreq with a struct iw_param: name, value, fixed, disabled, flags."""
NO_CAMERAS = re.compile(r"bcm2835-(codec|isp)|rpivid|rpi-hevc|pispbe")
"""Names of a Pi's video devices that are no cameras."""


def mounts(root: Path = ROOT) -> Iterator[tuple[str, str, str]]:
    """Yield mount point, kind of file system and its options (proc(5), mountinfo); the last one of a place holds."""
    try:
        lines = (root / "proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        fields, _, rest = line.partition(" - ")
        parts, kinds = fields.split(" "), rest.split(" ")
        if len(parts) > 4 and len(kinds) > 2:  # noqa: PLR2004 - as proc(5) has them
            yield ESCAPED.sub(lambda match: chr(int(match[1], 8)), parts[4]), kinds[0], kinds[2]


def volatile_kind(folder: Path, root: Path = ROOT) -> str | None:
    """Return the kind of the file system of a folder if a boot forgets its content; None if it lasts, or is unknown."""
    found = _mount_of(str(folder.resolve()), root)
    if found is None:
        return None
    kind, options = found
    if kind != OVERLAY:
        return kind if kind in VOLATILE else None
    upper = _mount_of(match[1], root) if (match := UPPER.search(options)) else None
    return None if upper is not None and upper[0] not in (*VOLATILE, OVERLAY) else OVERLAY


def _mount_of(place: str, root: Path) -> tuple[str, str] | None:
    """Return kind and options of the file system of an absolute path."""
    best: tuple[int, str, str] | None = None
    for point, kind, options in mounts(root):
        inside = place == point or place.startswith(f"{point.rstrip('/')}/")
        if inside and (best is None or len(point) >= best[0]):
            best = len(point), kind, options
    return best and (best[1], best[2])


def has_memory_cgroup(root: Path = ROOT) -> bool | None:
    """Return whether the kernel can limit the memory of a service."""
    with suppress(OSError):
        return "memory" in (root / "sys/fs/cgroup/cgroup.controllers").read_text().split()
    with suppress(OSError, ValueError):
        rows = [line.split() for line in (root / "proc/cgroups").read_text().splitlines()]
        return any(row[0] == "memory" and row[-1] == "1" for row in rows if row)
    return None


def is_journal_volatile(root: Path = ROOT) -> bool | None:
    """Return whether a boot forgets the journal; None without a journal."""
    if not (root / "run/systemd/journal").exists():
        return None
    storage = "auto"
    files = [root / "etc/systemd/journald.conf"]
    # By name, whatever their folders, and all of them after the main file (journald.conf(5)).
    files += sorted((file for name in JOURNALD for file in (root / name).glob("*.conf")), key=lambda file: file.name)
    for file in files:
        with suppress(OSError):
            storage = [storage, *STORAGE.findall(file.read_text("utf-8", "replace"))][-1]
    persistent = (root / "var/log/journal").is_dir() or storage == "persistent"
    return storage in ("volatile", "none") or not persistent


def memory_kib(root: Path = ROOT) -> Mapping[str, int]:
    """Return the figures of /proc/meminfo in KiB, none where there is no such file."""
    with suppress(OSError):
        text = (root / "proc/meminfo").read_text()
        return {name: int(figure) for name, figure in re.findall(r"(?m)^(\w+): +(\d+) kB$", text)}
    return {}


def kernel_cameras(root: Path = ROOT) -> list[str] | None:
    """Return the names of the video devices that may be cameras; None where the kernel has no list."""
    devices = root / "sys/class/video4linux"
    if not (root / "sys/class").is_dir():
        return None
    names = []
    for device in sorted(devices.glob("video*")):
        with suppress(OSError):
            names.append((device / "name").read_text("utf-8", "replace").strip())
    return [name for name in dict.fromkeys(names) if not NO_CAMERAS.match(name)]


def saves_power(interface: str) -> bool | None:
    """Return whether a wireless interface saves power, by its driver."""
    request = bytearray(IWREQ.pack(interface.encode()[:15], 0, 0, 0, 0))
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as question:
        fcntl.ioctl(question, SIOCGIWPOWER, request)
        return not IWREQ.unpack(request)[3]
    return None


def saving_interfaces(root: Path = ROOT, ask: Callable[[str], bool | None] = saves_power) -> list[str] | None:
    """Return the wireless interfaces that are up and save power; None without any that is up."""
    up = []
    for folder in sorted((root / "sys/class/net").glob("*")):
        wireless = (folder / "wireless").exists() or (folder / "phy80211").exists()
        with suppress(OSError):
            if wireless and (folder / "operstate").read_text().strip() == "up":
                up.append(folder.name)
    return [name for name in up if ask(name)] if up else None
