"""Disputes of the gradient's projection off the public directions."""

from __future__ import annotations

from typing import Final

from aggregator.challenge.witness import NO_RECORD, Case, Dispute
from contracts.bindings.projection_disputes import (
    Chunk,
    DirectionClaim,
    ProjectedClaim,
    ProjectionDisputes,
)
from federation.trace import Op
from federation.trace.points import PATH_POINTS

DIRECTIONS: Final = 4
NO_CHUNK: Final = Chunk(hashes=(), data=b"")
_SOURCES: Final = ("weights", "move", "last step", "step before")


def direction(case: Case, k: int, entry: int) -> Dispute:
    """Dispute one entry of direction ``k``: its source's, shifted."""
    return Dispute.draft(
        ProjectionDisputes,
        lambda judge, sender: judge.direction(
            sender,
            context=case.context,
            claim=_claim(case, k),
            direction=case.chunk(Op.DIRECTION, k, 0, "direction", entry),
            source=case.chunk(*_source(k), entry),
            initial=NO_CHUNK if k else case.chunk(Op.ENTRY, 0, 0, "initial", entry),
            index=entry,
        ),
    )


def shift(case: Case, k: int) -> Dispute:
    """Dispute by how many bits the source of direction ``k`` is shifted."""
    return Dispute.draft(
        ProjectionDisputes,
        lambda judge, sender: judge.shift(
            sender,
            context=case.context,
            claim=_claim(case, k),
            source=case.whole(*_source(k)),
            initial=b"" if k else case.whole(Op.ENTRY, 0, 0, "initial"),
        ),
    )


def gram(case: Case, a: int, b: int) -> Dispute:
    """Dispute the inner product of directions ``a`` and ``b``."""
    return Dispute.draft(
        ProjectionDisputes,
        lambda judge, sender: judge.gram(
            sender,
            context=case.context,
            system=case.record(Op.SYSTEM),
            first=case.record(Op.DIRECTION, a),
            second=case.record(Op.DIRECTION, b),
            a=case.whole(Op.DIRECTION, a, 0, "direction"),
            b=b"" if a == b else case.whole(Op.DIRECTION, b, 0, "direction"),
        ),
    )


def target(case: Case, k: int) -> Dispute:
    """Dispute the inner product of direction ``k`` and gbar."""
    return Dispute.draft(
        ProjectionDisputes,
        lambda judge, sender: judge.target(
            sender,
            context=case.context,
            system=case.record(Op.SYSTEM),
            direction=case.record(Op.DIRECTION, k),
            gradient=case.record(Op.GRADIENT),
            u=case.whole(Op.DIRECTION, k, 0, "direction"),
            gbar=case.whole(Op.GRADIENT, 0, 0, "gradient"),
        ),
    )


def projected(case: Case, entry: int) -> Dispute:
    """Dispute one entry of the projected gradient."""
    directions = range(DIRECTIONS)
    claim = ProjectedClaim(
        projected=case.record(Op.PROJECTED),
        system=case.record(Op.SYSTEM),
        gradient=case.record(Op.GRADIENT),
        directions=tuple(case.record(Op.DIRECTION, k) for k in directions),
    )
    return Dispute.draft(
        ProjectionDisputes,
        lambda judge, sender: judge.projected(
            sender,
            context=case.context,
            claim=claim,
            result=case.chunk(Op.PROJECTED, 0, 0, "projected", entry),
            gbar=case.chunk(Op.GRADIENT, 0, 0, "gradient", entry),
            directions=[case.chunk(Op.DIRECTION, k, 0, "direction", entry) for k in directions],
            index=entry,
        ),
    )


def _source(k: int) -> tuple[Op, int, int, str]:
    """Return the recorded vector of which direction ``k`` is made, less w_0 for the first."""
    return (Op.ENTRY, 0, 0, _SOURCES[k]) if k else (Op.POINT, PATH_POINTS, 0, "weights")


def _claim(case: Case, k: int) -> DirectionClaim:
    return DirectionClaim(
        direction=case.record(Op.DIRECTION, k),
        entry=case.record(Op.ENTRY),
        base=NO_RECORD if k else case.record(Op.POINT, PATH_POINTS),
    )
