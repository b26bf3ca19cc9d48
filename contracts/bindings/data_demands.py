"""Typed binding of DataDemands.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    AnotherFederation,
    AnotherQuestion,
    BondFee,
    InvalidRecord,
    NoAnswer,
    NoDemand,
    NoFault,
    NoSuchEntry,
    NotDemandable,
    NothingOwed,
    NothingProposed,
    NotInIndex,
    NotSeated,
    ProposalGone,
    ProposalStands,
    RoundNotRecorded,
    SafeERC20FailedOperation,
    TooEarly,
    TooLarge,
    TooLate,
    WindowOver,
    WrongBytes,
    WrongFormat,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.structs import (
    Blob,
    Context,
    Demand,
    EpochTerms,
    Evidence,
    Kind,
    PartEntry,
    Phase,
    Record,
    RoundWords,
    Seat,
)
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "AnotherFederation",
    "AnotherQuestion",
    "Answered",
    "Blob",
    "BondFee",
    "Context",
    "DataDemands",
    "Demand",
    "Demanded",
    "EpochTerms",
    "Evidence",
    "Expired",
    "InvalidRecord",
    "Kind",
    "NoAnswer",
    "NoDemand",
    "NoFault",
    "NoSuchEntry",
    "NotDemandable",
    "NotInIndex",
    "NotSeated",
    "NothingOwed",
    "NothingProposed",
    "Owed",
    "PartEntry",
    "Phase",
    "ProposalGone",
    "ProposalStands",
    "Record",
    "Released",
    "RoundNotRecorded",
    "RoundWords",
    "SafeERC20FailedOperation",
    "Seat",
    "TooEarly",
    "TooLarge",
    "TooLate",
    "WindowOver",
    "Withdrawn",
    "WrongBytes",
    "WrongFormat",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Event):
    """Event ``Answered``."""

    SIGNATURE: ClassVar[str] = "Answered(uint256,address)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True)

    id_: int
    by: Address

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, id_=values[0], by=values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Demanded(Event):
    """Event ``Demanded``."""

    SIGNATURE: ClassVar[str] = "Demanded(uint256,address,address,uint8,uint32,uint64,bytes)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False, False, False, False)

    id_: int
    federation: Address
    challenger: Address
    kind: Kind
    round_: int
    deadline: int
    subject: bytes

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            id_=values[0],
            federation=values[1],
            challenger=values[2],
            kind=Kind(values[3]),
            round_=values[4],
            deadline=values[5],
            subject=values[6],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(Event):
    """Event ``Expired``."""

    SIGNATURE: ClassVar[str] = "Expired(uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True,)

    id_: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, id_=values[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed(Event):
    """Event ``Owed``."""

    SIGNATURE: ClassVar[str] = "Owed(address,address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    token: Address
    account: Address
    amount: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, token=values[0], account=values[1], amount=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Released(Event):
    """Event ``Released``."""

    SIGNATURE: ClassVar[str] = "Released(uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True,)

    id_: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, id_=values[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Event):
    """Event ``Withdrawn``."""

    SIGNATURE: ClassVar[str] = "Withdrawn(address,address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    token: Address
    account: Address
    amount: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, token=values[0], account=values[1], amount=values[2])


class DataDemands(Contract):
    """Calls of ``DataDemands``."""

    ARTIFACT: ClassVar[str] = "DataDemands"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def answer_blob(self, sender: Signer, *, id_: int, hash_: Hash32, magic: bytes, data: bytes) -> Receipt:
        """Answer with the bytes."""
        return self._send(sender, "answerBlob(uint256,bytes32,bytes4,bytes)", id_, hash_, magic, data)

    def answer_children(
        self,
        sender: Signer,
        *,
        id_: int,
        context: Context,
        node: Hash32,
        depth: int,
        children: Sequence[Hash32],
        row: Record,
    ) -> Receipt:
        """Answer with the node's two children, each of which may be demanded in turn: only where so many rows
        are below it that its leaves do not fit a transaction.
        """
        return self._send(
            sender,
            f"answerChildren(uint256,{Context.ABI},bytes32,uint256,bytes32[2],{Record.ABI})",
            id_,
            context.to_abi(),
            node,
            depth,
            children,
            row.to_abi(),
        )

    def answer_example(
        self,
        sender: Signer,
        *,
        id_: int,
        context: Context,
        subject: Sequence[int],
        entry: PartEntry,
        salt: Hash32,
        example: bytes,
        proof: Sequence[Hash32],
    ) -> Receipt:
        """Answer with the example, or with a part that has no such example."""
        return self._send(
            sender,
            f"answerExample(uint256,{Context.ABI},uint32[3],{PartEntry.ABI},bytes32,bytes,bytes32[])",
            id_,
            context.to_abi(),
            subject,
            entry.to_abi(),
            salt,
            example,
            proof,
        )

    def answer_leaf(
        self, sender: Signer, *, id_: int, payee: Address, cumulative: int, proof: Sequence[Hash32]
    ) -> Receipt:
        """Answer with the leaf's siblings up to the proposed table's root."""
        return self._send(
            sender, "answerLeaf(uint256,address,uint256,bytes32[])", id_, payee, cumulative, proof
        )

    def answer_membership(
        self,
        sender: Signer,
        *,
        id_: int,
        context: Context,
        status: int,
        delta_sha256: Hash32,
        seat: Seat,
        evidence: Evidence,
    ) -> Receipt:
        """Answer with what a member committed to and revealed."""
        return self._send(
            sender,
            f"answerMembership(uint256,{Context.ABI},uint8,bytes32,{Seat.ABI},{Evidence.ABI})",
            id_,
            context.to_abi(),
            status,
            delta_sha256,
            seat.to_abi(),
            evidence.to_abi(),
        )

    def answer_node(
        self,
        sender: Signer,
        *,
        id_: int,
        node: Hash32,
        depth: int,
        payees: Sequence[Address],
        cumulatives: Sequence[int],
    ) -> Receipt:
        """Answer with all leaves below the node, in the order of the tree's array."""
        return self._send(
            sender,
            "answerNode(uint256,bytes32,uint256,address[],uint256[])",
            id_,
            node,
            depth,
            payees,
            cumulatives,
        )

    def answer_previous(
        self, sender: Signer, *, id_: int, payee: Address, cumulative: int, proof: Sequence[Hash32]
    ) -> Receipt:
        """Answer with the leaf's siblings up to the root of the table before."""
        return self._send(
            sender, "answerPrevious(uint256,address,uint256,bytes32[])", id_, payee, cumulative, proof
        )

    def answer_record(
        self, sender: Signer, *, id_: int, context: Context, op: int, i: int, j: int, record: Record
    ) -> Receipt:
        """Answer with the record, or with the one that shows why there is none: the choice of a round without
        an accepted delta, the entry of a round without a step before it.
        """
        return self._send(
            sender,
            f"answerRecord(uint256,{Context.ABI},uint8,uint32,uint32,{Record.ABI})",
            id_,
            context.to_abi(),
            op,
            i,
            j,
            record.to_abi(),
        )

    def answer_seat(self, sender: Signer, id_: int, context: Context, seat: Seat) -> Receipt:
        """Answer with the member's line of the roster."""
        return self._send(
            sender, f"answerSeat(uint256,{Context.ABI},{Seat.ABI})", id_, context.to_abi(), seat.to_abi()
        )

    def answer_source(
        self, sender: Signer, *, id_: int, context: Context, payee: Address, cumulative: int, row: Record
    ) -> Receipt:
        """Answer with the row."""
        return self._send(
            sender,
            f"answerSource(uint256,{Context.ABI},address,uint256,{Record.ABI})",
            id_,
            context.to_abi(),
            payee,
            cumulative,
            row.to_abi(),
        )

    def answer_vector(
        self,
        sender: Signer,
        *,
        id_: int,
        commitment: Hash32,
        page: int,
        hashes: Sequence[Hash32],
        data: bytes,
    ) -> Receipt:
        """Answer with the hashes of a vector's chunks and the bytes of the page's eight, or fewer."""
        return self._send(
            sender,
            "answerVector(uint256,bytes32,uint256,bytes32[],bytes)",
            id_,
            commitment,
            page,
            hashes,
            data,
        )

    def demand_blob(self, sender: Signer, context: Context, which: Blob, member: Record) -> Receipt:
        """Ask for bytes that are known by their SHA-256."""
        return self._send(
            sender, f"demandBlob({Context.ABI},uint8,{Record.ABI})", context.to_abi(), which, member.to_abi()
        )

    def demand_example(self, sender: Signer, context: Context, provider: int, index: int) -> Receipt:
        """Ask for an example of the context's round, or of the public portion (round 0)."""
        return self._send(
            sender, f"demandExample({Context.ABI},uint32,uint32)", context.to_abi(), provider, index
        )

    def demand_leaf(self, sender: Signer, context: Context, row: Record) -> Receipt:
        """Ask where the payout table has the leaf of a payee's last row."""
        return self._send(sender, f"demandLeaf({Context.ABI},{Record.ABI})", context.to_abi(), row.to_abi())

    def demand_membership(self, sender: Signer, context: Context, member: Record) -> Receipt:
        """Ask why a member counts as accepted (it committed to that delta, and revealed it) or as silent (it
        committed).
        """
        return self._send(
            sender, f"demandMembership({Context.ABI},{Record.ABI})", context.to_abi(), member.to_abi()
        )

    def demand_node(self, sender: Signer, context: Context, node: Hash32, proof: Sequence[Hash32]) -> Receipt:
        """Ask for all leaves below a node of the payout table: a hidden one could be claimed."""
        return self._send(
            sender, f"demandNode({Context.ABI},bytes32,bytes32[])", context.to_abi(), node, proof
        )

    def demand_of(self, id_: int) -> Demand:
        """An open demand; all zero if it is closed."""
        found = self._read("demandOf(uint256)", (Demand.ABI,), id_)
        return Demand.from_abi(found[0])

    def demand_previous(self, sender: Signer, context: Context, row: Record) -> Receipt:
        """Ask where the table before has what a row says that its payee had."""
        return self._send(
            sender, f"demandPrevious({Context.ABI},{Record.ABI})", context.to_abi(), row.to_abi()
        )

    def demand_record(self, sender: Signer, *, context: Context, op: int, i: int, j: int) -> Receipt:
        """Ask for a record of a paid round, or a member's payment (round 0, op 15)."""
        return self._send(
            sender, f"demandRecord({Context.ABI},uint8,uint32,uint32)", context.to_abi(), op, i, j
        )

    def demand_row(self, sender: Signer, context: Context, e: int, evidence: Record) -> Receipt:
        """Ask for row `e` of the settlement."""
        return self._send(
            sender, f"demandRow({Context.ABI},uint32,{Record.ABI})", context.to_abi(), e, evidence.to_abi()
        )

    def demand_seat(self, sender: Signer, context: Context, i: int) -> Receipt:
        """Ask for a member's line of the roster."""
        return self._send(sender, f"demandSeat({Context.ABI},uint32)", context.to_abi(), i)

    def demand_source(
        self, sender: Signer, *, context: Context, payee: Address, cumulative: int, proof: Sequence[Hash32]
    ) -> Receipt:
        """Ask which row gives a leaf of the payout table."""
        return self._send(
            sender,
            f"demandSource({Context.ABI},address,uint256,bytes32[])",
            context.to_abi(),
            payee,
            cumulative,
            proof,
        )

    def demand_vector(
        self, sender: Signer, *, context: Context, record: Record, which: int, page: int
    ) -> Receipt:
        """Ask for 4,096 entries of a vector to which value `which` of a record commits."""
        return self._send(
            sender,
            f"demandVector({Context.ABI},{Record.ABI},uint8,uint256)",
            context.to_abi(),
            record.to_abi(),
            which,
            page,
        )

    def demands(self) -> int:
        """Read ``demands``."""
        found: int = self._read("demands()", ("uint256",))[0]
        return found

    def donate(self, sender: Signer, pool: Address) -> Receipt:
        """Give a reward pool what it is owed in its token.

        Anyone may call it.
        """
        return self._send(sender, "donate(address)", pool)

    def expire(self, sender: Signer, id_: int) -> Receipt:
        """Convict whoever could not answer in time.

        Anyone may call it, for the challenger.
        """
        return self._send(sender, "expire(uint256)", id_)

    def owed(self, token: Address, account: Address) -> int:
        """What an account may withdraw."""
        found: int = self._read("owed(address,address)", ("uint256",), token, account)[0]
        return found

    def release(self, sender: Signer, id_: int) -> Receipt:
        """Give the bond of a demand back whose proposal is gone.

        Anyone may call it.
        """
        return self._send(sender, "release(uint256)", id_)

    def withdraw(self, sender: Signer, token: Address) -> Receipt:
        """Pay the caller all bonds that it is owed in a token."""
        return self._send(sender, "withdraw(address)", token)
