"""A song as a list names it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Song:
    """A song of a list; None is what its list does not tell."""

    title: str
    artist: str
    track_id: str = ""
    """Empty: made of artist and title."""
    link: str = ""
    """Address that a person can open; may be empty."""
    year: int | None = None
    genre: str | None = None
    valence: float | None = None
    """0 (gloomy) to 1 (cheerful)."""
    energy: float | None = None
    """0 to 1."""
    tempo: float | None = None
    """Beats per minute."""
    mode: str | None = None
    """major or minor."""
    popularity: int | None = None
    """0 to 100."""
    source: str = ""
    """Where this is known from, for a person."""
    album: str | None = None

    @property
    def identifier(self) -> str:
        """The identifier in the catalogue: the given one, else the link, else one made of artist and title."""
        return self.track_id or self.link or f"song:{quote(self.artist.casefold())}:{quote(self.title.casefold())}"
