"""Try to leave the sandbox of musicond.service.

    python3 tests/rig/escape.py FILE
    python3 tests/rig/escape.py --judge SANDBOX USER ROOT

Each attempt is made in a separate process. FILE gets a JSON object with "done", "refused: " and the kernel's error, or
"failed: " and any other error for each. tests/rig/guest-lib makes three: with the unit's sandbox, as the service's user
without it, and as root. The judge wants each attempt refused in the sandbox and done in one of the others, or it would
show nothing. Needs nothing but Python.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LIBC = ctypes.CDLL(None, use_errno=True)
REFUSED = (
    errno.EPERM,
    errno.EACCES,
    errno.ENOSYS,
    errno.EROFS,
    errno.ENOENT,
    errno.EAFNOSUPPORT,
    errno.ENODEV,
    errno.ENXIO,
)
"""Errors that mean a refusal; with any other the kernel has processed the request."""
STATE = Path(os.environ.get("STATE_DIRECTORY") or "/var/lib/musicond")
NEW_USER, NEW_MOUNTS, NEW_NETWORK, NEW_PIDS = 0x10000000, 0x00020000, 0x40000000, 0x20000000
ATTACH, DETACH = 16, 17
PROT_EXEC = 4
LINUX_32 = 8
SYSTEM_CALLS = {"x86_64": {"finit_module": 313, "bpf": 321, "perf_event_open": 298, "kexec_load": 246}}
SYSTEM_CALLS["aarch64"] = {"finit_module": 273, "bpf": 280, "perf_event_open": 241, "kexec_load": 104}


def call(name: str, *arguments: Any) -> None:
    """Call a function of the C library; raise OSError where it fails."""
    ctypes.set_errno(0)
    if getattr(LIBC, name)(*arguments) in (-1, 2**32 - 1):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def system_call(name: str, *arguments: Any) -> None:
    """Make a system call that the C library has no function for; only a refusal is an error."""
    number = SYSTEM_CALLS[os.uname().machine][name]
    try:
        call("syscall", ctypes.c_long(number), *arguments)
    except OSError as exc:
        if exc.errno in REFUSED:
            raise


def write(path: str) -> None:
    """Write a file, and remove it where it is new."""
    new = not Path(path).exists()
    with Path(path).open("ab") as file:
        file.write(b"")
    if new:
        Path(path).unlink()


def write_value(path: str) -> None:
    """Write the value that a file of the kernel has."""
    value = Path(path).read_bytes()
    Path(path).write_bytes(value)


def open_device(path: str) -> None:
    """Open a device."""
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


def make_device() -> None:
    """Make a device that is /dev/null by another name."""
    path = STATE / "escape-device"
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    path.unlink()


def attach_to_child() -> None:
    """Read the memory of another process of the same user."""
    child = subprocess.Popen(["/bin/sleep", "5"])
    try:
        call("ptrace", ctypes.c_long(ATTACH), ctypes.c_long(child.pid), None, None)
        os.waitpid(child.pid, 0)
        call("ptrace", ctypes.c_long(DETACH), ctypes.c_long(child.pid), None, None)
    finally:
        child.kill()
        child.wait()


def mount() -> None:
    """Mount a file system."""
    path = STATE / "escape-mount"
    path.mkdir(exist_ok=True)
    try:
        call("mount", b"tmpfs", str(path).encode(), b"tmpfs", ctypes.c_ulong(0), None)
        call("umount2", str(path).encode(), ctypes.c_int(2))
    finally:
        path.rmdir()


def run_as_owner() -> None:
    """Run a program with the set-user-id bit of root."""
    user = subprocess.run(["/usr/local/bin/rig-id", "-u"], capture_output=True, text=True, check=True).stdout.strip()
    if user != "0":
        raise PermissionError(errno.EPERM, f"it ran as user {user}")


def mark_as_root() -> None:
    """Give a file the mark that a program runs as its owner."""
    path = STATE / "escape-suid"
    path.write_bytes(b"")
    try:
        path.chmod(0o4755)
        if not path.stat().st_mode & stat.S_ISUID:
            raise PermissionError(errno.EPERM, "the mark was not set")
    finally:
        path.unlink()


def give_away() -> None:
    """Change the owner of a file to root."""
    path = STATE / "escape-owner"
    path.write_bytes(b"")
    try:
        os.chown(path, 0, 0)
    finally:
        path.unlink()


def run_written_memory() -> None:
    """Have memory that can be written and run."""
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | PROT_EXEC).close()


def make_memory_run() -> None:
    """Make memory that was written run."""
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    call("mprotect", ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), ctypes.c_int(mmap.PROT_READ | PROT_EXEC))


def set_clock() -> None:
    """Set the clock to the time that it has."""
    time.clock_settime(time.CLOCK_REALTIME, time.time())


def set_host_name() -> None:
    """Set the host name that the machine has."""
    socket.sethostname(socket.gethostname())


def be_first() -> None:
    """Take the processor before all others."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def see_others() -> None:
    """See a process of another user."""
    if not Path("/proc/1").exists():
        raise PermissionError(errno.EPERM, "there are no others")


def dump_core() -> None:
    """Let a crash write the memory to the disk."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError as exc:  # Python's error for EPERM
        raise PermissionError(errno.EPERM, str(exc)) from exc


def read_log() -> None:
    """Read the kernel's log."""
    call("klogctl", ctypes.c_int(3), ctypes.create_string_buffer(64), ctypes.c_int(64))


def swap() -> None:
    """Use a new file as swap space, which the kernel would refuse for its content."""
    path = STATE / "escape-swap"
    path.write_bytes(bytes(4096 * 16))
    try:
        call("swapon", str(path).encode(), ctypes.c_int(0))
    except OSError as exc:
        if exc.errno in REFUSED:
            raise
    finally:
        path.unlink()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write a program": lambda: write("/usr/lib/musicond/musicond/cli.py"),
    "write below /usr/local": lambda: write("/usr/local/escape"),
    "write below /etc": lambda: write("/etc/escape"),
    "write its own configuration": lambda: write("/etc/musicond/musicon.yaml"),
    "write below /var": lambda: write("/var/lib/escape"),
    "write below /opt": lambda: write("/opt/rig/escape"),
    "write a unit": lambda: write("/run/systemd/system/escape.service"),
    "read a home folder": lambda: Path("/home/rig/letter").read_bytes(),
    "read root's folder": lambda: list(Path("/root").iterdir()),
    "read the passwords": lambda: Path("/etc/shadow").read_bytes(),
    "read the temporary files of others": lambda: Path("/tmp/rig-letter").read_bytes(),
    "open another device": lambda: open_device("/opt/rig/device"),
    "make a device": make_device,
    "send raw packets": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close(),
    "read all packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "open another kind of socket": lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close(),
    "trace a process": attach_to_child,
    "mount": mount,
    "change the root": lambda: os.chroot("/usr"),
    "load a module": lambda: system_call("finit_module", ctypes.c_int(-1), b"", ctypes.c_int(0)),
    "load another kernel": lambda: system_call("kexec_load", 0, 0, None, ctypes.c_ulong(2**40)),
    "load a program into the kernel": lambda: system_call("bpf", ctypes.c_int(99), None, ctypes.c_uint(0)),
    "watch the processor": lambda: system_call("perf_event_open", None, -1, -1, -1, ctypes.c_ulong(0)),
    "become root": lambda: os.setresuid(0, 0, 0),
    "run a program as root": run_as_owner,
    "mark a program for root": mark_as_root,
    "give a file to root": give_away,
    "have users of its own": lambda: call("unshare", ctypes.c_int(NEW_USER)),
    "have mounts of its own": lambda: call("unshare", ctypes.c_int(NEW_MOUNTS)),
    "have a network of its own": lambda: call("unshare", ctypes.c_int(NEW_NETWORK)),
    "have users and processes of its own": lambda: call("unshare", ctypes.c_int(NEW_USER | NEW_PIDS)),
    "run memory that can be written": run_written_memory,
    "run memory that was written": make_memory_run,
    "change the kernel": lambda: write_value("/proc/sys/kernel/domainname"),
    "change the network": lambda: write_value("/proc/sys/net/ipv4/ip_default_ttl"),
    "change its control group": lambda: Path("/sys/fs/cgroup/cgroup.procs").write_text(str(os.getpid())),
    "read the kernel's log": read_log,
    "set the clock": set_clock,
    "set the host name": set_host_name,
    "take the processor": be_first,
    "see others' processes": see_others,
    "be another kind of machine": lambda: call("personality", ctypes.c_ulong(LINUX_32)),
    "dump its memory": dump_core,
    "swap": swap,
}


DONE = "done"
REFUSAL = "refused: "
FILTER = "load a program into the kernel"
"""systemd's filter of devices is such a program."""
NOT_IN_A_CONTAINER = (
    *(
        "load a module",
        "load another kernel",
        FILTER,
        "watch the processor",
        "read the kernel's log",
        "change the kernel",
    ),
    *("set the clock", "swap", "open another kind of socket"),
)
"""Attempts that systemd-nspawn, or a kernel without them, refuses to everybody."""


def attempt(act: Callable[[], object]) -> str:
    """Make an attempt in a separate process; return "done", "refused: " or "failed: " with the error."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
            text = DONE
        except BaseException as exc:  # it ends the process in any case
            refused = isinstance(exc, OSError) and exc.errno in REFUSED
            text = f"{REFUSAL if refused else 'failed: '}{type(exc).__name__}: {exc}"
        os.write(writer, text.encode("utf-8", "replace"))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        text = file.read().decode()
    _, status = os.waitpid(child, 0)
    if text:
        return text
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS:  # the signal of a filter of system calls
        return f"{REFUSAL}SIGSYS"
    return f"failed: it ended with status {status}"


def judge(sandbox: dict[str, str], user: dict[str, str], root: dict[str, str]) -> list[str]:
    """Return a line for each attempt; those that begin with FAIL are faults."""
    lines = []
    for name in ATTEMPTS:
        shown = [who for who, results in (("the user", user), ("root", root)) if results[name] == DONE]
        if sandbox[name] == DONE and name == "open another device" and root[FILTER] != DONE:
            lines.append(f"      sandbox: {name}: done, as a container may not load the filter of devices")
        elif sandbox[name] == DONE:
            lines.append(f"FAIL  sandbox: {name}: done")
        elif not sandbox[name].startswith(REFUSAL):
            lines.append(f"FAIL  sandbox: {name}: not refused, but {sandbox[name]}")
        elif shown:
            lines.append(
                f"ok    sandbox: {name}: {sandbox[name].removeprefix(REFUSAL)}; without it: done by {' and '.join(shown)}"
            )
        elif name in NOT_IN_A_CONTAINER:
            lines.append(f"      sandbox: {name}: refused, but a container refuses it to root, too: {root[name]}")
        else:
            lines.append(f"FAIL  sandbox: {name}: nobody can do it here, so it shows nothing: {root[name]}")
    return lines


def main() -> int:
    """Run the command."""
    if sys.argv[1] == "--judge":
        lines = judge(*(json.loads(Path(name).read_text()) for name in sys.argv[2:]))
        print("\n".join(lines))
        return any(line.startswith("FAIL") for line in lines)
    results = {name: attempt(act) for name, act in ATTEMPTS.items()}
    Path(sys.argv[1]).write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
