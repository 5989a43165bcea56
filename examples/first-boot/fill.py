#!/usr/bin/env python3
"""Print user-data with the address and the key of a repository: fill.py --url ADDRESS --key FILE --not-before SECONDS.

script/repo runs it.
"""

from __future__ import annotations

import argparse
import base64
from pathlib import Path

HERE = Path(__file__).resolve().parent
INDENT = " " * 6


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True, type=Path, help="the public keys, not armoured")
    parser.add_argument("--not-before", required=True, type=int, help="time of its signature, in seconds since 1970")
    args = parser.parse_args()
    script = (HERE / "install").read_text("utf-8").rstrip().replace("\n", f"\n{INDENT}")
    values = {
        "KEY": base64.b64encode(args.key.read_bytes()).decode(),
        "URL": args.url,
        "NOT_BEFORE": str(args.not_before),
        "INSTALL": script.replace(f"\n{INDENT}\n", "\n\n"),
    }
    text = (HERE / "user-data").read_text("utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    print(text, end="")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
