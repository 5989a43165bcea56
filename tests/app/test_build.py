"""The composition root imports only what is configured."""

from __future__ import annotations

import subprocess
import sys


def test_what_is_not_configured_is_not_imported() -> None:
    code = (
        "import sys, musicond.app.build\n"
        "print([name for name in ('spotipy', 'requests', 'mpd', 'segno') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
