"""Whether a found song is the wanted one: pairs from the catalogues of music services."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from musicond.core.same_song import fold, is_same_song, split_title

SAME = [
    (("Hurt", "Johnny Cash"), ("Hurt", "Johnny Cash")),
    (("Hurt", "Johnny Cash"), ("HURT (Remastered 2010)", "johnny cash")),
    (("Don't Stop Me Now", "Queen"), ("Don\u2019t Stop Me Now - Remastered 2011", "Queen")),
    (("Déjà Vu", "Beyoncé"), ("Deja Vu (feat. Jay-Z)", "Beyonce")),
    (("Under Pressure", "Queen & David Bowie"), ("Under Pressure", "Queen")),
    (("Happy", "Pharrell Williams"), ('Happy - From "Despicable Me 2"', "Pharrell Williams")),
    (("(I Can't Get No) Satisfaction", "The Rolling Stones"), ("(I Can't Get No) Satisfaction", "The Rolling Stones")),
    (("Live and Let Die", "Wings"), ("Live and Let Die", "Wings")),
    (("Hallelujah - Live", "Jeff Buckley"), ("Hallelujah (Live)", "Jeff Buckley")),
    (("Karma Police", "Radiohead"), ("Karma Police", "Radiohead")),
    (("...", "Ye"), ("...", "Ye")),
    (("Strobe", "deadmau5"), ("Strobe (Original Mix)", "deadmau5")),
    (("Help!", "The Beatles"), ("Help! - 2015 Mix", "Beatles")),
    (("Beatles Song", "Beatles, The"), ("Beatles Song", "The Beatles")),
    (("Infected", "The The"), ("Infected", "The The")),
    (("Another Brick in the Wall, Pt. 2", "Pink Floyd"), ("Another Brick in the Wall (Part 2)", "Pink Floyd")),
    (("Another Brick in the Wall, Part II", "Pink Floyd"), ("Another Brick in the Wall, Pt. 2", "Pink Floyd")),
    (("About a Girl (Unplugged)", "Nirvana"), ("About a Girl (Live)", "Nirvana")),
    (("(Remastered)", "Ye"), ("(Remastered)", "Ye")),
]
DIFFERENT = [
    (("Hurt", "Johnny Cash"), ("Hurt", "Nine Inch Nails")),
    (("Hurt", "Johnny Cash"), ("Hurts", "Johnny Cash")),
    (("Hallelujah", "Jeff Buckley"), ("Hallelujah (Live at Sin-é)", "Jeff Buckley")),
    (("Hallelujah", "Jeff Buckley"), ("Hallelujah - Karaoke Version", "Jeff Buckley")),
    (("Hallelujah", "Jeff Buckley"), ("Hallelujah", "Jeff Buckley Tribute Band & Jeff Buckley")),
    (("Blinding Lights", "The Weeknd"), ("Blinding Lights (Slowed + Reverb)", "The Weeknd")),
    (("One More Time", "Daft Punk"), ("One More Time (Club Remix)", "Daft Punk")),
    (("Hallelujah - Live", "Jeff Buckley"), ("Hallelujah", "Jeff Buckley")),
    (("Another Brick in the Wall, Pt. 1", "Pink Floyd"), ("Another Brick in the Wall, Pt. 2", "Pink Floyd")),
    (("One More Time", "Daft Punk"), ("One More Time (Extended Mix)", "Daft Punk")),
    (("Love Story", "Taylor Swift"), ("Love Story (Taylor's Version)", "Taylor Swift")),
    (("Infected", "The The"), ("Infected", "The Who")),
]


@pytest.mark.parametrize(("wanted", "candidate"), SAME)
def test_the_same_song_in_other_words(wanted: tuple[str, str], candidate: tuple[str, str]) -> None:
    assert is_same_song(*wanted, candidate[0], [candidate[1]])


@pytest.mark.parametrize(("wanted", "candidate"), DIFFERENT)
def test_another_song_or_recording(wanted: tuple[str, str], candidate: tuple[str, str]) -> None:
    assert not is_same_song(*wanted, candidate[0], [candidate[1]])


def test_the_version_the_album_and_the_duration_count() -> None:
    song = ("Hurt", "Johnny Cash", "Hurt", ["Johnny Cash"])
    assert is_same_song(*song, version="2010 Remaster", album="American IV")
    assert not is_same_song(*song, version="Live")
    assert not is_same_song(*song, album="Karaoke Hits")
    assert is_same_song(*song, durations_s=(218, 222))
    assert not is_same_song(*song, durations_s=(218, 260))


@pytest.mark.parametrize(
    "addition",
    [
        "Lo-Fi Version",
        "Lofi Flip",
        "Lofi (feat. Somebody)",
        "8-Bit Version",
        "A Cappella Version",
        "Salsa Version",
        "Versión Acústica",
        "Japanese Version",
        "Phonk House Version",
        "Alex M. Radio Edit",
        "Hardstyle Edit",
        "Spotify Studio It's Hits Recording",
        "Mallorcastyle Edition",
        "MTV Sessions",
        "Rehearsals with Band",
    ],
)
def test_a_version_that_is_named_is_another_recording(addition: str) -> None:
    """Most are from the catalogue of a service."""
    for name in (f"Hurt ({addition})", f"Hurt - {addition}"):
        assert not is_same_song("Hurt", "Johnny Cash", name, ["Johnny Cash"]), name
        assert is_same_song(name, "Johnny Cash", name, ["Johnny Cash"]), name
    assert not is_same_song("Hurt", "Johnny Cash", "Hurt", ["Johnny Cash"], version=addition)


@pytest.mark.parametrize(
    "addition",
    [
        "Radio Edit",
        "Radio-Edit",
        "Single Version",
        "Album Version (Edited)",
        "Remastered Version",
        "30 Years Remaster",
        "Remastered in 96 kHz",
        "Single Version / Remastered 2002",
        "Full Length Version",
        '7" Version',
        "2022 Edit",
        "Deluxe Edition",
        "Bonus Track",
        "feat. Somebody",
        "with Somebody Else",
        'From "Tarzan"/Soundtrack Version',
        "From the Original Motion Picture Soundtrack",
        "Radio Edit feat. Somebody",
    ],
)
def test_a_release_or_a_guest_leaves_the_recording_the_same(addition: str) -> None:
    for name in (f"Hurt ({addition})", f"Hurt - {addition}"):
        assert is_same_song("Hurt", "Johnny Cash", name, ["Johnny Cash"]), name


def test_an_album_of_one_kind_of_recordings_makes_a_song_one_of_them() -> None:
    song = ("Hurt", "Johnny Cash", "Hurt", ["Johnny Cash"])
    for album in ("Acoustic", "The Demos", "Hits (Acoustic Versions)", "Hurt: Instrumentals", "Sped Up", "Lo-Fi EP"):
        assert not is_same_song(*song, album=album), album
        assert is_same_song(*song, album=album, wanted_album=album), album
    for album in ("Acoustic Hearts", "Demolition", "American IV (Deluxe Edition with Demos)", "The Album", "Volume 2"):
        assert is_same_song(*song, album=album), album


LIVE_ALBUMS = [
    "Live: And All That Could Have Been",
    "Live - The Last Tour",
    "Live, Vol. 1",
    "Live '88",
    "Live & Loud",
    "Greatest Hits Live",
    "Live at Sin-e",
    "MTV Unplugged in New York",
    "Live",
    "Live!",
    "Stop Making Sense: Live",
    "Under a Blood Red Sky (Live)",
    "1991 Live in Paris",
    "In Concert",
]
STUDIO_ALBUMS = [
    "Live Through This",
    "The World We Live In",
    "Live and Let Die",
    "Alive",
    "Grace",
    "Piano Concerto No. 1",
    "",
]


def test_an_album_of_concerts_makes_a_song_a_live_one() -> None:
    song = ("Hallelujah", "Jeff Buckley", "Hallelujah", ["Jeff Buckley"])
    assert [album for album in LIVE_ALBUMS if is_same_song(*song, album=album)] == []
    assert [album for album in STUDIO_ALBUMS if not is_same_song(*song, album=album)] == []
    assert is_same_song("Hallelujah (Live)", *song[1:], album="Live at Sin-e")
    assert is_same_song(*song, album="Live at Sin-e", wanted_album="Live at Sin-e")
    assert not is_same_song(*song, album="Grace", wanted_album="Live at Sin-e")


def test_a_version_with_an_unknown_name_is_another_recording() -> None:
    song = ("Hurt", "Johnny Cash", "Hurt", ["Johnny Cash"])
    for version in ("BBC Concert 1991", "BBC 1991", "Peel"):
        assert not is_same_song(*song, version=version)
    for version in ("", "2011", "Remaster 2011", "Single Edit", "Original Mix", "Explicit"):
        assert is_same_song(*song, version=version), version
    assert is_same_song("Hurt (Peel)", "Johnny Cash", "Hurt (Peel)", ["Johnny Cash"], version="Peel")


@given(st.text(max_size=30), st.text(min_size=1, max_size=20))
@example("\U0001f110", "\u24b6")
def test_every_song_is_itself(title: str, artist: str) -> None:
    assert fold(fold(title)) == fold(title)
    split_title(title)
    if fold(artist):
        assert is_same_song(title, artist, title, [artist])
