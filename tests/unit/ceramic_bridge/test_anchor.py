"""Anchors: the tree of ceramic-one, proofs that hold offline, and what a chain must say."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge import car
from ceramic_bridge.anchor import SELECTOR, AnchorTransaction, AnchorTree, anchored, calldata, check
from ceramic_bridge.authority import Authority
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, ETH_TX, KECCAK_256, RAW, SHA2_256, Cid
from ceramic_bridge.dagcbor import MalformedData, Value, encode
from ceramic_bridge.events import JsonPatchOp, SignedEvent, create_data
from ceramic_bridge.timeevents import (
    TX_TYPE,
    AnchorProof,
    TimeEvent,
    decode_time_event,
    encode_time_event,
)
from federation.errors import FolkmootError, VerificationFailed
from federation.types import Address

if TYPE_CHECKING:
    from ceramic_bridge.did import Identity

CONTRACT = Address("0x" + "Ab" * 20)
TX = b"\xcd" * 32


def _leaves(count: int) -> list[Cid]:
    return [Cid.of((DAG_JOSE, DAG_CBOR)[i % 2], bytes((i,))) for i in range(count)]


def _proof(root: Cid) -> AnchorProof:
    return AnchorProof.of(chain=31337, root=root, tx_hash=TX)


def _batch(count: int) -> tuple[AnchorTree, list[TimeEvent]]:
    tree = AnchorTree.build(_leaves(count))
    init = Cid.of(DAG_JOSE, b"init")
    return tree, [tree.time_event(i, init=init, proof=_proof(tree.root)) for i in range(count)]


def test_time_event_matches_the_reference_when_parts_are_shared(vectors: dict[str, Any]) -> None:
    case = vectors["time_event"]
    init, prev = Cid.parse(case["id"]), Cid.parse(case["prev"])
    proof = _proof(Cid.parse(case["root"]))
    assert (proof.block.hex(), str(proof.cid)) == (case["proof_block_hex"], case["proof"])
    assert proof.tx_hash == Cid.parse(case["tx_hash_cid"]).digest
    witness = [
        Block.of(DAG_CBOR, bytes.fromhex(case[name])) for name in ("root_block_hex", "inner_block_hex")
    ]
    event = TimeEvent.create(init=init, prev=prev, path=(0, 0), proof=proof, witness=witness)
    assert (event.block.hex(), str(event.cid)) == (case["block_hex"], case["event_cid"])
    assert (event.proof.chain_id, "/".join(map(str, event.path))) == ("eip155:31337", case["path"])
    inner = AnchorTree.build([prev, init])
    assert (str(inner.root), inner.nodes[inner.root][0].data.hex()) == (
        case["inner"],
        case["inner_block_hex"],
    )


# The shape


@pytest.mark.parametrize(
    ("index", "count", "path"),
    [
        (0, 1, ""),
        (0, 2, "0"),
        (1, 2, "1"),
        (0, 3, "0/0"),
        (1, 3, "0/1"),
        (2, 3, "1"),
        (3, 4, "1/1"),
        (10, 14, "1/0/1/0"),
        (17, 18, "1/1"),
        (4, 18, "0/0/1/0/0"),
    ],
)
def test_path_is_that_of_ceramic_one_when_batch_has_any_size(index: int, count: int, path: str) -> None:
    assert "/".join(map(str, AnchorTree.build(_leaves(count)).path(index))) == path


def test_root_is_the_event_itself_when_the_batch_holds_one() -> None:
    tree, (event,) = _batch(1)
    assert (tree.root, tree.nodes, event.witness, event.path) == (tree.leaves[0], {}, (), ())
    assert decode_time_event(encode_time_event(event)) == event


@given(st.integers(1, 70))
def test_every_leaf_is_proven_when_batch_has_any_size(count: int) -> None:
    tree, events = _batch(count)
    assert [event.prev for event in events] == list(tree.leaves)
    assert len(tree.nodes) == count - 1
    for event in events:
        assert decode_time_event(encode_time_event(event)) == event
        digest = event.prev.digest
        for before, after in event.steps():
            digest = hashlib.sha256(before + digest + after).digest()
        assert calldata(tree.root) == SELECTOR + digest


def test_steps_are_found_when_both_branches_are_the_same_event() -> None:
    leaf = _leaves(1)[0]
    tree = AnchorTree.build([leaf, leaf])
    steps = [tree.time_event(i, init=leaf, proof=_proof(tree.root)).steps() for i in (0, 1)]
    assert steps[0] != steps[1]
    for ((before, after),) in steps:
        assert hashlib.sha256(before + leaf.digest + after).digest() == tree.root.digest


@given(st.permutations(range(5)))
def test_root_differs_when_the_order_does(order: list[int]) -> None:
    leaves = _leaves(5)
    same = AnchorTree.build([leaves[i] for i in order]).root == AnchorTree.build(leaves).root
    assert same == (order == [0, 1, 2, 3, 4])


def test_batch_is_refused_when_empty_or_not_of_events() -> None:
    tree, _ = _batch(3)
    for leaves in ([], [Cid(codec=RAW, hash_code=0, digest=b"x")]):
        with pytest.raises(MalformedData):
            AnchorTree.build(leaves)
    for index in (-1, 3):
        with pytest.raises(MalformedData):
            tree.path(index)
    with pytest.raises(VerificationFailed):
        tree.time_event(0, init=tree.root, proof=_proof(tree.leaves[0]))


# Time events


def test_selector_is_that_of_the_standard() -> None:
    assert SELECTOR.hex() == "97ad09eb"


def test_every_flipped_bit_is_refused_when_a_time_events_car_is_read() -> None:
    data = encode_time_event(_batch(5)[1][2])
    for i in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises((MalformedData, VerificationFailed)):
            decode_time_event(bytes(flipped))


@given(st.binary(max_size=100))
def test_only_typed_errors_arise_when_bytes_are_arbitrary(data: bytes) -> None:
    with pytest.raises(FolkmootError):
        decode_time_event(data)
    with pytest.raises(FolkmootError):
        TimeEvent.from_blocks(data, [])


def test_car_is_read_when_other_nodes_order_its_blocks_differently() -> None:
    event = _batch(5)[1][2]
    assert decode_time_event(car.write(event.cid, event.blocks()[::-1])) == event


def test_time_event_is_refused_when_blocks_are_missing_surplus_or_of_another_path() -> None:
    _, events = _batch(5)
    event, other = events[2], events[3]
    own, proof, *nodes = event.blocks()
    for blocks in [
        [own, proof],
        [own, *nodes],
        [proof, *nodes],
        [own, own, proof, *nodes],
        [own, proof, *nodes[:-1]],
        [own, proof, *nodes, nodes[-1]],
        [own, proof, *nodes, other.blocks()[0]],
        [own, proof, *nodes[:-1], Block.of(DAG_CBOR, encode([event.prev, event.prev]))],
    ]:
        with pytest.raises((MalformedData, VerificationFailed)):
            decode_time_event(car.write(event.cid, blocks))
    assert decode_time_event(car.write(event.cid, [own, proof, *nodes]))
    for changed in [
        {"prev": other.prev},
        {"path": other.path},
        {"path": event.path[:-1]},
        {"path": (*event.path, 0)},
        {"proof": _proof(events[0].prev)},
        {"witness": event.witness[::-1]},
    ]:
        fields: dict[str, Any] = {
            "init": event.init,
            "prev": event.prev,
            "path": event.path,
            "proof": event.proof,
            "witness": event.witness,
        }
        if "witness" in changed:
            # Named by their CIDs, nodes may come in any order.
            assert TimeEvent.create(**{**fields, **changed}) == event
            continue
        with pytest.raises((MalformedData, VerificationFailed)):
            TimeEvent.create(**{**fields, **changed})


def test_older_trees_are_read_when_nodes_have_a_third_entry() -> None:
    leaf = _leaves(1)[0]
    inner = Block.of(DAG_CBOR, encode([leaf, None, {"numEntries": 1}]))
    root = Block.of(DAG_CBOR, encode([None, inner.cid, None]))
    nodes = [root, inner]
    event = TimeEvent.create(init=leaf, prev=leaf, path=(1, 0), proof=_proof(root.cid), witness=nodes)
    assert decode_time_event(encode_time_event(event)) == event
    for path in [(0, 0), (1, 1)]:
        with pytest.raises(VerificationFailed):
            TimeEvent.create(init=leaf, prev=leaf, path=path, proof=_proof(root.cid), witness=nodes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "x"),
        ("prev", None),
        ("proof", b""),
        ("path", 0),
        ("path", "2"),
        ("path", "/"),
        ("path", "0/"),
        ("path", "00"),
        ("path", "0/" * 64 + "0"),
        ("more", 1),
    ],
)
def test_time_event_is_refused_when_a_field_is_malformed(name: str, value: Value) -> None:
    event = _batch(1)[1][0]
    fields: dict[str, Value] = {"id": event.init, "prev": event.prev, "proof": event.proof.cid, "path": ""}
    proof = Block(cid=event.proof.cid, data=event.proof.block)
    assert TimeEvent.from_blocks(encode(fields), [proof])
    with pytest.raises(MalformedData):
        TimeEvent.from_blocks(encode({**fields, name: value}), [proof])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chainId", 1),
        ("chainId", "31337"),
        ("root", "x"),
        ("txHash", b"x"),
        ("txHash", Cid(codec=ETH_TX, hash_code=KECCAK_256, digest=bytes(31))),
        ("txType", None),
        ("more", 1),
    ],
)
def test_proof_is_refused_when_a_field_is_malformed(name: str, value: Value) -> None:
    leaf = _leaves(1)[0]
    # Some anchors name the transaction's hash as if it were a SHA-256.
    tx = Cid(codec=0, hash_code=SHA2_256, digest=TX)
    fields: dict[str, Value] = {"chainId": "eip155:1", "root": leaf, "txHash": tx, "txType": TX_TYPE}
    assert AnchorProof.read(encode(fields)).tx_hash == TX
    with pytest.raises(MalformedData):
        AnchorProof.read(encode({**fields, name: value}))


# The chain


class Chain:
    """One transaction."""

    def __init__(self, **found: Any) -> None:
        self.found = found

    def transaction(self, chain_id: str, tx_hash: bytes) -> AnchorTransaction | None:
        if (chain_id, tx_hash) != ("eip155:31337", TX):
            return None
        return AnchorTransaction(**self.found)


def test_time_is_the_blocks_when_the_transaction_holds_the_root() -> None:
    tree, events = _batch(3)
    good: dict[str, Any] = {"succeeded": True, "to": CONTRACT, "data": calldata(tree.root), "time": 1234}
    for event in events:
        assert check(event, Chain(**good)) == 1_234_000
        assert check(event, Chain(**good), contract=Address(CONTRACT.lower())) == 1_234_000
    event = events[0]
    for bad in [
        {"succeeded": False},
        {"data": calldata(events[0].prev)},
        {"data": b""},
        {"data": calldata(tree.root)[4:]},
        {"data": calldata(tree.root) + b"\0"},
        {"data": b"\0\0\0\0" + tree.root.digest},
    ]:
        with pytest.raises(VerificationFailed):
            check(event, Chain(**{**good, **bad}))
    with pytest.raises(VerificationFailed, match="is not to"):
        check(event, Chain(**good), contract=Address("0x" + "00" * 20))
    for proof in [
        AnchorProof.of(chain=1, root=tree.root, tx_hash=TX),
        AnchorProof.of(chain=31337, root=tree.root, tx_hash=bytes(32)),
        replace(_proof(tree.root), tx_type="raw"),
        replace(_proof(tree.root), tx_type="f(bytes)"),
        replace(_proof(tree.root), root=replace(tree.root, hash_code=KECCAK_256)),
    ]:
        with pytest.raises(VerificationFailed):
            check(replace(event, proof=proof), Chain(**good))


def test_root_is_found_when_an_old_anchor_wrote_its_cid() -> None:
    tree, events = _batch(3)
    old = replace(events[0], proof=replace(_proof(tree.root), tx_type="raw"))
    found: dict[str, Any] = {"succeeded": True, "to": CONTRACT, "time": 1}
    assert check(old, Chain(**found, data=tree.root.to_bytes())) == 1000
    with pytest.raises(VerificationFailed):
        check(old, Chain(**found, data=tree.leaves[0].to_bytes()))


def test_everything_before_an_anchored_event_is_as_old_when_times_are_collected(
    alice: Identity, contribution: SignedEvent, update: SignedEvent
) -> None:
    def stamp(event: Cid) -> TimeEvent:
        return AnchorTree.build([event]).time_event(0, init=contribution.cid, proof=_proof(event))

    first, second = stamp(contribution.cid), stamp(update.cid)
    patch = [JsonPatchOp(op="replace", path="/commitment", value="33" * 32)]
    later = create_data(alice, stream=update.stream_id, prev=second.cid, patch=patch)
    third = stamp(later.cid)
    events = [contribution, update, first, second, later, third]
    assert anchored([], events) == {}
    assert anchored([(third, 300)], events) == {
        third.cid: 300,
        later.cid: 300,
        second.cid: 300,
        update.cid: 300,
        contribution.cid: 300,
    }
    expected = {
        third.cid: 300,
        later.cid: 300,
        second.cid: 200,
        update.cid: 200,
        first.cid: 100,
        contribution.cid: 100,
    }
    times = [(first, 100), (second, 200), (third, 300)]
    for order in (times, times[::-1], [times[1], times[2], times[0]]):
        assert anchored(order, events) == expected
    assert Authority(now=0, anchored=expected).anchored[update.cid] == 200
