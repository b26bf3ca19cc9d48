"""Where providers' items wait for the aggregator: one SQLite file, shared by threads and processes.

The first body of an item counts. Another one is taken only after the aggregator has refused the
first, with a reason that the provider can read. Bodies stay sealed here.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from federation.errors import ConfigError, PeerError
from federation.hashing import sha256
from federation.home import PRIVATE_FILE, PRIVATE_FOLDER
from federation.types import Hash32

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS items (
  epoch INTEGER NOT NULL, provider INTEGER NOT NULL, item TEXT NOT NULL,
  body BLOB NOT NULL, sha256 BLOB NOT NULL, refusal TEXT,
  PRIMARY KEY (epoch, provider, item)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS proposals (epoch INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""
_BUSY: Final = 30
"""Seconds that one writer waits for another."""

_LONGEST_PAUSE: Final = 0.5


class Taken(PeerError):
    """There is another body for an item, which was not refused."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the mailbox has of an item.

    Attributes:
        sha256: The digest of its body.
        refusal: Why the aggregator could not use it, if so: another body is then taken.
    """

    sha256: Hash32
    refusal: str | None


class Mailbox:
    """The items of all epochs and providers of one federation."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open a mailbox; it is made if there is none.

        Args:
            path: Its file; for this user alone.
            clock: Seconds that pass.
            sleep: Waits for some.

        Raises:
            ConfigError: It cannot be opened.
        """
        self._path, self._clock, self._sleep = path, clock, sleep
        try:
            path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            path.touch(mode=PRIVATE_FILE)
        except OSError as error:
            raise ConfigError(f"{path} cannot be opened: {(error.strerror or str(error)).lower()}") from error
        with self._database() as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(_SCHEMA)

    def put(self, epoch: int, provider: int, item: str, body: bytes) -> None:
        """Keep a body; durable on return. The same body again changes nothing.

        Raises:
            Taken: There is another body for this item, which was not refused.
        """
        digest = sha256(body)
        with self._database(write=True) as database:
            found = self._held(database, epoch, provider, item)
            if found is not None and found.sha256 == digest:
                return
            if found is not None and found.refusal is None:
                raise Taken(f"another body of {item} came first")
            database.execute(
                "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, NULL)",
                (epoch, provider, item, body, digest),
            )

    def get(self, epoch: int, provider: int, item: str) -> bytes | None:
        """Return an item's body; None if none came that was not refused."""
        with self._database() as database:
            found = database.execute(
                "SELECT body FROM items WHERE epoch=? AND provider=? AND item=? AND refusal IS NULL",
                (epoch, provider, item),
            ).fetchone()
        return None if found is None else bytes(found[0])

    def wait(self, epoch: int, provider: int, item: str, *, timeout: float) -> bytes:
        """Wait for an item's body.

        Raises:
            PeerError: None came in time that was not refused.
        """
        deadline, pause = self._clock() + timeout, 0.01
        while (body := self.get(epoch, provider, item)) is None:
            left = deadline - self._clock()
            if left <= 0:
                held = self.held(epoch, provider).get(item)
                why = "" if held is None else f"; the last one was refused: {held.refusal}"
                raise PeerError(f"provider {provider} has not sent {item} in time{why}")
            self._sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)
        return body

    def refuse(self, epoch: int, provider: int, item: str, body: bytes, reason: str) -> None:
        """Say why a body cannot be used, so that the provider can send another one."""
        with self._database(write=True) as database:
            database.execute(
                "UPDATE items SET refusal=? WHERE epoch=? AND provider=? AND item=? AND sha256=?",
                (reason, epoch, provider, item, sha256(body)),
            )

    def held(self, epoch: int, provider: int) -> dict[str, Held]:
        """Return what there is of a provider, by item."""
        with self._database() as database:
            rows = database.execute(
                "SELECT item, sha256, refusal FROM items WHERE epoch=? AND provider=? ORDER BY item",
                (epoch, provider),
            ).fetchall()
        return {item: Held(Hash32(digest), refusal) for item, digest, refusal in rows}

    def latest(self, provider: int, item: str) -> int | None:
        """Return the last epoch of which there is an item of a provider."""
        with self._database() as database:
            found = database.execute(
                "SELECT max(epoch) FROM items WHERE provider=? AND item=?", (provider, item)
            ).fetchone()
        return None if found[0] is None else int(found[0])

    def propose(self, epoch: int, body: bytes) -> None:
        """Show providers what an epoch would promise; a later proposal takes an earlier one's place."""
        with self._database(write=True) as database:
            database.execute("INSERT OR REPLACE INTO proposals VALUES (?, ?)", (epoch, body))

    def proposal(self, epoch: int) -> bytes | None:
        """Return what an epoch would promise, if it was said."""
        with self._database() as database:
            found = database.execute("SELECT body FROM proposals WHERE epoch=?", (epoch,)).fetchone()
        return None if found is None else bytes(found[0])

    @staticmethod
    def _held(database: sqlite3.Connection, epoch: int, provider: int, item: str) -> Held | None:
        found = database.execute(
            "SELECT sha256, refusal FROM items WHERE epoch=? AND provider=? AND item=?",
            (epoch, provider, item),
        ).fetchone()
        return None if found is None else Held(Hash32(found[0]), found[1])

    @contextmanager
    def _database(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a connection of its own to whoever asks: threads and processes then never share one."""
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous=FULL")
                if not write:
                    yield database
                    return
                database.execute("BEGIN IMMEDIATE")
                try:
                    yield database
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
                database.execute("COMMIT")
        except sqlite3.Error as error:
            raise ConfigError(
                f"{self._path} cannot be used: {error}", hint="is the disk full, or the file no mailbox?"
            ) from error
