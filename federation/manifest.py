"""federation.toml: what a community agreed. Its hash is in the contract, so it cannot change.

The hash on chain covers the one canonical text, ``to_toml``; a file written by hand, with comments,
means the same once read, and a verifier accepts only the canonical text.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from federation.aggregation.gated import Gated
from federation.aggregation.section import AggregationSection
from federation.delta import norm_cap
from federation.epochstate import Rules
from federation.errors import ConfigError
from federation.hashing import sha256
from federation.privacy import SENSITIVITY, History, Sampled, spend
from federation.reward import Terms
from federation.section import Section
from federation.sections import (
    BondSection,
    ChainSection,
    CohortSection,
    DeadlineSection,
    ModelSection,
    ModuleSection,
    Parties,
    PrivacySection,
    RewardSection,
    SamplingSection,
    SearchSection,
    SecureSection,
    ValidationSection,
    ValidatorSection,
)
from federation.secureprivacy import booked_sigma, noise_share, secure_cap
from federation.types import Did, Hash32, Wei
from federation.valuation import DEFAULT

__all__ = [
    "BondSection",
    "ChainSection",
    "CohortSection",
    "DeadlineSection",
    "Manifest",
    "ModelSection",
    "ModuleSection",
    "Parties",
    "PrivacySection",
    "RewardSection",
    "SamplingSection",
    "SearchSection",
    "SecureSection",
    "ValidationSection",
    "ValidatorSection",
]


class Manifest(Section):
    """Everything that a member consents to and a verifier recomputes from."""

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    version: Literal[1] = 1
    rounds: Annotated[int, Field(gt=0, le=1 << 16)]
    parties: Parties
    chain: ChainSection
    model: ModelSection
    privacy: PrivacySection
    search: SearchSection
    reward: RewardSection
    validation: ValidationSection
    deadlines: DeadlineSection
    bonds: BondSection
    validators: ValidatorSection = ValidatorSection()
    module: ModuleSection | None = None
    sampling: SamplingSection | None = None
    cohort: CohortSection | None = None
    aggregation: Annotated[
        AggregationSection, Field(exclude_if=lambda section: section == AggregationSection())
    ] = AggregationSection()
    secure: SecureSection | None = None

    @model_validator(mode="after")
    def _an_account_per_provider(self) -> Manifest:
        if len(self.chain.providers) != len(self.parties.providers):
            raise ValueError(
                f"{len(self.parties.providers)} providers have {len(self.chain.providers)} accounts"
            )
        return self

    @model_validator(mode="after")
    def _enough_shards(self) -> Manifest:
        if self.validation.shards < self.rounds:
            raise ValueError(f"{self.validation.shards} shards are too few for {self.rounds} rounds")
        return self

    @model_validator(mode="after")
    def _within_budget(self) -> Manifest:
        privacy = self.privacy
        if self.sampling and (not privacy.sigma_e4 or privacy.unit != "example"):
            raise ValueError("steps on samples are accounted for with noise, and for one example, only")
        if self.secure and self.secure.score_noise_milli and not privacy.sigma_e4:
            raise ValueError("scores are covered in proportion to a member's noise, and there is none")
        if self.secure:
            try:
                noise_share(self)
            except ConfigError as error:
                raise ValueError(error.message) from error
        if privacy.sigma_e4:
            spent = self.history(self.rounds).epsilon(privacy.budget.delta)
            if spent > privacy.budget.epsilon:
                raise ValueError(f"{self.rounds} rounds cost epsilon {spent:.3f}, beyond the lifetime budget")
        return self

    @model_validator(mode="after")
    def _module_or_none(self) -> Manifest:
        if (self.model.kind == "module") != (self.module is not None):
            raise ValueError("a section module belongs to a model of kind module, and to no other")
        if self.module is None:
            return self
        if self.model.dim != self.module.architecture.dim:
            raise ValueError(
                f"the architecture has {self.module.architecture.dim} parameters, not {self.model.dim}"
            )
        if not self.validators.quorum:
            raise ValueError(
                "a module's scores are floating point: name validators and a quorum to settle disputes"
            )
        return self

    @model_validator(mode="after")
    def _judged(self) -> Manifest:
        rules = self.rules
        if not rules.default and not self.validators.quorum:
            raise ValueError(
                "the judges on chain know the sum and its price only: name validators and a quorum"
            )
        if self.module and rules.strategy.name == Gated.name:
            raise ValueError("a gate on scores in floating point is not the same everywhere")
        if self.module and rules.method != DEFAULT:
            raise ValueError("the scores of a module are priced by aumann-shapley only")
        return self

    @model_validator(mode="after")
    def _secure_or_central(self) -> Manifest:
        if (self.aggregation.mode == "secure") != (self.secure is not None):
            raise ValueError('a section secure belongs to aggregation of mode "secure", and to no other')
        if self.secure is None:
            return self
        if self.module or not self.rules.default:
            raise ValueError(
                "secure aggregation sums deltas of a linear model and prices them by aumann-shapley"
            )
        if self.validation.reveal != "round":
            raise ValueError('each member checks the drawn shard: validation.reveal must be "round"')
        if self.sampling:
            raise ValueError("secure aggregation splits the noise of one step: leave out sampling")
        if self.cohort and not self.cohort.minimum <= self.secure.minimum <= self.cohort.size:
            raise ValueError(
                f"a cohort of {self.cohort.size} is summed from {self.secure.minimum} members on:"
                f" cohort.minimum ({self.cohort.minimum}) must not be above secure.minimum"
            )
        if not self.validators.quorum:
            raise ValueError("no judge on chain sees a secure delta: name validators and a quorum")
        return self

    @property
    def provable(self) -> bool:
        """Whether the judges on chain can recompute a round: linear, by the default rules, in the open."""
        return self.module is None and self.rules.default and self.secure is None

    @property
    def words(self) -> int:
        """How many words the features know."""
        return self.module.words if self.module else self.model.dim

    @property
    def rules(self) -> Rules:
        """The numbers that a round depends on."""
        reward = self.reward
        terms = Terms(
            bounty=Wei(int(reward.bounty_wei)),
            funds=Wei(int(reward.funds_wei)),
            clip_milli=reward.clip_milli,
            suspension_milli=reward.suspension_milli,
            suspension_from=reward.suspension_from,
        )
        return Rules(
            terms=terms,
            etas=tuple(self.search.etas),
            betas_tenths=tuple(self.search.betas_tenths),
            strategy=self.aggregation.chosen,
            method=reward.method,
            secure=self.secure is not None,
        )

    def history(self, rounds: int) -> History:
        """Return what so many rounds of noised deltas release of one unit, as ledgers book it."""
        sigma, sampling = booked_sigma(self) / SENSITIVITY[self.privacy.unit], self.sampling
        if sampling is None:
            return History(spend([sigma] * rounds, self.privacy.budget.delta).mu_squared)
        if not rounds:
            return History()
        return History().and_sampled(Sampled(sigma, sampling.rate, sampling.steps * rounds))

    def cap(self, quota: int) -> int:
        """Return the largest L2 norm of a member's delta, in the deltas' fixed point.

        The sum of T steps at rate q goes over the wire divided by q T, so that its signal is that of one
        full step; the standard deviation of its noise is then sigma C / (q sqrt(T)).
        """
        if self.secure:
            return secure_cap(self, quota)
        sigma_e4, sampling = self.privacy.sigma_e4, self.sampling
        if sampling:
            sigma_e4 = -(-sigma_e4 * 1000 // (sampling.rate_milli * math.isqrt(sampling.steps)))
        return norm_cap(
            clip_milli=self.privacy.clip_milli,
            sigma_e4=sigma_e4,
            quota=quota if self.privacy.unit == "example" else 1,
            dim=self.model.dim,
        )

    @property
    def delta_dim(self) -> int:
        """Entries of a delta: one for each weight, and one that covers its score where that is agreed."""
        return self.model.dim + bool(self.secure and self.secure.score_noise_milli)

    def norm_bound(self, quotas: Mapping[Did, int]) -> int:
        """Return the largest cap of any member; no admitted delta is longer."""
        return self.cap(max(quotas.values()))

    @property
    def providers(self) -> tuple[Did, ...]:
        """The providers' DIDs, in the order that numbers them."""
        return tuple(Did(d) for d in self.parties.providers)

    @property
    def hash(self) -> Hash32:
        """SHA-256 of the canonical text, as the contract was deployed with it."""
        return sha256(self.to_toml().encode())

    def to_toml(self) -> str:
        """Return the one canonical text."""
        lines, sections = [], []
        for key, value in self.model_dump().items():
            if value is None:
                continue
            if isinstance(value, dict):
                sections.append(f"\n[{key}]")
                sections.extend(f"{k} = {_toml(v)}" for k, v in value.items() if v is not None)
            else:
                lines.append(f"{key} = {_toml(value)}")
        return "\n".join([*lines, *sections]) + "\n"

    @classmethod
    def from_toml(cls, text: str) -> Manifest:
        """Read a manifest.

        Raises:
            ConfigError: Not TOML, or a field is unknown, missing or out of range.
        """
        try:
            return cls.model_validate(tomllib.loads(text))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "manifest"
            raise ConfigError(f"federation.toml: {where}: {first['msg'].lower()}") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"federation.toml is not TOML: {error}") from error


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
