"""The check of pictures from outside."""

from __future__ import annotations

import pytest

from musicond.core.models import Cover
from musicond.core.pictures import MAX_BYTES, as_cover


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF1234WEBPVP8 ", "image/webp"),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(start: bytes, kind: str) -> None:
    assert as_cover(start + b"more") == Cover(start + b"more", kind)


@pytest.mark.parametrize("content", [b"", b"<svg onload='x'/>", b"<html>", b"RIFF1234WAVE", b"BM1234", b"\xff\xd8"])
def test_all_else_is_no_picture(content: bytes) -> None:
    assert as_cover(content) is None


def test_a_picture_has_a_limit() -> None:
    start = b"\xff\xd8\xff"
    assert as_cover(start + bytes(MAX_BYTES - len(start))) is not None
    assert as_cover(start + bytes(MAX_BYTES)) is None
