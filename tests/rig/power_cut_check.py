"""Report the content of the catalogue before the daemon opens it; in the virtual machine of script/test-power-cut.

Prints one line: `RIG ` and a JSON object with the answer of SQLite's integrity check, the likes of each song, and the
settings. A copy is read, so that nothing is repaired for the daemon.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from pathlib import Path

STATE = Path("/var/lib/musicond")


def read_state(state: Path) -> dict[str, object]:
    """Return what is stored in a state directory."""
    settings = state / "settings.json"
    answer: dict[str, object] = {
        "integrity": None,
        "likes": {},
        "settings": json.loads(settings.read_text("utf-8")) if settings.exists() else {},
        "damaged": sorted(path.name for path in state.glob("*damaged*")) if state.exists() else [],
    }
    if not (state / "catalogue.sqlite").exists():
        return answer
    with tempfile.TemporaryDirectory() as folder:
        for path in state.glob("catalogue.sqlite*"):
            shutil.copy(path, folder)
        connection = sqlite3.connect(Path(folder) / "catalogue.sqlite")
        answer["integrity"] = " ".join(str(row[0]) for row in connection.execute("PRAGMA integrity_check"))
        likes = (
            "SELECT track_id, sum(likes) FROM feedback JOIN tracks USING (track) GROUP BY track_id HAVING sum(likes)"
        )
        answer["likes"] = dict(connection.execute(likes))
        connection.close()
    return answer


if __name__ == "__main__":
    try:
        report = read_state(STATE)
    except (OSError, ValueError, sqlite3.Error) as exc:
        report = {"error": f"{type(exc).__name__}: {exc}"}
    print(f"\nRIG {json.dumps(report)}", flush=True)
