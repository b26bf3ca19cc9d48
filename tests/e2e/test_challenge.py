"""An aggregator that records a lie and publishes it: found from public material, and convicted on chain."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from aggregator.challenge.demands import Archive, answer
from aggregator.challenge.finding import Finder, Finding
from aggregator.cli import verify
from aggregator.records import Made, Recorder
from aggregator.selection import Candidates
from aggregator.sources import RemoteMaterial
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verify_federation import Wanted, paid_before, verify_federation
from ceramic_bridge.bundle import pack
from contracts.backends.anvil import AnvilChain, AnvilNode, AnvilOptions
from contracts.backends.anvil_binary import find_anvil
from contracts.backends.transport import NodeTransport
from contracts.bindings.data_demands import Demanded
from contracts.bindings.federation import ProposalConvicted, RoundConvicted
from contracts.chain import Receipt
from contracts.deploy import named_judges
from contracts.keyfile import write_keyfile
from examples.spam_detection.run import GENESIS_TIME
from examples.spam_detection.world import entropy_for
from federation.cli import run_command
from federation.errors import ConfigError
from federation.models.linear import model_bytes
from federation.trace import Op, Record, Settlement, Trace
from federation.types import Address, Hash32
from tests.e2e.trial import tell
from tests.live import LiveRun, ground_of_run
from tests.world import scratch

# PROJECTED is nothing but a vector.
OPS_WITH_NUMBERS = [
    pytest.param(op, id=op.name.lower(), marks=[] if op in {Op.CHOICE, Op.IMPROVEMENT} else pytest.mark.slow)
    for op in Op
    if op < Op.PAYMENT and op is not Op.PROJECTED
]


class Stopped(Exception):
    """The aggregator is about to record the last round."""


class Liar:
    """A run whose last round is decided but not recorded: any trace can be recorded and published."""

    def __init__(self, name: str = "liar", **found: Any) -> None:
        self.run = run = LiveRun(scratch() / name, cheats=("flip", "noise"))
        run.found(**found)
        run.open()
        self.record = Recorder.record

        def stop(recorder: Recorder, made: Made) -> frozenset[Hash32]:
            if made.outcome.round == run.settings.rounds:
                self.recorder, self.made = recorder, made
                raise Stopped
            return self.record(recorder, made)

        with mock.patch.object(Recorder, "record", stop), suppress(Stopped):
            run.train()
        self.card = self.recorder.card
        # Like an event node, it takes forks too: every lie's model card follows the same one.
        self.events = list(run.log)
        ports = replace(self.recorder._ports, log=self.events)
        self.recorder._ports = run.driver._ports = ports
        self.honest = self.made.trace
        run.aucs.append(0.5)
        self.claims = run._claims().to_bytes()
        self.challenger = run.relayer

    @contextmanager
    def recorded(self, trace: Trace | None = None) -> Iterator[None]:
        """Record the last round by a trace, reveal the epoch, publish it all; then go back."""
        run, made = self.run, replace(self.made, trace=trace or self.honest)
        before = run.chain.snapshot()
        try:
            self.recorder.card = self.card
            run.public.put(made.trace.to_bytes())
            self.record(self.recorder, made)
            run.driver.close(self.claims)
            run.publish_all()
            yield
        finally:
            run.chain.revert(before)

    def settlement(self) -> Settlement:
        return self.run.settlement(self.made.outcome.state.credits)

    def find(self) -> Finding | None:
        ground = ground_of_run(self.run)
        past = ground.epochs[-1]
        found = Candidates(self.events, ground)
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


@pytest.mark.parametrize("op", OPS_WITH_NUMBERS)
def test_aggregator_is_convicted_when_a_published_number_is_wrong(liar, op):
    record = chosen(liar.honest, op)
    lies = [tell(liar.honest, op, record.i, record.j, field) for field in op.fields]
    numbers = [lying for lying, more in lies if not more]
    assert numbers
    for lying in numbers:
        with liar.recorded(lying):
            finding = liar.find()
            assert finding is not None
            assert (finding.round, finding.demand) == (2, False)
            receipt = liar.send(finding)
            assert [c.round_ for c in RoundConvicted.decode_logs(receipt.logs)] == [2]


def test_rounds_before_are_verified_when_one_is_convicted(liar):
    lying, _ = tell(liar.honest, Op.IMPROVEMENT, 0, 0, "gain")
    with liar.recorded(lying):
        finding = liar.find()
        assert finding is not None
        liar.send(finding)
        ground = ground_of_run(liar.run)
        (verdict,) = verify_federation(
            ground, liar.events, wanted=Wanted(), cache=None, progress=lambda _: None
        )
        assert (verdict.stage, verdict.recorded, verdict.verified) == ("settling", 1, 1)
        assert verdict.pending
        assert verdict.notes[0] == "round 2 was proven wrong and is not paid"


def test_withheld_vector_is_demanded_and_convicts_when_it_is_posted(liar):
    lying, more = tell(liar.honest, Op.PROJECTED, 0, 0, "projected")
    run, token = liar.run, liar.run.deployment.token
    with liar.recorded(lying):
        run.propose(liar.settlement())
        finding = liar.find()
        assert finding is not None
        assert finding.demand
        assert "demand" not in finding.reason
        judge = named_judges(run.deployment.federation.judges())[finding.call.judge]
        bond = int(run.manifest.bonds.challenger_wei)
        token.mint(run.community, liar.challenger.address, bond)
        token.approve(liar.challenger, judge, bond)
        (asked,) = Demanded.decode_logs(finding.call.send(run.chain, liar.challenger, judge).logs)
        answer(archive(liar, lying, more), asked).send(run.chain, run.aggregator, judge)
        finding = liar.find()
        assert finding is not None
        assert (finding.demand, finding.call.judge) == (False, "ProjectionDisputes")
        receipt = liar.send(finding)
        assert [c.round_ for c in RoundConvicted.decode_logs(receipt.logs)] == [2]


def archive(liar: Liar, lying: Trace, more: dict[Hash32, bytes]) -> Archive:
    """What the aggregator needs to answer for one vector."""
    case: Any = SimpleNamespace(vectors=more)
    nothing: Any = None
    return Archive(settlement=nothing, rounds={2: case}, validation=nothing, members={}, blobs={})


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(field, marks=[] if field in {"due", "cumulative"} else pytest.mark.slow)
        for field in (*Op.PAYMENT.fields, *Op.ROW.fields)
    ],
)
def test_proposer_is_convicted_when_a_step_of_the_settlement_is_wrong(liar, field):
    run = liar.run
    with liar.recorded():
        honest = liar.settlement()
        op = Op.PAYMENT if field in Op.PAYMENT.fields else Op.ROW
        lying, _ = tell(honest.trace, op, 1, 0, field)
        run.propose(replace(honest, trace=lying))
        finding = liar.find()
        assert finding is not None
        assert (finding.round, finding.demand) == (0, False)
        assert len(ProposalConvicted.decode_logs(liar.send(finding).logs)) == 1


def test_proposal_stands_when_it_is_honest(liar):
    with liar.recorded():
        liar.run.propose(liar.settlement())
        assert liar.find() is None


def test_model_that_was_not_computed_convicts_when_it_is_released(liar):
    weights = liar.made.outcome.state.weights.copy()
    weights[0] += 1
    false = liar.run.public.put(model_bytes(weights, liar.made.base.intercept))
    with mock.patch.object(liar, "made", replace(liar.made, released=false)), liar.recorded():
        finding = liar.find()
        assert finding is not None
        assert (finding.round, finding.call.judge) == (2, "StateDisputes")
        assert len(RoundConvicted.decode_logs(liar.send(finding).logs)) == 1


# The command, on anvil


@pytest.fixture(scope="module")
def on_anvil() -> Iterator[tuple[Liar, str]]:
    try:
        binary = find_anvil(os.environ)
    except ConfigError as error:
        pytest.skip(f"anvil is not installed: {error.hint}")
    with ExitStack() as held:
        node = AnvilNode(AnvilOptions(binary=binary, genesis_time=GENESIS_TIME))
        held.callback(node.stop)
        transport = NodeTransport(str(node.socket))
        held.callback(transport.close)
        chain = AnvilChain(transport)

        def funded(_time: int, accounts: list[Address], **_more: Any) -> AnvilChain:
            for account in accounts:
                chain.give_gas(account)
            return chain

        yield Liar("liar-on-anvil", chain=funded), str(node.socket)


def test_command_convicts_when_it_is_agreed_to(on_anvil, tmp_path, capsys, monkeypatch):
    liar, rpc = on_anvil
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path / "home"))
    (tmp_path / "word").write_text("a passphrase")
    keyfile = tmp_path / "me.json"
    key = entropy_for(liar.run.settings.seed, "account/relayer")(32)
    assert write_keyfile(keyfile, key, "a passphrase", iterations=2).address == liar.challenger.address
    lying, _ = tell(liar.honest, Op.IMPROVEMENT, 0, 0, "gain")
    with liar.recorded(lying):
        (tmp_path / "events.car").write_bytes(pack(liar.events))
        deployment = liar.run.deployment
        asked = [
            *("challenge", "--rpc", rpc, "--federation", deployment.federation.address),
            *("--registry", deployment.registry.address, "--events", str(tmp_path / "events.car")),
            *("--public", str(liar.run.folder), "--key", str(keyfile)),
            *("--passphrase-file", str(tmp_path / "word"), "--max-fee", "1000"),
        ]
        assert run_command(verify, "folkmoot verify", [*asked, "--dry-run"]) == 0
        told = capsys.readouterr()
        assert "improvement[0,0] gain should be" in told.err
        assert "earns half of the bond, 50000000000000000000 wei" in told.err
        assert told.out.endswith("nothing was sent\n")
        assert run_command(verify, "folkmoot verify", [*asked, "--yes", "--format", "json"]) == 0
        data = json.loads(capsys.readouterr().out)["data"]
        assert (data["fault"]["round"], data["fault"]["judge"]) == (2, "GradientDisputes")
        assert len(RoundConvicted.decode_logs(deployment.federation.logs())) == 1
        assert deployment.token.balance_of(liar.challenger.address) == 50 * 10**18
        # The round is void now, and with it the fault.
        assert run_command(verify, "folkmoot verify", [*asked, "--yes"]) == 0
        assert capsys.readouterr().out == "nothing to dispute\n"
