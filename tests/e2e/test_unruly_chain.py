"""An epoch on a chain that takes blocks back, and behind a node that is away now and then."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from aggregator.public import PublicDirectory
from contracts.abi import selector
from contracts.backends.anvil import AnvilChain, AnvilNode, AnvilOptions
from contracts.backends.anvil_binary import find_anvil
from contracts.backends.patience import Patience
from contracts.backends.transport import NodeTransport
from contracts.view import End
from examples.spam_detection.run import GENESIS_TIME
from federation.errors import ChainError, ConfigError
from tests.operated import Standing

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]
DEPTH = 3


@pytest.fixture
def node():
    try:
        binary = find_anvil(os.environ)
    except ConfigError as error:
        pytest.skip(f"{error.message}; {error.hint}")
    with AnvilNode(AnvilOptions(binary=binary, genesis_time=GENESIS_TIME)) as running:
        yield running


@pytest.fixture
def connect(node):
    made = []

    def connected(**more):
        made.append(NodeTransport(str(node.socket)))
        return AnvilChain(made[-1], **more)

    yield connected
    for transport in made:
        transport.close()


@pytest.fixture
def standing(connect, tmp_path):
    chain = connect()

    def funded(_time, accounts, **_more):
        for account in accounts:
            chain.give_gas(account)
        return chain

    made = Standing(tmp_path / "run")
    made.found(funded)
    chain.mine(DEPTH)
    yield made
    made.close()


class Turning:
    """Whenever somebody waits a block is made; now and then the last three are made again, empty."""

    def __init__(self, chain, every):
        self.chain, self.every, self.time, self.waits, self.reorganised = chain, every, 0.0, 0, 0

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds
        self.waits += 1
        if self.every and self.waits % self.every == 0:
            self.chain._node.request("anvil_reorg", DEPTH, [])
            self.reorganised += 1
        self.chain.mine()


class Away:
    """A node that does not answer some requests, for a while each."""

    def __init__(self, inner, seed):
        self.inner, self.random, self.left, self.outages = inner, random.Random(seed), 0, 0

    def request(self, method, *params):
        if not self.left and self.random.random() < 1 / 150:
            self.left = self.random.randint(1, 4)
            self.outages += 1
        if self.left:
            self.left -= 1
            raise ChainError("the node does not answer")
        return self.inner.request(method, *params)


def calls(chain, since):
    found = Counter()
    for number in range(since + 1, chain.block_number + 1):
        for sent in chain._node.request("eth_getBlockByNumber", hex(number), True)["transactions"]:
            found[sent["input"][:10]] += chain.transaction(bytes.fromhex(sent["hash"][2:])).succeeded
    return found


def run(standing, chain, clock):
    with standing.running(
        chain=chain,
        public=PublicDirectory(standing.settings.out / "staging"),
        claim=True,
    ) as running:
        running._clock = clock
        return running.run(standing.plan())


def check(standing, chain, report, since):
    assert (report.end, report.rounds) == (End.REVEALED, 2)
    assert standing.deployment.pool.root() == report.payout_root
    found = calls(chain, since)
    names = {
        "closeCommits(bytes32)": 2,
        "closeReveals(bytes32)": 2,
        "drawShard(bytes32[])": 2,
        "openRound(bytes32)": 2,
        "recordRound(bytes32,bytes32,bytes32,bytes32)": 2,
        "revealEpoch(bytes32)": 1,
        "propose(bytes32,uint256,bytes32)": 1,
        "finalize()": 1,
    }
    assert {name: found["0x" + selector(name).hex()] for name in names} == names
    assert sum(report.due.values()) == standing.deployment.pool.total_paid() > 0


@pytest.mark.parametrize("every", [5, 7])
def test_epoch_is_paid_when_three_blocks_are_taken_back_again_and_again(standing, connect, every):
    behind = connect()
    patience = Patience(confirmations=DEPTH + 1, timeout=300, poll=0.05)
    chain, since = connect(patience=patience), behind.block_number
    clock = chain._clock = Turning(behind, every)
    report = run(standing, chain, clock)
    assert clock.reorganised > 5
    check(standing, behind, report, since)


@pytest.mark.parametrize("seed", [1, 2])
def test_epoch_is_paid_when_the_node_is_away_now_and_then(standing, connect, seed):
    behind, chain = connect(), connect()
    since, away = behind.block_number, Away(chain._node, seed)
    chain._node = away
    report = run(standing, chain, Turning(behind, 0))
    assert away.outages > 2
    check(standing, behind, report, since)
