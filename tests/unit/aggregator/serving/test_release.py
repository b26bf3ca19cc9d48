"""What is served stands on the chain, and is what its receipt says; what comes later takes its place."""

from __future__ import annotations

import shutil
import threading
import time

import pytest

from aggregator.public import BLOCKS, EVENTS, MANIFEST
from aggregator.serving import book
from aggregator.serving.book import EventBook, EventPages, LogFile
from aggregator.serving.release import Releases, replayed_federation
from aggregator.serving.server import Follower
from aggregator.serving.serving import Current
from aggregator.serving.shelf import Shelf, open_shelf
from ceramic_bridge import jws
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.bundle import pack
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, META_MODEL
from ceramic_bridge.did import Identity
from ceramic_bridge.events import create_deterministic, encode
from ceramic_bridge.log import EventLog
from ceramic_bridge.store.base import Entry, Page
from ceramic_bridge.store.sqlite import SqliteStore
from contracts.bindings.federation import Federation, RoundRecorded
from federation.errors import ConfigError, PeerError, VerificationFailed
from federation.hashing import sha256


class Growing:
    """A chain as it was after a block; the block can be chosen anew."""

    def __init__(self, chain):
        self._chain, self.now = chain, chain.block_number

    def __getattr__(self, name):
        return getattr(self._chain.after(self.now), name)


def shelf_of(finished):
    return open_shelf(str(finished.out))


def bound(federation, shelf):
    return Releases(federation, shelf, EventBook(LogFile(shelf), federation.address))


def recorded_in(federation):
    return [event.log.block_number for event in RoundRecorded.decode_logs(federation.logs())]


def test_release_is_the_model_of_the_last_round_when_a_run_is_over(federation, release):
    recorded = RoundRecorded.decode_logs(federation.logs())
    assert [(r.round, r.model_hash, r.receipt_hash) for r in release.rounds] == [
        (event.round_, event.model_hash, event.receipt_hash) for event in recorded
    ]
    assert sha256(release.model) == recorded[-1].model_hash


def test_release_is_the_same_when_events_come_from_a_store(finished, federation, release, tmp_path):
    log = EventLog.from_bytes((finished.public / EVENTS).read_bytes(), authority=UNDATED)
    with SqliteStore(tmp_path / "events.db") as store:
        store.add(list(log))
        found = Releases(federation, shelf_of(finished), EventBook(EventPages(store), federation.address))
        other = found.load(*found.newest())
    assert other.rounds == release.rounds
    assert dict(other.imports) == dict(release.imports) != {}


def test_release_is_the_same_when_events_without_a_signature_stand_between(
    finished, federation, release, tmp_path
):
    def mixed(data):
        log = list(EventLog.from_bytes(data, authority=UNDATED))
        model = next(e.stream_id for e in log if e.payload.model == META_MODEL)
        unsigned = (create_deterministic(e.signer, model=model, unique=b"%d" % i) for i, e in enumerate(log))
        return pack([event for pair in zip(unsigned, log, strict=True) for event in pair])

    found = bound(federation, damaged(finished, tmp_path, EVENTS, mixed))
    loaded = found.load(*found.newest())
    assert (loaded.rounds, dict(loaded.imports)) == (release.rounds, dict(release.imports))


def test_events_are_refused_when_a_node_never_comes_to_an_end(finished, federation, monkeypatch):
    class Endless:
        def page(self, query):
            return Page(entries=(entry,) * query.limit, token=query.after + query.limit, complete=False)

    log = EventLog.from_bytes((finished.public / EVENTS).read_bytes(), authority=UNDATED)
    event = next(iter(log))
    entry = Entry(cid=event.cid, car=encode(event))
    monkeypatch.setattr(book, "MOST_EVENTS", 2_000)
    with pytest.raises(PeerError, match="over 2000 events"):
        EventBook(EventPages(Endless()), federation.address).refresh()


def test_strangers_events_say_nothing_when_they_are_on_the_same_node(finished, federation, release):
    stranger = Identity(bytes(31) + b"x")

    class Mixed:
        def fresh(self):
            # The same payload under a key that is not its controller's, before the true one.
            for blocks in LogFile(shelf_of(finished)).fresh():
                payload = blocks[-2]
                yield payload, Block.of(DAG_JOSE, jws.sign_payload(stranger, payload.cid, None))
                yield blocks
            yield (Block.of(DAG_JOSE, b"garbage"),)
            yield Block.of(DAG_CBOR, b"garbage"), Block.of(DAG_JOSE, b"garbage")

    found = Releases(federation, shelf_of(finished), EventBook(Mixed(), federation.address))
    loaded = found.load(*found.newest())
    assert (loaded.rounds, dict(loaded.imports)) == (release.rounds, dict(release.imports))


def damaged(finished, tmp_path, name, change):
    """A copy of the public directory with one file changed, or gone."""
    copy = tmp_path / "public"
    shutil.copytree(finished.public, copy)
    data = change((copy / name).read_bytes())
    (copy / name).unlink()
    if data is not None:
        (copy / name).write_bytes(data)
    return Shelf(str(copy))


@pytest.mark.parametrize("change", [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: None])
@pytest.mark.parametrize("what", ["model", "mean", "roster"])
def test_release_is_refused_when_a_blob_is_damaged_or_gone(
    finished, federation, release, tmp_path, what, change
):
    digest = {
        "model": release.last.model_hash,
        "mean": release.terms.mean_hash,
        "roster": release.terms.roster_hash,
    }[what]
    shelf = damaged(finished, tmp_path, f"blobs/{digest.hex()}", change)
    releases = bound(federation, shelf)
    with pytest.raises(VerificationFailed, match=digest.hex()):
        releases.load(*releases.newest())


def test_federation_is_refused_when_the_manifest_is_another(finished, federation, tmp_path):
    shelf = damaged(finished, tmp_path, MANIFEST, lambda data: data.replace(b"rounds = 3", b"rounds = 2"))
    with pytest.raises(VerificationFailed, match="not the manifest"):
        bound(federation, shelf)


def test_release_is_refused_when_its_receipt_was_not_published(finished, federation, release):
    class Silent:
        def fresh(self):
            receipts = {r.receipt_hash for r in release.rounds[-1:]}
            for blocks in LogFile(shelf_of(finished)).fresh():
                if blocks[-2].cid.digest not in receipts:
                    yield blocks

    releases = Releases(federation, shelf_of(finished), EventBook(Silent(), federation.address))
    with pytest.raises(VerificationFailed, match="was not published"):
        releases.load(*releases.newest())


def test_release_is_refused_when_somebody_else_is_the_aggregator(finished, federation):
    releases = bound(federation, shelf_of(finished))
    releases._manifest = releases._manifest.model_copy(
        update={"parties": releases._manifest.parties.model_copy(update={"aggregator": "did:key:zOther"})}
    )
    with pytest.raises(VerificationFailed, match="signed by the aggregator"):
        releases.load(*releases.newest())


def test_chain_is_asked_for_when_the_directory_holds_none(finished, tmp_path):
    shelf = damaged(finished, tmp_path, BLOCKS, lambda data: None)
    with pytest.raises(ConfigError, match="no chain") as caught:
        replayed_federation(shelf, None)
    assert "--rpc" in caught.value.hint


def test_place_is_refused_when_it_is_neither_folder_nor_web(tmp_path):
    for place in (str(tmp_path / "nowhere"), "ftp://example.org/x", "http://"):
        with pytest.raises(ConfigError):
            open_shelf(place)


# Following


def test_newest_is_what_the_chain_recorded_when_it_grows(finished, federation):
    chain = Growing(federation.reader)
    releases = bound(Federation(chain, federation.address), shelf_of(finished))
    blocks = recorded_in(federation)
    seen = []
    for block in (blocks[0] - 1, *blocks):
        chain.now = block
        seen.append(releases.newest())
    assert seen == [None, (1, 1), (1, 2), (1, 3)]


def test_model_is_swapped_when_a_round_is_recorded(finished, federation, release):
    chain, told, current = Growing(federation.reader), [], Current()
    blocks = recorded_in(federation)
    chain.now = blocks[0] - 1
    follower = Follower(
        bound(Federation(chain, federation.address), shelf_of(finished)), current, report=told.append
    )
    follower.look()
    assert current.served is None
    for number, block in enumerate(blocks, 1):
        chain.now = block
        follower.look()
        assert current.served.release.last == release.rounds[number - 1]
        before = current.served
        follower.look()
        assert current.served is before
    assert len(told) == len(blocks)
    # A reorganisation takes the last round back.
    chain.now = blocks[1]
    follower.look()
    assert current.served.release.last.round == 2


def test_model_of_before_goes_on_when_the_next_cannot_be_read(finished, federation):
    class Broken(Shelf):
        broken = False

        def file(self, name):
            if self.broken:
                raise PeerError("the disk is gone")
            return super().file(name)

    chain, told, current = Growing(federation.reader), [], Current()
    blocks, shelf = recorded_in(federation), Broken(str(finished.public))
    chain.now = blocks[0]
    follower = Follower(bound(Federation(chain, federation.address), shelf), current, report=told.append)
    follower.look()
    first, stop = current.served, threading.Event()
    shelf.broken, chain.now = True, blocks[1]
    thread = threading.Thread(target=follower.follow, args=(0.01, stop))
    thread.start()
    try:
        until(lambda: current.trouble)
        assert current.served is first
        assert len(told) == 2
        shelf.broken = False
        until(lambda: current.served is not first)
        assert current.served.release.last.round == 2
        until(lambda: current.trouble is None)
    finally:
        stop.set()
        thread.join()
    assert len(told) == 3


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
