"""Whether a song that a music service has found is the one that was meant, and no cover, karaoke or live version."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

VERSIONS = frozenset(
    [
        "live",
        "karaoke",
        "cover",
        "tribute",
        "remix",
        "acoustic",
        "instrumental",
        "demo",
        "unplugged",
        "rehearsal",
        "session",
        "medley",
        "mashup",
        "reprise",
        "slowed",
        "reverb",
        "sped",
        "nightcore",
        "8d",
        "backing",
        "lullaby",
        "rerecorded",
        "orchestral",
        "dub",
        "mix",
        "extended",
        "piano",
        "reimagined",
    ]
)
"""Words that make another recording of the same title, where they stand in brackets or behind a dash."""
IMITATIONS = frozenset(("karaoke", "tribute", "lullaby", "backing"))
"""Words of an artist or an album that imitates others."""
NEUTRAL = frozenset(
    [
        "remaster",
        "remastered",
        "remasterd",
        "feat",
        "ft",
        "featuring",
        "with",
        "version",
        "single",
        "album",
        "mono",
        "stereo",
        "deluxe",
        "bonus",
        "original",
        "from",
        "soundtrack",
        "edit",
        "radio",
        "explicit",
        "clean",
        "anniversary",
        "edition",
        "recording",
        "digital",
    ]
)
"""Words in brackets, or behind a dash, that leave the recording the same."""
TOLERANCE_S = 8.0
"""Two durations further apart are those of two recordings."""
PART = re.compile(r"[(\[]([^)\]]*)[)\]]|\s[-\u2013\u2014]\s(.*)$")
ARTISTS = re.compile(r"\s*(?:,|;|/|&|\+|\bfeat\.?\b|\bft\.?\b|\bfeaturing\b|\band\b|\bund\b|\bx\b|\bvs\.?\b)\s*")


def fold(text: str) -> str:
    """Return a text without case, accents and punctuation, with single blanks."""
    # Twice, as in Unicode's compatibility caseless match: a circled capital becomes a plain one first.
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w\s]|_", " ", bare.replace("'", "").replace("\u2019", "")).split())


def split_title(title: str) -> tuple[str, frozenset[str]]:
    """Return the folded title without its additions, and the words of VERSIONS in them."""
    versions: set[str] = set()

    def reduce(match: re.Match[str]) -> str:
        words = set(fold((match[1] or match[2] or "").replace("re-", "re")).split())
        versions.update(words & VERSIONS)
        return " " if words & (VERSIONS | NEUTRAL) else match[0]

    base = fold(PART.sub(reduce, title))
    return base or fold(title), frozenset(versions)


def is_same_song(
    title: str,
    artist: str,
    candidate: str,
    artists: Sequence[str],
    *,
    version: str = "",
    album: str = "",
    durations_s: tuple[float, float] | None = None,
) -> bool:
    """Return whether a found song is the wanted one.

    `title` and `artist` are wanted. `candidate` is the title of the found song, by `artists`, with the name of its
    `version` and its `album`; `durations_s` is that of the wanted and of the found one, where both are known.
    """
    base, versions = split_title(title)
    candidate_base, candidate_versions = split_title(candidate)
    candidate_versions |= set(fold(version.replace("re-", "re")).split()) & VERSIONS
    if base != candidate_base or versions != candidate_versions:
        return False
    if durations_s is not None and abs(durations_s[0] - durations_s[1]) > TOLERANCE_S:
        return False
    wanted = {fold(name) for name in (artist, *ARTISTS.split(artist.casefold()))} - {""}
    named = {fold(part) for name in artists for part in (name, *ARTISTS.split(name.casefold()))} - {""}
    imitation = set(" ".join((*named, fold(album))).split()) & IMITATIONS
    return bool(wanted & named) and not imitation - set(fold(f"{artist} {title}").split())
