"""Epoch after epoch: what can pass is waited for, and what the operator wants is obeyed."""

from __future__ import annotations

import json
import sqlite3

import pytest

from aggregator.happenings import Happening, Wanted
from aggregator.operator.control import FileControl
from aggregator.operator.running import EpochControl, Runner, passes
from contracts.bindings.structs import Phase
from federation.errors import ChainError, ConfigError, PeerError, Reverted, VerificationFailed


class Ended(BaseException):
    """The test is over."""


class Waits:
    """Counts what is waited for; ends a test that waits too often."""

    def __init__(self, most: int = 20) -> None:
        self.waited: list[float] = []
        self.most, self.then = most, lambda: None

    def check(self) -> None:
        if len(self.waited) >= self.most:
            raise Ended

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.then()
        self.check()


class Contract:
    """A federation that is closed after each epoch that was run."""

    def __init__(self) -> None:
        self.number, self.state = 0, Phase.CLOSED
        self.troubles: list[Exception] = []

    def epoch(self) -> int:
        if self.troubles:
            raise self.troubles.pop()
        return self.number

    def phase(self) -> Phase:
        return self.state


class Memory:
    def __init__(self) -> None:
        self.kept: dict[tuple[int, int, str], bytes] = {}

    def recall(self, *key):
        return self.kept.get(key)

    def record(self, epoch, round_, step, value):
        self.kept[epoch, round_, step] = value

    def steps(self, epoch, round_, prefix):
        return {}


class World:
    def __init__(self, folder) -> None:
        self.contract, self.memory, self.waits = Contract(), Memory(), Waits()
        self.control = FileControl(folder / "control.json")
        self.told: list[Happening] = []
        self.rosters = {1, 2, 3}
        self.run: list[int] = []
        self.fails: list[Exception] = []

    def runner(self) -> Runner:
        return Runner(
            self.contract,
            journal=self.memory,
            control=self.control,
            run_epoch=self.one,
            watch=self.told.append,
            waiting=self.waits,
            clock=lambda: 0.0,
        )

    def one(self, number: int, control: EpochControl) -> bool:
        if number not in self.rosters:
            return False
        self.contract.number, self.contract.state = number, Phase.COMMIT
        if self.fails:
            raise self.fails.pop(0)
        self.wanted = control.wanted()
        self.contract.state = Phase.CLOSED
        self.run.append(number)
        return True

    def kinds(self) -> list[str]:
        return [one.kind for one in self.told]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_epochs_are_run_one_after_the_other_when_there_are_rosters(world):
    world.runner().run(3)
    assert (world.run, world.kinds(), world.waits.waited) == ([1, 2, 3], [], [])


def test_epoch_is_taken_up_again_when_the_process_ended_in_it(world):
    world.contract.number, world.contract.state = 2, Phase.REVEAL
    world.runner().run(1)
    assert world.run == [2]


def test_epoch_is_taken_up_again_when_the_process_ended_after_its_last_transaction(world):
    world.contract.number = 1
    world.runner().run(2)
    assert world.run == [1, 2]
    world.run.clear()
    world.rosters.add(4)
    world.runner().run(2)
    assert world.run == [3, 4]


def test_roster_is_waited_for_and_said_once_when_it_is_not_there(world):
    world.rosters = set()
    with pytest.raises(Ended):
        world.runner().run(None)
    assert world.kinds() == ["waiting-for-roster"]
    world.waits = Waits()
    world.waits.then = lambda: world.rosters.add(1)
    world.runner().run(1)
    assert world.run == [1]


def test_next_epoch_is_run_when_nothing_is_known_of_the_last_but_that_it_is_over(world):
    world.contract.number, world.rosters = 4, {5}
    world.runner().run(1)
    assert world.run == [5]


def test_roster_is_waited_for_when_nothing_is_known_of_an_epoch_under_way(world):
    world.contract.number, world.contract.state, world.rosters = 4, Phase.COMMIT, {5}
    with pytest.raises(Ended):
        world.runner().run(1)
    assert (world.run, world.kinds()) == ([], ["waiting-for-roster"])


@pytest.mark.parametrize(
    "error", [PeerError("away"), ChainError("away"), Reverted("NotFunded"), OSError(28, "No space left")]
)
def test_trouble_is_waited_out_and_told_when_it_can_pass(world, error):
    world.fails = [error] * 8
    world.runner().run(1)
    assert world.run == [1]
    assert world.waits.waited == [2, 4, 8, 16, 32, 60, 60, 60]
    told = [one.facts for one in world.told if one.kind == "waiting"]
    assert len(told) == 8
    assert str(getattr(error, "message", error)) == told[0]["reason"]


def test_full_disk_is_waited_out_when_the_journal_meets_it(world):
    full = ConfigError("the journal cannot be used: database or disk is full")
    full.__cause__ = sqlite3.OperationalError("database or disk is full")
    damaged = ConfigError("the journal cannot be used: malformed")
    damaged.__cause__ = sqlite3.DatabaseError("malformed")
    assert (passes(full), passes(damaged)) == (True, False)
    world.fails = [full]
    world.runner().run(1)
    assert world.run == [1]


def test_chain_is_waited_for_when_it_is_away_between_epochs(world):
    world.contract.troubles = [ChainError("away")] * 2
    world.runner().run(1)
    assert world.run == [1]


@pytest.mark.parametrize("error", [VerificationFailed("x", "y"), ConfigError("x"), RuntimeError("bug")])
def test_runner_ends_when_something_does_not_pass(world, error):
    world.fails = [error]
    with pytest.raises(type(error)):
        world.runner().run(1)


def test_next_epoch_is_not_opened_when_paused(world):
    world.control.want(Wanted.PAUSE)
    with pytest.raises(Ended):
        world.runner().run(None)
    assert (world.run, world.kinds()) == ([], ["paused"])
    world.waits = Waits()
    world.waits.then = lambda: world.control.want(Wanted.RUN)
    world.runner().run(1)
    assert world.run == [1]


def test_epoch_under_way_goes_on_when_paused(world):
    world.contract.number, world.contract.state = 1, Phase.SETTLE
    world.control.want(Wanted.PAUSE)
    world.runner().run(1)
    assert (world.run, world.wanted) == ([1], Wanted.PAUSE)


def test_cancellation_ends_one_epoch_and_pauses_when_it_is_obeyed(world):
    world.contract.number, world.contract.state = 1, Phase.OPEN
    world.control.want(Wanted.CANCEL, epoch=1)
    with pytest.raises(Ended):
        world.runner().run(None)
    assert (world.run, world.wanted) == ([1], Wanted.CANCEL)
    assert world.control.wanted() is Wanted.PAUSE


def test_cancellation_says_nothing_of_another_epoch(world):
    world.control.want(Wanted.CANCEL, epoch=1)
    assert EpochControl(world.control, 1, world.waits).wanted() is Wanted.CANCEL
    assert EpochControl(world.control, 2, world.waits).wanted() is Wanted.RUN


def test_control_ends_the_process_when_that_was_asked(world):
    world.waits.waited = [1.0] * world.waits.most
    with pytest.raises(Ended):
        EpochControl(world.control, 1, world.waits).wanted()


@pytest.mark.parametrize("text", ["", "{}", '{"format": "folkmoot-control-1", "wanted": "tea"}'])
def test_control_is_refused_when_its_file_says_something_else(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ConfigError, match="does not say"):
        FileControl(tmp_path / "c.json").wanted()


def test_control_lasts_when_it_is_said_once(tmp_path):
    control = FileControl(tmp_path / "c.json")
    assert (control.wanted(), control.cancelled) == (Wanted.RUN, 0)
    control.want(Wanted.CANCEL, epoch=4)
    again = FileControl(tmp_path / "c.json")
    assert (again.wanted(), again.cancelled) == (Wanted.CANCEL, 4)
    assert json.loads((tmp_path / "c.json").read_text())["wanted"] == "cancel"
    again.want(Wanted.RUN)
    assert (control.wanted(), control.cancelled) == (Wanted.RUN, 0)


def test_pause_and_resume_are_kept_when_they_are_typed(run, office):
    home = office.found()
    control = FileControl(home.control)
    assert run("pause").code == 0
    assert control.wanted() is Wanted.PAUSE
    assert run("resume", "small").code == 0
    assert control.wanted() is Wanted.RUN
    control.want(Wanted.CANCEL, epoch=1)
    assert run("pause").code == 3
    assert control.wanted() is Wanted.CANCEL


def test_commands_are_refused_when_there_is_no_such_federation(run, office):
    for words in (("pause",), ("resume", "other"), ("cancel", "--yes"), ("status",), ("rounds", "ls")):
        assert run(*words).code == 3
    assert not office.home.path.exists()
