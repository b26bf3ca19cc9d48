"""A secure round from its first key to its members' products: what differs from a central one.

Stages share a phase's time on chain: each may take a part of what is left, so that those after it
have theirs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from aggregator.collect import CLOSED, REVEALED, Answers
from aggregator.gathering import Absent, Gathered, Revealed, Stand
from aggregator.secure import checks
from aggregator.secure.asking import OTHERS
from aggregator.secure.attempts import Attempt, Attempts
from aggregator.secure.sending import material
from federation.delta import delta_bytes
from federation.evaluation import Received
from federation.membertree import MemberTree
from federation.payloads import NOTHING
from federation.rounds import Status
from federation.scoring import Summed
from federation.secagg.messages import UnmaskRequest
from federation.secagg.replay import priced
from federation.secagg.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aggregator.admission import Committed
    from ceramic_bridge.authority import Authority
    from federation.fixedpoint import Ints
    from federation.rounds import Base, RoundOutcome
    from federation.secagg.messages import NormAnswer, ScalarAnswer
    from federation.secagg.pairs import Edge
    from federation.types import Did


UNMASKING: Final = 600.0
"""Seconds for each of the two questions that open a sum: who may put off the draw must not have the time to
do so until nobody can any more (three times 256 blocks)."""

_NOBODY: Final = MemberTree.build({}).root


class SecureGathering:
    """Gathers a round's sum, and then each member's product with its gradient."""

    def __init__(self, stand: Stand) -> None:
        """Take up a round, or one that was begun before a crash."""
        self._stand = stand
        self._asked: tuple[Did, ...] = ()
        self._now: Attempt | None = None

    @property
    def _attempt(self) -> Attempt:
        assert self._now is not None, "nothing was committed to"
        return self._now

    def commits(self, base: Base, asked: Sequence[Did], authority: Authority) -> Answers[Committed]:
        """Return the commitments to masked deltas, of the attempt that counts.

        Why a reply was refused is in the journal only: its author counts as absent, as anybody who
        replays the transcript finds.
        """
        self._asked = tuple(asked)
        self._now = Attempts(self._stand, base, authority).run(asked)
        return Answers(dict(self._now.committed))

    def reveals(self, base: Base, committed: Mapping[Did, Committed]) -> Revealed:  # noqa: ARG002 - kept
        """Return whose masked deltas are summed."""
        if not self._attempt.replayed.over:
            self._uploads()
        if not self._attempt.replayed.over:
            self._norms()
        # As in central mode: the members have answered what the reveal root rests on.
        self._attempt.asker.record(CLOSED + REVEALED, b"")
        server = self._attempt.replayed.server
        if server is None:
            return Revealed(_NOBODY, (), {})
        return Revealed(server.reveal_root(), server.survivors, {})

    def before_draw(self, revealed: Revealed) -> None:
        """Open the sum, and announce it."""
        if not self._attempt.replayed.over:
            self._unmask()
        attempt = self._attempt
        total = attempt.replayed.total
        if total is not None:
            if attempt.beacons.announce_sum(attempt.terms, revealed.root, total):
                return
            self._now = replace(attempt, replayed=attempt.replayed.unannounced())
        replayed = self._attempt.replayed
        self._stand.tell("secure-ended", reason=replayed.ended, liars=len(replayed.liars))

    def received(self, absent: Absent) -> Received:
        """Return the sum, and how its products are asked for."""
        stand, epoch = self._stand, self._stand.epoch
        absent |= self._attempt.replayed.absent(self._asked)
        total = self._attempt.replayed.total
        return Received(
            deltas={},
            absent=absent,
            norm_bound=epoch.norm_bound,
            seed=stand.view.draw_seed(epoch.domain.epoch, stand.round),
            summed=None if total is None else Summed(total=total, products=self._products),
        )

    def gathered(self, outcome: RoundOutcome) -> Gathered:
        """Return the masked deltas' hashes and the transcript; all of it may be seen at once."""
        transcript = self._stand.ports.public.put(self._attempt.transcript.to_bytes())
        uploads = self._attempt.transcript.uploads
        blobs = frozenset({transcript, *uploads.values()})
        accepted = [m.did for m in outcome.members if m.status is Status.ACCEPTED]
        return Gathered(
            reveals={did: (uploads[did], NOTHING) for did in accepted},
            blobs=blobs,
            at_once=blobs,
            transcript=transcript,
        )

    # Reveal phase

    def _uploads(self) -> None:
        attempt, server = self._attempt, self._attempt.server
        parts = dict.fromkeys(server.commits, (server.commit_list().to_bytes(),))
        check = checks.upload(server, self._stand.ports.public.put)
        found = attempt.asker.ask(Stage.REVEAL, parts, check, share=1 / 3)
        self._now = attempt.answered(Stage.REVEAL, found).advanced(self._stand)

    def _norms(self) -> None:
        attempt, server = self._attempt, self._attempt.server
        challenge = attempt.beacons.challenge()
        check = checks.norm(server, challenge)
        found = attempt.asker.ask(Stage.NORM, dict.fromkeys(server.uploads, ()), check, share=1 / 2)
        answered = server.gather_norms(challenge, found)
        openings = self._open_edges(Stage.NORM, answered.norm_conflicts(), answered.norms, share=1 / 2)
        attempt = attempt.answered(Stage.NORM, found).disputed(Stage.NORM, openings)
        self._now = attempt.advanced(self._stand)

    # Draw phase

    def _unmask(self) -> None:
        """Have the sum opened by its members; by others who committed only where that is not enough."""
        before, server = self._attempt, self._attempt.server
        request = (UnmaskRequest(server.survivors).to_bytes(),)
        check = checks.unmask(server)
        found: dict[Did, bytes] = {}
        others = server.commits.keys() - set(server.survivors)
        for label, members in (("", server.survivors), (OTHERS, sorted(others))):
            if not members:
                break
            parts = dict.fromkeys(members, request)
            found |= before.asker.ask(Stage.UNMASK, parts, check, share=1 / 3, most=UNMASKING, label=label)
            self._now = before.answered(Stage.UNMASK, found).advanced(self._stand)
            if not self._now.replayed.over:
                break

    # Record phase

    def _products(self, gradient: Ints) -> tuple[Mapping[Did, int], Mapping[Did, tuple[Status, str]]]:
        attempt, server = self._attempt, self._attempt.server
        assert attempt.replayed.total is not None
        sent = (delta_bytes(attempt.replayed.total), material(self._stand).to_bytes())
        parts = dict.fromkeys(server.survivors, sent)
        check = checks.scalars(server, gradient)
        found = attempt.asker.ask(Stage.SCALARS, parts, check, share=1 / 3)
        answered = server.gather_scalars(gradient, found)
        edges = answered.scalar_conflicts()
        openings = self._open_edges(Stage.SCALARS, edges, answered.scalars, share=1 / 2)
        self._now = attempt.answered(Stage.SCALARS, found).disputed(Stage.SCALARS, openings)
        return priced(self._now.replayed, self._now.transcript, gradient)

    def _open_edges(
        self,
        stage: Stage,
        edges: Sequence[Edge],
        answers: Mapping[Did, NormAnswer] | Mapping[Did, ScalarAnswer],
        *,
        share: float,
    ) -> list[tuple[Did, bytes]]:
        server = self._attempt.server
        return self._attempt.asker.open_pairs(
            Stage.OPEN_EDGE,
            edges,
            lambda did, other: (answers[did].to_bytes(), answers[other].to_bytes()),
            lambda did, parts, other: checks.edge_opening(server, did, parts, other=other),
            share=share,
            label=f"-{stage}",
        )
