"""Members and guards as processes of their own that are killed with -9 after some seconds.

Run as a module with a folder; each line on stdin, ``KIND ARGUMENT SECONDS``, starts one process and
kills it unless it ends before. Answers ``ready`` once it works, then how long it lived and how it ended.
The imports are paid for once: each process is a fork that opens the vault for itself.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ceramic_bridge.did import Identity
from client.app import answers
from client.budget import set_budget
from client.guard.process import alone
from client.guard.protocol import HEAD, parse_request, reply_bytes, request_bytes
from client.guard.run import run_guard
from client.guard.server import Post
from client.home import socket_in
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import LinearEngine
from client.vault import Vault
from federation.delta import delta_bytes
from federation.errors import PrivacyBudgetExhausted
from federation.fixedpoint import sigmoid
from federation.hashing import did_hash, sha256
from federation.merkle import leaf_hash
from federation.messages import COMMIT, CommitRequest, RevealRequest
from federation.payloads import Contribution
from federation.rounds import Base
from federation.types import Address, Hash32, Row
from tests.agreed import DIM, DOMAIN, MODELS, SPEC, agreed

PASSPHRASE = b"correct horse"
ROUNDS = 204
MANIFEST = agreed(rounds=ROUNDS, shards=ROUNDS)
WHO = Identity(sha256(b"member"))
BASE = Base(weights=np.zeros(DIM, dtype=np.int64), intercept=5, beta_tenths=0, losses=())
ROWS = [Row(text=f"alpha beta gamma{i}", label=i % 2 == 0) for i in range(12)]
FEDERATIONS = {"red": DOMAIN.federation, "blue": Address("0x" + "ba" * 20)}

NAME = "member"
"""Of the guard's federation."""


def make_vault(folder: Path) -> None:
    with Vault.create(folder / "vault" / "v.db", PASSPHRASE, kdf=Kdf.MINIMUM) as vault:
        set_budget(vault, MANIFEST.privacy.budget)
        vault.import_rows(ROWS)


def open_vault(folder: Path) -> Vault:
    return Vault.open(folder / "vault" / "v.db", PASSPHRASE)


def note(folder: Path, file: str, line: str) -> None:
    """Append a line; what was written outlives the process."""
    handle = os.open(folder / file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def put_root(folder: Path, round_: int, content: dict[str, object]) -> None:
    """Close the round's commits on chain: the member's is the only one."""
    statement = Contribution.parse(content, DOMAIN, round_)
    (folder / f"root-{round_}").write_bytes(leaf_hash(did_hash(WHO.did), statement.commitment))


class Chain:
    """Has recorded ``BASE`` for every round, and the commit roots that lie in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def base_hash(self, epoch: int, round_: int) -> Hash32:
        return BASE.hash

    def opened_at(self, epoch: int, round_: int) -> int:
        return 0

    def commit_root(self, epoch: int, round_: int) -> Hash32:
        return Hash32((self._folder / f"root-{round_}").read_bytes())


class Noted(Member):
    """Notes each draw for a round before it has what it drew."""

    def __init__(self, folder: Path, vault: Vault, federation: str = "red") -> None:
        def entropy(n: int, /) -> bytes:
            note(folder, "draws", str(self.round))
            return os.urandom(n)

        terms = Terms(
            manifest=MANIFEST,
            domain=replace(DOMAIN, federation=FEDERATIONS[federation]),
            features=SPEC,
            mean=np.zeros(DIM, dtype=np.int64),
            contribution_model=MODELS["contribution"],
        )
        session, engine = Session(identity=WHO), LinearEngine()
        super().__init__(vault, session, terms, Chain(folder), engine=engine, entropy=entropy)
        self.round = 0

    def commit(self, request):
        self.round = request.round
        return super().commit(request)


class Eager(Noted):
    """Draws before it has booked, and dies of it."""

    def commit(self, request):
        self.round = request.round
        self.train(request)
        os.kill(os.getpid(), signal.SIGKILL)


class Forgetful(Noted):
    """Trains anew for what it sends."""

    def commit(self, request):
        event = super().commit(request)
        self.train(request)
        return event


KINDS = {"round": Noted, "eager": Eager, "forgetful": Forgetful}


def take_part(kind: type[Noted], folder: Path, round_: str, ready: Callable[[], None]) -> None:
    """Commit and reveal, and note what left; as a process that was started again does."""
    ready()
    number = int(round_)
    with open_vault(folder) as vault:
        member = kind(folder, vault)
        request = CommitRequest(domain=DOMAIN, round=number, base=BASE)
        try:
            event = member.commit(request)
        except PrivacyBudgetExhausted:
            note(folder, "lost", round_)
            return
        note(folder, "events", f"{round_} {event.cid}")
        put_root(folder, number, event.payload.content)
        reply = member.reveal(RevealRequest(domain=DOMAIN, round=number, proof=()))
        note(folder, "deltas", f"{round_} {sha256(delta_bytes(reply.delta) + reply.salt).hex()}")


def guard(folder: Path, _: str, ready: Callable[[], None]) -> None:
    """Answer for the federation until the end."""

    def posts() -> dict[str, Post]:
        found = answers(Noted(folder, open_vault(folder)), dim=DIM)
        return {NAME: Post(name=NAME, socket=socket_in(folder, NAME), dim=DIM, answers=found)}

    users = frozenset({os.geteuid()})
    with alone(folder / "guard.lock"):
        asyncio.run(run_guard(posts, users=users, report=lambda _: ready()))


def race(folder: Path, federation: str, ready: Callable[[], None]) -> None:
    """Commit to as many rounds of a federation as the budget allows."""
    with open_vault(folder) as vault:
        member = Noted(folder, vault, federation)
        ready()
        while not (folder / "go").exists():
            time.sleep(0.001)
        for round_ in range(1, ROUNDS + 1):
            try:
                member.commit(CommitRequest(domain=member.domain, round=round_, base=BASE))
            except PrivacyBudgetExhausted:
                return
            note(folder, "committed", federation)


def warm_up() -> None:
    """Load and compute what a process has once, so that the processes are killed at work."""
    records = CommitRequest(domain=DOMAIN, round=1, base=BASE).records()
    parse_request(request_bytes(COMMIT, records)[HEAD:])
    reply_bytes(records)
    sigmoid(np.zeros(1, dtype=np.int64))


def main(folder: Path) -> None:
    warm_up()
    kinds = {name: partial(take_part, kind) for name, kind in KINDS.items()}
    kinds |= {"guard": guard, "race": race}
    for line in sys.stdin:
        kind, argument, seconds = line.split()
        told, tell = os.pipe()
        child = os.fork()
        if not child:
            code = 1
            try:
                kinds[kind](folder, argument, partial(os.write, tell, b"."))
                code = 0
            finally:
                os._exit(code)
        os.close(tell)
        os.read(told, 1)
        os.close(told)
        began, ended = time.monotonic(), os.pidfd_open(child)
        print("ready", flush=True)
        if not select.select([ended], [], [], float(seconds))[0]:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(ended)
        print(time.monotonic() - began, os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
