"""The one SQLite file of a member: schema, durability, file modes, typed errors.

Nothing in here knows a key: what comes in is already sealed.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from federation.errors import ConfigError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE header (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL,
    vault_id BLOB NOT NULL, epoch INTEGER NOT NULL, passes INTEGER NOT NULL, memory INTEGER NOT NULL,
    salt BLOB NOT NULL, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE heads (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE rows (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, sealed BLOB NOT NULL) STRICT;
CREATE TABLE records (key BLOB PRIMARY KEY, kind TEXT NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE cache (key BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE releases (seq INTEGER PRIMARY KEY, federation TEXT NOT NULL, epoch INTEGER NOT NULL,
    round INTEGER NOT NULL, base_hash BLOB NOT NULL, unit TEXT NOT NULL, sigma REAL NOT NULL,
    clip REAL NOT NULL, rate REAL NOT NULL, steps INTEGER NOT NULL, link BLOB NOT NULL,
    status TEXT NOT NULL, tag BLOB NOT NULL, UNIQUE (federation, epoch, round)) STRICT;
CREATE TABLE payloads (seq INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
"""

# A commit is on disk when it returns; what is deleted is overwritten; nothing spills elsewhere.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "fullfsync=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "trusted_schema=OFF",
    "cell_size_check=ON",
)

_BUSY_SECONDS = 30.0


class Storage:
    """A connection to a member's file, to be used by one thread.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Open an existing file.

        Raises:
            ConfigError: There is none, others may read it, or it is in use.
            VerificationFailed: It is not a vault, or is damaged.
        """
        if not path.is_file():
            raise ConfigError(f"there is no vault at {path}", hint="make one with: folkmoot client init")
        for place, wanted in ((path.parent, 0o700), (path, 0o600)):
            require_private(place, wanted)
        with _typed_errors(path):
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                for pragma in _PRAGMAS:
                    self._connection.execute(f"PRAGMA {pragma}")
            except sqlite3.Error:
                self._connection.close()
                raise
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Storage:
        """Make a new empty file, mode 0600, in a folder of mode 0700 (made if missing).

        Raises:
            ConfigError: The file exists, or others may read the folder.
        """
        _make(path)
        return cls(path)

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        """Give one consistent view; with ``write``, alone among writers, and durable at the end.

        Everything is undone where the body raises.

        Raises:
            ConfigError: The file is in use or cannot be written.
            VerificationFailed: It is damaged.
        """
        with _typed_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def tidy(self) -> None:
        """Empty the write-ahead log, where what was deleted may still stand.

        Readers are waited for; where one stays, whoever closes the file last empties the log.

        Raises:
            ConfigError: The file cannot be written.
        """
        with _typed_errors(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def copy(self, path: Path) -> None:
        """Write one consistent copy of the file; mode 0600.

        Raises:
            ConfigError: It is there already, or cannot be written.
        """
        _make(path)
        with _typed_errors(path):
            self._connection.execute("VACUUM INTO ?", (str(path),))

    def close(self) -> None:
        """Close the file; the last to close it also removes its write-ahead log."""
        self._connection.close()


def create_schema(connection: sqlite3.Connection) -> None:
    """Create all tables, inside the caller's transaction."""
    for statement in filter(str.strip, _SCHEMA.split(";")):
        connection.execute(statement)


@contextmanager
def _typed_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
        raise ConfigError(
            f"{path} cannot be used: {error}", hint="is another process busy with it, or the disk full?"
        ) from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise VerificationFailed(
            str(path), f"not a vault, or damaged: {error}", hint="restore the file from a backup"
        ) from error


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(path.parent, 0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError as error:
        raise ConfigError(f"{path} exists", hint="open it, or choose another path") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}") from error


def require_private(path: Path, wanted: int) -> None:
    """Refuse a file or folder that others may read.

    Raises:
        ConfigError: They may.
    """
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(f"others may read {path}", hint=f"chmod {wanted:o} {path}")
