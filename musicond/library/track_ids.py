"""The ids of tracks: those of Spotify, in every form in which tools write them, and the addresses of files."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes

TRACK = re.compile(
    r"(?:spotify:track:"
    r"|(?:https?://)?(?:open|play)\.spotify\.com/(?:intl-[a-z-]+/)?(?:embed/)?track/)"
    r"([a-z0-9]{22})(?![a-z0-9])",
    re.IGNORECASE | re.ASCII,
)
BARE_ID = re.compile(r"[A-Za-z0-9]{22}", re.ASCII)
PAGE = "https://open.spotify.com/track/"


def parse_track_id(text: str, *, bare: bool = False) -> str | None:
    """Return the 22 characters of a track's id from its URI or link, or None; `bare`: from the id alone, too."""
    if bare and BARE_ID.fullmatch(text):
        return text
    match = TRACK.match(text)
    return match[1] if match else None


def uri_and_page(track_id: str) -> tuple[str, str]:
    """Return the URI and the web address of a track with this id."""
    return f"spotify:track:{track_id}", PAGE + track_id


def path_of(address: str) -> str:
    """Return the path of a `file:` address, which may hold bytes that are no UTF-8."""
    return os.fsdecode(unquote_to_bytes(address.removeprefix("file:").removeprefix("//")))
