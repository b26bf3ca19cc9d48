"""One file into the vault, whole or not at all, and what came of it."""

from __future__ import annotations

import os
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from client.stream import OpeningReader, SealingWriter
from client.vault import Source
from federation.errors import DataError
from federation.importers.files import opened
from federation.importers.items import BadRow
from federation.types import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from client.progress import Show
    from client.vault import Vault
    from federation.importers.files import Found
    from federation.importers.items import Opened, Reading

_MOST_LISTED = 20
_SHOW_EVERY = 64
_SPOOLED = struct.Struct(">?I")


@dataclass(slots=True, kw_only=True)
class FileReport:
    """What came of one file.

    Attributes:
        name: Its path.
        added: New rows.
        duplicates: Rows that were there already, or came twice.
        contradicting: Rows left out because their text is there with the other label.
        bad: The first bad rows.
        bad_rows: How many there were.
        refused: Why nothing of it was imported, if so.
    """

    name: str
    added: int = 0
    duplicates: int = 0
    contradicting: int = 0
    bad: list[BadRow] = field(default_factory=list)
    bad_rows: int = 0
    refused: str | None = None

    def note(self, bad: BadRow) -> None:
        """Count a bad row, and keep it if it is one of the first."""
        self.bad_rows += 1
        if len(self.bad) < _MOST_LISTED:
            self.bad.append(bad)

    def lines(self) -> Iterator[str]:
        """Yield it as text; nothing of the rows themselves."""
        if self.refused is not None:
            yield f"{self.name}: not imported: {self.refused}"
        else:
            yield f"{self.name}: {self.added} added, {self.duplicates} duplicates, {self.bad_rows} bad"
        if self.contradicting:
            yield f"  {self.contradicting} left out: there with the other label (forget that first)"
        for bad in self.bad:
            yield f"  row or line {bad.place}: {bad.reason}"
        if self.bad_rows > len(self.bad):
            yield f"  and {self.bad_rows - len(self.bad)} more"

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        bad = [{"place": bad.place, "reason": bad.reason} for bad in self.bad]
        return {
            "file": self.name,
            "added": self.added,
            "duplicates": self.duplicates,
            "contradicting": self.contradicting,
            "bad": bad,
            "bad_rows": self.bad_rows,
            "refused": self.refused,
        }


def load(vault: Vault, found: Found, reading: Reading, *, skip_bad: bool, show: Show) -> FileReport:
    """Import one file.

    Args:
        vault: Takes the rows.
        found: The file.
        reading: How to read it.
        skip_bad: Whether bad rows are left out; else one of them has the whole file refused.
        show: Told how far it is.

    Returns:
        What came of it; a file that cannot be read is refused, and the next may be good.

    Raises:
        VerificationFailed: The vault was altered.
    """
    report = FileReport(name=str(found.path))
    try:
        with opened(found, reading) as (file, digest):
            source = Source(name=found.path.name, digest=digest, imported=int(time.time()))
            with _spooled(_rows(file, report, skip_bad=skip_bad, show=show), vault.path.parent) as rows:
                done = vault.import_rows(rows, source)
    except DataError as error:
        report.refused = error.message if error.hint is None else f"{error.message} ({error.hint})"
    else:
        report.added, report.duplicates = done.added, done.duplicates
        report.contradicting = done.contradicting
    return report


@contextmanager
def _spooled(rows: Iterator[Row], folder: Path) -> Iterator[Iterator[Row]]:
    """Read all rows and give them again, so that the vault is locked for its own work alone.

    Parsing a large mailbox takes minutes. In between the rows lie in a file without a name, sealed
    under a key that is nowhere but in memory.
    """
    with TemporaryFile(dir=folder) as file:
        key = os.urandom(32)
        writer = SealingWriter(file, key, b"")
        for row in rows:
            text = row.text.encode()
            writer.write(_SPOOLED.pack(row.label, len(text)) + text)
        writer.finish()
        file.seek(0)
        yield _read_again(OpeningReader(file, key, b""))


def _read_again(reader: OpeningReader) -> Iterator[Row]:
    while head := reader.read(_SPOOLED.size):
        label, length = _SPOOLED.unpack(head)
        yield Row(text=reader.read(length).decode(), label=label)


def _rows(file: Opened, report: FileReport, *, skip_bad: bool, show: Show) -> Iterator[Row]:
    for number, item in enumerate(file.items):
        if number % _SHOW_EVERY == 0:
            show(report.name, file.position(), file.total)
        if isinstance(item, BadRow):
            report.note(item)
        elif skip_bad or not report.bad_rows:  # else the file is read on for its other bad rows alone
            yield item
    if report.bad_rows and not skip_bad:
        raise DataError(f"{report.bad_rows} bad rows", hint="mend them, or leave them out with --skip-bad")
