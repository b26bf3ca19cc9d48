"""Settling an epoch: propose the payout table, wait out the window, finalize, claim; resumable throughout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from aggregator.epochreport import EpochReport
from aggregator.journal import pack, unpack
from aggregator.onchain import once, settle
from aggregator.outbox import called
from aggregator.settlement import SETTLEMENT_ROUND
from contracts.bindings.errors import ChallengeWindowOpen, QuestionsOpen
from contracts.bindings.federation import Proposed
from contracts.bindings.structs import Phase
from contracts.payouts import find_table, parse_table
from federation.errors import ConfigError
from federation.trace import Settlement, settlement_trace
from federation.types import Address, Wei

if TYPE_CHECKING:
    from aggregator.driver import Ports, RoundDriver
    from aggregator.epoch import OpenEpoch
    from aggregator.journal import Journal
    from contracts.deploy import Deployment
    from contracts.view import FederationView
    from federation.reward import PayoutTable

SLICE: Final = 600
"""Most seconds that are waited in one go."""


class Tell(Protocol):
    """Tells whoever watches."""

    def __call__(self, kind: str, epoch: int = 0, round_: int = 0, **facts: str | float) -> None:
        """Tell one thing that happened."""
        ...


class Payday:
    """Pays epochs of one federation."""

    def __init__(
        self,
        *,
        ports: Ports,
        deployment: Deployment,
        journal: Journal,
        view: FederationView,
        tell: Tell,
        claim: bool,
    ) -> None:
        self._ports, self._deployment, self._journal = ports, deployment, journal
        self._federation, self._pool = deployment.federation, deployment.pool
        self._view, self._tell, self._claim = view, tell, claim

    def report(self, number: int) -> EpochReport | None:
        """Return the report of an epoch that is over; None of one that is not."""
        raw = self._journal.recall(number, 0, "report")
        return None if raw is None else EpochReport.parse(raw)

    def settle(self, driver: RoundDriver, epoch: OpenEpoch) -> EpochReport:
        """Pay for the rounds that stand, and return what the epoch came to.

        Raises:
            ConfigError: The payout table of the epoch before is lost.
            ChainError: The chain refuses, or cannot be reached.
        """
        number, federation = epoch.domain.epoch, self._federation
        while self._view.finalized(number) is None and federation.epoch() == number:
            phase = federation.phase()
            if phase is Phase.CLOSED:
                break
            settlement = self._settlement(driver, epoch)
            if phase is Phase.PROPOSED:
                self._await_window()
                self._finalize(number)
                continue
            left = federation.deadline() - self._ports.chain.timestamp
            # Rounds that are recorded must be answered for, even if nobody earned: silence costs the bond.
            if left > 0 and (settlement.amounts or federation.recorded()):
                self._propose(settlement, epoch)
            elif left > 0:
                self._pass(left)
            else:
                self._give_up(epoch)
        # What is closed may lack confirmations.
        settle(self._ports.chain)
        return self._over(driver, epoch)

    def _give_up(self, epoch: OpenEpoch) -> None:
        """Close an epoch that has nothing to pay, or whose time to propose is over."""
        with called(self._ports.chain, "settle"):
            once(
                self._ports.chain,
                lambda: self._federation.phase() is Phase.CLOSED,
                lambda sender: self._federation.lapse(sender, epoch.terms),
                self._ports.sender,
            )
        self._tell("lapsed", epoch.domain.epoch, recorded=self._federation.recorded())

    def _settlement(self, driver: RoundDriver, epoch: OpenEpoch) -> Settlement:
        """Return the settlement of the rounds that stand; what it rests on is written down first."""
        number, stands = epoch.domain.epoch, self._federation.recorded()
        step = f"settlement/{self._label()}"
        raw = self._journal.recall(number, 0, step)
        if raw is None:
            raw = pack([str(self._forfeited(number)).encode(), self._table_before(number)])
            self._journal.record(number, 0, step, raw)
        forfeited, before = unpack(raw)
        finished = driver.finished(stands) if stands else None
        return settlement_trace(
            epoch.admitted,
            credits={} if finished is None else finished.state.credits,
            funds=epoch.terms.funds,
            forfeited=int(forfeited),
            previous=self._amounts(before),
        )

    def _forfeited(self, number: int) -> int:
        """Return the lost bonds that the epoch's table hands out: of its proposal, if there is one."""
        if self._federation.phase() is Phase.SETTLE:
            return self._federation.forfeited()
        logs = Proposed.decode_logs(self._federation.logs(self._view.opened_in(number)))
        return next((e.forfeited for e in reversed(logs) if e.epoch == number), 0)

    def _label(self) -> str:
        """Name a proposal: after a conviction or a void, another one is made."""
        return f"{self._federation.recorded()}-{self._federation.voids()}"

    def _table_before(self, number: int) -> bytes:
        """Return the payout table that stood before this epoch's; empty if there was none."""
        roots = ((n, self._view.finalized(n)) for n in range(number - 1, 0, -1))
        earlier, root = next(((n, found) for n, found in roots if found is not None), (0, None))
        if root is None:
            return b""
        if (raw := self._journal.recall(earlier, 0, "table")) is not None:
            return raw
        place = self._ports.published or self._ports.public
        return find_table(place.path, self._ports.chain.chain_id, self._pool.address, root).to_bytes()

    def _amounts(self, raw: bytes) -> Mapping[Address, Wei]:
        return dict(self._table(raw).rows) if raw else {}

    def _table(self, raw: bytes) -> PayoutTable:
        return parse_table(raw, self._ports.chain.chain_id, self._pool.address)

    def _propose(self, settlement: Settlement, epoch: OpenEpoch) -> None:
        ports, domain = self._ports, epoch.domain
        table = settlement.table(domain.chain_id, self._pool.address)
        self._journal.record(domain.epoch, 0, f"proposed/{self._label()}", table.to_bytes())
        for place in (ports.public, ports.published):
            if place is not None:
                place.put(settlement.trace.to_bytes())
                place.put(table.to_bytes())
        root, records = table.tree().root, settlement.trace.root(domain, SETTLEMENT_ROUND)
        with called(ports.chain, self._label()):
            once(
                ports.chain,
                lambda: self._federation.phase() is not Phase.SETTLE,
                lambda sender: self._federation.propose(sender, root, table.total, records),
                ports.sender,
            )
        self._tell("proposed", domain.epoch, root=root.hex(), total_wei=str(table.total))

    def _await_window(self) -> None:
        """Wait until nobody can object any more, slice by slice."""
        while self._federation.phase() is Phase.PROPOSED:
            left = self._federation.deadline() - self._ports.chain.timestamp
            if left <= 0 and not self._federation.holds():
                return
            self._pass(max(left, 1))

    def _pass(self, seconds: int) -> None:
        self._ports.chain.advance_time(min(seconds, SLICE))
        self._ports.chain.mine()

    def _finalize(self, number: int) -> None:
        if self._federation.phase() is not Phase.PROPOSED:
            return
        try:
            with called(self._ports.chain, self._label()):
                once(
                    self._ports.chain,
                    lambda: self._view.finalized(number) is not None,
                    self._federation.finalize,
                    self._ports.sender,
                )
        except (ChallengeWindowOpen, QuestionsOpen):
            # A question came at the last moment, or blocks were taken back, and their time with them.
            self._pass(1)
            return
        self._tell("finalized", number)

    def _over(self, driver: RoundDriver, epoch: OpenEpoch) -> EpochReport:
        """Write the report of an epoch that is over, and claim if that is wanted."""
        number, stands = epoch.domain.epoch, self._federation.recorded()
        root, end = self._view.finalized(number), self._view.end(number)
        assert end is not None
        finished = driver.finished(stands) if stands else None
        settlement = self._settlement(driver, epoch)
        table = settlement.table(epoch.domain.chain_id, self._pool.address)
        if root is not None and root != table.tree().root:
            raise ConfigError(
                f"epoch {number} was finalized with another payout table than this aggregator's",
                hint="its proposal was convicted, or somebody else proposed; look at what the chain says",
            )
        report = EpochReport(
            epoch=number,
            end=end,
            rounds=stands,
            model_hash=None if finished is None else finished.released,
            credits={} if finished is None else finished.state.credits,
            due=settlement.due if root is not None else {},
            payout_root=root,
            total=table.total if root is not None else Wei(self._pool.total_cumulative()),
        )
        if root is not None:
            self._journal.record(number, 0, "table", table.to_bytes())
            if self._claim:
                self._claim_all(table)
        self._journal.record(number, 0, "report", report.to_bytes())
        self._tell("epoch-over", number, end=str(end), rounds=stands, total_wei=str(report.total))
        return report

    def _claim_all(self, table: PayoutTable) -> None:
        """Claim for every payee; whom somebody claimed for already is passed over."""
        tree = table.tree()
        for i, (payee, wei) in enumerate(table.rows):
            with called(self._ports.chain, payee):
                once(
                    self._ports.chain,
                    lambda payee=payee, wei=wei: self._pool.paid(payee) >= wei,  # type: ignore[misc]  # bound at once
                    lambda sender, payee=payee, wei=wei, i=i: self._pool.claim(  # type: ignore[misc]  # as above
                        sender, payee, wei, tree.proof(i)
                    ),
                    self._ports.sender,
                )
