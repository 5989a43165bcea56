"""Ask PyPI for the known vulnerabilities of each pinned package: python tools/audit.py [--required] [FILE...].

The files are lock files, by default all of requirements/. PyPI's JSON API has the advisories of the Python Packaging
Advisory Database for each version. The exit code is 1 where an advisory is open, and with --required also where PyPI
gives no answer, as a mirror of packages and a machine without a network do; else that is printed, and 0.
"""

from __future__ import annotations

import argparse
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parent.parent
API = "https://pypi.org"
PINNED = re.compile(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)")
TIMEOUT_S = 10.0
AT_ONCE = 8
ACCEPTED: dict[str, str] = {}
"""Advisories that do not concern musicond, by their id, with the reason."""


class NoAnswerError(Exception):
    """PyPI can't be asked."""


def pinned(files: Iterable[Path]) -> list[tuple[str, str]]:
    """Return the names and versions of lock files, each once."""
    return sorted({(match[1], match[2]) for file in files for match in PINNED.finditer(file.read_text("utf-8"))})


def advisories(api: str, name: str, version: str) -> list[str]:
    """Return a line for each open advisory of a package; raise NoAnswerError."""
    try:
        answer = requests.get(f"{api}/pypi/{name}/{version}/json", timeout=TIMEOUT_S)
        answer.raise_for_status()
        known: list[dict[str, Any]] = answer.json()["vulnerabilities"]
    except (requests.RequestException, ValueError, KeyError) as exc:
        raise NoAnswerError(f"{name} {version}: {exc}") from None
    return [
        f"{name} {version}: {entry['id']}, fixed in {', '.join(entry['fixed_in']) or 'no version'}: {entry['link']}"
        for entry in known
        if not entry.get("withdrawn") and entry["id"] not in ACCEPTED
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--required", action="store_true")
    parser.add_argument("--api", default=API)
    parser.add_argument("files", nargs="*", type=Path)
    args = parser.parse_args(arguments)
    packages = pinned(args.files or sorted((ROOT / "requirements").glob("*-py*.txt")))
    try:
        advisories(args.api, *packages[0])  # where nobody answers, one request is enough
    except NoAnswerError as exc:
        print(f"not audited: PyPI gives no advisories here ({exc})")
        return int(args.required)
    found: list[str] = []
    unknown: list[NoAnswerError] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for answer in [pool.submit(advisories, args.api, *package) for package in packages]:
            try:
                found += answer.result()
            except NoAnswerError as exc:
                unknown.append(exc)
    print(*found, *(f"not audited: {exc}" for exc in unknown), sep="\n")
    print(f"{len(packages) - len(unknown)} of {len(packages)} packages, {len(found)} open advisories")
    return int(bool(found) or (args.required and bool(unknown)))


if __name__ == "__main__":
    sys.exit(main())
