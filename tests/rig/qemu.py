"""The virtual machines of the rig, by QEMU: python -m tests.rig.qemu FOLDER MIB prints a command, one argument a line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

QUIET = "quiet systemd.show_status=0 mitigations=off"
"""Arguments of the kernel for a machine whose console has the report."""


def accelerator() -> str:
    """Return "kvm" where the processor virtualises and the kernel lets it, else "tcg", which emulates."""
    virtualises = re.search(r"\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text()) is not None
    return "kvm" if virtualises and Path("/dev/kvm").exists() else "tcg"


def command(folder: Path, console: Path, *disks: str, memory_mib: int = 1024, kernel: str = QUIET) -> list[str]:
    """Return the command without a network; the folder has vmlinuz and initrd, and the first disk is the root."""
    words = ["qemu-system-x86_64", "-M", "q35", "-accel", accelerator(), "-m", str(memory_mib), "-smp", "2"]
    words += ["-cpu", "max"]  # the TFLite runtime needs more than the least of an x86-64
    words += ["-nographic", "-no-reboot", "-monitor", "none", "-serial", f"file:{console}"]
    words += ["-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd")]
    words += ["-append", f"root=/dev/vda rw console=ttyS0 {kernel}".strip()]
    for disk in disks:
        words += ["-drive", f"file={disk},if=virtio,format=raw"]
    return words


def forwarded(port: int) -> list[str]:
    """Return the options of a network with this port of the loopback for the page; the card is named `card`."""
    forward = f"hostfwd=tcp:127.0.0.1:{port}-:8080"
    return ["-netdev", f"user,id=net,{forward}", "-device", "virtio-net,netdev=net,id=card"]


if __name__ == "__main__":
    place = Path(sys.argv[1])
    print(
        *command(place, place / "console", str(place / "root.img"), memory_mib=int(sys.argv[2])),
        "-nic",
        "none",
        sep="\n",
    )
