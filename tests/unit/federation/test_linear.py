"""The canonical linear model: exact, order-free, bounded sensitivity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import ConfigError, FolkmootError
from federation.fixedpoint import LOGIT_BITS, sigmoid
from federation.models.linear import (
    INTERCEPT_BOUND,
    MAX_SCALE,
    MEAN_BITS,
    ONE,
    SCALE_BITS,
    Design,
    Examples,
    brier_loss,
    brier_sum,
    fit_intercept,
    integer_mean,
    log_loss,
    model_bytes,
    model_hash,
    parse_model,
    require_exact,
)
from tests.unit.federation import _reference as reference
from tests.unit.federation._world import examples, rows

DIM = 40
ONE_NORM = 1 << (2 * (SCALE_BITS + MEAN_BITS))


def _rows(seed: int, n: int = 30):
    return rows(np.random.default_rng(seed), n, DIM)


def _design(of) -> Design:
    sets = examples(of)
    return Design.build(sets, integer_mean(sets.counts(DIM), len(sets)))


def _dense(design: Design) -> np.ndarray:
    """Integer rows a (b - m), as Python integers."""
    out = []
    for i, a in enumerate(design.scale.tolist()):
        words = set(
            design.examples.words[design.examples.offsets[i] : design.examples.offsets[i + 1]].tolist()
        )
        out.append([a * (((j in words) << MEAN_BITS) - m) for j, m in enumerate(design.mean.tolist())])
    return np.array(out, dtype=object)


words = st.lists(st.sets(st.integers(0, 11), max_size=12), min_size=1, max_size=8)


@given(words, st.lists(st.integers(0, 1 << MEAN_BITS), min_size=12, max_size=12))
def test_scale_is_the_largest_up_to_two_with_norm_at_most_one_when_mean_and_words_are_any(sets, mean):
    m = np.array(mean)
    design = Design.build(Examples.build([sorted(s) for s in sets], [0] * len(sets)), m)
    for s, a in zip(sets, design.scale.tolist(), strict=True):
        norm_sq = sum((((j in s) << MEAN_BITS) - mean[j]) ** 2 for j in range(12))
        assert a * a * norm_sq <= ONE_NORM
        assert a <= MAX_SCALE
        assert a == MAX_SCALE or (a + 1) ** 2 * norm_sq > ONE_NORM or norm_sq == a == 0


@pytest.mark.parametrize(("away", "scale"), [(1, 2.0), (2047, 2.0), (2048, 2.0), (2049, 2048 / 2049 * 2)])
def test_scale_is_two_when_an_example_is_nearer_to_the_mean_than_a_half(away, scale):
    design = Design.build(Examples.build([[]], [1]), np.array([away, 0]))
    assert design.scale.tolist() == [int(scale * 2**SCALE_BITS)]
    assert MAX_SCALE == 2 * 2**SCALE_BITS


def test_example_says_nothing_when_it_equals_the_mean():
    design = Design.build(Examples.build([[0]], [1]), np.array([1 << MEAN_BITS, 0]))
    assert design.scale.tolist() == [0]
    assert design.logits(np.array([1 << 20, 7])).tolist() == [0]


def test_products_are_the_dense_ones_when_weights_and_coefficients_are_random():
    rng = np.random.default_rng(5)
    design = _design(_rows(5))
    dense = _dense(design)
    w = rng.integers(-(1 << 22), 1 << 22, DIM)
    shift = SCALE_BITS + MEAN_BITS + 16 - LOGIT_BITS
    assert design.logits(w).tolist() == [int(x) >> shift for x in dense @ w.astype(object)]
    c = rng.integers(-(1 << 24), 1 << 24, len(design))
    assert design.weighted_sum(c).tolist() == [int(x) for x in dense.T @ c.astype(object)]


def test_losses_stay_when_examples_and_words_are_permuted():
    rng = np.random.default_rng(6)
    of, w = _rows(6), rng.integers(-(1 << 20), 1 << 20, DIM)
    relabel = rng.permutation(DIM)
    shuffled = [of[i] for i in rng.permutation(len(of))]
    renamed = [(y, sorted(relabel[x].tolist())) for y, x in shuffled]
    moved = np.empty_like(w)
    moved[relabel] = w
    first, second = _design(of), _design(renamed)
    assert brier_loss(first, w) == brier_loss(second, moved)
    assert log_loss(first, w) == log_loss(second, moved)
    assert brier_loss(first, w) != brier_loss(first, moved)


@given(st.lists(st.tuples(st.integers(-(1 << 28), 1 << 28), st.integers(0, 1)), min_size=1, max_size=12))
def test_intercept_brackets_the_root_when_it_is_inside_the_bounds(pairs):
    z, y = (np.array([p[k] for p in pairs]) for k in (0, 1))
    c = fit_intercept(z, y)

    def excess(at: int) -> int:
        return int(sigmoid(z + at).sum()) - int(y.sum()) * ONE

    if -INTERCEPT_BOUND < c < INTERCEPT_BOUND:
        assert excess(c) <= 0 < excess(c + 1)
    else:
        assert excess(c) <= 0 if c > 0 else excess(c) > 0
    assert c == _labelled(y).intercept(z.tolist())


def _labelled(y):
    held = reference.Set([], [])
    held.labels = y.tolist()
    return held


@pytest.mark.parametrize(("label", "bound"), [(0, -INTERCEPT_BOUND), (1, INTERCEPT_BOUND)])
def test_intercept_is_its_bound_when_a_set_has_one_class(label, bound):
    assert fit_intercept(np.array([3, -5, 1 << 24]), np.full(3, label)) == bound


@pytest.mark.parametrize("weight", [1 << 51, -(1 << 51), 1 << 62])
def test_logits_are_refused_when_weights_leave_the_exact_range(weight):
    w = np.zeros(DIM, dtype=np.int64)
    w[0] = weight
    with pytest.raises(ConfigError, match="beyond the exact range"):
        _design(_rows(7)).logits(w)


def test_logits_are_refused_when_only_the_scaled_product_overflows():
    design = _design(_rows(7))
    w = np.zeros(DIM, dtype=np.int64)
    w[int(design.examples.words[0])] = 1 << 40
    with pytest.raises(ConfigError, match="a logit may reach"):
        design.logits(w)


MANY = [
    *(Design.build(Examples.build([], []), np.full(4, m)) for m in (0, 2000)),
    Design.build(Examples.build([[0]], [1]), np.array([1 << MEAN_BITS, 0, 0, 0])),
    *(
        Design.build(Examples.build([[], [0], [1, 3], [0, 1, 2, 3]], [0, 1, 0, 1]), np.array(mean))
        for mean in ([0] * 4, [1] * 4, [100, 0, 2048, 4096], [4096] * 4, [4095] * 4)
    ),
]
exponents = st.integers(0, 62).flatmap(lambda k: st.integers(-(1 << k), 1 << k))
near = st.builds(
    lambda k, off, s: s * ((1 << k) + off), st.integers(30, 51), st.integers(-2, 2), st.sampled_from([1, -1])
)


def _refused(design: Design, w: np.ndarray) -> bool:
    try:
        logits = design.logits(w)
    except ConfigError:
        return True
    assert logits.tolist() == [int(x) >> 20 for x in _dense(design).reshape(-1, 4) @ w.astype(object)]
    return False


@given(st.lists(exponents | near, min_size=4, max_size=4))
def test_logits_are_exact_for_every_design_or_refused_for_every_one_when_weights_are_any(weights):
    w = np.array(weights, dtype=np.int64)
    refusals = {_refused(design, w) for design in MANY}
    assert len(refusals) == 1
    try:
        require_exact(w)
    except ConfigError:
        assert refusals == {True}
    else:
        assert refusals == {False}


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ([(1 << 35) - 2, 0, 0, 0], ""),
        ([(1 << 35) - 1, 0, 0, 0], "a logit may reach"),
        ([(1 << 34) - 1] * 4, ""),
        ([1 << 34] * 4, "a logit may reach"),
        ([1 << 50, 0, 0, 0], "a logit's inner sum may reach"),
        ([1 << 62, 1 << 62, 0, 0], "an L1 norm may reach"),
    ],
)
def test_weights_are_refused_when_a_product_with_some_example_could_leave_64_bits(weights, why):
    w = np.array(weights)
    assert {_refused(design, w) for design in MANY} == {bool(why)}
    if why:
        with pytest.raises(ConfigError, match=why):
            require_exact(w)


def test_gradient_is_refused_when_its_sum_could_leave_the_exact_range():
    design = _design(_rows(8))
    each = (1 << 50) // int(design.scale.sum())
    design.weighted_sum(np.full(len(design), each))
    with pytest.raises(ConfigError, match="a gradient"):
        design.weighted_sum(np.full(len(design), each + 1))


def test_brier_sum_is_refused_when_it_could_leave_64_bits():
    n = 1 << 15
    wrong = np.zeros(n - 1, dtype=np.int64)
    assert brier_sum(wrong, np.ones_like(wrong)) == (n - 1) << 48
    with pytest.raises(ConfigError, match="a Brier loss"):
        brier_sum(np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.int64))


def test_concatenation_is_the_whole_when_parts_share_a_mean():
    of = _rows(9)
    whole = _design(of)
    halves = [Design.build(examples(part), whole.mean) for part in (of[:11], of[11:])]
    joined = Design.concat(halves)
    assert joined.scale.tolist() == whole.scale.tolist()
    assert joined.examples.words.tolist() == whole.examples.words.tolist()
    assert joined.examples.offsets.tolist() == whole.examples.offsets.tolist()
    assert joined.labels.tolist() == whole.labels.tolist()


@given(
    st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=6),
    st.integers(-INTERCEPT_BOUND, INTERCEPT_BOUND),
)
def test_model_reads_back_when_its_bytes_are_canonical(weights, intercept):
    w = np.array(weights, dtype=np.int64)
    data = model_bytes(w, intercept)
    again, c = parse_model(data)
    assert (again.tolist(), c) == (weights, intercept)
    assert model_bytes(again, c) == data


@given(st.integers(0, 8 * 32 - 1))
def test_model_changes_or_is_refused_when_one_bit_flips(bit):
    data = bytearray(model_bytes(np.array([5, -6]), 7))
    data[bit // 8] ^= 1 << bit % 8
    try:
        w, c = parse_model(bytes(data))
    except FolkmootError:
        return
    assert model_bytes(w, c) == bytes(data)
    assert (w.tolist(), c) != ([5, -6], 7)


@pytest.mark.parametrize("cut", [0, 3, 4, 15, 31, 33])
def test_model_is_refused_when_its_length_is_wrong(cut):
    data = (model_bytes(np.array([5, -6]), 7) + b"\0")[:cut]
    with pytest.raises(ConfigError, match="not a linear model"):
        parse_model(data)


def test_hash_changes_when_only_the_intercept_does():
    w = np.array([1, 2])
    assert model_hash(w, 0) != model_hash(w, 1)
