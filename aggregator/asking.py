"""Ask a chain for the time events of a file or a store, and keep what it confirms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aggregator.anchoring import ChainAnchors
from aggregator.publishing import entries
from ceramic_bridge.admission import is_signed, read_event
from ceramic_bridge.anchor import check
from ceramic_bridge.timeevents import TimeEvent
from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aggregator.publishing import Counts
    from ceramic_bridge.anchor import AnchorTransaction
    from ceramic_bridge.cid import Cid
    from ceramic_bridge.store.base import Interest, LocalStore
    from contracts.chain import Reader
    from federation.types import Address


@dataclass(slots=True, kw_only=True)
class Answers:
    """What a chain said about some time events.

    Attributes:
        confirmed: When the transactions of those that hold were, in milliseconds since 1970.
        waiting: Those that hold, but whose transactions lack confirmations.
        wrong: Those that do not hold, and why.
        elsewhere: Those of other chains, which nobody was asked about.
    """

    confirmed: dict[Cid, int] = field(default_factory=dict)
    waiting: list[Cid] = field(default_factory=list)
    wrong: dict[Cid, VerificationFailed] = field(default_factory=dict)
    elsewhere: list[Cid] = field(default_factory=list)


class _Once:
    """A chain's anchors, each asked for once: the events of a batch share theirs."""

    def __init__(self, chain: Reader) -> None:
        self._anchors = ChainAnchors(chain)
        self._known: dict[bytes, AnchorTransaction | None] = {}

    def transaction(self, chain_id: str, tx_hash: bytes) -> AnchorTransaction | None:
        """Return a confirmed call; see ``AnchorChain.transaction``."""
        if tx_hash not in self._known:
            self._known[tx_hash] = self._anchors.transaction(chain_id, tx_hash)
        return self._known[tx_hash]


class Inquiry:
    """Asks one chain about time events."""

    def __init__(self, chain: Reader, latest: Reader, contracts: Sequence[Address]) -> None:
        """Set up an inquiry.

        Args:
            chain: The chain, which shows only what has the wanted confirmations.
            latest: The same chain, which shows its newest block too.
            contracts: The anchor contracts that count; each must have the code of one.
        """
        self._chain_id = f"eip155:{chain.chain_id}"
        self._settled, self._latest = _Once(chain), _Once(latest)
        self._contracts = contracts

    def ask(self, events: Iterable[TimeEvent]) -> Answers:
        """Return what the chain says about time events.

        That the contract holds the root follows from its code and the transaction; that the path
        leads to the root was verified when the event was read.

        Raises:
            ChainError: The chain cannot be read.
        """
        answers = Answers()
        for event in events:
            if event.proof.chain_id != self._chain_id:
                answers.elsewhere.append(event.cid)
                continue
            try:
                answers.confirmed[event.cid] = self._check(event, self._settled)
            except VerificationFailed as error:
                if self._is_new(event):
                    answers.waiting.append(event.cid)
                else:
                    answers.wrong[event.cid] = error
        return answers

    def _is_new(self, event: TimeEvent) -> bool:
        try:
            self._check(event, self._latest)
        except VerificationFailed:
            return False
        return True

    def _check(self, event: TimeEvent, chain: _Once) -> int:
        *others, last = self._contracts
        for contract in others:
            try:
                return check(event, chain, contract=contract)
            except VerificationFailed:
                continue
        return check(event, chain, contract=last)


def ask_for_store(store: LocalStore, inquiry: Inquiry, interest: Interest) -> Answers:
    """Ask about a store's time events, and have it keep what the chain says now.

    What it kept before and the chain no longer confirms, or dates otherwise since a reorganisation,
    is forgotten.

    Raises:
        ChainError: The chain cannot be read; what was answered before is kept.
        StoreError: Nothing could be written.
    """
    found = Answers()
    for event in _time_events(store, interest):
        answers = inquiry.ask([event])
        known, time = store.confirmed(event.stream_id).get(event.cid), answers.confirmed.get(event.cid)
        if known is not None and known != time and not answers.elsewhere:
            store.withdraw(event.cid)
        if time is not None and known != time:
            store.confirm(event.cid, time)
        found.confirmed |= answers.confirmed
        found.wrong |= answers.wrong
        found.waiting += answers.waiting
        found.elsewhere += answers.elsewhere
    return found


def proven(store: LocalStore, inquiry: Inquiry) -> Counts:
    """Return a judge of the store's time events.

    One counts if the store keeps it as confirmed, or the chain has its transaction, even if that
    lacks confirmations as yet. The judge raises ChainError if the chain cannot be read.
    """

    def counts(event: TimeEvent) -> bool:
        if event.cid in store.confirmed(event.stream_id):
            return True
        answers = inquiry.ask([event])
        return bool(answers.confirmed or answers.waiting)

    return counts


def _time_events(store: LocalStore, interest: Interest) -> Iterator[TimeEvent]:
    for _, data in entries(store, interest):
        event = None if is_signed(data) else read_event(data)
        if isinstance(event, TimeEvent):
            yield event
