"""Reading JSON from strangers: bounded depth, no constants that are no numbers."""

from __future__ import annotations

import json
import re
from typing import Final

import numpy as np

MAX_DEPTH: Final = 32

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def require_shallow(data: bytes) -> None:
    """Refuse JSON whose brackets nest deeper than any file of this project.

    A parser's own recursion limit is no protection: a library may have raised it.

    Raises:
        ValueError: It nests deeper than ``MAX_DEPTH``.
    """
    raw = np.frombuffer(_STRING.sub(b"", data), dtype=np.uint8)
    opening = (raw == ord("[")) | (raw == ord("{"))
    closing = (raw == ord("]")) | (raw == ord("}"))
    depth = np.cumsum(opening.astype(np.int64) - closing)
    if depth.size and int(depth.max()) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def parse_json(data: bytes) -> object:
    """Parse JSON.

    Raises:
        ValueError: It is not JSON, nests too deep, or holds NaN or Infinity.
    """
    require_shallow(data)
    parsed: object = json.loads(data, parse_constant=_refuse)
    return parsed


def parse_table(data: bytes) -> dict[str, object]:
    """Parse a JSON object.

    Raises:
        ValueError: It is no JSON object.
    """
    table = parse_json(data)
    if not isinstance(table, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the content is wrong, not a caller's type
    return table


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no number")
