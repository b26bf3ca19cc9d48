"""The parts of secure aggregation alone: sharing, graph, codec, ring, masks, norm check."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.secagg import graph, ring, shamir
from federation.secagg.codec import decode, encode
from federation.secagg.messages import Keys, Upload
from federation.secagg.terms import Reason, SecureRefused
from federation.types import Hash32
from tests.unit.federation._secagg import (
    CHALLENGE,
    Attempt,
    deltas_for,
    dids,
    gradient_for,
    signer,
    terms_for,
)

SEED = Hash32(sha256(b"seed").digest())


def coefficient(power):
    return sha256(b"a%d" % power).digest() + sha256(b"b%d" % power).digest()


# Sharing


@given(st.binary(min_size=32, max_size=32), st.integers(1, 8), st.randoms(use_true_random=False))
def test_any_shares_restore_a_secret_when_they_are_as_many_as_the_threshold(secret, threshold, random):
    points = random.sample(range(1, 200), 8)
    shares = dict(zip(points, shamir.split(secret, points, threshold, coefficient), strict=True))
    chosen = random.sample(points, threshold)
    assert shamir.combine({point: shares[point] for point in chosen}) == secret


def test_fewer_shares_fit_every_secret():
    # One share of two: for any other secret there is a second share that restores it with the first.
    first, second = shamir.split(bytes(31) + b"\1", [1, 2], 2, coefficient)
    other = bytes(31) + b"\2"
    step = (int.from_bytes(first, "little") - int.from_bytes(other, "little")) % shamir.PRIME
    forged = ((int.from_bytes(first, "little") + step) % shamir.PRIME).to_bytes(33, "little")
    assert shamir.combine({1: first, 2: forged}) == other
    assert forged != second


def test_field_is_one_of_a_prime_above_every_secret():
    from Crypto.Util.number import isPrime

    assert isPrime(shamir.PRIME)
    assert 1 << 256 < shamir.PRIME < 1 << 8 * shamir.SHARE_BYTES
    assert shamir.combine({1: (1 << 256).to_bytes(33, "little")}) is None


def test_shares_are_those_of_the_vector():
    # f(x) = 5 + 3 x + 2 x^2 at 1, 2, 3
    shares = shamir.split((5).to_bytes(32, "little"), [1, 2, 3], 3, lambda k: (4 - k).to_bytes(64, "little"))
    assert [int.from_bytes(share, "little") for share in shares] == [5 + 3 + 2, 5 + 6 + 8, 5 + 9 + 18]


# Graph


@pytest.mark.parametrize(("n", "degree"), [(2, 20), (21, 20), (22, 20), (100, 20), (9, 4)])
def test_graph_is_symmetric_regular_and_without_loops(n, degree):
    near = graph.neighbours(n, degree, SEED)
    assert {len(each) for each in near} == {min(degree, n - 1)}
    assert all(i != j and i in near[j] for i in range(n) for j in near[i])
    assert all(list(each) == sorted(set(each)) for each in near)


def test_graph_stays_connected_when_fewer_than_its_degree_are_taken_out():
    near = graph.neighbours(14, 4, SEED)
    for taken in [{0, 1, 2}, {3, 7, 9}, {4, 12, 13}, set(near[5][:3])]:
        left = set(range(14)) - taken
        reached, edge = set(), [min(left)]
        while edge:
            at = edge.pop()
            if at in left - reached:
                reached.add(at)
                edge.extend(near[at])
        assert reached == left


def test_order_is_uniform_over_seeds():
    seeds = [Hash32(sha256(b"%d" % i).digest()) for i in range(6000)]
    counts = {}
    for seed in seeds:
        order = tuple(graph.permutation(3, seed))
        counts[order] = counts.get(order, 0) + 1
    # Chi-square with 5 degrees of freedom: 20.5 is its 99.9 % point.
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 20.5
    assert len(counts) == 6


def test_order_is_that_of_the_vector():
    assert graph.permutation(8, Hash32(bytes(32))) == ORDER


def _order(n, seed):
    """The rule of docs/secure-aggregation.md, written again."""
    order, counter = list(range(n)), 0
    for last in reversed(range(1, n)):
        draw = 1 << 64
        while draw >= (1 << 64) // (last + 1) * (last + 1):
            draw = int.from_bytes(sha256(seed + counter.to_bytes(8, "little")).digest()[:8], "little")
            counter += 1
        order[last], order[draw % (last + 1)] = order[draw % (last + 1)], order[last]
    return order


ORDER = _order(8, bytes(32))


# Codec


VALUES = st.recursive(
    st.binary(max_size=5) | st.text(max_size=5) | st.integers(0, (1 << 64) - 1),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


def shape_of(value):
    if isinstance(value, tuple):
        return tuple(shape_of(item) for item in value)
    return {bytes: "b", str: "s", int: "i"}[type(value)]


def depth(value):
    return 1 + max(map(depth, value), default=0) if isinstance(value, tuple) else 1


@given(VALUES.filter(lambda value: depth(value) <= 4))
def test_value_is_read_back_when_it_was_encoded(value):
    data = encode(value)
    assert decode(data, shape_of(value)) == value
    for wrong in (data + b"\0", data[:-1], b"x" + data[1:]):
        with pytest.raises(SecureRefused):
            decode(wrong, shape_of(value))


@given(st.binary(max_size=60))
def test_bytes_have_one_reading_or_none_when_they_come_from_a_stranger(data):
    for shape in ("s", "i", "b", "b32", ["b"], ("s", "i")):
        try:
            value = decode(data, shape)
        except SecureRefused:
            continue
        assert encode(value) == data


def test_message_is_refused_when_it_promises_more_than_it_holds_or_is_of_another_kind():
    for data in (b"t" + b"\xff" * 4, b"b" + b"\xff" * 4 + b"x", Upload(dids(1)[0], b"").to_bytes(), b""):
        with pytest.raises(SecureRefused):
            Keys.parse(data)


# Ring


def test_mask_is_the_stream_of_the_rfc():
    # RFC 8439, appendix A.1, test vector 1: key, nonce and counter of zeros.
    first = bytes.fromhex("76b8e0ada0f13d90405d6ae55386bd28")
    assert ring.mask(bytes(32), 2).astype("<u8").tobytes() == first


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=20))
def test_integers_are_read_back_from_the_ring(values):
    array = np.array(values, dtype=np.int64)
    assert ring.from_ring(ring.to_ring(array)).tolist() == values
    assert [ring.signed(value % (1 << 64)) for value in values] == values


@given(st.integers(0, 1 << 32))
def test_products_and_projections_are_those_of_large_integers(seed):
    draws = np.random.default_rng(seed)
    values = draws.integers(0, 1 << 64, 50, dtype=np.uint64)
    gradient = draws.integers(-(1 << 62), 1 << 62, 50, dtype=np.int64)
    exact = [int(value) for value in values]
    assert ring.dot(gradient, values) == sum(int(g) * v for g, v in zip(gradient, exact, strict=True)) % 2**64
    along = ring.directions(SEED, 3, 50)
    want = [sum(int(a) * v for a, v in zip(row, exact, strict=True)) % 2**64 for row in along]
    assert [words.tolist() for words in ring.project(along, values, values)] == [want, want]


def test_projection_is_exact_when_a_vector_takes_several_blocks():
    values = ring.mask(SEED, 40_001)
    along = ring.directions(SEED, 2, 40_001)
    want = [int((row.astype(object) * values.astype(object)).sum()) % 2**64 for row in along]
    assert [words.tolist() for words in ring.project(along, values, values)] == [want, want]


# What a server sees


def test_masked_upload_is_uniform_when_a_million_values_are_looked_at():
    terms = terms_for(2, dim=1_000_000)
    deltas = {did: np.full(terms.dim, 3, dtype=np.int64) for did in terms.caps}
    attempt = Attempt(terms, deltas).keys().pledge().commit()
    words = np.frombuffer(attempt.uploads[dids(2)[0]].words, dtype="<u8")
    for shift in (0, 28, 56):
        counts = np.bincount(((words >> np.uint64(shift)) & np.uint64(255)).astype(int), minlength=256)
        expected = terms.dim / 256
        # 255 degrees of freedom: 0.1 % and 99.9 % points.
        assert 190 < float(((counts - expected) ** 2 / expected).sum()) < 331
    # The test has teeth: what is not masked is not uniform.
    plain = np.bincount((deltas[dids(2)[0]] & 255).astype(int), minlength=256)
    assert float(((plain - expected) ** 2 / expected).sum()) > 331


def unseen(along):
    """A small vector, not zero, orthogonal to some directions, and a gradient orthogonal to it."""
    options = product((-1, 0, 1), repeat=along.shape[1])
    shift = next(v for v in map(np.array, options) if v.any() and not (along.astype(int) @ v).any())
    gradient = np.array([3, -1, 4, 1, -5, 9, 2, -6], dtype=np.int64)
    pivot = int(np.flatnonzero(shift)[0])
    gradient[pivot] -= shift[pivot] * (gradient @ shift)
    assert gradient @ shift == 0
    return shift, gradient


def test_views_can_be_swapped_when_sum_and_scalars_of_two_data_sets_are_equal():
    """For other deltas with the same sum and scalars there are masks that give the very same view.

    The view of the data is the uploads, the sum, the projections and the products. Shift one honest
    member's delta by v, another's by -v, and the mask between them by -v: nothing that a server sees
    changes, and a uniform mask is as likely as the shifted one. So the view says nothing about which
    of the two data sets it was.
    """
    terms = terms_for(3, dim=8, projections=2)
    along = ring.directions(CHALLENGE, 2, 8)
    shift, gradient = unseen(along)
    attempt = Attempt(terms, deltas_for(terms))
    attempt.run(gradient)
    words = ring.to_ring(shift)
    a, b = dids(3)[:2]
    edge = ring.mask(attempt.members[a].seed(attempt.server.roll, b), 8)
    shifted = edge - words
    for did, sign in ((a, 1), (b, -1)):
        plain = ring.to_ring(attempt.deltas[did])
        moved = plain + words if sign > 0 else plain - words
        with_edge = plain + edge if sign > 0 else plain - edge
        with_shifted = moved + shifted if sign > 0 else moved - shifted
        assert (with_edge == with_shifted).all()
        assert (moved != plain).any()
        assert ring.dot(gradient, moved) == ring.dot(gradient, plain)
    assert ring.dot(gradient, shifted) == ring.dot(gradient, edge)
    assert (ring.project(along, shifted)[0] == ring.project(along, edge)[0]).all()


# The norm check

NORM = terms_for(3, dim=200)


def checked(delta, challenge):
    """Whether a delta passes: what the server computes of it when nobody lies."""
    along = ring.directions(challenge, NORM.projections, NORM.dim)
    squares = sum(int(value) ** 2 for value in ring.from_ring(ring.project(along, delta)[0]))
    return 2 * squares <= ring.norm_limit(1 << 20, NORM.projections)


def challenges(count):
    return [Hash32(sha256(b"challenge %d" % i).digest()) for i in range(count)]


def of_norm(norm, seed=0):
    draws = np.random.default_rng(seed).standard_normal(NORM.dim)
    return ring.to_ring((draws * (norm / np.linalg.norm(draws))).astype(np.int64))


def test_honest_member_is_refused_at_most_once_in_a_thousand():
    one_entry = np.zeros(NORM.dim, dtype=np.int64)
    one_entry[5] = 1 << 20
    for delta in (of_norm(1 << 20), ring.to_ring(one_entry)):
        assert sum(not checked(delta, c) for c in challenges(1000)) <= 1


@pytest.mark.parametrize(("value", "count"), [(1 << 63, 1), (1 << 63, 2), (1 << 62, 4), (1 << 61, 8)])
def test_wrap_around_is_caught_when_entries_hide_in_high_bits(value, count):
    delta = of_norm(1 << 19).copy()
    delta[:count] += np.uint64(value)
    assert sum(checked(delta, c) for c in challenges(300)) <= 3


def test_delta_is_caught_when_it_is_ten_times_its_cap():
    assert sum(checked(of_norm(10 << 20), c) for c in challenges(300)) <= 3


@pytest.mark.parametrize(
    "enlarge",
    [
        lambda upload: upload * np.uint64(1000),
        lambda upload: upload + np.array([1 << 63, 1 << 63] + [0] * 38, dtype=np.uint64),
    ],
    ids=["scaled", "wrapped"],
)
def test_member_is_left_out_when_it_masks_a_delta_over_its_cap(enlarge):
    terms, liar = terms_for(6), dids(6)[1]
    attempt = Attempt(terms, deltas_for(terms, size=1 << 17)).keys().pledge()
    wide = enlarge(ring.to_ring(attempt.deltas[liar]))

    def forge(stage, did, message):
        if did != liar or stage != "commit":
            return message
        words = np.frombuffer(attempt.uploads[liar].words, dtype="<u8") - ring.to_ring(attempt.deltas[liar])
        attempt.uploads[liar] = Upload(liar, (words + wide).astype("<u8").tobytes())
        other = replace(message, upload=attempt.uploads[liar].commitment(terms)).sign(terms, signer(liar))
        attempt.members[liar] = replace(attempt.members[liar], commitment=other.to_bytes())
        return other

    attempt.forge = forge
    attempt.commit()
    attempt.reveal().norm().unmask().scalars(gradient_for(terms))
    assert [(f.culprit, f.reason) for f in attempt.server.findings] == [(liar, Reason.OVER_NORM)]
    assert (attempt.total == sum(attempt.deltas[did] for did in dids(6) if did != liar)).all()


def test_every_reason_is_documented():
    text = (Path(__file__).parents[3] / "docs" / "secure-aggregation.md").read_text(encoding="utf-8")
    rows = text.split("<!-- reasons -->")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", rows, flags=re.MULTILINE) == [str(reason) for reason in Reason]
