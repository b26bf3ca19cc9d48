"""Write tests/vectors/score.json anew: ``python -m tests.unit.federation._vector`` from the root.

Everything that is decided comes from the reference, nothing from the kernel.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.federation import _reference as reference
from tests.unit.federation._world import random_case

PATH = Path(__file__).parents[2] / "vectors" / "score.json"
SEED = 74
"""An epoch with momentum upon momentum, rounds with and without a step, silence and suspensions."""

HOW = (
    "One epoch of five rounds as plain integers, and what each round decides (docs/protocol.md, Numbers, "
    "A round's arithmetic, Rewards, The trace). A row is [label, words]; a delta has 16 fractional bits; who "
    "sent none is silent or rejected. Made by python -m tests.unit.federation._vector: _reference.play of "
    f"_world.random_case({SEED}, rounds=5)."
)


def vector() -> dict[str, object]:
    case = random_case(SEED, rounds=5)
    return {"how": HOW, "case": case, "decided": reference.play(case)}


def text(value: object, indent: int = 0) -> str:
    """JSON with a line for each row of numbers."""
    inner, outer = "\n" + " " * (indent + 1), "\n" + " " * indent
    if isinstance(value, dict) and value:
        fields = (f"{json.dumps(k)}: {text(v, indent + 1)}" for k, v in value.items())
        return "{" + inner + f",{inner}".join(fields) + outer + "}"
    if isinstance(value, list) and _height(value) > 2:
        return "[" + inner + f",{inner}".join(text(v, indent + 1) for v in value) + outer + "]"
    return json.dumps(value)


def _height(value: object) -> int:
    if isinstance(value, dict):
        return 3
    return 1 + max(map(_height, value), default=0) if isinstance(value, list) else 0


if __name__ == "__main__":
    PATH.write_text(text(vector()) + "\n", encoding="utf-8")
