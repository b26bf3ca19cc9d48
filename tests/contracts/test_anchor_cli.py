"""folkmoot anchor, on anvil: what it costs, what it prints, and what is left when it is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from aggregator.anchor_cli import anchor
from ceramic_bridge.bundle import pack
from ceramic_bridge.cli import events
from ceramic_bridge.session import open_store
from ceramic_bridge.siwe import to_iso
from ceramic_bridge.store.base import Query
from contracts.bindings.event_anchor import EventAnchor
from federation.cli import run_command
from tests.unit.ceramic_bridge.crowd import NOTES, OTHER, edit, note
from tests.unit.ceramic_bridge.crowd import anchor as invented

from .conftest import key

ROOT = Path(__file__).parents[2]
COMMUNITY = key("community")
FIRST, SECOND = note(1), note(2, model=OTHER)
CHANGE = edit(FIRST, "changed")

PROGRAM = """
import os, signal, sys
from aggregator.anchor_cli import anchor
from ceramic_bridge.store.sqlite import SqliteStore
from federation.cli import run_command
if {dies}:
    SqliteStore.add = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.exit(run_command(anchor, "folkmoot", sys.argv[1:]))
"""


def run(command, *args, capsys):
    code = run_command(command, "folkmoot", [str(arg) for arg in args])
    out, err = capsys.readouterr()
    return code, out, err


@dataclass
class Folkmoot:
    home: Path
    socket: Path
    capsys: object

    def sent(self, *args):
        return [*args, "--rpc", self.socket, "--key", "community", "--passphrase-file", self.home / "words"]

    def send(self, *args, yes=True):
        return run(anchor, *self.sent(*args), *(["--yes"] * yes), capsys=self.capsys)

    def check(self, *args):
        return run(anchor, "check", "--rpc", self.socket, *args, capsys=self.capsys)

    def events(self, *args):
        return run(events, *args, capsys=self.capsys)

    def start(self, *, dies):
        command = [sys.executable, "-c", PROGRAM.format(dies=dies), *map(str, self.sent("publish", "--yes"))]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def moot(home, node, capsys, monkeypatch):
    monkeypatch.chdir(home)
    with open_store(None) as store:
        store.add([FIRST, CHANGE, SECOND])
    return Folkmoot(home, node[1], capsys)


def nonce(chain):
    return chain.next_nonce(COMMUNITY.address)


@pytest.mark.slow
def test_events_are_dated_when_they_are_published_and_checked(moot, node):
    chain, _ = node
    assert moot.check()[0] == 3, "no contract is known yet"
    assert moot.send("publish")[0] == 3
    code, out, err = moot.send("deploy", "--dry-run", yes=False)
    assert (code, out, nonce(chain)) == (0, "", 0)
    assert re.search(r"from 0x\w{40}, nonce 0, at most \d+ wei for gas\n", err)
    code, out, _ = moot.send("deploy", "--format", "json")
    made = json.loads(out)["data"]
    assert (code, chain.code(made["contract"]) != b"") == (0, True)
    assert moot.check()[1:] == (
        "",
        "0 confirmed, 0 lack confirmations, 0 of other chains were not asked about\n",
    )

    code, out, err = moot.send("publish", "--dry-run", yes=False)
    assert (code, out, nonce(chain)) == (0, "", 1)
    assert f"anchor 3 events in 1 transactions to {made['contract']} on chain 31337" in err
    most, held = int(re.search(r"at most (\d+) wei", err)[1]), chain.balance(COMMUNITY.address)
    code, out, _ = moot.send("publish", "--model", OTHER)
    assert (code, out) == (0, "1 events anchored in 1 transactions, 0 completed\n")
    assert 0 < held - chain.balance(COMMUNITY.address) <= most
    code, out, _ = moot.send("publish", "--format", "json")
    assert json.loads(out)["data"] == {"anchored": 2, "recovered": 0, "transactions": 1}
    published = 1000 * chain.timestamp
    assert moot.send("publish")[1] == "0 events anchored in 0 transactions, 0 completed\n"
    assert nonce(chain) == 3

    moot.events("export", "all.car")
    assert "(not asked)" in moot.events("show", CHANGE.cid)[1]
    code, _, err = moot.check("--confirmations", 2)
    assert (code, "1 confirmed, 2 lack confirmations" in err) == (0, True)
    chain.mine(1)
    code, out, _ = moot.check("--confirmations", 2, "--format", "json")
    assert (code, len(json.loads(out)["data"]["confirmed"])) == (0, 3)
    then = set(json.loads(out)["data"]["confirmed"].values())
    assert max(then) == to_iso(published)
    shown = moot.events("show", CHANGE.cid)[1]
    assert f"anchored at {max(then)} (confirmed by chain eip155:31337)" in shown
    assert (
        "confirmed by eip155:31337"
        in moot.events("verify", "all.car", "--store", "home/data/events.sqlite")[2]
    )
    # A file is checked without a store, and says the same.
    code, out, _ = moot.check("all.car", "--format", "json")
    assert (code, set(json.loads(out)["data"]["confirmed"].values())) == (0, then)
    assert moot.check("all.car", "--model", NOTES)[0] == 2


@pytest.mark.slow
def test_check_fails_when_anchors_are_wrong(moot, node):
    chain, _ = node
    moot.send("deploy")
    other = EventAnchor.deploy(chain, key("aggregator"))
    snapshot = chain.snapshot()
    assert moot.send("publish")[0] == 0
    assert moot.check()[0] == 0
    code, out, err = moot.check("--contract", other.address)
    assert (code, out, err.count("is not to")) == (8, "", 3)
    assert "the store: 3 time events are wrong" in err
    assert moot.check("--contract", COMMUNITY.address)[0] == 8, "there is no code"
    assert moot.send("publish", "--contract", COMMUNITY.address)[0] == 8
    assert moot.check("--contract", "0x12")[0] == 2
    assert moot.check()[0] == 0
    chain.revert(snapshot)
    code, _, err = moot.check()
    assert (code, err.count("has no transaction")) == (8, 3)
    assert "(not asked)" in moot.events("show", FIRST.cid)[1]
    Path("one.car").write_bytes(pack([SECOND, *invented(SECOND)]))
    assert moot.check("one.car")[0] == 8


@pytest.mark.slow
def test_nothing_is_paid_twice_when_killed_behind_the_transaction(moot, node):
    chain, _ = node
    moot.send("deploy")
    assert moot.start(dies=True).wait(60) == -signal.SIGKILL
    assert nonce(chain) == 2, "it was sent"
    with open_store(None) as store:
        assert store.position() == 3, "and the store does not know"
        store.add([note(9)])
    code, out, err = moot.send("publish", "--dry-run", yes=False)
    assert (code, out, "anchor 1 events" in err) == (0, "", True)
    code, out, _ = moot.send("publish")
    assert (code, out) == (0, "1 events anchored in 1 transactions, 0 completed\n")
    assert nonce(chain) == 3
    with open_store(None) as store:
        assert len(store.page(Query(limit=100)).entries) == 8
    assert "4 confirmed" in moot.check()[2]


@pytest.mark.slow
def test_nothing_is_paid_twice_when_killed_before_the_transaction_is_mined(moot, node):
    chain, _ = node
    moot.send("deploy")
    chain._node.request("evm_setAutomine", False)
    with moot.start(dies=False) as process:
        for _ in range(600):
            if int(chain._node.request("eth_getTransactionCount", COMMUNITY.address, "pending"), 16) == 2:
                break
            time.sleep(0.1)
        process.kill()
    code, _, err = moot.send("publish")
    assert (code, "pending" in err) == (6, True)
    chain._node.request("evm_mine")
    chain._node.request("evm_setAutomine", True)
    code, out, _ = moot.send("publish")
    assert (code, out) == (0, "0 events anchored in 0 transactions, 3 completed\n")
    assert nonce(chain) == 2
    assert "3 confirmed" in moot.check()[2]
