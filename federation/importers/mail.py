"""Mails from an mbox file or a maildir; both are only read."""

from __future__ import annotations

import email
import mailbox
from email.policy import compat32
from typing import TYPE_CHECKING, Self

from federation.errors import DataError
from federation.importers.items import BadRow
from federation.importers.mailtext import body, strip_body, strip_subject, subject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from federation.importers.items import Item, Reading

_MOST_BYTES = 4 << 20
"""Of one mail; what follows are attachments."""


class Mails:
    """The mails of one mbox file or maildir.

    Attributes:
        done: How many were read.
    """

    def __init__(self, path: Path, reading: Reading, *, maildir: bool) -> None:
        self.done, self._reading = 0, reading
        self._box: mailbox.Maildir | mailbox.mbox = (
            mailbox.Maildir(path, create=False) if maildir else mailbox.mbox(path, create=False)
        )
        # A maildir lists its files in the order of the folder: sorted, so that a second import is the same.
        self._keys = sorted(self._box.keys()) if maildir else list(self._box.keys())

    def __len__(self) -> int:
        return len(self._keys)

    def names(self) -> bytes:
        """Return what tells this box from another: its mails' names."""
        return "\n".join(map(str, self._keys)).encode(errors="surrogateescape")

    def __iter__(self) -> Iterator[Item]:
        """Yield the mails as rows.

        Raises:
            DataError: No label was named for them.
        """
        if self._reading.whole is None:
            raise DataError("mails have no label", hint="say --all positive or --all negative")
        for key in self._keys:
            self.done += 1
            yield self._item(self.done, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._box.close()

    def _item(self, place: int, key: str) -> Item:
        try:
            with self._box.get_file(key) as file:
                raw = file.read(_MOST_BYTES)
        except (OSError, KeyError):
            return BadRow(place=place, reason="the mail cannot be read")
        try:
            text = mail_text(raw)
        except (ValueError, LookupError, AttributeError, TypeError, IndexError, RecursionError):
            # Python's parser of mails has holes that hostile ones find.
            return BadRow(place=place, reason="the mail cannot be parsed")
        return self._reading.row(place, text, None)


def mail_text(raw: bytes) -> str:
    """Return what a mail's sender wrote: subject and body (RFC 5322 with MIME, possibly broken)."""
    message = email.message_from_bytes(raw, policy=compat32)
    return f"{strip_subject(subject(message))}\n{strip_body(body(message))}"
