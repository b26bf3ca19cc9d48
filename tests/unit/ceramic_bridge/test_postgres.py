"""The store in a database: what holds for PostgreSQL alone."""

from __future__ import annotations

import sys
import threading
from contextlib import closing

import pytest
from pg8000.exceptions import InterfaceError

from ceramic_bridge.errors import StoreError
from ceramic_bridge.session import open_store
from ceramic_bridge.store.base import Interest, Query
from ceramic_bridge.store.batch import Batch
from ceramic_bridge.store.pgurl import Place, password_for
from ceramic_bridge.store.postgres import PostgresDb, PostgresStore
from federation.errors import ConfigError
from tests.database import LOCKED, USER
from tests.unit.ceramic_bridge.crowd import NOTES, edit, note

FIRST = note(1)
CHANGE = edit(FIRST, "changed")
SECRET = "correct horse"


def behind(server, *statements):
    with closing(server.connect()) as link:
        return [link.run(statement) for statement in statements][-1]


@pytest.fixture
def store(schema):
    with open_store(schema) as store:
        yield store


def cids(store):
    return [entry.cid for entry in store.page(Query()).entries]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_store_goes_on_when_its_server_is_restarted(postgres, store, mode):
    assert store.add([FIRST])[0].new
    assert cids(store) == [FIRST.cid]
    postgres.stop(mode)
    try:
        with pytest.raises(StoreError, match="cannot be read"):
            store.get(FIRST.cid)
        with pytest.raises(StoreError, match="cannot be written"):
            store.add([CHANGE])
        with pytest.raises(StoreError, match="cannot be opened"):
            open_store(postgres.url("other"))
    finally:
        postgres.start()
    assert cids(store) == [FIRST.cid]
    assert store.add([CHANGE])[0].new


def test_calls_notice_nothing_when_their_idle_connections_broke(postgres, store):
    store.add([FIRST])
    store.position()
    ours = "application_name = 'folkmoot'"
    behind(postgres, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {ours}")
    assert store.add([CHANGE])[0].new
    assert cids(store) == [FIRST.cid, CHANGE.cid]


def test_batch_is_kept_once_or_not_at_all_when_the_connection_breaks_at_the_end(store, monkeypatch):
    commit = PostgresDb.commit

    def break_before(db):
        raise InterfaceError("network error")

    def break_after(db):
        commit(db)
        raise InterfaceError("network error")

    for broken, kept in ((break_before, False), (break_after, True)):
        monkeypatch.setattr(PostgresDb, "commit", broken)
        event = note(2 + kept)
        with pytest.raises(StoreError, match="not known") as caught:
            store.add([event])
        assert "again" in caught.value.hint
        monkeypatch.setattr(PostgresDb, "commit", commit)
        assert store.add([event])[0].new is not kept
        assert store.get(event.cid)


def test_nothing_is_written_when_the_server_refuses_in_the_middle(postgres, store):
    behind(postgres, f"ALTER TABLE {store._place.schema}.events ADD CHECK (position < 2)")
    with pytest.raises(StoreError, match="check constraint") as caught:
        store.add([FIRST, CHANGE])
    assert CHANGE.cid.to_bytes().hex() not in caught.value.message
    assert cids(store) == []
    assert store.add([FIRST])[0].new


def test_promises_hold_when_the_role_is_set_otherwise(postgres, schema, monkeypatch):
    settings = {
        "synchronous_commit": "off",
        "default_transaction_isolation": "serializable",
        "default_transaction_read_only": "on",
        "bytea_output": "escape",
        "search_path": "pg_catalog",
        "enable_indexscan": "off",
    }
    behind(postgres, *(f"ALTER ROLE {USER} SET {name} = '{value}'" for name, value in settings.items()))
    try:
        with open_store(schema) as one, open_store(schema) as two:
            write = Batch.write

            def write_when_another_waits(batch):
                write(batch)
                monkeypatch.setattr(Batch, "write", write)
                second.start()
                waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                while behind(postgres, waiting) == [[0]]:
                    pass

            # The second must judge by what the first wrote, although it began before.
            second = threading.Thread(target=two.add, args=([CHANGE],))
            monkeypatch.setattr(Batch, "write", write_when_another_waits)
            assert one.add([FIRST])[0].new
            second.join(10)
            assert cids(one) == [FIRST.cid, CHANGE.cid]
            assert one._writer.rows("SHOW synchronous_commit") == [("on",)]
    finally:
        # Read-only by default: this very statement would be refused.
        behind(postgres, "SET default_transaction_read_only = off", f"ALTER ROLE {USER} RESET ALL")


def test_store_is_refused_when_its_server_does_not_sync(postgres, schema):
    behind(postgres, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    try:
        while behind(postgres, "SHOW fsync") == [["on"]]:
            pass
        with pytest.raises(StoreError, match="fsync"):
            open_store(schema)
    finally:
        behind(postgres, "ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()")
        while behind(postgres, "SHOW fsync") == [["off"]]:
            pass


def test_communities_do_not_meet_when_their_schemas_differ(postgres, schema):
    # A word of SQL is a name like any other.
    with open_store(schema) as one, open_store(postgres.url("user")) as two:
        one.add([FIRST])
        assert two.position() == 0
        two.add([note(2)])
        assert cids(one) == [FIRST.cid]


def test_schema_is_refused_when_it_holds_something_else(postgres, schema):
    name = Place.parse(schema).schema
    behind(postgres, f"CREATE SCHEMA {name}", f"CREATE TABLE {name}.members (x int)")
    with pytest.raises(StoreError, match="no event store"):
        open_store(schema)
    tables = f"SELECT count(*) FROM pg_class WHERE relnamespace = '{name}'::regnamespace"
    assert behind(postgres, tables) == [[1]]


def test_schema_is_refused_when_its_tables_are_of_another_version(postgres, schema, store):
    behind(postgres, f"UPDATE {Place.parse(schema).schema}.folkmoot SET version = 3")
    with pytest.raises(StoreError, match="version"):
        open_store(schema)


def test_empty_schema_is_taken_when_somebody_else_made_it(postgres, schema):
    name = Place.parse(schema).schema
    role = f"poor_{name}"
    behind(postgres, f"CREATE ROLE {role} LOGIN", f"CREATE SCHEMA {name} AUTHORIZATION {role}")
    with open_store(postgres.url(name, user=role)) as store:
        assert store.add([FIRST])[0].new


def test_password_comes_from_where_others_look_when_the_server_asks(postgres, tmp_path, monkeypatch):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    behind(
        postgres,
        f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{SECRET}'",
        f"CREATE SCHEMA vault AUTHORIZATION {LOCKED}",
    )
    url = postgres.url("vault", user=LOCKED)
    with pytest.raises(StoreError, match="wants a password"):
        open_store(url)
    monkeypatch.setenv("PGPASSWORD", "wrong staple")
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert "staple" not in caught.value.message + repr(caught.value.__cause__)
    monkeypatch.setenv("PGPASSWORD", SECRET)
    with open_store(url) as store:
        assert store.add([FIRST])[0].new
    monkeypatch.delenv("PGPASSWORD")
    file = tmp_path / ".pgpass"
    lines = ("# mine", "else:*:*:*:no", f"localhost:5432:*:{LOCKED}:{SECRET}", "*:*:*:*:no")
    file.write_text("\n".join(lines), encoding="utf-8")
    file.chmod(0o600)
    with open_store(url) as store:
        assert cids(store) == [FIRST.cid]
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read") as refused:
        open_store(url)
    assert "chmod 600" in refused.value.hint


def test_password_is_read_as_written_when_it_holds_colons_and_backslashes(tmp_path):
    place = Place.parse("postgresql://a%3Ab@db.example:6432/events")
    file = tmp_path / "passwords"
    file.write_text("db.example:6432:events:a\\:b:x\\:y\\\\z\n", encoding="utf-8")
    file.chmod(0o600)
    assert password_for(place, {"PGPASSFILE": str(file)}) == "x:y\\z"
    assert password_for(place, {"PGPASSFILE": str(file), "PGPASSWORD": "first"}) == "first"
    other = Place.parse("postgresql://a%3Ab@db.example:6432/others")
    assert password_for(other, {"PGPASSFILE": str(file)}) is None
    assert password_for(place, {"HOME": str(tmp_path / "nowhere")}) is None


def test_connection_is_encrypted_when_the_server_is_elsewhere():
    assert Place.parse("postgresql://u@db.example/d").tls
    assert not Place.parse("postgresql://u@db.example/d?sslmode=disable").tls
    assert Place.parse("postgresql://u@localhost/d?sslmode=verify-full").tls
    for near in ("postgresql://u@localhost/d", "postgres://u@[::1]:6432/d", "postgresql://u@/d?host=/run"):
        assert not Place.parse(near).tls


def test_place_is_read_when_a_url_says_everything():
    place = Place.parse("postgresql://ann%40x@db.example:6432/ev%20ents?schema=spam_1&sslmode=verify-full")
    assert place == Place(
        user="ann@x", host="db.example", port=6432, database="ev ents", schema="spam_1", tls=True
    )
    assert place.socket is None
    assert Place.parse("postgres://u@/d?host=/run/postgresql").socket == "/run/postgresql/.s.PGSQL.5432"
    assert Place.parse("postgres://u@/d").schema == "folkmoot"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@h/d",
        "postgresql://u:@h/d",
        "postgresql://u@h/d?password=hunter2",
        "postgresql://h/d",
        "postgresql://u@h",
        "postgresql://u@h/",
        "postgresql://u@h:hunter2/d",
        "postgresql://u@[hunter2/d",
        "mysql://u@h/d",
        "postgresql://u@h/d?hunter2",
        "postgresql://u@h/d?schema=",
        "postgresql://u@h/d?schema=A",
        "postgresql://u@h/d?schema=pg_x",
        "postgresql://u@h/d?schema=a;b",
        "postgresql://u@h/d?schema=" + 64 * "a",
        "postgresql://u@h/d?sslmode=prefer",
        "postgresql://u@h/d?options=x",
        "postgresql://u@h/d#x",
    ],
)
def test_url_is_refused_and_its_password_never_shown_when_it_is_wrong(url):
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert "hunter2" not in caught.value.message + str(caught.value.hint)
    assert caught.value.__cause__ is None


def test_missing_driver_is_named_when_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(ConfigError, match="driver") as caught:
        PostgresStore(Place.parse("postgresql://u@/d"))
    assert "folkmoot[postgres]" in caught.value.hint


def test_rare_model_is_found_without_a_walk_when_statistics_are_old(postgres, schema, store):
    # The planner has seen one model only, and believes that any position will do.
    name = Place.parse(schema).schema
    made = "int8send(i), 1, {}, 1, '\\x00' FROM generate_series({}, {}) i"
    behind(
        postgres,
        f"INSERT INTO {name}.models VALUES (1, '\\x{NOTES.to_bytes().hex()}'), (2, '\\x00')",
        f"INSERT INTO {name}.controllers VALUES (1, 'did:key:z')",
        f"INSERT INTO {name}.streams VALUES (1, '\\x00', 3, 1, 1)",
        f"INSERT INTO {name}.events SELECT i, {made.format(1, 1, 5000)}",
        f"ANALYZE {name}.events",
        f"INSERT INTO {name}.events SELECT i, {made.format(2, 5001, 20000)}",
    )
    source, values = store._feed({"model": 1}, 5001)
    (plan,) = zip(*store._writer.rows(f"EXPLAIN (ANALYZE, BUFFERS) SELECT cid {source}", values), strict=True)
    text = "\n".join(plan)
    assert "events_by_model" in text
    assert "Removed by Filter" not in text
    assert store.page(Query(after=5001, interest=Interest(model=NOTES))).entries == ()
