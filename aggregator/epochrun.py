"""One epoch from its opening to its payments, resumable at any point.

A run that was killed is started again with the same plan: what the journal holds is not done again,
what the chain shows is not sent again, and everything else follows from both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Final

from aggregator.collect import MARGIN
from aggregator.driver import AnotherRound, Ports, RoundDriver
from aggregator.epoch import OpenEpoch
from aggregator.happenings import Control, Happening, Wanted, Watcher
from aggregator.journal import Journal
from aggregator.obstacles import PAUSED, obstacle
from aggregator.onchain import once
from aggregator.opening import Opener
from aggregator.outbox import JournaledChain, called
from aggregator.payday import Payday
from aggregator.rebuilding import rebuild_rounds
from aggregator.shards import PART
from aggregator.summary import Claims
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.cid import StreamId
from ceramic_bridge.did import verify
from ceramic_bridge.events import SignedEvent, decode, encode
from contracts.backends.patience import Clock, SystemClock
from contracts.bindings.structs import Phase
from contracts.deploy import Deployment
from contracts.view import FederationView
from federation.errors import ChainError, ConfigError, IdentityError, PeerError, Reverted
from federation.evaluation import evaluation_of
from federation.hashing import Domain, sha256
from federation.manifest import Manifest
from federation.roster import Roster
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from aggregator.epochreport import EpochReport

PAUSE: Final = 5.0
"""Seconds between two looks while there is nothing to do."""

PATIENCE: Final = 6 * 3600.0
"""Seconds of failures on end after which a run gives up; the phases' deadlines usually end it before."""

REFUSALS: Final = 3
"""How often the same call may be refused at the same place before a run gives up."""

_ROUND_PHASES: Final = frozenset({Phase.OPEN, Phase.COMMIT, Phase.REVEAL, Phase.DRAW, Phase.RECORD})
_CANCELLABLE: Final = frozenset({Phase.OPEN, Phase.COMMIT, Phase.REVEAL})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpochPlan:
    """What an epoch is made of.

    Attributes:
        roster: The admitted members, signed by the community for this epoch.
        imports: The members' data events, of which payees are agreed; the first round records them.
        models: StreamIDs of the event models, by kind.
    """

    roster: Roster
    imports: Sequence[SignedEvent]
    models: Mapping[str, StreamId]


class EpochRun:
    """Runs epochs of one federation, one after the other."""

    def __init__(
        self,
        *,
        ports: Ports,
        deployment: Deployment,
        manifest: Manifest,
        journal: Journal,
        watch: Watcher,
        control: Control,
        clock: Clock | None = None,
        claim: bool = False,
    ) -> None:
        """Take what an epoch runs with.

        Args:
            ports: What to work with; its chain is wrapped here, so that every transaction is journaled.
            deployment: The federation's contracts.
            manifest: What the community agreed.
            journal: What was decided before, and takes what is decided.
            watch: Is told what happens.
            control: Is asked what the operator wants.
            clock: Waits.
            claim: Whether to claim for every payee once it can be.
        """
        self._chain = JournaledChain(ports.chain, journal)
        self._deployment = deployment.over(self._chain)
        self._federation = self._deployment.federation
        self._ports = replace(ports, chain=self._chain, federation=self._federation)
        self._manifest, self._journal = manifest, journal
        self._watch, self._control = watch, control
        self._clock: Clock = clock or SystemClock()
        self._claim = claim
        self._view = FederationView(self._federation)
        self._driver: RoundDriver | None = None
        self._turn = Lock()

    def run(self, plan: EpochPlan) -> EpochReport:
        """Run the epoch that the plan's roster was signed for, or what is left of it.

        Ends when the epoch is finalized, or over with nothing to pay. Outages of the chain and silent
        providers are waited for, as long as the phases' deadlines allow.

        Raises:
            ConfigError: The plan is not for this epoch or the next, or the journal cannot be used.
            IdentityError: The community did not sign the roster.
            Reverted: The contract refuses what nobody else has done.
            ChainError: The chain has been out of reach for hours.
        """
        since, failed, refusals = self._clock.now(), "", 0
        while True:
            try:
                return self._run(plan)
            except Reverted as error:
                # It may be a race with somebody else's transaction, or a chain that was reorganised.
                place = f"{self._place()} {error.message}"
                refusals = refusals + 1 if failed == place else 1
                if refusals == REFUSALS:
                    raise
                failed = place
                self._tell("retrying", reason=error.message)
                self._wait()
            except (ChainError, PeerError) as error:
                place = self._place()
                if failed != place:
                    since, failed = self._clock.now(), place
                elif isinstance(error, ChainError) and self._clock.now() - since > PATIENCE:
                    raise
                if self._control.wanted() is Wanted.CANCEL and self._driver is None:
                    raise
                self._tell("waiting", reason=error.message)
                self._wait()

    def revoke(self, event: SignedEvent) -> None:
        """Take a member's revocation of a capability; it counts from the next round that opens.

        Any thread may call this.

        Args:
            event: Verified but for its time.

        Raises:
            PeerError: No epoch is open, or the event is not by somebody who could end a capability.
            MalformedData: It names no capability.
        """
        with self._turn:
            if self._driver is None:
                raise PeerError("no epoch is open", hint="try again when one is")
            self._driver.sessions.revoke(event)
            number = self._driver.epoch
            self._journal.record(number, 0, f"revocation/{event.cid}", encode(event))

    def _run(self, plan: EpochPlan) -> EpochReport:
        number = self._number(plan.roster)
        self._chain.at(number, 0)
        payday = Payday(
            ports=self._ports,
            deployment=self._deployment,
            journal=self._journal,
            view=self._view,
            tell=self._tell,
            claim=self._claim,
        )
        if (report := payday.report(number)) is not None:
            return report
        opener = Opener(self._ports, self._deployment, self._manifest, self._journal, view=self._view)
        epoch, imports = opener.open(plan, self._domain(number), self._tell)
        driver = self._take_up(epoch, imports)
        self._run_rounds(driver, epoch)
        self._chain.at(number, 0)
        blobs = self._reveal(driver, epoch)
        self._publish(driver, blobs)
        return payday.settle(driver, epoch)

    def _number(self, roster: Roster) -> int:
        """Return the epoch that a roster was signed for: the present one, or the next."""
        present = self._federation.epoch()
        for number in (present, present + 1):
            signed = Roster.signed_bytes(roster.quotas, self._domain(number))
            try:
                verify(Did(self._manifest.parties.community), signed, roster.signature)
            except IdentityError:
                continue
            if number == 0:
                continue
            return number
        raise ConfigError(
            f"the roster is signed neither for epoch {present} nor for the next one",
            hint="have the community sign the list of members for the epoch that is to open",
        )

    def _domain(self, number: int) -> Domain:
        return Domain(chain_id=self._chain.chain_id, federation=self._federation.address, epoch=number)

    def _take_up(self, epoch: OpenEpoch, imports: Sequence[SignedEvent]) -> RoundDriver:
        """Return the driver after the last round that was finished."""
        number = epoch.domain.epoch
        rebuild_rounds(self._ports, epoch, self._view, self._journal)
        driver = RoundDriver(
            self._ports,
            epoch,
            initial=evaluation_of(self._manifest).initial(),
            opening_events=imports,
            memory=self._journal,
            watch=self._watch,
        )
        with self._turn:
            for raw in self._journal.steps(number, 0, "revocation/").values():
                driver.sessions.restore(decode(raw, authority=UNDATED))
            self._driver = driver
        self._tell("epoch-open", number, round=driver.state.round, members=len(epoch.roster.quotas))
        return driver

    def _run_rounds(self, driver: RoundDriver, epoch: OpenEpoch) -> None:
        """Run rounds until there are none left, the operator cancels, the bounty is spent or time is up."""
        number = epoch.domain.epoch
        while any(self._view.words(number, driver.state.round).model_hash):
            # Recorded on chain, but not known here to be finished: computed again, nothing is sent.
            self._round(driver, number)
        while self._view.end(number) is None and self._federation.phase() in _ROUND_PHASES:
            phase, round_ = self._federation.phase(), driver.state.round
            if self._left() <= 0:
                self._lapse(epoch)
            elif phase is Phase.OPEN and round_ > self._manifest.rounds:
                return
            elif phase is Phase.OPEN and self._should_end(driver, epoch):
                self._cancel(number)
            else:
                try:
                    self._round(driver, number)
                except AnotherRound as error:
                    if self._federation.phase() not in _CANCELLABLE:
                        raise
                    self._tell("diverged", number, round_, reason=error.message)
                    self._cancel(number)

    def _round(self, driver: RoundDriver, number: int) -> None:
        round_ = driver.state.round
        self._chain.at(number, round_)
        public = driver.run_round().public
        if self._manifest.validation.reveal == "round":
            public |= {sha256(part) for part in self._journal.steps(number, round_, PART).values()}
        self._put_out(public)

    def _should_end(self, driver: RoundDriver, epoch: OpenEpoch) -> bool:
        """Tell whether no further round is to open; waits while the operator pauses or too few are there."""
        earned = sum(max(0, credit) for credit in driver.state.credits.values())
        if earned >= self._manifest.rules.terms.funds:
            self._tell("bounty-spent", earned_wei=str(earned))
            return True
        said: list[str] = []
        members = epoch.roster.quotas.keys() - driver.state.suspended
        while why := obstacle(wanted := self._control.wanted(), members, self._ports.nodes, self._manifest):
            if said[-1:] != [why]:
                self._tell(why)
                said.append(why)
            if self._left() <= self._margin():
                return True  # longer, and the aggregator would lose its bond
            self._clock.sleep(PAUSE)
        if PAUSED in said:
            self._tell("resumed")
        return wanted is Wanted.CANCEL

    def _cancel(self, number: int) -> None:
        self._chain.at(number, 0)
        cancel, end = self._federation.cancel, self._view.end
        once(self._chain, lambda: end(number) is not None, cancel, self._ports.sender)
        self._tell("cancelled", number, recorded=self._federation.recorded())

    def _lapse(self, epoch: OpenEpoch) -> None:
        """End rounds whose deadline somebody missed: it loses its bond, and earlier rounds are paid."""
        number = epoch.domain.epoch
        self._chain.at(number, 0)
        with called(self._chain, "rounds"):
            once(
                self._chain,
                lambda: self._view.end(number) is not None,
                lambda sender: self._federation.lapse(sender, epoch.terms),
                self._ports.sender,
            )
        self._tell("lapsed", number, recorded=self._federation.recorded())

    def _reveal(self, driver: RoundDriver, epoch: OpenEpoch) -> frozenset[Hash32]:
        """Have the validation set revealed, by its providers, and state what the operator measured.

        Providers are waited for: before the epoch's end until the aggregator's bond would be lost, after it
        until others may propose too, which is half of the time to settle. Then members are paid without
        them, on the aggregator's word.
        """
        number = epoch.domain.epoch
        finished = [driver.finished(r) for r in range(1, driver.state.round)]
        aucs = tuple(one.auc for one in finished if one is not None)
        claims = Claims(seed=None, names={}, aucs=aucs, baselines={}, test_set=None)
        try:
            blobs = driver.close(claims.to_bytes())
        except PeerError:
            over = self._view.end(number) is not None
            if self._left() > (self._manifest.deadlines.settle // 2 if over else self._margin()):
                raise
            if not over:
                self._cancel(number)
                raise
            self._tell("unrevealed", number)
            return frozenset()
        self._tell("revealed", number)
        return blobs

    def _publish(self, driver: RoundDriver, blobs: frozenset[Hash32]) -> None:
        """Let everybody see what the epoch kept back; without the validation set, nothing can be verified."""
        rounds = [driver.finished(r) for r in range(1, driver.state.round)]
        if blobs:
            self._put_out(blobs.union(*(one.blobs for one in rounds if one is not None)))

    def _put_out(self, digests: set[Hash32] | frozenset[Hash32]) -> None:
        if self._ports.published is not None:
            self._ports.public.publish(sorted(digests), to=self._ports.published)

    def _left(self) -> int:
        """Return the seconds that are left for the duty of the phase, on the chain's clock."""
        return self._federation.deadline() - self._chain.timestamp

    def _margin(self) -> int:
        return min(MARGIN, self._manifest.deadlines.phase // 4)

    def _wait(self) -> None:
        """Let a block pass, or some time where there is no telling whether one does."""
        try:
            self._chain.mine()
        except ChainError:
            self._clock.sleep(PAUSE)

    def _place(self) -> str:
        """Name where the federation stands; empty while the chain cannot be asked."""
        federation = self._federation
        try:
            return f"{federation.epoch()} {federation.round_()} {federation.phase()} {federation.deadline()}"
        except ChainError:
            return ""

    def _tell(self, kind: str, epoch: int = 0, round_: int = 0, **facts: str | float) -> None:
        self._watch(Happening(kind=kind, epoch=epoch, round=round_, facts=facts))
