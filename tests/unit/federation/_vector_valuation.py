"""Write tests/vectors/valuation.json: ``python -m tests.unit.federation._vector_valuation`` from the root.

Everything that is decided comes from the reference, nothing from the kernel.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from tests.unit.federation import _reference_valuation as reference
from tests.unit.federation._vector import text
from tests.unit.federation._world import examples, rows

PATH = Path(__file__).parents[2] / "vectors" / "valuation.json"
NAME, SIZES, BOUNDS = "valuation.monte-carlo", (1, 2, 5, 10), (1, 3, 10, 1 << 63, 3 << 62, 1 << 64)
HOW = (
    "A round as a game in plain integers, and every member's score by every method "
    "(docs/contribution-methods.md); permutations, one after another from one stream, and numbers below "
    "bounds from another. A row is [label, words]; parts and base have 16 fractional bits, scores 40. By "
    "python -m tests.unit.federation._vector_valuation: _reference_valuation on the cases made there."
)


def case(seed: int, *, members: int = 5, dim: int = 18, shard: int = 10, eta: int = 4) -> dict[str, object]:
    """A random game in which the third member is a copy of the second and the last one sends zeros."""
    rng = np.random.default_rng(seed)
    drawn = rows(rng, shard, dim)
    signal = np.where(np.arange(dim) < dim // 6, 1.0, np.where(np.arange(dim) < dim // 3, -1.0, 0.0))
    parts = np.rint(2**16 * (signal * rng.uniform(-1, 3, (members, 1)) + rng.standard_normal((members, dim))))
    parts[2], parts[-1] = parts[1], 0
    return {
        "shard": [[label, found] for label, found in drawn],
        "mean": ((examples(drawn).counts(dim) << 12) // shard).tolist(),
        "base": np.rint(2**14 * rng.standard_normal(dim)).astype(int).tolist(),
        "parts": parts.astype(int).tolist(),
        "eta": eta,
        "quota_total": 7 * members,
        "seed": rng.bytes(32).hex(),
    }


def vector() -> dict[str, object]:
    cases = [case(1), case(2, members=7, eta=1), case(3, eta=16)]
    seed = bytes(range(32))
    stream, numbers = reference.words(seed, NAME), reference.words(seed, "valuation.gtg")
    return {
        "how": HOW,
        "seed": seed.hex(),
        "words": [str(word) for word in islice(reference.words(seed, NAME), 6)],
        "permutations": [reference.permutation(stream, n) for n in SIZES],
        "below": [[str(bound), str(reference.below(numbers, bound))] for bound in BOUNDS],
        "cases": [{"case": c, "scores": scores(c)} for c in cases],
    }


def scores(of: dict[str, object]) -> dict[str, list[int]]:
    return {name: method(reference.Game(of)) for name, method in reference.METHODS.items()}


if __name__ == "__main__":
    PATH.write_text(text(vector()) + "\n", encoding="utf-8")
