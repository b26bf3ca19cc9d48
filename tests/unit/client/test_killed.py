"""Kill -9 at random points of a round, and two processes on one vault: nothing is drawn twice or unbooked."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from ceramic_bridge.events import decode
from client.budget import set_budget
from client.guard.client import ask
from client.home import socket_in
from client.ledger import PrivacyLedger
from federation.delta import delta_bytes
from federation.errors import PeerError
from federation.hashing import sha256
from federation.messages import COMMIT, REVEAL, CommitReply, CommitRequest, RevealReply, RevealRequest
from federation.privacy import Budget, increment, spend
from tests.agreed import DIM, DOMAIN
from tests.unit.client.nursery import (
    BASE,
    MANIFEST,
    NAME,
    ROUNDS,
    ROWS,
    make_vault,
    note,
    open_vault,
    put_root,
)

ROOT = Path(__file__).parents[3]
DRAWS = 2
"""Of a release: the noise's key and the commitment's salt."""

KILLED = -9


class Nursery:
    """Starts processes that are killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "tests.unit.client.nursery", str(folder)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, kind: str, argument: object, seconds: float) -> None:
        """Return once the process works."""
        self.process.stdin.write(f"{kind} {argument} {seconds}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ready\n"

    def end(self) -> tuple[float, int]:
        """Wait for its end; return how long it worked and its exit code."""
        lived, code = self.process.stdout.readline().split()
        return float(lived), int(code)

    def run(self, kind: str, argument: object, seconds: float = 60.0) -> tuple[float, int]:
        self.start(kind, argument, seconds)
        return self.end()


@contextmanager
def nursing(folder: Path):
    made = Nursery(folder)
    try:
        yield made
    finally:
        made.process.stdin.close()
        made.process.wait(60)
        made.process.stdout.close()


@pytest.fixture
def folder():
    """Short enough for a socket, with a vault in it."""
    made = Path(tempfile.mkdtemp(prefix="fm"))
    make_vault(made)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def nursery(folder):
    with nursing(folder) as made:
        yield made


def noted(folder: Path, file: str) -> list[str]:
    path = folder / file
    return path.read_text().splitlines() if path.exists() else []


def booked(folder: Path) -> set[str]:
    """Rounds in the ledger; the vault opens and its rows are there."""
    with open_vault(folder) as vault:
        assert list(vault.rows()) == ROWS
        ledger = PrivacyLedger(vault)
        with vault.storage.transaction(write=False) as db:
            found = {str(round_) for (round_,) in db.execute("SELECT round FROM releases")}
        costs = increment(MANIFEST.privacy.sigma) * len(found)
        assert ledger.spent().mu_squared == pytest.approx(costs, rel=1e-12)
        return found


def violations(folder: Path) -> list[str]:
    """What a ledger must never let happen, and did."""
    found = booked(folder)
    draws = Counter(noted(folder, "draws"))
    bad = [f"round {round_} was drawn {count} times" for round_, count in draws.items() if count > DRAWS]
    bad += [f"round {round_} was drawn and not booked" for round_ in draws.keys() - found]
    for file in ("events", "deltas"):
        rounds = Counter(line.split()[0] for line in set(noted(folder, file)))
        bad += [f"round {round_} sent two {file}" for round_, count in rounds.items() if count > 1]
    sent = {line.split()[0] for line in noted(folder, "events") + noted(folder, "deltas")}
    return bad + [f"round {round_} was sent and not booked" for round_ in sent - found]


def test_harness_finds_a_draw_that_was_not_booked(folder, nursery):
    assert nursery.run("eager", 1)[1] == KILLED
    assert violations(folder) == ["round 1 was drawn and not booked"]


def test_harness_finds_a_second_draw(folder, nursery):
    assert nursery.run("forgetful", 1)[1] == 0
    assert violations(folder) == ["round 1 was drawn 3 times"]


def test_round_is_whole_when_nobody_is_killed(folder, nursery):
    for _ in range(2):
        assert nursery.run("round", 1)[1] == 0
    assert not violations(folder)
    assert [len(noted(folder, file)) for file in ("draws", "events", "deltas")] == [2, 2, 2]


def kill_rounds(folder: Path, nursery: Nursery, points: int) -> None:
    """Kill at a random point of each round, at one of its retry, then let it come to its end."""
    lived = median(nursery.run("round", ROUNDS - i)[0] for i in range(3))
    rng, killed = random.Random(5), 0
    for round_ in range(1, points + 1):
        killed += nursery.run("round", round_, rng.uniform(0, lived))[1] == KILLED
        nursery.run("round", round_, rng.uniform(0, lived))
        assert nursery.run("round", round_)[1] == 0
        assert not violations(folder)
    lost = set(noted(folder, "lost"))
    finished = {line.split()[0] for line in noted(folder, "deltas")}
    assert lost | finished >= {str(round_) for round_ in range(1, points + 1)}
    assert not lost & finished
    assert killed > points / 2, "the points must lie within the round"


def test_nothing_is_drawn_twice_or_unbooked_when_a_member_is_killed(folder, nursery):
    kill_rounds(folder, nursery, 5)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_drawn_twice_or_unbooked_when_a_member_is_killed_at_200_points(folder, nursery):
    kill_rounds(folder, nursery, 200)


def ask_for(folder: Path, round_: int) -> None:
    """Ask the guard for a whole round, and note what it gave."""
    socket = socket_in(folder, NAME)
    asked = CommitRequest(domain=DOMAIN, round=round_, base=BASE)
    event = decode(CommitReply.parse(ask(socket, COMMIT, asked.records(), patience=20)).event)
    note(folder, "events", f"{round_} {event.cid}")
    put_root(folder, round_, event.payload.content)
    records = RevealRequest(domain=DOMAIN, round=round_, proof=()).records()
    reply = RevealReply.parse(ask(socket, REVEAL, records, patience=20), dim=DIM)
    note(folder, "deltas", f"{round_} {sha256(delta_bytes(reply.delta) + reply.salt).hex()}")


def ask_on(folder: Path, round_: int) -> int:
    """Ask for round after round until the guard is gone; return the round it was gone in."""
    while True:
        try:
            ask_for(folder, round_)
        except PeerError as error:
            if error.message != "the guard refuses":
                return round_
            note(folder, "lost", str(round_))
        round_ += 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_drawn_twice_or_unbooked_when_the_guard_is_killed_under_a_client(folder, nursery):
    rng, round_, lived = random.Random(6), 1, 0.0
    for _ in range(2):
        nursery.start("guard", "-", 3)
        began = time.monotonic()
        ask_for(folder, round_)
        lived, round_ = time.monotonic() - began, round_ + 1
        assert nursery.end()[1] == KILLED
    finished, kills = set(), 0
    # On a busy machine a guard may seldom live long enough to answer.
    while kills < 60 or len(finished) < 20:
        nursery.start("guard", "-", rng.uniform(0, 2 * lived))
        # Where it was killed, the next guard is asked again.
        round_ = ask_on(folder, round_)
        assert nursery.end()[1] == KILLED
        assert not violations(folder)
        finished, kills = {line.split()[0] for line in noted(folder, "deltas")}, kills + 1
    assert finished.isdisjoint(noted(folder, "lost"))


def test_budget_holds_when_two_federations_race_on_one_vault(folder):
    # Each would take 200 rounds, and its own budget has room for them.
    allowed, budget = 40, MANIFEST.privacy.budget
    epsilon = spend([MANIFEST.privacy.sigma] * allowed, budget.delta).epsilon
    with open_vault(folder) as vault:
        set_budget(vault, Budget(epsilon=epsilon, delta=budget.delta))
    with nursing(folder) as one, nursing(folder) as two:
        one.start("race", "red", 120)
        two.start("race", "blue", 120)
        (folder / "go").touch()
        assert [one.end()[1], two.end()[1]] == [0, 0]
    taken = Counter(noted(folder, "committed"))
    assert sum(taken.values()) == allowed
    assert min(taken.values()) > 0, "both must have raced"
    with open_vault(folder) as vault:
        assert PrivacyLedger(vault).spent().epsilon == epsilon
