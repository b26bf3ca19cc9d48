"""Who lied, from signed messages and one opened secret: anybody comes to the same verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.fixedpoint import Ints
from federation.secagg import keys, pairs, ring
from federation.secagg.messages import EdgeOpening, KeysOpening, Pledge
from federation.secagg.pairs import Edge, edge_of
from federation.secagg.roll import Roll, active
from federation.secagg.terms import Finding, Reason, Terms
from federation.types import Did


def contradictions(roll: Roll, pledges: Mapping[Did, Pledge]) -> tuple[tuple[Did, Did], ...]:
    """Return the pairs of neighbours who committed to different seeds of the mask they share."""
    return tuple(
        (did, other)
        for did in sorted(pledges)
        for other in roll.around[did]
        if did < other
        and other in pledges
        and pairs.pledged_seed(roll, pledges[did], other) != pairs.pledged_seed(roll, pledges[other], did)
    )


def judge_keys(
    terms: Terms, roll: Roll, pledges: Mapping[Did, Pledge], opening: KeysOpening
) -> tuple[Finding, ...]:
    """Return who lied in two pledges, one of whose authors opened a secret about it.

    The opener itself is named where its secret is not that of its key, where it accused a stranger, or where
    what it complains about is true.
    """
    did, other = opening.did, opening.against
    if did not in roll.keys:
        return (Finding(did, Reason.FALSE_SECRET),)
    if other not in roll.around[did] or not {did, other} <= pledges.keys():
        return (Finding(did, Reason.FALSE_COMPLAINT),)
    if opening.slot_secret:
        return (_judge_share(terms, roll, pledges[other], opening),)
    if keys.public(opening.mask_secret) != roll.keys[did].mask_key:
        return (Finding(did, Reason.FALSE_SECRET),)
    true = pairs.seed_commitment(terms, pairs.seed(terms, roll, did, opening.mask_secret, other))
    found = {
        Finding(author, Reason.FALSE_SEED_COMMITMENT)
        for author, about in ((did, other), (other, did))
        if pairs.pledged_seed(roll, pledges[author], about) != true
    }
    return tuple(sorted(found)) or (Finding(did, Reason.FALSE_COMPLAINT),)


def _judge_share(terms: Terms, roll: Roll, pledge: Pledge, opening: KeysOpening) -> Finding:
    """Return who lied about a share: its dealer, or its holder, who opened the secret of that slot."""
    did, dealer = opening.did, opening.against
    if keys.public(opening.slot_secret) != pairs.slot_key(roll, did, dealer):
        return Finding(did, Reason.FALSE_SECRET)
    channel = pairs.channel(terms, roll, did, opening.slot_secret, dealer)
    if pairs.shares_for(terms, roll, pledge, did, channel) is None:
        return Finding(dealer, Reason.FALSE_SHARE)
    return Finding(did, Reason.FALSE_COMPLAINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeClaims:
    """What the two ends of an edge say of one question about the mask they share.

    Attributes:
        said: Each end's scalar, as it was signed; ring elements, 8 bytes each.
        commitment: What both pledged of the seed.
    """

    said: Mapping[Did, bytes]
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked of every mask: projections for the norm check, or the product with a gradient."""

    dim: int
    along: NDArray[np.int8] | None = None
    gradient: Ints | None = None

    def answer(self, seed: bytes) -> bytes:
        """Return the true scalars of a seed's mask, as members post them."""
        return self.about(ring.mask(seed, self.dim))

    def about(self, values: ring.Ring) -> bytes:
        """Return the scalars of a vector."""
        if self.along is not None:
            return ring.project(self.along, values)[0].astype("<u8").tobytes()
        assert self.gradient is not None
        return ring.dot(self.gradient, values).to_bytes(8, "little")


def claims_of(
    roll: Roll,
    pledges: Mapping[Did, Pledge],
    members: Collection[Did],
    answers: Mapping[Did, Sequence[bytes]],
) -> dict[Edge, EdgeClaims]:
    """Return what is said of each edge between some members, from each one's answers about its edges."""
    there, found = set(members), dict[Edge, EdgeClaims]()
    said: dict[Edge, dict[Did, bytes]] = {}
    for did in sorted(there):
        for place, other in enumerate(active(roll, there, did)):
            edge = edge_of(did, other)
            ends = said.setdefault(edge, {})
            if did in answers:
                ends[did] = answers[did][place]
    for edge, ends in said.items():
        found[edge] = EdgeClaims(said=ends, commitment=pairs.pledged_seed(roll, pledges[edge[0]], edge[1]))
    return found


def conflicts(claims: Mapping[Edge, EdgeClaims]) -> tuple[Edge, ...]:
    """Return the edges whose two ends say different things."""
    return tuple(edge for edge, claim in claims.items() if len(set(claim.said.values())) > 1)


def opened_edges(
    terms: Terms, claims: Mapping[Edge, EdgeClaims], openings: Iterable[EdgeOpening]
) -> dict[Edge, bytes]:
    """Return the seeds that were opened truly."""
    return {
        edge: opening.seed
        for opening in openings
        if (edge := edge_of(opening.did, opening.other)) in claims
        and pairs.seed_commitment(terms, opening.seed) == claims[edge].commitment
    }


def judge_edges(
    terms: Terms, claims: Mapping[Edge, EdgeClaims], openings: Sequence[EdgeOpening], question: Question
) -> tuple[Finding, ...]:
    """Return which ends of conflicting edges lied.

    One true opening of an edge's seed names every end that lied. Without any, nobody is named: an opening
    is not signed, so a false one proves nothing about who is said to have sent it.
    """
    true, found = opened_edges(terms, claims, openings), set[Finding]()
    in_conflict = set(conflicts(claims))
    for edge in in_conflict & true.keys():
        answer = question.answer(true[edge])
        said = claims[edge].said
        found |= {Finding(did, Reason.FALSE_SCALAR) for did, value in said.items() if value != answer}
    return tuple(sorted(found))
