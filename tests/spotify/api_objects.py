"""Objects of the Web API."""

from __future__ import annotations

import hashlib
from typing import Any

URI = "spotify:track:"


def track_uri(name: str) -> str:
    """Return the URI of a song with this name, always the same; a URI is its own."""
    if name.startswith("spotify:"):
        return name
    digits = hashlib.sha256(name.encode()).hexdigest()
    return URI + digits[:22]


def track_object(name: str, *, seconds: float = 200.0, **more: Any) -> dict[str, Any]:
    """Return a track as apps made in 2026 get it: without popularity, markets and external ids."""
    uri = track_uri(name)
    key = uri.rpartition(":")[2]
    return {
        "id": key,
        "uri": uri,
        "type": "track",
        "name": name,
        "artists": [{"id": "a" * 22, "name": f"The {name}s", "type": "artist", "uri": "spotify:artist:" + "a" * 22}],
        "duration_ms": round(seconds * 1000),
        "explicit": False,
        "is_local": False,
        "is_playable": True,
        "disc_number": 1,
        "track_number": 1,
        "href": f"https://api.spotify.com/v1/tracks/{key}",
        "external_urls": {"spotify": f"https://open.spotify.com/track/{key}"},
        **more,
    }


def track_link(uri: str) -> dict[str, Any]:
    """Return the link to the track that was asked for, as one that is played instead has it."""
    return {key: track_object(uri)[key] for key in ("id", "uri", "type", "href", "external_urls")}


def album_object(name: str, images: object) -> dict[str, Any]:
    """Return the album of a track; `images`: its pictures."""
    key = track_uri(f"album {name}").rpartition(":")[2]
    return {
        "id": key,
        "uri": f"spotify:album:{key}",
        "type": "album",
        "album_type": "album",
        "name": name,
        "artists": [],
        "images": images,
        "release_date": "2020-01-01",
        "release_date_precision": "day",
        "total_tracks": 10,
        "available_markets": [],
        "href": f"https://api.spotify.com/v1/albums/{key}",
        "external_urls": {"spotify": f"https://open.spotify.com/album/{key}"},
    }


def entry(name: str, *, wrapper: str = "item", **more: Any) -> dict[str, Any]:
    """Return an entry of a playlist (`item`, since 2026) or of the liked songs (`track`)."""
    return {"added_at": "2026-01-01T00:00:00Z", "is_local": False, wrapper: track_object(name), **more}


def page(items: list[dict[str, Any]], limit: int, offset: int) -> dict[str, Any]:
    """Return one page of a list."""
    href = f"https://api.spotify.com/v1/x?limit={limit}"
    return {
        "href": href,
        "limit": limit,
        "offset": offset,
        "total": len(items),
        "next": f"{href}&offset={offset + limit}" if offset + limit < len(items) else None,
        "previous": None,
        "items": items[offset : offset + limit],
    }


def device_object(key: str, name: str) -> dict[str, Any]:
    """Return a speaker that accepts commands."""
    return {
        "id": key,
        "is_active": False,
        "is_private_session": False,
        "is_restricted": False,
        "name": name,
        "type": "Speaker",
        "volume_percent": 50,
        "supports_volume": True,
    }
