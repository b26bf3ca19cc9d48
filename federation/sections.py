"""The sections of federation.toml, each with the rules that it can check alone."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from federation.errors import ConfigError
from federation.fixedpoint import TABLE_SHA256
from federation.models.registry import Architecture
from federation.privacy import Budget
from federation.section import Section
from federation.valuation import DEFAULT, METHODS

_LARGEST_TOLERANCE: Final = 1e-4
_FEW: Final = "exact-shapley"
"""Nobody knows how many members a round will have, and this method cannot score more than a few."""

_Positive = Annotated[int, Field(gt=0, le=(1 << 63) - 1)]
_Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _below(bits: int) -> AfterValidator:
    def check(text: str) -> str:
        if int(text) >= 1 << bits:
            raise ValueError(f"must be below 2^{bits} wei")
        return text

    return AfterValidator(check)


_Digits = Field(pattern="^(0|[1-9][0-9]{0,38})$")
_BountyText = Annotated[str, _Digits, _below(128)]
_FundsText = Annotated[str, _Digits, _below(104)]
_BondText = Annotated[str, _Digits, _below(96)]
_Account = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
_Seconds = Annotated[int, Field(gt=0, le=90 * 86_400)]
_DidText = Annotated[str, Field(pattern="^did:key:z[1-9A-HJ-NP-Za-km-z]+$")]


class Parties(Section):
    """Who may speak for the federation, by DID."""

    community: _DidText
    aggregator: _DidText
    providers: Annotated[list[_DidText], Field(min_length=3)]

    @model_validator(mode="after")
    def _independent(self) -> Parties:
        if len({*self.providers, self.aggregator}) != len(self.providers) + 1:
            raise ValueError("providers must differ from each other and from the aggregator")
        return self


class ChainSection(Section):
    """Where the money is, and whose accounts stand for the parties there."""

    chain_id: _Positive
    aggregator: _Account
    providers: Annotated[list[_Account], Field(min_length=3)]
    draw_delay: Annotated[int, Field(gt=0, le=256)]

    @model_validator(mode="after")
    def _independent(self) -> ChainSection:
        accounts = {a.lower() for a in (self.aggregator, *self.providers)}
        if len(accounts) != len(self.providers) + 1:
            raise ValueError("the accounts of providers and aggregator must differ")
        return self


class DeadlineSection(Section):
    """How long each duty may take, in seconds; whoever misses one loses its bond.

    ``phase`` is for one phase of a round, ``settle`` for proposing payments once the rounds are over,
    ``challenge`` for objecting to a proposal, ``answer`` for answering a demand.
    """

    phase: _Seconds
    settle: _Seconds
    challenge: _Seconds
    answer: _Seconds

    @model_validator(mode="after")
    def _answered_in_time(self) -> DeadlineSection:
        if self.answer >= self.settle:
            raise ValueError("answers must be due sooner than proposals")
        return self


class BondSection(Section):
    """What parties stake on doing their duty, in wei of the federation's token.

    ``challenger_wei`` is staked on a demand: answered, half of it is lost, which is the price of putting a
    table off by ``deadlines.answer``. Wrong scores are proven without a bond.
    """

    aggregator_wei: _BondText
    provider_wei: _BondText
    challenger_wei: _BondText

    @model_validator(mode="after")
    def _demands_have_a_price(self) -> BondSection:
        if int(self.challenger_wei) < 2:
            raise ValueError("a challenger's bond must be at least 2 wei, of which a wrong demand loses half")
        return self


class ValidatorSection(Section):
    """Accounts that recompute a proposal where no proof on chain can: ``quorum`` of them must sign."""

    accounts: list[_Account] = Field(default=[])
    quorum: Annotated[int, Field(ge=0)] = 0
    bond_wei: _BondText = "0"

    @model_validator(mode="after")
    def _enough(self) -> ValidatorSection:
        if len({a.lower() for a in self.accounts}) != len(self.accounts):
            raise ValueError("a validator is listed twice")
        if self.quorum > len(self.accounts) or (self.accounts and not self.quorum):
            raise ValueError(f"a quorum of {self.quorum} out of {len(self.accounts)} validators")
        return self


class ModelSection(Section):
    """The kind of model and its size: the canonical linear one, or a module (``ModuleSection``)."""

    kind: Literal["linear", "module"] = "linear"
    dim: Annotated[int, Field(ge=2, le=1 << 20)]
    features_sha256: _Hex32
    tables_sha256: _Hex32 = TABLE_SHA256

    @model_validator(mode="after")
    def _our_tables(self) -> ModelSection:
        if self.tables_sha256 != TABLE_SHA256:
            raise ValueError("scores were agreed on other sigmoid tables than this software has")
        return self


class ModuleSection(Section):
    """A listed architecture in floating point, and how near a recomputed score must be.

    ``sha256`` is the digest of the architecture's canonical description (``federation.models.registry``):
    who has another network under the same name finds out before anything is computed.
    """

    name: str
    words: _Positive
    hidden: _Positive
    sha256: _Hex32
    tolerance: Annotated[str, Field(pattern="^[1-9]e-[0-9]$")]

    @property
    def architecture(self) -> Architecture:
        """The network that is meant."""
        return Architecture(name=self.name, words=self.words, hidden=self.hidden)

    @model_validator(mode="after")
    def _known(self) -> ModuleSection:
        try:
            architecture = self.architecture
        except ConfigError as error:
            raise ValueError(error.message) from error
        if architecture.digest.hex() != self.sha256:
            raise ValueError(f"another architecture is meant by {self.name!r} than this software has")
        if float(self.tolerance) > _LARGEST_TOLERANCE:
            raise ValueError(f"a tolerance of {self.tolerance} leaves scores to whoever records them")
        return self


class PrivacySection(Section):
    """The lifetime budget and the noise that every delta carries.

    ``unit`` says what the budget protects: one example, each of whose steps is clipped to C, whether it
    is there or not; or a member, whose delta is clipped to C, whatever its data are.

    ``clip_milli`` is the clipping norm in thousandths, ``sigma_e4`` the noise multiplier in
    ten-thousandths. Without differential privacy ``sigma_e4`` is 0 and ``epsilon`` "inf"; a client
    refuses such a federation unless told ``unsafe_no_dp``.
    """

    unit: Literal["example", "member"] = "example"
    epsilon: Annotated[str, Field(pattern=r"^(inf|[0-9]+(\.[0-9]+)?)$")]
    delta: Annotated[str, Field(pattern=r"^[0-9](\.[0-9]+)?e-[0-9]+$")]
    clip_milli: _Positive
    sigma_e4: Annotated[int, Field(ge=0, le=(1 << 63) - 1)]

    @model_validator(mode="after")
    def _noise_or_none(self) -> PrivacySection:
        if (self.sigma_e4 == 0) != (self.epsilon == "inf"):
            raise ValueError("epsilon is inf exactly when sigma_e4 is 0")
        return self

    @property
    def budget(self) -> Budget:
        """The lifetime budget per dataset."""
        return Budget(epsilon=float(self.epsilon), delta=float(self.delta))

    @property
    def sigma(self) -> float:
        """Noise multiplier: standard deviation over the clipping norm."""
        return self.sigma_e4 / 10_000

    @property
    def clip(self) -> float:
        """Clipping norm C."""
        return self.clip_milli / 1000


class SamplingSection(Section):
    """DP-SGD at the member: several steps a round, each on a Poisson sample of its examples.

    ``rate_milli`` is the probability with which an example is in a sample, in thousandths. Between two
    steps the member moves its own copy by ``eta_milli`` thousandths of the noised mean step. C and sigma
    are then those of one step.
    """

    rate_milli: Annotated[int, Field(gt=0, lt=1000)]
    steps: Annotated[int, Field(gt=0, le=1000)]
    eta_milli: _Positive

    @property
    def rate(self) -> float:
        """Probability with which an example is in a sample."""
        return self.rate_milli / 1000


class CohortSection(Section):
    """How many members a round asks, drawn by public randomness, and with how many it goes on.

    With fewer commitments than ``minimum`` the round admits none: the model stays, nobody is charged.
    """

    size: _Positive
    minimum: _Positive = 1

    @model_validator(mode="after")
    def _can_be_reached(self) -> CohortSection:
        if self.minimum > self.size:
            raise ValueError(f"a cohort of {self.size} never has {self.minimum} commitments")
        return self


class SecureSection(Section):
    """The numbers of secure aggregation (docs/secure-aggregation.md).

    The noise is split so that the deltas of any ``minimum`` members together carry what ``[privacy]``
    names; fewer are never summed. ``colluders`` members may work with the aggregator in the third epsilon.
    ``degree`` neighbours share masks with each member, of whom more than ``threshold_percent`` restore its
    secrets, and ``projections`` scalars check each norm. The lifetime budget binds on all that is published
    ("transcript") or on the sum alone ("sum"). ``score_noise_milli`` covers each score with noise, in
    thousandths of what the member's own noise in its delta does.
    """

    minimum: Annotated[int, Field(ge=2, le=1 << 16)]
    colluders: Annotated[int, Field(ge=0)] = 0
    degree: Annotated[int, Field(ge=2, le=256, multiple_of=2)] = 20
    threshold_percent: Annotated[int, Field(gt=0, lt=100)] = 50
    projections: Annotated[int, Field(ge=1, le=64)] = 16
    budget: Literal["transcript", "sum"] = "transcript"
    score_noise_milli: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @model_validator(mode="after")
    def _few_collude(self) -> SecureSection:
        if self.colluders > self.minimum - 2:
            raise ValueError(f"{self.colluders} colluders leave nobody to hide among {self.minimum} members")
        near = min(self.degree, self.minimum - 1)
        if self.colluders >= (shares := near * self.threshold_percent // 100 + 1):
            raise ValueError(f"{self.colluders} colluders restore a member's secrets: {shares} shares do")
        return self


class SearchSection(Section):
    """The grids of the two line searches, ascending."""

    etas: Annotated[list[Annotated[int, Field(ge=0, le=1 << 20)]], Field(min_length=2, max_length=32)]
    betas_tenths: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _ascending(self) -> SearchSection:
        if any(sorted(set(grid)) != grid for grid in (self.etas, self.betas_tenths)):
            raise ValueError("a grid must be strictly ascending")
        if self.etas[0] or self.betas_tenths[0]:
            raise ValueError("a grid must begin with 0, so that a round may leave the model alone")
        return self


class RewardSection(Section):
    """The money: amounts in wei as decimal strings, factors in thousandths.

    ``method`` says how members are scored; the canonical text leaves the default one out.
    """

    bounty_wei: _BountyText
    funds_wei: _FundsText
    clip_milli: Annotated[int, Field(gt=0, le=1000)] = 1000
    suspension_milli: Annotated[int, Field(ge=0)] = 500
    suspension_from: Annotated[int, Field(ge=2)] = 3
    method: Annotated[str, Field(exclude_if=lambda method: method == DEFAULT)] = DEFAULT

    @model_validator(mode="after")
    def _of_any_size(self) -> RewardSection:
        if self.method not in METHODS or self.method == _FEW:
            known = ", ".join(name for name in METHODS if name != _FEW)
            raise ValueError(f"rounds are scored by one of {known}, not {self.method!r}")
        return self


class ValidationSection(Section):
    """How the validation set is cut and when drawn shards become public.

    Attributes:
        shards: How many sealed shards there are.
        public_milli: The public portion, in thousandths of the set.
        reveal: When a drawn shard becomes public: at the end of the epoch, or in its round.
    """

    shards: _Positive
    public_milli: Annotated[int, Field(gt=0, lt=1000)] = 100
    reveal: Literal["epoch", "round"] = "epoch"
