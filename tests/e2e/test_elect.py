"""folkmoot validation elect, reading a chain whose blocks nobody could choose."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aggregator.validation.cli import validation
from aggregator.validation.election import Announcement, Statement
from contracts.accounts import Account
from contracts.bindings.event_anchor import EventAnchor
from federation.cli import run_command
from federation.hashing import sha256
from federation.roster import Roster
from tests.e2e.chainserver import SharedChain, served
from tests.unit.aggregator.validation.test_election import standing

pytestmark = pytest.mark.enable_socket

SOMEBODY = Account(sha256(b"somebody"))


@dataclass
class Polls:
    chain: SharedChain
    anchor: EventAnchor
    rpc: str
    folder: Path
    capsys: Any

    def elect(self, *words: object) -> tuple[int, str, str]:
        arguments = ["elect", *words, "--rpc", self.rpc, "--anchor", self.anchor.address]
        code = run_command(validation, "folkmoot validation", list(map(str, arguments)))
        out, err = self.capsys.readouterr()
        return code, out, err

    def announce(self, *, block: int, late: bool = False) -> Path:
        made = Announcement.of(standing(6), chain_id=self.chain.chain_id, block=block, seats=3)
        if late:
            self.chain.mine(block - self.chain.block_number)
        self.anchor.anchor_dag_cbor(SOMEBODY, made.digest)
        (self.folder / "announcement.json").write_bytes(made.to_bytes())
        return self.folder / "announcement.json"

    def draw(self) -> Path:
        path = self.announce(block=self.chain.block_number + 5)
        self.chain.mine(10)
        code, out, err = self.elect("--announcement", path)
        assert code == 0, err
        (self.folder / "election.json").write_text(out)
        return self.folder / "election.json"


@pytest.fixture
def polls(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path / "home"))
    chain = SharedChain(1_700_000_000, [SOMEBODY.address], chain_id=31337)
    anchor = EventAnchor.deploy(chain, SOMEBODY)
    with served(chain) as rpc:
        yield Polls(chain, anchor, rpc, tmp_path, capsys)


def test_election_is_confirmed_by_anybody_when_it_was_held_as_announced(polls):
    path = polls.draw()
    held = Statement.parse(path.read_bytes())
    assert held.beacon == polls.chain.block_hash(held.announcement.block)
    code, out, _ = polls.elect("--check", path)
    assert code == 0
    assert out.splitlines()[1:] == list(held.elected)
    code, out, _ = polls.elect("--check", path, "--format", "json")
    assert json.loads(out)["data"]["elected"] == list(held.elected)


def test_election_is_refused_when_another_block_was_used(polls):
    path = polls.draw()
    held = Statement.parse(path.read_bytes())
    path.write_bytes(Statement.hold(held.announcement, sha256(b"mine"), held.anchor).to_bytes())
    code, _, err = polls.elect("--check", path)
    assert code == 8
    assert "has another hash" in err


def test_election_is_refused_when_it_was_announced_too_late(polls):
    path = polls.announce(block=polls.chain.block_number + 2, late=True)
    polls.chain.mine(3)
    code, out, err = polls.elect("--announcement", path)
    assert (code, out) == (8, "")
    assert "was not anchored" in err


def test_election_waits_when_its_block_lacks_confirmations(polls):
    path = polls.announce(block=polls.chain.block_number + 3)
    polls.chain.mine(2)
    code, _, err = polls.elect("--announcement", path, "--confirmations", 3)
    assert code == 6
    assert "lacks confirmations" in err
    polls.chain.mine(2)
    assert polls.elect("--announcement", path, "--confirmations", 3)[0] == 0


def test_command_is_refused_when_it_is_not_said_what_to_do(polls):
    assert polls.elect()[0] == 2
    (polls.folder / "list.csv").write_text("did,account\n")
    assert polls.elect("--candidates", polls.folder / "list.csv")[0] == 2


@pytest.mark.parametrize("form", ["csv", "json"])
def test_member_is_refused_when_it_stands(polls, form):
    people = standing(4)
    listed = polls.folder / "list"
    if form == "csv":
        listed.write_text("account,did\n" + "".join(f"{p.account},{p.did}\n" for p in people))
    else:
        listed.write_text(json.dumps([{"did": p.did, "account": p.account} for p in people]))
    roster = polls.folder / "roster.json"
    roster.write_bytes(Roster({people[2].did: 3}, bytes(64)).to_bytes())
    words = ["--candidates", listed, "--roster", roster, "--key", "nobody"]
    code, _, err = polls.elect(*words)
    assert code == 3
    assert "is a member" in err
    roster.write_bytes(Roster({SOMEBODY.address: 3}, bytes(64)).to_bytes())
    code, _, err = polls.elect(*words)
    assert "cannot be read" in err  # only the keyfile is missing now


@pytest.mark.parametrize(
    "text", ["did,account\nx,y\n", "a,b\n1,2\n", "[1]", "[", 'did,account\n"', "did,account\n" + "\0"]
)
def test_list_is_refused_when_a_row_is_no_candidate(polls, text):
    (polls.folder / "list.csv").write_text(text)
    code, out, _ = polls.elect("--candidates", polls.folder / "list.csv", "--key", "nobody")
    assert (code, out) == (3, "")
