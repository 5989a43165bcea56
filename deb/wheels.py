#!/usr/bin/env python3
"""Fetch the wheels that the Debian packages bring along, by the hashes of a lock file, and unpack what is needed.

    deb/wheels.py --lock requirements/run-py313.txt --python 3.13 --arch arm64 --cache DIR --out vendor

Which ones stands in deb/vendor.txt. Pure ones go to OUT/pure, compiled ones to OUT/ARCH, and what those need of Debian,
in the form of a Depends line, into OUT/ARCH.depends. The running Python's pip downloads; nothing of a wheel is run.
"""

from __future__ import annotations

import argparse
import fnmatch
import re
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC = range(17, 37)
"""Minor versions of glibc 2 whose wheels are usable: bookworm has 2.36, trixie a newer one."""

KEEP = {
    "ai_edge_litert": (
        "ai_edge_litert/__init__.py",
        "ai_edge_litert/interpreter.py",
        "ai_edge_litert/metrics_*.py",
        "ai_edge_litert/libpywrap_litert_common.so",
        "ai_edge_litert/_pywrap_litert_interpreter_wrapper.so",
        "*.dist-info/*",
    )
}
"""Of these wheels only what matches: the rest is for converting models, and for chips that no Pi has."""
DROP = (
    *("cv2/data/*.xml", "cv2/*.pyi", "*/py.typed", "*.py[xi]", "*.px[di]"),
    *("*.dist-info/RECORD", "*.dist-info/sboms/*"),
)
"""Only our own copy of the cascade is used; the other files serve developers."""


def wanted() -> list[str]:
    """Return the names of deb/vendor.txt."""
    lines = (HERE / "vendor.txt").read_text("utf-8").splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def select(lock: str, names: list[str]) -> str:
    """Return the entries of a lock file that have these names, with their hashes."""
    entries = re.findall(r"(?m)^([a-z0-9-]+)(==[^\n]*(?:\n    --hash[^\n]*)*)", lock)
    return "".join(f"{name}{rest}\n" for name, rest in entries if name in names)


def download(lock: Path, python: str, arch: str, cache: Path) -> list[Path]:
    """Return the wheels of this Python and architecture, verified by their hashes; exit if pip can't fetch one."""
    cache.mkdir(parents=True, exist_ok=True)
    entries = cache / "wanted.txt"
    entries.write_text(select(lock.read_text("utf-8"), wanted()), "utf-8")
    machine = MACHINES[arch]
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in reversed(GLIBC)]
    command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--require-hashes"]
    command += ["--only-binary=:all:", "--no-deps", f"--python-version={python}", "--implementation=cp"]
    command += [*platforms, f"--platform=manylinux2014_{machine}", f"--dest={cache}", f"--requirement={entries}"]
    done = subprocess.run(command, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise SystemExit("deb/wheels.py: pip could not fetch the wheels; what it says stands above")
    pinned = dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", entries.read_text("utf-8")))
    stems = {f"{name.replace('-', '_')}-{version}-" for name, version in pinned.items()}
    return sorted(path for path in cache.glob("*.whl") if any(path.name.startswith(stem) for stem in stems))


def unpack(wheel: Path, out: Path) -> None:
    """Unpack what is needed of a wheel."""
    keep = KEEP.get(wheel.name.partition("-")[0], ("*",))
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            name = member.filename
            is_needed = any(fnmatch.fnmatch(name, pattern) for pattern in keep)
            if is_needed and not member.is_dir() and not any(fnmatch.fnmatch(name, pattern) for pattern in DROP):
                archive.extract(member, out)


def needs(wheels: list[Path], python: str) -> str:
    """Return the Depends of compiled wheels: the tags give the least version of the C library, and the Python."""
    minors = [int(minor) for wheel in wheels for minor in re.findall(r"manylinux_2_(\d+)_", wheel.name)[-1:]]
    major, minor = (int(part) for part in python.split("."))
    libc = f"libc6 (>= 2.{max(minors)})"
    return f"{libc}, libgcc-s1, libstdc++6, python3 (>= {major}.{minor}), python3 (<< {major}.{minor + 1})"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--python", required=True, help="such as 3.13")
    parser.add_argument("--arch", choices=MACHINES, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the downloads")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    wheels = download(args.lock, args.python, args.arch, args.cache)
    missing = [name for name in wanted() if name in args.lock.read_text("utf-8")]
    if len(wheels) != len(missing):
        raise SystemExit(f"deb/wheels.py: {len(wheels)} wheels for {missing}; empty {args.cache} and try again")
    compiled = [wheel for wheel in wheels if not wheel.name.endswith("-none-any.whl")]
    for wheel in wheels:
        unpack(wheel, args.out / (args.arch if wheel in compiled else "pure"))
    (args.out / f"{args.arch}.depends").write_text(needs(compiled, args.python) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
