"""What a round costs a member, and what its process keeps in memory while nothing happens.

One member with 500 real mails and the linear model of 4,096 weights, on a real vault file with every
sync that the ledger wants. CPU time of this process, imports and opening the vault left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.figure import Figure
from ceramic_bridge.did import Identity
from ceramic_bridge.events import InitPayload, encode
from ceramic_bridge.models import create_models, model_ids
from client.budget import set_budget
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import LinearEngine
from client.vault import Vault
from examples.spam_detection.corpus import load_corpus
from examples.spam_detection.settings import FEATURES, Settings, build_manifest, chain_section
from federation.fixedpoint import sigmoid
from federation.hashing import Domain, did_hash
from federation.manifest import Parties
from federation.merkle import leaf_hash
from federation.messages import CommitRequest, RevealRequest
from federation.payloads import Contribution
from federation.privacy import Budget
from federation.rounds import Base
from federation.types import Address, Hash32, Row

MAILS, ROUNDS = 500, 20
_PASSPHRASE = b"benchmark"
_IDLE = "idle"


class _Chain:
    """Has recorded one base, and each round's only leaf."""

    def __init__(self, base_hash: Hash32) -> None:
        self._base_hash, self.root = base_hash, Hash32(bytes(32))

    def base_hash(self, epoch: int, round_: int) -> Hash32:  # noqa: ARG002 -- the member's question
        return self._base_hash

    def opened_at(self, epoch: int, round_: int) -> int:  # noqa: ARG002 -- the member's question
        return 0

    def commit_root(self, epoch: int, round_: int) -> Hash32:  # noqa: ARG002 -- as above
        return self.root


def figures() -> Iterator[Figure]:
    """Measure a first round, later rounds, and an idle process."""
    mails = load_corpus(lambda text: print(text, file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own" / "vault.db"
        with Vault.create(path, _PASSPHRASE, kdf=Kdf.MINIMUM) as vault:
            set_budget(vault, Budget(epsilon=8.0, delta=1e-5))
            vault.import_rows([Row(text=m.text, label=m.label) for m in mails[:MAILS]])
            first, later = _rounds(vault)
        resident = _idle(path)
    yield Figure(
        figure="CPU-ms of a member's round, 500 mails, 4,096 weights",
        value=first,
        target=150.0,
        sense="<=",
        how=f"decrypt, read words, train, quantise, store, sign, reveal; later rounds {later:.1f}",
    )
    yield Figure(
        figure="MiB resident in a process that holds an open vault and waits",
        value=resident,
        target=250.0,
        sense="<=",
        how="vault, member and Flower's message types loaded, torch not",
    )


def _rounds(vault: Vault) -> tuple[float, float]:
    """Return CPU-milliseconds of the first round and the median of the later ones."""
    base = Base(weights=np.zeros(FEATURES.dim, dtype=np.int64), intercept=0, beta_tenths=0, losses=())
    chain, spent = _Chain(base.hash), []
    member = _member(vault, chain)
    # The tables of the sigmoid are made once in a process, as imports are.
    sigmoid(np.zeros(1, dtype=np.int64))
    for round_ in range(1, ROUNDS + 1):
        began = time.process_time()
        asked = CommitRequest(domain=member.domain, round=round_, base=base)
        event = member.commit(asked)
        encode(event)
        assert isinstance(event.payload, InitPayload)
        statement = Contribution.parse(event.payload.content, member.domain, round_)
        chain.root = leaf_hash(did_hash(member.did), statement.commitment)
        member.reveal(RevealRequest(domain=member.domain, round=round_, proof=())).records()
        spent.append(1000 * (time.process_time() - began))
    return spent[0], median(spent[1:])


def _member(vault: Vault, chain: _Chain) -> Member:
    identities = [Identity(bytes([i]) * 32) for i in range(6)]
    community, aggregator, *providers = (identity.did for identity in identities[:5])
    accounts = [Address(f"0x{i + 1:040x}") for i in range(4)]
    manifest = build_manifest(
        Settings(rounds=ROUNDS),
        parties=Parties(community=community, aggregator=aggregator, providers=[*providers]),
        chain=chain_section(accounts[0], accounts[1:]),
        shards=ROUNDS,
    )
    events = create_models(identities[0]).values()
    terms = Terms(
        manifest=manifest,
        domain=Domain(chain_id=1, federation=accounts[0], epoch=1),
        features=FEATURES,
        mean=np.zeros(FEATURES.dim, dtype=np.int64),
        contribution_model=model_ids(events, publisher=community)["contribution"],
    )
    return Member(
        vault, Session(identity=identities[5]), terms, chain, engine=LinearEngine(), entropy=os.urandom
    )


def _idle(path: Path) -> float:
    """Return how much of a fresh process is resident once it has opened the vault."""
    command = [sys.executable, "-m", "benchmarks.member", _IDLE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert not found["torch"], "torch is loaded before a round needs it"
    return float(found["resident"])


def _wait(path: Path) -> None:
    with Vault.open(path, _PASSPHRASE) as vault:
        _member(vault, _Chain(Hash32(bytes(32))))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        resident = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        print(json.dumps({"resident": resident, "torch": "torch" in sys.modules}))


if __name__ == "__main__" and sys.argv[1:2] == [_IDLE]:
    _wait(Path(sys.argv[2]))
