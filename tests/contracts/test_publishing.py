"""A store's events on a chain: published once whatever happens, and asked about until they are final."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.asking import Inquiry, ask_for_store, proven
from aggregator.publishing import Journal, batches_of, publish, recover, unanchored
from ceramic_bridge.admission import read_event
from ceramic_bridge.anchor import AnchorTree, calldata
from ceramic_bridge.cid import Cid
from ceramic_bridge.errors import StoreError
from ceramic_bridge.events import create_deterministic
from ceramic_bridge.node.states import States
from ceramic_bridge.store.base import EVERYTHING, Interest, Query, Receipt
from ceramic_bridge.store.sqlite import SqliteStore
from ceramic_bridge.timeevents import AnchorProof, TimeEvent
from contracts.bindings.event_anchor import EventAnchor
from contracts.chain import Transaction
from federation.errors import ChainError, ConfigError, VerificationFailed
from tests.unit.ceramic_bridge.crowd import ALICE, BOB, NOTES, OTHER, edit, note

from .conftest import BACKENDS, key

PAYER, NOBODY = key("payer"), key("nobody")
FIRST, SECOND = note(1), note(2, author=BOB, model=OTHER)
EVENTS = [
    FIRST,
    edit(FIRST, "changed"),
    SECOND,
    create_deterministic(ALICE.did, model=NOTES, unique=b"x"),
    note(3),
]


@pytest.fixture(scope="module")
def chain(backend: None):
    return BACKENDS[-1].open([PAYER.address], 31337)


@pytest.fixture(scope="module")
def anchor(chain):
    return EventAnchor.deploy(chain, PAYER)


@pytest.fixture(autouse=True)
def fresh(chain, anchor):
    """Forget what other tests anchored: the roots are the same."""
    snapshot = chain.snapshot()
    yield
    chain.revert(snapshot)


@pytest.fixture
def store(tmp_path):
    with SqliteStore(tmp_path / "events.sqlite") as store:
        store.add(EVENTS)
        yield store


@pytest.fixture
def journal(tmp_path, anchor):
    made = Journal(tmp_path / "anchors", 31337, anchor.address)
    with made.held():
        yield made


class Immature:
    """A chain whose newest blocks do not count yet."""

    def __init__(self, chain, lacking):
        self._chain = chain
        self._lacking = lacking
        self.whole = chain

    def __getattr__(self, name):
        return getattr(self._chain, name)

    def transaction(self, tx_hash):
        found = self._chain.transaction(tx_hash)
        shown = found is not None and found.block_number <= self._chain.block_number - self._lacking
        return found if shown else None

    def logs(self, address, from_block=0):
        last = self._chain.block_number - self._lacking
        return tuple(log for log in self._chain.logs(address, from_block) if log.block_number <= last)


def judge(store, anchor):
    chain = anchor.reader
    return proven(store, Inquiry(chain, getattr(chain, "whole", chain), [anchor.address]))


def left(store, anchor, interest=EVERYTHING):
    return unanchored(store, judge(store, anchor), interest)


def recovered(store, anchor, journal):
    return recover(store, anchor, journal, judge(store, anchor))


def put(store, anchor, journal, size=4096):
    return publish(store, anchor, PAYER, left(store, anchor), journal, size=size)


def times_of(store):
    events = [read_event(entry.car) for entry in store.page(Query(limit=10_000)).entries]
    return [event for event in events if isinstance(event, TimeEvent)]


def asked(store, chain, *contracts, lacking=0, interest=EVERYTHING):
    inquiry = Inquiry(Immature(chain, lacking), chain, [contract.address for contract in contracts])
    return ask_for_store(store, inquiry, interest)


def kept(store):
    streams = [event.stream_id for event in (FIRST, SECOND, *EVENTS[3:])]
    return {cid: time for stream in streams for cid, time in store.confirmed(stream).items()}


# Publishing


@pytest.mark.parametrize(("size", "count"), [(4096, 1), (5, 1), (4, 2), (2, 3), (1, 5)])
def test_every_event_has_a_time_event_when_they_are_published(chain, anchor, store, journal, size, count):
    before = chain.block_number
    assert left(store, anchor) == tuple(event.cid for event in EVENTS)
    assert batches_of(len(EVENTS), size) == count
    assert put(store, anchor, journal, size) == len(EVENTS)
    assert chain.block_number == before + count
    assert [time.prev for time in times_of(store)] == [event.cid for event in EVENTS]
    assert (left(store, anchor), journal.batches()) == ((), ())
    assert put(store, anchor, journal) == 0
    assert chain.block_number == before + count


def test_only_what_is_of_interest_and_new_is_published_when_asked_for(chain, anchor, store, journal):
    wanted = left(store, anchor, Interest(model=OTHER))
    assert wanted == (SECOND.cid,)
    publish(store, anchor, PAYER, wanted, journal)
    change = edit(FIRST, "again", prev=EVENTS[1].cid)
    store.add([change])
    assert left(store, anchor) == (*(event.cid for event in EVENTS if event is not SECOND), change.cid)


def test_nothing_is_sent_when_an_event_is_not_there_or_is_a_time_event(chain, anchor, store, journal):
    put(store, anchor, journal)
    before = chain.block_number
    for cid in (note(9).cid, times_of(store)[0].cid):
        with pytest.raises(VerificationFailed, match=str(cid)):
            publish(store, anchor, PAYER, [FIRST.cid, cid], journal)
    assert (chain.block_number, journal.batches()) == (before, ())


def test_second_publisher_is_refused_when_one_is_at_it(tmp_path, anchor, journal):
    # Whichever contract it is about: it would pay for the same events.
    other = Journal(tmp_path / "anchors", 31337, NOBODY.address)
    with pytest.raises(ConfigError, match="another process"), other.held():
        pass


def test_events_are_anchored_all_the_same_when_strangers_added_time_events_that_prove_nothing(
    chain, anchor, store, journal
):
    tree = AnchorTree.build([event.cid for event in EVENTS])
    for chain_id in (31337, 1):
        proof = AnchorProof.of(chain=chain_id, root=tree.root, tx_hash=b"\xcd" * 32)
        store.add([tree.time_event(i, init=e.stream_id.cid, proof=proof) for i, e in enumerate(EVENTS)])
    assert len(left(store, anchor)) == len(EVENTS)
    journal.write(chain.block_number, [event.cid for event in EVENTS])
    assert recovered(store, anchor, journal) == 0
    assert len(journal.batches()) == 1
    assert put(store, anchor, journal) == len(EVENTS)
    assert left(store, anchor) == ()


def test_event_counts_as_anchored_when_the_store_keeps_another_chains_word_for_it(anchor, store):
    tree = AnchorTree.build([FIRST.cid])
    proof = AnchorProof.of(chain=1, root=tree.root, tx_hash=b"\xcd" * 32)
    time = tree.time_event(0, init=FIRST.cid, proof=proof)
    store.add([time])
    store.confirm(time.cid, 5)
    assert FIRST.cid not in left(store, anchor)


def test_events_are_anchored_again_when_a_reorganisation_took_their_anchors(chain, anchor, store, journal):
    snapshot = chain.snapshot()
    put(store, anchor, journal)
    asked(store, chain, anchor)
    chain.revert(snapshot)
    assert left(store, anchor) == (), "the store does not know yet"
    asked(store, chain, anchor)
    assert len(left(store, anchor)) == len(EVENTS)
    # On a chain that went another way the transaction is another, too.
    chain.send(Transaction(to=NOBODY.address, data=b""), PAYER)
    assert put(store, anchor, journal) == len(EVENTS)
    assert len(asked(store, chain, anchor).confirmed) == len(EVENTS)


def test_nothing_is_anchored_again_when_its_transaction_only_lacks_confirmations(
    chain, anchor, store, journal
):
    put(store, anchor, journal)
    assert left(store, EventAnchor(Immature(chain, 2), anchor.address)) == ()


def test_publishing_stops_when_its_folder_is_a_file(tmp_path, anchor):
    (tmp_path / "journal").write_text("", encoding="utf-8")
    with (
        pytest.raises(ConfigError, match="cannot be written"),
        Journal(tmp_path / "journal", 31337, anchor.address).held(),
    ):
        pass


# Crashes


def crash(store, anchor, journal, monkeypatch, size=4096):
    """Have the process end between a transaction and its time events."""

    def refuse(events):
        raise StoreError("the machine stopped")

    with monkeypatch.context() as patch:
        patch.setattr(store, "add", refuse)
        with pytest.raises(StoreError):
            put(store, anchor, journal, size)


def test_batch_is_completed_and_not_paid_again_when_the_time_events_were_lost(
    chain, anchor, store, journal, monkeypatch
):
    crash(store, anchor, journal, monkeypatch, size=3)
    before = chain.block_number
    # Meanwhile other events came, so that no batch made now has the root that was paid for.
    store.add([note(7)])
    assert times_of(store) == []
    assert recovered(store, anchor, journal) == 3
    assert chain.block_number == before
    assert [time.prev for time in times_of(store)] == [event.cid for event in EVENTS[:3]]
    assert left(store, anchor) == (EVENTS[3].cid, EVENTS[4].cid, note(7).cid)
    assert (journal.batches(), recovered(store, anchor, journal)) == ((), 0)
    put(store, anchor, journal)
    answers = asked(store, chain, anchor)
    assert (len(answers.confirmed), answers.wrong) == (6, {})


def test_batch_stays_written_down_when_the_store_refuses_its_time_events(anchor, store, journal, monkeypatch):
    def refuse(events):
        return [Receipt(cid=one.cid, new=False, refusal=VerificationFailed("event", "no")) for one in events]

    with monkeypatch.context() as patch:
        patch.setattr(store, "add", refuse)
        with pytest.raises(VerificationFailed, match="event: no"):
            put(store, anchor, journal)
    assert len(journal.batches()) == 1
    assert recovered(store, anchor, journal) == len(EVENTS)


def test_batch_is_published_when_its_transaction_was_never_sent(chain, anchor, store, journal):
    journal.write(chain.block_number, [event.cid for event in EVENTS[:2]])
    assert recovered(store, anchor, journal) == 0
    assert len(journal.batches()) == 1
    put(store, anchor, journal)
    # Its events are anchored by now: there is nothing to look for any more.
    assert (recovered(store, anchor, journal), journal.batches()) == (0, ())


def test_nothing_is_paid_again_when_the_transaction_lacks_confirmations(
    chain, anchor, store, journal, monkeypatch
):
    crash(store, anchor, journal, monkeypatch)
    young = EventAnchor(Immature(chain, 2), anchor.address)
    with pytest.raises(ChainError, match="lacks confirmations"):
        recovered(store, young, journal)
    assert len(journal.batches()) == 1
    chain.mine(2)
    assert recovered(store, young, journal) == len(EVENTS)


def test_batch_is_left_alone_when_it_is_of_another_store(anchor, store, journal, monkeypatch, tmp_path):
    crash(store, anchor, journal, monkeypatch)
    with SqliteStore(tmp_path / "other.sqlite") as other:
        other.add(EVENTS[:2])
        assert recovered(other, anchor, journal) == 0
        assert times_of(other) == []
    assert len(journal.batches()) == 1
    assert recovered(store, anchor, journal) == len(EVENTS)


def test_batch_is_kept_for_its_events_when_publishing_is_about_others(
    chain, anchor, store, journal, monkeypatch
):
    crash(store, anchor, journal, monkeypatch, size=1)
    publish(store, anchor, PAYER, [SECOND.cid], journal)
    assert recovered(store, anchor, journal) == 1
    assert FIRST.cid not in left(store, anchor)


def test_foreign_transaction_is_no_proof_when_another_contract_passed_the_root_on(
    chain, anchor, store, journal, monkeypatch
):
    class Forwarding(EventAnchor):
        """Finds a log of the root whose transaction went elsewhere."""

        def logs(self, from_block=0):
            sent = chain.send(
                Transaction(to=NOBODY.address, data=calldata(AnchorTree.build([FIRST.cid]).root)), PAYER
            )
            found = super().logs(from_block)
            return tuple(replace(log, transaction_hash=sent.transaction_hash) for log in found)

    journal.write(chain.block_number, [FIRST.cid])
    anchor.anchor_dag_cbor(PAYER, AnchorTree.build([FIRST.cid]).root.digest)
    assert recovered(store, Forwarding(chain, anchor.address), journal) == 0
    assert recovered(store, anchor, journal) == 1


@pytest.mark.parametrize("damage", [b"", b"\x80", b"\xa2", b"\xff" * 40])
def test_publishing_stops_when_the_journal_is_damaged(store, anchor, journal, damage):
    written = journal.write(5, [FIRST.cid])
    written.path.write_bytes(damage)
    with pytest.raises(ConfigError, match=r"\.batch"):
        recovered(store, anchor, journal)


def test_batch_is_read_as_it_was_written_when_the_process_is_another(tmp_path, journal, anchor):
    written = journal.write(5, [event.cid for event in EVENTS])
    assert Journal(tmp_path / "anchors", 31337, anchor.address).batches() == (written,)
    assert Journal(tmp_path / "anchors", 1, anchor.address).batches() == ()
    assert written.path.stat().st_mode & 0o777 == 0o600


# Asking


def test_store_keeps_what_the_chain_confirms_when_it_is_asked(chain, anchor, store, journal):
    put(store, anchor, journal)
    time = 1000 * chain.timestamp
    assert kept(store) == {}
    answers = asked(store, chain, anchor, interest=Interest(model=OTHER))
    assert list(answers.confirmed.values()) == [time]
    assert len(kept(store)) == 1
    answers = asked(store, chain, anchor)
    assert (answers.wrong, answers.waiting, answers.elsewhere) == ({}, [], [])
    assert kept(store) == answers.confirmed == dict.fromkeys((e.cid for e in times_of(store)), time)
    assert asked(store, chain, anchor).confirmed == answers.confirmed


def test_nothing_is_kept_when_the_transaction_lacks_confirmations(chain, anchor, store, journal):
    put(store, anchor, journal)
    answers = asked(store, chain, anchor, lacking=2)
    assert (answers.confirmed, len(answers.waiting), answers.wrong, kept(store)) == ({}, 5, {}, {})
    # What fewer confirmations were enough for does not stand when more are asked for.
    asked(store, chain, anchor)
    assert len(kept(store)) == 5
    asked(store, chain, anchor, lacking=2)
    assert kept(store) == {}
    chain.mine(2)
    assert len(asked(store, chain, anchor, lacking=2).confirmed) == 5
    assert len(kept(store)) == 5


def test_anchor_is_wrong_and_forgotten_when_a_reorganisation_took_it(chain, anchor, store, journal):
    snapshot = chain.snapshot()
    put(store, anchor, journal)
    asked(store, chain, anchor)
    assert len(kept(store)) == 5
    chain.revert(snapshot)
    answers = asked(store, chain, anchor)
    assert (answers.confirmed, answers.waiting, len(answers.wrong)) == ({}, [], 5)
    assert kept(store) == {}


def test_time_is_the_new_one_when_a_reorganisation_moved_the_transaction(chain, anchor, store, journal):
    put(store, anchor, journal)
    (true,) = set(asked(store, chain, anchor).confirmed.values())
    event = times_of(store)[0]
    for other in (true - 5000, true + 5000):
        store.withdraw(event.cid)
        store.confirm(event.cid, other)
        asked(store, chain, anchor)
        assert kept(store)[event.cid] == true


def test_anchor_is_wrong_when_it_is_of_another_contract(chain, anchor, store, journal):
    other = EventAnchor.deploy(chain, PAYER)
    publish(store, anchor, PAYER, [FIRST.cid], journal)
    publish(store, other, PAYER, [SECOND.cid], journal)
    first, second = times_of(store)
    assert set(asked(store, chain, anchor, other).confirmed) == {first.cid, second.cid}
    answers = asked(store, chain, other)
    assert (set(answers.confirmed), set(answers.wrong)) == ({second.cid}, {first.cid})
    assert "is not to" in answers.wrong[first.cid].message
    assert kept(store).keys() == {second.cid}


def test_anchor_is_wrong_when_its_root_is_in_no_transaction_and_left_when_of_another_chain(
    chain, anchor, store
):
    tree = AnchorTree.build([FIRST.cid, SECOND.cid])
    unrelated = anchor.anchor_dag_cbor(PAYER, AnchorTree.build([SECOND.cid]).root.digest)

    def made(chain_id, tx_hash):
        proof = AnchorProof.of(chain=chain_id, root=tree.root, tx_hash=tx_hash)
        return tree.time_event(0, init=FIRST.cid, proof=proof)

    nowhere, elsewhere = made(31337, b"\xcd" * 32), made(1, b"\xcd" * 32)
    other_root = made(31337, unrelated.transaction_hash)
    store.add([nowhere, elsewhere, other_root])
    answers = asked(store, chain, anchor)
    assert (answers.confirmed, answers.waiting) == ({}, [])
    assert (set(answers.wrong), answers.elsewhere) == ({nowhere.cid, other_root.cid}, [elsewhere.cid])
    assert kept(store) == {}


def test_anchored_branch_counts_for_a_node_when_it_has_been_checked_and_not_before(
    chain, anchor, store, journal
):
    # Longer, but anchored later.
    second, third = edit(FIRST, "honest"), edit(FIRST, "changed again", prev=EVENTS[1].cid)
    store.add([second, third])
    publish(store, anchor, PAYER, [second.cid], journal)
    chain.advance_time(60)
    publish(store, anchor, PAYER, [third.cid], journal)
    states = States(store, lambda: 0)

    def tip():
        event = read_event(store.get(Cid.parse(states.get(FIRST.stream_id)["event_cid"])))
        return event.prev

    assert tip() == third.cid
    asked(store, chain, anchor, lacking=9)
    assert tip() == third.cid
    asked(store, chain, anchor)
    assert tip() == second.cid


def test_what_another_chain_confirmed_is_kept_when_this_one_is_asked(chain, anchor, store):
    tree = AnchorTree.build([FIRST.cid])
    proof = AnchorProof.of(chain=1, root=tree.root, tx_hash=b"\xcd" * 32)
    time = tree.time_event(0, init=FIRST.cid, proof=proof)
    store.add([time])
    store.confirm(time.cid, 5)
    asked(store, chain, anchor)
    assert kept(store) == {time.cid: 5}
