"""The tables of a store, in the words that SQLite and PostgreSQL share.

Numbers are given out by the writer, of which there is one at a time: they have no gaps, and what
has a lower one is there before what has a higher one.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

VERSION: Final = 2
"""Of the tables; a store of another version is refused."""

COLUMNS: Final = {"models": "ib", "controllers": "it", "streams": "ibiii", "events": "ibiiib"}
"""For the tables that are filled many rows at once, the types of their columns: (i)nteger, (b)lob, (t)ext."""

_TABLES: Final = (
    "models (id INTEGER PRIMARY KEY, value BLOB NOT NULL UNIQUE)",
    "controllers (id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE)",
    """streams (
      id INTEGER PRIMARY KEY,
      value BLOB NOT NULL UNIQUE,
      type INTEGER NOT NULL,
      model INTEGER NOT NULL REFERENCES models,
      controller INTEGER NOT NULL REFERENCES controllers
    )""",
    """events (
      position INTEGER PRIMARY KEY,
      cid BLOB NOT NULL UNIQUE,
      stream INTEGER NOT NULL REFERENCES streams,
      model INTEGER NOT NULL,
      controller INTEGER NOT NULL,
      car BLOB NOT NULL
    )""",
    """interests (
      number INTEGER PRIMARY KEY,
      model BLOB NOT NULL, controller TEXT NOT NULL, stream BLOB NOT NULL, UNIQUE (model, controller, stream)
    )""",
    """cursors (
      peer TEXT NOT NULL, interest TEXT NOT NULL, token INTEGER NOT NULL, cid BLOB NOT NULL,
      PRIMARY KEY (peer, interest)
    )""",
)

# Each index is a feed of its own: its columns fixed, it gives the events by position.
_FEEDS: Final = (("stream",), ("controller", "model"), ("controller",), ("model",))


def statements(*, integer: str, blob: str, suffix: str = "") -> list[str]:
    """Write what makes the tables.

    Args:
        integer: The database's name for 64 bits.
        blob: Its name for bytes.
        suffix: What it wants behind each table.
    """
    tables = [
        f"CREATE TABLE {table} {suffix}".replace("INTEGER", integer).replace("BLOB", blob)
        for table in _TABLES
    ]
    return tables + [
        f"CREATE INDEX {index_of(feed)} ON events ({', '.join(feed)}, position)" for feed in _FEEDS
    ]


def feed_of(wanted: Container[str]) -> tuple[str, ...]:
    """Choose the columns by whose index events are read if these columns have given values."""
    return next((feed for feed in _FEEDS if all(column in wanted for column in feed)), ())


def index_of(feed: tuple[str, ...]) -> str:
    """Name the index of a feed."""
    return f"events_by_{'_'.join(feed)}"
