"""The check of pictures from outside: their form by their first bytes, and their size."""

from __future__ import annotations

from musicond.core.models import Cover

MAX_BYTES = 2 * 2**20
"""A larger picture is not shown."""
SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""Media types by the first bytes of a file, as WHATWG's MIME Sniffing Standard gives them in section 6.1."""


def as_cover(content: bytes) -> Cover | None:
    """Return the bytes of a picture as a cover; None if they are none that a browser draws without scripts."""
    if len(content) > MAX_BYTES:
        return None
    if content[:4] == b"RIFF" and content[8:14] == b"WEBPVP":
        return Cover(content, "image/webp")
    return next((Cover(content, kind) for start, kind in SIGNATURES.items() if content.startswith(start)), None)
