"""The place of a song in the plane of valence and arousal, by its tags, and the moods that it fits.

The places of words and genres are our own, set beside the emotions of `affect.py`; those of words follow the circumplex
of J. A. Russell (1980), A circumplex model of affect, Journal of Personality and Social Psychology 39, 1161-1178. Tempo
and loudness raise arousal, and the mode moves valence: A. Gabrielsson and E. Lindstroem (2010), The role of structure
in the musical expression of emotions, in Handbook of Music and Emotion, 367-400.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean

from musicond.core.models import Emotion, Placement
from musicond.core.recommend.affect import EMOTION_AFFECT, Affect
from musicond.errors import bounded_number

NEAR = 0.15
"""A song fits its nearest mood, and those that are at most this much further away."""
BEATS = (60.0, 180.0)
"""Beats per minute of the lowest and the highest arousal."""
GAIN_DB = (0.0, -12.0)
"""ReplayGain of a quiet song and of a loud one."""
MODE_VALENCE = 0.3
"""Valence of the major mode; that of minor is its negative."""

WORDS: Mapping[Affect, str] = {
    (0.8, 0.5): "happy cheerful joyful joyous fun upbeat party celebratory playful humorous silly sunny gleeful",
    (0.5, 0.7): "energetic excited exciting euphoric rousing exuberant triumphant rowdy boisterous passionate epic",
    (0.4, 0.65): "surprising quirky wild whimsical campy",
    (0.6, -0.4): "calm relaxed relaxing peaceful mellow gentle soothing serene laid easy dreamy romantic sweet tender",
    (0.0, 0.0): "neutral literate cool restrained reserved",
    (0.0, -0.2): "ambient meditative reflective sleepy",
    (-0.63, -0.27): "sad melancholy melancholic gloomy wistful bittersweet poignant depressed lonely sorrow nostalgic",
    (-0.51, 0.59): "angry aggressive fiery hostile rebellious intense volatile furious rage",
    (-0.64, 0.6): "fear fearful scary tense anxious ominous eerie spooky paranoid menacing suspenseful dark",
    (-0.6, 0.35): "disgust disgusted harsh bitter cynical sarcastic brooding nihilistic visceral sleazy",
}
"""Words of mood tags by their place."""
GENRES: Mapping[Affect, str] = {
    (0.75, 0.5): "pop, disco, funk, dance pop, ska, reggaeton, latin, salsa, k-pop, motown, swing, children's, comedy, "
    "schlager, polka, rockabilly, power pop, afrobeat, samba",
    (0.45, 0.65): "dance, electronic, house, techno, trance, edm, drum and bass, drum & bass, breakbeat, big beat, "
    "eurodance, hardcore, surf, glam rock, jungle, dubstep",
    (0.2, 0.4): "rock, indie, alternative, new wave, hip hop, hip-hop, rap, world, garage, progressive rock",
    (0.5, -0.2): "soul, reggae, r&b, rnb, gospel, bossa nova, lounge, easy listening, country, jazz, dub, a cappella",
    (0.05, -0.05): "classical, baroque, folk, acoustic, instrumental, chillout, downtempo, trip hop, lo-fi, ambient, "
    "new age, minimal, singer-songwriter, chamber music, spoken word",
    (-0.6, -0.3): "blues, slowcore, sadcore, requiem, ballad, fado, emo, chanson, torch song, post-rock",
    (-0.52, 0.6): "metal, heavy metal, punk, hardcore punk, thrash metal, hard rock, metalcore, speed metal, nu metal",
    (-0.62, 0.36): "grunge, industrial, noise, sludge metal, doom metal, noise rock, gangsta rap, ebm",
    (-0.64, 0.58): "black metal, dark ambient, horror, gothic, gothic rock, darkwave, death metal, soundtrack, score",
}
"""Genres by their place; of several that a tag names, the longest counts."""
KEY = re.compile(r"\s*([A-Ga-g])\s*([#b\u266f\u266d]?)\s*(m(?!aj)|min)?", re.ASCII)
"""A key such as Am, F#m, Bb, "A minor" or "C major"."""
CAMELOT = re.compile(r"\s*(?:1[0-2]|[1-9])\s*([ABab])\s*")
"""A key as disc jockeys write it: 8A is minor, 8B major."""


MOOD_TAG, GENRE, TEMPO, SOUND = "mood tag", "genre", "tempo", "sound (valence unknown)"
"""Sources of a place; the last one is that of an arousal that was estimated."""
PLACEMENTS = {
    MOOD_TAG: Placement.MOOD_TAG,
    GENRE: Placement.GENRE,
    TEMPO: Placement.TEMPO,
    SOUND: Placement.SOUND,
}
"""By the beginnings of sources."""


@dataclass(frozen=True, slots=True)
class SongAffect:
    """The place of a song, and its source."""

    valence: float | None
    """-1 to 1; None if unknown."""
    arousal: float
    """-1 to 1."""
    source: str
    """Such as "mood tag" or "genre, tempo"."""


def affect_of_tags(tags: Mapping[str, str]) -> SongAffect | None:
    """Return the place of a song by its tags mood, genre, bpm, key and gain (dB); None where they don't tell.

    Loudness and key alone are no place.
    """
    if (place := _mean_place(_WORD_PLACES, re.findall(r"[a-z]+", tags.get("mood", "").casefold()))) is not None:
        return SongAffect(*place, MOOD_TAG)
    genre = _mean_place(_GENRE_PLACES, map(_find_genre, re.split(r"[;,/|]", tags.get("genre", "").casefold())))
    tempo = _on_scale(tags.get("bpm"), BEATS, (20, 400))
    loudness = _on_scale(tags.get("gain", "").casefold().removesuffix("db"), GAIN_DB, (-50, 50))
    mode = _mode_valence(tags.get("key", ""))
    arousals = {GENRE: genre and genre[1], TEMPO: tempo, "loudness": loudness}
    present = {name: value for name, value in arousals.items() if value is not None}
    if not present.keys() - {"loudness"}:
        return None
    valences = [value for value in (genre and genre[0], mode) if value is not None]
    sources = [*present, *(["key"] if mode is not None else [])]
    return SongAffect(fmean(valences) if valences else None, fmean(present.values()), ", ".join(sources))


def placement_of(source: str) -> Placement | None:
    """Return by what musicond placed a song, by its `Song.source`; None for a song that others placed."""
    first, separator, _ = source.partition(";")
    return PLACEMENTS.get(first.partition(",")[0]) if separator else None


def moods_of(valence: float | None, arousal: float) -> tuple[Emotion, ...]:
    """Return the moods that a place (-1 to 1) fits, the nearest first; without a valence by the arousal alone."""
    distances = {emotion: mood_distance(emotion, valence, arousal) for emotion in EMOTION_AFFECT}
    most = min(distances.values()) + NEAR
    return tuple(sorted((emotion for emotion, far in distances.items() if far <= most), key=distances.__getitem__))


def mood_distance(emotion: Emotion, valence: float | None, arousal: float) -> float:
    """Return the distance of a place (-1 to 1) from a mood; without a valence that of the arousals."""
    affect = EMOTION_AFFECT[emotion]
    return math.dist(affect[valence is None :], (arousal,) if valence is None else (valence, arousal))


def _on_scale(text: object, ends: tuple[float, float], bounds: tuple[float, float]) -> float | None:
    """Return a number as -1 to 1 between the two ends; None for anything else, and beyond its bounds."""
    number = bounded_number(text, *bounds)
    if number is None:
        return None
    return max(-1.0, min(1.0, 2 * (number - ends[0]) / (ends[1] - ends[0]) - 1))


def _mode_valence(key: str) -> float | None:
    if (match := CAMELOT.fullmatch(key)) is not None:
        minor = match[1] in "Aa"
    elif (match := KEY.match(key)) is not None:
        minor = match[3] is not None
    else:
        return None
    return -MODE_VALENCE if minor else MODE_VALENCE


@lru_cache(maxsize=1024)
def _find_genre(text: str) -> str:
    """Return the longest known genre that a text names as whole words; the text for none."""
    return next((genre for genre in _LONGEST_FIRST if re.search(rf"(?<!\w){re.escape(genre)}(?!\w)", text)), text)


def _mean_place(places: Mapping[str, Affect], names: Iterable[str]) -> Affect | None:
    """Return the mean place of the known ones of some names."""
    known: Sequence[Affect] = [places[name] for name in names if name in places]
    return (fmean(place[0] for place in known), fmean(place[1] for place in known)) if known else None


_WORD_PLACES = {word: place for place, words in WORDS.items() for word in words.split()}
_GENRE_PLACES = {genre: place for place, genres in GENRES.items() for genre in genres.split(", ")}
_LONGEST_FIRST = sorted(_GENRE_PLACES, key=len, reverse=True)
