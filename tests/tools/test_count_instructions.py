"""The estimates of docs/hardware.md are those of tools/count_instructions.py for the figures beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tools.count_instructions import BOARDS, estimates

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/hardware.md"


def test_the_table_follows_from_the_printed_figures() -> None:
    text = DOCUMENT.read_text("utf-8")
    [printed] = re.findall(r'\{"per_s": .*\}', text)
    figures = json.loads(printed)["per_s"]
    rows = estimates(figures["of_all_else"], figures["readings"])
    assert len(rows) == len(BOARDS) == 3
    assert "\n".join(rows) in text
