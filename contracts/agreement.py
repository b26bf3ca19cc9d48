"""A community's manifest as its contracts are deployed with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contracts.abi import to_address, to_bytes
from contracts.bindings.structs import Config
from federation.types import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.manifest import Manifest

_LONGEST_LOCK: Final = 365 * 86_400
_PHASES_OF_A_ROUND: Final = 5


def account(text: str) -> Address:
    """Return an address of a manifest with its checksum (EIP-55)."""
    return to_address(to_bytes(Address(text)))


def federation_config(
    manifest: Manifest, *, token: Address, randomness: Address, judges: Sequence[Address]
) -> Config:
    """Return what a federation is deployed with.

    Args:
        manifest: What the community agreed.
        token: The ERC-20 token of its rewards and bonds.
        randomness: The source of the draws.
        judges: The contracts that may convict, in the order of ``contracts.deploy.JUDGES``.
    """
    deadlines, bonds, validators = manifest.deadlines, manifest.bonds, manifest.validators
    return Config(
        manifest_hash=manifest.hash,
        aggregator=account(manifest.chain.aggregator),
        token=token,
        randomness=randomness,
        draw_delay=manifest.chain.draw_delay,
        phase_duration=deadlines.phase,
        settle_duration=deadlines.settle,
        challenge_window=deadlines.challenge,
        answer_window=deadlines.answer,
        aggregator_bond=int(bonds.aggregator_wei),
        provider_bond=int(bonds.provider_wei),
        challenger_bond=int(bonds.challenger_wei),
        validator_bond=int(validators.bond_wei),
        quorum=validators.quorum,
        validators=tuple(account(a) for a in validators.accounts),
        judges=tuple(judges),
    )


def stake_lock(manifest: Manifest) -> int:
    """Return how many seconds a stake stays locked: more than an epoch takes, but at most a year."""
    deadlines = manifest.deadlines
    rounds = manifest.rounds * _PHASES_OF_A_ROUND * deadlines.phase
    return min(rounds + 2 * deadlines.settle + deadlines.challenge + deadlines.answer, _LONGEST_LOCK)
