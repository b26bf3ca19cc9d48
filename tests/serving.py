"""A release that nobody made in rounds, and callers for an application or a server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from aggregator.serving.app import build_app
from aggregator.serving.limits import Limits
from aggregator.serving.release import RecordedRound, Release
from aggregator.serving.server import bind, server_of
from aggregator.serving.serving import Current, Served
from ceramic_bridge.did import Identity
from contracts.bindings.structs import EpochTerms
from federation.features import FeatureSpec
from federation.fixedpoint import Ints
from federation.hashing import sha256
from federation.models.linear import model_bytes
from federation.models.registry import Architecture
from federation.validation import mean_bytes, parse_mean
from tests.agreed import AGGREGATOR, DOMAIN, agreed
from tests.modules import module_section, with_module
from tests.rounds import played

DIM = 64
SIGNER: Identity = AGGREGATOR


def made_up(
    seed: int = 0, *, round_: int = 1, architecture: Architecture | None = None, scale: int = 1 << 18
) -> Release:
    """A release with random weights and mean, and receipts without members."""
    rng = np.random.default_rng(seed)
    manifest = agreed(rounds=3)
    if architecture:
        manifest = with_module(manifest, module_section(architecture))
    weights: Ints = rng.integers(-scale, scale, manifest.model.dim)
    counts = rng.integers(0, 900, manifest.words)
    model = model_bytes(weights, int(rng.integers(-(1 << 24), 1 << 24)))
    mean = mean_bytes(counts, 1000)
    rounds = tuple(
        RecordedRound(
            round=number,
            model_hash=sha256(model) if number == round_ else sha256(b"model %d" % number),
            receipt_hash=sha256(b"receipt %d of %d" % (number, seed)),
            trace_root=sha256(b"trace %d" % number),
            receipt={"credits": [], "improvement": "0"},
        )
        for number in range(1, round_ + 1)
    )
    return Release(
        manifest=manifest,
        domain=DOMAIN,
        terms=EpochTerms(**played().terms()),
        model=model,
        mean_bytes=mean,
        mean=parse_mean(mean, dim=manifest.words),
        rounds=rounds,
        quotas={},
        imports={},
    )


def current_of(release: Release, signer: object = None) -> Current:
    """What answers with a release."""
    current = Current()
    current.served = Served(release, signer)
    return current


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["error"]["code"]


async def ask(
    app, method: str, path: str, body: bytes | list[bytes] = b"", *, client=("192.0.2.1", 1), headers=()
):
    """Ask an application without a server; a body may come in pieces."""
    pieces = [body] if isinstance(body, bytes) else list(body)
    sent: list[dict] = []

    async def receive():
        await asyncio.sleep(0)
        if not pieces:
            return {"type": "http.disconnect"}
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message):
        sent.append(message)

    declared = [] if isinstance(body, list) else [(b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [*declared, *headers],
        "client": client,
        "server": ("localhost", 80),
        "state": {},
    }
    await app(scope, receive, send)
    if not sent:
        return None
    start, *rest = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], found, b"".join(part.get("body", b"") for part in rest))


def post(app, path: str, content: object, **more) -> Reply:
    """Ask with a body of JSON, or of these very bytes."""
    body = content if isinstance(content, bytes | list) else json.dumps(content).encode()
    return asyncio.run(ask(app, "POST", path, body, **more))


def get(app, path: str, **more) -> Reply:
    """Ask without a body."""
    return asyncio.run(ask(app, "GET", path, **more))


@contextmanager
def serving(current: Current, limits: Limits | None = None) -> Iterator[tuple[str, int]]:
    """A real server on loopback, in a thread."""
    bounds = limits or Limits()
    where: list[tuple[str, int]] = []
    ready = threading.Event()

    def at(host: str, port: int) -> None:
        where.append((host, port))
        ready.set()

    server = server_of(build_app(current, limits=bounds), limits=bounds, ready=at)
    thread = threading.Thread(target=server.run, args=([bind("127.0.0.1", 0)],))
    thread.start()
    try:
        assert ready.wait(20)
        yield where[0]
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


SPEC = FeatureSpec(dim=DIM)
