"""What the example's community agreed, and the options of its command line.

Clipping norm and step grids were chosen by AUC on the validation splits of nine seeds, never by the
test split's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from federation.aggregation.section import AggregationSection
from federation.features import FeatureSpec, TextPipeline
from federation.manifest import (
    BondSection,
    ChainSection,
    DeadlineSection,
    Manifest,
    ModelSection,
    Parties,
    PrivacySection,
    RewardSection,
    SearchSection,
    SecureSection,
    ValidationSection,
    ValidatorSection,
)
from federation.privacy import noise_multiplier
from federation.types import Address

ROLES: Final = ("flip", "noise", "zero", "stale", "model", "copy", "scale", "cap", "nan")
SECURE_ROLES: Final = ("flip", "noise", "zero", "stale", "model", "cap")
"""Cheats that are possible where nobody sees a delta: nothing can be overheard, and no client masks NaN."""
FEATURES: Final = FeatureSpec(dim=4096)
DELTA: Final = "1e-5"
TOKEN: Final = 10**18
SYMBOL: Final = "MOOT"
ETAS: Final = (0, 1, 2, 4, 8, 16, 32)
ETAS_NO_DP: Final = (*ETAS, 64)
BETAS_TENTHS: Final = (0, 3, 6, 8, 9)
CLIP_MILLI: Final = 250
CLIP_MILLI_NO_DP: Final = 1000
PUBLIC_MILLI: Final = 100
DAY: Final = 86_400
DRAW_DELAY: Final = 2
CHAIN_ID: Final = 31337


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Options of one run.

    Attributes:
        members: Honest members.
        rounds: Rounds of the one epoch.
        epsilon: Lifetime budget per member; None trains without differential privacy.
        seed: Makes everything reproducible, and its privacy a show; None draws from the system.
        alpha: Dirichlet concentration of the members' shares; smaller is more skewed.
        cheats: Roles of the cheats, each one member.
        secure: Whether nobody sees a delta; epsilon is then that of the sum.
        data: The user's own table instead of the corpus.
        out: The run directory.
    """

    members: int = 20
    rounds: int = 20
    epsilon: float | None = 8.0
    seed: int | None = 0
    alpha: float = 0.5
    cheats: tuple[str, ...] = ROLES
    secure: bool = False
    data: Path | None = None
    out: Path = Path("runs/spam_detection")


def privacy_section(epsilon: float | None, rounds: int) -> PrivacySection:
    """Return the noise that spends a lifetime budget evenly over the rounds."""
    if epsilon is None:
        return PrivacySection(epsilon="inf", delta=DELTA, clip_milli=CLIP_MILLI_NO_DP, sigma_e4=0)
    sigma = noise_multiplier(epsilon, float(DELTA), rounds)
    return PrivacySection(
        epsilon=f"{Decimal(repr(epsilon)):f}",
        delta=DELTA,
        clip_milli=CLIP_MILLI,
        sigma_e4=round(sigma * 10_000),
    )


def split_privacy(epsilon: float | None, rounds: int, members: int) -> PrivacySection:
    """Return clip and each member's part of the noise, where so many parts are what epsilon asks for."""
    whole = privacy_section(epsilon, rounds)
    return whole.model_copy(update={"sigma_e4": round(whole.sigma_e4 / math.sqrt(members))})


def secure_section(members: int) -> SecureSection:
    """Return secure aggregation: a fifth of the honest members may drop out, the sum's epsilon binds."""
    return SecureSection(minimum=max(2, members * 4 // 5), colluders=max(0, members // 5 - 1), budget="sum")


def chain_section(aggregator: Address, providers: Sequence[Address]) -> ChainSection:
    """Return the chain's terms for the accounts of an aggregator and the providers."""
    return ChainSection(
        chain_id=CHAIN_ID, aggregator=aggregator, providers=list(providers), draw_delay=DRAW_DELAY
    )


def build_manifest(
    settings: Settings,
    *,
    parties: Parties,
    chain: ChainSection,
    shards: int,
    features: TextPipeline | None = None,
    validators: Sequence[Address] = (),
) -> Manifest:
    """Return the example's federation.toml, with its own rule for texts unless told another.

    Args:
        settings: The run's options.
        parties: Who speaks.
        chain: The chain's terms.
        shards: Sealed shards of the validation set.
        features: The rule from texts to words.
        validators: Accounts that settle disputes of a run whose deltas nobody sees.
    """
    features = features or FEATURES
    secure = secure_section(settings.members) if settings.secure else None
    return Manifest(
        name="spam-detection",
        rounds=settings.rounds,
        parties=parties,
        chain=chain,
        model=ModelSection(dim=features.dim, features_sha256=features.digest.hex()),
        privacy=privacy_section(settings.epsilon, settings.rounds),
        search=SearchSection(
            etas=list(ETAS if settings.epsilon else ETAS_NO_DP), betas_tenths=list(BETAS_TENTHS)
        ),
        reward=RewardSection(bounty_wei=str(1000 * TOKEN), funds_wei=str(1000 * TOKEN)),
        validation=ValidationSection(
            shards=shards, public_milli=PUBLIC_MILLI, reveal="round" if secure else "epoch"
        ),
        deadlines=DeadlineSection(phase=DAY, settle=7 * DAY, challenge=DAY // 24, answer=DAY // 24),
        bonds=BondSection(
            aggregator_wei=str(100 * TOKEN), provider_wei=str(10 * TOKEN), challenger_wei=str(TOKEN)
        ),
        validators=ValidatorSection(
            accounts=list(validators), quorum=len(validators) // 2 + bool(validators)
        ),
        aggregation=AggregationSection(mode="secure" if secure else "central"),
        secure=secure,
    )
