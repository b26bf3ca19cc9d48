"""Group sums: what a member's part is estimated to be, and that nothing of a score is lost."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import ConfigError
from federation.types import Did, Hash32
from federation.valuation.groupridge import PENALTY, Group, GroupRound, draw_groups, group_ridge, quota_split

UNIT = 1 << 40


def dids(n):
    return tuple(Did(f"did:key:z{i:03d}") for i in range(n))


def seed(k):
    return Hash32(sha256(b"groups %d" % k).digest())


def rounds_of(worth, size, count):
    """Rounds in which every member is always worth the same."""
    sets = [draw_groups(sorted(worth), size, seed(k)) for k in range(count)]
    return [
        GroupRound.of(
            [Group(members=members, score=sum(worth[did] for did in members)) for members in groups]
        )
        for groups in sets
    ]


def worths(n, spread=UNIT):
    draws = np.random.default_rng(n).integers(-spread, spread, n)
    return {did: int(x) for did, x in zip(dids(n), draws, strict=True)}


scored = st.lists(st.integers(-(10**15), 10**15), min_size=4, max_size=24)


def of_scores(scores, size=3, scale=1000):
    """Groups of 8 members, three and more in each, with any scores."""
    drawn = (draw_groups(dids(8), size, seed(k)) for k in range(len(scores)))
    pairs = zip(chain.from_iterable(drawn), scores, strict=False)
    return [
        GroupRound(groups=(Group(members=members, score=score),), scale=scale) for members, score in pairs
    ]


QUOTAS = {did: 10 + 7 * i for i, did in enumerate(dids(8))}
ALIKE = dict.fromkeys(dids(8), 1)


@settings(max_examples=30, deadline=None)
@given(scored)
@pytest.mark.parametrize("rule", [group_ridge, quota_split])
def test_shares_sum_to_the_scores_to_the_last_unit_when_groups_have_any(rule, scores):
    assert sum(rule(of_scores(scores), QUOTAS).values()) == sum(scores)


@pytest.mark.parametrize("rule", [group_ridge, quota_split])
def test_shares_are_exact_when_groups_have_one_member(rule):
    worth = worths(8)
    assert rule(rounds_of(worth, 1, 3), QUOTAS) == {did: 3 * x for did, x in worth.items()}


def test_shares_are_those_of_members_who_never_change_when_rounds_are_many():
    worth = worths(8)
    rounds = rounds_of(worth, 2, 400)
    found, split = group_ridge(rounds, ALIKE), quota_split(rounds, ALIKE)
    assert all(abs(found[did] / 400 - worth[did]) < UNIT / 10 for did in worth)
    # The failing twin: whom the split puts far from its worth.
    assert any(abs(split[did] / 400 - worth[did]) > UNIT / 4 for did in worth)


@settings(max_examples=30, deadline=None)
@given(scored)
def test_shares_add_up_when_scores_do(scores):
    twice = [2 * x + 7 for x in scores]
    both = [a + b for a, b in zip(scores, twice, strict=True)]
    one, other, whole = (group_ridge(of_scores(each), QUOTAS) for each in (scores, twice, both))
    # Up to a few roundings a group, and those of floating point in numbers as large as these.
    slack = 6 * len(scores) + 1e-12 * sum(map(abs, both))
    assert all(abs(whole[did] - one[did] - other[did]) <= slack for did in whole)


def test_shares_are_the_quotas_when_members_are_never_apart():
    rounds = [GroupRound.of([Group(members=dids(3), score=7)])]
    quotas = dict(zip(dids(3), (1, 1, 2), strict=True))
    assert quota_split(rounds, quotas) == dict(zip(dids(3), (2, 2, 3), strict=True))
    large = [GroupRound.of([Group(members=dids(3), score=4 << 40)])]
    found = group_ridge(large, quotas)
    assert all(abs(found[did] - (quotas[did] << 40)) <= 3 for did in found)


def test_shares_are_the_same_when_all_rounds_are_measured_in_another_unit():
    scores = [int(x) for x in np.random.default_rng(3).integers(-UNIT, UNIT, 16)]
    found, other = (group_ridge(of_scores(scores, scale=scale), QUOTAS) for scale in (UNIT, UNIT >> 9))
    assert all(abs(found[did] - other[did]) <= 16 for did in found)


def test_shares_are_minima_when_compared_with_a_least_squares_solution():
    draws = np.random.default_rng(5)
    sets = [(members, k) for k in range(6) for members in draw_groups(dids(8), 2, seed(k))]
    scores, scales = draws.integers(-UNIT, UNIT, len(sets)), [3 << (30 + k) for k in range(6)]
    rounds = [
        GroupRound(
            groups=tuple(
                Group(members=members, score=int(score))
                for (members, at), score in zip(sets, scores, strict=True)
                if at == k
            ),
            scale=scales[k],
        )
        for k in range(6)
    ]
    # Ridge is least squares with a row more for each member.
    held = np.array([[did in members for did in dids(8)] for members, _ in sets], dtype=float)
    unit = np.array([scales[k] for _, k in sets], dtype=float)
    quotas = np.array(list(QUOTAS.values()), dtype=float)
    prior = quotas * (scores / unit).sum() / (held @ quotas).sum()
    pull = np.sqrt(PENALTY * quotas.mean() / quotas)
    typical, *_ = np.linalg.lstsq(
        np.vstack([held, np.diag(pull)]), np.concatenate([scores / unit, pull * prior])
    )
    left = (scores - unit * (held @ typical)) / (held @ quotas)
    expected = (held * unit[:, None]).sum(axis=0) * typical + quotas * (held.T @ left)
    found = group_ridge(rounds, QUOTAS)
    assert np.allclose([found[did] for did in dids(8)], expected, rtol=1e-9, atol=30)


def test_nobody_gets_anything_when_there_are_no_rounds():
    assert group_ridge([], {}) == quota_split([GroupRound.of([])], {}) == {}


@pytest.mark.parametrize(
    ("groups", "scale"),
    [
        ([()], 1),
        ([(dids(1)[0], dids(1)[0])], 1),
        ([dids(2), dids(3)[1:]], 1),
        ([dids(2)], 0),
    ],
    ids=["empty", "twice", "shared", "scale"],
)
def test_round_is_refused_when_its_groups_are_none(groups, scale):
    made = tuple(Group(members=tuple(members), score=1) for members in groups)
    with pytest.raises(ConfigError):
        GroupRound(groups=made, scale=scale)


@pytest.mark.parametrize("rule", [group_ridge, quota_split])
@pytest.mark.parametrize("quota", [{}, {dids(2)[1]: 0}], ids=["missing", "zero"])
def test_shares_are_refused_when_a_quota_is_not_positive(rule, quota):
    with pytest.raises(ConfigError):
        rule([GroupRound.of([Group(members=dids(2), score=1)])], {dids(2)[0]: 5} | quota)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(1, 12))
def test_groups_hold_everybody_once_when_drawn(n, size):
    groups = draw_groups(dids(n), size, seed(1))
    assert Counter(chain.from_iterable(groups)) == Counter(dids(n))
    assert all(size <= len(g) <= 2 * size - 1 for g in groups) or len(groups) <= 1


def test_groups_differ_when_the_seed_does_and_size_is_refused_when_not_positive():
    assert draw_groups(dids(20), 4, seed(1)) != draw_groups(dids(20), 4, seed(2))
    with pytest.raises(ConfigError):
        draw_groups(dids(20), 0, seed(1))


def test_documents_example_runs_when_it_is_executed():
    text = (Path(__file__).parents[3] / "docs" / "contribution-methods.md").read_text(encoding="utf-8")
    (example,) = [part.split("```")[0] for part in text.split("```python\n")[1:]]
    names: dict[str, object] = {}
    exec(compile(example, "contribution-methods.md", "exec"), names)
    shares = names["shares"]
    assert isinstance(shares, dict)
    assert sum(shares.values()) == 5 * (6 << 40)
