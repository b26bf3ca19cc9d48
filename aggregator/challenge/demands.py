"""Answers to demands for data (``DataDemands.sol``): everything that an honest proposer has at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aggregator.challenge.openings import Validation
from aggregator.challenge.settlement import SettlementCase
from aggregator.challenge.witness import Case, Dispute
from contracts import abi
from contracts.bindings.data_demands import DataDemands, Demanded
from contracts.bindings.structs import Context, Evidence, Kind, Record
from federation.errors import VerificationFailed
from federation.hashing import keccak256
from federation.membertree import MemberTree
from federation.merkle import MerkleTree
from federation.reward import PayoutTable
from federation.trace import CHUNK_BYTES, Key, Op, chunks
from federation.trace.points import STEP_POINTS
from federation.types import Address, Did, Hash32, Wei
from federation.validation import example_bytes

PAGE_CHUNKS: Final = 8
"""Chunks of a vector that one demand asks for."""

LEAVES: Final = 1000
"""Leaves of a payout table that fit one transaction beside their call's other data."""

_NOTHING: Final = Hash32(bytes(32))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Membership:
    """What a round's members committed to and revealed.

    Attributes:
        commits: The tree of commitments.
        commitments: Its leaves.
        reveals: The tree of accepted deltas' hashes.
        salts: Of those who revealed.
    """

    commits: MemberTree
    commitments: Mapping[Did, Hash32]
    reveals: MemberTree
    salts: Mapping[Did, Hash32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Archive:
    """What a proposal was computed from.

    Attributes:
        settlement: The proposal.
        rounds: Its paid rounds, with their vectors.
        validation: The opened examples.
        members: Commitments of each paid round.
        blobs: Bytes by their SHA-256: mean, models, accepted deltas.
    """

    settlement: SettlementCase
    rounds: Mapping[int, Case]
    validation: Validation
    members: Mapping[int, Membership]
    blobs: Mapping[Hash32, bytes]


def answer(archive: Archive, demand: Demanded) -> Dispute:
    """Return the call that answers a demand.

    Raises:
        VerificationFailed: The archive has no answer.
    """
    return _ANSWERS[demand.kind](archive, demand)


def subtree(tree: MerkleTree, node: Hash32) -> list[int]:
    """Return the places in ``tree.nodes`` of the leaves below a node, in the order of its own array.

    Raises:
        VerificationFailed: The tree has no such node.
    """
    if node not in tree.nodes:
        raise VerificationFailed("payout table", "has no such node")
    level, leaves, size = [tree.nodes.index(node)], [], len(tree.nodes)
    while level:
        leaves += [k for k in level if 2 * k + 1 >= size]
        level = [child for k in level if 2 * k + 1 < size for child in (2 * k + 1, 2 * k + 2)]
    return leaves


def _subject(demand: Demanded, *types: str) -> tuple[Any, ...]:
    return abi.decode(types, demand.subject)


def _context(archive: Archive, round_: int) -> Context:
    return archive.rounds[round_].context if round_ else archive.settlement.context


def _record(archive: Archive, demand: Demanded) -> Dispute:
    round_, op, i, j = _subject(demand, "uint32", "uint8", "uint32", "uint32")
    found = _found(archive, round_, Key(Op(op), i, j))
    return Dispute.draft(
        DataDemands,
        lambda judge, sender: judge.answer_record(
            sender, id_=demand.id_, context=_context(archive, round_), op=op, i=i, j=j, record=found
        ),
    )


def _found(archive: Archive, round_: int, key: Key) -> Record:
    """Return the record; or why there is none: nobody was accepted, or there was no step before."""
    if round_ == 0:
        return archive.settlement.record(key.op, key.i)
    case = archive.rounds[round_]
    if key in case.trace:
        return case.record(*key)
    of_momentum = key.op in {Op.POINT, Op.SUMS} and key.i < STEP_POINTS
    return case.record(Op.ENTRY if of_momentum else Op.CHOICE)


def _vector(archive: Archive, demand: Demanded) -> Dispute:
    commitment, page = _subject(demand, "bytes32", "uint256")
    found = [case.vectors[commitment] for case in archive.rounds.values() if commitment in case.vectors]
    if not found:
        raise VerificationFailed("vector", f"nothing opens 0x{commitment.hex()}")
    size = PAGE_CHUNKS * CHUNK_BYTES
    return Dispute.draft(
        DataDemands,
        lambda judge, sender: judge.answer_vector(
            sender,
            id_=demand.id_,
            commitment=commitment,
            page=page,
            hashes=tuple(keccak256(chunk) for chunk in chunks(found[0])),
            data=found[0][size * page : size * (page + 1)],
        ),
    )


def _blob(archive: Archive, demand: Demanded) -> Dispute:
    wanted, magic, _ = _subject(demand, "bytes32", "bytes4", "uint256")
    if wanted not in archive.blobs:
        raise VerificationFailed("bytes", f"nothing has the SHA-256 0x{wanted.hex()}")
    return Dispute.draft(
        DataDemands,
        lambda judge, sender: judge.answer_blob(
            sender, id_=demand.id_, hash_=wanted, magic=magic, data=archive.blobs[wanted]
        ),
    )


def _example(archive: Archive, demand: Demanded) -> Dispute:
    ((shard, provider, index),) = _subject(demand, "uint32[3]")
    validation = archive.validation
    part = validation.parts[shard, provider]
    there = index < len(part.salts)
    return Dispute.draft(
        DataDemands,
        lambda judge, sender: judge.answer_example(
            sender,
            id_=demand.id_,
            context=archive.settlement.context,
            subject=(shard, provider, index),
            entry=validation.entry(shard, provider),
            salt=Hash32(part.salts[index]) if there else _NOTHING,
            example=example_bytes(part.examples, index) if there else b"",
            proof=part.tree(validation.domain).proof(index) if there else (),
        ),
    )


def _seat(archive: Archive, demand: Demanded) -> Dispute:
    (i,) = _subject(demand, "uint32")
    case = archive.settlement
    return Dispute.draft(
        DataDemands, lambda judge, sender: judge.answer_seat(sender, demand.id_, case.context, case.seat(i))
    )


def _membership(archive: Archive, demand: Demanded) -> Dispute:
    round_, i, status, delta = _subject(demand, "uint32", "uint32", "uint8", "bytes32")
    did, members = archive.settlement.entries[i].did, archive.members[round_]
    return Dispute.draft(
        DataDemands,
        lambda judge, sender: judge.answer_membership(
            sender,
            id_=demand.id_,
            context=_context(archive, round_),
            status=status,
            delta_sha256=delta,
            seat=archive.settlement.seat(i),
            evidence=Evidence(
                salt=members.salts.get(did, _NOTHING),
                commitment=members.commitments.get(did, _NOTHING),
                committed=members.commits.proofs().get(did, ()),
                revealed=members.reveals.proofs().get(did, ()),
            ),
        ),
    )


def _leaf(archive: Archive, demand: Demanded) -> Dispute:
    payee, cumulative = _subject(demand, "address", "uint256")
    proof = _proof(archive.settlement.table, payee, cumulative)
    return Dispute.draft(
        DataDemands,
        lambda judge, sender: judge.answer_leaf(
            sender, id_=demand.id_, payee=payee, cumulative=cumulative, proof=proof
        ),
    )


def _previous(archive: Archive, demand: Demanded) -> Dispute:
    payee, cumulative = _subject(demand, "address", "uint256")
    proof = _proof(archive.settlement.before, payee, cumulative)
    return Dispute.draft(
        DataDemands,
        lambda judge, sender: judge.answer_previous(
            sender, id_=demand.id_, payee=payee, cumulative=cumulative, proof=proof
        ),
    )


def _proof(table: PayoutTable, payee: Address, cumulative: int) -> tuple[Hash32, ...]:
    if (payee, cumulative) not in table.rows:
        raise VerificationFailed("payout table", f"has no leaf of {cumulative} for {payee}")
    return table.tree().proof(table.rows.index((payee, Wei(cumulative))))


def _source(archive: Archive, demand: Demanded) -> Dispute:
    payee, cumulative = _subject(demand, "address", "uint256")
    case = archive.settlement
    rows = [case.trace.find(Op.ROW, e) for e in range(case.rows)]
    for found in rows:
        if found.value("last") and (found.value("payee"), found.value("cumulative")) == (
            int(payee, 16),
            cumulative,
        ):
            break
    else:
        raise VerificationFailed("settlement", f"has no last row of {cumulative} for {payee}")
    return Dispute.draft(
        DataDemands,
        lambda judge, sender: judge.answer_source(
            sender,
            id_=demand.id_,
            context=case.context,
            payee=payee,
            cumulative=cumulative,
            row=case.record(Op.ROW, found.i),
        ),
    )


def _node(archive: Archive, demand: Demanded) -> Dispute:
    node, depth = _subject(demand, "bytes32", "uint256")
    table = archive.settlement.table
    tree = table.tree()
    leaves = subtree(tree, node)
    if len(leaves) > LEAVES:
        at = tree.nodes.index(node)
        case = archive.settlement
        return Dispute.draft(
            DataDemands,
            lambda judge, sender: judge.answer_children(
                sender,
                id_=demand.id_,
                context=case.context,
                node=node,
                depth=depth,
                children=tree.nodes[2 * at + 1 : 2 * at + 3],
                row=case.record(Op.ROW, case.rows - 1),
            ),
        )
    # A table that pays nobody has one leaf all the same.
    rows = table.rows or ((table.pool, Wei(0)),)
    below = [rows[tree.positions.index(place)] for place in leaves]
    return Dispute.draft(
        DataDemands,
        lambda judge, sender: judge.answer_node(
            sender,
            id_=demand.id_,
            node=node,
            depth=depth,
            payees=tuple(payee for payee, _ in below),
            cumulatives=tuple(wei for _, wei in below),
        ),
    )


_ANSWERS: Final[Mapping[Kind, Callable[[Archive, Demanded], Dispute]]] = {
    Kind.RECORD: _record,
    Kind.VECTOR: _vector,
    Kind.BLOB: _blob,
    Kind.EXAMPLE: _example,
    Kind.SEAT: _seat,
    Kind.MEMBERSHIP: _membership,
    Kind.LEAF: _leaf,
    Kind.SOURCE: _source,
    Kind.PREVIOUS: _previous,
    Kind.NODE: _node,
}
