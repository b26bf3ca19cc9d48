"""The journal: what an aggregator has decided, on disk before it has an effect.

A restarted aggregator runs the same code again from the beginning of a phase, is given what it had
decided instead of deciding anew, and so goes on (durable execution by replay). The chain and the
event log are the truth; the journal is what they do not know yet.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Final, Protocol, Self

from federation.errors import ConfigError
from federation.home import PRIVATE_FILE, PRIVATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from federation.types import Address

LOCKS: Final = "locks"
"""The folder beside the homes in which federations are locked: several homes may serve one federation,
but no two processes at once."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS steps (epoch INTEGER NOT NULL, round INTEGER NOT NULL, step TEXT NOT NULL,
    value BLOB NOT NULL, PRIMARY KEY (epoch, round, step)) STRICT, WITHOUT ROWID;
"""
# A commit is on disk when it returns.
_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "trusted_schema=OFF")
_VERSION: Final = "1"


class Memory(Protocol):
    """Remembers the steps of epochs and rounds; round 0 holds what belongs to no round."""

    def recall(self, epoch: int, round_: int, step: str) -> bytes | None:
        """Return what was recorded; None if nothing was."""
        ...

    def record(self, epoch: int, round_: int, step: str, value: bytes) -> None:
        """Remember a step's value, once and for all."""
        ...

    def steps(self, epoch: int, round_: int, prefix: str) -> Mapping[str, bytes]:
        """Return all recorded steps whose names begin so, without that beginning, in order of name."""
        ...


class Forgetful:
    """The memory of a run that nobody resumes."""

    def recall(self, epoch: int, round_: int, step: str) -> bytes | None:  # noqa: ARG002 - it knows nothing
        """Return nothing."""
        return None

    def record(self, epoch: int, round_: int, step: str, value: bytes) -> None:
        """Forget it."""

    def steps(self, epoch: int, round_: int, prefix: str) -> Mapping[str, bytes]:  # noqa: ARG002 - as above
        """Return nothing."""
        return {}


class Journal:
    """The journal of one federation in one SQLite file; a context manager. Threads may share it.

    While it is open, no other process of this machine can open a journal of the same federation.
    """

    def __init__(self, path: Path, *, federation: Address, chain_id: int) -> None:
        """Open or make it.

        Args:
            path: The file, for this user alone.
            federation: Its contract.
            chain_id: Its chain.

        Raises:
            ConfigError: Another process runs the federation, or the file is another federation's, is
                damaged or cannot be written.
        """
        self._path, self._turn = path, RLock()
        self._lock = _hold(path.parent.parent / LOCKS / f"{chain_id}-{federation.lower()}")
        try:
            path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            os.close(self._lock)
            raise ConfigError(f"{path} cannot be opened: {error}") from error
        try:
            self._prepare({"version": _VERSION, "federation": federation.lower(), "chain": str(chain_id)})
        except ConfigError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it, and let other processes run the federation."""
        self._database.close()
        os.close(self._lock)

    def recall(self, epoch: int, round_: int, step: str) -> bytes | None:
        """Return what was recorded for a step; None if nothing was.

        Raises:
            ConfigError: The file is damaged.
        """
        with self._errors():
            query = "SELECT value FROM steps WHERE epoch = ? AND round = ? AND step = ?"
            found = self._database.execute(query, (epoch, round_, step)).fetchone()
        return None if found is None else bytes(found[0])

    def record(self, epoch: int, round_: int, step: str, value: bytes) -> None:
        """Record a step's value; it is on disk when this returns.

        The same value may be recorded again.

        Raises:
            ConfigError: The step has another value, or the file cannot be written.
        """
        with self._errors():
            query = "INSERT OR IGNORE INTO steps VALUES (?, ?, ?, ?)"
            made = self._database.execute(query, (epoch, round_, step, value)).rowcount
            if not made and self.recall(epoch, round_, step) != value:
                raise ConfigError(
                    f"the journal has another value for {step!r} of round {round_} of epoch {epoch}",
                    hint="was the software or its settings changed in the middle of a round? go back to them",
                )

    def steps(self, epoch: int, round_: int, prefix: str) -> Mapping[str, bytes]:
        """Return all steps whose names begin with a prefix, without it, in order of name.

        Raises:
            ConfigError: The file is damaged.
        """
        with self._errors():
            query = "SELECT step, value FROM steps WHERE epoch = ? AND round = ? AND substr(step, 1, ?) = ?"
            rows = self._database.execute(f"{query} ORDER BY step", (epoch, round_, len(prefix), prefix))
            return {str(step)[len(prefix) :]: bytes(value) for step, value in rows}

    def _prepare(self, about: Mapping[str, str]) -> None:
        with self._errors():
            for pragma in _PRAGMAS:
                self._database.execute(f"PRAGMA {pragma}")
            self._database.executescript(_SCHEMA)
            for name, value in about.items():
                self._database.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (name, value))
                query = "SELECT value FROM about WHERE name = ?"
                if self._database.execute(query, (name,)).fetchone() != (value,):
                    raise ConfigError(f"{self._path} is the journal of another {name}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Let one thread in at a time, and translate what SQLite raises."""
        with self._turn:
            try:
                yield
            except sqlite3.DatabaseError as error:
                raise ConfigError(
                    f"the journal {self._path} cannot be used: {error}",
                    hint="if it is damaged, move it away: what the chain and the events know is found there",
                ) from error


def pack(parts: Sequence[bytes]) -> bytes:
    """Return several values as one: each after its length, 4 bytes little-endian."""
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def unpack(data: bytes) -> list[bytes]:
    """Return the values that were packed into one."""
    parts, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        parts.append(data[at + 4 : end])
        at = end
    return parts


def _hold(path: Path) -> int:
    """Lock a federation until this process ends, however it ends."""
    try:
        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {(error.strerror or '').lower()}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise ConfigError(
            "another aggregator runs this federation with this data folder",
            hint="two would open rounds against each other; stop the other one first",
        ) from error
    return handle
