"""What a file gives: rows, and rows that cannot be used, with line and reason but never their content."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from federation.importers.mailtext import shorten
from federation.types import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_CHARACTERS = 1 << 20
"""Of one line, or one field."""


class Kind(StrEnum):
    """How a file is read."""

    CSV = "csv"
    JSONL = "jsonl"
    MBOX = "mbox"
    MAILDIR = "maildir"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that cannot be imported.

    Attributes:
        place: Its line or its number in the file, from 1.
        reason: What is wrong; quotes nothing of it.
    """

    place: int
    reason: str


Item = Row | BadRow

_USUAL = {
    **dict.fromkeys(("1", "true", "yes", "spam"), True),
    **dict.fromkeys(("0", "false", "no", "ham"), False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a user wants files to be read.

    Attributes:
        text: Name of the text's column, or its number from 1 where there is no header.
        label: The same for the label.
        header: Whether a CSV file's first line names its columns.
        positive: Label values that mean True, in small letters; usual ones where there are none.
        negative: Label values that mean False; where there are none, all others if ``positive`` has some.
        whole: The label of every row, in place of a column; mails have no other.
        encoding: Of text files without a byte order mark.
    """

    text: str = "text"
    label: str = "label"
    header: bool = True
    positive: frozenset[str] = frozenset()
    negative: frozenset[str] = frozenset()
    whole: bool | None = None
    encoding: str = "utf-8"

    def label_of(self, value: str) -> bool | None:
        """Return the label that a value means, or none."""
        value = value.strip().casefold()
        if not value:
            return None
        if not self.positive and not self.negative:
            return _USUAL.get(value)
        if value in self.positive or value in self.negative:
            return value in self.positive
        # Who names the values of one class alone means all others by the other.
        return None if self.positive and self.negative else not self.positive

    def row(self, place: int, text: object, label: object) -> Item:
        """Return a row, or what is wrong with it.

        Args:
            place: Its line or number.
            text: Its text as read.
            label: Its label as read; ignored where all rows have one.
        """
        meant = self.whole if self.whole is not None else self._meant(label)
        if (reason := _fault(text)) or meant is None or not isinstance(text, str):
            return BadRow(place=place, reason=reason or "the label is none of the known values")
        short = shorten(text)
        return Row(text=short, label=meant) if short else BadRow(place=place, reason="the text is empty")

    def _meant(self, label: object) -> bool | None:
        if isinstance(label, bool):
            return label
        return self.label_of(str(label)) if isinstance(label, str | int | float) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file being read.

    Attributes:
        items: Its rows, in order.
        total: How much there is; bytes, or mails.
        position: How much of it was read so far.
    """

    items: Iterator[Item]
    total: int
    position: Callable[[], int]


def _fault(text: object) -> str | None:
    if not isinstance(text, str):
        return "the text is no text"
    if len(text) > MOST_CHARACTERS:
        return "the text is too long"
    if "\0" in text:
        return "the text holds a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "the text is not valid Unicode"
    return None
