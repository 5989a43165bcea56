"""The entries of JSON lists, decoded one by one: a whole document takes up to 24 times the memory of its text."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Any

CONTAINERS = ("playlists", "tracks", "items")
"""The lists in the objects of Spotify's data exports."""
MOST_CHARACTERS = 2**16
"""Of an entry."""
BLANK = re.compile(r"[ \t\n\r]*")
DECODER = json.JSONDecoder()


def read_entries(text: str) -> Iterator[Any]:
    """Yield the entries of an array, or of the lists in an object: `tracks`, `items`, or `playlists` with `items`.

    Raises ValueError for what is not JSON, or has an entry of more than MOST_CHARACTERS, and RecursionError.
    """
    reader = _Reader(text)
    match reader.next_character():
        case "[":
            yield from reader.read_array()
        case "{":
            yield from reader.read_container()
        case _:
            reader.read_value()
    if reader.next_character():
        raise reader.error("Extra data")


class _Reader:
    """A place in a JSON text; only MOST_CHARACTERS of the text are decoded at once."""

    def __init__(self, text: str) -> None:
        self._text, self._position = text, 0
        self._window, self._window_start = "", 0

    def error(self, reason: str) -> ValueError:
        return json.JSONDecodeError(reason, self._text, self._position)

    def next_character(self) -> str:
        """Skip blanks; return the next character, empty at the end."""
        match = BLANK.match(self._text, self._position)
        self._position = match.end() if match else self._position
        return self._text[self._position : self._position + 1]

    def read_value(self) -> Any:
        """Return the next value; raise ValueError and stay before it if it is not JSON, or too long."""
        self.next_character()
        try:
            return self._decode()
        except ValueError:  # it may end behind the window
            self._window_start = self._position
            self._window = self._text[self._position : self._position + MOST_CHARACTERS]
        try:
            return self._decode()
        except ValueError as exc:
            whole = self._position + MOST_CHARACTERS >= len(self._text)
            too_long = f"Not JSON, or longer than {MOST_CHARACTERS} characters"
            reason = getattr(exc, "msg", str(exc)) if whole else too_long
            raise self.error(reason) from None

    def _decode(self) -> Any:
        value, end = DECODER.raw_decode(self._window, self._position - self._window_start)
        if end == len(self._window) and self._window_start + end < len(self._text):
            raise ValueError("a number may go on")
        self._position = self._window_start + end
        return value

    def read_array(self) -> Iterator[Any]:
        """Yield the entries of an array and of the lists in it."""
        for start in self._places("]"):
            try:
                entry = self.read_value()
            except ValueError:
                if self.next_character() != "{" or not (yield from self.read_container()):
                    raise
                continue
            if isinstance(entry, dict) and any(isinstance(entry.get(name), list) for name in CONTAINERS):
                self._position = start
                yield from self.read_container()
            else:
                yield entry

    def read_container(self) -> Generator[Any, None, bool]:
        """Yield the entries of the lists in an object; return whether it has any."""
        has_lists = False
        for _ in self._places("}"):
            if self._read_key() in CONTAINERS and self.next_character() == "[":
                has_lists = True
                yield from self.read_array()
            else:
                self._skip()
        return has_lists

    def _places(self, end: str) -> Iterator[int]:
        """Yield the position of each element of an array or object, which is to be read before the next."""
        self._position += 1
        if self.next_character() != end:
            yield self._position
            while self.next_character() == ",":
                self._position += 1
                self.next_character()
                yield self._position
        self._expect(end)

    def _read_key(self) -> str:
        if self.next_character() != '"':
            raise self.error("Expecting property name enclosed in double quotes")
        key = self.read_value()
        self._expect(":")
        return str(key)

    def _skip(self) -> None:
        """Skip a value of any length."""
        try:
            self.read_value()
        except ValueError:
            match self.next_character():
                case "[":
                    for _ in self._places("]"):
                        self._skip()
                case "{":
                    for _ in self._places("}"):
                        self._read_key()
                        self._skip()
                case _:
                    raise

    def _expect(self, mark: str) -> None:
        if self.next_character() != mark:
            raise self.error(f"Expecting {mark!r}")
        self._position += 1
