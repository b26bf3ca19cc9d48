"""CSV (RFC 4180, any usual delimiter) and JSON Lines, however large, line by line."""

from __future__ import annotations

import codecs
import csv
import io
import json
from typing import TYPE_CHECKING, BinaryIO

from federation.canonical import require_shallow
from federation.errors import ConfigError, DataError
from federation.importers.items import MOST_CHARACTERS, BadRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from federation.importers.items import Item, Reading

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PROBE = 1 << 16


def encoding_of(start: bytes, wanted: str) -> str:
    """Return the encoding of a text file from its first bytes.

    Args:
        start: The first kilobytes.
        wanted: What it is without a byte order mark.

    Raises:
        DataError: It looks like a binary file.
        ConfigError: There is no such encoding.
    """
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    try:
        name = codecs.lookup(wanted).name
    except LookupError as error:
        raise ConfigError(
            f"there is no encoding {wanted}", hint="for example utf-8, latin-1, utf-16"
        ) from error
    if b"\0" in start and not name.startswith(("utf-16", "utf-32")):
        raise DataError("it looks like a binary file", hint="save it as text; with --encoding if not UTF-8")
    return name


def read_csv(stream: BinaryIO, reading: Reading) -> Iterator[Item]:
    """Yield the rows of a CSV file.

    Raises:
        DataError: The file cannot be split into rows from some line on, or has no such column.
    """
    lines = _Lines(stream, reading.encoding)
    first = lines.peek()
    if not first.strip():
        raise DataError("it is empty")
    csv.field_size_limit(MOST_CHARACTERS)
    reader = csv.reader(lines, delimiter=_delimiter(first), strict=True)
    line = 0
    try:
        columns = None
        for fields in reader:
            line, place = reader.line_num, line + 1
            if columns is None:
                columns = _columns(fields, reading)
                if reading.header:
                    continue
            if not fields:
                continue
            text, label = columns
            if max(text, label) >= len(fields):
                yield BadRow(place=place, reason="it has too few columns")
            else:
                yield reading.row(place, fields[text], fields[label])
    except csv.Error as error:
        raise DataError(
            f"line {line + 1}: it cannot be split into columns", hint="is a quotation mark never closed?"
        ) from error


def read_jsonl(stream: BinaryIO, reading: Reading) -> Iterator[Item]:
    """Yield the rows of a JSON Lines file; blank lines are none.

    Raises:
        DataError: A line cannot be decoded, or is endless.
    """
    for place, line in enumerate(_Lines(stream, reading.encoding), 1):
        if not line.strip():
            continue
        try:
            require_shallow(line.encode())
            found: object = json.loads(line)
        except ValueError:
            yield BadRow(place=place, reason="it is not JSON")
            continue
        if not isinstance(found, dict):
            yield BadRow(place=place, reason="it is no JSON object")
        elif reading.text not in found or (reading.whole is None and reading.label not in found):
            yield BadRow(place=place, reason=f"it lacks {reading.text!r} or {reading.label!r}")
        else:
            yield reading.row(place, found[reading.text], found.get(reading.label))


class _Lines:
    """The decoded lines of a file, none of them longer than the limit."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        start = stream.read(_PROBE)
        stream.seek(0)
        self._encoding = encoding_of(start, encoding)
        self._text = io.TextIOWrapper(stream, encoding=self._encoding, newline="")
        self._number, self._held = 0, ""

    def peek(self) -> str:
        """Return the first line without using it up."""
        self._held = self._read()
        self._number = 0
        return self._held

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line, self._held = self._held or self._read(), ""
        if not line:
            self._text.detach()
            raise StopIteration
        self._number += 1
        return line

    def _read(self) -> str:
        here = self._number + 1
        try:
            line = self._text.readline(MOST_CHARACTERS + 1)
        except UnicodeError as error:
            raise DataError(
                f"near line {here}: it is not {self._encoding}", hint="name its encoding with --encoding"
            ) from error
        if len(line) > MOST_CHARACTERS:
            raise DataError(f"line {here} is longer than {MOST_CHARACTERS} characters")
        return line


def _delimiter(first: str) -> str:
    return max(",\t;|", key=first.count)


def _columns(fields: list[str], reading: Reading) -> tuple[int, int]:
    label = reading.text if reading.whole is not None else reading.label
    if reading.header:
        names = [name.strip().casefold() for name in fields]
        missing = [name for name in (reading.text, label) if names.count(name.casefold()) != 1]
        if missing:
            raise DataError(
                f"no column, or more than one, is named {missing[0]!r}",
                hint="name the columns with --text and --label; without a header line: --no-header",
            )
        return names.index(reading.text.casefold()), names.index(label.casefold())
    if not (reading.text.isdecimal() and label.isdecimal() and int(reading.text) and int(label)):
        raise DataError("without a header line, columns have numbers", hint="for example --label 1 --text 2")
    return int(reading.text) - 1, int(label) - 1
