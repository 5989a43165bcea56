"""Lists chosen on the page, and the order of songs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Emotion
from musicond.errors import CatalogueError, ListError
from musicond.library.actions import run
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.selection import FILE_NAME, ListSelection
from musicond.library.table_files import read_row
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURED = {
    emotion: ("starter", "/music/mine.csv") if emotion is Emotion.SAD else ("starter",) for emotion in Emotion
}
LIKED = "spotify:liked"


def lists(folder: Path, *schemes: str) -> ListSelection:
    return ListSelection(CONFIGURED, JsonFile(folder / FILE_NAME), schemes)


def test_what_is_chosen_lasts_and_can_be_taken_back(tmp_path: Path) -> None:
    chosen = lists(tmp_path, "spotify", "https")
    assert chosen.wanted() == CONFIGURED
    chosen.select(Emotion.HAPPY, [LIKED, "starter", "/music/mine.csv"])
    again = lists(tmp_path)
    assert again.wanted()[Emotion.HAPPY] == (LIKED, "starter", "/music/mine.csv")
    assert again.wanted()[Emotion.SAD] == CONFIGURED[Emotion.SAD]
    assert again.to_json()["chosen"] == [Emotion.HAPPY]
    again.select(Emotion.HAPPY, None)
    again.select(Emotion.HAPPY, None)
    assert lists(tmp_path).wanted() == CONFIGURED


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("starter", "no list of names"),
        ([1], "no list of names"),
        (["starter", "starter"], "named twice"),
        (["starter", *(f"spotify:{n}" for n in range(30))], "more than 20"),
        (["/etc/shadow.csv"], "music.moods in musicon.yaml"),
        (["https://evil.example/list"], "music.moods in musicon.yaml"),
        (["spotify:" + "x" * 400], "music.moods in musicon.yaml"),
    ],
)
def test_the_page_can_name_no_other_files_or_sites(tmp_path: Path, names: Any, says: str) -> None:
    with pytest.raises(ListError, match=says):
        lists(tmp_path, "spotify", "https").select(Emotion.HAPPY, names)
    assert list(tmp_path.iterdir()) == []


def test_without_spotify_its_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="Spotify is not set up"):
        lists(tmp_path).select(Emotion.HAPPY, [LIKED])


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="make room"):
        lists(tmp_path / "none").select(Emotion.HAPPY, ["starter"])


def test_what_was_kept_and_makes_no_sense_is_left_out(tmp_path: Path) -> None:
    JsonFile(tmp_path / FILE_NAME).save({"happy": "[1]", "sad": "x", "angry": '["starter"]'})
    assert lists(tmp_path).to_json()["chosen"] == [Emotion.ANGRY]


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("add", {"rows": 3}),
        ("add", {"rows": ["x"]}),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, action: str, arguments: dict[str, Any]) -> None:
    path = tmp_path / "catalogue.sqlite"
    SqliteCatalogue(path).close()
    with pytest.raises(ListError):
        run(path, action, arguments)


@pytest.mark.parametrize(
    ("link", "track_id"),
    [
        ("https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC?si=1", "spotify:track:4uLU6hMCjMI75M1A2tKUQC"),
        ("https://open.spotify.com/intl-de/track/4uLU6hMCjMI75M1A2tKUQC", "spotify:track:4uLU6hMCjMI75M1A2tKUQC"),
        ("https://open.spotify.com/album/4uLU6hMCjMI75M1A2tKUQC", ""),
        ("https://elsewhere.example/track/4uLU6hMCjMI75M1A2tKUQC", ""),
    ],
)
def test_a_link_to_a_song_at_spotify_is_known(link: str, track_id: str) -> None:
    song = read_row({"title": "a", "artist": "b", "link": link, "album": "c"}, "here").song
    assert song.track_id == track_id
    assert song.album == "c"
    if track_id:
        assert song.link == "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC"


def test_the_album_comes_along_to_what_is_recommended(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    SqliteCatalogue(path).close()
    run(path, "add", {"rows": [{"emotion": "sad", "title": "T", "artist": "A", "album": "B", "track_id": "x:1"}]})
    with SqliteCatalogue(path) as catalogue:
        key = catalogue.key_of("x:1")
        assert key is not None
        assert catalogue.tracks([key])[0].album == "B"
        other = int(catalogue.candidates(Emotion.HAPPY).keys[0])
        assert catalogue.tracks([other])[0].album == ""
