"""Put a community's contracts on a chain, and recognise them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts import abi
from contracts.agreement import federation_config, stake_lock
from contracts.artifact import load_artifact
from contracts.bindings.blockhash_randomness import BlockhashRandomness
from contracts.bindings.bond_vault import BondVault
from contracts.bindings.contributor_registry import ContributorRegistry
from contracts.bindings.data_demands import DataDemands
from contracts.bindings.federation import Federation
from contracts.bindings.moot_token import MootToken
from contracts.bindings.reward_pool import RewardPool
from contracts.bindings.validator_quorum import ValidatorQuorum
from contracts.chain import Transaction
from federation.errors import ChainError, VerificationFailed
from federation.types import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from contracts.chain import Chain, Reader, Signer
    from federation.manifest import Manifest

JUDGES: Final[Mapping[str, tuple[str, ...]]] = {
    "RecordDisputes": (),
    "ExampleDisputes": (),
    "PointDisputes": (),
    "FitDisputes": (),
    "GradientDisputes": (),
    "ProjectionDisputes": (),
    "MemberDisputes": (),
    "StateDisputes": (),
    "SettlementDisputes": (),
    "DataDemands": (),
    "ValidatorQuorum": ("DataDemands",),
}
"""The contracts that may convict, in the order in which a federation lists them, each with the other
judges that its constructor takes."""

QUORUM_JUDGES: Final[Mapping[str, tuple[str, ...]]] = {
    name: JUDGES[name] for name in ("SettlementDisputes", "ValidatorQuorum")
}
"""Those of a federation whose scores no contract can compute: what others prove wrong, or demand, are
steps of the linear model. Its quorum takes the zero address for the judge that is not there."""

_BY_NUMBER: Final = {len(judges): judges for judges in (JUDGES, QUORUM_JUDGES)}
_NOBODY: Final = Address("0x" + "00" * 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Contracts without owners or state of their own that any number of federations can share.

    Attributes:
        randomness: The source of the draws.
        judges: Addresses of the contracts in ``JUDGES``.
    """

    randomness: Address
    judges: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The contracts of one federation, bound to the chain they are on."""

    token: MootToken
    registry: ContributorRegistry
    federation: Federation
    pool: RewardPool
    vault: BondVault

    @classmethod
    def at(cls, chain: Reader, federation: Address, registry: Address) -> Deployment:
        """Bind to contracts that are deployed already, on any chain that can be read.

        Args:
            chain: Where they are.
            federation: The federation, which names all others but the registry.
            registry: The registry the federation's members use.

        Raises:
            VerificationFailed: Something else is deployed at one of the addresses.
        """
        check_code(chain, federation, Federation.ARTIFACT)
        check_code(chain, registry, ContributorRegistry.ARTIFACT)
        bound = Federation(chain, federation)
        config = bound.config()
        found = cls(
            token=MootToken(chain, config.token),
            registry=ContributorRegistry(chain, registry),
            federation=bound,
            pool=RewardPool(chain, bound.pool()),
            vault=BondVault(chain, bound.vault()),
        )
        for contract in (found.token, found.pool, found.vault):
            check_code(chain, contract.address, contract.ARTIFACT)
        check_code(chain, config.randomness, BlockhashRandomness.ARTIFACT)
        if len(config.judges) not in _BY_NUMBER:
            raise VerificationFailed(f"federation {federation}", "has other judges than this software knows")
        for name, address in named_judges(config.judges).items():
            check_code(chain, address, name)
        found.check_links()
        return found

    def over(self, chain: Reader) -> Deployment:
        """Return the same contracts, bound to another way to their chain."""
        return Deployment(
            token=MootToken(chain, self.token.address),
            registry=ContributorRegistry(chain, self.registry.address),
            federation=Federation(chain, self.federation.address),
            pool=RewardPool(chain, self.pool.address),
            vault=BondVault(chain, self.vault.address),
        )

    def check_links(self) -> None:
        """Refuse contracts that do not name each other: right code can still serve somebody else.

        What a constructor of somebody's own left in storage only shows in its creation code:
        see ``check_creation``.

        Raises:
            VerificationFailed: A contract belongs to another federation, pool or token.
        """
        federation, pool, vault, token = self.federation, self.pool, self.vault, self.token.address
        judges = named_judges(federation.judges())
        links = [
            ("RewardPool", pool.federation(), federation.address),
            ("RewardPool", pool.token(), token),
            ("BondVault", vault.federation(), federation.address),
            ("BondVault", vault.pool(), pool.address),
            ("BondVault", vault.token(), token),
        ]
        quorum = ValidatorQuorum(federation.reader, judges[ValidatorQuorum.ARTIFACT])
        links.append((ValidatorQuorum.ARTIFACT, quorum.demands(), judges.get(DataDemands.ARTIFACT, _NOBODY)))
        for name, actual, right in links:
            if actual != right:
                raise VerificationFailed(
                    f"federation {federation.address}", f"its {name} serves {actual}, not {right}"
                )

    def check_judges(self, manifest: Manifest) -> None:
        """Refuse judges of another kind of model, which would convict honest rounds or none.

        Raises:
            VerificationFailed: The federation has those.
        """
        if len(self.federation.judges()) != len(judges_of(manifest)):
            raise VerificationFailed(
                f"federation {self.federation.address}", "its judges are for another kind of model"
            )

    def creations(self) -> Iterator[tuple[str, Address, bytes]]:
        """Yield artifact, address and constructor arguments of every contract of the federation."""
        config = self.federation.config()
        federation, token, pool = self.federation.address, self.token.address, self.pool.address
        yield MootToken.ARTIFACT, token, b""
        lock = abi.encode(("address", "uint48"), (self.registry.token(), self.registry.lock()))
        yield ContributorRegistry.ARTIFACT, self.registry.address, lock
        yield Federation.ARTIFACT, federation, abi.encode((config.ABI,), (config.to_abi(),))
        yield RewardPool.ARTIFACT, pool, abi.encode(("address", "address"), (token, federation))
        vault = abi.encode(("address", "address", "address"), (token, pool, federation))
        yield BondVault.ARTIFACT, self.vault.address, vault
        yield BlockhashRandomness.ARTIFACT, config.randomness, b""
        judges = named_judges(config.judges)
        for name, address in judges.items():
            yield name, address, _judge_arguments(name, judges)


def judges_of(manifest: Manifest) -> Mapping[str, tuple[str, ...]]:
    """Return the judges that a community's model and rules can have, as ``JUDGES``."""
    return JUDGES if manifest.provable else QUORUM_JUDGES


def named_judges(addresses: Sequence[Address]) -> dict[str, Address]:
    """Return a federation's judges by name; their number tells which they are."""
    return dict(zip(_BY_NUMBER[len(addresses)], addresses, strict=True))


def deploy_shared(chain: Chain, sender: Signer, wanted: Mapping[str, tuple[str, ...]] = JUDGES) -> Shared:
    """Deploy the contracts that federations can share.

    Args:
        chain: Where to.
        sender: Pays the gas, and has no power over them.
        wanted: The judges, as ``JUDGES``.
    """
    randomness = BlockhashRandomness.deploy(chain, sender)
    judges: dict[str, Address] = {}
    for name in wanted:
        judges[name] = _deploy(chain, sender, name, _judge_arguments(name, judges))
    return Shared(randomness=randomness.address, judges=tuple(judges.values()))


def deploy_federation(chain: Chain, community: Signer, manifest: Manifest) -> Deployment:
    """Deploy a test token, a registry, and a federation with pool, bonds, randomness and judges.

    Args:
        chain: Where to.
        community: Sends the transactions, and may mint the token.
        manifest: What the community agreed.

    Raises:
        Reverted: A parameter is out of range.
    """
    shared = deploy_shared(chain, community, judges_of(manifest))
    token = MootToken.deploy(chain, community)
    registry = ContributorRegistry.deploy(chain, community, token.address, stake_lock(manifest))
    config = federation_config(
        manifest, token=token.address, randomness=shared.randomness, judges=shared.judges
    )
    federation = Federation.deploy(chain, community, config)
    return Deployment(
        token=token,
        registry=registry,
        federation=federation,
        pool=RewardPool(chain, federation.pool()),
        vault=BondVault(chain, federation.vault()),
    )


def creation_codes(manifest: Manifest, stand_in: Address) -> list[bytes]:
    """Return the data of every transaction that ``deploy_federation`` sends, to tell what they cost.

    Args:
        manifest: What the community agreed.
        stand_in: An address in place of those that are not known before.
    """
    lock = abi.encode(("address", "uint48"), (stand_in, stake_lock(manifest)))
    named = dict.fromkeys(judges_of(manifest), stand_in)
    config = federation_config(manifest, token=stand_in, randomness=stand_in, judges=tuple(named.values()))
    return [
        load_artifact(BlockhashRandomness.ARTIFACT).bytecode,
        *(load_artifact(name).bytecode + _judge_arguments(name, named) for name in named),
        load_artifact(MootToken.ARTIFACT).bytecode,
        load_artifact(ContributorRegistry.ARTIFACT).bytecode + lock,
        load_artifact(Federation.ARTIFACT).bytecode + abi.encode((config.ABI,), (config.to_abi(),)),
    ]


def _judge_arguments(name: str, judges: Mapping[str, Address]) -> bytes:
    others = JUDGES[name]
    return abi.encode(("address",) * len(others), tuple(judges.get(other, _NOBODY) for other in others))


def _deploy(chain: Chain, sender: Signer, name: str, arguments: bytes) -> Address:
    data = load_artifact(name).bytecode + arguments
    address = chain.send(Transaction(to=None, data=data), sender).contract_address
    if address is None:
        raise ChainError(f"the chain created no {name}")
    return address


def check_creation(creation_code: bytes, address: Address, artifact_name: str, arguments: bytes) -> None:
    """Compare the code that created a contract with a committed artifact's.

    Deployed code alone does not show what a constructor of somebody's own left in storage.

    Args:
        creation_code: What the creating transaction ran.
        address: What it created.
        artifact_name: Which contract that should be.
        arguments: The encoded arguments of its constructor.

    Raises:
        VerificationFailed: It was created by other code, or with other arguments.
    """
    if creation_code != load_artifact(artifact_name).bytecode + arguments:
        raise VerificationFailed(f"{artifact_name} at {address}", "it was not created by the artifact's code")


def check_code(reader: Reader, address: Address, artifact_name: str) -> None:
    """Compare deployed code with a committed artifact, immutables masked.

    Immutables are the constructor's arguments: whoever relies on one reads it through its view.

    Raises:
        VerificationFailed: The code at the address is another; the subject names contract and address.
    """
    artifact = load_artifact(artifact_name)
    if artifact.mask(reader.code(address)) != artifact.deployed_bytecode:
        raise VerificationFailed(f"{artifact_name} at {address}", "its code is not that of the artifact")
