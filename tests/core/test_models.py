from __future__ import annotations

from musicond.core.models import Box, Song


def test_a_song_is_known_by_its_identifier_its_link_or_its_name() -> None:
    assert Song("A", "B", "spotify:track:1", "https://example.org").identifier == "spotify:track:1"
    assert Song("A", "B", link="https://example.org/a").identifier == "https://example.org/a"
    assert Song("Ä b", "C:D").identifier == Song("ä B", "c:d").identifier == "song:c%3Ad:%C3%A4%20b"


def test_a_box_gives_its_rectangle_and_area_whatever_its_roll() -> None:
    box = Box(-3, 4, 20, 10, roll=25)
    assert box.rectangle == (-3, 4, 20, 10)
    assert box.area == 200
