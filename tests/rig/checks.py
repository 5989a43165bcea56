"""What the checks in the rigs found, and the broker's version."""

from __future__ import annotations

import subprocess

faults: list[str] = []


def check(true: object, what: str) -> None:
    """Note a fault and go on."""
    print(f"{'ok  ' if true else 'FAIL'} {what}", flush=True)
    if not true:
        faults.append(what)


def mosquitto_version() -> str:
    """Return what the broker calls itself."""
    text = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout
    return text.partition("\n")[0]
