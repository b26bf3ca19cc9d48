"""An aggregator that records a lie and publishes it: found from public material, and convicted on chain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from aggregator import driver
from aggregator.challenge.demands import Archive, Membership, answer
from aggregator.challenge.finding import Finder, Finding
from aggregator.selection import Candidates
from aggregator.sources import RemoteMaterial
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verify_federation import paid_before
from contracts.accounts import Account
from contracts.bindings.data_demands import Demanded
from contracts.bindings.errors import NoFault
from contracts.bindings.federation import ProposalConvicted, RoundConvicted
from contracts.chain import Receipt
from contracts.deploy import named_judges
from federation.errors import VerificationFailed
from federation.trace import Op, Record, Trace
from tests.e2e.trial import tell
from tests.live import LiveRun, ground_of_run
from tests.world import scratch

ROUND_OPS = [op for op in Op if op < Op.PAYMENT]


class Stopped(Exception):
    """The aggregator is about to record the last round."""


class Liar:
    """A run whose last round is decided but not recorded: any trace can be recorded and published."""

    def __init__(self) -> None:
        self.run = run = LiveRun(scratch() / "liar", cheats=("flip", "noise"))
        run.found()
        run.open()
        self.record = driver.RoundDriver._record

        def stop(drives: Any, *args: Any, **more: Any) -> None:
            if args[1].round == run.settings.rounds:
                self.held = (drives, args, more)
                raise Stopped
            self.record(drives, *args, **more)

        with mock.patch.object(driver.RoundDriver, "_record", stop), suppress(Stopped):
            run.train()
        self.driver = self.held[0]
        self.card = self.driver._card
        self.honest: Trace = self.held[1][2]
        run.aucs.append(0.5)
        self.claims = run._claims().to_bytes()
        self.challenger = run.relayer

    @contextmanager
    def recorded(self, trace: Trace | None = None) -> Iterator[None]:
        """Record the last round by a trace, reveal the epoch, publish it all; then go back."""
        chain = self.run.chain
        before = chain.snapshot()
        drives, (base, outcome, _), more = self.held
        try:
            drives._card = self.card
            self.record(drives, base, outcome, trace or self.honest, **more)
            drives.close(self.claims)
            self.run.publish_all()
            yield
        finally:
            chain.revert(before)

    def find(self) -> Finding | None:
        ground = ground_of_run(self.run)
        past = ground.epochs[-1]
        found = Candidates(self.run.log, ground)
        epoch = VerifiedEpoch.of_many(ground, past, found, lambda _: None)
        assert isinstance(ground.public, RemoteMaterial)
        return Finder(epoch, paid_before(ground, past.number), ground.public).find()

    def send(self, finding: Finding) -> Receipt:
        federation = self.run.deployment.federation
        federation.announce(self.challenger, finding.call.commitment(self.challenger.address))
        judge = named_judges(federation.judges())[finding.call.judge]
        return finding.call.send(self.run.chain, self.challenger, judge)


@pytest.fixture(scope="module")
def liar() -> Liar:
    return Liar()


def chosen(trace: Trace, op: Op) -> Record:
    found = defaultdict(list)
    for record in trace.records:
        if record.op is op:
            found[record.values[0] if op is Op.MEMBER else 0].append(record)
    return found[min(found)][-1]


def test_nothing_is_disputed_when_the_aggregator_is_honest(liar):
    with liar.recorded():
        assert liar.find() is None


@pytest.mark.parametrize("op", ROUND_OPS, ids=lambda op: op.name.lower())
def test_aggregator_is_convicted_when_a_published_number_is_wrong(liar, op):
    record = chosen(liar.honest, op)
    told = 0
    for field in op.fields:
        lying, more = tell(liar.honest, op, record.i, record.j, field)
        if more:
            continue
        with liar.recorded(lying):
            finding = liar.find()
            assert finding is not None
            if not finding.demand:
                receipt = liar.send(finding)
                assert [c.round_ for c in RoundConvicted.decode_logs(receipt.logs)] == [2]
                told += 1
    print(op.name, told)
