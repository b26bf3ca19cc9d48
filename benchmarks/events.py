"""Signing, reading and encrypting events: how many times as fast as Ceramic's JavaScript libraries.

Both sides run one after the other, on one core, counted in CPU time. Needs Node and the
libraries (``npm ci --ignore-scripts`` in tests/js).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure
from ceramic_bridge import events, jwe, multibase
from ceramic_bridge.cid import StreamId
from ceramic_bridge.dagcbor import Value
from ceramic_bridge.did import Identity

SCRIPTS: Final = Path(__file__).parent.parent / "tests" / "js"
ROUNDS: Final = 300
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


def _rate(work: Callable[[int], object]) -> float:
    for i in range(ROUNDS):
        work(i)
    start = time.process_time()
    for _ in range(5):
        for i in range(ROUNDS):
            work(i)
    return 5 * ROUNDS / (time.process_time() - start)


def _ours() -> dict[str, float]:
    alice, bob = (Identity(secret) for secret in SECRETS)
    model = StreamId.parse(MODEL)

    def sign(i: int) -> events.SignedEvent:
        return events.create_init(alice, model=model, content={**CONTENT, "i": i}, unique=bytes(12))

    def encrypt(i: int) -> jwe.Jwe:
        return jwe.encrypt({**CONTENT, "i": i}, [bob.did])

    texts = [multibase.encode("m", events.encode(sign(i))) for i in range(ROUNDS)]
    sealed = [json.dumps(encrypt(i).to_value()) for i in range(ROUNDS)]
    return {
        "sign": _rate(sign),
        "verify": _rate(lambda i: events.decode(multibase.decode(texts[i], "m"))),
        "encrypt": _rate(lambda i: encrypt(i).to_value()),
        "decrypt": _rate(lambda i: jwe.decrypt(jwe.Jwe.from_value(json.loads(sealed[i])), bob)),
    }


def _theirs() -> dict[str, float]:
    request = {
        "keys": [{"kind": "ed25519", "secret": secret.hex()} for secret in SECRETS],
        "content": CONTENT,
        "model": MODEL,
        "rounds": ROUNDS,
    }
    done = subprocess.run(
        ["node", "bench.mjs"],
        cwd=SCRIPTS,
        input=json.dumps(request).encode(),
        capture_output=True,
        check=True,
    )
    rates: dict[str, float] = json.loads(done.stdout)
    return rates


def figures() -> Iterator[Figure]:
    """Measure both sides."""
    if shutil.which("node") is None or not (SCRIPTS / "node_modules").is_dir():
        sys.exit("benchmarks events: needs Node and `npm ci --ignore-scripts` in tests/js")
    ours, theirs = _ours(), _theirs()
    for rates in (ours, theirs):
        rates["both"] = 1 / (1 / rates["encrypt"] + 1 / rates["decrypt"])
    for name, what, target in (
        ("sign", "signed init events", 8),
        ("verify", "events decoded and verified", 20),
        ("encrypt", "contents encrypted", 15),
        ("both", "contents encrypted and decrypted", 15),
    ):
        yield Figure(
            figure=f"{what}, times the JavaScript libraries",
            value=ours[name] / theirs[name],
            target=target,
            sense=">=",
            how=f"{ours[name]:,.0f} and {theirs[name]:,.0f} a CPU-second",
        )
