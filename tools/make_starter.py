"""Select the starter catalogue from tracks.csv by the criteria below; docs/dev/starter.md gives their sources."""

from __future__ import annotations

import argparse
import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

OUT = Path(__file__).resolve().parent.parent / "musicond" / "library" / "starter.csv"
SOURCE = "https://github.com/MrP29/EECS3401_Project"
COLUMNS = (
    "emotion", "track_id", "title", "artist", "link", "year", "genre",
    "valence", "energy", "tempo", "mode", "popularity", "source",
)  # fmt: skip
NUMBERS = ("valence", "energy", "tempo", "mode", "popularity", "speechiness", "instrumentalness")
SIZE = 25
PER_ARTIST = 2
MODE_BONUS = 10.0
"""Bonus in points of popularity for the mode that the literature names, where it is not demanded."""
MAJOR, MINOR = 1.0, 0.0

LOUD_GUITARS = frozenset(
    {"metal", "heavy-metal", "hard-rock", "alt-rock", "punk", "punk-rock", "hardcore", "metalcore", "industrial"}
)
TENDER = frozenset({"k-pop", "country", "gospel", "pop-film", "chill", "soul", "acoustic", "emo", "jazz", "indie-pop"})
HARSH = LOUD_GUITARS | {"death-metal", "black-metal", "grindcore"}
# The data have no mark for explicit words, and the first two hold most of them; "sad" there means corridos,
# whatever their mood; the last two are hardly songs.
NOT_OFFERED = frozenset({"hip-hop", "funk", "sad", "comedy", "sleep"})
SPOKEN = 0.33
"""Speechiness above which Spotify's documentation expects spoken words beside the music."""
SUNG = 0.5
"""Instrumentalness above which it expects no singing."""
COARSE = re.compile(
    r"\b(f[u*]ck\w*|sh[i*]t\w*|b[i*]tch\w*|n[i*]gg\w*|puta\w*|wh?ores?|sluts?|cunt|dick|pussy|sex\w*|suicid\w*|"
    r"kill\w*|murder\w*|dead|death|die[sd]?|dying|drunk|glock|gun|cocaine|nxde|wehrmacht|hippy)\b",
    re.IGNORECASE,
)

OTHER_VERSION = re.compile(r"\b(live|ao vivo|en vivo|sped up|unplugged|lofi|demo)\b", re.IGNORECASE)
"""Concerts and altered versions: applause and speed distort their values."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Window:
    """Criteria for the tracks of an emotion's list; ranges include both ends."""

    valence: Range
    energy: Range
    tempo: Range
    mode: float
    """The mode that the literature names."""
    mode_demanded: bool = False
    genres: frozenset[str] | None = None
    """None: all but those of NOT_OFFERED."""
    not_genres: frozenset[str] = frozenset()
    instrumental: bool = False
    """Whether tracks without singing are allowed."""


# No two windows overlap, so no two lists can share a track; a test holds this.
WINDOWS = {
    "angry": Window((0.0, 0.49), (0.85, 1.0), (110, 210), MINOR, genres=LOUD_GUITARS),
    "disgust": Window((0.0, 0.48), (0.85, 1.0), (60, 109), MINOR, genres=HARSH),
    "fear": Window(
        (0.0, 0.24), (0.41, 0.845), (100, 210), MINOR, mode_demanded=True, not_genres=TENDER, instrumental=True
    ),
    "happy": Window((0.70, 1.0), (0.55, 0.85), (95, 180), MAJOR, mode_demanded=True),
    "neutral": Window((0.40, 0.60), (0.28, 0.55), (75, 122), MAJOR),
    "sad": Window((0.0, 0.30), (0.03, 0.40), (55, 112), MINOR),
    "surprise": Window((0.50, 0.90), (0.86, 1.0), (125, 210), MAJOR),
}

LEFT_OUT: dict[str, tuple[str, ...]] = {
    "disgust: loud, but not abrasive": (
        "7zwn1eykZtZ5LODrf7c0tS",  # The Neighbourhood: You Get Me So High
        "3hYOKyqcQF4UHo9Autlje3",  # Joyce Manor: NBTSA
        "4u2uQ7G1nzZJ7yHA6Dzg7z",  # X Ambassadors: Great Unknown - From The Motion Picture “The Call
        "6rSuL1ViLO7Aljn2WD09s4",  # Skillet: Whispers in the Dark
        "2MRcoVFte56UBX1JEByQfC",  # Seventh Day Slumber: Awake
        "2PONzcIwcyU5Wprpo7httg",  # Casey: The Funeral
        "0w9AiTku3jOjaU75as4B7u",  # W.E.T.: Got to Be About Love
        "69DIFRHPZBOy7huoxX4t42",  # Ozzy Osbourne: Sunshine Of Your Love
    ),
    "fear: a song of love or longing, not of dread": (
        "1Fid2jjqsHViMX6xNH70hE",  # Seafret: Atlantis
        "5KCbr5ndeby4y4ggthdiAb",  # Shawn Mendes: Wonder
        "54JKnDB3CzVu8wNAOM27BI",  # Avril Lavigne: When You're Gone
        "29he0Joo5sz2607A6ZBT6H",  # H.E.R.: Come Through (feat. Chris Brown)
        "34rRFl0bz9PocxWuO2ca5J",  # Lana Del Rey: Music To Watch Boys To
        "7u63zva845rv8tRFi9FG8a",  # The Taxpayers: I Love You Like An Alcoholic
        "1Mza2sr6tPhy6jjI3HB9fW",  # Daniel Caesar: Hold Me Down
        "3cX7KNREYC4NBntB6ccHHt",  # Alejandro Fernández: No Lo Beses
        "0zehnMnrIcZrl23McnKDMc",  # Kaza: HRTBRK #2
        "2esaWj2n6a6u8lgJTHErlH",  # Avi Snow: Your Eyes
        "6GBMbvX7sqyOxT5wWK4hgN",  # Charlie Puth: Dangerously
        "0h5icusBVQgQqSyZdPvtxG",  # Julia Jacklin: Don't Know How To Keep Loving You
        "6jN2GPpgtbnDzHkUtAXGY3",  # Lilly Bay: Love For You
        "0CzbkuvsT2gSUkASIRqo7o",  # Mumford & Sons: There Will Be Time
    ),
    "fear: a party, a praise or a joke": (
        "67awxiNHNyjMXhVgsHuIrs",  # DJ Snake: Turn Down for What
        "7rdUtXasA973gmrr2Xxh3E",  # Lorde: Homemade Dynamite (Feat. Khalid, Post Malone & SZA
        "01BsgrD3uoUEhVxyCHc9r2",  # Jeremy Riddle: We Crown You
        "2YniWd8Q8iWKOgcr319MtW",  # Yunyakosva: Titanium Jiren Goku Hardstyle
        "3tn5eJxxrG6RmKQcxRaCXG",  # Inhaler: Who's Your Money On? (Plastic House)
    ),
    "angry: radio rock without a grudge": (
        "7AsqUKKbPMxOFNIbRLBxHt",  # Lifehouse: Halfway Gone
        "5vdNoFezjTsQTrZxPK8tDg",  # Barns Courtney: Golden Dandelions
    ),
    "neutral: a song of parting or of blood": (
        "7795WJLVKJoAyVoOtCWqXN",  # Sam Smith: I'm Not The Only One
        "1mXVgsBdtIVeCLJnSnmtdV",  # Sam Smith: Too Good At Goodbyes
        "3RF00zOzrrWKKoU7aIBaTS",  # Morgan Evans: Over For You
        "2wSTnntOPRi7aQneobFtU4",  # SZA: Shirt
    ),
    "its words are not for every living room": (
        "4fouWK6XVHhzl78KzQ1UjL",  # GAYLE: abcdefu
        "4pt5fDVTg5GhEvEtlz9dKk",  # Måneskin: I WANNA BE YOUR SLAVE
        "5pmL3RzOy3IvGFaSDi4hZL",  # Taio Cruz: Hangover
        "4hdIORk57S3av6dKI9JRDz",  # María José: Prefiero Ser Su Amante
        "5W8HXMOMLtXLz0RGKUtnlZ",  # Skylar Grey: Last One Standing (feat. Polo G, Mozzy & Eminem) -
        "5hHvFrMnwic82WwRLr4WY0",  # Megan Thee Stallion: Her
    ),
    "its words are of self-harm or despair": (
        "3dPtXHP0oXQ4HCWHsOA9js",  # YOASOBI: 夜に駆ける
        "3HE50TVRquwXe9yv2HFoNL",  # Three Days Grace: Never Too Late
        "5ijQMO46fAA1zLF4xVhH4h",  # RedHook: Kamikaze
        "6MpCaSIOfqBqbMED4kXgNY",  # Beach Bunny: Prom Queen
        "5WEt9MiZPNmCbhu8GOR9Kk",  # Yuridia: Qué Agonía
        "1Dp7ASSZVVOPJ85VdLpjOX",  # Sam Fender: Seventeen Going Under
        "2DlHlPMa4M17kufBvI2lEN",  # System Of A Down: Chop Suey!
        "2URXzpbSUwOjltvpgtzXua",  # Sam Smith: You Will Be Found (with Summer Walker) - From The
    ),
    "its singer is known for violence": (
        "5de9Ho64dovuQI8Uhn5gPD",  # XXXTENTACION: I Don't Wanna Do This Anymore
        "2ZRo7axmMPeSVUvDbGkJah",  # XXXTENTACION: Hope
        "3eqOaTqnyb0GEgv6JInG6W",  # 6ix9ine: BEBE
    ),
}
"""Ids that match the criteria and were removed by hand, by reason; judged by name and words, not by listening."""
OUT_IDS = frozenset(track_id for ids in LEFT_OUT.values() for track_id in ids)

Row = dict[str, str]


def number(row: Row, name: str) -> float:
    """Return a column as a number."""
    return float(row[name])


def offered(row: Row) -> bool:
    """Return whether the track may be in any list."""
    return (
        row["genre"] not in NOT_OFFERED
        and row["track_id"] not in OUT_IDS
        and number(row, "speechiness") <= SPOKEN
        and not OTHER_VERSION.search(row["track_name"])
        and not COARSE.search(row["track_name"])
    )


def inside(row: Row, window: Window) -> bool:
    """Return whether the track meets the criteria of an emotion."""
    ranges = {"valence": window.valence, "energy": window.energy, "tempo": window.tempo}
    return (
        all(low <= number(row, name) <= high for name, (low, high) in ranges.items())
        and (not window.mode_demanded or number(row, "mode") == window.mode)
        and (window.genres is None or row["genre"] in window.genres)
        and row["genre"] not in window.not_genres
        and (window.instrumental or number(row, "instrumentalness") <= SUNG)
    )


def rank(row: Row, window: Window) -> tuple[float, str]:
    """Return a sort key: by popularity with the bonus for the mode, then by id."""
    bonus = MODE_BONUS if number(row, "mode") == window.mode else 0.0
    return -(number(row, "popularity") + bonus), row["track_id"]


def song(row: Row) -> tuple[str, str]:
    """Return the identity of a song: its artist and its title without version or guests."""
    title = re.split(r" - |\(|\[", row["track_name"])[0]
    return row["artist_name"].casefold(), (title.strip() or row["track_name"]).casefold()


def pick(rows: list[Row]) -> dict[str, list[Row]]:
    """Return SIZE tracks for each emotion; SystemExit where the data hold too few."""
    lists: dict[str, list[Row]] = {}
    songs: set[tuple[str, str]] = set()
    for emotion, window in WINDOWS.items():
        chosen: list[Row] = []
        artists: dict[str, int] = {}
        for row in sorted((r for r in rows if offered(r) and inside(r, window)), key=lambda r: rank(r, window)):
            artist = row["artist_name"]
            if song(row) in songs or artists.get(artist, 0) == PER_ARTIST:
                continue
            songs.add(song(row))
            artists[artist] = artists.get(artist, 0) + 1
            chosen.append(row)
            if len(chosen) == SIZE:
                break
        if len(chosen) < SIZE:
            sys.exit(f"make_starter: {emotion}: only {len(chosen)} tracks fit, {SIZE} are wanted; widen its window")
        lists[emotion] = chosen
    return lists


def exported(emotion: str, row: Row) -> Row:
    """Return a row of the starter."""
    return {
        "emotion": emotion,
        "track_id": f"spotify:track:{row['track_id']}",
        "title": row["track_name"],
        "artist": row["artist_name"],
        "link": f"https://open.spotify.com/track/{row['track_id']}",
        "mode": "major" if number(row, "mode") == MAJOR else "minor",
        "source": f"{SOURCE} row {row['Index']}",
    } | {name: row[name] for name in ("year", "genre", "valence", "energy", "tempo", "popularity")}


def table(lists: dict[str, list[Row]]) -> str:
    """Return the lists' average values as a Markdown table."""
    lines = ["| list | valence | energy | tempo, bpm | major | popularity |", "|---|---|---|---|---|---|"]
    for emotion, rows in lists.items():
        mean = {name: fmean(number(row, name) for row in rows) for name in NUMBERS}
        lines.append(
            f"| {emotion} | {mean['valence']:.2f} | {mean['energy']:.2f} | {mean['tempo']:.0f} "
            f"| {mean['mode']:.0%} | {mean['popularity']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Write the starter and print the table for the documentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tracks", type=Path, help="tracks.csv of the repository named in SOURCE")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    try:
        with arguments.tracks.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as exc:
        sys.exit(f"make_starter: {arguments.tracks}: {exc.strerror}; give the path of tracks.csv")
    lists = pick(rows)
    with arguments.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(exported(emotion, row) for emotion, chosen in lists.items() for row in chosen)
    print(table(lists))


if __name__ == "__main__":
    main()
