"""Events in one SQLite file: one writer, many readers, and nothing acknowledged is ever lost.

The write-ahead log is synced before ``add`` returns (``synchronous=FULL``), so what a receipt
accepts survives the process being killed and the machine losing power. A batch is one transaction:
after a crash all of it is there or none.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from ceramic_bridge.errors import StoreError
from ceramic_bridge.store.schema import COLUMNS, VERSION, feed_of, index_of, statements
from ceramic_bridge.store.sql import Db, Row, SqlStore, Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-8192",
    # Bounds the log that a burst leaves behind.
    "PRAGMA journal_size_limit=67108864",
)

_APPLICATION: Final = 0x464D4556

# SQLite takes 32,766 values in a statement.
_KEYS: Final = 1000


class SqliteDb:
    """A connection to a file; see ``store.sql.Db``."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            sqlite3.Error: It is no database.
        """
        self._link = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                self._link.execute(pragma)
        except BaseException:
            self._link.close()
            raise

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Execute a statement and return its rows."""
        return self._link.execute(sql, values).fetchall()

    def lookup(self, select: str, keys: Collection[Value]) -> list[Row]:
        """Return the rows of a query that ends with a column, for each key that it may hold."""
        wanted = list(keys)
        return [
            row
            for at in range(0, len(wanted), _KEYS)
            for row in self.rows(f"{select} IN ({_marks(wanted[at : at + _KEYS])})", wanted[at : at + _KEYS])
        ]

    def insert(self, table: str, rows: Iterable[Sequence[Value]]) -> None:
        """Add rows to a table."""
        self._link.executemany(f"INSERT INTO {table} VALUES ({_marks(COLUMNS[table])})", rows)  # noqa: S608 -- our own names

    def begin(self) -> None:
        """Begin a transaction, and wait until nobody else writes."""
        self._link.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Keep what the transaction wrote."""
        self._link.execute("COMMIT")

    def close(self) -> None:
        """Close the connection; what was not kept is undone."""
        self._link.close()


class SqliteStore(SqlStore):
    """The store of one machine; see ``store.base.LocalStore`` for what it promises."""

    failures = (sqlite3.Error,)

    def __init__(self, path: Path) -> None:
        """Open a store, and make it if there is none.

        Raises:
            StoreError: The file cannot be opened, or is something else.
        """
        super().__init__(str(path))
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives its own files beside it the same mode.
            path.touch(mode=0o600)
        except OSError as error:
            raise StoreError(f"{path} cannot be opened: {(error.strerror or str(error)).lower()}") from error
        self._open()

    def _connect(self) -> SqliteDb:
        return SqliteDb(self._path)

    def _prepare(self, db: Db) -> None:
        ((application,),) = db.rows("PRAGMA application_id")
        ((version,),) = db.rows("PRAGMA user_version")
        ((tables,),) = db.rows("SELECT count(*) FROM sqlite_master")
        known = application == _APPLICATION and 1 <= version <= VERSION
        if not known and (tables or application):
            raise StoreError(
                f"{self._name} is no event store of this version",
                hint="name another file; 'folkmoot events export' of the other version moves its events",
            )
        if version == VERSION:
            return
        # A table has a rowid by itself.
        for statement in statements(
            version if known else 0, integer="INTEGER", blob="BLOB", rowid="", suffix="STRICT"
        ):
            db.rows(statement)
        db.rows(f"PRAGMA application_id={_APPLICATION}")
        db.rows(f"PRAGMA user_version={VERSION}")

    def _feed(self, wanted: Mapping[str, int], after: int) -> tuple[str, list[Value]]:
        feed = feed_of(wanted)
        # Left alone, SQLite may sort.
        index = f"INDEXED BY {index_of(feed)}" if feed else ""
        where = " AND ".join(["position > ?", *(f"{column} = ?" for column in wanted)])
        return f"FROM events {index} WHERE {where} ORDER BY position", [after, *wanted.values()]


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
