"""One small federation, moved to whatever phase a test is about, on an embedded chain and on anvil."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import pytest

from contracts.accounts import Account
from contracts.backends.anvil import AnvilChain, AnvilNode, AnvilOptions
from contracts.backends.anvil_binary import find_anvil
from contracts.backends.embedded import EmbeddedChain
from contracts.backends.transport import NodeTransport
from contracts.bindings.federation import EpochTerms
from contracts.deploy import Deployment, deploy_federation
from federation.errors import ConfigError, Reverted
from federation.hashing import keccak256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from contracts.chain import Chain
    from federation.types import Address, Hash32

TIME = 1_700_000_000
WINDOW = 3600
DELAY = 2
FUNDS = 10**21


def key(name: str) -> Account:
    return Account(keccak256(f"key of {name}".encode()))


def h(name: str) -> Hash32:
    return keccak256(name.encode())


def chain_of(provider: int, length: int) -> list[Hash32]:
    """A provider's hash chain: element i is the preimage of element i - 1; element 0 is the tip."""
    links = [h(f"provider {provider}")]
    for _ in range(length):
        links.append(keccak256(links[-1]))
    return links[::-1]


@dataclass
class World:
    chain: Chain
    community: Account
    aggregator: Account
    stranger: Account
    deployed: Deployment
    rounds_drawn: int = 0
    providers: list[list[Hash32]] = field(default_factory=lambda: [chain_of(i, 40) for i in range(3)])

    @property
    def federation(self):
        return self.deployed.federation

    @property
    def pool(self):
        return self.deployed.pool

    def fund(self, amount: int = FUNDS) -> None:
        token = self.deployed.token
        token.mint(self.community, self.community.address, amount)
        token.approve(self.community, self.pool.address, amount)
        self.pool.fund(self.community, amount)

    def terms(self, **changes) -> EpochTerms:
        values = {
            "validation_root": h("validation"),
            "mean_hash": h("mean"),
            "public_hash": h("public"),
            "roster_hash": h("roster"),
            "shards": 3,
            "rounds": 2,
            "bounty": 10**24,
            "funds": FUNDS,
            "provider_tips": tuple(links[self.rounds_drawn] for links in self.providers),
        }
        return EpochTerms(**(values | changes))

    def open(self, **changes) -> None:
        self.federation.open_epoch(self.aggregator, self.terms(**changes))

    def preimages(self) -> tuple[Hash32, ...]:
        return tuple(links[self.rounds_drawn + 1] for links in self.providers)

    def to_draw(self, name: str = "r") -> None:
        self.federation.open_round(self.aggregator, h(f"{name} base"))
        self.federation.close_commits(self.aggregator, h(f"{name} commit"))
        self.federation.close_reveals(self.aggregator, h(f"{name} reveal"))

    def draw(self) -> None:
        self.chain.mine(DELAY)
        self.federation.draw_shard(self.stranger, self.preimages())
        self.rounds_drawn += 1

    def record(self, events_root: Hash32 | None = None, name: str = "r") -> None:
        self.federation.record_round(
            self.aggregator,
            model_hash=h(f"{name} model"),
            events_root=events_root or h(f"{name} events"),
            trace_root=h(f"{name} trace"),
            receipt_hash=h(f"{name} receipt"),
        )

    def play_round(self, events_root: Hash32 | None = None, name: str = "r") -> None:
        self.to_draw(name)
        self.draw()
        self.record(events_root, name)

    def settle(self, root: Hash32, total: int) -> None:
        self.federation.reveal_epoch(self.aggregator, h("shards"))
        self.federation.propose(self.aggregator, root, total)
        self.chain.advance_time(WINDOW)
        self.federation.finalize(self.stranger)


class Backend:
    """Opens chains of one kind, and closes them all."""

    def __init__(self, anvil: Path | None) -> None:
        self._anvil = anvil
        self._open = ExitStack()

    def open(self, funded: list[Address], chain_id: int) -> Chain:
        if self._anvil is None:
            return EmbeddedChain(TIME, funded, chain_id=chain_id)
        options = AnvilOptions(binary=self._anvil, chain_id=chain_id, genesis_time=TIME)
        node = self._open.enter_context(AnvilNode(options))
        transport = NodeTransport(str(node.socket))
        self._open.callback(transport.close)
        chain = AnvilChain(transport)
        for address in funded:
            chain.give_gas(address)
        return chain

    def close(self) -> None:
        self._open.close()


BACKENDS = [Backend(None)]
"""The last one is what ``make_world`` opens its chain with."""
ON_EVERY_BACKEND = ("test_federation", "test_reward_pool", "test_contributor_registry", "test_chain")


def no_anvil(error: ConfigError) -> NoReturn:
    pytest.skip(f"{error.message}; {error.hint}")


@pytest.fixture(scope="session")
def anvil() -> Path:
    try:
        return find_anvil(os.environ)
    except ConfigError as error:
        no_anvil(error)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2] in ON_EVERY_BACKEND:
        kinds = ["embedded", pytest.param("anvil", marks=pytest.mark.slow)]
        metafunc.parametrize("backend", kinds, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def backend(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have worlds made on one kind of chain."""
    kind = getattr(request, "param", "embedded")
    made = Backend(request.getfixturevalue("anvil") if kind == "anvil" else None)
    BACKENDS.append(made)
    yield
    BACKENDS.remove(made)
    made.close()


def make_world(chain_id: int = 31337) -> World:
    community, aggregator, stranger = key("community"), key("aggregator"), key("stranger")
    chain = BACKENDS[-1].open([community.address, aggregator.address, stranger.address], chain_id)
    deployed = deploy_federation(
        chain,
        community,
        aggregator.address,
        manifest_hash=h("manifest"),
        challenge_window=WINDOW,
        draw_delay=DELAY,
    )
    return World(chain, community, aggregator, stranger, deployed)


@contextmanager
def refused(name: str, *args: object) -> Iterator[None]:
    """Expect a custom error with exactly these values."""
    with pytest.raises(Reverted) as info:
        yield
    assert (info.value.name, info.value.args_) == (name, args)


@pytest.fixture
def world() -> World:
    made = make_world()
    made.fund()
    return made


@pytest.fixture
def new_world() -> Callable[[], World]:
    return make_world


@pytest.fixture(scope="module")
def shared_world(backend: None) -> World:
    """For tests that change nothing that another one looks at."""
    made = make_world()
    made.fund()
    return made
