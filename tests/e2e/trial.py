"""A real run stopped before it records its last round, so that any lie can be recorded instead."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np

from aggregator import driver
from aggregator.admission import Committed
from aggregator.challenge.openings import Validation
from aggregator.challenge.prosecute import Evidence, prosecute
from aggregator.challenge.witness import Case, Dispute
from contracts.accounts import Account
from contracts.bindings.federation import Federation, RoundConvicted
from contracts.chain import Receipt
from contracts.deploy import JUDGES
from contracts.view import FederationView
from examples.spam_detection.cleaning import Mail
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings
from examples.spam_detection.world import build_cast
from federation import evaluation
from federation.delta import delta_bytes
from federation.hashing import sha256
from federation.membertree import MemberTree
from federation.trace import Op, Record, Trace, first_difference, vector_root
from federation.trace.vectors import hash_value, vector_bytes
from federation.types import Address, Did, Hash32
from federation.validation import mean_bytes
from tests.world import Quiet, made_up_mails


class Stopped(Exception):
    """The aggregator is about to record the last round."""


class Halting(Federation):
    """Records all rounds but the last; remembers what it was about to record."""

    last: int
    pending: dict[str, Hash32]

    def record_round(self, sender: Any, **words: Any) -> Receipt:
        if self.round_() == self.last:
            self.pending = words
            raise Stopped
        return super().record_round(sender, **words)


@dataclass
class Trial:
    """A run whose last round is drawn and scored, but not recorded.

    Attributes:
        run: The run.
        traces: Every round's honest trace.
        deltas: Canonical bytes of the last round's accepted deltas, by SHA-256.
        reveals: The tree under its reveal root.
        commitments: What its members committed to.
    """

    run: Run
    traces: list[Trace]
    deltas: dict[Hash32, bytes]
    reveals: MemberTree
    commitments: dict[Did, Hash32]

    @classmethod
    def prepare(
        cls, settings: Settings, mails: Sequence[Mail] | None = None, *, run: Run | None = None
    ) -> Trial:
        run = run or Run(settings, build_cast(mails or made_up_mails(), settings), Quiet())
        traces: list[Trace] = []
        last: dict[str, Any] = {}

        def watch(*args: Any, **more: Any) -> Trace:
            traces.append(driver_trace(*args, **more))
            last.update(deltas=more["deltas"])
            return traces[-1]

        driver_trace = evaluation.round_trace
        run._found_community()
        run._join_members()
        run._open_epoch()
        halting = Halting(run.chain, run.deployment.federation.address)
        halting.last = settings.rounds
        run.deployment = replace(run.deployment, federation=halting)
        commits = driver.RoundDriver._commits

        def watch_commits(*args: Any) -> dict[Did, Committed]:
            last["commits"] = commits(*args)
            return dict(last["commits"])

        with (
            mock.patch.object(evaluation, "round_trace", watch),
            mock.patch.object(driver.RoundDriver, "_commits", watch_commits),
            suppress(Stopped),
        ):
            run._train()
        blobs = {sha256(b): b for b in (delta_bytes(d) for d in last["deltas"].values())}
        hashes = {did: sha256(delta_bytes(d)) for did, d in last["deltas"].items()}
        committed = {did: found.commitment for did, found in last["commits"].items()}
        return cls(run, traces, blobs, MemberTree.build(hashes), committed)

    @property
    def challenger(self) -> Account:
        return self.run.relayer

    @property
    def round(self) -> int:
        return self.run.settings.rounds

    @property
    def federation(self) -> Halting:
        federation = self.run.deployment.federation
        assert isinstance(federation, Halting)
        return federation

    @property
    def honest(self) -> Trace:
        return self.traces[-1]

    def judge(self, name: str) -> Address:
        return self.federation.config().judges[list(JUDGES).index(name)]

    def validation(self) -> Validation:
        providers, dim = self.run.providers, self.run.epoch.manifest.model.dim
        shards = range(self.run.settings.rounds + 1)
        counts = np.sum([p.counts(dim) for p in providers], axis=0)
        return Validation(
            domain=self.run.epoch.domain,
            providers=len(providers),
            index=self.run.epoch.index,
            parts={(s, p): provider.part(s) for p, provider in enumerate(providers) for s in shards},
            mean=mean_bytes(counts, sum(p.size for p in providers)),
        )

    def record(self, trace: Trace) -> None:
        """Record the last round with some trace's root."""
        root = trace.root(self.run.epoch.domain, self.round)
        words = {**self.federation.pending, "trace_root": root}
        Federation.record_round(self.federation, self.run.aggregator, **words)

    def case(self, number: int, trace: Trace, more: dict[Hash32, bytes]) -> Case:
        epoch, view = self.run.epoch, FederationView(self.federation)
        return Case(
            domain=epoch.domain,
            terms=epoch.terms,
            round=number,
            words=view.words(epoch.domain.epoch, number),
            trace=trace,
            vectors={**self.traces[number - 1].vectors, **more},
        )

    def evidence(self, lying: Trace, more: dict[Hash32, bytes]) -> Evidence:
        r, epoch, view = self.round, self.run.epoch, FederationView(self.federation)
        return Evidence(
            case=self.case(r, lying, more),
            expected=self.honest,
            before=self.case(r - 1, self.traces[r - 2], {}) if r > 1 else None,
            words={k: view.words(epoch.domain.epoch, k) for k in range(1, r + 1)},
            validation=self.validation(),
            admitted=epoch.admitted,
            commitments=self.commitments,
            reveals=self.reveals,
            deltas=self.deltas,
        )

    def send(self, dispute: Dispute) -> Receipt:
        """Announce a proof, then send it in a later block."""
        self.federation.announce(self.challenger, dispute.commitment(self.challenger.address))
        return dispute.send(self.run.chain, self.challenger, self.judge(dispute.judge))

    def find(self, lying: Trace, more: dict[Hash32, bytes]) -> Dispute:
        """Find the first wrong value of a recorded trace, as anybody can, and the proof against it."""
        difference = first_difference(self.honest, Trace.parse(lying.to_bytes()))
        assert difference is not None
        return prosecute(self.evidence(lying, more), difference)

    def accuse_honest(self, lie: Trace, more: dict[Hash32, bytes]) -> Dispute:
        """Call a right value wrong: the proof that would hold, were the lie the truth."""
        truth = Trace(lie.records, {**self.honest.vectors, **more})
        evidence = replace(self.evidence(self.honest, {}), expected=truth)
        difference = first_difference(evidence.expected, self.honest)
        assert difference is not None
        return prosecute(evidence, difference)

    def convicted(self, dispute: Dispute) -> Receipt:
        """Send a proof and check what follows: the round is void, the bond is shared."""
        receipt = self.send(dispute)
        assert [c.round_ for c in RoundConvicted.decode_logs(receipt.logs)] == [self.round]
        bond = int(self.run.manifest.bonds.aggregator_wei)
        assert self.run.deployment.token.balance_of(self.challenger.address) == bond // 2
        assert self.federation.forfeited() == bond - bond // 2
        assert self.federation.recorded() == self.round - 1
        return receipt


def tell(trace: Trace, op: Op, i: int, j: int, field: str) -> tuple[Trace, dict[Hash32, bytes]]:
    """Return the trace with one value changed: an entry of a vector or a number by one, a flag turned."""
    records, more = list(trace.records), {}
    place = next(k for k, record in enumerate(records) if record.key == (op, i, j))
    values = list(records[place].values)
    at = op.fields.index(field)
    root = Hash32((values[at] % (1 << 256)).to_bytes(32, "big"))
    if root in trace.vectors:
        vector = np.frombuffer(trace.vectors[root], dtype="<i8").astype(np.int64)
        vector[len(vector) // 2] += 1
        data = vector_bytes(vector)
        more[vector_root(data)] = data
        values[at] = hash_value(vector_root(data))
    elif field.startswith("suspended"):
        values[at] ^= 1
    else:
        values[at] += 1
    records[place] = Record(op, i, j, tuple(values))
    return Trace(tuple(records)), more
