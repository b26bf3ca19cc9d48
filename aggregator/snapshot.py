"""The epoch's state as bytes: one encoding for each state, so that a restart need not compute it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ceramic_bridge.dagcbor import MalformedData, decode, encode
from federation.epochstate import EpochState
from federation.errors import ConfigError

if TYPE_CHECKING:
    from ceramic_bridge.dagcbor import Value

MOST: Final = 1 << 30
"""Bytes of a state: a thousand vectors of a hundred thousand weights."""


def state_bytes(state: EpochState) -> bytes:
    """Return the canonical bytes of a state."""
    return encode({field.name: _packed(getattr(state, field.name)) for field in fields(state)})


def parse_state(data: bytes) -> EpochState:
    """Return the state that canonical bytes hold.

    Raises:
        ConfigError: They are no state as this software keeps it.
    """
    try:
        table = decode(data, max_bytes=MOST)
        if not isinstance(table, dict) or table.keys() != {field.name for field in fields(EpochState)}:
            raise ConfigError("the journal holds the state of another version of this software")
        values: dict[str, Any] = {name: _unpacked(value) for name, value in table.items()}
        return EpochState(**values)
    except (MalformedData, ValueError, TypeError, KeyError) as error:
        raise ConfigError("a state in the journal is damaged") from error


def _packed(value: object) -> Value:
    """Return a value in DAG-CBOR, each kind under a letter of its own: integers may be of any size."""
    match value:
        case np.ndarray():
            return {"v": np.ascontiguousarray(value, dtype="<i8").tobytes(), "shape": list(value.shape)}
        case int():
            return {"i": str(int(value))}
        case str():
            return str(value)
        case frozenset():
            return {"s": [_packed(one) for one in sorted(value)]}
        case tuple():
            return [_packed(one) for one in value]
        case Mapping():
            return {"m": [[str(key), _packed(one)] for key, one in sorted(value.items())]}
    raise ConfigError(f"a state holds {type(value).__name__}, which the journal cannot keep")


def _unpacked(value: Value) -> object:
    match value:
        case {"v": bytes() as raw, "shape": list() as shape}:
            found = np.frombuffer(raw, dtype="<i8").astype(np.int64)
            return found.reshape([int(str(size)) for size in shape])
        case {"i": str() as digits}:
            return int(digits)
        case {"s": list() as items}:
            return frozenset(_unpacked(one) for one in items)
        case {"m": list() as pairs}:
            return {str(pair[0]): _unpacked(pair[1]) for pair in pairs if isinstance(pair, list)}
        case list():
            return tuple(_unpacked(one) for one in value)
    return value
