"""Figures that a test measures; script/fault-test prints them in a table."""

from __future__ import annotations

import json
import os
from pathlib import Path

FULL = os.environ.get("MUSICOND_FAULTS") == "full"
"""Whether the tests of faults run in full, not in their short form."""
MANY = int(os.environ.get("MUSICOND_MANY", "1000"))
"""Random faults of a full run; a planted bug is found within as many."""
SEED = int(os.environ.get("MUSICOND_SEED", "21"))
"""What the random faults begin with."""


def random_faults(short: int) -> int:
    """Return the number of random faults of a run: a thousand in full."""
    return MANY if FULL else short


def record(fault: str, **figures: object) -> None:
    """Append the figures of a fault to the file MUSICOND_FIGURES, if it is set, as a line of JSON."""
    if path := os.environ.get("MUSICOND_FIGURES"):
        with Path(path).open("a", encoding="utf-8") as file:
            print(json.dumps({"fault": fault, **figures}), file=file)
