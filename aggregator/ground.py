"""What a verifier stands on: a chain, the contracts on it, and the manifest that both sides agreed on.

A run's exported chain is executed again, so nobody has to be trusted for it. A live chain is read
through a node, whose word it is; what the node says twice is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aggregator.public import BLOCKS, GENESIS, MANIFEST
from aggregator.settlement import agreed_payees
from contracts.agreement import federation_config
from contracts.bindings.contributor_registry import ContributorRegistry
from contracts.deploy import Deployment, check_code, check_creation
from contracts.history import EpochHistory, PayeeHistory, epochs
from contracts.replay import ReplayedChain, replay
from contracts.view import FederationView
from federation.errors import FolkmootError, VerificationFailed
from federation.hashing import abi_words, did_hash, keccak256
from federation.manifest import Manifest
from federation.rostertree import NO_PAYEE
from federation.types import Address, Did, Hash32

if TYPE_CHECKING:
    from aggregator.sources import Material
    from contracts.bindings.structs import RoundWords
    from contracts.chain import Reader

Progress = Callable[[str], None]


class PayeesBefore(Protocol):
    """Tells who is paid for members, as the registry stood after a block."""

    def __call__(self, block: int, wanted: Mapping[Did, Address], /) -> Mapping[Did, Address]:
        """Return the agreed payees of members that named one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A federation as a verifier found it.

    Attributes:
        chain: Where its contracts are.
        public: Where its files are.
        deployment: The contracts.
        manifest: The rules.
        view: What its rounds committed.
        epochs: What became of each epoch.
        payees_before: Who was paid for whom at some block.
    """

    chain: Reader
    public: Material
    deployment: Deployment
    manifest: Manifest
    view: FederationView
    epochs: tuple[EpochHistory, ...]
    payees_before: PayeesBefore


def replayed(public: Material, expect: Address | None, progress: Progress) -> Ground:
    """Execute a run's chain again and find the federation on it.

    Raises:
        VerificationFailed: A block does not follow from those before, the contracts are others, or
            the manifest is not theirs.
    """
    chain = replay(public.file(GENESIS), public.file(BLOCKS))
    progress(f"{chain.block_number} blocks executed again from genesis")
    deployment = _find_contracts(chain, expect)
    for name, address, arguments in deployment.creations():
        check_creation(chain.created.get(address, b""), address, name, arguments)
    progress(f"federation {deployment.federation.address} runs the committed code")

    def payees_before(block: int, wanted: Mapping[Did, Address]) -> Mapping[Did, Address]:
        registry = ContributorRegistry(chain.after(block), deployment.registry.address)
        return agreed_payees(registry, wanted)

    return _ground(chain, public, deployment, payees_before)


def live(
    chain: Reader, public: Material, federation: Address, registry: Address, progress: Progress
) -> Ground:
    """Find a federation on a chain that a node serves.

    Args:
        chain: The chain, held still.
        public: Where the federation's files are.
        federation: The contract, the root of trust.
        registry: The registry that its members use.
        progress: Told what has been established.

    Raises:
        VerificationFailed: The contracts are others, the manifest is not theirs, or the node's logs
            are not what the contract remembers.
    """
    deployment = Deployment.at(chain, federation, registry)
    progress(f"federation {federation} runs the committed code on chain {chain.chain_id}")
    history = PayeeHistory(deployment.registry.logs())

    def payees_before(block: int, wanted: Mapping[Did, Address]) -> Mapping[Did, Address]:
        payees = history.at(block, chain.block_time(block))
        found = {did: payees.payee_of(did_hash(did), named) for did, named in wanted.items()}
        return {did: payee for did, payee in found.items() if payee != NO_PAYEE}

    ground = _ground(chain, public, deployment, payees_before)
    _compare_logs(ground)
    return ground


def _ground(chain: Reader, public: Material, deployment: Deployment, payees_before: PayeesBefore) -> Ground:
    return Ground(
        chain=chain,
        public=public,
        deployment=deployment,
        manifest=_read_manifest(chain, public, deployment),
        view=FederationView(deployment.federation),
        epochs=epochs(deployment.federation.logs()),
        payees_before=payees_before,
    )


def _find_contracts(chain: ReplayedChain, expect: Address | None) -> Deployment:
    def deployed(name: str) -> list[Address]:
        found = []
        for address in chain.created:
            try:
                check_code(chain, address, name)
            except VerificationFailed:
                continue
            found.append(address)
        return found

    federations, registries = deployed("Federation"), deployed("ContributorRegistry")
    if expect is not None:
        federations = [a for a in federations if a.lower() == expect.lower()]
    if len(federations) != 1 or len(registries) != 1:
        wanted = f"federation {expect}" if expect else "one federation and one registry"
        raise VerificationFailed(BLOCKS, f"{wanted} with the committed code is not deployed there")
    return Deployment.at(chain, federations[0], registries[0])


def _read_manifest(chain: Reader, public: Material, deployment: Deployment) -> Manifest:
    data = public.file(MANIFEST)
    try:
        manifest = Manifest.from_toml(data.decode())
    except (UnicodeDecodeError, FolkmootError) as error:
        raise VerificationFailed(MANIFEST, str(error)) from error
    if manifest.to_toml().encode() != data:
        raise VerificationFailed(MANIFEST, "not in canonical form")
    if manifest.hash != deployment.federation.manifest_hash():
        raise VerificationFailed(MANIFEST, "not the manifest that the contract was deployed with")
    config = deployment.federation.config()
    agreed = federation_config(
        manifest, token=config.token, randomness=config.randomness, judges=config.judges
    )
    if config != agreed or chain.chain_id != manifest.chain.chain_id:
        raise VerificationFailed("federation", "it was deployed on other terms than the manifest's")
    deployment.check_judges(manifest)
    return manifest


def _compare_logs(ground: Ground) -> None:
    """Compare a node's logs with the digests that the contract keeps of the same steps."""
    from aggregator.terms import terms_hash

    federation = ground.deployment.federation
    told = "the node's logs are not what the contract remembers"
    if [e.number for e in ground.epochs] != list(range(1, federation.epoch() + 1)):
        raise VerificationFailed("logs", f"{told}: epochs are missing", hint="ask another node")
    for epoch in ground.epochs:
        if terms_hash(epoch.terms) != federation.terms_hash(epoch.number):
            raise VerificationFailed(f"epoch {epoch.number}", f"{told}: its terms", hint="ask another node")
        for round_ in range(1, epoch.recorded + 1):
            words = ground.view.words(epoch.number, round_)
            if round_digest(words) != federation.round_digest(epoch.number, round_):
                raise VerificationFailed(
                    f"round {round_} of epoch {epoch.number}", told, hint="ask another node"
                )
    last = ground.epochs[-1] if ground.epochs else None
    if last is not None and last.recorded != federation.recorded():
        raise VerificationFailed(f"epoch {last.number}", f"{told}: its rounds", hint="ask another node")
    paid = [e.finalized for e in ground.epochs if e.finalized is not None]
    if paid and (paid[-1].payout_root, paid[-1].total) != (
        ground.deployment.pool.root(),
        ground.deployment.pool.total_cumulative(),
    ):
        raise VerificationFailed("payout table", f"{told}: the last table", hint="ask another node")


def round_digest(words: RoundWords) -> Hash32:
    """Return what the contract keeps of a recorded round (``RoundDigest.recorded``)."""
    digest = keccak256(abi_words(words.base_hash))
    for word in (words.commit_root, words.reveal_root, words.shard):
        digest = keccak256(abi_words(digest, word))
    rest = words.model_hash, words.events_root, words.trace_root, words.receipt_hash
    return keccak256(abi_words(digest, *rest))
