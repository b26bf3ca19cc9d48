"""What lies in the vault, by the files it came from, and how to find rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from client.vault import Source, StoredRow, Vault

_DIGITS = 12


@dataclass(slots=True, kw_only=True)
class Group:
    """The rows that came from one file in one import.

    Attributes:
        source: The file, and when.
        rows: How many rows.
        positive: How many of them have label True.
    """

    source: Source
    rows: int = 0
    positive: int = 0

    def line(self) -> str:
        """Return it as a line of text."""
        name = self.source.name or "(from no file)"
        when = datetime.fromtimestamp(self.source.imported, UTC).strftime("%Y-%m-%d")
        digest = self.source.digest.hex()[:_DIGITS]
        return f"{self.rows:>8} rows, {self.positive} spam  {when}  {digest}  {name}"

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "name": self.source.name,
            "sha256": self.source.digest.hex(),
            "imported": self.source.imported,
            "rows": self.rows,
            "positive": self.positive,
        }


def groups(vault: Vault) -> list[Group]:
    """Return the sources of all rows, in the order of their first row."""
    found: dict[Source, Group] = {}
    for stored in vault.stored_rows():
        group = found.setdefault(stored.source, Group(source=stored.source))
        group.rows += 1
        group.positive += stored.row.label
    return list(found.values())


def matching(vault: Vault, words: str) -> Iterator[StoredRow]:
    """Yield the rows whose text contains some words, whatever the case."""
    wanted = words.casefold()
    return (stored for stored in vault.stored_rows() if wanted in stored.row.text.casefold())


def from_source(vault: Vault, name: str) -> Iterator[StoredRow]:
    """Yield the rows from files of a name, or whose digest begins so (at least eight digits)."""
    prefix = name.lower() if len(name) >= 8 else None
    for stored in vault.stored_rows():
        source = stored.source
        if source.name == name or (prefix is not None and source.digest.hex().startswith(prefix)):
            yield stored
