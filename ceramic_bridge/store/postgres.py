"""Events in a PostgreSQL database, for communities whose nodes run on several machines.

Writers take turns: a sequence would show a later position before an earlier one whose writer is
slower, and a reader who follows positions would never come back for it. So a batch holds an
advisory lock from its begin until it is synced and seen by all.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from functools import partial
from typing import TYPE_CHECKING, Final

from ceramic_bridge.errors import StoreError
from ceramic_bridge.store.pgurl import Place, password_for
from ceramic_bridge.store.schema import COLUMNS, VERSION, feed_of, statements
from ceramic_bridge.store.sql import Db, Row, SqlStore, Value
from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from pg8000 import native

_TYPES: Final = {"i": "bigint", "b": "bytea", "t": "text"}

# Seconds until a silent server counts as gone; the server gives up waiting for a lock before.
_TIMEOUT: Final = 40

# What a database or a role may set otherwise. A feed is read along its index whatever the statistics
# say, a commit is synced, and a writer that hangs lets the others go on.
_SESSION: Final = """
SET search_path TO "{schema}";
SET client_encoding TO 'UTF8';
SET bytea_output TO hex;
SET lock_timeout TO '30s';
SET idle_in_transaction_session_timeout TO '60s';
SET enable_seqscan TO off;
SET enable_bitmapscan TO off;
SET enable_sort TO off;
SET enable_incremental_sort TO off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""

# READ COMMITTED: what is read after the lock was had must be as of then, not as of the first wait.
_BEGIN: Final = """
BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE;
SELECT pg_advisory_xact_lock({application}, hashtext('{schema}'))
"""

_APPLICATION: Final = 0x464D4556

# Bytes sent at once; in the protocol they take twice as many.
_CHUNK: Final = 1 << 20

_SERVER_GOES: Final = ("57P01", "57P02", "57P03", "08")
"""SQLSTATEs, or their beginnings, of a server that shuts down and of a connection that breaks."""


class PostgresDb:
    """A connection to a server; see ``store.sql.Db``."""

    def __init__(self, link: native.Connection, schema: str) -> None:
        """Set up a fresh connection."""
        self._link = link
        self._schema = schema
        self._prepared: dict[str, native.PreparedStatement] = {}
        try:
            link.run(_SESSION.format(schema=schema))
        except BaseException:
            self.close()
            raise

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Execute a statement and return its rows."""
        return self._execute(sql, values)

    def lookup(self, select: str, keys: Collection[Value]) -> list[Row]:
        """Return the rows of a query that ends with a column, for each key that it may hold."""
        wanted = list(keys)
        if not wanted:
            return []
        kind = "text" if isinstance(wanted[0], str) else "bytea"
        return self._execute(f"{select} = ANY (?::{kind}[])", [wanted])

    def insert(self, table: str, rows: Iterable[Sequence[Value]]) -> None:
        """Add rows to a table."""
        columns = ", ".join(f"?::{_TYPES[letter]}[]" for letter in COLUMNS[table])
        for chunk in _chunks(rows):
            turned = [list(column) for column in zip(*chunk, strict=True)]
            self._execute(f"INSERT INTO {table} SELECT * FROM unnest({columns})", turned)  # noqa: S608 -- our own names

    def begin(self) -> None:
        """Begin a transaction, and wait until nobody else writes."""
        self._link.run(_BEGIN.format(application=_APPLICATION, schema=self._schema))

    def commit(self) -> None:
        """Keep what the transaction wrote."""
        self._link.run("COMMIT")

    def close(self) -> None:
        """Close the connection; the server undoes what was not kept."""
        # It may be broken, or in the middle of something.
        with contextlib.suppress(Exception):
            self._link.close()

    def _execute(self, sql: str, values: Sequence[Value | list[Value]]) -> list[Row]:
        statement = self._prepared.get(sql)
        if statement is None:
            first, *rest = sql.split("?")
            numbered = first + "".join(f":v{number}{part}" for number, part in enumerate(rest))
            statement = self._prepared[sql] = self._link.prepare(numbered)
        found = statement.run(**{f"v{number}": value for number, value in enumerate(values)})
        return [tuple(row) for row in found or ()]


class PostgresStore(SqlStore):
    """A store in a schema of a database; see ``store.base.LocalStore`` for what it promises.

    When the server was restarted, the next call connects again.
    """

    def __init__(self, place: Place, environ: Mapping[str, str] = os.environ) -> None:
        """Open a store, and make it if there is none.

        Args:
            place: Where it is.
            environ: The process environment, for the password.

        Raises:
            StoreError: The database cannot be opened, does not sync, or holds something else.
            ConfigError: The driver is not installed, or the password file cannot be used.
        """
        super().__init__(str(place))
        try:
            import scramp
            from pg8000 import exceptions, native
        except ImportError as error:
            raise ConfigError(
                "a PostgreSQL store needs a driver that is not installed",
                hint="pip install 'folkmoot[postgres]'",
            ) from error
        # Beside the driver's own: a server that cannot prove itself, a name that is none.
        self.failures = (exceptions.Error, OSError, scramp.ScramException, UnicodeError)
        self._place = place
        self._environ = environ
        self._link: Callable[..., native.Connection] = partial(
            native.Connection,
            place.user,
            host=place.host,
            port=place.port,
            unix_sock=place.socket,
            database=place.database,
            # ``None`` would take any certificate.
            ssl_context=ssl.create_default_context() if place.tls else False,
            timeout=_TIMEOUT,
            application_name="folkmoot",
        )
        self._open()

    def _connect(self) -> PostgresDb:
        password = password_for(self._place, self._environ)
        try:
            link = self._link(password=password)
        except AttributeError as error:
            # How the driver fails if there is none and the server asks.
            if password is not None:
                raise
            raise StoreError(
                f"{self._name} wants a password", hint="set PGPASSWORD or write it into ~/.pgpass"
            ) from error
        return PostgresDb(link, self._place.schema)

    def _prepare(self, db: Db) -> None:
        if db.rows("SHOW fsync") != [("on",)]:
            raise StoreError(f"{self._name} may lose events: its server does not sync (fsync is off)")
        schema = self._place.schema
        if not db.rows("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)):
            db.rows(f'CREATE SCHEMA "{schema}"')
        tables = db.rows("SELECT relname FROM pg_class WHERE relnamespace = ?::text::regnamespace", (schema,))
        if not tables:
            db.rows("CREATE TABLE folkmoot (version bigint NOT NULL)")
            db.rows("INSERT INTO folkmoot VALUES (0)")
        ours = not tables or ("folkmoot",) in tables
        version = db.rows("SELECT version FROM folkmoot")[0][0] if ours else -1
        if not 0 <= version <= VERSION:
            raise StoreError(
                f"{self._name} is no event store of this version",
                hint="name another schema; 'folkmoot events export' of the other version moves its events",
            )
        if version == VERSION:
            return
        rowid = "rowid bigint GENERATED ALWAYS AS IDENTITY,"
        for statement in statements(version, integer="bigint", blob="bytea", rowid=rowid, suffix=""):
            db.rows(statement)
        db.rows("UPDATE folkmoot SET version = ?", (VERSION,))

    def _feed(self, wanted: Mapping[str, int], after: int) -> tuple[str, list[Value]]:
        # Rows are compared, not columns: only the feed's own index gives this order, so that the
        # planner cannot walk along the positions and leave out most of them.
        feed = feed_of(wanted)
        fixed = [wanted[column] for column in feed]
        order, marks = ", ".join((*feed, "position")), ", ".join("?" * (len(feed) + 1))
        where, values = [f"({order}) > ({marks})"], [*fixed, after]
        if feed:
            where.append(f"({', '.join(feed)}) <= ({', '.join('?' * len(feed))})")
            values += fixed
        for column in wanted.keys() - set(feed):
            where.append(f"{column} = ?")
            values.append(wanted[column])
        return f"FROM events WHERE {' AND '.join(where)} ORDER BY {order}", list(values)

    def _say(self, error: Exception) -> str:
        fields = error.args[0] if error.args else None
        # The server's details may quote what is stored.
        return str(fields.get("M", "the server refused")) if isinstance(fields, dict) else str(error)

    def _lost(self, error: BaseException) -> bool:
        fields = error.args[0] if error.args else None
        if isinstance(fields, dict):
            return str(fields.get("C", "")).startswith(_SERVER_GOES)
        return isinstance(error, self.failures)


def _chunks(rows: Iterable[Sequence[Value]]) -> Iterator[list[Sequence[Value]]]:
    """Divide rows so that no part is large, unless one row is."""
    chunk: list[Sequence[Value]] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += sum(8 if isinstance(value, int) else len(value) for value in row)
        if size > _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
