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
        "concert",
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
        "lofi",
        "8bit",
        "acappella",
        "workout",
        "flip",
        "bootleg",
        "rework",
        "redux",
    ]
)
"""Words that make another recording of the same title, where they stand in brackets or behind a dash."""
SPELLINGS = {
    re.compile(r"\blo fi\b"): "lofi",
    re.compile(r"\b8 bit\b"): "8bit",
    re.compile(r"\b(?:a capp?ella|acapella)\b"): "acappella",
    re.compile(r"\bradioedit\b"): "radio edit",
    re.compile(r"\bver\b"): "version",
    re.compile(r"\b(live|demo|remix|instrumental|session|rehearsal|concert|cover|rework|mashup)e?s\b"): r"\1",
}
"""Other spellings of such words in a folded text, and their plurals."""
IMITATIONS = frozenset(("karaoke", "tribute", "lullaby", "backing"))
"""Words of an artist or an album that imitates others."""
ALBUM_VERSIONS = frozenset(
    [
        "acoustic",
        "instrumental",
        "demo",
        "rehearsal",
        "lofi",
        "8bit",
        "nightcore",
        "slowed",
        "sped",
        "reverb",
        "orchestral",
        "acappella",
        "rerecorded",
    ]
)
"""Versions of all songs of an album whose name, or a part of it, says nothing else but ALBUM_WORDS."""
ALBUM_WORDS = frozenset(
    [
        "the",
        "a",
        "and",
        "version",
        "versions",
        "album",
        "ep",
        "session",
        "recordings",
        "collection",
        "mix",
        "up",
        "vol",
        "volume",
        "speed",
    ]
)
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
INTRODUCING = frozenset(("feat", "ft", "featuring", "with", "from"))
"""Words of NEUTRAL before the names of guests or of a work, which may be any."""
RELEASES = frozenset(("remaster", "remastered", "remasterd", "deluxe", "bonus", "anniversary", "soundtrack"))
"""Words of NEUTRAL that describe a release of the same recording, beside whatever else."""
QUALIFIERS = frozenset(
    [
        "the",
        "a",
        "of",
        "and",
        "in",
        "for",
        "main",
        "full",
        "length",
        "short",
        "long",
        "video",
        "movie",
        "film",
        "tv",
        "lp",
        "ep",
        "cd",
        "vinyl",
        "track",
        "standard",
        "special",
        "expanded",
        "collectors",
        "collector",
        "super",
        "limited",
        "uk",
        "us",
        "usa",
        "international",
        "studio",
        "cast",
        "broadway",
        "digitally",
        "edited",
        "extra",
        "song",
        "theme",
        "no",
        "fade",
        "final",
    ]
)
"""Words that leave a recording the same beside those of NEUTRAL; an unknown one, as in "Salsa Version", does not."""
LIVE = frozenset(("live", "unplugged", "concert"))
"""Words for one and the same: a recording before an audience."""
TOLERANCE_S = 8.0
"""Two durations further apart are those of two recordings."""
PART = re.compile(r"[(\[]([^)\]]*)[)\]]|\s[-\u2013\u2014]\s(.*)$")
ALBUM_PART = re.compile(r"[()\[\]:]|\s[-\u2013\u2014]\s")
NEUTRAL_MIX = re.compile(r"\b(?:original|album|single|mono|stereo|(?:19|20)\d\d(?: mono| stereo)?) mix\b")
"""A mix of the same recording."""
REMADE = re.compile(r"\bre-?record|['\u2019]s version\b", re.IGNORECASE)
LIVE_ALBUM = re.compile(
    r"(?:^|[-\u2013\u2014:(\[,/]\s*|\d\s|\brecorded\s|\bhits\s)live"
    r"(?:,?\s(?:at|from|in|on|sessions?|with|album|recordings?|vol(?:ume)?|tour)\b|\s['\u2019]?\d|\s*[:&/]"
    r"|\s[-\u2013\u2014]\s|[!.]*\s*(?:[)\]]|$))"
    r"|\bunplugged\b|\bconcert\b",
    re.IGNORECASE,
)
"""The name of an album of such recordings; not of "Live Through This"."""
PART_NUMBER = re.compile(r"\b(?:part|pt) (\w+)\b")
NUMBERS = {"i": "1", "one": "1", "ii": "2", "two": "2", "iii": "3", "three": "3", "iv": "4", "four": "4"}
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
        text = match[1] or match[2] or ""
        found = _versions(text)
        versions.update(found)
        return " " if found or _is_neutral(text, title) else match[0]

    base = fold(PART.sub(reduce, title))
    return _number_parts(base or fold(title)), frozenset(versions)


def is_same_song(
    title: str,
    artist: str,
    candidate: str,
    artists: Sequence[str],
    *,
    version: str = "",
    album: str = "",
    wanted_album: str = "",
    durations_s: tuple[float, float] | None = None,
) -> bool:
    """Return whether a found song is the wanted one.

    `title`, `artist` and `wanted_album` are wanted. `candidate` is the title of the found song, by `artists`, with the
    name of its `version` and its `album`; `durations_s` is that of the wanted and of the found one, where both are
    known.
    """
    base, versions = split_title(title)
    candidate_base, candidate_versions = split_title(candidate)
    candidate_versions |= _versions(version)
    versions, candidate_versions = _with_album(versions, wanted_album), _with_album(candidate_versions, album)
    if base != candidate_base or versions != candidate_versions or _is_unknown(version, title):
        return False
    if durations_s is not None and abs(durations_s[0] - durations_s[1]) > TOLERANCE_S:
        return False
    named = _names(artists)
    imitation = set(" ".join((*named, fold(album))).split()) & IMITATIONS
    return bool(_names([artist]) & named) and not imitation - set(fold(f"{artist} {title}").split())


def _versions(text: str) -> frozenset[str]:
    """Return the words of VERSIONS in an addition to a title."""
    words = set(NEUTRAL_MIX.sub(" ", _spelled(text)).split()) & VERSIONS
    if REMADE.search(text):
        words.add("rerecorded")
    return frozenset("live" if word in LIVE else word for word in words)


def _spelled(text: str) -> str:
    """Return a folded text with one spelling of each word of VERSIONS."""
    folded = fold(text)
    for pattern, spelling in SPELLINGS.items():
        folded = pattern.sub(spelling, folded)
    return folded


def _is_neutral(text: str, title: str) -> bool:
    """Return whether an addition to a title leaves the recording the same."""
    words = NEUTRAL_MIX.sub(" original ", _spelled(text)).split()
    if not NEUTRAL & set(words) or RELEASES & set(words):
        return bool(NEUTRAL & set(words))
    first = next((place for place, word in enumerate(words) if word in INTRODUCING), len(words))
    own = set(fold(PART.sub(" ", title)).split())
    return all(word in NEUTRAL | QUALIFIERS | own or word[0].isdigit() for word in words[:first])


def _with_album(versions: frozenset[str], album: str) -> frozenset[str]:
    """Return the versions of a song, with those of its album where it names none."""
    if versions:
        return versions
    if LIVE_ALBUM.search(album):
        return frozenset(("live",))
    parts = [set(_spelled(part).split()) for part in ALBUM_PART.split(album)]
    whole = [part & ALBUM_VERSIONS for part in parts if part <= ALBUM_VERSIONS | ALBUM_WORDS]
    return frozenset[str]().union(*whole)


def _is_unknown(version: str, title: str) -> bool:
    """Return whether the name of a version says nothing that is known, as "BBC 1991": another recording."""
    words = {word for word in fold(version).split() if not word.isdigit()}
    known = _versions(version) or _is_neutral(version, title) or words <= set(fold(title).split())
    return not known


def _number_parts(base: str) -> str:
    """Return a folded title with "Pt. II" as "part 2"."""
    return PART_NUMBER.sub(lambda match: f"part {NUMBERS.get(match[1], match[1])}", base)


def _names(artists: Sequence[str]) -> set[str]:
    """Return the folded names of artists, whole and one by one, without a leading "the"."""
    parts = (fold(part) for name in artists for part in (name, *ARTISTS.split(name.casefold())))
    names = {(part.removeprefix("the ") if part != "the the" else part) for part in parts} - {""}
    return names - {"the"} or names
