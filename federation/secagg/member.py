"""A member's side of one attempt of a round: a value, and steps that return the next one.

What a member agreed to once is kept. The same request again gets the same answer; another one of
that kind is refused, for good: two lists, two sets to unmask or two gradients would tell more than
a sum and a scalar. So a step's new value must be stored **before** its message is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from federation.delta import within_cap
from federation.fixedpoint import Ints, norm_squared
from federation.secagg import keys, pairs, ring
from federation.secagg.memory import Memory
from federation.secagg.messages import (
    CommitList,
    Commitment,
    EdgeOpening,
    KeyList,
    Keys,
    KeysOpening,
    NormAnswer,
    Pledge,
    PledgeList,
    ScalarAnswer,
    UnmaskAnswer,
    UnmaskRequest,
    Upload,
)
from federation.secagg.roll import (
    active,
    read_keys,
    read_pledges,
    require_connected,
    require_enough,
    require_sorted,
    root,
)
from federation.secagg.terms import Reason, Sign, Verify, refuse
from federation.types import Did, Hash32

_AT_ONCE: Final = 7
"""Masks in memory at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Memory):
    """What a member remembers of an attempt, and its steps in their order."""

    def keys(self, sign: Sign) -> Keys:
        """Return the member's keys for this attempt, signed."""
        return self._keys().sign(self.terms, sign)

    def _keys(self) -> Keys:
        slots = [keys.public(self.derive(keys.SLOT, slot)) for slot in range(self.terms.slots)]
        return Keys(self.did, keys.public(self.derive(keys.MASK)), b"".join(slots))

    def pledge(
        self, key_list: KeyList, beacon: Hash32, *, sign: Sign, verify: Verify
    ) -> tuple[Member, Pledge]:
        """Agree to the participants, and commit to seeds and shares.

        Args:
            key_list: As the server gives it.
            beacon: Public randomness, as the member read it from the chain.
            sign: Of the member.
            verify: Of anybody.

        Raises:
            SecureRefused: The list is wrong, without the member's own keys, or a second one.
            TooFewParticipants: There are too few.
        """
        state = self.agree("key_list", key_list.to_bytes()).agree("beacon", beacon)
        roll = read_keys(self.terms, key_list, beacon)
        # Of neighbours only: each honest member checks its own, and they are connected.
        for other in roll.around.get(self.did, ()):
            roll.keys[other].require_signed(self.terms, verify)
        own = roll.keys.get(self.did)
        if own is None or replace(own, signature=b"") != self._keys():
            refuse(Reason.OWN_MESSAGE_CHANGED)
        near = roll.around[self.did]
        own_shares, key_shares = state.split(roll, keys.SELF), state.split(roll, keys.MASK)
        terms = self.terms
        seeds = [state.seed(roll, other) for other in near]
        channels = [state.channel(roll, other) for other in near]
        both = zip(near, channels, own_shares, key_shares, strict=True)
        pledge = Pledge(
            self.did,
            roll.digest,
            b"".join(pairs.seed_commitment(terms, seed) for seed in seeds),
            b"".join(keys.seal(terms, channel, self.did, to, a + b) for to, channel, a, b in both),
            self.share_commitments("self", near, own_shares),
            self.share_commitments("key", near, key_shares),
            pairs.self_commitment(terms, self.derive(keys.SELF), self.did),
        )
        return state, pledge.sign(terms, sign)

    def wrongs(self, pledges: PledgeList, *, verify: Verify) -> tuple[Did, ...]:
        """Return the neighbours whose pledge is false: another seed than one's own, or a false share.

        Raises:
            SecureRefused: The list itself is wrong.
            TooFewParticipants: There are too few.
        """
        roll = self.roll()
        members, full = read_pledges(self.terms, roll, pledges, verify)
        return tuple(
            other for other in active(roll, members, self.did) if not self.holds(roll, full.get(other))
        )

    def commit(
        self, pledges: PledgeList, delta: Ints, *, sign: Sign, verify: Verify
    ) -> tuple[Member, Commitment, Upload]:
        """Mask a delta and commit to it.

        Args:
            pledges: As the server gives them.
            delta: The member's, noise included; shape (dim,).
            sign: Of the member.
            verify: Of anybody.

        Returns:
            The state, the commitment, and the masked delta: to be kept, and sent by ``reveal`` only.

        Raises:
            SecureRefused: The list is wrong or a second one, or the delta leaves its bounds.
            TooFewParticipants: There are too few.
        """
        terms = self.terms
        if delta.shape != (terms.dim,) or delta.dtype != np.int64:
            refuse(Reason.MALFORMED)
        peak = max(int(delta.max()), -int(delta.min()))
        if peak > terms.value_bound or not within_cap(delta, terms.caps[self.did]):
            refuse(Reason.OVER_BOUND)
        if self.wrongs(pledges, verify=verify):
            refuse(Reason.FALSE_SHARE)
        roll = self.roll()
        members = pledges.members()
        if self.did not in members:
            refuse(Reason.OWN_MESSAGE_CHANGED)
        total = ring.to_ring(delta) + ring.mask(self.derive(keys.SELF), terms.dim)
        for other in active(roll, members, self.did):
            masked = ring.mask(self.seed(roll, other), terms.dim)
            total = total + masked if pairs.sign_of(self.did, other) > 0 else total - masked
        upload = Upload(self.did, total.astype("<u8").tobytes())
        commitment = Commitment(self.did, pledges.digest(terms), upload.commitment(terms)).sign(terms, sign)
        state = self.agree("pledge_list", pledges.to_bytes()).agree("commitment", commitment.to_bytes())
        return state, commitment, upload

    def reveal(
        self, commits: CommitList, commit_root: Hash32, upload: Upload, *, verify: Verify
    ) -> tuple[Member, Upload]:
        """Release the masked delta, once all commitments are under the chain's root and name the same lists.

        Args:
            commits: As the server gives them.
            commit_root: As the member read it from the chain.
            upload: What ``commit`` returned.
            verify: Of anybody.

        Raises:
            SecureRefused: They do not, or the upload is another one.
            TooFewParticipants: There are too few.
        """
        found = self.commits(commits)
        for other in self.active(self.roll()):
            if other in found:
                found[other].require_signed(self.terms, verify)
        if root(self.terms, found, found) != commit_root:
            refuse(Reason.OTHER_ROOT)
        own = Commitment.parse(self.commitment)
        if found.get(self.did) != own or upload.commitment(self.terms) != own.upload:
            refuse(Reason.OWN_MESSAGE_CHANGED)
        return self.agree("commit_list", commits.to_bytes()), upload

    def norm(self, challenge: Hash32, *, sign: Sign) -> tuple[Member, NormAnswer]:
        """Answer the norm check: projections of every mask along the challenge's directions.

        Args:
            challenge: Public randomness younger than the commit root, as the member read it from the chain.
            sign: Of the member.

        Raises:
            SecureRefused: It comes too early, too late, or is a second one.
        """
        if not self.commit_list or (self.request and not self.challenge):
            refuse(Reason.OUT_OF_ORDER)
        state, terms, roll = self.agree("challenge", challenge), self.terms, self.roll()
        along = ring.directions(challenge, terms.projections, terms.dim)

        seeds = [self.derive(keys.SELF), *(self.seed(roll, other) for other in self.active(roll))]
        shadows = []
        for start in range(0, len(seeds), _AT_ONCE):
            masks = [ring.mask(seed, terms.dim) for seed in seeds[start : start + _AT_ONCE]]
            shadows += [words.astype("<u8").tobytes() for words in ring.project(along, *masks)]
        own, edges = shadows[0], b"".join(shadows[1:])
        return state, NormAnswer(self.did, challenge, own, edges).sign(terms, sign)

    def unmask(
        self, request: UnmaskRequest, reveal_root: Hash32, *, sign: Sign
    ) -> tuple[Member, UnmaskAnswer]:
        """Help to open the sum over one set: for each neighbour one of its two secrets, never both.

        Args:
            request: Who is summed.
            reveal_root: Over their commitments, as the member read it from the chain.
            sign: Of the member.

        Raises:
            SecureRefused: It is too early, not what the chain says, or a second one.
            TooFewParticipants: The set is too small or falls apart.
        """
        if not self.commit_list:
            refuse(Reason.OUT_OF_ORDER)
        state, terms, roll = self.agree("request", request.to_bytes()), self.terms, self.roll()
        require_sorted(request.survivors)
        survivors = {Did(did) for did in request.survivors}
        commits = self.commits(CommitList.parse(self.commit_list))
        if not survivors <= commits.keys():
            refuse(Reason.NOT_COMMITTED)
        require_enough(terms, survivors)
        require_connected(terms, roll, survivors)
        if root(terms, commits, survivors) != reveal_root:
            refuse(Reason.OTHER_ROOT)
        pledges = {pledge.did: pledge for pledge in map(Pledge.parse, self.pledges().pledges)}
        summed, near = self.did in survivors, active(roll, pledges, self.did)
        answer = UnmaskAnswer(
            self.did,
            self.derive(keys.SELF) if summed else b"",
            tuple(self.seed(roll, j) if summed and j not in survivors else b"" for j in near),
            tuple(self.shares(roll, pledges[j])[0 if j in survivors else 1] for j in near),
        )
        return state, answer.sign(terms, sign)

    def scalars(self, gradient: Ints, *, sign: Sign) -> tuple[Member, ScalarAnswer]:
        """Return the inner products of one gradient with the masks that are still closed.

        Args:
            gradient: As the member itself computed it from the opened sum and shard; shape (dim,). A
                gradient that a server chose would read a delta out.
            sign: Of the member.

        Raises:
            SecureRefused: It is too early, a second gradient, or over its bound; or one's own delta
                is not summed.
        """
        terms = self.terms
        if gradient.shape != (terms.dim,) or gradient.dtype != np.int64:
            refuse(Reason.MALFORMED)
        if norm_squared(gradient) > terms.gradient_bound**2:
            refuse(Reason.OVER_BOUND)
        if not self.request:
            refuse(Reason.OUT_OF_ORDER)
        survivors = UnmaskRequest.parse(self.request).survivors
        if self.did not in survivors:
            refuse(Reason.NOT_COMMITTED)
        named = ring.gradient_hash(gradient)
        state, roll = self.agree("gradient", named), self.roll()
        near = [other for other in self.active(roll) if other in survivors]
        products = [ring.dot(gradient, ring.mask(self.seed(roll, other), terms.dim)) for other in near]
        edges = b"".join(product.to_bytes(8, "little") for product in products)
        return state, ScalarAnswer(self.did, named, edges).sign(terms, sign)

    # Disputes

    def open_keys(self, against: Did) -> tuple[Member, KeysOpening]:
        """Leave the attempt, and prove by one's own mask secret what a neighbour should have pledged.

        Raises:
            SecureRefused: One has committed to a masked delta already, or agreed to no participants.
        """
        if self.commitment or not self.key_list:
            refuse(Reason.OUT_OF_ORDER)
        return replace(self, ended=True), KeysOpening(self.did, against, mask_secret=self.derive(keys.MASK))

    def complain(self, pledges: PledgeList, *, verify: Verify) -> tuple[Member, KeysOpening]:
        """Leave the attempt, and prove that a neighbour's pledge is false.

        Of a false seed the mask secret tells. Of a false share the secret of that neighbour's slot alone
        does: it opens what the two dealt each other, which the liar knows. Its signature is looked at, so
        no server can make up a pledge to have an honest neighbour's share opened.

        Raises:
            SecureRefused: All pledges are true, the list is wrong, or a neighbour's is not shown: that
                proves nothing, and nothing is opened for it. Or one has committed already.
            TooFewParticipants: There are too few.
        """
        if self.commitment:
            refuse(Reason.OUT_OF_ORDER)
        roll, wrong = self.roll(), self.wrongs(pledges, verify=verify)
        if not wrong:
            refuse(Reason.NO_CONFLICT)
        shown = {pledge.did: pledge for pledge in map(Pledge.parse, pledges.pledges)}
        if not shown.keys() >= set(wrong):
            refuse(Reason.OTHER_PLEDGE_LIST)
        against = wrong[0]
        if not self.same_seed(roll, shown[against]):
            return self.open_keys(against)
        opening = KeysOpening(self.did, against, slot_secret=self.slot_secret(roll, against))
        return replace(self, ended=True), opening

    def open_edge(
        self,
        mine: NormAnswer | ScalarAnswer,
        theirs: NormAnswer | ScalarAnswer,
        *,
        verify: Verify,
    ) -> EdgeOpening:
        """Open the seed shared with a neighbour, if both ends have signed different scalars of its mask.

        Nothing is lost: either this member lied, or the neighbour did, who knew the seed.

        Raises:
            SecureRefused: The two answers do not contradict, or are not of these two to the same question.
        """
        if type(mine) is not type(theirs) or mine.did != self.did or theirs.did == self.did:
            refuse(Reason.NO_CONFLICT)
        for answer in (mine, theirs):
            answer.require_signed(self.terms, verify)
            asked = answer.seed if isinstance(answer, NormAnswer) else answer.gradient
            if asked != (self.challenge if isinstance(answer, NormAnswer) else self.gradient):
                refuse(Reason.NO_CONFLICT)
        roll = self.roll()
        if theirs.did not in self.active(roll):
            refuse(Reason.NO_CONFLICT)
        if self.edge(roll, mine, theirs.did) == self.edge(roll, theirs, self.did):
            refuse(Reason.NO_CONFLICT)
        return EdgeOpening(self.did, theirs.did, self.seed(roll, theirs.did))
