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

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.position = 0
        """Number of lines read."""
        self.record_start = 0
        """Value of `position` at the start of the record."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.position - self.record_start >= MOST_LINES:
            raise csv.Error
        if self.position >= len(self._lines):
            raise StopIteration
        self.position += 1
        return self._lines[self.position - 1] + "\n"

    def return_to_first_line(self) -> str:
        """Continue after the first line of the record, and return this line."""
        self.position = self.record_start + 1
        return self._lines[self.record_start]


def read_records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the fields of each record that is not empty; the first is the header.

    A record that breaks the rules of CSV is split at the delimiters outside of pairs of quotes.
    """
    source = LineSource(text.split("\n"))
    delimiter = _find_delimiter(source)
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        source.record_start = source.position
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fields = split_leniently(source.return_to_first_line(), delimiter)
        if any(map(str.strip, fields)):
            yield source.record_start + 1, fields


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
    header = next((line for line in source if line.strip()), "")
    if match := SEPARATOR_LINE.fullmatch(header):
        return match[1]
    source.position = max(source.position - 1, 0)
    return max(DELIMITERS, key=lambda mark: sum(map(bool, map(find_column, split_leniently(header, mark)))))
