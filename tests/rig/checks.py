"""The checks of the rigs and their failures, and the broker's version."""

from __future__ import annotations

import subprocess

failures: list[str] = []


def check(condition: object, text: str) -> None:
    """Print the result of a check; note a failure and go on."""
    print(f"{'ok  ' if condition else 'FAIL'} {text}", flush=True)
    if not condition:
        failures.append(text)


def mosquitto_version() -> str:
    """Return name and version of the broker."""
    text = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout
    return text.partition("\n")[0]
