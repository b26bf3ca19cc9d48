"""A guard of two federations over one vault; run as a module, in a process of its own."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ceramic_bridge.did import Identity
from client.app import answers
from client.budget import set_budget
from client.guard.process import alone
from client.guard.run import run_guard
from client.guard.server import Post
from client.guard.standing import Standing
from client.home import socket_in
from client.hygiene import harden_process
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import LinearEngine
from client.vault import Vault
from federation.hashing import Domain, sha256
from federation.messages import CommitRequest
from federation.rounds import Base
from federation.types import Address, Hash32, Row
from tests.agreed import DIM, DOMAIN, MODELS, SPEC, agreed

PASSPHRASE = b"correct horse"
SECRET = "zanzibar-pumpernickel"
"""A word of the member's data."""

SEED = sha256(b"member")
"""Of the member's key."""

BASE = Base(weights=np.zeros(DIM, dtype=np.int64), intercept=5, beta_tenths=0, losses=())
OTHER_BASE = Base(weights=np.full(DIM, 9), intercept=5, beta_tenths=0, losses=())
DOMAINS = {"red": DOMAIN, "blue": replace(DOMAIN, federation=Address("0x" + "ba" * 20))}


class Chain:
    """Has recorded ``BASE`` for every round of both federations, and no commit root."""

    def base_hash(self, epoch: int, round_: int) -> Hash32:
        return BASE.hash

    def opened_at(self, epoch: int, round_: int) -> int:
        return 0

    def commit_root(self, epoch: int, round_: int) -> Hash32:
        return Hash32(bytes(32))


def request(name: str = "red", round_: int = 1, *, base: Base = BASE, epoch: int = 1) -> CommitRequest:
    return CommitRequest(domain=replace(DOMAINS[name], epoch=epoch), round=round_, base=base)


def member(vault: Vault, domain: Domain) -> Member:
    terms = Terms(
        manifest=agreed(rounds=8, shards=8),
        domain=domain,
        features=SPEC,
        mean=np.zeros(DIM, dtype=np.int64),
        contribution_model=MODELS["contribution"],
    )
    who = Identity(SEED)
    return Member(vault, Session(identity=who), terms, Chain(), engine=LinearEngine(), entropy=os.urandom)


def make_vault(path: Path) -> None:
    with Vault.create(path, PASSPHRASE, kdf=Kdf.MINIMUM) as vault:
        set_budget(vault, agreed(rounds=8, shards=8).privacy.budget)
        vault.import_rows([Row(text=f"alpha {SECRET} gamma{i}", label=i % 2 == 0) for i in range(12)])


def posts(vault: Vault, folder: Path) -> dict[str, Post]:
    return {
        name: Post(
            name=name,
            socket=socket_in(folder, name),
            dim=DIM,
            answers=answers(Standing(partial(member, vault, domain)), dim=DIM),
        )
        for name, domain in DOMAINS.items()
    }


def become(user: int) -> None:
    """Give up the administrator's rights for good, as a program that this user started.

    Interpreters are not always where other users can run them, so this comes after the imports. The
    kernel hides a process that changed its user; one that the user starts is not hidden.
    """
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE


def main(folder: Path, users: frozenset[int], *, hard: bool) -> None:
    if hard:
        harden_process()
    with alone(folder / "guard.lock"):
        asyncio.run(
            run_guard(
                lambda: posts(Vault.open(folder / "vault" / "vault.db", PASSPHRASE), folder / "sockets"),
                users=users,
                report=lambda line: print(line, flush=True),
            )
        )


if __name__ == "__main__":
    become(int(sys.argv[2]))
    main(Path(sys.argv[1]), frozenset(map(int, sys.argv[2:4])), hard=sys.argv[4] == "hard")
