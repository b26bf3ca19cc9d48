"""The tables of a store, in the words that SQLite and PostgreSQL share.

The numbers of rows are given out by the writer, of which there is one at a time: positions have no
gaps, and what has a lower one is there before what has a higher one.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

COLUMNS: Final = {
    "models": "ib",
    "controllers": "it",
    "streams": "ibiii",
    "events": "ibiiib",
    "revocations": "ibt",
}
"""For the tables that are filled many rows at once, the types of their columns: (i)nteger, (b)lob, (t)ext."""

# Each index is a feed of its own: its columns fixed, it gives the events by position.
_FEEDS: Final = (("stream",), ("controller", "model"), ("controller",), ("model",))

# What each version added to the one before.
_STEPS: Final = (
    (
        "CREATE TABLE models (id INTEGER PRIMARY KEY, value BLOB NOT NULL UNIQUE)",
        "CREATE TABLE controllers (id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE)",
        """CREATE TABLE streams (
          id INTEGER PRIMARY KEY,
          value BLOB NOT NULL UNIQUE,
          type INTEGER NOT NULL,
          model INTEGER NOT NULL REFERENCES models,
          controller INTEGER NOT NULL REFERENCES controllers
        )""",
        """CREATE TABLE events (
          position INTEGER PRIMARY KEY,
          cid BLOB NOT NULL UNIQUE,
          stream INTEGER NOT NULL REFERENCES streams,
          model INTEGER NOT NULL,
          controller INTEGER NOT NULL,
          car BLOB NOT NULL
        )""",
        "CREATE INDEX events_by_stream ON events (stream, position)",
        "CREATE INDEX events_by_model ON events (model, position)",
        "CREATE INDEX events_by_controller ON events (controller, model, position)",
        """CREATE TABLE interests (
          ROWID model BLOB NOT NULL, controller TEXT NOT NULL, stream BLOB NOT NULL,
          UNIQUE (model, controller, stream)
        )""",
        """CREATE TABLE cursors (
          peer TEXT NOT NULL, interest TEXT NOT NULL, token INTEGER NOT NULL, cid BLOB NOT NULL,
          PRIMARY KEY (peer, interest)
        )""",
    ),
    (
        """CREATE TABLE confirmations (
          position INTEGER PRIMARY KEY REFERENCES events,
          stream INTEGER NOT NULL REFERENCES streams,
          time INTEGER NOT NULL
        )""",
        "CREATE INDEX confirmations_by_stream ON confirmations (stream)",
        # Empty at first: before there was this table, revocations named something else.
        """CREATE TABLE revocations (
          position INTEGER PRIMARY KEY REFERENCES events,
          value BLOB NOT NULL,
          author TEXT NOT NULL
        )""",
        "CREATE INDEX revocations_by_value ON revocations (value, author, position)",
        # The old one gave a controller's events by model.
        "DROP INDEX events_by_controller",
        "CREATE INDEX events_by_controller ON events (controller, position)",
        "CREATE INDEX events_by_controller_model ON events (controller, model, position)",
    ),
)

VERSION: Final = len(_STEPS)
"""Of the tables; stores of earlier ones are brought to it when they are opened."""


def statements(before: int, *, integer: str, blob: str, rowid: str, suffix: str) -> list[str]:
    """Write what brings the tables of a version to the present one.

    Args:
        before: The version; 0 if there are no tables.
        integer: The database's name for 64 bits.
        blob: Its name for bytes.
        rowid: A column that grows with each row, if tables have none by themselves.
        suffix: What it wants behind each table.
    """
    return [
        statement.replace("INTEGER", integer).replace("BLOB", blob).replace("ROWID", rowid)
        + (f" {suffix}" if statement.startswith("CREATE TABLE") else "")
        for step in _STEPS[before:]
        for statement in step
    ]


def feed_of(wanted: Container[str]) -> tuple[str, ...]:
    """Choose the columns by whose index events are read if these columns have given values."""
    return next((feed for feed in _FEEDS if all(column in wanted for column in feed)), ())


def index_of(feed: tuple[str, ...]) -> str:
    """Name the index of a feed."""
    return f"events_by_{'_'.join(feed)}"
