"""Lists as real tools write them: every readable song once, and each other entry is named by file and line."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.models import Emotion, Song
from musicond.errors import ListError, SkippedEntries, clean_line
from musicond.library.audio_files import AudioFolder
from musicond.library.csv_records import split_leniently
from musicond.library.database import MEMORY
from musicond.library.editor import CatalogueEditor
from musicond.library.refresh import Refresh
from musicond.library.sources import make_source, read_table
from musicond.library.text_files import decode
from musicond.library.track_ids import parse_track_id

ID = "7qiZfU4dY1lWllzX7mPBI3"
URI = f"spotify:track:{ID}"
PAGE = f"https://open.spotify.com/track/{ID}"
SHAPE = [("Shape", "Ed", "")]
AT_SPOTIFY = [("Shape", "Ed", URI)]

TABLES: dict[str, tuple[str | bytes, list[tuple[str, str, str]]]] = {
    "a bare id": (f"title,artist,track_id\nShape,Ed,{ID}\n", AT_SPOTIFY),
    "a column id": (f"title,artist,id\nShape,Ed,{ID}\n", AT_SPOTIFY),
    "a column id with numbers": ("id,title,artist\n12,Shape,Ed\n", SHAPE),
    "a column uri": (f"title,artist,uri\nShape,Ed,{URI}?si=1\n", AT_SPOTIFY),
    "an id that is none": ("title,artist,track_id\nShape,Ed,spotify:track:123\n", SHAPE),
    "a local file of Spotify": ("title,artist,uri\nShape,Ed,spotify:local:Ed:x:Shape:233\n", SHAPE),
    "blanks after commas": (
        'TITLE, ARTIST\n"Hello, Goodbye", "The Beatles, Paul"\n', [("Hello, Goodbye", "The Beatles, Paul", "")],
    ),
    "blank lines": ("title,artist\n\nShape,Ed\n \n,\n", SHAPE),
    "a byte order mark": ("\ufefftitle,artist\nShape,Ed\n", SHAPE),
    "a heading twice": ("title,artist,artist\nShape,Ed,\n", SHAPE),
    "codes for a terminal": ("title,artist\n\x1b]0;pwned\x07\x1b[31mShape\u202e,E\x00d\n", SHAPE),
    "Excel with semicolons": ("title;artist;link\r\nShape;Ed;http://x\r\n", [("Shape", "Ed", "")]),
    "Excel with sep": ("sep=,\r\ntitle,artist\r\nShape,Ed\r\n", SHAPE),
    "Excel with sep and semicolons": ('"sep=;"\r\ntitle;artist\r\nShape;Ed\r\n', SHAPE),
    "Excel in Unicode": ("\ufefftitle\tartist\r\nShape\tEd\r\n".encode("utf-16-le"), SHAPE),
    "UTF-16 without a mark": ("title\tartist\r\nShape\tEd\r\n".encode("utf-16-be"), SHAPE),
    "UTF-32": ("\ufefftitle,artist\nShape,Ed\n".encode("utf-32-le"), SHAPE),
    "iTunes": ("Name\tArtist\tAlbum\tBPM\tYear\rShape\tEd\tDivide\t96\t2017\r", SHAPE),
    "tabs": ("title\tartist\nShape\tEd\n", SHAPE),
    "Windows-1252": (b"title,artist\nDon\x92t\x85 Caf\xe9,Ed\n", [("Don\u2019t\u2026 Caf\u00e9", "Ed", "")]),
    "two encodings": (
        "title,artist\nCafé,Ed\n".encode() + "Café noir,Ed\n".encode("cp1252"), [("Café", "Ed", ""), ("Café noir", "Ed", "")],
    ),
    "two normal forms": ("title,artist\nHalo,Beyonc\u00e9\nHalo,Beyonce\u0301\n", [("Halo", "Beyoncé", "")]),
    "Exportify": (
        ('Track URI,"Track Name","Artist URI(s)","Artist Name(s)"\n' f'"{URI}","Shape","spotify:artist:1","Ed"\n'), AT_SPOTIFY,
    ),
    "Exportify 2025": (
        ("Track URI,Track Name,Album Name,Artist Name(s),Release Date,Explicit,Energy,Key,Mode,Valence,Tempo\n"
        f"{URI},Shape,Divide,Ed;Ann,2017-01-06,false,0.6,1,0,0.9,95.9\n"), [("Shape", "Ed, Ann", URI)],
    ),
    "TuneMyMusic": (
        ("Track name,Artist name,Album,Playlist name,Type,ISRC,Spotify - id\n"
        f"Shape,Ed,Divide,Fav,Favorite,GB1,{ID}\n"), AT_SPOTIFY,
    ),
    "Soundiiz": ("title;artist;album;isrc;\r\nShape;Ed;Divide;GB1;\r\n", SHAPE),
    "a link without https": (f"title,artist,link\nShape,Ed,open.spotify.com/track/{ID}\n", AT_SPOTIFY),
    "a link with http": (f"title,artist,link\nShape,Ed,{PAGE.replace('https', 'http')}\n", AT_SPOTIFY),
    "a link with a language": (
        f"title,artist,link\nShape,Ed,https://open.spotify.com/intl-pt-BR/track/{ID}?si=1\n", AT_SPOTIFY,
    ),
    "a long field": (f"title,artist,notes\nShape,Ed,\"{'x' * 140_000}\"\n", SHAPE),
    "a line end in a field": ('title,artist\n"Shape\nof You",Ed\n', [("Shape of You", "Ed", "")]),
    "odd quotes": (
        'title,artist\n12" Mix,Ed\n"Say "Hello"",Bob\n"Never closed,Ann\nLast,Bob\n',
        [('12" Mix', "Ed", ""), ('Say "Hello"', "Bob", ""), ('"Never closed', "Ann", ""), ("Last", "Bob", "")],
    ),
    "words that look like values": (
        "title,artist\n007,Ed\nNaN,Bob\nNone,Cleo\n", [("007", "Ed", ""), ("NaN", "Bob", ""), ("None", "Cleo", "")],
    ),
    "commas at line ends": ("title,artist,\nShape,Ed,\n", SHAPE),
    "more commas at line ends": ("title,artist\nShape,Ed,,\n", SHAPE),
}  # fmt: skip


def read(path: Path) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Return title, artist and id of the songs of a list, and the texts of its skipped entries."""
    source = make_source(str(path), Emotion.SAD)
    songs = [(song.title, song.artist, song.track_id) for song in source.tracks()]
    return songs, source.skipped.texts


def first(path: Path) -> Song:
    return next(make_source(str(path), Emotion.SAD).tracks())


@pytest.mark.parametrize("case", TABLES)
def test_a_table_is_read_as_its_tool_means_it(tmp_path: Path, case: str) -> None:
    content, songs = TABLES[case]
    path = tmp_path / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read(path) == (songs, [])


def test_optional_values_are_understood_or_unknown(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    names = ("year", "tempo", "mode", "popularity", "valence", "energy", "likes")
    for values, right in (
        (("2017-01-06", "95.9", "0", "80.0", "0.9", "1", "3"), (2017, 95.9, "minor", 80, 0.9, 1.0, 3)),
        (("2017.0", "0.0", "1", "101", "1.5", "nan", "-1"), (2017, None, "major", None, None, None, 0)),
        (("06/01/2017", "inf", "Minor", "", "0,5", "x", "2.0"), (2017, None, "minor", None, 0.5, None, 2)),
        (("17", "1e400", "dorian", "none", "", "", "many"), (None, None, None, None, None, None, 0)),
    ):
        path.write_text(f"title;artist;{';'.join(names)}\nShape;Ed;{';'.join(values)}\n")
        [row] = read_table(path, SkippedEntries())
        assert (*(getattr(row.song, name) for name in names[:-1]), row.feedback[0]) == right


def test_a_bad_entry_costs_itself_and_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(
        f"title,artist,emotion\nShape,Ed,\nVoice memo,,\n{'x' * 1001},Ed,\na,b,c,d\nx,y,bored\nLast,Bob,sad\n"
    )
    songs, texts = read(tmp_path / "list.csv")
    assert songs == [("Shape", "Ed", ""), ("Last", "Bob", "")]
    where = f"{tmp_path / 'list.csv'}:"
    assert [text.removeprefix(where).partition(";")[0] for text in texts] == [
        "3: no artist",
        "4: title is longer than 1000 characters",
        "5: more fields than the first line names",
        "6: 'bored' is no mood",
    ]
    (tmp_path / "list.json").write_text('[{"title": "Shape", "artist": "Ed"}, 1, {"title": ["x"], "artist": true}]')
    songs, texts = read(tmp_path / "list.json")
    assert songs == SHAPE
    assert len(texts) == 2
    assert "entry 2 is no object" in texts[0]


@pytest.mark.parametrize(
    "text",
    [
        '{"playlists":[{"name":"Fav","items":[{"track":{"trackName":"Shape","artistName":"Ed","trackUri":"URI"}}]}]}',
        '{"tracks":[{"artist":"Ed","album":"Divide","track":"Shape","uri":"URI"}],"artists":[{"name":"Ed"}]}',
        (
            '[{"ts":"2026","master_metadata_track_name":"Shape","master_metadata_album_artist_name":"Ed",'
            '"master_metadata_album_album_name":"Divide","spotify_track_uri":"URI"}]'
        ),
        '{"items":[{"track":{"name":"Shape","artists":[{"name":"Ed"}],"uri":"URI"}}]}',
    ],
)
def test_exports_of_spotify_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.json").write_text(text.replace("URI", URI))
    assert read(tmp_path / "list.json") == (AT_SPOTIFY, [])


def test_the_public_data_set_is_read_without_editing(shared: Path) -> None:
    source = make_source(str(shared / "data/tracks.csv"), Emotion.SAD)
    songs = list(source.tracks())
    assert (len(songs), len(source.skipped)) == (3866, 0)
    song = songs[0]
    assert (song.title, song.artist, song.year, song.mode) == ("Locked out of Heaven", "Bruno Mars", 2012, "major")
    assert (song.track_id, song.tempo) == ("spotify:track:3w3y8KPTfNeOKPiqUTakBh", 143.994)


PLAYLISTS: dict[str, tuple[str | bytes, list[str], list[tuple[str, str, str]], int]] = {
    "Windows-1252": (
        "#EXTM3U\r\n#EXTINF:5,Ann - Wait… for me\r\nWait… for me.mp3\r\n".encode("cp1252"), ["Wait… for me.mp3"],
        [("Wait… for me", "Ann", "Wait… for me.mp3")], 0,
    ),
    "UTF-16": ("\ufeff#EXTINF:5,Ann - One\r\nOne.mp3\r\n".encode("utf-16-le"), ["One.mp3"], [("One", "Ann", "One.mp3")], 0),
    "line separators in titles": (
        "#EXTINF:5,Ann - One\u2028Two\nOne.mp3\n#EXTINF:5,Bob - Three\x85Four\nThree.mp3\n", ["One.mp3", "Three.mp3"],
        [("One Two", "Ann", "One.mp3"), ("Three Four", "Bob", "Three.mp3")], 0,
    ),
    "line ends of old Macs": ("#EXTM3U\r#EXTINF:5,Ann - One\rOne.mp3\r", ["One.mp3"], [("One", "Ann", "One.mp3")], 0),
    "VLC": (
        "#EXTINF:5,Mike - A Pill\nparty/Mike%20-%20A%20Pill%20%28Mix%29.mp3\nparty/No%20tags.mp3\n",
        ["party/Mike - A Pill (Mix).mp3", "party/No tags.mp3"],
        [("A Pill", "Mike", "party/Mike - A Pill (Mix).mp3"), ("No tags", "unknown artist", "party/No tags.mp3")], 0,
    ),
    "percent signs in names": (
        "100% Pure Love.mp3\n50%25 off.mp3\n", ["100% Pure Love.mp3", "50%25 off.mp3"],
        [("100% Pure Love", "unknown artist", "100% Pure Love.mp3"), ("50%25 off", "unknown artist", "50%25 off.mp3")], 0,
    ),
    "Kodi": (
        "#EXTINF:5,Ann - One\n#EXTVLCOPT:start-time=3\nOne.mp3\n#KODIPROP:x=y\n", ["One.mp3"],
        [("One", "Ann", "One.mp3")], 0,
    ),
    "commas in quotes": (
        '#EXTINF:-1 tvg-logo="http://x/a,182,268_.jpg" group-title="Pop, Rock",Radio One\nhttp://radio.example/one\n', [],
        [("Radio One", "unknown artist", "http://radio.example/one")], 0,
    ),
    "tags in comments": (
        "#EXTALB:Album\n#EXTART:Real Artist\n#EXTGENRE:Pop\n#EXTINF:5,Only Title\nOnly.mp3\nTwo.mp3\n",
        ["Only.mp3", "Two.mp3"],
        [("Only Title", "Real Artist", "Only.mp3"), ("Two", "unknown artist", "Two.mp3")], 0,
    ),
    "dashes": (
        "#EXTINF:5,Jay-Z - 99 Problems - Live\na.mp3\n#EXTINF:3, - Title only\nb.mp3\n#EXTINF:3,Artist - \nc.mp3\n",
        ["a.mp3", "b.mp3", "c.mp3"],
        [("99 Problems - Live", "Jay-Z", "a.mp3"), ("Title only", "unknown artist", "b.mp3"), ("c", "Artist", "c.mp3")], 0,
    ),
    "radios without a title": (
        "http://radio.example:8000/\nhttp://radio.example/;stream.mp3\n", [],
        [("radio.example:8000", "unknown artist", "http://radio.example:8000/"),
         ("radio.example", "unknown artist", "http://radio.example/;stream.mp3")], 0,
    ),
    "a path that goes up": ("../up/One.mp3\n", ["../up/One.mp3"], [("One", "unknown artist", "../up/One.mp3")], 0),
    "a path of Windows": (
        "C:\\Users\\Ann\\Music\\Ann - One.mp3\r\n\\\\NAS\\music\\Bob - Two.mp3\r\n", ["Music/Ann - One.mp3", "Bob - Two.mp3"],
        [("One", "Ann", "Music/Ann - One.mp3")], 1,
    ),
    "a relative path of Windows": ("Music\\One.mp3\r\n", ["Music/One.mp3"], [("One", "unknown artist", "Music/One.mp3")], 0),
    "another computer": ("file://NAS/share/a.mp3\n", ["a.mp3"], [], 1),
    "another normal form": (
        "Beyonc\u00e9 - Halo.mp3\n", ["Beyonce\u0301 - Halo.mp3"], [("Halo", "Beyoncé", "Beyonce\u0301 - Halo.mp3")], 0,
    ),
    "links to Spotify": (
        f"#EXTINF:5,Ed - Shape\nhttps://open.spotify.com/intl-de/track/{ID}?si=abc\n{PAGE}\n{URI}?si=2\n", [], AT_SPOTIFY, 0,
    ),
    "an album of Spotify": ("spotify:album:7qiZfU4dY1lWllzX7mPBI3\nOne.mp3\n", ["One.mp3"], [("One", "unknown artist", "One.mp3")], 1),
    "a damaged address": ("http://[fe80::1/x.mp3\nOne.mp3\n", ["One.mp3"], [("One", "unknown artist", "One.mp3")], 1),
    "a NUL": ("One\0.mp3\nfile:///%00.mp3\n", ["One.mp3"], [("One", "unknown artist", "One.mp3")], 1),
    "a name that is too long": (f"{'x' * 300}.mp3\nOne.mp3\n", ["One.mp3"], [("One", "unknown artist", "One.mp3")], 1),
    "a missing file": ("#EXTINF:1,Ann - Gone\nGone.mp3\nOne.mp3\n", ["One.mp3"], [("One", "unknown artist", "One.mp3")], 1),
}  # fmt: skip


@pytest.mark.parametrize("case", PLAYLISTS)
def test_a_playlist_is_read_as_its_tool_means_it(tmp_path: Path, case: str) -> None:
    content, files, songs, skipped = PLAYLISTS[case]
    path = tmp_path / "lists" / "list.m3u"
    for name in (*files, path.name):
        file = path.parent / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"no audio")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    expected = [
        (title, artist, Path(os.path.normpath(path.parent / name)).as_uri() if name in files else name)
        for title, artist, name in songs
    ]
    found, texts = read(path)
    assert found == expected
    assert len(texts) == skipped
    assert all(text.startswith(f"{path}:") for text in texts)


def test_a_file_that_its_library_reads_for_ever_counts_by_its_name(tmp_path: Path) -> None:
    # A packet of Musepack 8 with the length 0: mutagen goes back by its head, and reads it again.
    (tmp_path / "Ann - One.mp3").write_bytes(b"MPCKSA\0" + bytes(60))
    assert [(song.artist, song.title) for song in AudioFolder(tmp_path).tracks()] == [("Ann", "One")]


def test_a_name_on_the_disk_in_another_encoding_is_found(tmp_path: Path) -> None:
    name = "Caf\xe9.mp3".encode("latin-1")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"no audio")
    (tmp_path / "list.m3u").write_bytes(name + b"\n")
    song = first(tmp_path / "list.m3u")
    assert (song.title, song.track_id[-10:]) == ("Caf\ufffd", "Caf%E9.mp3")


def test_a_video_stream_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "hls.m3u8").write_text("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=64000\nchunks.m3u8\n")
    with pytest.raises(ListError, match="a video or radio stream"):
        read(tmp_path / "hls.m3u8")


def test_what_other_programs_keep_in_a_music_folder_is_no_music(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    for name in (
        "a.mp3",
        "._a.mp3",
        ".Trash-1000/b.mp3",
        "@eaDir/c.mp3",
        "#recycle/d.mp3",
        "lost+found/e.mp3",
        "x/f.mp3",
    ):
        (music / name).parent.mkdir(parents=True, exist_ok=True)
        (music / name).write_bytes(b"no audio")
    elsewhere.mkdir()
    (elsewhere / "linked.mp3").write_bytes(b"no audio")
    (music / "album").symlink_to(elsewhere)
    (music / "circle").symlink_to(music)
    (music / "z.mp3").symlink_to(tmp_path / "nowhere.mp3")
    source = AudioFolder(music)
    assert sorted(song.title for song in source.tracks()) == ["a", "f", "linked"]
    assert (source.skipped.missing, source.skipped.unusable) == (1, 0)


def test_a_folder_that_cannot_be_read_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"no audio")
    name = "d" * 200
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):  # deeper than a path may be long, so that even root can't read it
        os.mkdir(name, dir_fd=folder)
        deeper = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(folder)
    source = AudioFolder(tmp_path)
    assert [song.title for song in source.tracks()] == ["a"]
    assert source.skipped.unusable == 1
    assert "File name too long" in source.skipped.texts[0]


@pytest.mark.parametrize("name", ["x" * 300, f"{'x' * 300}.csv", "a\0b", "a\0b.csv", "a\0b.m3u"])
def test_an_impossible_name_is_answered(name: str) -> None:
    with pytest.raises(ListError):
        read(Path(name))


def test_a_refresh_and_verify_tell_what_was_not_found(tmp_path: Path) -> None:
    playlist = tmp_path / "list.m3u"
    for name in ("One.mp3", "Two.mp3"):
        (tmp_path / name).write_bytes(b"no audio")
    playlist.write_text("One.mp3\nTwo.mp3\nGone.mp3\nspotify:album:x\n")
    wanted = {Emotion.SAD: (str(playlist),)}
    catalogue = tmp_path / "c.sqlite"
    report = Refresh(wanted).run(catalogue)
    assert report.skipped[:3] == [
        f"{playlist}: 1 of 4 entries not found",
        f"{playlist}: 1 of 4 entries skipped",
        f"{playlist}:3: Gone.mp3 not found",
    ]
    assert report.summary().endswith(", 2 entries not found or skipped")
    with CatalogueEditor(catalogue) as editor:
        assert not any("not found" in line for line in editor.verify())
        (tmp_path / "One.mp3").unlink()
        assert f"{playlist}: 1 of 2 entries not found, such as {(tmp_path / 'One.mp3').as_uri()}" in editor.verify()
        (tmp_path / "Two.mp3").unlink()
        report = Refresh(wanted).run(catalogue)
        assert report.errors == [
            f"{playlist}: none of its 4 entries is found, such as {playlist}:1: One.mp3 not found; the list stays as it was"
        ]
        assert len([entry for entry in editor.entries(Emotion.SAD) if entry.origin == str(playlist)]) == 2


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (URI, ID), (f"{URI}?si=1", ID), (f"SPOTIFY:TRACK:{ID}", ID), (PAGE, ID), (f"{PAGE}?si=1", ID),
        (f"http://open.spotify.com/intl-xx/track/{ID}", ID), (f"https://open.spotify.com/embed/track/{ID}", ID),
        (ID, None), (f"{URI}x", None), ("spotify:track:1", None), (f"spotify:album:{ID}", None),
        (f"https://evil.example/open.spotify.com/track/{ID}", None),
    ],
)  # fmt: skip
def test_an_id_is_read_in_every_form(text: str, right: str | None) -> None:
    assert parse_track_id(text) == right
    assert parse_track_id(ID, bare=True) == ID


@given(st.text(max_size=80))
def test_a_clean_line_is_one_line_of_printable_text_and_stays_so(text: str) -> None:
    line = clean_line(text)
    assert clean_line(line) == line
    assert line == line.strip()
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in line)
    line.encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded(content: bytes) -> None:
    assert isinstance(decode(content), str)


@given(st.lists(st.text(alphabet="ab, x'", max_size=8), min_size=1, max_size=5))
def test_a_quoted_line_is_split_as_it_was_joined(fields: list[str]) -> None:
    assert split_leniently(",".join(f'"{field}"' for field in fields), ",") == fields


def test_the_editor_takes_a_list_twice_and_counts_it_once(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"title,artist,link\nShape,Ed,{PAGE}\nShape,Ed,{PAGE}?si=2\n")
    with CatalogueEditor(MEMORY) as editor:
        editor.merge(Emotion.SAD, "x", list(make_source(str(tmp_path / "list.csv"), Emotion.SAD).tracks()))
        assert len([entry for entry in editor.entries(Emotion.SAD) if entry.origin == "x"]) == 1
