"""One measured figure, printed as one JSON line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure and its target.

    Attributes:
        figure: What is measured.
        value: The measurement.
        target: What it should reach.
        sense: Whether the target is a lower or an upper bound, inclusive unless strict.
        how: How it was measured, in a few words.
    """

    figure: str
    value: float
    target: float
    sense: Literal[">=", "<=", "<", "=="]
    how: str

    @property
    def holds(self) -> bool:
        """Whether the target is reached."""
        return {
            ">=": self.value >= self.target,
            "<=": self.value <= self.target,
            "<": self.value < self.target,
            "==": self.value == self.target,
        }[self.sense]

    def line(self) -> str:
        """Return the JSON line."""
        return json.dumps(
            {
                "figure": self.figure,
                "value": round(self.value, 6),
                "target": f"{self.sense} {self.target:g}",
                "holds": self.holds,
                "how": self.how,
            }
        )
