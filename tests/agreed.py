"""A community's agreement in miniature: identities, a manifest, a domain."""

from __future__ import annotations

from typing import Literal

from ceramic_bridge.did import Identity
from ceramic_bridge.models import create_models, model_ids
from examples.spam_detection.settings import BETAS_TENTHS, ETAS
from federation.aggregation.section import AggregationSection
from federation.features import FeatureSpec
from federation.hashing import Domain, sha256
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

DIM = 64
SPEC = FeatureSpec(dim=DIM)
DOMAIN = Domain(chain_id=31337, federation=Address("0x" + "ab" * 20), epoch=1)
SILENT_SIGMA = PrivacySection(epsilon="inf", delta="1e-5", clip_milli=1000, sigma_e4=0)


def identity(name: str) -> Identity:
    return Identity(sha256(name.encode()))


COMMUNITY, AGGREGATOR = identity("community"), identity("aggregator")
PROVIDERS = [identity(f"provider {i}") for i in range(3)]
MODEL_EVENTS = create_models(COMMUNITY)
MODELS = model_ids(MODEL_EVENTS.values(), publisher=COMMUNITY.did)


def private(epsilon: float = 8.0, *, rounds: int = 3) -> PrivacySection:
    sigma = noise_multiplier(epsilon, 1e-5, rounds)
    return PrivacySection(
        epsilon=f"{epsilon:g}", delta="1e-5", clip_milli=250, sigma_e4=round(sigma * 10_000)
    )


def agreed(*, rounds: int = 3, shards: int = 3, privacy: PrivacySection | None = None) -> Manifest:
    """The manifest; noise for ``rounds`` rounds at epsilon 8 unless said otherwise."""
    return Manifest(
        name="small",
        rounds=rounds,
        parties=Parties(
            community=COMMUNITY.did, aggregator=AGGREGATOR.did, providers=[p.did for p in PROVIDERS]
        ),
        chain=ChainSection(
            chain_id=DOMAIN.chain_id,
            aggregator=Address("0x" + "cd" * 20),
            providers=[Address(f"0x{i:040x}") for i in range(1, 4)],
            draw_delay=2,
        ),
        model=ModelSection(dim=DIM, features_sha256=SPEC.digest.hex()),
        privacy=privacy or private(rounds=rounds),
        search=SearchSection(etas=list(ETAS), betas_tenths=list(BETAS_TENTHS)),
        reward=RewardSection(bounty_wei=str(10**21), funds_wei=str(10**21)),
        validation=ValidationSection(shards=shards),
        deadlines=DeadlineSection(phase=86_400, settle=604_800, challenge=3600, answer=3600),
        bonds=BondSection(aggregator_wei="100", provider_wei="10", challenger_wei="2"),
    )


def secured(
    *,
    epsilon: float = 8.0,
    rounds: int = 3,
    budget: Literal["transcript", "sum"] = "sum",
    secure: SecureSection | None = None,
    privacy: PrivacySection | None = None,
) -> Manifest:
    """The manifest in secure mode; the sums of its rounds stay within epsilon."""
    secure = secure or SecureSection(minimum=4, budget=budget)
    plain = agreed(rounds=rounds, shards=rounds, privacy=privacy or private(epsilon, rounds=rounds))
    changes = {
        "aggregation": AggregationSection(mode="secure"),
        "secure": secure,
        "validation": ValidationSection(shards=rounds, reveal="round"),
        "validators": ValidatorSection(accounts=["0x" + "ef" * 20], quorum=1, bond_wei="1"),
    }
    return Manifest.model_validate(dict(plain) | changes)
