"""The tables of a store, and how its connections are set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ceramic_bridge.errors import StoreError

if TYPE_CHECKING:
    import sqlite3

READERS: Final = 4
"""Connections that read at once; more callers wait."""

PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-8192",
    # Bounds the log that a burst leaves behind.
    "PRAGMA journal_size_limit=67108864",
)

_APPLICATION: Final = 0x464D4556
_VERSION: Final = 2

# An index of SQLite ends with the row's id, here the position: each one below is a feed of its own.
_TABLES: Final = """
CREATE TABLE models (id INTEGER PRIMARY KEY, value BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE controllers (id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE streams (
  id INTEGER PRIMARY KEY,
  value BLOB NOT NULL UNIQUE,
  type INTEGER NOT NULL,
  model INTEGER NOT NULL REFERENCES models,
  controller INTEGER NOT NULL REFERENCES controllers
) STRICT;
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  cid BLOB NOT NULL UNIQUE,
  stream INTEGER NOT NULL REFERENCES streams,
  model INTEGER NOT NULL,
  controller INTEGER NOT NULL,
  car BLOB NOT NULL
) STRICT;
CREATE INDEX events_by_stream ON events (stream);
CREATE INDEX events_by_model ON events (model);
CREATE INDEX events_by_controller ON events (controller, model);
CREATE TABLE interests (
  model BLOB NOT NULL, controller TEXT NOT NULL, stream BLOB NOT NULL, UNIQUE (model, controller, stream)
) STRICT;
CREATE TABLE cursors (
  peer TEXT NOT NULL, interest TEXT NOT NULL, token INTEGER NOT NULL, cid BLOB NOT NULL,
  PRIMARY KEY (peer, interest)
) STRICT;
"""

# Of later versions, by the version that a file had before.
_ADDED: Final = {
    1: """
CREATE TABLE confirmations (
  position INTEGER PRIMARY KEY REFERENCES events,
  stream INTEGER NOT NULL REFERENCES streams,
  time INTEGER NOT NULL
) STRICT;
CREATE INDEX confirmations_by_stream ON confirmations (stream);
"""
}


def prepare(db: sqlite3.Connection, name: str) -> None:
    """Make the tables in an empty file; recognise them in another, and add those that are younger.

    Raises:
        StoreError: The file holds something else.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        _make_or_recognise(db, name)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _make_or_recognise(db: sqlite3.Connection, name: str) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and not application:
        _run(db, _TABLES)
        db.execute(f"PRAGMA application_id={_APPLICATION}")
        version = 1
    elif application != _APPLICATION or not 1 <= version <= _VERSION:
        raise StoreError(
            f"{name} is no event store of this version",
            hint="name another file; 'folkmoot events export' of the other version moves its events",
        )
    for older in range(version, _VERSION):
        _run(db, _ADDED[older])
    db.execute(f"PRAGMA user_version={_VERSION}")


def _run(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        db.execute(statement)
