"""Write config/musicon.schema.json from musicond/config/schema.py: python tools/make_schema.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicond.config.loader import schema

TARGET = ROOT / "config/musicon.schema.json"


def text() -> str:
    """Return the file's text."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), "utf-8")
    print(f"{TARGET.relative_to(ROOT)} written")
