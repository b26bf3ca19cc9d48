"""Write tests/vectors/aggregation.json anew: ``python -m tests.unit.federation._vector_aggregation``.

Everything that is decided comes from the reference, nothing from the kernel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.unit.federation._reference_aggregation import STRATEGIES
from tests.unit.federation._vector import text

PATH = Path(__file__).parents[2] / "vectors" / "aggregation.json"
QUOTA_TOTAL = 37
HOW = (
    "Three rounds of deltas (a row a member, 16 fractional bits; Q = 37), and what each strategy makes of "
    "them: parts, what is carried, and what is kept, in the order of docs/aggregation.md. The first "
    "weight of the second round is beyond what Adam squares. Made by python -m "
    "tests.unit.federation._vector_aggregation from _reference_aggregation."
)


def rounds(seed: int = 5) -> list[list[list[int]]]:
    """Three rounds of 7, 6 and 7 deltas of 5 weights: ties, zeros, one too long, one beyond all bounds."""
    rng = np.random.default_rng(seed)
    made = [rng.integers(-(1 << 17), 1 << 17, (n, 5)).tolist() for n in (7, 6, 7)]
    made[0][3] = made[0][1]
    made[0][5] = [0] * 5
    made[1][2] = [50 * x for x in made[1][2]]
    made[1][0][0] = 1 << 50
    return made


def decide(name: str, parameters: dict[str, int]) -> list[dict[str, object]]:
    """What the reference makes of the rounds, one after the other."""
    combine, _ = STRATEGIES[name]
    memory, decided = [], []
    for deltas in rounds():
        parts, carried, memory = combine(deltas, memory, QUOTA_TOTAL, **parameters)
        decided.append({"parts": parts, "carried": carried, "memory": memory})
    return decided


def vector() -> dict[str, object]:
    return {
        "how": HOW,
        "quota_total": QUOTA_TOTAL,
        "rounds": rounds(),
        "strategies": [
            {"strategy": name, "parameters": parameters, "decided": decide(name, parameters)}
            for name, (_, tried) in STRATEGIES.items()
            for parameters in tried
        ],
    }


if __name__ == "__main__":
    PATH.write_text(text(vector()) + "\n", encoding="utf-8")
