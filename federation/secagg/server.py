"""The server's side of one attempt of a round: a value, and one step for each stage's replies.

A reply that cannot be used is left out with its reason, and its author counts as dropped from there
on. Who is caught lying is named. Where the attempt cannot end with an exact sum it stops:
``TooFewParticipants`` where members are missing, ``SecureSpoilt`` where some lied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from federation.fixedpoint import Ints
from federation.secagg import pairs, ring
from federation.secagg.disputes import (
    EdgeClaims,
    Question,
    claims_of,
    conflicts,
    contradictions,
    judge_edges,
    judge_keys,
    opened_edges,
)
from federation.secagg.messages import (
    CommitList,
    Commitment,
    EdgeOpening,
    KeyList,
    KeysOpening,
    NormAnswer,
    Pledge,
    PledgeList,
    ScalarAnswer,
    UnmaskAnswer,
    UnmaskRequest,
    Upload,
    pieces,
)
from federation.secagg.pairs import Edge, edge_of
from federation.secagg.replies import Replies, take
from federation.secagg.roll import (
    Roll,
    active,
    core,
    read_keys,
    read_pledge,
    require_connected,
    require_enough,
    root,
)
from federation.secagg.terms import Finding, Reason, SecureSpoilt, Terms, Verify, refuse
from federation.secagg.unmask import Masked, Opened, open_masks
from federation.types import Did, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a server knows of an attempt.

    Attributes:
        terms: The attempt.
        roll: The participants.
        verify: Checks signatures.
        pledges: Of those who mask.
        commits: Of those who committed to a masked delta.
        uploads: Masked deltas that came; from ``gather_unmask`` on without self masks and masks of the
            dropped.
        challenge: The randomness of the norm check; empty before it.
        norms: Answers to it.
        survivors: Who is summed.
        scalars: Answers about the gradient.
        findings: Who was left out so far, and why.
    """

    terms: Terms
    roll: Roll
    verify: Verify
    pledges: Mapping[Did, Pledge] = field(default_factory=dict)
    commits: Mapping[Did, Commitment] = field(default_factory=dict)
    uploads: Mapping[Did, ring.Ring] = field(default_factory=dict)
    challenge: bytes = b""
    norms: Mapping[Did, NormAnswer] = field(default_factory=dict)
    survivors: tuple[Did, ...] = ()
    scalars: Mapping[Did, ScalarAnswer] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @classmethod
    def begin(cls, terms: Terms, key_list: KeyList, beacon: Hash32, verify: Verify) -> Self:
        """Start with a list of participants and the randomness of their graph."""
        return cls(terms=terms, roll=read_keys(terms, key_list, beacon), verify=verify)

    # Pledges

    def gather_pledges(self, replies: Replies) -> Server:
        """Take the pledges of those who have enough neighbours left.

        Raises:
            TooFewParticipants: There are too few.
        """
        terms, roll = self.terms, self.roll
        taken, refused = take(
            replies, Pledge, lambda m: m.did, lambda m: read_pledge(terms, roll, m, self.verify)
        )
        members = core(terms, roll, taken)
        require_enough(terms, members)
        kept = {did: taken[did] for did in members}
        return replace(self, pledges=kept, findings=self.findings + refused)

    def contradictions(self) -> tuple[Edge, ...]:
        """Return the neighbours who must open their mask secrets now: they pledged different seeds."""
        return contradictions(self.roll, self.pledges)

    def judge_keys(self, openings: Sequence[tuple[Did, bytes]]) -> tuple[Finding, ...]:
        """Return who lied in the pledges. If anybody did, the attempt is run again without them.

        A pair that contradicts itself and opens nothing is named as a whole.

        Args:
            openings: ``KeysOpening``, one for each neighbour that a member accuses.
        """
        found: set[Finding] = set()
        for did, data in openings:
            opened, refused = take({did: data}, KeysOpening, lambda m: m.did, lambda _: None)
            found |= set(refused)
            for opening in opened.values():
                found |= {*judge_keys(self.terms, self.roll, self.pledges, opening)}
        named = {finding.culprit for finding in found}
        silent = [d for pair in self.contradictions() if not named & {*pair} for d in pair]
        found |= {Finding(did, Reason.FALSE_SEED_COMMITMENT) for did in silent}
        return tuple(sorted(found))

    def pledge_list(self, did: Did) -> PledgeList:
        """Return the pledge list as one member receives it."""
        near = active(self.roll, self.pledges, did)
        return PledgeList(self.roll.digest, self._entries(), tuple(self.pledges[j].to_bytes() for j in near))

    # Commitments and masked deltas

    def gather_commits(self, replies: Replies) -> Server:
        """Take commitments to masked deltas.

        Raises:
            TooFewParticipants: There are too few.
        """
        named = PledgeList(self.roll.digest, self._entries()).digest(self.terms)

        def check(message: Commitment) -> None:
            if message.did not in self.pledges:
                refuse(Reason.NOT_ADMITTED)
            message.require_signed(self.terms, self.verify)
            if message.pledge_list != named:
                refuse(Reason.OTHER_PLEDGE_LIST)

        taken, refused = take(replies, Commitment, lambda m: m.did, check)
        require_enough(self.terms, taken)
        return replace(self, commits=taken, findings=self.findings + refused)

    def commit_list(self) -> CommitList:
        """Return the commitments, for everybody."""
        return CommitList(tuple(commitment.to_bytes() for commitment in self.commits.values()))

    def commit_root(self) -> Hash32:
        """Return the root over the commitments, for the chain."""
        return root(self.terms, self.commits, self.commits)

    def gather_uploads(self, replies: Replies) -> Server:
        """Take the masked deltas that are what was committed to.

        Raises:
            TooFewParticipants: There are too few.
        """
        taken, refused = take(replies, Upload, lambda m: m.did, self.check_upload)
        require_enough(self.terms, taken)
        uploads = {did: np.frombuffer(upload.words, dtype="<u8") for did, upload in taken.items()}
        return replace(self, uploads=uploads, findings=self.findings + refused)

    def check_upload(self, message: Upload) -> None:
        """Check a masked delta.

        Raises:
            SecureRefused: It is not what was committed to.
        """
        committed = self.commits.get(message.did)
        if committed is None or committed.upload != message.commitment(self.terms):
            refuse(Reason.NOT_COMMITTED)
        if len(message.words) != 8 * self.terms.dim:
            refuse(Reason.MALFORMED)

    # The norm check

    def check_norm(self, message: NormAnswer, challenge: Hash32) -> None:
        """Check an answer to the norm check.

        Raises:
            SecureRefused: It is not signed, or not about this challenge and the member's own edges.
        """
        if message.did not in self.uploads:
            refuse(Reason.NOT_COMMITTED)
        message.require_signed(self.terms, self.verify)
        near, size = active(self.roll, self.pledges, message.did), 8 * self.terms.projections
        lengths = [len(message.own), len(message.edges)]
        if message.seed != challenge or lengths != [size, size * len(near)]:
            refuse(Reason.MALFORMED)

    def gather_norms(self, challenge: Hash32, replies: Replies) -> Server:
        """Take answers to the norm check's challenge, public randomness younger than the commit root."""
        taken, refused = take(replies, NormAnswer, lambda m: m.did, lambda m: self.check_norm(m, challenge))
        return replace(self, challenge=challenge, norms=taken, findings=self.findings + refused)

    def norm_conflicts(self) -> tuple[Edge, ...]:
        """Return the edges whose ends signed different projections: each must open its seed."""
        return conflicts(self._norm_claims())

    def close_norms(self, openings: Sequence[tuple[Did, bytes]]) -> tuple[Server, UnmaskRequest]:
        """Choose whose deltas are summed: who answered, contradicts nobody, and is within its cap.

        Args:
            openings: ``EdgeOpening`` of conflicting edges.

        Raises:
            TooFewParticipants: Too few are left, or they fall apart.
        """
        claims = self._norm_claims()
        question = self._norm_question()
        liars = judge_edges(self.terms, claims, _edge_openings(openings), question)
        named = {finding.culprit for finding in liars}
        unsolved = {d for edge in conflicts(claims) if not named & {*edge} for d in edge}
        large = []
        for did in self.norms.keys() - named - unsolved:
            projected = _words(question.about(self.uploads[did])) - _words(self.norms[did].own)
            for other in active(self.roll, self.pledges, did):
                edge = _words(claims[edge_of(did, other)].said[did])
                projected = projected - edge if pairs.sign_of(did, other) > 0 else projected + edge
            squares = sum(int(value) ** 2 for value in ring.from_ring(projected))
            if 2 * squares > ring.norm_limit(self.terms.caps[did], self.terms.projections):
                large.append(Finding(did, Reason.OVER_NORM))
        out = named | unsolved | {finding.culprit for finding in large}
        survivors = tuple(did for did in sorted(self.norms) if did not in out)
        require_enough(self.terms, survivors)
        require_connected(self.terms, self.roll, survivors)
        findings = (*self.findings, *liars, *sorted(large))
        return replace(self, survivors=survivors, findings=findings), UnmaskRequest(survivors)

    def reveal_root(self) -> Hash32:
        """Return the root over the survivors' commitments, for the chain."""
        return root(self.terms, self.commits, self.survivors)

    # The sum

    def gather_unmask(self, replies: Replies) -> tuple[Server, Ints]:
        """Take off the masks.

        Returns:
            The server, and the exact sum of the survivors' deltas; shape (dim,).

        Raises:
            TooFewParticipants: A member's secret cannot be restored; nothing is revealed.
            SecureSpoilt: Somebody lied so that no exact sum results.
        """
        near = {did: active(self.roll, self.pledges, did) for did in self.pledges}

        taken, refused = take(replies, UnmaskAnswer, lambda m: m.did, self.check_unmask)
        opened = open_masks(
            Masked(terms=self.terms, roll=self.roll, pledges=self.pledges, survivors=self.survivors), taken
        )
        lies = self._recheck(opened)
        if lies:
            raise SecureSpoilt(lies)
        uploads = {}
        for did in self.survivors:
            value = self.uploads[did] - ring.mask(opened.self_seeds[did], self.terms.dim)
            for other in near[did]:
                if other not in self.survivors:
                    shared = ring.mask(opened.seeds[edge_of(did, other)], self.terms.dim)
                    value = value - shared if pairs.sign_of(did, other) > 0 else value + shared
            uploads[did] = value
        total = np.zeros(self.terms.dim, dtype=np.uint64)
        for value in uploads.values():
            total += value
        findings = self.findings + refused + opened.findings
        return replace(self, uploads=uploads, findings=findings), ring.from_ring(total)

    def check_unmask(self, message: UnmaskAnswer) -> None:
        """Check the form of what a member opens.

        Raises:
            SecureRefused: It is not signed, or does not have one item for each of the member's edges.
        """
        if message.did not in self.commits:
            refuse(Reason.NOT_COMMITTED)
        message.require_signed(self.terms, self.verify)
        near = active(self.roll, self.pledges, message.did)
        sizes = {len(seed) for seed in (message.self_seed, *message.seeds)}
        if {len(message.seeds), len(message.shares)} != {len(near)} or not sizes <= {0, 32}:
            refuse(Reason.MALFORMED)

    # The scalars

    def check_scalars(self, message: ScalarAnswer, named: bytes) -> None:
        """Check a survivor's answer about the gradient of a hash.

        Raises:
            SecureRefused: It is not signed, or not about this gradient and the member's own edges.
        """
        if message.did not in self.survivors:
            refuse(Reason.NOT_COMMITTED)
        message.require_signed(self.terms, self.verify)
        if message.gradient != named:
            refuse(Reason.SECOND_REQUEST)
        if len(message.edges) != 8 * len(active(self.roll, self.survivors, message.did)):
            refuse(Reason.MALFORMED)

    def gather_scalars(self, gradient: Ints, replies: Replies) -> Server:
        """Take survivors' answers about the gradient."""
        named = ring.gradient_hash(gradient)

        taken, refused = take(replies, ScalarAnswer, lambda m: m.did, lambda m: self.check_scalars(m, named))
        return replace(self, scalars=taken, findings=self.findings + refused)

    def scalar_conflicts(self) -> tuple[Edge, ...]:
        """Return the edges whose ends signed different scalars: each must open its seed."""
        return conflicts(self._scalar_claims())

    def products(
        self, gradient: Ints, openings: Sequence[tuple[Did, bytes]]
    ) -> tuple[dict[Did, int], tuple[Finding, ...]]:
        """Return each survivor's inner product with the gradient, exactly, and who lied.

        A member has none if an edge of it lost both ends, or is in conflict and was not opened.
        """
        claims = self._scalar_claims()
        question = Question(dim=self.terms.dim, gradient=gradient)
        parsed = _edge_openings(openings)
        found = judge_edges(self.terms, claims, parsed, question)
        true = opened_edges(self.terms, claims, parsed)
        values: dict[Edge, int] = {}
        for edge, claim in claims.items():
            if edge in true:
                values[edge] = int.from_bytes(question.answer(true[edge]), "little")
            elif len(set(claim.said.values())) == 1:
                values[edge] = int.from_bytes(next(iter(claim.said.values())), "little")
        products = {}
        for did in self.survivors:
            near = active(self.roll, self.survivors, did)
            if all(edge_of(did, other) in values for other in near):
                whole = ring.dot(gradient, self.uploads[did])
                whole -= sum(pairs.sign_of(did, other) * values[edge_of(did, other)] for other in near)
                products[did] = ring.signed(whole)
        return products, found

    # What the stages share

    def _entries(self) -> tuple[tuple[str, bytes], ...]:
        return tuple((did, pledge.digest(self.terms)) for did, pledge in sorted(self.pledges.items()))

    def _norm_claims(self) -> dict[Edge, EdgeClaims]:
        size = 8 * self.terms.projections
        answers = {did: pieces(answer.edges, size) for did, answer in self.norms.items()}
        return claims_of(self.roll, self.pledges, self.pledges, answers)

    def _scalar_claims(self) -> dict[Edge, EdgeClaims]:
        answers = {did: pieces(answer.edges, 8) for did, answer in self.scalars.items()}
        return claims_of(self.roll, self.pledges, self.survivors, answers)

    def _norm_question(self) -> Question:
        along = ring.directions(Hash32(self.challenge), self.terms.projections, self.terms.dim)
        return Question(dim=self.terms.dim, along=along)

    def _recheck(self, opened: Opened) -> tuple[Finding, ...]:
        """Return whose answers to the norm check were lies, now that more masks are open."""
        question, claims = self._norm_question(), self._norm_claims()
        lies = {
            Finding(did, Reason.FALSE_SCALAR)
            for did, seed in opened.self_seeds.items()
            if self.norms[did].own != question.answer(seed)
        }
        for edge, seed in opened.seeds.items():
            true = question.answer(seed)
            said = claims[edge].said
            lies |= {
                Finding(did, Reason.FALSE_SCALAR)
                for did in edge
                if did in self.survivors and said[did] != true
            }
        return tuple(sorted(lies))


def _edge_openings(openings: Sequence[tuple[Did, bytes]]) -> tuple[EdgeOpening, ...]:
    """Return the openings that can be read; a member may send several."""
    taken = (take({did: data}, EdgeOpening, lambda m: m.did, lambda _: None)[0] for did, data in openings)
    return tuple(opening for each in taken for opening in each.values())


def _words(data: bytes) -> ring.Ring:
    return np.frombuffer(data, dtype="<u8")
