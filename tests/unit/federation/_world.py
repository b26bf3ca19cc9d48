"""Small synthetic federations: random word sets with a planted linear signal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from client.trainer import LinearEngine
from federation.delta import norm_cap, quantise
from federation.fixedpoint import Ints
from federation.hashing import Domain
from federation.models.linear import Design, Examples, integer_mean
from federation.reward import Terms
from federation.rounds import Base, EpochState, RoundOutcome, Rules, Status, close_round, open_round
from federation.trace import Position, round_trace, vector_hash
from federation.types import Address, Did, Wei

TERMS = Terms(bounty=Wei(10**21), funds=Wei(10**21))
RULES = Rules(terms=TERMS, etas=(0, 1, 2, 4, 8, 16), betas_tenths=(0, 2, 4, 6, 9, 13, 20))
DOMAIN = Domain(chain_id=31337, federation=Address("0x" + "ab" * 20), epoch=1)

Row = tuple[int, list[int]]


@dataclass(frozen=True, slots=True)
class Sight:
    """What a sender of a delta sees."""

    round: int
    base: Base
    state: EpochState
    design: Design


Sender = Callable[[Sight], Ints | tuple[Status, str]]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    dim: int
    mean: Ints
    public: Design
    shards: tuple[Design, ...]
    members: dict[Did, Design]

    @property
    def quotas(self) -> dict[Did, int]:
        return {did: len(design) for did, design in self.members.items()}


def did(i: int) -> Did:
    return Did(f"did:key:z{chr(65 + i // 26)}{chr(65 + i % 26)}")


def rows(rng: np.random.Generator, n: int, dim: int, *, spam: float = 0.4) -> list[Row]:
    """Examples whose first sixth of the words speaks for spam and whose second sixth against it."""
    rate = np.full((2, dim), 0.05)
    sixth = dim // 6
    rate[1, :sixth], rate[0, :sixth] = 0.12, 0.03
    rate[0, sixth : 2 * sixth], rate[1, sixth : 2 * sixth] = 0.12, 0.03
    labels = (rng.random(n) < spam).astype(int)
    return [(int(y), np.flatnonzero(rng.random(dim) < rate[y]).tolist()) for y in labels]


def examples(of: list[Row]) -> Examples:
    return Examples.build([words for _, words in of], [label for label, _ in of])


def make_world(
    seed: int, *, dim: int = 180, members: int = 6, each: int = 30, shards: int = 3, shard: int = 24
) -> World:
    rng = np.random.default_rng(seed)
    public = rows(rng, 2 * shard, dim)
    drawn = [rows(rng, shard, dim) for _ in range(shards)]
    everything = examples([*public, *(row for part in drawn for row in part)])
    mean = integer_mean(everything.counts(dim), len(everything))
    held = {did(i): rows(rng, each, dim, spam=float(rng.uniform(0.2, 0.7))) for i in range(members)}
    return World(
        dim=dim,
        mean=mean,
        public=Design.build(examples(public), mean),
        shards=tuple(Design.build(examples(s), mean) for s in drawn),
        members={name: Design.build(examples(r), mean) for name, r in held.items()},
    )


def honest(sigma: float = 0.0, *, seed: int = 0, sign: int = 1) -> Sender:
    """Train; add noise; a flipper trains with the other sign."""
    rng = np.random.default_rng(seed)

    def send(sight: Sight) -> Ints:
        step = sign * LinearEngine().step(sight.design, sight.base, 1.0)
        return quantise(step + sigma * rng.standard_normal(len(step)))

    return send


def play(
    world: World,
    *,
    rounds: int | None = None,
    senders: Mapping[Did, Sender] | None = None,
    rules: Rules = RULES,
    quotas: Mapping[Did, int] | None = None,
    initial: Ints | None = None,
) -> list[tuple[Base, RoundOutcome]]:
    """Play an epoch; a member without a sender of its own trains honestly without noise."""
    start = np.zeros(world.dim, dtype=np.int64) if initial is None else initial
    state = EpochState.first(initial=start, quotas=quotas or world.quotas)
    known, played = world.public, []
    for shard in world.shards[:rounds]:
        base = open_round(state, rules, known)
        deltas, absent = {}, {}
        for name, design in world.members.items():
            if name in state.suspended:
                absent[name] = (Status.SUSPENDED, "")
                continue
            sender = (senders or {}).get(name) or honest()
            sent = sender(Sight(state.round, base, state, design))
            if isinstance(sent, tuple):
                absent[name] = sent
            else:
                deltas[name] = sent
        bound = (
            max(int(np.sqrt(float((d.astype(float) ** 2).sum()))) + 1 for d in deltas.values())
            if deltas
            else 0
        )
        outcome = close_round(
            state, base, rules, deltas=deltas, absent=absent, known=known, shard=shard, norm_bound=bound
        )
        played.append((base, outcome))
        state, known = outcome.state, Design.concat([known, shard])
    return played


def cap(quota: int, *, sigma: float = 0.0, dim: int = 180) -> int:
    return norm_cap(clip_milli=1000, sigma_e4=round(sigma * 10_000), quota=quota, dim=dim)


def random_case(seed: int, *, dim: int = 18, members: int = 4, rounds: int = 4) -> dict[str, object]:
    """A small epoch as plain data: examples, quotas, and what every member sent in every round."""
    rng = np.random.default_rng(seed)
    public = rows(rng, 12, dim)
    shards = [rows(rng, 8, dim) for _ in range(rounds)]
    counts = examples([*public, *(r for s in shards for r in s)]).counts(dim)
    names = [did(i) for i in range(members)]
    signal = np.where(np.arange(dim) < dim // 6, 1.0, np.where(np.arange(dim) < dim // 3, -1.0, 0.0))
    sent = []
    for _ in range(rounds):
        line: dict[str, object] = {}
        for i, name in enumerate(names):
            kind = rng.choice(
                ["good", "bad", "noise", "zero", "silent", "rejected"], p=[0.5, 0.16, 0.1, 0.08, 0.08, 0.08]
            )
            if kind in ("silent", "rejected"):
                line[name] = str(kind)
                continue
            scale = {"good": 1.0, "bad": -2.0, "noise": 0.0, "zero": 0.0}[str(kind)]
            noise = 0.0 if kind == "zero" else 1.0
            line[name] = quantise((3 + i) * scale * signal + noise * rng.standard_normal(dim)).tolist()
        sent.append(line)
    return {
        "dim": dim,
        "chain_id": DOMAIN.chain_id,
        "federation": DOMAIN.federation,
        "epoch": DOMAIN.epoch,
        "mean_counts": counts.tolist(),
        "mean_total": len(public) + sum(map(len, shards)),
        "initial": [0] * dim if seed % 2 == 0 else rng.integers(-(1 << 15), 1 << 15, dim).tolist(),
        "etas": list(RULES.etas),
        "betas_tenths": list(RULES.betas_tenths),
        "terms": {
            "bounty": 10**21 + seed,
            "clip_milli": 1000 - 100 * (seed % 3),
            "suspension_milli": 500 if seed % 2 else 0,
            "suspension_from": 3,
        },
        "quotas": {name: 5 + 2 * i for i, name in enumerate(names)},
        "public": [list(r) for r in public],
        "shards": [[list(r) for r in s] for s in shards],
        "rounds": sent,
    }


def play_case(case) -> list[dict[str, object]]:
    """What the kernel makes of a case, in the reference's shape."""
    terms = Terms(
        bounty=Wei(case["terms"]["bounty"]),
        funds=Wei(10**30),
        clip_milli=case["terms"]["clip_milli"],
        suspension_milli=case["terms"]["suspension_milli"],
        suspension_from=case["terms"]["suspension_from"],
    )
    rules = Rules(terms=terms, etas=tuple(case["etas"]), betas_tenths=tuple(case["betas_tenths"]))
    mean = integer_mean(np.array(case["mean_counts"]), case["mean_total"])
    state = EpochState.first(
        initial=np.array(case["initial"]), quotas={Did(d): q for d, q in case["quotas"].items()}
    )
    known = [Position(shard=0, design=Design.build(examples(case["public"]), mean))]
    domain = Domain(chain_id=case["chain_id"], federation=Address(case["federation"]), epoch=case["epoch"])
    decided = []
    for rows_, sent in zip(case["shards"], case["rounds"], strict=True):
        shard = Position(shard=state.round, design=Design.build(examples(rows_), mean))
        joined = Design.concat([p.design for p in known])
        base = open_round(state, rules, joined)
        deltas = {Did(d): np.array(v) for d, v in sent.items() if isinstance(v, list)}
        absent = {Did(d): (Status(v), "") for d, v in sent.items() if isinstance(v, str)}
        outcome = close_round(
            state,
            base,
            rules,
            deltas=deltas,
            absent=absent,
            known=joined,
            shard=shard.design,
            norm_bound=1 << 24,
        )
        after = outcome.state
        trace = round_trace(state, base, outcome, rules=rules, known=known, shard=shard, deltas=deltas)
        decided.append(
            {
                "base_hash": base.hash.hex(),
                "beta_tenths": base.beta_tenths,
                "eta": outcome.eta,
                "scored_eta": outcome.scored_eta,
                "step_losses": list(outcome.step_losses),
                "improvement": outcome.improvement,
                "withheld": outcome.withheld_projection,
                "members": [
                    {
                        "did": m.did,
                        "product": m.product,
                        "score": m.score,
                        "counted": m.counted,
                        "credit": m.credit,
                    }
                    for m in outcome.members
                ],
                "suspended": sorted(after.suspended),
                "weights_sha256": vector_hash(after.weights).hex(),
                "trace_root": trace.root(domain, outcome.round).hex(),
            }
        )
        state, known = after, [*known, shard]
    return decided
