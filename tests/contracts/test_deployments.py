"""Records name contracts; the chain says whether they are there. Payout tables are found by their root."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.deployments import AnchorRecord, Deployments, Record, bind
from contracts.payouts import find_table, parse_table
from federation.errors import ConfigError, VerificationFailed
from federation.home import cache_directory, data_directory
from federation.reward import PayoutTable

from .conftest import World, h, key


def record_of(world: World) -> Record:
    deployed = world.deployed
    return Record(
        federation=deployed.federation.address,
        registry=deployed.registry.address,
        pool=deployed.pool.address,
        token=deployed.token.address,
        block=world.chain.block_number,
        manifest_sha256=world.manifest.hash.hex(),
    )


def test_records_come_back_in_order_when_several_are_added(tmp_path, shared_world):
    book = Deployments(tmp_path / "deployments", 31337)
    assert book.load() == ()
    first = record_of(shared_world)
    second = replace(first, federation=key("second").address)
    book.add(first)
    book.add(second)
    assert Deployments(tmp_path / "deployments", 31337).load() == (first, second)
    assert (book.find(None), book.find(first.federation)) == (second, first)
    assert Deployments(tmp_path / "deployments", 1).load() == ()
    with pytest.raises(ConfigError, match=f"no federation {key('third').address} is recorded on chain 31337"):
        book.find(key("third").address)


def test_anchors_and_federations_keep_each_other_when_recorded_in_turn(tmp_path, shared_world):
    book = Deployments(tmp_path, 31337)
    first, second = (AnchorRecord(address=key(name).address, block=7) for name in ("one", "two"))
    book.add(first)
    assert book.load() == ()
    book.add(record_of(shared_world))
    book.add(second)
    assert (book.load(), book.anchors()) == ((record_of(shared_world),), (first, second))


def test_record_is_read_when_its_file_is_older_than_anchors(tmp_path, shared_world):
    book = Deployments(tmp_path, 31337)
    book.add(record_of(shared_world))
    document = json.loads(book.path.read_bytes())
    del document["anchors"]
    book.path.write_text(json.dumps(document), encoding="utf-8")
    assert (book.load(), book.anchors()) == ((record_of(shared_world),), ())


@pytest.mark.parametrize(
    ("old", "new"), [("{", ""), ('"block"', '"blok"'), ("-1", "-2"), ("0x", "0y"), (": 31337", ": 1")]
)  # fmt: skip
def test_record_is_refused_when_its_file_is_damaged(tmp_path, shared_world, old, new):
    book = Deployments(tmp_path, 31337)
    book.add(record_of(shared_world))
    text = book.path.read_text(encoding="utf-8")
    assert old in text
    book.path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError):
        book.load()


def test_record_binds_when_its_contracts_are_on_the_chain(shared_world):
    bound = bind(shared_world.chain, record_of(shared_world))
    assert bound.pool.address == shared_world.pool.address


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("federation", "Federation at 0x"),
        ("registry", "ContributorRegistry at 0x"),
        ("pool", "its pool is 0x"),
        ("token", "its token is 0x"),
    ],
)
def test_record_is_refused_when_something_else_is_on_the_chain(shared_world, field, problem):
    wrong = replace(record_of(shared_world), **{field: shared_world.stranger.address})
    with pytest.raises(VerificationFailed, match=problem):
        bind(shared_world.chain, wrong)


def test_record_is_refused_when_the_manifest_is_another(shared_world):
    with pytest.raises(VerificationFailed, match="its manifest is"):
        bind(shared_world.chain, replace(record_of(shared_world), manifest_sha256=h("other").hex()))


# Directories


@pytest.mark.parametrize(
    ("environ", "data", "cache"),
    [
        ({"FOLKMOOT_HOME": "/f", "XDG_DATA_HOME": "/x"}, "/f/data", "/f/cache"),
        ({"XDG_DATA_HOME": "/x", "XDG_CACHE_HOME": "/y"}, "/x/folkmoot", "/y/folkmoot"),
        ({"XDG_DATA_HOME": "relative"}, "~/.local/share/folkmoot", "~/.cache/folkmoot"),
    ],
)
def test_directories_follow_the_environment_when_it_names_them(environ, data, cache):
    assert data_directory(environ) == Path(data).expanduser()
    assert cache_directory(environ) == Path(cache).expanduser()


# Payout tables

POOL = key("pool").address
TABLE = PayoutTable.build(1, POOL, {key(f"payee {i}").address: i + 1 for i in range(4)})


def test_table_comes_back_when_it_was_written():
    assert parse_table(TABLE.to_bytes(), 1, POOL) == TABLE
    empty = PayoutTable.build(1, POOL, {})
    assert parse_table(empty.to_bytes(), 1, POOL) == empty


RAW = TABLE.to_bytes()


@pytest.mark.parametrize(
    "raw",
    [b"", b"FMP", b"FMP2" + RAW[4:], RAW[:-1], RAW + b"\0", RAW[:4] + RAW[56:] + RAW[4:56], RAW + RAW[-52:],
     RAW + b"\xff" * 20 + bytes(32)],
)  # fmt: skip
def test_table_is_refused_when_it_is_not_in_its_one_form(raw):
    with pytest.raises(ConfigError):
        parse_table(raw, 1, POOL)


def test_table_is_found_by_its_root_when_a_directory_holds_several(tmp_path):
    (tmp_path / "blobs").mkdir()
    other = PayoutTable.build(1, POOL, {POOL: 1})
    for name, content in (("a", other.to_bytes()), ("b", b"no table"), ("c", RAW)):
        (tmp_path / "blobs" / name).write_bytes(content)
    assert find_table(tmp_path, 1, POOL, TABLE.tree().root) == TABLE
    assert find_table(tmp_path / "blobs/a", 1, POOL, other.tree().root) == other
    with pytest.raises(VerificationFailed, match="not the one that pool"):
        find_table(tmp_path, 2, POOL, TABLE.tree().root)
    with pytest.raises(ConfigError, match="holds no payout table"):
        find_table(tmp_path / "blobs/b", 1, POOL, TABLE.tree().root)
    with pytest.raises(ConfigError, match="cannot be read"):
        find_table(tmp_path / "none", 1, POOL, TABLE.tree().root)
