"""A run on a bad network: every round ends, and nobody pays for another's fault."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message, RecordDict

from aggregator.verify import verify_run
from client.member import Member
from examples.spam_detection import run as run_module
from examples.spam_detection.settings import build_manifest
from federation.delta import parse_delta
from federation.fixedpoint import Ints
from federation.grid import Crash, Delay, Drop, Fault, InProcessGrid, Offline, Replay, Tamper
from federation.manifest import Manifest
from federation.messages import ACKNOWLEDGE, COMMIT, REVEAL
from federation.models.linear import Design
from federation.rounds import EpochState, Status, close_round
from federation.types import Did
from tests.world import SMALL, Finished, execute, made_up_mails

if TYPE_CHECKING:
    from collections.abc import Sequence

REVEALED: dict[tuple[Did, int], Ints] = {}
"""What each member really sent, noted on its own side."""


class Noting(Member):
    """An honest member that notes what it reveals."""

    def reveal(self, request):
        reply = super().reveal(request)
        REVEALED[self.did, request.round] = reply.delta
        return reply


def other_salt(message: Message) -> Message:
    records = {**message.content, "reveal": ConfigRecord({"salt": bytes(32)})}
    return answer(message, RecordDict(records))


def nothing(message: Message) -> Message:
    return answer(message, RecordDict({}))


def answer(message: Message, content: RecordDict) -> Message:
    message.content = content
    return message


def faults_for(nodes: Sequence[int]) -> list[Fault]:
    """Four rounds: lost commitments, lost reveals, lost acknowledgements, then nobody gets through.

    An occurrence counts the requests of a type to one node: members 0, 1 and 2 are first asked to
    reveal in round 2.
    """
    a, b, c, d, e = nodes
    return [
        Drop(node_id=a, message_type=COMMIT, occurrence=1, after=False),
        Drop(node_id=b, message_type=COMMIT, occurrence=1, after=True),
        Crash(node_id=c, message_type=COMMIT, occurrence=1, after=True),
        Drop(node_id=a, message_type=REVEAL, occurrence=1, after=False),
        Crash(node_id=b, message_type=REVEAL, occurrence=1),
        Tamper(node_id=c, message_type=REVEAL, occurrence=1, edit=other_salt),
        Delay(node_id=d, message_type=REVEAL, occurrence=2, pulls=2),
        Replay(node_id=e, message_type=REVEAL, occurrence=2, verbatim=True),
        Replay(node_id=d, message_type=COMMIT, occurrence=3),
        Replay(node_id=e, message_type=COMMIT, occurrence=3, verbatim=True),
        Drop(node_id=a, message_type=ACKNOWLEDGE),
        Crash(node_id=b, message_type=ACKNOWLEDGE),
        Offline(node_id=c, message_type=ACKNOWLEDGE),
        Tamper(node_id=e, message_type=ACKNOWLEDGE, edit=nothing),
        Offline(node_id=a, message_type=COMMIT, occurrence=4),
        Delay(node_id=b, message_type=COMMIT, occurrence=4, pulls=10_000),
        Tamper(node_id=c, message_type=COMMIT, occurrence=4, edit=nothing),
        Offline(node_id=d, message_type=REVEAL, occurrence=3),
        Replay(node_id=e, message_type=REVEAL, occurrence=4),
    ]


@dataclass(frozen=True, slots=True)
class Faulty:
    finished: Finished

    def statuses(self, round_: int) -> list[tuple[Status, str]]:
        run = self.finished.run
        lines = {m.did: (m.status, m.reason) for m in run.reports[round_ - 1].outcome.members}
        return [lines[actor.did] for actor in run.actors]


def without_suspension(*args: object, **kwargs: object) -> Manifest:
    """The example's manifest, but for the rule that would take the silent out of later rounds."""
    manifest = build_manifest(*args, **kwargs)
    reward = manifest.reward.model_copy(update={"suspension_from": 99})
    return manifest.model_copy(update={"reward": reward})


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> Faulty:
    REVEALED.clear()
    settings = replace(SMALL, rounds=4, cheats=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            run_module, "InProcessGrid", lambda clients: InProcessGrid(clients, faults=faults_for([*clients]))
        )
        patch.setattr(run_module, "build_manifest", without_suspension)
        finished = execute(
            settings,
            tmp_path_factory.mktemp("faults"),
            mails=made_up_mails(1000),
            change=lambda cast: replace(cast, parties=[replace(p, behaviour=Noting) for p in cast.parties]),
        )
    return Faulty(finished)


OK, GONE, MUTE = (Status.ACCEPTED, ""), (Status.ABSENT, ""), (Status.SILENT, "")


def refused(reason: str) -> tuple[Status, str]:
    return (Status.REJECTED, reason)


def test_members_are_absent_when_their_commitments_are_lost(faulty):
    assert faulty.statuses(1) == [GONE, GONE, GONE, OK, OK]


def test_members_are_silent_or_rejected_when_their_reveals_are_lost_or_changed(faulty):
    assert faulty.statuses(2) == [MUTE, MUTE, refused("commitment-mismatch"), OK, OK]


def test_members_are_accepted_when_only_acknowledgements_are_lost(faulty):
    assert faulty.statuses(3) == [OK, OK, OK, refused("bad-event"), OK]


def test_round_closes_with_no_step_when_everybody_fails(faulty):
    assert faulty.statuses(4) == [
        GONE,
        GONE,
        refused("no-commit-record"),
        MUTE,
        refused("commitment-mismatch"),
    ]
    outcome = faulty.finished.run.reports[3].outcome
    before = faulty.finished.run.reports[2].outcome
    assert (outcome.eta, outcome.step, outcome.improvement) == (0, None, 0)
    assert np.array_equal(outcome.state.weights, before.state.weights)
    assert outcome.state.credits == before.state.credits
    assert all(m.credit == 0 for m in outcome.members)


def test_silent_members_are_charged_when_the_round_moves_the_model(faulty):
    outcome = faulty.finished.run.reports[1].outcome
    silent = [m for m in outcome.members if m.status is Status.SILENT]
    absent = [m for m in faulty.finished.run.reports[0].outcome.members if m.status is Status.ABSENT]
    assert len(silent) == 2
    assert all(m.credit < 0 and m.counted < 0 for m in silent)
    assert all(m.credit == 0 for m in absent)


def test_others_are_credited_as_the_kernel_does_when_the_faulty_are_left_out(faulty):
    run = faulty.finished.run
    state = EpochState.first(initial=np.zeros(4096, dtype=np.int64), quotas=run.epoch.roster.quotas)
    known = run.epoch.public
    for report in run.reports:
        lines = {m.did: m for m in report.outcome.members}
        accepted = [did for did, m in lines.items() if m.status is Status.ACCEPTED]
        outcome = close_round(
            state,
            report.base,
            run.manifest.rules,
            deltas={did: REVEALED[did, report.outcome.round] for did in accepted},
            absent={did: (m.status, m.reason) for did, m in lines.items() if did not in accepted},
            known=known,
            shard=report.shard_design,
            norm_bound=run.epoch.norm_bound,
        )
        assert outcome.members == report.outcome.members
        assert np.array_equal(outcome.state.weights, report.outcome.state.weights)
        state, known = outcome.state, Design.concat([known, report.shard_design])


def test_published_deltas_are_the_accepted_ones_when_others_were_sent_too(faulty):
    run = faulty.finished.run
    accepted = {
        (m.did, r.outcome.round)
        for r in run.reports
        for m in r.outcome.members
        if m.status is Status.ACCEPTED
    }
    blobs = [p.read_bytes() for p in (faulty.finished.public / "blobs").iterdir()]
    published = {parse_delta(b).tobytes() for b in blobs if b.startswith(b"FMD1")}
    assert published == {REVEALED[key].tobytes() for key in accepted}
    assert REVEALED.keys() > accepted


def test_run_verifies_when_its_network_was_bad(faulty):
    verdict = verify_run(faulty.finished.out)
    assert (verdict.rounds, verdict.members) == (4, 5)


def test_lost_commitment_is_spent_when_the_member_had_drawn_its_noise(faulty):
    """Member 1 worked and was not heard: the summary counts what the chain knows, its ledger more."""
    members = faulty.finished.summary["members"]
    assert members[1]["epsilon"] == pytest.approx(members[0]["epsilon"])
    assert members[4]["epsilon"] > members[0]["epsilon"]


def test_bare_network_gives_the_same_as_faults_that_only_delay(tmp_path, monkeypatch):
    tiny, few = replace(SMALL, members=2, rounds=1, cheats=()), made_up_mails(300)
    plain = execute(tiny, tmp_path / "plain", mails=few)
    late = [Delay(pulls=3), Replay(verbatim=True)]
    monkeypatch.setattr(run_module, "InProcessGrid", lambda clients: InProcessGrid(clients, faults=late))
    delayed = execute(tiny, tmp_path / "late", mails=few)
    index = "public/index.json"
    assert (delayed.out / index).read_bytes() == (plain.out / index).read_bytes()


def test_round_closes_when_no_member_has_a_node(tmp_path, monkeypatch):
    tiny, few = replace(SMALL, members=2, rounds=1, cheats=()), made_up_mails(300)
    honest = run_module.Ports
    monkeypatch.setattr(run_module, "Ports", lambda **ports: honest(**{**ports, "nodes": {}}))
    finished = execute(tiny, tmp_path, mails=few)
    assert {m.status for m in finished.run.reports[0].outcome.members} == {Status.ABSENT}
    assert {m["paid_wei"] for m in finished.summary["members"]} == {"0"}
    assert verify_run(tmp_path).paid_wei == 0
