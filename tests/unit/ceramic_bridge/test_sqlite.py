"""The store in a file: what holds for SQLite alone."""

from __future__ import annotations

import sqlite3
import stat

import pytest

from ceramic_bridge.errors import StoreError
from ceramic_bridge.store.sqlite import SqliteStore
from tests.unit.ceramic_bridge.crowd import note


def test_every_commit_is_synced_when_a_store_is_open(tmp_path):
    # What kill -9 cannot show: the machine itself may stop.
    with SqliteStore(tmp_path / "events.sqlite") as store:
        assert store._writer.rows("PRAGMA journal_mode") == [("wal",)]
        assert store._writer.rows("PRAGMA synchronous") == [(2,)]


def test_only_the_owner_can_read_when_a_store_is_made(tmp_path):
    with SqliteStore(tmp_path / "events.sqlite") as store:
        store.add([note(1)])
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


@pytest.mark.parametrize("content", [b"not a database, but a text of some length", None])
def test_store_is_refused_when_the_file_is_something_else(tmp_path, content):
    path = tmp_path / "events.sqlite"
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE t (x)")
        other.close()
    else:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=r"events\.sqlite"):
        SqliteStore(path)
