"""Music Assistant servers in the home network, found by mDNS through avahi where it runs."""

from __future__ import annotations

import shutil
import subprocess

SERVICE = "_mass._tcp"
TIMEOUT_S = 6.0
RESOLVED, FIELDS = "=", 9
"""Marks a resolved service in the output of avahi-browse -p, with this many fields before its records."""


def find_servers() -> list[str] | None:
    """Return the addresses of the servers; None where the network can't be searched: avahi is missing or stopped."""
    program = shutil.which("avahi-browse")
    if program is None:
        return None
    try:
        result = subprocess.run(  # noqa: S603 - our own arguments
            [program, "--parsable", "--resolve", "--terminate", "--no-db-lookup", SERVICE],
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if result.returncode else parse_services(result.stdout.decode("utf-8", "replace"))


def parse_services(output: str) -> list[str]:
    """Return the addresses in the output of avahi-browse(1), those of IPv4 first.

    A line is =;interface;IPv4;name;type;domain;host name;address;port;records.
    """
    found: dict[str, bool] = {}
    for line in output.splitlines():
        fields = line.split(";")
        if fields[0] != RESOLVED or len(fields) < FIELDS or fields[4] != SERVICE or not fields[8].isdigit():
            continue
        six = fields[2] == "IPv6"
        if not six or not fields[7].startswith("fe80:"):  # which is nothing without its interface
            found.setdefault(f"http://{f'[{fields[7]}]' if six else fields[7]}:{fields[8]}", six)
    return sorted(found, key=lambda url: found[url])
