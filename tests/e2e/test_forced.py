"""A member whose delta the aggregator left out reveals it on chain: it counts, and anyone can check."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import pytest

from aggregator import collect, driver
from aggregator.challenge.members import forced, seat
from contracts.bindings.errors import NoFault
from contracts.bindings.federation import Federation
from contracts.chain import Receipt
from contracts.view import FederationView
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import build_cast
from federation.delta import delta_bytes
from federation.hashing import did_hash
from federation.membertree import MemberTree
from federation.messages import Rejected, RevealReply
from federation.rounds import Status
from federation.types import Did
from tests.e2e import trial as trials
from tests.e2e.trial import Trial
from tests.world import Quiet, made_up_mails, scratch

ROUNDS = 2


@dataclass
class Ignored:
    """The first member to reveal in the last round gets no hearing, and goes to the chain."""

    did: Did | None = None
    reply: RevealReply | None = None
    commits: list[MemberTree] = field(default_factory=list)

    def admit(self, message: Any, did: Did, epoch: Any, round_: int, **more: Any) -> RevealReply:
        reply = REAL_ADMIT(message, did, epoch, round_, **more)
        if round_ == ROUNDS and self.did in {None, did}:
            self.did, self.reply = did, reply
            raise Rejected("no-reply")
        return reply

    def tree(self, committed: Any) -> MemberTree:
        self.commits.append(REAL_TREE(committed))
        return self.commits[-1]

    def reveal(self, federation: Federation, sender: Any) -> None:
        assert self.did
        assert self.reply
        federation.force_reveal(
            sender,
            did_hash=did_hash(self.did),
            delta=delta_bytes(self.reply.delta),
            salt=self.reply.salt,
            proof=self.commits[-1].proofs()[self.did],
            words=FederationView(federation).words(1, ROUNDS),
        )


REAL_ADMIT, REAL_TREE = collect.admit_reveal, collect.commit_tree


def forcing(base: type[Federation], ignored: Ignored) -> type[Federation]:
    class Forcing(base):  # type: ignore[misc,valid-type]  # over either federation
        def close_reveals(self, sender: Any, reveal_root: Any) -> Receipt:
            receipt: Receipt = super().close_reveals(sender, reveal_root)
            if self.round_() == ROUNDS:
                ignored.reveal(self, sender)
            return receipt

    return Forcing


@pytest.fixture
def ignored() -> Any:
    found = Ignored()
    with (
        mock.patch.object(collect, "admit_reveal", found.admit),
        mock.patch.object(driver, "commit_tree", found.tree),
    ):
        yield found


def test_aggregator_keeps_its_bond_when_a_member_reveals_on_chain_alone(ignored: Ignored):
    settings = Settings(members=5, rounds=ROUNDS, seed=0, out=scratch() / "forced")
    with mock.patch.object(trials, "Halting", forcing(trials.Halting, ignored)):
        trial = Trial.prepare(settings)
    trial.record(trial.honest)
    entries = trial.run.epoch.admitted
    place = next(i for i, entry in enumerate(entries) if entry.did == ignored.did)
    assert ignored.reply
    with pytest.raises(NoFault):
        trial.send(
            forced(
                trial.case(ROUNDS, trial.honest, {}), seat(entries, place), delta_bytes(ignored.reply.delta)
            )
        )


def test_run_verifies_when_a_member_reveals_on_chain_alone(ignored: Ignored):
    settings = Settings(members=5, rounds=ROUNDS, seed=0, out=scratch() / "forced-run")
    run = Run(settings, build_cast(made_up_mails(), settings), Quiet())
    found = run._found_community

    def with_forcing() -> None:
        found()
        federation = forcing(Federation, ignored)(run.chain, run.deployment.federation.address)
        run.deployment = replace(run.deployment, federation=federation)

    with mock.patch.object(run, "_found_community", with_forcing):
        summary = run.execute()
    assert summary["verified"] is True, run.verification
    line = next(m for m in run.reports[-1].outcome.members if m.did == ignored.did)
    assert line.status is Status.ACCEPTED
