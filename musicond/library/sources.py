"""The sources of lists: the class that reads each name that music.moods.<emotion>.lists may contain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from musicond.core.models import Emotion, Song
from musicond.core.ports import ListSource
from musicond.errors import ListError
from musicond.library.audio_files import AudioFolder, M3u, TagCache
from musicond.library.database import STARTER_FILE
from musicond.library.table_files import Row, read_csv, read_json, read_list_file

SourceBuilders = Mapping[str, Callable[[str, Emotion], ListSource]]

STARTER = "starter"
TABLES = (".csv", ".json")
"""Suffixes of list files whose songs may name an emotion."""
PLAYLISTS: Mapping[str, Callable[..., ListSource]] = {".m3u": M3u, ".m3u8": M3u}
"""Classes of list files whose songs name none, by suffix; each takes the path and a TagCache."""


class TableFile:
    """The rows of a CSV or JSON file that name the emotion or none; implements core.ports.ListSource."""

    uri = None

    def __init__(self, path: Path, emotion: Emotion) -> None:
        self._path, self._emotion = path, emotion

    def tracks(self) -> Iterator[Song]:
        """Yield its songs; raise ListError."""
        for row in read_table(self._path):
            if row.emotion in (None, self._emotion):
                yield row.song


def read_table(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV or JSON file; raise ListError."""
    try:
        text = read_list_file(path).decode("utf-8-sig")
    except OSError as exc:
        raise ListError(f"{path}: {exc.strerror}; give a file that can be read") from None
    except UnicodeDecodeError:
        raise ListError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    yield from (read_json if path.suffix.lower() == ".json" else read_csv)(text, str(path))


def make_source(
    name: str, emotion: Emotion, tag_cache: TagCache | None = None, builders: SourceBuilders | None = None
) -> ListSource:
    """Return the source of a name: `starter`, a file, a folder, or one of `builders` by its prefix before the colon.

    Raises ListError for an unknown name.
    """
    if name == STARTER:
        return TableFile(STARTER_FILE, emotion)
    scheme, colon, _ = name.partition(":")
    if colon and builders and scheme in builders:
        return builders[scheme](name, emotion)
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix in TABLES and not path.is_dir():
        return TableFile(path, emotion)
    if suffix in PLAYLISTS and not path.is_dir():
        return PLAYLISTS[suffix](path, tag_cache)
    if path.is_dir() or not path.suffix:
        return AudioFolder(path, tag_cache)
    raise ListError(f"{name}: no list; give starter, a .csv, .json, .m3u or .m3u8 file, or a folder")
