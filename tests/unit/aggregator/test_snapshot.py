"""A state survives its bytes, whatever its numbers' size; another version's is refused."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from aggregator.snapshot import parse_state, state_bytes
from ceramic_bridge.dagcbor import decode, encode
from federation.epochstate import EpochState
from federation.errors import ConfigError
from federation.types import Did, Wei

A, B = Did("did:key:zA"), Did("did:key:zB")


def state():
    first = EpochState.first(initial=np.array([0, -(1 << 62), 7], dtype=np.int64), quotas={B: 3, A: 5})
    return replace(
        first,
        round=4,
        steps=(first.initial, first.initial + 1),
        credits={A: Wei(-(10**30)), B: Wei(10**30)},
        moved=1 << 200,
        suspended=frozenset({B}),
    )


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_state_is_the_same_when_it_is_read_back():
    before = state()
    after = parse_state(state_bytes(before))
    assert all(same(getattr(before, f.name), getattr(after, f.name)) for f in fields(EpochState))
    assert state_bytes(after) == state_bytes(before)


def test_bytes_are_the_same_when_the_members_come_in_another_order():
    before = state()
    turned = replace(before, quotas={A: 5, B: 3}, credits=dict(reversed(before.credits.items())))
    assert state_bytes(turned) == state_bytes(before)


@pytest.mark.parametrize("change", ["less", "more", "damage"])
def test_state_is_refused_when_it_is_another_versions(change):
    table = decode(state_bytes(state()))
    if change == "less":
        del table["moved"]
    elif change == "more":
        table["momentum"] = {"i": "1"}
    raw = encode(table)[:-1] if change == "damage" else encode(table)
    with pytest.raises(ConfigError):
        parse_state(raw)
