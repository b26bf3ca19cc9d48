"""A random federation's epoch, played whole, with all the material to dispute any record of it.

Member 1 flips its signs until it is suspended; others are absent, silent or rejected now and then;
in a *spoiled* round everybody makes the model worse (eta = 0), in a *quiet* one nothing is accepted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from eth_utils.address import to_checksum_address

from federation.delta import delta_bytes, delta_hash, quantise, within_cap
from federation.fixedpoint import Ints
from federation.hashing import Domain, commitment, did_hash, keccak256, sha256
from federation.membertree import MemberTree
from federation.merkle import MerkleTree, leaf_hash
from federation.models.linear import Design, Examples, integer_mean, model_bytes
from federation.reward import Terms
from federation.rostertree import NO_PAYEE, Admitted, in_order, roster_tree
from federation.rounds import Base, EpochState, RoundOutcome, Rules, Status, close_round, open_round, release
from federation.trace import Op, Position, Settlement, Trace, round_trace, settlement_trace
from federation.types import Address, Did, Hash32, Wei
from federation.validation import Entry, Index, Part, example_bytes, mean_bytes

DOMAIN = Domain(chain_id=31337, federation=to_checksum_address("0x" + "ab" * 20), epoch=1)
PROVIDERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a federation to make, and what happens in it.

    Attributes:
        dim: Number of weights.
        members: At least 4; the last has no payee, the first and the third share one.
        rounds: How many rounds are played; one shard more is committed.
        public: Examples of the public portion.
        shard: Examples of each shard.
        words: About how many words an example has.
        etas: Step grid.
        betas_tenths: Momentum grid.
        quiet: Rounds in which nobody is accepted.
        spoiled: Rounds in which everybody sends nonsense.
    """

    dim: int = 24
    members: int = 5
    rounds: int = 5
    public: int = 12
    shard: int = 9
    words: int = 4
    etas: tuple[int, ...] = (0, 1, 4)
    betas_tenths: tuple[int, ...] = (0, 4, 9)
    quiet: frozenset[int] = frozenset({4})
    spoiled: frozenset[int] = frozenset({5})


SMALL = Size()
LARGE = Size(
    dim=4096,
    members=8,
    rounds=3,
    public=100,
    shard=100,
    words=40,
    etas=(0, 1, 2, 4, 8),
    betas_tenths=(0, 4, 9, 13),
    quiet=frozenset(),
    spoiled=frozenset(),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayedRound:
    """One round and everything that was committed for it.

    Attributes:
        number: r.
        shard: The drawn shard.
        known: The positions before the round: public portion, then earlier shards.
        state: The epoch before the round.
        base: What was sent out.
        outcome: What was decided.
        deltas: Accepted deltas.
        salts: Of everybody who committed.
        commits: The tree of commitments.
        reveals: The tree of accepted deltas' SHA-256.
        model: The released model's canonical bytes.
        trace: The honest trace.
    """

    number: int
    shard: Position
    known: tuple[Position, ...]
    state: EpochState
    base: Base
    outcome: RoundOutcome
    deltas: Mapping[Did, Ints]
    salts: Mapping[Did, Hash32]
    commits: MemberTree
    reveals: MemberTree
    model: bytes
    trace: Trace

    @property
    def base_blob(self) -> bytes:
        """The base model's canonical bytes."""
        return model_bytes(self.base.weights, self.base.intercept)

    @property
    def positions(self) -> tuple[Position, ...]:
        """Positions 0..r; the last is the shard that pays."""
        return (*self.known, self.shard)

    def delta_blob(self, did: Did) -> bytes:
        """An accepted delta's canonical bytes."""
        return delta_bytes(self.deltas[did])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayedEpoch:
    """A whole epoch.

    Attributes:
        domain: Chain, federation and epoch.
        size: What it was made of.
        rules: The grids and reward terms.
        entries: The members in order.
        mean: m.
        mean_blob: Its canonical bytes.
        index: The validation commitment.
        parts: Every part, by (shard, provider).
        rounds: The rounds, in order.
    """

    domain: Domain
    size: Size
    rules: Rules
    entries: tuple[Admitted, ...]
    mean: Ints
    mean_blob: bytes
    index: Index
    parts: Mapping[tuple[int, int], Part]
    rounds: tuple[PlayedRound, ...]

    @property
    def roster(self) -> MerkleTree:
        """The tree behind ``rosterRoot``."""
        return roster_tree(self.entries)

    @property
    def quota_total(self) -> int:
        """Q."""
        return sum(e.quota for e in self.entries)

    def settle(
        self, *, rounds: int | None = None, forfeited: int = 0, previous: Mapping[Address, int] | None = None
    ) -> Settlement:
        """Settle the epoch after some of its rounds, all unless told."""
        paid = self.rounds[:rounds]
        return settlement_trace(
            self.entries,
            credits=paid[-1].outcome.state.credits if paid else {},
            funds=self.rules.terms.funds,
            forfeited=forfeited,
            previous=previous,
        )

    def terms(self) -> dict[str, object]:
        """The fields of the contract's ``EpochTerms``, by the names of its Python binding.

        Providers' accounts, their hash chains and what only its hash names are made up.
        """
        terms = self.rules.terms
        accounts = [to_checksum_address(keccak256(b"provider %d" % p)[:20]) for p in range(PROVIDERS)]
        return {
            "validation_root": self.index.root,
            "mean_hash": sha256(self.mean_blob),
            "public_hash": sha256(b"public"),
            "roster_hash": sha256(b"roster"),
            "roster_root": self.roster.root,
            "dim": self.size.dim,
            "members": len(self.entries),
            "quota_total": self.quota_total,
            "shards": self.size.rounds + 1,
            "rounds": self.size.rounds,
            "bounty": terms.bounty,
            "funds": terms.funds,
            "clip_milli": terms.clip_milli,
            "suspension_milli": terms.suspension_milli,
            "suspension_from": terms.suspension_from,
            "etas": self.rules.etas,
            "betas_tenths": self.rules.betas_tenths,
            "provider_tips": tuple(sha256(b"tip %d" % p) for p in range(PROVIDERS)),
            "providers": tuple(accounts),
        }

    def words(self, r: PlayedRound, trace: Trace | None = None) -> dict[str, object]:
        """The fields of the contract's ``RoundWords``, with the honest trace unless another is given."""
        return {
            "base_hash": r.base.hash,
            "commit_root": r.commits.root,
            "reveal_root": r.reveals.root,
            "shard": r.shard.shard,
            "model_hash": sha256(r.model),
            "events_root": sha256(b"events"),
            "trace_root": (trace or r.trace).root(self.domain, r.number),
            "receipt_hash": sha256(b"receipt"),
        }

    # Opening examples

    def locate(self, shard: int, e: int) -> tuple[int, int]:
        """Return provider and place in its part of the e-th example of a shard."""
        for provider in range(PROVIDERS):
            count = len(self.parts[shard, provider].examples)
            if e < count:
                return provider, e
            e -= count
        raise IndexError(e)

    def index_proof(self, shard: int, provider: int) -> tuple[Hash32, ...]:
        """Return the proof of a part's entry under ``validationRoot``."""
        leaves = [leaf_hash(e.shard, e.provider, e.count, e.root) for e in self.index.entries]
        return MerkleTree.build(leaves, sort=False).proof(shard * PROVIDERS + provider)

    def example(self, shard: int, provider: int, i: int) -> tuple[bytes, bytes, tuple[Hash32, ...]]:
        """Return salt, canonical bytes and proof under its part's root of one example."""
        part = self.parts[shard, provider]
        leaves = [
            leaf_hash(
                self.domain.digest(
                    "validation-example",
                    0,
                    shard,
                    provider,
                    k,
                    sha256(salt + example_bytes(part.examples, k)),
                )
            )
            for k, salt in enumerate(part.salts)
        ]
        tree = MerkleTree.build(leaves, sort=False)
        assert tree.root == self.index.entries[shard * PROVIDERS + provider].root
        return part.salts[i], example_bytes(part.examples, i), tree.proof(i)


def altered(trace: Trace, changes: Mapping[tuple[Op, int, int, str], int]) -> Trace:
    """A lie: the trace with some values replaced, each by (op, i, j, name); the vectors stay at hand."""
    records = []
    for record in trace.records:
        values = list(record.values)
        for place, name in enumerate(record.op.fields):
            values[place] = changes.get((*record.key, name), values[place])
        records.append(replace(record, values=tuple(values)))
    return Trace(tuple(records), trace.vectors)


def random_rows(rng: np.random.Generator, n: int, size: Size) -> Examples:
    """Examples in which the first sixth of the words speaks for label 1, the second against it."""
    sixth, rate = size.dim // 6, size.words / size.dim
    rates = np.full((2, size.dim), rate)
    for label, own in ((1, slice(0, sixth)), (0, slice(sixth, 2 * sixth))):
        rates[label, own], rates[1 - label, own] = min(0.9, 2.5 * rate), rate / 2
    labels = (rng.random(n) < 0.4).astype(int).tolist()
    return Examples.build([np.flatnonzero(rng.random(size.dim) < rates[y]).tolist() for y in labels], labels)


def random_parts(rng: np.random.Generator, size: Size) -> dict[tuple[int, int], Part]:
    """Every provider's part of every shard; shares differ by one where they cannot be equal."""
    parts = {}
    for shard in range(size.rounds + 2):
        total = size.shard if shard else size.public
        for provider in range(PROVIDERS):
            count = total // PROVIDERS + (provider < total % PROVIDERS)
            parts[shard, provider] = Part(
                shard=shard,
                provider=provider,
                salts=tuple(rng.bytes(32) for _ in range(count)),
                examples=random_rows(rng, count, size),
            )
    return parts


def random_entries(size: Size, payees: Sequence[Address] | None) -> tuple[Admitted, ...]:
    """Members with growing quotas; the first and the third share a payee, the last has none."""
    names = [Did(f"did:key:z{chr(65 + i // 26)}{chr(65 + i % 26)}") for i in range(size.members)]
    accounts = payees or [to_checksum_address(keccak256(name.encode())[:20]) for name in names]
    chosen = [accounts[0 if i == 2 else i] for i in range(size.members - 1)]
    return tuple(
        Admitted(did=name, quota=5 + 2 * i, cap=(5 + 2 * i) << 20, payee=payee)
        for i, (name, payee) in enumerate(zip(names, [*chosen, NO_PAYEE], strict=True))
    )


def random_delta(rng: np.random.Generator, size: Size, entry: Admitted, strength: float) -> Ints:
    """That share of the cap along the planted signal, or against it, and some noise."""
    sixth = size.dim // 6
    signal = np.where(np.arange(size.dim) < sixth, 1.0, np.where(np.arange(size.dim) < 2 * sixth, -1.0, 0.0))
    noise = rng.standard_normal(size.dim)
    vector = strength * signal / math.sqrt(2 * sixth) + 0.05 * noise / math.sqrt(size.dim)
    delta = quantise(entry.cap / 2**16 * vector)
    assert within_cap(delta, entry.cap)
    return delta


def excuse(size: Size, round_: int, i: int) -> tuple[Status, str] | None:
    """Why a member that is not suspended has no accepted delta in a round; None if it has."""
    if round_ in size.quiet:
        return ((Status.SILENT, ""), (Status.REJECTED, "over its cap"), (Status.ABSENT, ""))[i % 3]
    away = {(1, 2): Status.ABSENT, (2, 3): Status.SILENT, (3, 0): Status.REJECTED}
    status = away.get((round_, i))
    return (status, "late" if status is Status.REJECTED else "") if status else None


@cache
def played(
    seed: int = 2, size: Size = SMALL, *, domain: Domain = DOMAIN, payees: tuple[Address, ...] | None = None
) -> PlayedEpoch:
    """Play an epoch; the same arguments give the same one.

    Args:
        seed: Of everything random. 2 has momentum, a small step, a gain and a loss; 1 a shard of one class.
        size: ``SMALL``, ``LARGE`` (4,096 weights, shards of 100) or another.
        domain: Where its hashes are valid: chain, federation contract and epoch.
        payees: An account for every member but the last; made up unless given.
    """
    rng = np.random.default_rng(seed)
    parts = random_parts(rng, size)
    shards = range(size.rounds + 2)
    keys = [(shard, provider) for shard in shards for provider in range(PROVIDERS)]
    index = Index(
        tuple(Entry(s, p, len(parts[s, p].salts), parts[s, p].root(domain)) for s, p in keys),
    )
    joined = [Examples.concat([parts[s, p].examples for p in range(PROVIDERS)]) for s in shards]
    everything = Examples.concat(joined)
    counts = everything.counts(size.dim)
    mean = integer_mean(counts, len(everything))
    entries = tuple(in_order(random_entries(size, payees)))
    rules = Rules(
        terms=Terms(bounty=Wei(10**21), funds=Wei(10**18), clip_milli=900, suspension_milli=100),
        etas=size.etas,
        betas_tenths=size.betas_tenths,
    )
    state = EpochState.first(
        initial=rng.integers(-(1 << 13), 1 << 13, size.dim), quotas={e.did: e.quota for e in entries}
    )
    known: tuple[Position, ...] = (Position(shard=0, design=Design.build(joined[0], mean)),)
    rounds = []
    for drawn in (1 + rng.permutation(size.rounds + 1))[: size.rounds].tolist():
        shard = Position(shard=drawn, design=Design.build(joined[drawn], mean))
        line = _play(rng, size, entries, rules, state=state, known=known, shard=shard, domain=domain)
        rounds.append(line)
        state, known = line.outcome.state, line.positions
    return PlayedEpoch(
        domain=domain,
        size=size,
        rules=rules,
        entries=entries,
        mean=mean,
        mean_blob=mean_bytes(counts, len(everything)),
        index=index,
        parts=parts,
        rounds=tuple(rounds),
    )


def _play(
    rng: np.random.Generator,
    size: Size,
    entries: Sequence[Admitted],
    rules: Rules,
    *,
    state: EpochState,
    known: tuple[Position, ...],
    shard: Position,
    domain: Domain,
) -> PlayedRound:
    round_ = state.round
    examples = Design.concat([p.design for p in known])
    base = open_round(state, rules, examples)
    deltas, absent = {}, {}
    for i, entry in enumerate(entries):
        reason = (Status.SUSPENDED, "") if entry.did in state.suspended else excuse(size, round_, i)
        if reason:
            absent[entry.did] = reason
        else:
            deltas[entry.did] = random_delta(
                rng, size, entry, -0.4 if round_ in size.spoiled else -0.2 if i == 1 else 0.1
            )
    outcome = close_round(
        state,
        base,
        rules,
        deltas=deltas,
        absent=absent,
        known=examples,
        shard=shard.design,
        norm_bound=max(e.cap for e in entries),
    )
    committed = {e.did for e in entries} - {d for d, (s, _) in absent.items() if s in _NEVER_COMMITTED}
    salts = {did: sha256(f"salt {round_} {did}".encode()) for did in sorted(committed)}
    # Who never revealed committed to something; nobody will know to what.
    hashes = {did: delta_hash(deltas[did]) if did in deltas else sha256(did.encode()) for did in salts}
    commitments = {
        did: commitment(
            domain, round_, did=did, base_hash=base.hash, delta_sha256=hashes[did], salt=salts[did]
        )
        for did in salts
    }
    after = Design.concat([examples, shard.design])
    trace = round_trace(state, base, outcome, rules=rules, known=known, shard=shard, deltas=deltas)
    return PlayedRound(
        number=round_,
        shard=shard,
        known=known,
        state=state,
        base=base,
        outcome=outcome,
        deltas=deltas,
        salts=salts,
        commits=MemberTree.build(commitments),
        reveals=MemberTree.build({did: hashes[did] for did in deltas}),
        model=model_bytes(*release(outcome.state, after)),
        trace=trace,
    )


_NEVER_COMMITTED = {Status.ABSENT, Status.SUSPENDED}


def member_leaf(did: Did, value: Hash32) -> Hash32:
    """The leaf of a member's commitment or delta."""
    return leaf_hash(did_hash(did), value)
