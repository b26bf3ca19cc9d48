"""Every fault on the grid, in every phase, at one member and at 30 % of them at once.

The others end up exactly as in a run in which the faulty members were not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict

from aggregator.driver import RoundReport
from benchmarks.crowd import Federation
from client.app import build_client_app
from federation.fixedpoint import Ints
from federation.grid import Crash, Delay, Drop, Fault, InProcessGrid, Offline, Replay, Tamper
from federation.messages import ACKNOWLEDGE, COMMIT, REVEAL
from federation.rounds import MemberOutcome, Status
from federation.types import Did

MEMBERS, DIM = 10, 256
FAULTY = {"one": 1, "many": 3}
ROUND = 2
"""The faults strike in the second round: in the first there is nothing yet to be sent again."""


def changed(records: Callable[[RecordDict], RecordDict]) -> Callable[[Message], Message]:
    def edit(message: Message) -> Message:
        message.content = records(message.content)
        return message

    return edit


def with_delta(make: Callable[[Ints], np.ndarray]) -> Callable[[Message], Message]:
    def edit(content: RecordDict) -> RecordDict:
        delta = content.array_records["arrays"]["delta"].numpy()
        return RecordDict({**content, "arrays": ArrayRecord({"delta": Array(make(delta))})})

    return changed(edit)


def with_event(make: Callable[[bytes], bytes]) -> Callable[[Message], Message]:
    def edit(content: RecordDict) -> RecordDict:
        return RecordDict(
            {"commit": ConfigRecord({"event": make(content.config_records["commit"]["event"])})}
        )

    return changed(edit)


def with_nan(delta: Ints) -> np.ndarray:
    return np.where(np.arange(len(delta)) == 1, np.nan, delta.astype(np.float64))


NETWORK: dict[str, dict[str, object]] = {
    "request-lost": {"fault": Drop, "after": False},
    "reply-lost": {"fault": Drop, "after": True},
    "crash-before": {"fault": Crash, "after": False},
    "crash-after": {"fault": Crash, "after": True},
    "offline": {"fault": Offline},
    "late": {"fault": Delay, "pulls": 10_000},
    "earlier-reply": {"fault": Replay},
    "empty": {"fault": Tamper, "edit": changed(lambda _: RecordDict({}))},
    "other-records": {"fault": Tamper, "edit": changed(lambda _: RecordDict({"x": ConfigRecord({"y": 1})}))},
}
AT_COMMIT: dict[str, dict[str, object]] = {
    **NETWORK,
    "garbage": {"fault": Tamper, "edit": with_event(lambda _: b"\xff" * 200)},
    "cut": {"fault": Tamper, "edit": with_event(lambda event: event[:-1])},
    "bit-flipped": {"fault": Tamper, "edit": with_event(lambda e: e[:-9] + bytes([e[-9] ^ 1]) + e[-8:])},
    "oversize": {"fault": Tamper, "edit": with_event(lambda event: event + bytes(1 << 20))},
}
AT_REVEAL: dict[str, dict[str, object]] = {
    **{name: fault for name, fault in NETWORK.items() if name != "earlier-reply"},
    "nan": {"fault": Tamper, "edit": with_delta(with_nan)},
    "infinite": {"fault": Tamper, "edit": with_delta(lambda delta: delta * np.inf)},
    "floats": {"fault": Tamper, "edit": with_delta(lambda delta: delta.astype(np.float64))},
    "short": {"fault": Tamper, "edit": with_delta(lambda delta: delta[:-1])},
    "matrix": {"fault": Tamper, "edit": with_delta(lambda delta: delta.reshape(16, -1))},
    "oversize": {"fault": Tamper, "edit": with_delta(lambda _: np.zeros(1 << 20, dtype=np.int64))},
    "other": {"fault": Tamper, "edit": with_delta(lambda delta: delta + 1)},
    "scaled": {"fault": Tamper, "edit": with_delta(lambda delta: delta * 10)},
}
HARMLESS: dict[str, dict[str, object]] = {
    "twice": {"fault": Replay, "verbatim": True},
    "slow": {"fault": Delay, "pulls": 3},
}


class World:
    """One open epoch, to which the chain goes back before every run."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation
        self._fresh = federation.chain.snapshot()

    @property
    def nodes(self) -> list[int]:
        return list(self._federation.members)

    def did(self, node: int) -> Did:
        return self._federation.members[node].did

    def run(self, faults: Sequence[Fault] = ()) -> RoundReport:
        """Play both rounds from the beginning, and return the second."""
        chain = self._federation.chain
        chain.revert(self._fresh)
        self._fresh = chain.snapshot()
        apps = {node: build_client_app(member, dim=DIM) for node, member in self._federation.members.items()}
        driver = self._federation.connect(InProcessGrid(apps, faults=faults))
        return [driver.run_round() for _ in range(ROUND)][-1]


@dataclass(frozen=True)
class Without:
    """What the others get when some members are not there at all."""

    faulty: list[int]
    report: RoundReport


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(Federation(tmp_path_factory.mktemp("matrix"), members=MEMBERS, dim=DIM, rounds=ROUND))


@pytest.fixture(scope="module")
def undisturbed(world) -> RoundReport:
    return world.run()


@pytest.fixture(scope="module", params=[*FAULTY])
def without(world, request) -> Without:
    faulty = world.nodes[2 : 2 + FAULTY[request.param]]
    gone = [Offline(node_id=node, message_type=COMMIT, occurrence=ROUND) for node in faulty]
    return Without(faulty, world.run(gone))


def lines(report: RoundReport) -> dict[Did, MemberOutcome]:
    return {line.did: line for line in report.outcome.members}


def strike(world: World, nodes: Sequence[int], phase: str, wrong: dict[str, object]) -> RoundReport:
    options = {name: value for name, value in wrong.items() if name != "fault"}
    make = wrong["fault"]
    assert callable(make)
    return world.run([make(node_id=n, message_type=phase, occurrence=ROUND, **options) for n in nodes])


CASES = [
    *product([COMMIT], AT_COMMIT.items()),
    *product([REVEAL], AT_REVEAL.items()),
]


@pytest.mark.parametrize(("phase", "case"), CASES, ids=[f"{phase}-{name}" for phase, (name, _) in CASES])
def test_others_are_paid_as_without_the_faulty_when_a_phase_goes_wrong(world, without, phase, case):
    report = strike(world, without.faulty, phase, case[1])
    found, expected = lines(report), lines(without.report)
    faulty = {world.did(node) for node in without.faulty}
    assert {did: line for did, line in found.items() if did not in faulty} == {
        did: line for did, line in expected.items() if did not in faulty
    }
    assert np.array_equal(report.outcome.state.weights, without.report.outcome.state.weights)
    assert report.outcome.improvement == without.report.outcome.improvement
    for did in faulty:
        assert found[did].status in {Status.ABSENT, Status.SILENT, Status.REJECTED}
        assert (found[did].status is Status.REJECTED) == bool(found[did].reason)
        assert found[did].credit <= 0


@pytest.mark.parametrize("name", [*NETWORK])
def test_everybody_is_paid_as_usual_when_acknowledgements_go_wrong(world, undisturbed, name):
    for many in FAULTY.values():
        report = strike(world, world.nodes[:many], ACKNOWLEDGE, NETWORK[name])
        assert lines(report) == lines(undisturbed)


@pytest.mark.parametrize("name", [*HARMLESS])
@pytest.mark.parametrize("phase", [COMMIT, REVEAL, ACKNOWLEDGE])
def test_everybody_is_paid_as_usual_when_replies_come_twice_or_slowly(world, undisturbed, phase, name):
    for many in FAULTY.values():
        assert lines(strike(world, world.nodes[:many], phase, HARMLESS[name])) == lines(undisturbed)


def test_earlier_reveal_is_as_good_as_a_new_one_when_a_member_repeats_itself(world, undisturbed):
    """A scripted member's delta and salt are always the same, and open its new commitment too."""
    report = strike(world, world.nodes[:3], REVEAL, NETWORK["earlier-reply"])
    assert lines(report) == lines(undisturbed)
