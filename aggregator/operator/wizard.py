"""A linear federation's manifest from a few answers; everything else has a value that was tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts.spending import wei_of
from federation.errors import UsageError
from federation.features import FeatureSpec
from federation.privacy import noise_multiplier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.types import Address, Did

_HOUR: Final = 3600
_DELTA: Final = "1e-5"
_NO_BUDGET: Final = "inf"

# By AUC on validation splits of the spam example, with and without noise.
_ETAS: Final = [0, 1, 2, 4, 8, 16, 32]
_ETAS_NO_DP: Final = [*_ETAS, 64]
_BETAS_TENTHS: Final = [0, 3, 6, 8, 9]
_CLIP_MILLI, _CLIP_MILLI_NO_DP = 250, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What an operator and its community have decided.

    Attributes:
        name: The federation's name.
        chain_id: Its chain.
        community: Who signs rosters.
        aggregator: The operator's own DID.
        account: The operator's account, which is bonded.
        providers: DID and account of each provider.
        rounds: Rounds of an epoch, each with a shard of validation data.
        dim: How many words the model knows.
        epsilon: Lifetime budget of one message, as text; "inf" for no noise.
        bounty: Tokens for a whole point of Brier score.
        funds: Tokens that an epoch pays at most.
        aggregator_bond: Tokens at stake.
        provider_bond: Tokens at stake of each provider.
        phase_hours: How long each phase of a round may take.
    """

    name: str
    chain_id: int
    community: Did
    aggregator: Did
    account: Address
    providers: Sequence[tuple[Did, Address]]
    rounds: int
    dim: int
    epsilon: str
    bounty: str
    funds: str
    aggregator_bond: str
    provider_bond: str
    phase_hours: int

    def table(self) -> dict[str, object]:
        """Return the manifest's table, to be checked like one written by hand.

        Raises:
            UsageError: An amount or epsilon is no number.
            ConfigError: No noise keeps so small a budget.
        """
        private = self.epsilon != _NO_BUDGET
        sigma = noise_multiplier(_number(self.epsilon), float(_DELTA), self.rounds) if private else 0.0
        phase = self.phase_hours * _HOUR
        return {
            "name": self.name,
            "rounds": self.rounds,
            "parties": {
                "community": self.community,
                "aggregator": self.aggregator,
                "providers": [did for did, _ in self.providers],
            },
            "chain": {
                "chain_id": self.chain_id,
                "aggregator": self.account,
                "providers": [account for _, account in self.providers],
                "draw_delay": 2,
            },
            "model": {"dim": self.dim, "features_sha256": FeatureSpec(dim=self.dim).digest.hex()},
            "privacy": {
                "epsilon": self.epsilon,
                "delta": _DELTA,
                "clip_milli": _CLIP_MILLI if private else _CLIP_MILLI_NO_DP,
                "sigma_e4": round(sigma * 10_000),
            },
            "search": {"etas": _ETAS if private else _ETAS_NO_DP, "betas_tenths": _BETAS_TENTHS},
            "reward": {"bounty_wei": str(wei_of(self.bounty)), "funds_wei": str(wei_of(self.funds))},
            "validation": {"shards": self.rounds},
            "deadlines": {
                "phase": phase,
                "settle": 7 * 24 * _HOUR,
                "challenge": 48 * _HOUR,
                "answer": 24 * _HOUR,
            },
            "bonds": {
                "aggregator_wei": str(wei_of(self.aggregator_bond)),
                "provider_wei": str(wei_of(self.provider_bond)),
                "challenger_wei": str(wei_of("1")),
            },
        }


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no epsilon", hint='a number such as 8, or "inf"') from error


def provider_of(text: str) -> tuple[Did, Address]:
    """Read ``DID=ADDRESS``.

    Raises:
        UsageError: It has another form, or the address is none.
    """
    from contracts.session import address
    from federation.types import Did

    did, equals, account = text.partition("=")
    if not equals or not did.startswith("did:key:z"):
        raise UsageError(f"{text!r} is no provider", hint="it is DID=ADDRESS, as the provider tells it")
    return Did(did), address(account)
