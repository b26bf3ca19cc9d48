"""The store in a file: what holds for SQLite alone."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing

import pytest

from ceramic_bridge.errors import StoreError
from ceramic_bridge.store import schema
from ceramic_bridge.store.base import EVERYTHING, Interest, Query
from ceramic_bridge.store.sqlite import SqliteStore
from tests.unit.ceramic_bridge.crowd import anchor, note


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


def test_file_of_the_version_before_keeps_all_and_grows_when_opened(tmp_path):
    path = tmp_path / "e.sqlite"
    first, (time,) = note(1), anchor(note(1))
    with SqliteStore(tmp_path / "now") as store:
        store.add([first, time])
        store.add_interest(EVERYTHING)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in schema._STEPS[0]:
            db.execute(statement.replace("ROWID", "") + " STRICT" * statement.startswith("CREATE TABLE"))
        db.execute("PRAGMA application_id=0x464D4556")
        db.execute("PRAGMA user_version=1")
        # The tables that both versions have are the same in both.
        db.execute("ATTACH ? AS now", (str(tmp_path / "now"),))
        for (table,) in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            db.execute(f"INSERT INTO main.{table} SELECT * FROM now.{table}")
    for _ in range(2):
        with SqliteStore(path) as store:
            assert [entry.cid for entry in store.page(Query()).entries] == [first.cid, time.cid]
            controller = Query(interest=Interest(controller=first.author))
            assert len(store.page(controller).entries) == 2
            assert store.interests() == (EVERYTHING,)
            store.confirm(time.cid, 5)
            assert store.confirmed(first.stream_id) == {time.cid: 5}


@pytest.mark.parametrize("version", [0, 3])
def test_store_is_refused_when_it_is_of_an_unknown_version(tmp_path, version):
    path = tmp_path / "e.sqlite"
    SqliteStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={version}")
    db.close()
    with pytest.raises(StoreError, match="of this version"):
        SqliteStore(path)
