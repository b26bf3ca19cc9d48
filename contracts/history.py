"""What became of each epoch, from a federation's logs alone: recorded, convicted, paid or left.

The contract keeps only the epoch under way; of those before, the logs are all there is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from contracts.bindings.contributor_registry import PayeeChanging, PayeeKept, Registered
from contracts.bindings.federation import (
    Cancelled,
    EpochOpened,
    EpochRevealed,
    Finalized,
    Lapsed,
    ProposalConvicted,
    ProposalVoided,
    Proposed,
    RoundConvicted,
    RoundRecorded,
)
from federation.errors import VerificationFailed
from federation.types import Address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contracts.bindings.structs import EpochTerms
    from contracts.chain import Log
    from federation.types import Hash32

STILL_OPEN: Final = frozenset({"rounds", "settling"})
"""Stages in which what is not public yet may still become so."""

CHANGE_DELAY: Final = 3 * 86_400
"""Seconds between asking for another payee and the change; ``ContributorRegistry.CHANGE_DELAY``."""

_NOBODY: Final = Address("0x" + "00" * 20)


@dataclass(slots=True, kw_only=True)
class EpochHistory:
    """One epoch.

    Attributes:
        number: Its number, from 1.
        terms: What it promised.
        opened_in: The block that opened it.
        recorded: Rounds that are recorded and not proven wrong, from the first on.
        over: Whether no further round can come.
        revealed: The closing of its rounds by the aggregator; None where it was cancelled or lapsed.
        convicted: Rounds that were proven wrong, as they were.
        proposal: The payout table that stands; None before one, and after it was thrown out.
        finalized: The table that became final.
        unpaid: Whether it closed without one.
    """

    number: int
    terms: EpochTerms
    opened_in: int
    recorded: int = 0
    over: bool = False
    revealed: EpochRevealed | None = None
    convicted: list[int] = field(default_factory=list)
    proposal: Proposed | None = None
    finalized: Finalized | None = None
    unpaid: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.finalized is not None or self.unpaid

    @property
    def stage(self) -> str:
        """Where it stands, in a word."""
        if self.finalized is not None:
            return "finalized"
        if self.unpaid:
            return "unpaid"
        if self.proposal is not None:
            return "proposed"
        return "settling" if self.over else "rounds"


def epochs(logs: Iterable[Log]) -> tuple[EpochHistory, ...]:
    """Return every epoch that a federation's logs tell of, in order.

    Args:
        logs: All logs of the federation, in chain order.

    Raises:
        VerificationFailed: Something befalls an epoch that no log opens: the node leaves logs out.
    """
    logs = tuple(logs)
    found = {
        opened.epoch: EpochHistory(number=opened.epoch, terms=opened.terms, opened_in=opened.log.block_number)
        for opened in EpochOpened.decode_logs(logs)
    }
    events = [event for kind in _TAKES for event in kind.decode_logs(logs)]
    for event in sorted(events, key=lambda event: (event.log.block_number, event.log.index)):
        if event.epoch not in found:
            raise VerificationFailed(
                "logs", f"epoch {event.epoch} goes on and was never opened", hint="ask another node"
            )
        _take(found[event.epoch], event)
    return tuple(found[number] for number in sorted(found))


_TAKES = (
    RoundRecorded,
    RoundConvicted,
    EpochRevealed,
    Cancelled,
    Lapsed,
    Proposed,
    ProposalConvicted,
    ProposalVoided,
    Finalized,
)


def _take(epoch: EpochHistory, event: object) -> None:
    match event:
        case RoundRecorded():
            epoch.recorded = event.round_
        case RoundConvicted():
            epoch.recorded = event.round_ - 1
            epoch.convicted.append(event.round_)
            epoch.over, epoch.proposal = True, None
        case EpochRevealed():
            epoch.over, epoch.revealed = True, event
        case Cancelled():
            epoch.over = True
        case Lapsed():
            epoch.over = True
            if event.deadline == 0:
                epoch.unpaid, epoch.proposal = True, None
        case Proposed():
            epoch.proposal = event
        case ProposalConvicted() | ProposalVoided():
            epoch.proposal = None
        case Finalized():
            epoch.finalized = event


class PayeeHistory:
    """Who a registry said is paid, at any block: from its logs, since few nodes keep old states.

    The rule is ``ContributorRegistry.payeeOf``'s.
    """

    def __init__(self, logs: Iterable[Log]) -> None:
        """Take the registry's logs, in chain order."""
        found = tuple(logs)
        events = [e for kind in (Registered, PayeeChanging, PayeeKept) for e in kind.decode_logs(found)]
        self._events = sorted(events, key=lambda e: (e.log.block_number, e.log.index))

    def at(self, block: int, seconds: int) -> Payees:
        """Return who is paid after a block.

        Args:
            block: Its number.
            seconds: The time at which it is asked, Unix seconds.
        """
        payees = Payees(seconds)
        for event in self._events:
            if event.log.block_number > block:
                break
            payees.take(event)
        return payees


@dataclass(frozen=True, slots=True)
class _Succession:
    payee: Address
    since: int
    next: Address


class Payees:
    """What a registry says at one time."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._accepts: set[tuple[Hash32, Address]] = set()
        self._lines: dict[tuple[Hash32, Address], _Succession] = {}

    def take(self, event: Registered | PayeeChanging | PayeeKept) -> None:
        """Let one more event happen."""
        if isinstance(event, Registered):
            self._accepts.add((event.did_hash, event.payee))
            return
        key = event.did_hash, event.named
        if isinstance(event, PayeeKept):
            # Only who is paid now can keep it, and only before the change.
            self._lines[key] = _Succession(event.payee, 0, _NOBODY)
        else:
            # The change is asked for by who was paid then; it can only be asked while that was decided.
            self._lines[key] = _Succession(self._sender(key, event.from_), event.from_, event.next_)

    def _sender(self, key: tuple[Hash32, Address], since: int) -> Address:
        """Return who is paid when a change is asked for, which takes effect ``CHANGE_DELAY`` later."""
        return self._payee(key, since - CHANGE_DELAY)

    def payee_of(self, did_hash: Hash32, named: Address) -> Address:
        """Return who is paid for a member that named an account; the zero address if nobody."""
        return self._payee((did_hash, named), self._seconds)

    def _payee(self, key: tuple[Hash32, Address], seconds: int) -> Address:
        line = self._lines.get(key)
        if line is not None and line.next != _NOBODY and seconds >= line.since:
            return line.next
        if line is not None:
            return line.payee
        return key[1] if key in self._accepts else _NOBODY
