"""The round driver: commit, reveal, draw, open, score, record, over any Flower grid and any chain.

The arithmetic is the kernel's (``federation.rounds``); this file has messages, transactions, events
and blobs follow each other in the order of PROTOCOL's phases. With a journal a round that was
interrupted anywhere is run again from its beginning: what happened is recalled, the rest happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aggregator.admission import Committed
from aggregator.collect import COMMITTED, commit_tree
from aggregator.drawing import draw
from aggregator.epoch import OpenEpoch
from aggregator.events import events_root
from aggregator.finished import Finished
from aggregator.gathering import Absent, Gathering, Stand, gathering_of
from aggregator.happenings import Happening, Watcher
from aggregator.journal import Forgetful, Memory, pack, unpack
from aggregator.onchain import once
from aggregator.ports import AnotherRound, EventSink, Observer, Ports, RoundReport
from aggregator.records import Made, Recorder
from aggregator.sessions import Sessions
from aggregator.shards import Shards, revealed_blob
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.events import SignedEvent, decode, encode
from contracts.chain import Receipt, Signer
from contracts.view import FederationView
from federation.cohort import cohort, enough
from federation.evaluation import Start, evaluation_of
from federation.fixedpoint import Ints
from federation.models.linear import model_bytes
from federation.rounds import Base, EpochState, Status
from federation.trace import Position
from federation.types import Did, Hash32

__all__ = ["AnotherRound", "EventSink", "Observer", "Ports", "RoundDriver", "RoundReport"]


class RoundDriver:
    """Runs the rounds of one open epoch.

    Attributes:
        sessions: The members' session keys; takes their revocations.
    """

    def __init__(
        self,
        ports: Ports,
        epoch: OpenEpoch,
        *,
        initial: Ints,
        opening_events: Sequence[SignedEvent],
        memory: Memory | None = None,
        watch: Watcher | None = None,
    ) -> None:
        """Take up an epoch, after the last round that the memory knows to be finished.

        Args:
            ports: What to work with.
            epoch: The open epoch.
            initial: w_0; shape (dim,).
            opening_events: Signed before the first round, the members' imports: recorded with it.
            memory: What was decided before a crash, and takes what is decided from now on.
            watch: Is told what happens.
        """
        self._ports, self._epoch = ports, epoch
        self._memory: Memory = memory or Forgetful()
        self._watch = watch
        self._view = FederationView(ports.federation)
        self._shards = Shards(ports, epoch, self._view, self._memory)
        self._recorder = Recorder(ports, epoch, self._view)
        self._rules = epoch.manifest.rules
        self._evaluation = evaluation_of(epoch.manifest)
        self._known = [Position(shard=0, design=epoch.public)]
        self._state = EpochState.first(initial=initial, quotas=epoch.roster.quotas)
        self._pending = list(opening_events)
        self.sessions = Sessions(epoch.roster.quotas.keys(), epoch.models.values(), opening_events)
        while (raw := self._recall(self._state.round, "finished")) is not None:
            self._resume(Finished.parse(raw))

    @property
    def epoch(self) -> int:
        """The epoch's number."""
        return self._epoch.domain.epoch

    @property
    def state(self) -> EpochState:
        """The epoch as it stands."""
        return self._state

    def finished(self, round_: int) -> Finished | None:
        """Return what the memory holds of a finished round."""
        raw = self._recall(round_, "finished")
        return None if raw is None else Finished.parse(raw)

    def run(self, observer: Observer) -> None:
        """Run every round that is left."""
        while self._state.round <= self._epoch.manifest.rounds:
            observer(self.run_round())

    def run_round(self) -> RoundReport:
        """Run the next round to its record on chain, or what is left of one that was begun.

        Raises:
            PeerError: A provider does not do its duty; it is liable now, and the round can be taken up again.
            ChainError: The chain refuses, cannot be reached, or holds another round than this one.
        """
        epoch, state = self._epoch, self._state
        round_ = state.round
        start = Start(state=state, rules=self._rules, known=tuple(self._known))
        base = self._evaluation.open(start)
        self._open(base)
        gathering = self._gathering()
        absent = dict.fromkeys(state.suspended, (Status.SUSPENDED, ""))
        committed = self._commits(gathering, base, absent)
        self._reveals(gathering, base, committed, absent)
        number = draw(self._ports, epoch, self._view, round_)
        drawn, shown = self._shards.open(number, round_)
        self._tell("shard-opened", round_, shard=number)
        outcome, trace = self._evaluation.close(start, base, gathering.received(absent), drawn)
        gathered = gathering.gathered(outcome)
        put = self._ports.public.put
        released = put(self._evaluation.released(outcome.state, [*self._known, drawn]))
        contributions = [found.event for found in committed.values()]
        made = Made(
            base=base,
            outcome=outcome,
            trace=trace,
            released=released,
            shard=number,
            events=[*shown, *self._pending, *contributions],
            gathered=gathered,
        )
        named = self._recorder.record(made)
        assert self._recorder.card is not None
        auc = self._evaluation.auc(outcome.state.weights, drawn.design)
        self._finish(
            Finished(
                state=outcome.state,
                shard=number,
                released=released,
                card=self._recorder.card,
                auc=auc,
                blobs=named.union({base.hash, released, put(trace.to_bytes())}, gathered.blobs),
            ),
            drawn,
        )
        report = RoundReport(
            base=base,
            outcome=outcome,
            shard=number,
            shard_design=drawn.design,
            committed=frozenset(committed),
            model=outcome.state.weights,
            model_hash=released,
            public=named.union({base.hash, released}, gathered.at_once),
        )
        self._tell("round-recorded", round_, **report.facts(), auc=auc)
        return report

    def _open(self, base: Base) -> None:
        """Record the base on chain, and settle by which keys the round is judged."""
        ports, number, round_ = self._ports, self._epoch.domain.epoch, self._state.round
        ports.public.put(model_bytes(base.weights, base.intercept))
        self._once(lambda: self._view.base_hash(number, round_), base.hash, ports.federation.open_round)
        raw = self._recall(round_, "revocations")
        kept = None if raw is None else [decode(one, authority=UNDATED) for one in unpack(raw)]
        counting = self.sessions.open_round(self._view.opened_at(number, round_), kept)
        self._memory.record(number, round_, "revocations", pack([encode(event) for event in counting]))
        self._pending += counting
        self._tell("round-opened", round_, base=base.hash.hex())

    def _commits(self, gathering: Gathering, base: Base, absent: Absent) -> dict[Did, Committed]:
        epoch, ports, number, round_ = self._epoch, self._ports, self._epoch.domain.epoch, self._state.round
        rule = epoch.manifest.cohort
        members = [did for did in epoch.roster.quotas if did not in absent]
        asked = cohort(
            members,
            size=rule.size if rule else None,
            domain=epoch.domain,
            round_=round_,
            beacon=self._view.beacon(number, round_),
        )
        answers = gathering.commits(base, [did for did in members if did in asked], self.sessions.authority)
        absent |= {did: (Status.ABSENT, "" if did in asked else "not-drawn") for did in members}
        absent |= {did: (Status.REJECTED, reason) for did, reason in answers.refused.items()}
        found = answers.found
        if rule and not enough(len(found), rule.minimum):
            absent |= dict.fromkeys(found, (Status.ABSENT, "too-few"))
            found = {}
        for did in found:
            del absent[did]
        self.sessions.saw(answer.event for answer in found.values())
        root = commit_tree(found).root
        self._once(lambda: self._view.commit_root(number, round_), root, ports.federation.close_commits)
        self._tell(
            "commits-closed", round_, committed=len(found), refused=len(answers.refused), asked=len(asked)
        )
        return found

    def _reveals(
        self, gathering: Gathering, base: Base, committed: Mapping[Did, Committed], absent: Absent
    ) -> None:
        number, round_ = self._epoch.domain.epoch, self._state.round
        revealed = gathering.reveals(base, committed)
        absent |= revealed.absent
        close = self._ports.federation.close_reveals
        self._once(lambda: self._view.words(number, round_).reveal_root, revealed.root, close)
        silent = len(committed.keys() - revealed.found)
        self._tell("reveals-closed", round_, revealed=len(revealed.found), silent=silent)
        gathering.before_draw(revealed)

    def _gathering(self) -> Gathering:
        """Return how the round gathers what its members learnt."""
        round_ = self._state.round

        def tell(kind: str, **facts: str | float) -> None:
            self._tell(kind, round_, **facts)

        stand = Stand(
            ports=self._ports,
            epoch=self._epoch,
            view=self._view,
            memory=self._memory,
            round=round_,
            parts=self._shards.parts,
            tell=tell,
        )
        return gathering_of(stand)

    def close(self, claims: bytes) -> frozenset[Hash32]:
        """Reveal the validation set and publish what the operator states beyond the recomputable.

        An epoch that ended early has no word on chain for this, and is published all the same.

        Args:
            claims: Canonical bytes of those statements; their hash goes on the model card.

        Returns:
            SHA-256 of what this adds to the public directory: the claims and the revealed parts.

        Raises:
            PeerError: A provider does not publish its parts.
        """
        ports, number = self._ports, self._epoch.domain.epoch
        events, stated = self._shards.reveal(), ports.public.put(claims)
        blobs = {stated, *(revealed_blob(event) for event in events)}
        card = self._recorder.claim(stated)
        events += [card] if card is not None else []
        for event in events:
            ports.log.append(event)
        if self._view.end(number) is None:
            root = events_root(events)
            once(
                ports.chain,
                lambda: self._view.end(number) is not None,
                lambda sender: ports.federation.reveal_epoch(sender, root),
                ports.sender,
            )
        return frozenset(blobs)

    def _resume(self, finished: Finished) -> None:
        """Take up the epoch after a round that was finished before."""
        number, round_ = self._epoch.domain.epoch, self._state.round
        raw = self._recall(round_, "revocations") or b""
        kept = [decode(one, authority=UNDATED) for one in unpack(raw)]
        self.sessions.open_round(self._view.opened_at(number, round_), kept)
        commits = self._memory.steps(number, round_, COMMITTED).values()
        self.sessions.saw(decode(one, authority=UNDATED) for one in commits)
        drawn, _ = self._shards.open(finished.shard, round_)
        self._advance(finished, drawn)

    def _finish(self, finished: Finished, drawn: Position) -> None:
        self._memory.record(self._epoch.domain.epoch, self._state.round, "finished", finished.to_bytes())
        self._advance(finished, drawn)

    def _advance(self, finished: Finished, drawn: Position) -> None:
        self._known.append(drawn)
        self._state, self._pending = finished.state, []
        self._recorder.card = finished.card

    def _once(
        self, on_chain: Callable[[], Hash32], root: Hash32, act: Callable[[Signer, Hash32], Receipt]
    ) -> None:
        """Put a root on chain unless it is there; another one there ends this.

        Raises:
            AnotherRound: The chain has another one.
        """
        ports = self._ports
        once(ports.chain, lambda: any(on_chain()), lambda sender: act(sender, root), ports.sender)
        if on_chain() != root:
            raise AnotherRound(
                f"round {self._state.round} on chain is not the one that this aggregator runs",
                hint="was its journal lost, and a member is gone since? the epoch can be cancelled",
            )

    def _recall(self, round_: int, step: str) -> bytes | None:
        return self._memory.recall(self._epoch.domain.epoch, round_, step)

    def _tell(self, kind: str, round_: int, **facts: str | float) -> None:
        if self._watch is not None:
            self._watch(Happening(kind=kind, epoch=self._epoch.domain.epoch, round=round_, facts=facts))
