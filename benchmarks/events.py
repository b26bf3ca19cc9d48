"""Signing, reading and encrypting events: how many times as fast as Ceramic's JavaScript libraries.

Both sides take turns in short slices on one core, so that what else the machine does slows both
alike, and are counted in CPU time. Needs Node and the libraries (``npm ci --ignore-scripts`` in
tests/js).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.figure import Figure
from ceramic_bridge import events, jwe, multibase
from ceramic_bridge.cid import StreamId
from ceramic_bridge.dagcbor import Value
from ceramic_bridge.did import Identity

SCRIPTS: Final = Path(__file__).parent.parent / "tests" / "js"
INPUTS: Final = 100
SLICES: Final = 80
SLICE_SECONDS: Final = 0.02
MODEL: Final = "kjzl6hvfrbw6cb6cwrj9bdykj3rw67um446y6oyi6kksmlio0fur7pwhc36b6ci"
SECRETS: Final = (bytes(range(32)), b"\xb0" * 32)
CONTENT: Final[Mapping[str, Value]] = {
    "kind": "fl.delta",
    "round": 3,
    "modelHash": "ab" * 32,
    "score": 0.125,
    "tags": ["spam", "ham"],
    "n": 42,
    "note": "héllo",
}

Side: TypeAlias = Callable[[str, int], float]
"""Does something so many times and returns the CPU-seconds that it took."""


def _ours() -> Side:
    alice, bob = (Identity(secret) for secret in SECRETS)
    model = StreamId.parse(MODEL)

    def sign(i: int) -> events.SignedEvent:
        return events.create_init(alice, model=model, content={**CONTENT, "i": i}, unique=bytes(12))

    def encrypt(i: int) -> object:
        return jwe.encrypt({**CONTENT, "i": i}, [bob.did]).to_value()

    texts = [multibase.encode("m", events.encode(sign(i))) for i in range(INPUTS)]
    sealed = [json.dumps(encrypt(i)) for i in range(INPUTS)]
    work: dict[str, Callable[[int], object]] = {
        "sign": sign,
        "verify": lambda i: events.decode(multibase.decode(texts[i], "m")),
        "encrypt": encrypt,
        "decrypt": lambda i: jwe.decrypt(jwe.Jwe.from_value(json.loads(sealed[i])), bob),
    }

    def measured(name: str, count: int) -> float:
        start = time.process_time()
        for i in range(count):
            work[name](i % INPUTS)
        return time.process_time() - start

    return measured


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process and those that it starts on one core, where the system can."""
    if sys.platform != "linux":
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def _theirs() -> Iterator[Side]:
    request = {
        "keys": [{"kind": "ed25519", "secret": secret.hex()} for secret in SECRETS],
        "content": CONTENT,
        "model": MODEL,
        "inputs": INPUTS,
    }
    with subprocess.Popen(
        ["node", "bench.mjs"], cwd=SCRIPTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as node:
        asked, answered = node.stdin, node.stdout
        assert asked is not None
        assert answered is not None

        def measured(name: str, count: int) -> float:
            print(json.dumps({"name": name, "count": count}), file=asked, flush=True)
            return float(answered.readline())

        print(json.dumps(request), file=asked, flush=True)
        yield measured


def _count(side: Side, name: str) -> int:
    """Return how often a slice does something, once the side has warmed up to it."""
    side(name, 3 * INPUTS)
    return max(1, round(INPUTS * SLICE_SECONDS / side(name, INPUTS)))


def _costs(ours: Side, theirs: Side, name: str) -> list[tuple[float, float]]:
    """Return what one operation cost either side, in CPU-seconds, slice by slice."""
    mine, other = _count(ours, name), _count(theirs, name)
    return [(ours(name, mine) / mine, theirs(name, other) / other) for _ in range(SLICES)]


def _figure(what: str, target: float, costs: list[tuple[float, float]]) -> Figure:
    ratios = [theirs / ours for ours, theirs in costs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    mine, other = (1 / statistics.median(side) for side in zip(*costs, strict=True))
    return Figure(
        figure=f"{what}, times the JavaScript libraries",
        value=middle,
        target=target,
        sense=">=",
        how=f"median of {SLICES} slices, half of them within {low:.1f} to {high:.1f}; "
        f"{mine:,.0f} and {other:,.0f} a CPU-second",
    )


def figures() -> Iterator[Figure]:
    """Measure both sides."""
    if shutil.which("node") is None or not (SCRIPTS / "node_modules").is_dir():
        sys.exit("benchmarks events: needs Node and `npm ci --ignore-scripts` in tests/js")
    ours = _ours()
    with _one_core(), _theirs() as theirs:
        yield _figure("signed init events", 8, _costs(ours, theirs, "sign"))
        yield _figure("events decoded and verified", 20, _costs(ours, theirs, "verify"))
        encrypted, decrypted = (_costs(ours, theirs, name) for name in ("encrypt", "decrypt"))
        yield _figure("contents encrypted", 15, encrypted)
        both = [(a + c, b + d) for (a, b), (c, d) in zip(encrypted, decrypted, strict=True)]
        yield _figure("contents encrypted and decrypted", 15, both)
