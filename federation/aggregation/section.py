"""``[aggregation]`` of a manifest: the name of a strategy, and its parameters and no others."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from federation.aggregation import Strategy, strategy_of
from federation.aggregation.total import Sum
from federation.errors import ConfigError
from federation.section import Section


class AggregationSection(Section):
    """How deltas become the direction of the step, by a strategy and its parameters, in thousandths.

    ``mode`` says who sees them: "central", the aggregator and in the end everybody; "secure", nobody
    (``SecureSection``). The canonical text leaves the default out.
    """

    mode: Annotated[Literal["central", "secure"], Field(exclude_if=lambda mode: mode == "central")] = (
        "central"
    )
    strategy: str = Sum.name
    beta_milli: Annotated[int | None, Field(gt=0, lt=1000)] = None
    beta1_milli: Annotated[int | None, Field(ge=0, lt=1000)] = None
    beta2_milli: Annotated[int | None, Field(ge=0, lt=1000)] = None
    floor_milli: Annotated[int | None, Field(gt=0, le=1_000_000)] = None
    norm_milli: Annotated[int | None, Field(gt=0, le=1_000_000)] = None
    trim_milli: Annotated[int | None, Field(gt=0, lt=500)] = None
    faulty_milli: Annotated[int | None, Field(ge=0, lt=500)] = None

    @property
    def chosen(self) -> Strategy:
        """The strategy that is meant."""
        given = self.model_dump(exclude={"mode", "strategy"}, exclude_none=True)
        return strategy_of(self.strategy, given)

    @model_validator(mode="after")
    def _known(self) -> AggregationSection:
        try:
            _ = self.chosen
        except ConfigError as error:
            raise ValueError(error.message) from error
        return self
