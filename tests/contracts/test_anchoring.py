"""Time events of real transactions: made in batches, checked offline, by the chain and by the contract."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from aggregator.anchoring import ChainAnchors, anchor_events, check_anchored, is_included
from ceramic_bridge import anchor as anchors
from ceramic_bridge.anchor import AnchorTree
from ceramic_bridge.cid import DAG_JOSE, KECCAK_256, MODEL, SHA2_256, Cid, StreamId
from ceramic_bridge.conflict import resolve
from ceramic_bridge.dagcbor import MalformedData
from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent, create_data, create_init
from ceramic_bridge.jsonpatch import JsonPatchOp
from ceramic_bridge.timeevents import AnchorProof, TimeEvent, decode_time_event, encode_time_event
from contracts.backends.anvil import MAX_FEE_PER_GAS, AnvilChain
from contracts.backends.patience import Patience, SystemClock
from contracts.bindings.event_anchor import AnchorStep, EventAnchor
from contracts.chain import Transaction, UnsignedTransaction
from federation.errors import ChainError, VerificationFailed
from federation.hashing import keccak256
from federation.types import Wei

from .conftest import BACKENDS, TIME, key

PAYER, NOBODY = key("payer"), key("nobody")
AUTHOR = Identity(b"\x07" * 32)
ALWAYS_FALSE = bytes.fromhex("6360205ff35f526004601cf3")
"""Creation code of a contract that answers everything with a zero word: PUSH1 32 PUSH0 RETURN."""
MODEL_ID = StreamId(type=MODEL, cid=Cid.of(DAG_JOSE, b"a model"))


def made(count: int) -> list[SignedEvent]:
    """Init events, and after the first a data event of its stream."""
    inits = [
        create_init(AUTHOR, model=MODEL_ID, content={"number": i}, unique=i.to_bytes(12, "big"))
        for i in range(count)
    ]
    if count > 1:
        patch = [JsonPatchOp(op="replace", path="/number", value=-1)]
        inits[1] = create_data(AUTHOR, stream=inits[0].stream_id, prev=inits[0].cid, patch=patch)
    return inits


@pytest.fixture(scope="module")
def chain(backend: None):
    return BACKENDS[-1].open([PAYER.address], 31337)


@pytest.fixture(scope="module")
def anchor(chain):
    return EventAnchor.deploy(chain, PAYER)


@pytest.fixture(scope="module")
def three(anchor):
    return anchor_events(anchor, PAYER, made(3))


def send_anyway(chain, to, data, gas) -> bytes:
    """Have a block hold a transaction, though it fails; return its hash."""
    anvil = isinstance(chain, AnvilChain)
    unsigned = UnsignedTransaction(
        chain_id=chain.chain_id,
        nonce=chain.next_nonce(PAYER.address) if anvil else chain._machine.nonce(PAYER.address),
        max_priority_fee_per_gas=Wei(0),
        max_fee_per_gas=MAX_FEE_PER_GAS,
        gas=gas,
        to=to,
        data=data,
    )
    raw = PAYER.sign_transaction(unsigned)
    if anvil:
        chain._node.request("eth_sendRawTransaction", "0x" + raw.hex())
        # Its block follows by itself, a moment later.
        for _ in Patience(timeout=30, poll=0.05).looks(SystemClock(), "the block"):
            if chain.transaction(keccak256(raw)) is not None:
                break
    else:
        chain._blocks.append(chain._machine.build([raw], chain._next_time()))
    return keccak256(raw)


def with_proof(event: TimeEvent, chain_id: int, tx_hash: bytes) -> TimeEvent:
    proof = AnchorProof.of(chain=chain_id, root=event.proof.root, tx_hash=tx_hash)
    return TimeEvent.create(
        init=event.init, prev=event.prev, path=event.path, proof=proof, witness=event.witness
    )


# What holds


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_every_event_is_proven_when_a_batch_is_anchored_in_one_transaction(chain, anchor, count):
    events, before = made(count), chain.block_number
    times = anchor_events(anchor, PAYER, events)
    assert chain.block_number == before + 1
    assert [time.prev for time in times] == [event.cid for event in events]
    assert [time.init for time in times] == [event.stream_id.cid for event in events]
    (root,) = {time.proof.root for time in times}
    assert anchor.anchored_at(root.digest) == chain.timestamp
    for time in times:
        assert decode_time_event(encode_time_event(time)) == time
        assert anchors.check(time, ChainAnchors(chain), contract=anchor.address) == 1000 * chain.timestamp
    # Each call takes the embedded chain 20 milliseconds.
    some = times if isinstance(chain, AnvilChain) else [*times[::29], *times[-2:]]
    for time in some:
        assert check_anchored(time, anchor) == 1000 * chain.timestamp
    assert max(len(time.path) for time in times) == (count - 1).bit_length()


def test_stream_tells_when_its_events_were_there_when_they_are_anchored(chain, anchor):
    first, second = made(2)
    times = anchor_events(anchor, PAYER, [first, second])
    known = anchors.anchored([(time, check_anchored(time, anchor)) for time in times], [first, second])
    assert known[first.cid] == known[second.cid] == 1000 * chain.timestamp > 1000 * TIME
    found = resolve([first, second, *times], known)
    assert (found.state.content, found.equivocations, found.rejected) == ({"number": -1}, (), {})


def test_each_proof_holds_when_a_batch_is_anchored_twice(chain, anchor):
    events = [create_init(AUTHOR, model=MODEL_ID, content={}, unique=b"batch, twice") for _ in range(2)]
    early = anchor_events(anchor, PAYER, events)[0]
    then = chain.timestamp
    late = anchor_events(anchor, PAYER, events)[0]
    assert (check_anchored(early, anchor), check_anchored(late, anchor)) == (
        1000 * then,
        1000 * chain.timestamp,
    )
    assert anchor.anchored_at(early.proof.root.digest) == then < chain.timestamp


# What does not


def test_batch_is_refused_when_it_is_empty(chain, anchor):
    before = chain.block_number
    with pytest.raises(MalformedData):
        anchor_events(anchor, PAYER, [])
    assert chain.block_number == before


def test_contract_does_not_find_an_event_when_it_is_another_or_its_path_is(anchor, three):
    for i, time in enumerate(three):
        steps = [AnchorStep(before=before, behind=behind) for before, behind in time.steps()]
        root, event = time.proof.root.digest, time.prev.digest
        assert anchor.includes_dag_cbor(root, event, steps)
        others = [other for j, other in enumerate(three) if j != i]
        for other in others:
            assert not anchor.includes_dag_cbor(root, other.prev.digest, steps)
            foreign = [AnchorStep(before=before, behind=behind) for before, behind in other.steps()]
            assert not anchor.includes_dag_cbor(root, event, foreign)
        assert not anchor.includes_dag_cbor(root, event, steps[1:])
        # A tree that nobody anchored, whose way up is all right.
        step = AnchorStep(before=b"before", behind=b"behind")
        free = hashlib.sha256(b"before" + event + b"behind").digest()
        assert not anchor.includes_dag_cbor(free, event, [step])


def test_time_event_is_refused_when_its_path_leads_elsewhere(three):
    time = three[0]
    for wrong in ({"prev": three[1].prev}, {"path": (0, 1)}, {"path": (1,)}, {"witness": three[2].witness}):
        parts = {"prev": time.prev, "path": time.path, "witness": time.witness, **wrong}
        with pytest.raises((VerificationFailed, MalformedData)):
            TimeEvent.create(init=time.init, proof=time.proof, **parts)


def test_time_event_is_refused_when_it_names_another_contract_chain_or_transaction(chain, anchor, three):
    time, other = three[0], EventAnchor.deploy(chain, PAYER)
    with pytest.raises(VerificationFailed, match="is not to"):
        check_anchored(time, other)
    assert is_included(time, anchor)
    assert not is_included(time, other)
    tree = AnchorTree.build([event.cid for event in made(1)])
    same_chain = [
        time.proof.tx_hash[::-1],
        bytes(32),
        other.anchor_dag_cbor(PAYER, tree.root.digest).transaction_hash,
    ]
    for chain_id, tx_hash in [(1, time.proof.tx_hash), *((31337, tx_hash) for tx_hash in same_chain)]:
        with pytest.raises(VerificationFailed):
            check_anchored(with_proof(time, chain_id, tx_hash), anchor)


def test_time_event_is_refused_when_its_transaction_created_a_contract(chain, anchor, three):
    root = three[0].proof.root
    # Creation code that begins with CIP-110's selector cannot run, but its transaction is there.
    tx_hash = send_anyway(chain, None, anchors.calldata(root), 100_000)
    assert chain.transaction(tx_hash).to is None
    with pytest.raises(VerificationFailed, match="has no transaction"):
        check_anchored(with_proof(three[0], 31337, tx_hash), anchor)


def test_time_event_is_refused_when_its_transaction_ran_out_of_gas(chain, anchor):
    (event,) = made(1)
    alone = create_init(AUTHOR, model=MODEL_ID, content={"number": 0}, unique=b"never before")
    tree = AnchorTree.build([event.cid, alone.cid])
    tx_hash = send_anyway(chain, anchor.address, anchors.calldata(tree.root), 25_000)
    found = chain.transaction(tx_hash)
    assert (found.succeeded, found.to, found.data) == (False, anchor.address, anchors.calldata(tree.root))
    proof = AnchorProof.of(chain=31337, root=tree.root, tx_hash=tx_hash)
    time = tree.time_event(1, init=alone.cid, proof=proof)
    with pytest.raises(VerificationFailed, match="has no transaction"):
        check_anchored(time, anchor)
    assert not is_included(time, anchor)


def test_contract_must_agree_when_a_transaction_to_it_holds_the_root(chain):
    nothing = EventAnchor(chain, NOBODY.address)
    with pytest.raises(VerificationFailed, match="does not anchor"):
        anchor_events(nothing, PAYER, made(2))
    tree = AnchorTree.build([event.cid for event in made(1)])
    sent = chain.send(Transaction(to=NOBODY.address, data=anchors.calldata(tree.root)), PAYER)
    proof = AnchorProof.of(chain=31337, root=tree.root, tx_hash=sent.transaction_hash)
    time = tree.time_event(0, init=tree.root, proof=proof)
    # Any call proves the time; only the contract can say that it knows the root.
    assert anchors.check(time, ChainAnchors(chain)) == 1000 * chain.timestamp
    with pytest.raises(ChainError):
        check_anchored(time, nothing)


def test_contract_is_refused_when_it_finds_nothing_or_another_one_anchors_for_it(chain, anchor):
    mute = chain.send(Transaction(to=None, data=ALWAYS_FALSE), PAYER).contract_address
    tree = AnchorTree.build([event.cid for event in made(1)])
    sent = EventAnchor(chain, mute).anchor_dag_cbor(PAYER, tree.root.digest)
    proof = AnchorProof.of(chain=31337, root=tree.root, tx_hash=sent.transaction_hash)
    with pytest.raises(VerificationFailed, match="does not confirm"):
        check_anchored(tree.time_event(0, init=tree.root, proof=proof), EventAnchor(chain, mute))

    class Forwarding(EventAnchor):
        def anchor_dag_cbor(self, sender, root):
            return anchor.anchor_dag_cbor(sender, root)

    with pytest.raises(VerificationFailed, match="does not anchor"):
        anchor_events(Forwarding(chain, mute), PAYER, made(2))


def test_contract_is_not_asked_when_an_event_is_named_by_another_hash(anchor, three):
    time = anchor_events(anchor, PAYER, made(1))[0]
    assert is_included(time, anchor)
    assert not is_included(replace(time, prev=replace(time.prev, hash_code=KECCAK_256)), anchor)
    assert time.prev.hash_code == SHA2_256


def test_time_event_is_forgotten_when_its_block_is(chain, anchor):
    snapshot = chain.snapshot()
    (time,) = anchor_events(anchor, PAYER, made(1))
    chain.revert(snapshot)
    with pytest.raises(VerificationFailed, match="has no transaction"):
        check_anchored(time, anchor)
