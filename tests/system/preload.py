"""A library that makes a machine faulty for one process, and name spaces of its own for its file systems."""

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
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: sudo apt install gcc")
    library = tmp_path_factory.mktemp("preload") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def has_namespaces() -> bool:
    """Return whether NAMESPACE works here."""
    return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0
