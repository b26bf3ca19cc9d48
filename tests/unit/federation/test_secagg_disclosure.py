"""What is public of a member's deltas: 1 + r linear functionals of each, and not one more."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from hashlib import sha256

import numpy as np
import pytest

from federation.secagg import pairs, ring
from federation.secagg.messages import NormAnswer, Upload, pieces
from federation.types import Hash32
from tests.unit.federation import _secagg
from tests.unit.federation._secagg import Attempt, deltas_for, dids, terms_for

WHO = dids(3)[0]


def challenge_of(round_):
    return Hash32(sha256(b"round %d" % round_).digest())


def gradient_of(round_, dim, size=1000):
    return np.random.default_rng(round_).integers(-size, size + 1, dim, dtype=np.int64)


def run_round(round_, terms, deltas, monkeypatch, **more):
    """One honest round with a gradient and a challenge of its own."""
    monkeypatch.setattr(_secagg, "CHALLENGE", challenge_of(round_))
    terms = replace(terms, round=round_)
    return Attempt(terms, deltas, seed=round_, **more).run(gradient_of(round_, terms.dim))


def learnt(attempt, did):
    """What anybody computes of one member's delta from the messages: functionals, and their values."""
    terms, server = attempt.terms, attempt.server
    rows = ring.directions(Hash32(server.challenge), terms.projections, terms.dim)
    upload = np.frombuffer(Upload.parse(attempt.sent["reveal"][did]).words, dtype="<u8")
    answer = NormAnswer.parse(attempt.sent["norm"][did])
    values = ring.project(rows, upload)[0] - np.frombuffer(answer.own, dtype="<u8")
    near = [other for other in server.roll.around[did] if other in server.pledges]
    for other, said in zip(near, pieces(answer.edges, 8 * terms.projections), strict=True):
        values = values - np.frombuffer(said, dtype="<u8") * np.uint64(pairs.sign_of(did, other) % 2**64)
    gradient = gradient_of(terms.round, terms.dim)
    matrix = np.vstack([rows.astype(np.int64), gradient])
    return matrix, np.append(ring.from_ring(values), attempt.products[did])


def test_scalars_are_one_and_r_independent_functionals_when_a_round_is_public(monkeypatch):
    terms = terms_for(3, dim=120)
    deltas = deltas_for(terms)
    matrix, values = learnt(run_round(1, terms, deltas, monkeypatch), WHO)
    assert (matrix @ deltas[WHO] == values).all()
    assert np.linalg.matrix_rank(matrix) == len(matrix) == 1 + terms.projections


@pytest.mark.parametrize(("rounds", "told"), [(1, False), (7, False), (8, True)])
def test_unchanging_delta_is_told_when_the_scalars_of_all_rounds_are_as_many_as_weights(
    rounds, told, monkeypatch
):
    # The worst a member can do: the same delta, without fresh noise, again and again; 17 scalars a round.
    terms = terms_for(3, dim=120)
    deltas = deltas_for(terms)
    found = [learnt(run_round(t, terms, deltas, monkeypatch), WHO) for t in range(1, rounds + 1)]
    matrix, values = (np.concatenate([each[k] for each in found]) for k in (0, 1))
    rank = min(terms.dim, (1 + terms.projections) * rounds)
    assert np.linalg.matrix_rank(matrix) == rank
    guess, *_ = np.linalg.lstsq(matrix.astype(float), values.astype(float))
    assert (np.rint(guess) == deltas[WHO]).all() == told
    # The best guess is the delta's part in the space that the functionals span: so much and no more.
    _, _, across = np.linalg.svd(matrix.astype(float))
    within = across[:rank].T @ (across[:rank] @ deltas[WHO])
    assert np.allclose(guess, within, atol=1e-6)


def unseen(matrix):
    """An integer basis of all that some functionals do not see; shape (dim - rank, dim)."""
    rows, lead = [[Fraction(int(x)) for x in row] for row in matrix], []
    for row in range(len(rows)):
        column = next(c for c in range(len(rows[row])) if rows[row][c] and c not in lead)
        lead.append(column)
        rows[row] = [x / rows[row][column] for x in rows[row]]
        for other in range(len(rows)):
            if other != row:
                factor = rows[other][column]
                rows[other] = [x - factor * y for x, y in zip(rows[other], rows[row], strict=True)]
    basis = []
    for free in set(range(matrix.shape[1])) - set(lead):
        vector = [Fraction(int(c == free)) for c in range(matrix.shape[1])]
        for row, column in enumerate(lead):
            vector[column] = -rows[row][free]
        scale = np.lcm.reduce([x.denominator for x in vector])
        basis.append([int(x * int(scale)) for x in vector])
    return np.array(basis, dtype=np.int64)


SMALL = terms_for(6, dim=9, projections=2)
LOST = {"reveal": dids(6)[4:5], "unmask": dids(6)[5:]}
"""One who is not summed, so that masks with it open; one whose secrets its neighbours restore."""


def small_round(monkeypatch, deltas):
    monkeypatch.setattr(_secagg, "CHALLENGE", challenge_of(1))
    return Attempt(SMALL, deltas, lost=LOST).run(gradient_of(1, SMALL.dim, size=3))


def seen_by_all():
    rows = ring.directions(challenge_of(1), SMALL.projections, SMALL.dim).astype(np.int64)
    return np.vstack([rows, gradient_of(1, SMALL.dim, size=3)])


def shifted_round(monkeypatch, shift, given=1, taken=1):
    """The same round, with a shift from one member to another, and a mask between them less by it."""
    a, b = dids(6)[:2]
    first = small_round(monkeypatch, deltas_for(SMALL))
    between, stream = first.members[a].seed(first.server.roll, b), ring.mask

    def mask(seed, dim):
        return stream(seed, dim) - ring.to_ring(shift) if seed == between else stream(seed, dim)

    deltas = deltas_for(SMALL)
    deltas[a], deltas[b] = deltas[a] + given * shift, deltas[b] - taken * shift
    with monkeypatch.context() as patched:
        patched.setattr(ring, "mask", mask)
        return first, small_round(patched, deltas)


def test_every_byte_stays_when_what_no_scalar_sees_moves_between_two_members(monkeypatch):
    basis = unseen(seen_by_all())
    # All that 1 + r functionals leave; so nothing else of a delta is in the messages.
    assert len(basis) == np.linalg.matrix_rank(basis) == SMALL.dim - 1 - SMALL.projections
    for shift in basis:
        first, second = shifted_round(monkeypatch, shift)
        assert first.sent == second.sent
        assert (first.total == second.total).all()
        assert first.products == second.products
        assert any((first.deltas[did] != second.deltas[did]).any() for did in first.deltas)


@pytest.mark.parametrize(
    ("place", "stages"), [(0, {"norm"}), (1, {"norm"}), (2, {"scalars"})], ids=["first", "second", "gradient"]
)
def test_its_scalar_changes_when_what_moves_is_seen_by_one_functional(place, stages, monkeypatch):
    matrix = seen_by_all()
    others = np.delete(matrix, place, axis=0)
    shift = next(v for v in unseen(others) if matrix[place] @ v)
    first, second = shifted_round(monkeypatch, shift)
    assert {stage for stage in first.sent if first.sent[stage] != second.sent[stage]} == stages


def test_upload_and_sum_change_when_only_one_member_moves(monkeypatch):
    first, second = shifted_round(monkeypatch, unseen(seen_by_all())[0], taken=0)
    assert first.sent["reveal"] != second.sent["reveal"]
    assert (first.total != second.total).any()
