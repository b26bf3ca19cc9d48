"""The whole paid score in plain Python integers and fractions, written from the protocol.

Slow and dense on purpose: no NumPy, nothing of the kernel. The kernel must give the same bits.
"""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal, localcontext
from fractions import Fraction

from tests.unit.federation import _reference_trace as trace

ONE = 1 << 24


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def _table(function) -> list[int]:
    with localcontext() as context:
        context.prec = 60
        return [
            half_up(Fraction(function((Decimal(-i) / Decimal(128)).exp()) * Decimal(ONE)))
            for i in range(2049)
        ]


SIGMOID = _table(lambda e: 1 / (1 + e))
SOFTPLUS = _table(lambda e: (1 + e).ln())


def _gauss_legendre() -> tuple[list[int], list[int]]:
    with localcontext() as context:
        context.prec = 40
        inner = (Decimal(3) / 7 - Decimal(2) / 7 * (Decimal(6) / 5).sqrt()).sqrt()
        outer = (Decimal(3) / 7 + Decimal(2) / 7 * (Decimal(6) / 5).sqrt()).sqrt()
        root = Decimal(30).sqrt()
        nodes = [(1 + x) / 2 for x in (-outer, -inner, inner, outer)]
        weights = [(18 + s * root) / 72 for s in (-1, 1, 1, -1)]
        return [half_up(Fraction(x * ONE)) for x in nodes], [half_up(Fraction(x * ONE)) for x in weights]


NODES, NODE_WEIGHTS = _gauss_legendre()


def _look_up(table: list[int], z: int) -> int:
    magnitude = min(abs(z), 2048 << 17)
    k, rest = divmod(magnitude, 1 << 17)
    return table[k] if rest == 0 else table[k] + ((table[k + 1] - table[k]) * rest >> 17)


def sigmoid(z: int) -> int:
    return _look_up(SIGMOID, z) if z >= 0 else ONE - _look_up(SIGMOID, z)


def softplus(z: int) -> int:
    return max(z, 0) + _look_up(SOFTPLUS, z)


class Set:
    """Examples as dense centred integer rows, each with its scale and label."""

    def __init__(self, rows, mean):
        self.labels = [label for label, _ in rows]
        self.x, self.scale = [], []
        for _, words in rows:
            x = [((j in words) << 12) - m for j, m in enumerate(mean)]
            norm = sum(v * v for v in x)
            # No larger than 2, however close an example lies to the mean.
            scale = min(2 << 16, math.isqrt(Fraction(1 << 56, norm).__floor__())) if norm else 0
            self.x.append(x)
            self.scale.append(scale)

    def logits(self, w):
        return [
            a * sum(v * u for v, u in zip(x, w, strict=True)) >> 20
            for x, a in zip(self.x, self.scale, strict=True)
        ]

    def intercept(self, logits):
        def excess(c):
            return sum(sigmoid(z + c) for z in logits) - ONE * sum(self.labels)

        low, high = -16 << 24, 16 << 24
        if excess(low) > 0:
            return low
        if excess(high) <= 0:
            return high
        while high - low > 1:
            c = (low + high) // 2
            low, high = (c, high) if excess(c) <= 0 else (low, c)
        return low

    def shifted(self, w):
        logits = self.logits(w)
        c = self.intercept(logits)
        return [z + c for z in logits]

    def brier(self, w):
        return sum((sigmoid(z) - y * ONE) ** 2 for z, y in zip(self.shifted(w), self.labels, strict=True))

    def log_loss(self, w):
        return sum(softplus(-z if y else z) for z, y in zip(self.shifted(w), self.labels, strict=True))


def aggregate(deltas, eta, total):
    return [half_up(Fraction(eta * sum(column), total)) for column in zip(*deltas, strict=True)]


def node(shard, w):
    logits = shard.logits(w)
    c = shard.intercept(logits)
    h, r = [], []
    for z, y in zip(logits, shard.labels, strict=True):
        p = sigmoid(z + c)
        h.append(p * (ONE - p) // ONE)
        r.append(2 * (p - y * ONE) * h[-1] // ONE)
    R, H = sum(r), sum(h)
    t = [a - b * R // H for a, b in zip(r, h, strict=True)] if H else [0] * len(r)
    return {"w": w, "z": logits, "c": c, "R": R, "H": H, "t": t}


def path(shard, base, step):
    nodes = [
        node(shard, [b + half_up(Fraction(d * u, ONE)) for b, d in zip(base, step, strict=True)])
        for u in NODES
    ]
    n = len(shard.x)
    t = [
        half_up(Fraction(sum(w * k["t"][e] for w, k in zip(NODE_WEIGHTS, nodes, strict=True)), ONE))
        for e in range(n)
    ]
    scaled = [v * a for v, a in zip(t, shard.scale, strict=True)]
    gradient = [
        half_up(Fraction(sum(s * x[j] for s, x in zip(scaled, shard.x, strict=True)), n << 28))
        for j in range(len(base))
    ]
    before, after = shard.brier(base), shard.brier([b + d for b, d in zip(base, step, strict=True)])
    return {
        "nodes": nodes,
        "averaged": t,
        "gradient": gradient,
        "before": before,
        "after": after,
        "G": (before - after) // (n << 8),
    }


def published(w, base, last_step, parts, mean):
    """What the rows of several parts say at a base: five directions (protocol.md, projection)."""
    found = []
    for rows in ([row for part in parts for row in part], parts[-1]):
        examples = Set(rows, mean)
        here = node(examples, base)
        log = [sigmoid(z + here["c"]) - y * ONE for z, y in zip(here["z"], examples.labels, strict=True)]
        for t in (log, here["t"]):
            direction = [0] * len(base)
            for start in range(0, len(rows), 256):
                block = range(start, min(start + 256, len(rows)))
                for j in range(len(base)):
                    entry = sum(t[e] * examples.scale[e] * examples.x[e][j] for e in block)
                    direction[j] += half_up(Fraction(entry, 1 << 28))
            found.append(direction)
    if not any(last_step):
        return [*found, [0] * len(base)]
    start = [a - b for a, b in zip(w, last_step, strict=True)]
    return [*found, path(Set(parts[-1], mean), start, last_step)["gradient"]]


def project(gradient, known):
    rest = [Fraction(g) for g in gradient]
    basis = []
    for v in known:
        q = [Fraction(x >> trace.shift_of(v)) for x in v]
        for b in basis:
            k = sum(x * y for x, y in zip(q, b, strict=True)) / sum(y * y for y in b)
            q = [x - k * y for x, y in zip(q, b, strict=True)]
        if any(q):
            basis.append(q)
    for b in basis:
        k = sum(x * y for x, y in zip(rest, b, strict=True)) / sum(y * y for y in b)
        rest = [x - k * y for x, y in zip(rest, b, strict=True)]
    return [half_up(x) for x in rest]


def play(case):
    """Play a case (see ``_world.random_case``) and return what each round decided."""
    mean = [(k << 12) // case["mean_total"] for k in case["mean_counts"]]
    quotas, terms = case["quotas"], case["terms"]
    Q, dids = sum(quotas.values()), sorted(quotas)
    w0 = w = before = case["initial"]
    steps, moved = [], 0
    credits, out = dict.fromkeys(dids, 0), []
    positions, decided = [(0, Set(case["public"], mean))], []
    known_rows = list(case["public"])
    for round_, sent in enumerate(case["rounds"], start=1):
        known, held = Set(known_rows, mean), [s for _, s in positions]
        shard = Set(case["shards"][round_ - 1], mean)
        known_rows += case["shards"][round_ - 1]
        positions.append((round_, shard))

        def points(first, candidates, known=known, held=held):
            for k, v in enumerate(candidates, start=first):
                c = known.intercept(known.logits(v))
                yield from trace.point(k, v, mean, c, list(enumerate(held)), sigmoid, softplus)

        # Open: the momentum step.
        betas = case["betas_tenths"] if steps else case["betas_tenths"][:1]
        last = [a - b for a, b in zip(w, before, strict=True)]
        bases = [[a + half_up(Fraction(b * m, 10)) for a, m in zip(w, last, strict=True)] for b in betas]
        momentum = [known.log_loss(b) for b in bases]
        beta = betas[momentum.index(min(momentum))]
        base = bases[momentum.index(min(momentum))]
        c = known.intercept(known.logits(base))
        base_hash = hashlib.sha256(
            b"FMM1"
            + len(base).to_bytes(4, "little")
            + c.to_bytes(8, "little", signed=True)
            + trace.int64(base)
        )
        records = [(1, 0, 0, trace.root_of(w0), *trace.standing(w, last, steps, moved))]
        records += [*trace.examples(mean, positions), *points(0, bases)]
        # Close: step, score, credit.
        deltas = {d: v for d, v in sorted(sent.items()) if isinstance(v, list)}
        eta = scored = G = raw = withheld = 0
        losses, product = [], dict.fromkeys(dids, 0)
        step, scoring, choice = None, [], (-1, -1)
        if deltas:
            moved_by = [aggregate(deltas.values(), e, Q) for e in case["etas"]]
            ends = [[a + b for a, b in zip(base, m, strict=True)] for m in moved_by]
            losses = [known.log_loss(end) for end in ends]
            eta = case["etas"][losses.index(min(losses))]
            scored = eta or min(e for e in case["etas"] if e)
            step = aggregate(deltas.values(), scored, Q)
            line = path(shard, base, step)
            zero = [0] * len(w)
            public = [[a - b for a, b in zip(base, w0, strict=True)], last, *[*steps, zero, zero][:2]]
            projected = project(line["gradient"], public)
            assert projected == trace.cramer(line["gradient"], public)
            for d, v in deltas.items():
                product[d] = sum(a * b for a, b in zip(projected, v, strict=True))
            full = sum(sum(a * b for a, b in zip(line["gradient"], v, strict=True)) for v in deltas.values())
            withheld = math.floor(Fraction(-scored * (full - sum(product.values())), Q))
            raw = line["G"]
            G = raw if eta else min(raw, 0)
            records += points(256, ends)
            end = [a + b for a, b in zip(base, step, strict=True)]
            walk = [base, *(node["w"] for node in line["nodes"]), end]
            for k, v in enumerate(walk, start=512):
                c = shard.intercept(shard.logits(v))
                records += trace.point(k, v, mean, c, [(round_, shard)], sigmoid, softplus)
            choice = (case["etas"].index(eta), case["etas"].index(scored))
            scoring = [*trace.gradient(line, shard), *trace.projection(public, line["gradient"], projected)]
        records += [(6, 0, 0, betas.index(beta), *choice), *scoring, (13, 0, 0, raw, G)]
        credits_before, out_before = dict(credits), list(out)
        lines = []
        for d in dids:
            limit = math.floor(Fraction(terms["clip_milli"] * quotas[d] * abs(raw), 1000 * Q))
            score = math.floor(Fraction(-scored * product[d], Q)) if d in deltas else 0
            counted = max(-limit, min(limit, score))
            if sent.get(d) == "silent":
                counted = -limit
            pay = math.floor(Fraction(terms["bounty"] * counted, 1 << 40))
            pay = pay if G > 0 else min(0, pay)
            credits[d] += pay
            lines.append({"did": d, "product": product[d], "score": score, "counted": counted, "credit": pay})
        moved += abs(raw)
        for d in dids:
            floor = -Fraction(terms["suspension_milli"] * terms["bounty"] * quotas[d] * moved, 1000 * Q << 40)
            if round_ + 1 >= terms["suspension_from"] and credits[d] < floor and d not in out:
                out.append(d)
        noted = [
            {
                **m,
                "status": "accepted" if m["did"] in deltas else sent.get(m["did"], "absent"),
                "partial": trace.root_of([0] * len(w)),
            }
            for m in lines
        ]
        records += trace.members(noted, deltas, credits_before, credits, out_before, out)
        if eta:
            before, w = w, [a + b for a, b in zip(base, step, strict=True)]
            steps = [step, *steps][:2]
        after = [a - b for a, b in zip(w, before, strict=True)]
        records.append((14, 0, 0, *trace.standing(w, after, steps, moved)))
        decided.append(
            {
                "base_hash": base_hash.hexdigest(),
                "beta_tenths": beta,
                "eta": eta,
                "scored_eta": scored,
                "step_losses": losses,
                "improvement": G,
                "withheld": withheld,
                "members": lines,
                "suspended": sorted(out),
                "weights_sha256": hashlib.sha256(trace.int64(w)).hexdigest(),
                "trace_root": trace.trace_root(case, round_, records).hex(),
            }
        )
    return decided
