"""A secure round as an aggregator recorded it, honest or not: every piece of it can be exchanged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aggregator.recompute import Recomputation
from aggregator.statements import Statements, checked_lists, lines_of
from aggregator.verified_secure import Place, facts_of, transcript_of
from ceramic_bridge.did import Identity, verify
from contracts.bindings.structs import RoundWords
from federation.aggregation.section import AggregationSection
from federation.cohort import cohort
from federation.errors import TooFewParticipants, VerificationFailed
from federation.evaluation import LinearEvaluation, Received, Start
from federation.hashing import sha256
from federation.manifest import CohortSection, Manifest, SecureSection, ValidationSection, ValidatorSection
from federation.membertree import MemberTree
from federation.models.linear import Design, integer_mean, model_bytes
from federation.payloads import NOTHING, Receipt
from federation.rounds import EpochState, Status
from federation.scoring import Summed
from federation.secagg.member import Member
from federation.secagg.replay import Chain, priced, replay
from federation.secagg.setup import key_word, secure_terms, sum_word
from federation.secagg.stages import Stage
from federation.secagg.terms import SecureSpoilt
from federation.secagg.transcript import Transcript
from federation.trace import Position, vector_hash
from federation.types import Address, Did, Hash32
from tests.agreed import DIM, DOMAIN, SILENT_SIGMA, agreed
from tests.rounds import Size, random_rows
from tests.unit.federation import _secagg
from tests.unit.federation._secagg import BEACON, CHALLENGE, Attempt, entropy

SEEDS = {Identity(seed).did: seed for seed in (sha256(b"member %d" % i) for i in range(6))}
MEMBERS = tuple(sorted(SEEDS))
QUOTAS = {did: 5 + i for i, did in enumerate(MEMBERS)}
COHORT = sha256(b"cohort")
ROUND, OPENED, LISTED, CLOSED, SUMMED, DRAWN, DELAY = 1, 10, 12, 20, 30, 40, 2


def secure_manifest(*, minimum: int = 3, degree: int = 20, cohort: int | None = None) -> Manifest:
    judges = [Address(f"0x{i:040x}") for i in range(11, 14)]
    changes = {
        "aggregation": AggregationSection(mode="secure"),
        "secure": SecureSection(minimum=minimum, degree=degree),
        "validators": ValidatorSection(accounts=judges, quorum=2, bond_wei="1"),
        "validation": ValidationSection(shards=3, reveal="round"),
        "cohort": CohortSection(size=cohort) if cohort else None,
    }
    return Manifest.model_validate({**dict(agreed(privacy=SILENT_SIGMA)), **changes})


MANIFEST = secure_manifest()


def designs() -> list[Design]:
    rng, size = np.random.default_rng(1), Size(dim=DIM)
    rows = [random_rows(rng, n, size) for n in (40, 30)]
    mean = integer_mean(rows[0].counts(DIM), 40)
    return [Design.build(examples, mean) for examples in rows]


DESIGNS = designs()


def own_key(did: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(SEEDS[Did(did)])


def terms_of(manifest: Manifest = MANIFEST, *, round_: int = ROUND, attempt: int = 0):
    return secure_terms(manifest, QUOTAS, DOMAIN, round_, attempt=attempt)


def useful(terms, sizes) -> dict[Did, np.ndarray]:
    """Deltas along the words that speak for label 1: so many times each member's cap, 0.3 unless said."""
    rng, sixth = np.random.default_rng(3), DIM // 6
    signal = np.repeat([1.0, -1.0, 0.0], [sixth, sixth, DIM - 2 * sixth]) / np.sqrt(2 * sixth)
    return {
        did: np.rint(cap * (sizes.get(did, 0.3) * signal + 0.02 * rng.standard_normal(DIM))).astype(np.int64)
        for did, cap in terms.caps.items()
    }


@dataclass
class Kept(Attempt):
    """An attempt of which everything that was opened is kept."""

    opened: dict = field(default_factory=dict)

    def open_edges(self, stage, edges, answers):
        self.opened[stage] = super().open_edges(stage, edges, answers)
        return self.opened[stage]

    def transcript(self) -> Transcript:
        answers = {Stage(stage): dict(sent) for stage, sent in self.sent.items()}
        if Stage.REVEAL in answers:
            answers[Stage.REVEAL] = {d: sha256(raw) for d, raw in answers[Stage.REVEAL].items()}
        openings = {Stage(stage): tuple(found) for stage, found in self.opened.items()}
        return Transcript(attempt=self.terms.attempt, answers=answers, openings=openings)


@dataclass
class Record:
    """What an aggregator publishes of a round, and whom it writes down for what.

    Attributes:
        attempt: The attempt that counts, and its members.
        transcript: What it publishes of it.
        manifest: The rules.
        suspended: Members that are out.
        announced: Words on chain, and in which block.
        commitments: Those of the recorded events.
        summed: Whose deltas the reveal root says are summed.
        lines: Changes of lines of the receipt.
        forced: Members that it says revealed on chain.
        named: Whether the receipt names its transcript.
        shown: What it says of accepted members' deltas instead.
        blobs: What it published.
    """

    attempt: Kept
    transcript: Transcript
    manifest: Manifest = MANIFEST
    suspended: frozenset[Did] = frozenset()
    announced: dict[Hash32, int] = field(default_factory=dict)
    commitments: dict[Did, Hash32] = field(default_factory=dict)
    summed: tuple[Did, ...] = ()
    lines: dict[Did, dict] = field(default_factory=dict)
    forced: tuple[Did, ...] = ()
    named: bool = True
    shown: dict[Did, tuple[Hash32, Hash32]] = field(default_factory=dict)
    blobs: dict[Hash32, bytes] = field(default_factory=dict)

    @property
    def start(self) -> Start:
        state = EpochState.first(initial=np.zeros(DIM, dtype=np.int64), quotas=QUOTAS)
        state = replace(state, suspended=self.suspended)
        known = (Position(shard=0, design=DESIGNS[0]),)
        return Start(state=state, rules=self.manifest.rules, known=known)

    @property
    def asked(self) -> frozenset[Did]:
        members, rule = QUOTAS.keys() - self.suspended, self.manifest.cohort
        size = rule.size if rule else None
        return frozenset(cohort(members, size=size, domain=DOMAIN, round_=ROUND, beacon=COHORT))

    def put(self, data: bytes) -> Hash32:
        self.blobs[sha256(data)] = data
        return sha256(data)

    def blob(self, digest: Hash32, what: str) -> bytes:
        if digest not in self.blobs:
            raise VerificationFailed(f"blobs/{digest.hex()}", f"{what} was not published")
        return self.blobs[digest]

    def view(self) -> SimpleNamespace:
        announced = {word: block for word, block in self.announced.items() if OPENED <= block < DRAWN}
        hashes = {LISTED + DELAY: BEACON, CLOSED + DELAY: CHALLENGE}
        return SimpleNamespace(
            announced_during=lambda _epoch, _round: announced,
            commits_closed_in=lambda _epoch, _round: CLOSED,
            hash_of=lambda block: hashes.get(block, sha256(b"block %d" % block)),
        )

    def epoch(self) -> SimpleNamespace:
        return SimpleNamespace(
            manifest=self.manifest,
            domain=DOMAIN,
            roster=SimpleNamespace(quotas=QUOTAS),
            public=SimpleNamespace(blob=self.blob),
            evaluation=LinearEvaluation(DIM),
            shards={0: DESIGNS[0], 1: DESIGNS[1]},
            dim=DIM,
        )

    def place(self) -> Place:
        return Place(
            manifest=self.manifest,
            quotas=QUOTAS,
            domain=DOMAIN,
            round=ROUND,
            public=SimpleNamespace(blob=self.blob),
        )

    def statements(self) -> Statements:
        """Close the round as its aggregator would, given what is here, and say so."""
        evaluation, start, put = LinearEvaluation(DIM), self.start, self.put
        base, shard = evaluation.open(start), Position(shard=1, design=DESIGNS[1])
        put(model_bytes(base.weights, base.intercept))
        terms = self.attempt.terms
        chain = Chain(beacon=lambda *_: BEACON, challenge=lambda: CHALLENGE)
        found = replay(terms, self.attempt.transcript(), chain, verify=verify, fetch=lambda d: self.blobs[d])
        absent = dict.fromkeys(QUOTAS, (Status.ABSENT, "not-drawn"))
        absent |= dict.fromkeys(self.suspended, (Status.SUSPENDED, ""))
        for did in self.asked:
            del absent[did]
        absent |= found.absent(self.asked)
        summed = None
        if found.total is not None:
            summed = Summed(
                total=found.total, products=lambda g: priced(found, self.attempt.transcript(), g)[:2]
            )
        bound = self.manifest.norm_bound(QUOTAS)
        received = Received(deltas={}, absent=absent, norm_bound=bound, seed=sha256(b"seed"), summed=summed)
        outcome, trace = evaluation.close(start, base, received, shard)
        members = tuple(replace(m, **self.lines.get(m.did, {})) for m in outcome.members)
        told = replace(outcome, members=members)
        uploads = self.transcript.uploads
        transcript = put(self.transcript.to_bytes())
        receipt = Receipt(
            domain=DOMAIN,
            base_hash=base.hash,
            model_hash=put(evaluation.released(outcome.state, [*start.known, shard])),
            delta_hash=vector_hash(outcome.aggregate),
            trace_hash=put(trace.to_bytes()),
            shard=1,
            trace_root=trace.root(DOMAIN, ROUND),
            outcome=told,
            reveals={
                m.did: (uploads.get(m.did, NOTHING), NOTHING) for m in members if m.status is Status.ACCEPTED
            }
            | self.shown,
            forced=self.forced,
            transcript=transcript if self.named else None,
        )
        if (table := receipt.table()) is not None:
            put(table)
        commits = {did: self.commitments[did] for did in self.summed}
        words = RoundWords(
            base_hash=base.hash,
            commit_root=MemberTree.build(self.commitments).root,
            reveal_root=MemberTree.build(commits).root,
            shard=1,
            model_hash=receipt.model_hash,
            events_root=NOTHING,
            trace_root=receipt.trace_root,
            receipt_hash=NOTHING,
        )
        content = {k: list(v) if isinstance(v, tuple) else v for k, v in receipt.content().items()}
        lists = checked_lists(content, self.blob)
        place, named = self.place(), transcript_of(self.place(), lists)
        return Statements(
            words=words,
            seed=sha256(b"seed"),
            beacon=COHORT if self.manifest.cohort else None,
            revealed=(),
            receipt=SimpleNamespace(content=content),
            lists=lists,
            lines=lines_of(lists, SimpleNamespace(quotas=QUOTAS)),
            commitments=self.commitments,
            secure=None if named is None else facts_of(place, named, self.view(), verify),
        )

    def verify(self, *, gone: Collection[Hash32] = ()):
        """Verify it as a stranger does, who finds all blobs but some."""
        said = self.statements()
        for digest in gone:
            del self.blobs[digest]
        return Recomputation(self.epoch()).recompute(self.start, said)


def gradient_at(record: Record, total) -> np.ndarray:
    """The one gradient of a round, before anybody priced it."""
    found = []

    def products(gradient):
        found.append(gradient)
        return {}, dict.fromkeys(QUOTAS, (Status.ABSENT, ""))

    evaluation, start = LinearEvaluation(DIM), record.start
    received = Received(
        deltas={},
        absent={},
        norm_bound=record.manifest.norm_bound(QUOTAS),
        seed=sha256(b"seed"),
        summed=Summed(total=total, products=products),
    )
    evaluation.close(start, evaluation.open(start), received, Position(shard=1, design=DESIGNS[1]))
    return found[0]


STEPS = ("keys", "pledge", "commit", "reveal", "norm", "unmask")


def recorded(
    *,
    manifest: Manifest = MANIFEST,
    lost: dict | None = None,
    forge=None,
    suspended: frozenset[Did] = frozenset(),
    asked: frozenset[Did] | None = None,
    sizes: dict | None = None,
) -> Record:
    """Play a round with an honest aggregator; who is not asked never hears of it.

    Args:
        manifest: The rules.
        lost: By stage, who falls silent.
        forge: Replaces what members send; see ``Attempt``.
        suspended: Who is out.
        asked: Who is asked; all who are not suspended if None.
        sizes: Whose delta is of another size, in its cap; see ``useful``.
    """
    terms = terms_of(manifest)
    away = set(MEMBERS) - asked if asked is not None else set(suspended)
    silent = {**(lost or {}), "keys": [*(lost or {}).get("keys", ()), *away]}
    attempt = Kept(terms, useful(terms, sizes or {}), lost=silent, forge=forge)
    record = Record(attempt, Transcript(), manifest=manifest, suspended=suspended)
    for did in [did for did, size in (sizes or {}).items() if size > 1]:
        careless = replace(terms, caps={**terms.caps, did: 10 * terms.caps[did]})
        attempt.members[did] = Member.begin(careless, did, entropy(did))
    try:
        for step in STEPS:
            getattr(attempt, step)()
            if step == "keys":
                record.announced[key_word(terms, attempt.key_list)] = LISTED
        record.announced[sum_word(terms, attempt.server.reveal_root(), attempt.total)] = SUMMED
        attempt.scalars(gradient_at(record, attempt.total))
    except (TooFewParticipants, SecureSpoilt):
        pass
    for raw in attempt.sent.get("reveal", {}).values():
        record.put(raw)
    record.transcript = attempt.transcript()
    if (server := getattr(attempt, "server", None)) is not None:
        record.commitments = {did: c.signed_digest(terms) for did, c in server.commits.items()}
        record.summed = server.survivors
    return record


def with_own_keys(monkeypatch) -> None:
    """Let members sign by the keys that their DIDs name."""
    monkeypatch.setattr(_secagg, "_key", own_key)
