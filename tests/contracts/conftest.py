"""One small federation, moved to whatever phase a test is about, on an embedded chain and on anvil."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from contracts.accounts import Account
from contracts.backends.anvil import AnvilChain, AnvilNode, AnvilOptions
from contracts.backends.anvil_binary import find_anvil
from contracts.backends.embedded import EmbeddedChain
from contracts.backends.transport import NodeTransport
from contracts.bindings.bond_vault import BondVault
from contracts.bindings.federation import Federation
from contracts.bindings.reward_pool import RewardPool
from contracts.bindings.structs import EpochTerms
from contracts.deploy import Deployment, deploy_federation
from contracts.keyfile import write_keyfile
from contracts.view import FederationView
from federation.errors import ConfigError, Reverted
from federation.hashing import keccak256
from federation.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contracts.bindings.structs import RoundWords
    from contracts.chain import Chain
    from federation.types import Address, Hash32

TIME = 1_700_000_000
WINDOW = ANSWER = 3600
PHASE = 86_400
SETTLE = 7 * PHASE
DELAY = 2
DIM = 8
FUNDS = 10**21
AGGREGATOR_BOND, PROVIDER_BOND = 100, 10
MANIFEST = Path(__file__).parent / "federation.toml"
"""The same durations, delay and bonds."""


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


def some_terms(**changes) -> EpochTerms:
    """The terms of an epoch of two rounds on three shards, with some fields replaced."""
    values = {
        "validation_root": h("validation"),
        "mean_hash": h("mean"),
        "public_hash": h("public"),
        "roster_hash": h("roster"),
        "roster_root": h("roster tree"),
        "dim": DIM,
        "members": 3,
        "quota_total": 30,
        "shards": 3,
        "rounds": 2,
        "bounty": 10**24,
        "funds": FUNDS,
        "clip_milli": 1000,
        "suspension_milli": 500,
        "suspension_from": 3,
        "etas": (0, 1, 2),
        "betas_tenths": (0, 4),
        "provider_tips": tuple(chain_of(i, 40)[0] for i in range(3)),
        "providers": tuple(key(f"provider {i}").address for i in range(3)),
    }
    return EpochTerms(**(values | changes))


@dataclass
class World:
    chain: Chain
    community: Account
    aggregator: Account
    stranger: Account
    judge: Account
    manifest: Manifest
    deployed: Deployment
    rounds_drawn: int = 0
    providers: list[list[Hash32]] = field(default_factory=lambda: [chain_of(i, 40) for i in range(3)])

    @property
    def federation(self):
        return self.deployed.federation

    @property
    def pool(self):
        return self.deployed.pool

    @property
    def vault(self):
        return self.deployed.vault

    def fund(self, amount: int = FUNDS) -> None:
        """Fill the pool, and stake the bonds of aggregator and providers if they are not staked."""
        token, vault = self.deployed.token, self.vault
        bonds = {self.aggregator.address: AGGREGATOR_BOND}
        bonds |= {key(f"provider {i}").address: PROVIDER_BOND for i in range(3)}
        bonds = {party: bond for party, bond in bonds.items() if vault.bond_of(party) < bond}
        token.mint(self.community, self.community.address, amount + sum(bonds.values()))
        token.approve(self.community, self.pool.address, amount)
        self.pool.fund(self.community, amount)
        for party, bond in bonds.items():
            self.stake(party, bond)

    def stake(self, party: Address, bond: int) -> None:
        """Stake for somebody; the community pays."""
        token = self.deployed.token
        if token.balance_of(self.community.address) < bond:
            token.mint(self.community, self.community.address, bond)
        token.approve(self.community, self.vault.address, bond)
        self.vault.deposit(self.community, party, bond)

    def judged_by(self, *judges: Account) -> World:
        """The same chain with another federation, whose judges are plain accounts."""
        config = replace(self.federation.config(), judges=tuple(judge.address for judge in judges))
        federation = Federation.deploy(self.chain, self.community, config)
        deployed = replace(
            self.deployed,
            federation=federation,
            pool=RewardPool(self.chain, federation.pool()),
            vault=BondVault(self.chain, federation.vault()),
        )
        made = replace(self, deployed=deployed)
        made.fund()
        return made

    def terms(self, **changes) -> EpochTerms:
        return some_terms(
            **({"provider_tips": tuple(links[self.rounds_drawn] for links in self.providers)} | changes)
        )

    def open(self, **changes) -> EpochTerms:
        terms = self.terms(**changes)
        self.federation.open_epoch(self.aggregator, terms)
        return terms

    def words(self, round_: int = 1, epoch: int = 1) -> RoundWords:
        return FederationView(self.federation).words(epoch, round_)

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

    def propose(self, root: Hash32, total: int, who: Account | None = None) -> None:
        self.federation.propose(who or self.aggregator, root, total, h("settlement"))

    def settle(self, root: Hash32, total: int) -> None:
        self.federation.reveal_epoch(self.aggregator, h("shards"))
        self.propose(root, total)
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
ON_EVERY_BACKEND = (
    "test_federation",
    "test_exits",
    "test_judgements",
    "test_forced_reveal",
    "test_bond_vault",
    "test_view",
    "test_reward_pool",
    "test_contributor_registry",
    "test_chain",
    "test_anchoring",
    "test_publishing",
)


def no_anvil(error: ConfigError) -> NoReturn:
    pytest.skip(f"{error.message}; {error.hint}")


@pytest.fixture(scope="session")
def anvil() -> Path:
    try:
        return find_anvil(os.environ)
    except ConfigError as error:
        no_anvil(error)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home with three keyfiles, whose passphrase is in ``words``."""
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path / "home"))
    (tmp_path / "words").write_text("correct horse\n", encoding="utf-8")
    for name in ("community", "aggregator", "poor"):
        secret = keccak256(f"key of {name}".encode())
        write_keyfile(tmp_path / f"home/data/keys/{name}.json", secret, "correct horse", iterations=2)
    return tmp_path


@pytest.fixture
def node(anvil: Path) -> Iterator[tuple[AnvilChain, Path]]:
    """A node of one's own, where community and aggregator can pay for gas; and its socket."""
    with AnvilNode(AnvilOptions(binary=anvil)) as running:
        transport = NodeTransport(str(running.socket))
        made = AnvilChain(transport)
        for name in ("community", "aggregator"):
            made.give_gas(key(name).address)
        yield made, running.socket
        transport.close()


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


def manifest_for(chain_id: int, aggregator: Address) -> Manifest:
    """The manifest of ``federation.toml``, for other accounts."""
    agreed = Manifest.from_toml(MANIFEST.read_text(encoding="utf-8"))
    providers = [key(f"provider {i}").address for i in range(3)]
    parties = {"chain_id": chain_id, "aggregator": aggregator, "providers": providers}
    return agreed.model_copy(update={"chain": agreed.chain.model_copy(update=parties)})


def make_world(chain_id: int = 31337) -> World:
    people = [key(name) for name in ("community", "aggregator", "stranger", "judge")]
    community, aggregator = people[:2]
    chain = BACKENDS[-1].open([account.address for account in people], chain_id)
    manifest = manifest_for(chain_id, aggregator.address)
    return World(chain, *people, manifest, deploy_federation(chain, community, manifest))


@contextmanager
def refused(name: str, *args: object) -> Iterator[None]:
    """Expect a custom error with exactly these values."""
    with pytest.raises(Reverted) as info:
        yield
    assert (info.value.name, info.value.args_) == (name, args)


@pytest.fixture(scope="module")
def shared_world(backend: None) -> World:
    """For tests that change nothing that another one looks at."""
    made = make_world()
    made.fund()
    return made


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    """A funded one as new."""
    snapshot = shared_world.chain.snapshot()
    yield replace(shared_world)
    shared_world.chain.revert(snapshot)


@pytest.fixture
def new_world() -> Callable[[], World]:
    return make_world
