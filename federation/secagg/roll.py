"""Who takes part in an attempt, who neighbours whom, whose pledges hold: all compute it alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from federation.errors import TooFewParticipants
from federation.membertree import MemberTree
from federation.secagg.graph import falls_apart, neighbours, permutation
from federation.secagg.keys import require_strong
from federation.secagg.messages import (
    SEALED_BYTES,
    CommitList,
    Commitment,
    KeyList,
    Keys,
    Pledge,
    PledgeList,
    pieces,
)
from federation.secagg.terms import Reason, Terms, Verify, refuse
from federation.types import Did, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """The participants.

    Attributes:
        digest: Of the key list.
        keys: Their signed keys, in the order of the list.
        around: The neighbours of each, sorted.
        circle: All in the order in which they stand; empty where everybody neighbours everybody.
    """

    digest: Hash32
    keys: Mapping[Did, Keys]
    around: Mapping[Did, tuple[Did, ...]]
    circle: tuple[Did, ...] = ()

    def point(self, did: Did) -> int:
        """Return where a member's shares are evaluated: its place in the list, from 1 on."""
        return list(self.keys).index(did) + 1

    def threshold(self, terms: Terms, did: Did) -> int:
        """Return how many shares restore a member's secrets."""
        return terms.threshold(len(self.around[did]))


def require_sorted(names: Collection[str]) -> None:
    """Check that a list is sorted and names nobody twice.

    Raises:
        SecureRefused: It is not, or does.
    """
    if sorted(set(names)) != list(names):
        refuse(Reason.NOT_SORTED)


def require_enough(terms: Terms, members: Collection[Did]) -> None:
    """Check that a sum over these members may be opened.

    Raises:
        TooFewParticipants: They are fewer than the terms allow.
    """
    if len(members) < terms.minimum:
        raise TooFewParticipants(
            f"{len(members)} members are left in secure aggregation, {terms.minimum} are the fewest allowed",
            hint="no sum is opened, and the round ends without one",
        )


def require_keys(terms: Terms, keys: Keys, verify: Verify) -> None:
    """Check one member's keys.

    Raises:
        SecureRefused: They are not signed for this attempt, not as many as there may be neighbours, or one
            agrees on zero with everybody.
    """
    keys.require_signed(terms, verify)
    _require_slots(terms, keys)
    require_strong(keys.mask_key)
    for key in pieces(keys.share_keys, 32):
        require_strong(key)


def _require_slots(terms: Terms, keys: Keys) -> None:
    if len(keys.share_keys) != 32 * terms.slots:
        refuse(Reason.MALFORMED)


def read_keys(terms: Terms, key_list: KeyList, beacon: Hash32) -> Roll:
    """Return the participants that a key list names.

    Args:
        terms: The attempt.
        key_list: As the server gives it.
        beacon: Public randomness, from the chain, younger than the key list.

    Raises:
        SecureRefused: The order is wrong, somebody was not admitted, or has another number of keys. No
            signature is looked at.
        TooFewParticipants: There are too few.
    """
    entries = [Keys.parse(entry) for entry in key_list.entries]
    dids = [entry.did for entry in entries]
    require_sorted(dids)
    if not terms.caps.keys() >= set(dids):
        refuse(Reason.NOT_ADMITTED)
    for entry in entries:
        _require_slots(terms, entry)
    require_enough(terms, dids)
    digest = key_list.digest(terms)
    seed = terms.domain.digest("secure-graph", terms.round, digest, beacon)
    graph = neighbours(len(dids), terms.degree, seed)
    order = permutation(len(dids), seed) if len(dids) - 1 > terms.degree else []
    return Roll(
        digest=digest,
        keys=dict(zip(dids, entries, strict=True)),
        around={did: tuple(dids[j] for j in near) for did, near in zip(dids, graph, strict=True)},
        circle=tuple(dids[j] for j in order),
    )


def core(terms: Terms, roll: Roll, pledged: Collection[Did]) -> tuple[Did, ...]:
    """Return the largest set of members of whom each has enough neighbours in it to restore its secrets."""
    kept = set(pledged)
    while True:
        thin = {d for d in kept if len(kept & set(roll.around[d])) < roll.threshold(terms, d)}
        if not thin:
            return tuple(sorted(kept))
        kept -= thin


def active(roll: Roll, members: Collection[str], did: Did) -> tuple[Did, ...]:
    """Return those of some members with whom one masks."""
    return tuple(other for other in roll.around[did] if other in members)


def read_pledge(terms: Terms, roll: Roll, pledge: Pledge, verify: Verify | None) -> None:
    """Check a pledge's form.

    Raises:
        SecureRefused: It is not signed, is for another key list, or does not have one item per neighbour.
    """
    if pledge.did not in roll.keys:
        refuse(Reason.NOT_ADMITTED)
    if verify is not None:
        pledge.require_signed(terms, verify)
    if pledge.key_list != roll.digest:
        refuse(Reason.OTHER_KEY_LIST)
    near = len(roll.around[pledge.did])
    sizes = [len(field) for field in (pledge.seeds, pledge.self_shares, pledge.key_shares)]
    if sizes != [32 * near] * 3 or len(pledge.sealed) != SEALED_BYTES * near:
        refuse(Reason.MALFORMED)


def read_pledges(
    terms: Terms, roll: Roll, pledges: PledgeList, verify: Verify | None
) -> tuple[tuple[Did, ...], dict[Did, Pledge]]:
    """Return who masks, and the pledges that came in full.

    Raises:
        SecureRefused: The list contradicts the key list, itself or the rule of ``core``.
        TooFewParticipants: There are too few.
    """
    if pledges.key_list != roll.digest:
        refuse(Reason.OTHER_KEY_LIST)
    named = {Did(did): digest for did, digest in pledges.entries}
    require_sorted([did for did, _ in pledges.entries])
    if not named.keys() <= roll.keys.keys():
        refuse(Reason.NOT_ADMITTED)
    full = {pledge.did: pledge for pledge in map(Pledge.parse, pledges.pledges)}
    for did, pledge in full.items():
        read_pledge(terms, roll, pledge, verify)
        if named.get(did) != pledge.digest(terms):
            refuse(Reason.OTHER_PLEDGE_LIST)
    members = tuple(named)
    require_enough(terms, members)
    if core(terms, roll, members) != members:
        refuse(Reason.OTHER_PLEDGE_LIST)
    return members, full


def read_commits(
    terms: Terms, members: Collection[Did], pledge_list: bytes, commits: CommitList
) -> dict[Did, Commitment]:
    """Return the commitments of a list. No signature is looked at.

    Raises:
        SecureRefused: One is of a stranger, or names another pledge list.
        TooFewParticipants: There are too few.
    """
    entries = [Commitment.parse(entry) for entry in commits.entries]
    require_sorted([entry.did for entry in entries])
    found, there = {entry.did: entry for entry in entries}, set(members)
    for did, commitment in found.items():
        if did not in there:
            refuse(Reason.NOT_ADMITTED)
        if commitment.pledge_list != pledge_list:
            refuse(Reason.OTHER_PLEDGE_LIST)
    require_enough(terms, found)
    return found


def root(terms: Terms, commits: Mapping[Did, Commitment], members: Collection[Did]) -> Hash32:
    """Return the root over some members' commitments: of all who committed, then of those who are summed.

    The chain records both: that makes every member answer for the same lists.
    """
    return MemberTree.build({did: commits[did].signed_digest(terms) for did in members}).root


def require_connected(terms: Terms, roll: Roll, members: Collection[Did]) -> None:
    """Check that some members mask as one whole, whichever ``colluders`` of them are taken out.

    A part whose masks with the rest colluders know is a part whose sum can be told; and who calls members
    dropped chooses the parts.

    Raises:
        TooFewParticipants: A part could come off.
    """
    left = [did in members for did in roll.circle]
    if left and falls_apart(left, terms.degree // 2, terms.colluders):
        raise TooFewParticipants(
            "the members that are left in secure aggregation could fall into groups that mask apart",
            hint="nothing was revealed; more neighbours or fewer colluders allow for more who drop out",
        )
