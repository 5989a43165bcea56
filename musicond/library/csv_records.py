"""The records of CSV files as real tools and people write them: each fault costs one line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from musicond.library.headings import find_column

DELIMITERS = ",;\t|"
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The first line by which Excel learns the delimiter."""
MOST_LINES = 50
"""Lines of one record. A quote that is never closed would otherwise take in the rest of the file."""


class LineSource:
    """The lines of a text, as an iterator that can return to an earlier line."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.position = 0
        """Number of lines read."""
        self._offset = 0
        """Characters read."""
        self._start = 0, 0
        """Both at the start of the record."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.position - self._start[0] >= MOST_LINES:
            raise csv.Error
        if self._offset > len(self._text):
            raise StopIteration
        end = self._text.find("\n", self._offset)
        line = self._text[self._offset : end if end >= 0 else None]
        self.position, self._offset = self.position + 1, self._offset + len(line) + 1
        return line + "\n"

    def start_record(self) -> int:
        """Begin a record with the next line; return the number of that line, from 1."""
        self._start = self.position, self._offset
        return self.position + 1

    def return_to_start(self) -> None:
        """Continue with the first line of the record."""
        self.position, self._offset = self._start


def read_records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the fields of each record that is not empty; the first is the header.

    A record that breaks the rules of CSV is split at the delimiters outside of pairs of quotes.
    """
    source = LineSource(text)
    delimiter = _find_delimiter(source)
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        number = source.start_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            source.return_to_start()
            fields = split_leniently(next(source).removesuffix("\n"), delimiter)
        if any(map(str.strip, fields)):
            yield number, fields


def split_leniently(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line with quotes in wrong places; takes time in proportion to its length."""
    pieces = line.split(delimiter)
    ends = [len(pieces)] * (len(pieces) + 1)
    """For each piece, the number of the next one that ends with a quote."""
    for number in range(len(pieces) - 1, -1, -1):
        ends[number] = number if pieces[number].rstrip().endswith('"') else ends[number + 1]
    fields, number = [], 0
    while number < len(pieces):
        piece = pieces[number].strip()
        end = ends[number + 1] if piece == '"' else ends[number]
        if piece.startswith('"') and end < len(pieces):
            quoted = delimiter.join(pieces[number : end + 1]).strip()
            fields.append(quoted[1:-1].replace('""', '"'))
            number = end
        else:
            fields.append(piece)
        number += 1
    return fields


def _find_delimiter(source: LineSource) -> str:
    """Return the delimiter; leave `source` at the header."""
    header = "\n"
    while header and not header.strip():
        source.start_record()
        header = next(source, "")
    if match := SEPARATOR_LINE.fullmatch(header):
        return match[1]
    source.return_to_start()
    return max(DELIMITERS, key=lambda mark: sum(map(bool, map(find_column, split_leniently(header, mark)))))
