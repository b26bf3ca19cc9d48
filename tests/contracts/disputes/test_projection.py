"""The projection off public directions: their shifts and entries, the products, and what is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregator.challenge.projection import DIRECTIONS, direction, gram, projected, shift, target
from contracts.bindings.errors import InvalidRecord, NoSuchEntry, WrongVector
from contracts.bindings.projection_disputes import ProjectionDisputes
from federation.fixedpoint import Ints
from federation.projection import project
from federation.trace import Op
from federation.trace.points import PATH_POINTS
from tests.rounds import LARGE, SMALL

from .court import Court, changed, ints, refused

SCORED = [n for n in range(1, SMALL.rounds + 1) if n not in SMALL.quiet]


@pytest.fixture(scope="module")
def court() -> Court:
    return Court.open(ProjectionDisputes)


def bent(court: Court, round_: int, op: Op, i: int, name: str, entry: int, by: int):
    data = court.epoch.rounds[round_ - 1].trace.opened(op, i, 0, name)
    return court.lying(round_, (op, i, 0, name, changed(data, entry, by)))


def system_lie(court: Court, round_: int, name: str, by: int):
    value = court.epoch.rounds[round_ - 1].trace.find(Op.SYSTEM).value(name)
    return court.lying(round_, (Op.SYSTEM, 0, 0, name, value + by))


@pytest.mark.parametrize("round_", SCORED)
def test_direction_convicts_only_where_it_is_off(court: Court, round_: int) -> None:
    for k in range(DIRECTIONS):
        court.acquits(direction(court.honest(round_), k, 0))
        case = bent(court, round_, Op.DIRECTION, k, "direction", 7, -1)
        court.convicts(direction(case, k, 7), round_)
        court.acquits(direction(case, k, 6))


@pytest.mark.parametrize("round_", [2, 3])
@pytest.mark.parametrize("bits", [-1, 1, 65, 2**255 - 1])
def test_shift_convicts_when_it_is_not_the_least(court: Court, round_: int, bits: int) -> None:
    for k in range(DIRECTIONS):
        court.acquits(shift(court.honest(round_), k))
        court.convicts(shift(court.lying(round_, (Op.DIRECTION, k, 0, "shift", bits)), k), round_)


@pytest.mark.parametrize("bits", [-(2**255), -1, 65, 2**255 - 1])
def test_direction_convicts_when_its_shift_is_impossible(court: Court, bits: int) -> None:
    court.convicts(direction(court.lying(2, (Op.DIRECTION, 1, 0, "shift", bits)), 1, 0), 2)


def huge(court: Court, k: int, exponent: int) -> tuple[list[tuple[Op, int, int, str, int | Ints]], int]:
    """Lies that make source ``k`` as large as given; the shift that follows from it, and its lie."""
    rng = np.random.default_rng(exponent)
    source = rng.integers(-(1 << exponent), 1 << exponent, SMALL.dim)
    names = ("weights", "move", "last step", "step before")
    lies: list[tuple[Op, int, int, str, int | Ints]] = []
    if k:
        lies.append((Op.ENTRY, 0, 0, names[k], source))
    else:
        lies.append((Op.POINT, PATH_POINTS, 0, "weights", source))
        source = source - ints(court.epoch.rounds[1].trace.opened(Op.ENTRY, 0, 0, "initial"))
    wanted = project(np.zeros_like(source), [source])
    bits, (shifted,) = wanted.shifts[0], wanted.directions
    lies.append((Op.DIRECTION, k, 0, "direction", shifted))
    if bits:
        lies.append((Op.DIRECTION, k, 0, "shift", bits))
    return lies, bits


@pytest.mark.parametrize("k", range(DIRECTIONS))
@pytest.mark.parametrize("exponent", [20, 31, 61])
def test_large_sources_are_shifted_as_python_does(court: Court, k: int, exponent: int) -> None:
    lies, bits = huge(court, k, exponent)
    assert bool(bits) == (exponent > 25)
    case = court.lying(2, *lies)
    court.acquits(shift(case, k))
    for entry in (0, 9, 23):
        court.acquits(direction(case, k, entry))
    lies = [x for x in lies if x[3] != "shift"]
    court.convicts(shift(court.lying(2, *lies, (Op.DIRECTION, k, 0, "shift", bits + 1)), k), 2)
    if bits:
        case = court.lying(2, *lies, *([(Op.DIRECTION, k, 0, "shift", bits - 1)] if bits > 1 else []))
        court.convicts(shift(case, k), 2)


@pytest.mark.parametrize("round_", [2, 5])
def test_gram_convicts_when_a_product_is_off(court: Court, round_: int) -> None:
    for a in range(DIRECTIONS):
        for b in range(a, DIRECTIONS):
            court.acquits(gram(court.honest(round_), a, b))
            case = system_lie(court, round_, f"gram {a} {b}", 1 - 2 * (b % 2))
            court.convicts(gram(case, a, b), round_)
            court.convicts(gram(case, b, a), round_)
            if (a, b) != (0, 1):
                court.acquits(gram(case, 0, 1))


@pytest.mark.parametrize("round_", SCORED)
def test_target_convicts_when_a_product_is_off(court: Court, round_: int) -> None:
    for k in range(DIRECTIONS):
        court.acquits(target(court.honest(round_), k))
        case = system_lie(court, round_, f"target {k}", -1)
        court.convicts(target(case, k), round_)
        court.acquits(target(case, (k + 1) % DIRECTIONS))


@pytest.mark.parametrize("round_", SCORED)
def test_projected_convicts_only_where_it_is_off(court: Court, round_: int) -> None:
    for entry in (0, SMALL.dim - 1):
        court.acquits(projected(court.honest(round_), entry))
    case = bent(court, round_, Op.PROJECTED, 0, "projected", 11, 1)
    court.convicts(projected(case, 11), round_)
    court.acquits(projected(case, 12))


def independent(rng: np.random.Generator, rank: int, size: int) -> list[Ints]:
    """Four directions of a given rank: random ones, then sums of those or zeros."""
    free = [rng.integers(-(1 << size), 1 << size, SMALL.dim) for _ in range(rank)]
    rest = [sum(free, start=np.zeros(SMALL.dim, dtype=np.int64)) for _ in range(DIRECTIONS - rank)]
    return [v for _, v in sorted(enumerate([*free, *rest]), key=lambda _: rng.random())]


@pytest.mark.parametrize("rank", range(DIRECTIONS + 1))
@pytest.mark.parametrize("size", [1, 20])
def test_projections_of_random_vectors_are_those_of_python(court: Court, rank: int, size: int) -> None:
    """Whatever a system is, the entries that follow from it are right and their neighbours wrong."""
    rng = np.random.default_rng(10 * rank + size)
    directions, gbar = independent(rng, rank, size), rng.integers(-(1 << 26), 1 << 26, SMALL.dim)
    found = project(gbar, directions)
    upper = [value for k, row in enumerate(found.gram) for value in row[k:]]
    trace = court.epoch.rounds[1].trace
    system = dict(zip(Op.SYSTEM.fields, [*upper, *found.target], strict=True))
    lies: list[tuple[Op, int, int, str, int | Ints]] = [
        (Op.SYSTEM, 0, 0, name, value)
        for name, value in system.items()
        if trace.find(Op.SYSTEM).value(name) != value
    ]
    for k, u in enumerate(directions):
        if not np.array_equal(u, ints(trace.opened(Op.DIRECTION, k, 0, "direction"))):
            lies.append((Op.DIRECTION, k, 0, "direction", u))
    lies.append((Op.GRADIENT, 0, 0, "gradient", gbar))
    case = court.lying(2, *lies, (Op.PROJECTED, 0, 0, "projected", found.projected))
    for entry in rng.choice(SMALL.dim, 2, replace=False).tolist():
        court.acquits(projected(case, entry))
    for a, b in ((0, 1), (2, 2), (3, 1)):
        court.acquits(gram(case, a, b))
    off = found.projected.copy()
    off[3] += 1
    court.convicts(projected(court.lying(2, *lies, (Op.PROJECTED, 0, 0, "projected", off)), 3), 2)


def test_openings_of_something_else_prove_nothing(court: Court) -> None:
    case, other = court.honest(2), court.honest(3)
    with refused(WrongVector):
        court.send(gram(replace(case, vectors=dict.fromkeys(case.vectors, bytes(8 * 23))), 0, 1))
    with refused(WrongVector):
        court.send(direction(replace(case, vectors=dict.fromkeys(case.vectors, bytes(8 * 24))), 1, 0))
    with refused(NoSuchEntry):
        dispute = projected(case, 0)
        court.send(replace(dispute, data=_with_index(dispute.data, SMALL.dim)))
    with refused(InvalidRecord):
        court.send(target(replace(case, trace=other.trace, vectors=other.vectors), 0))


def _with_index(data: bytes, index: int) -> bytes:
    """The call with another last argument: the sixth word of its head."""
    return data[: 4 + 5 * 32] + index.to_bytes(32) + data[4 + 6 * 32 :]


@pytest.mark.slow
def test_projection_costs_less_than_six_million_gas_when_the_model_is_large() -> None:
    court = Court.open(ProjectionDisputes, size=LARGE)
    shifted = court.lying(2, (Op.DIRECTION, 0, 0, "shift", 1))
    assert court.convicts(shift(shifted, 0), 2) < 6_000_000
    assert court.convicts(gram(system_lie(court, 2, "gram 0 1", 1), 0, 1), 2) < 6_000_000
    case = bent(court, 2, Op.PROJECTED, 0, "projected", 4095, 1)
    assert court.convicts(projected(case, 4095), 2) < 1_000_000
    court.acquits(projected(case, 0))
