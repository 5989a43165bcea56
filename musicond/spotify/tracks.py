"""What Spotify tells of tracks, in our own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from musicond.core.models import Song, Track

if TYPE_CHECKING:
    from collections.abc import Mapping

URI = "spotify:track:"


def song(found: Mapping[str, Any] | None, source: str) -> Song | None:
    """Return the song of a track's object; None for what can't be played: local files, episodes, unavailable ones."""
    if not found or found.get("is_local") or found.get("is_playable") is False:
        return None
    uri, title = str(found.get("uri") or ""), str(found.get("name") or "")
    if not uri.startswith(URI) or not title:
        return None
    record = found.get("album")
    year = str(record.get("release_date") or "")[:4] if isinstance(record, dict) else ""
    popularity = found.get("popularity")
    return Song(
        title=title,
        artist=artist(found),
        track_id=uri,
        link=f"https://open.spotify.com/track/{uri.removeprefix(URI)}",
        year=int(year) if year.isascii() and year.isdigit() and int(year) > 0 else None,
        popularity=popularity if isinstance(popularity, int) and 0 <= popularity <= 100 else None,  # noqa: PLR2004
        source=source,
        album=album(found) or None,
    )


def album(found: Mapping[str, Any]) -> str:
    """Return the name of the album of a track's object, empty where there is none."""
    record = found.get("album")
    return str(record.get("name") or "") if isinstance(record, dict) else ""


def artist(found: Mapping[str, Any]) -> str:
    """Return the first artist of a track's object."""
    artists = found.get("artists")
    linked_uris = (
        [str(each.get("name") or "") for each in artists if isinstance(each, dict)] if isinstance(artists, list) else []
    )
    return next((name for name in linked_uris if name), "unknown artist")


def track(found: Mapping[str, Any] | None) -> Track | None:
    """Return what plays, for people to read: also an episode or a local file."""
    if not found or not found.get("name"):
        return None
    uri = str(found.get("uri") or "")
    link = f"https://open.spotify.com/track/{uri.removeprefix(URI)}" if uri.startswith(URI) else ""
    return Track(uri, str(found["name"]), artist(found), link, album(found))


def linked_uris(found: Mapping[str, Any] | None) -> set[str]:
    """Return the URIs of a track: a track that is not sold here is played as another, which tells whose twin it is."""
    linked = found.get("linked_from") if found else None
    uris = (found.get("uri") if found else None, linked.get("uri") if isinstance(linked, dict) else None)
    return {str(uri) for uri in uris if uri}
