"""The checks of `musicond doctor` and of the page for what Raspberry Pi OS, its hardware and its network do."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from musicond.commands.checks import Result, check
from musicond.runtime import machine
from musicond.runtime.health import HWMON, THROTTLED, throttled, undervoltage
from musicond.runtime.machine import ROOT
from musicond.runtime.restart import RestartGuard

MIB = 1024
"""KiB."""
LITTLE_MEMORY, LITTLE_FREE, LITTLE_CMA = 400 * MIB, 80 * MIB, 16 * MIB
"""KiB of a machine, of what is free, and of what is left for the pictures of the Pi camera."""
RECENT = timedelta(days=7)
CAMERAS = ("auto", "pi", "v4l2")
"""Sources that are cameras of this machine."""
NOT_SAID = "this machine does not say"


@check("storage")
def check_storage(folder: Path, root: Path = ROOT) -> Result:
    """Check that the state directory survives a boot."""
    kind = machine.volatile_kind(folder, root)
    if kind is None:
        return "ok", f"{folder} lasts over a restart of the machine"
    found = f"{folder} is on {kind}: a boot forgets what is switched, and the camera then stays closed"
    return "warning", found, "switch the overlay file system off (sudo raspi-config), or set state_dir to a disk"


@check("cgroup")
def check_cgroup(limit_mib: float, root: Path = ROOT) -> Result:
    """Check that systemd can limit the memory of the service."""
    state = machine.has_memory_cgroup(root)
    if state is False:
        found = f"the kernel limits no memory of services; musicond's own limit of {limit_mib:g} MiB holds"
        return "warning", found, "add cgroup_enable=memory to /boot/firmware/cmdline.txt, and restart"
    return "ok", "the memory of services can be limited" if state else NOT_SAID


@check("journal")
def check_journal(root: Path = ROOT) -> Result:
    """Check that a boot does not forget the journal."""
    state = machine.is_journal_volatile(root)
    if state:
        found = "a boot forgets it; why musicond last ended is kept in the state directory"
        return "warning", found, "to keep it: sudo raspi-config, Advanced Options, Logging; it writes more to the card"
    return "ok", "it lasts over a restart of the machine" if state is False else "there is none here"


@check("ended")
def check_last_end(folder: Path, now: datetime | None = None) -> Result:
    """Check that musicond has not ended by itself lately."""
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        return "ok", "not for this user to read; put sudo before the command"
    reason = RestartGuard(folder, 0).last_reason()
    if reason is None:
        return "ok", "never by itself"
    try:
        age = (now or datetime.now().astimezone()) - datetime.fromisoformat(reason.partition(" ")[0])
    except (ValueError, TypeError):
        age = timedelta()
    return "warning" if age < RECENT else "ok", reason, "send a report: musicond doctor --bundle FILE"


@check("wifi")
def check_wifi(root: Path = ROOT, ask: Callable[[str], bool | None] = machine.saves_power) -> Result:
    """Check that WiFi does not save power."""
    saving = machine.saving_interfaces(root, ask)
    if saving:
        found = f"{', '.join(saving)} saves power: the page may answer late, and connections may break"
        remedy = (
            "sudo nmcli connection modify NAME 802-11-wireless.powersave 2, and restart; nmcli connection lists NAME"
        )
        return "warning", found, remedy
    return "ok", "not in use" if saving is None else "it does not save power"


@check("memory")
def check_memory(root: Path = ROOT) -> Result:
    """Check that the machine has memory enough."""
    figures = machine.memory_kib(root)
    if "MemTotal" not in figures:
        return "ok", NOT_SAID
    total, free = figures["MemTotal"], figures.get("MemAvailable", figures["MemTotal"])
    found = f"{free // MIB} of {total // MIB} MiB available"
    if total < LITTLE_MEMORY:
        return "warning", f"{found}: this machine is too small", "use a Pi with 512 MiB or more, such as a Zero 2 W"
    if free < LITTLE_FREE:
        return "warning", f"{found}: there is little left", "end other programs; Raspberry Pi OS Lite needs less"
    return "ok", found


@check("cma")
def check_cma(source: str, root: Path = ROOT) -> Result:
    """Check that there is memory for the pictures of the Pi camera."""
    figures = machine.memory_kib(root)
    total, free = figures.get("CmaTotal", 0), figures.get("CmaFree", 0)
    if not total or source.partition(":")[0] not in ("auto", "pi"):
        return "ok", "not needed here"
    found = f"{free // MIB} of {total // MIB} MiB free for pictures of the Pi camera"
    if free < LITTLE_CMA:
        remedy = "set dtoverlay=vc4-kms-v3d,cma-128 in /boot/firmware/config.txt, and restart"
        return "warning", f"{found}: too little", remedy
    return "ok", found


@check("camera")
def check_detected(source: str, root: Path = ROOT) -> Result:
    """Check that the kernel has found a camera, if one of this machine is configured."""
    if source.partition(":")[0] not in CAMERAS:
        return "ok", "none of this machine is needed"
    names = machine.kernel_cameras(root)
    if names == []:
        remedy = "check the cable at both ends; a Pi camera is found only when the Pi starts"
        return "failed", "no camera is detected", remedy
    return "ok", ", ".join(names) if names else NOT_SAID


@check("power")
def check_power(path: Path = THROTTLED, hwmon: Path = HWMON) -> Result:
    """Check that a Pi has voltage enough and is not slowed down."""
    remedy = "use the Pi's own power supply and a short cable; see vcgencmd get_throttled"
    if undervoltage(hwmon):
        return "failed", "too little voltage", remedy
    state = throttled(path)
    if state:
        return "failed", "slowed down: too little voltage, or too hot", remedy
    return "ok", "not slowed down" if state is False else NOT_SAID
