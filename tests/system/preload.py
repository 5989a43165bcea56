"""A library that makes a machine faulty for one process, and separate name spaces for its file systems."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
"""Runs a command that can mount what no other process sees."""


@pytest.fixture(scope="session")
def preload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library that makes storage slow and the clock wrong, and video devices out of files."""
    if compiler() is None:
        pytest.skip("no C compiler: sudo apt install gcc")
    return build_preload(tmp_path_factory.mktemp("preload"))


def compiler() -> str | None:
    """Return the C compiler, if there is one."""
    return shutil.which("cc") or shutil.which("gcc")


def build_preload(folder: Path) -> Path:
    """Compile the library of `preload` into a folder."""
    library, source = folder / "faults.so", Path(__file__).with_name("faults.c")
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(source), "-ldl"]
    subprocess.run([compiler() or "cc", *options], check=True)
    return library


def has_namespaces() -> bool:
    """Return whether NAMESPACE works here."""
    return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0
