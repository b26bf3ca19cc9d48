"""The trace in plain Python integers, written from the protocol: no NumPy, nothing of the kernel."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction

from eth_hash.auto import keccak

ONE = 1 << 24
STATUS = {"accepted": 1, "rejected": 2, "silent": 3, "absent": 4, "suspended": 5}


def int64(values):
    return b"".join(v.to_bytes(8, "little", signed=True) for v in values)


def word(value):
    if isinstance(value, str):
        return bytes(12) + bytes.fromhex(value[2:])
    return value if isinstance(value, bytes) else (value % (1 << 256)).to_bytes(32, "big")


def root_of(values):
    """V: the hash of the hashes of chunks of 512."""
    data = [int64(values[k : k + 512]) for k in range(0, len(values), 512)]
    return keccak(b"".join(keccak(chunk) for chunk in data))


def merkle_root(leaves):
    nodes = [b""] * (len(leaves) - 1) + leaves[::-1]
    for k in reversed(range(len(leaves) - 1)):
        nodes[k] = keccak(b"".join(sorted(nodes[2 * k + 1 : 2 * k + 3])))
    return nodes[0]


def trace_root(case, round_, records):
    purpose = keccak(b"folkmoot.trace")
    words = (purpose, case["chain_id"], case["federation"], case["epoch"], round_)
    tag = keccak(b"".join(map(word, words)))
    return merkle_root([keccak(keccak(b"".join(map(word, (purpose, tag, *r))))) for r in records])


def standing(w, move, steps, moved):
    zero = [0] * len(w)
    padded = [*steps, zero, zero][:2]
    return (root_of(w), root_of(move), root_of(padded[0]), root_of(padded[1]), len(steps), moved)


def examples(mean, positions):
    yield (2, 0, 0, sum(m * m for m in mean))
    for q, (number, held) in enumerate(positions):
        yield (3, 0, q, number, len(held.x), root_of(held.labels), root_of(held.scale))


def point(p, w, mean, c, positions, sigmoid, softplus):
    """POINT and SUMS; ``positions`` as (q, examples), in order."""
    yield (4, p, 0, root_of(w), sum(m * v for m, v in zip(mean, w, strict=True)), c)
    excess = above = loss = 0
    for q, held in positions:
        logits = held.logits(w)
        for z, y in zip(logits, held.labels, strict=True):
            excess += sigmoid(z + c) - y * ONE
            above += sigmoid(z + c + 1) - y * ONE
            loss += (sigmoid(z + c) - y * ONE) ** 2 if p >= 512 else softplus(-z - c if y else z + c)
        yield (5, p, q, root_of(logits), excess, above, loss)


def gradient(line, shard):
    for k, node in enumerate(line["nodes"]):
        yield (7, k, 0, node["R"], node["H"], root_of(node["t"]))
    scaled = sum(a * s for a, s in zip(line["averaged"], shard.scale, strict=True))
    yield (8, 0, 0, root_of(line["averaged"]), scaled, root_of(line["gradient"]))


def shift_of(vector):
    s = 0
    while sum((v >> s) ** 2 for v in vector) > 1 << 54:
        s += 1
    return s


def projection(sources, g, projected):
    shifts = [shift_of(v) for v in sources]
    u = [[x >> s for x in v] for v, s in zip(sources, shifts, strict=True)]
    yield from ((9, k, 0, s, root_of(v)) for k, (s, v) in enumerate(zip(shifts, u, strict=True)))
    pairs = [(u[a], u[b]) for a in range(4) for b in range(a, 4)] + [(v, g) for v in u]
    yield (10, 0, 0, *(sum(x * y for x, y in zip(a, b, strict=True)) for a, b in pairs))
    yield (11, 0, 0, root_of(projected))


def members(lines, deltas, before, after, out_before, out_after):
    partial = None
    for i, line in enumerate(lines):
        did, delta = line["did"], deltas.get(line["did"])
        digest = 0
        if delta is not None:
            partial = [a + b for a, b in zip(partial or [0] * len(delta), delta, strict=True)]
            blob = b"FMD1" + len(delta).to_bytes(4, "little") + int64(delta)
            digest = hashlib.sha256(blob).digest()
        yield (
            *(12, i, 0, STATUS[line["status"]], digest),
            line["partial"] if partial is None else root_of(partial),
            *(line["product"], line["score"], line["counted"], line["credit"], before[did], after[did]),
            *(int(did in out_before), int(did in out_after)),
        )


def cramer(gradient_, sources):
    """The projection by the trace's own formula: whole numbers, one floor division."""
    u = [[x >> shift_of(v) for x in v] for v in sources]

    def dot(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    basis = []
    for v in u:
        if determinant([[dot(a, b) for b in [*basis, v]] for a in [*basis, v]]):
            basis.append(v)
    if not basis:
        return list(gradient_)
    gram = [[dot(a, b) for b in basis] for a in basis]
    target = [dot(a, gradient_) for a in basis]
    D = determinant(gram)
    N = [
        determinant([[*row[:k], t, *row[k + 1 :]] for row, t in zip(gram, target, strict=True)])
        for k in range(len(basis))
    ]
    return [
        g + (-2 * sum(n * v[e] for n, v in zip(N, basis, strict=True)) + D) // (2 * D)
        for e, g in enumerate(gradient_)
    ]


def determinant(matrix):
    """Elimination in fractions."""
    rows, total = [[Fraction(v) for v in row] for row in matrix], Fraction(1)
    for k in range(len(rows)):
        pivot = next((r for r in range(k, len(rows)) if rows[r][k]), None)
        if pivot is None:
            return 0
        if pivot != k:
            rows[k], rows[pivot], total = rows[pivot], rows[k], -total
        total *= rows[k][k]
        for r in range(k + 1, len(rows)):
            factor = rows[r][k] / rows[k][k]
            rows[r] = [a - factor * b for a, b in zip(rows[r], rows[k], strict=True)]
    return math.floor(total)
