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


@given(st.text(max_size=30), st.text(min_size=1, max_size=20))
@example("\U0001f110", "\u24b6")
def test_every_song_is_itself(title: str, artist: str) -> None:
    assert fold(fold(title)) == fold(title)
    split_title(title)
    if fold(artist):
        assert is_same_song(title, artist, title, [artist])
