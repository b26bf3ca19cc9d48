"""Strategies: how a round's deltas become the direction of the model's step, one algorithm a file.

Plain functions of exact integers, chosen by the manifest's ``[aggregation]``. Beside the sum they need
validators and a quorum, since the judges on chain recompute the sum only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from federation.aggregation.adam import Adam
from federation.aggregation.gated import Gated
from federation.aggregation.krum import Krum, MultiKrum
from federation.aggregation.momentum import Momentum
from federation.aggregation.normcap import NormCap
from federation.aggregation.strategy import Combined, Context, Memory, Strategy
from federation.aggregation.total import Sum
from federation.aggregation.trimmed import Median, TrimmedMean
from federation.errors import ConfigError

__all__ = ["STRATEGIES", "Combined", "Context", "Memory", "Strategy", "strategy_of"]

_Kind = (
    type[Sum]
    | type[Momentum]
    | type[Adam]
    | type[NormCap]
    | type[TrimmedMean]
    | type[Median]
    | type[Krum]
    | type[MultiKrum]
    | type[Gated]
)

STRATEGIES: Final[Mapping[str, _Kind]] = {
    kind.name: kind for kind in (Sum, Momentum, Adam, NormCap, TrimmedMean, Median, Krum, MultiKrum, Gated)
}
"""Every strategy by its name in a manifest."""


def strategy_of(name: str, parameters: Mapping[str, int]) -> Strategy:
    """Return a strategy with its parameters, all of them and no others.

    Args:
        name: One of ``STRATEGIES``.
        parameters: By the names of the strategy's fields.

    Raises:
        ConfigError: The name is unknown, or other parameters belong to it.
    """
    if name not in STRATEGIES:
        raise ConfigError(f"no strategy named {name!r}", hint=f"this software has {', '.join(STRATEGIES)}")
    kind = STRATEGIES[name]
    wanted = [field.name for field in fields(kind)]
    if set(wanted) != set(parameters):
        needs = f"needs {' and '.join(wanted)}" if wanted else "takes no parameters"
        raise ConfigError(f"the strategy {name} {needs}, and nothing else")
    return kind(**parameters)
