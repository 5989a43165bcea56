"""The virtual machines of the rig, by QEMU.

python -m tests.rig.qemu FOLDER MIB [amd64 | arm64] prints a command, one argument a line.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

QUIET = "quiet systemd.show_status=0 systemd.crash_reboot=yes mitigations=off"
"""Arguments of the kernel for a machine whose console has the report."""
PATIENT = f"{QUIET} systemd.default_timeout_start_sec=900 systemd.service_watchdogs=0"
"""Arguments for a machine that may be emulated while others are busy: no service is ended for being slow."""


def accelerator() -> str:
    """Return "kvm" where the processor virtualises and the kernel lets it, else "tcg", which emulates."""
    virtualises = re.search(r"\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text()) is not None
    return "kvm" if virtualises and Path("/dev/kvm").exists() else "tcg"


def hardware(arch: str) -> list[str]:
    """Return the program with its machine and processor."""
    if arch == "arm64":  # the processor of a Pi 3 and a Zero 2 W
        machine = ["qemu-system-aarch64", "-M", "virt", "-accel", "tcg", "-cpu", "cortex-a53"]
        # Its clock counts instructions, 500 million a second: it is not slow for its programs on a busy machine.
        return [*machine, "-icount", "shift=1"]
    # The TFLite runtime needs more than the least of an x86-64.
    return ["qemu-system-x86_64", "-M", "q35", "-accel", accelerator(), "-cpu", "max"]


def command(
    folder: Path, console: Path, *disks: str, memory_mib: int = 1024, kernel: str = QUIET, arch: str = "amd64"
) -> list[str]:
    """Return the command without a network; the folder has vmlinuz and initrd, and the first disk is the root."""
    words = [*hardware(arch), "-m", str(memory_mib), "-smp", "2"]
    words += ["-nographic", "-no-reboot", "-monitor", "none", "-serial", f"file:{console}"]
    words += ["-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd")]
    line = "ttyAMA0" if arch == "arm64" else "ttyS0"
    words += ["-append", f"root=/dev/vda rw console={line} {kernel}".strip()]
    for disk in disks:
        words += ["-drive", f"file={disk},if=virtio,format=raw"]
    return words


def forwarded(port: int) -> list[str]:
    """Return the options of a network with this port of the loopback for the page; the card is named `card`."""
    forward = f"hostfwd=tcp:127.0.0.1:{port}-:8080"
    return ["-netdev", f"user,id=net,{forward}", "-device", "virtio-net,netdev=net,id=card"]


if __name__ == "__main__":
    place, mib, kind = Path(sys.argv[1]), int(sys.argv[2]), (*sys.argv[3:], "amd64")[0]
    print(
        *command(place, place / "console", str(place / "root.img"), memory_mib=mib, kernel=PATIENT, arch=kind),
        "-nic",
        "none",
        sep="\n",
    )
