"""Money: whatever the scores, nobody is paid more than was earned or than there is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.contribution import SCORE_BITS
from federation.hashing import keccak256
from federation.merkle import leaf_hash
from federation.reward import PayoutTable, Terms, clip_limit, clipped, credit, suspended
from federation.types import Address, Wei

TERMS = Terms(bounty=Wei(10**21), funds=Wei(10**21))
UNIT = 1 << SCORE_BITS
A, B = (Address("0x" + c * 20) for c in ("0a", "0b"))
POOL = Address("0x" + "cc" * 20)

members = st.lists(st.tuples(st.integers(1, 5000), st.integers(-4 * UNIT, 4 * UNIT)), min_size=1, max_size=12)


@given(
    members,
    st.integers(-UNIT, UNIT),
    st.integers(1, 1000),
    st.integers(1, 10**24),
    st.booleans(),
    st.integers(0, (1 << 12) - 1),
)
def test_positive_pays_of_any_subset_stay_below_the_bounty_when_scores_are_any(
    of, gain, clip_milli, bounty, moves, subset
):
    terms = replace(TERMS, bounty=Wei(bounty), clip_milli=clip_milli)
    total = sum(quota for quota, _ in of)
    counts_as = gain if moves else min(gain, 0)
    pays = []
    for quota, score in of:
        limit = clip_limit(terms, improvement=gain, quota=quota, quota_total=total)
        pays.append(credit(terms, counted=clipped(score, limit), improvement=counts_as))
        assert abs(pays[-1]) << SCORE_BITS <= (bounty * quota * abs(gain) + (total << SCORE_BITS)) // total
    chosen = [p for i, p in enumerate(pays) if subset >> i & 1 and p > 0]
    assert sum(chosen) <= bounty * max(counts_as, 0) >> SCORE_BITS
    if counts_as <= 0:
        assert max(pays) <= 0


def test_pays_pass_the_bounty_when_scores_are_not_clipped():
    scores = [3 * UNIT, -2 * UNIT]
    positive = [p for s in scores if (p := credit(TERMS, counted=s, improvement=UNIT)) > 0]
    assert sum(positive) > TERMS.bounty


@pytest.mark.parametrize("improvement", [UNIT, 0, -UNIT])
def test_zero_score_is_worth_exactly_nothing_when_the_round_went_anyhow(improvement):
    assert credit(TERMS, counted=0, improvement=improvement) == 0


@pytest.mark.parametrize(
    ("counted", "improvement", "expected"),
    [(1, 1, 0), (-1, 1, -1), (-1, -1, -1), (3, 2, 1), (3, 0, 0), (3, -2, 0), (-3, -2, -2)],
)
def test_credit_rounds_down_when_a_wei_would_be_split(counted, improvement, expected):
    terms = replace(TERMS, bounty=Wei(UNIT // 2))
    assert credit(terms, counted=counted, improvement=improvement) == expected


def test_clip_limit_is_the_quota_share_when_c_is_one():
    assert clip_limit(TERMS, improvement=-1000, quota=3, quota_total=10) == 300
    assert clip_limit(replace(TERMS, clip_milli=500), improvement=1001, quota=3, quota_total=10) == 150
    assert [clipped(s, 300) for s in (-301, -300, 0, 301)] == [-300, -300, 0, 300]


@given(st.lists(st.integers(1, 100), min_size=2, max_size=6), st.integers(-UNIT, UNIT), st.integers(1, 1000))
def test_clip_limits_of_identities_sum_to_no_more_when_a_member_splits(quotas, gain, clip_milli):
    terms, total = replace(TERMS, clip_milli=clip_milli), sum(quotas) + 50
    parts = [clip_limit(terms, improvement=gain, quota=q, quota_total=total) for q in quotas]
    assert sum(parts) <= clip_limit(terms, improvement=gain, quota=sum(quotas), quota_total=total)


def _suspended(credit_so_far: int, *, round_: int = 3, moved: int = UNIT) -> bool:
    return suspended(TERMS, round_=round_, credit_so_far=credit_so_far, quota=1, quota_total=4, moved=moved)


def test_member_stays_when_its_credit_is_exactly_at_the_threshold():
    # g B q/Q sum|G| = 0.5 * 10^21 * 1/4 * 1
    threshold = -(10**21) // 8
    assert not _suspended(threshold)
    assert _suspended(threshold - 1)
    assert not _suspended(threshold - 1, moved=UNIT + UNIT // 1000)


def test_member_stays_when_the_round_is_before_the_third():
    assert not _suspended(-(10**30), round_=2)
    assert _suspended(-(10**30), round_=3)


def test_table_is_sorted_and_leaves_zeroes_out_when_built():
    table = PayoutTable.build(1, POOL, {B: 5, A: 7, POOL: 0})
    assert table.rows == ((A, 7), (B, 5))
    assert table.total == 12
    assert table.leaves() == [leaf_hash(1, POOL, A, 7), leaf_hash(1, POOL, B, 5)]
    assert table.to_bytes() == b"FMP1" + b"\x0a" * 20 + (7).to_bytes(32, "big") + b"\x0b" * 20 + (5).to_bytes(
        32, "big"
    )


def test_leaf_is_the_written_out_hash_when_encoded():
    row = (
        (1).to_bytes(32, "big")
        + bytes(12)
        + b"\xcc" * 20
        + bytes(12)
        + b"\x0a" * 20
        + (7).to_bytes(32, "big")
    )
    assert PayoutTable.build(1, POOL, {A: 7}).tree().root == keccak256(keccak256(row))


@pytest.mark.parametrize(
    "other",
    [
        PayoutTable.build(2, POOL, {A: 7}),
        PayoutTable.build(1, A, {A: 7}),
        PayoutTable.build(1, POOL, {B: 7}),
        PayoutTable.build(1, POOL, {A: 8}),
    ],
)
def test_root_changes_when_chain_pool_payee_or_amount_does(other):
    assert other.tree().root != PayoutTable.build(1, POOL, {A: 7}).tree().root


def test_empty_table_has_a_root_that_pays_nobody_when_nothing_is_owed():
    table = PayoutTable.build(1, POOL, {})
    assert (table.total, table.tree().root) == (0, leaf_hash(1, POOL, POOL, 0))
