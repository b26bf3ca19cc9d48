"""The secrets that open a sum, each given by its owner, else restored from its neighbours' shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from federation.errors import TooFewParticipants
from federation.secagg import keys, pairs, shamir
from federation.secagg.messages import Pledge, UnmaskAnswer
from federation.secagg.pairs import Edge, edge_of
from federation.secagg.roll import Roll, active
from federation.secagg.terms import Finding, Reason, SecureSpoilt, Terms
from federation.types import Did


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """What is to be opened: the survivors' self masks, and their masks with those who dropped."""

    terms: Terms
    roll: Roll
    pledges: Mapping[Did, Pledge]
    survivors: tuple[Did, ...]

    def commitment(self, edge: Edge) -> bytes:
        """Return what both ends of an edge pledged of its seed."""
        return pairs.pledged_seed(self.roll, self.pledges[edge[0]], edge[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The survivors' self seeds, the seeds of edges from survivors to the dropped, and false answers."""

    self_seeds: Mapping[Did, bytes]
    seeds: Mapping[Edge, bytes]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    self_seeds: dict[Did, bytes]
    seeds: dict[Edge, bytes]
    shares: dict[Did, dict[Did, bytes]]
    false: set[Finding]


def open_masks(masked: Masked, answers: Mapping[Did, UnmaskAnswer]) -> Opened:
    """Collect what answers open, and restore the secrets of members who are silent.

    Raises:
        TooFewParticipants: Too few shares of a secret came.
        SecureSpoilt: Too few true shares of a secret came, or a dealer's shares are shares of nothing.
    """
    found = _Found({}, {}, {did: {} for did in masked.pledges}, set())
    for did, answer in answers.items():
        _read(masked, found, did, answer)
    dealers: set[Finding] = set()
    for did in masked.survivors:
        if did not in found.self_seeds:
            seed = _combine(masked, found, did)
            if seed is not None and _is_self(masked, did, seed):
                found.self_seeds[did] = seed
            else:
                dealers.add(Finding(did, Reason.FALSE_SHARE))
    for did in sorted(_lost(masked, found)):
        secret = _combine(masked, found, did)
        if secret is None or keys.public(secret) != masked.roll.keys[did].mask_key:
            dealers.add(Finding(did, Reason.FALSE_SHARE))
            continue
        for other in active(masked.roll, masked.survivors, did):
            found.seeds[edge_of(did, other)] = pairs.seed(masked.terms, masked.roll, did, secret, other)
    if dealers:
        raise SecureSpoilt(tuple(sorted(dealers | found.false)))
    return Opened(self_seeds=found.self_seeds, seeds=found.seeds, findings=tuple(sorted(found.false)))


def _is_self(masked: Masked, did: Did, seed: bytes) -> bool:
    # A pledge can be of anything; only 32 bytes are a seed.
    return len(seed) == 32 and pairs.self_commitment(masked.terms, seed, did) == masked.pledges[did].self_seed


def _read(masked: Masked, found: _Found, did: Did, answer: UnmaskAnswer) -> None:
    """Take what one answer opens, as far as it is what was pledged."""
    terms, roll, summed = masked.terms, masked.roll, did in masked.survivors
    if summed and _is_self(masked, did, answer.self_seed):
        found.self_seeds[did] = answer.self_seed
    elif summed:
        found.false.add(Finding(did, Reason.FALSE_SECRET))
    near = active(roll, masked.pledges, did)
    for other, seed, share in zip(near, answer.seeds, answer.shares, strict=True):
        pledge, edge = masked.pledges[other], edge_of(did, other)
        alive = other in masked.survivors
        label, promised = ("self", pledge.self_shares) if alive else ("key", pledge.key_shares)
        if pairs.share_commitment(terms, label, share, other, did) == pairs.about(
            roll, pledge, promised, did
        ):
            found.shares[other][did] = share
        else:
            found.false.add(Finding(did, Reason.FALSE_SHARE))
        if summed and not alive:
            if len(seed) == 32 and pairs.seed_commitment(terms, seed) == masked.commitment(edge):
                found.seeds[edge] = seed
            else:
                found.false.add(Finding(did, Reason.FALSE_SECRET))


def _lost(masked: Masked, found: _Found) -> set[Did]:
    """Return the dropped whose masks some survivor has not opened itself."""
    return {
        other
        for did in masked.survivors
        for other in active(masked.roll, masked.pledges, did)
        if other not in masked.survivors and edge_of(did, other) not in found.seeds
    }


def _combine(masked: Masked, found: _Found, dealer: Did) -> bytes | None:
    needed, shares = masked.roll.threshold(masked.terms, dealer), found.shares[dealer]
    if len(shares) < needed:
        if found.false:
            raise SecureSpoilt(tuple(sorted(found.false)))
        raise TooFewParticipants(
            f"{len(shares)} of {needed} shares of a member's secret came",
            hint="the sum stays closed",
        )
    chosen = sorted(shares.items())[:needed]
    return shamir.combine({masked.roll.point(holder): share for holder, share in chosen})
