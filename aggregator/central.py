"""Rounds in which the aggregator sees each delta, and in the end everybody does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.collect import Answers, Collector, reveal_tree
from aggregator.gathering import Absent, Gathered, Revealed, Stand
from contracts.bindings.structs import Phase
from federation.delta import delta_bytes, delta_hash, parse_delta, within_cap
from federation.evaluation import Received
from federation.hashing import did_hash
from federation.messages import RevealReply
from federation.rounds import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aggregator.admission import Committed
    from ceramic_bridge.authority import Authority
    from federation.rounds import Base, RoundOutcome
    from federation.types import Did


class CentralGathering:
    """Gathers a round's deltas one by one."""

    def __init__(self, stand: Stand) -> None:
        """Take up a round, or one that was begun before a crash."""
        self._stand = stand
        self._collector = Collector(stand.ports, stand.epoch, stand.memory, stand.round)
        self._replies: dict[Did, RevealReply] = {}
        self._forced: dict[Did, RevealReply] = {}

    def commits(self, base: Base, asked: Sequence[Did], authority: Authority) -> Answers[Committed]:
        """Return the members' commitments."""
        return self._collector.commits(base, asked, authority)

    def reveals(self, base: Base, committed: Mapping[Did, Committed]) -> Revealed:
        """Return whose committed deltas came."""
        answers = self._collector.reveals(base, committed)
        absent: Absent = dict.fromkeys(committed.keys() - answers.found.keys(), (Status.SILENT, ""))
        absent |= {did: (Status.REJECTED, reason) for did, reason in answers.refused.items()}
        self._replies = answers.found
        return Revealed(reveal_tree(answers.found).root, answers.found.keys(), absent)

    def before_draw(self, revealed: Revealed) -> None:  # noqa: ARG002 - it is what ``reveals`` found
        """Tell members that their deltas are here."""
        if self._stand.ports.federation.phase() in {Phase.DRAW, Phase.RECORD}:
            self._collector.acknowledge(self._replies)

    def received(self, absent: Absent) -> Received:
        """Return the deltas, with those that members revealed on chain alone: they count like any other.

        Asked after the draw, when no more can come.
        """
        stand, epoch = self._stand, self._stand.epoch
        names = {did_hash(did): did for did in epoch.roster.quotas}
        for event in stand.view.forced(epoch.domain.epoch, stand.round):
            did = names.get(event.did_hash)
            if did is None or did in self._replies or absent[did][0] is Status.SUSPENDED:
                continue
            delta = parse_delta(event.delta)
            if within_cap(delta, epoch.cap(did)):
                self._forced[did] = RevealReply(delta=delta, salt=event.salt)
                del absent[did]
            else:
                absent[did] = (Status.REJECTED, "over-cap")
        self._replies = self._replies | self._forced
        return Received(
            deltas={did: reply.delta for did, reply in self._replies.items()},
            absent=absent,
            norm_bound=epoch.norm_bound,
            seed=stand.view.draw_seed(epoch.domain.epoch, stand.round),
        )

    def gathered(self, outcome: RoundOutcome) -> Gathered:  # noqa: ARG002 - every delta is told of
        """Return the deltas' hashes and salts; the deltas themselves are public when the epoch is over."""
        put = self._stand.ports.public.put
        return Gathered(
            reveals={did: (delta_hash(reply.delta), reply.salt) for did, reply in self._replies.items()},
            forced=self._forced.keys(),
            blobs=frozenset(put(delta_bytes(reply.delta)) for reply in self._replies.values()),
        )
