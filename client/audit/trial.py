"""Run the canaries through the real path: vault, ledger, trainer, noise, serialised delta."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from ceramic_bridge.cid import DAG_CBOR, MID, Cid, StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import InitPayload, decode
from client.app import Answers, answers
from client.audit.canaries import Canaries, passphrase
from client.audit.stage import Stage
from client.audit.statistics import Gate, freshness, noise_scale, one_run, replay, separation
from client.budget import set_budget
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import engine_of
from client.vault import Vault
from federation.errors import ConfigError
from federation.features import FeatureSpec
from federation.hashing import Domain, did_hash
from federation.merkle import leaf_hash
from federation.messages import COMMIT, REVEAL, CommitReply, CommitRequest, RevealReply, RevealRequest
from federation.models.linear import WEIGHT_BITS
from federation.payloads import Contribution
from federation.privacy import spend
from federation.types import Address, Hash32, Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from client.app import Duties
    from client.noise import Entropy
    from federation.fixedpoint import Floats
    from federation.manifest import Manifest
    from federation.rounds import Base

CANARIES: Final = 1000
"""By default: enough to see noise that is a third too small in nearly every audit."""

_NOWHERE: Final = Address("0x" + "00" * 20)
_NO_MODEL: Final = StreamId(type=MID, cid=Cid.of(DAG_CBOR, b"audit"))


class MakeMember(Protocol):
    """Builds the member under audit; a test puts a defective one here."""

    def __call__(
        self, vault: Vault, identity: Identity, terms: Terms, reader: Chain, entropy: Entropy, /
    ) -> Duties:
        """Return what answers commit and reveal."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an audit found.

    Attributes:
        federation: Name of the manifest.
        manifest: Its hash.
        rounds: Deltas that were released.
        canaries: How many there were.
        epsilon: Promised for those rounds.
        delta: Its delta.
        mu: The same promise as mu-GDP.
        gates: What was measured.
    """

    federation: str
    manifest: Hash32
    rounds: int
    canaries: int
    epsilon: float
    delta: float
    mu: float
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate did."""
        return all(gate.passed for gate in self.gates)


class Chain:
    """A chain with one member on it, so that its own leaf is the whole commit root."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.roots: dict[int, Hash32] = {}

    def base_hash(self, epoch: int, round_: int) -> Hash32:  # noqa: ARG002 -- the member's question
        """Return the one base of all rounds."""
        return self.base.hash

    def opened_at(self, epoch: int, round_: int) -> int:  # noqa: ARG002 -- the member's question
        """Return a time at which nothing of the audit expires."""
        return 0

    def commit_root(self, epoch: int, round_: int) -> Hash32:  # noqa: ARG002 -- as above
        """Return the root over one leaf."""
        return self.roots[round_]


def audit(
    manifest: Manifest,
    *,
    canaries: int = CANARIES,
    entropy: Entropy = os.urandom,
    make_member: MakeMember | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Findings:
    """Release every round of a federation on throw-away data, and attack what was released.

    Nothing of the user's vault, ledger or keys takes part.

    Args:
        manifest: Whose noise, clipping norm, rounds and words are audited.
        canaries: How many; half of them are in the data, by fair coins.
        entropy: Where canaries, coins and noise come from.
        make_member: The client under audit; the real one by default.
        progress: Told each round that was released.

    Raises:
        ConfigError: The federation promises no privacy, or none that these canaries could show; or their
            number is out of range.
    """
    privacy, dim, words = manifest.privacy, manifest.model.dim, manifest.words
    if not privacy.sigma:
        raise ConfigError("this federation promises no privacy, so there is nothing to audit")
    if manifest.sampling or manifest.secure or privacy.unit != "example":
        raise ConfigError(
            "the audit's canaries show single steps that protect one example and are sent openly",
            hint="audit a federation of the same model without these; its steps are clipped alike",
        )
    stage, spec = Stage.of(manifest), FeatureSpec(dim=words)
    drawn, identity = Canaries.draw(canaries, spec, entropy), Identity(entropy(32))
    terms = Terms(
        manifest=manifest,
        domain=Domain(chain_id=manifest.chain.chain_id, federation=_NOWHERE, epoch=1),
        features=spec,
        mean=np.zeros(words, dtype=np.int64),
        contribution_model=_NO_MODEL,
    )
    chain = Chain(stage.base)
    with (
        tempfile.TemporaryDirectory(prefix="folkmoot-audit-") as folder,
        Vault.create(Path(folder) / "vault.db", passphrase(), kdf=Kdf.MINIMUM, entropy=entropy) as vault,
    ):
        set_budget(vault, privacy.budget)
        vault.import_rows([Row(text=word, label=True) for word in drawn.rows()])
        make, last = make_member or _real_member, manifest.rounds
        member = make(vault, identity, terms, chain, entropy)
        released = _release(answers(member, dim=dim), terms, chain, range(1, last + 1), progress)
        # A client that was started again knows no more than its vault does.
        for asked in (member, make(vault, identity, terms, chain, entropy)):
            again = _release(answers(asked, dim=dim), terms, chain, range(last, last + 1))
            if not np.array_equal(again[0], released[-1]):
                break
    unit = np.ldexp(privacy.clip, WEIGHT_BITS)
    spent = spend([privacy.sigma] * manifest.rounds, privacy.budget.delta)
    mu = float(np.sqrt(spent.mu_squared))
    scores = stage.along(released, drawn.indices).sum(axis=0) / unit
    silent = released[:, stage.own(drawn.silent(words))] / (unit * privacy.sigma)
    return Findings(
        federation=manifest.name,
        manifest=manifest.hash,
        rounds=manifest.rounds,
        canaries=canaries,
        epsilon=spent.epsilon,
        delta=privacy.budget.delta,
        mu=mu,
        gates=(
            separation(scores, drawn.inserted, mu),
            one_run(scores, drawn.inserted, epsilon=spent.epsilon, delta=privacy.budget.delta),
            noise_scale(silent),
            freshness(silent),
            replay(released[-1], again[0]),
        ),
    )


def _real_member(vault: Vault, identity: Identity, terms: Terms, reader: Chain, entropy: Entropy) -> Member:
    engine = engine_of(terms.manifest)
    return Member(vault, Session(identity=identity), terms, reader, engine=engine, entropy=entropy)


def _release(
    duties: Answers,
    terms: Terms,
    chain: Chain,
    rounds: range,
    progress: Callable[[int], None] = lambda _: None,
) -> Floats:
    """Return what the member sends: shape (rounds, dim), in units of 2^-``WEIGHT_BITS``."""
    domain, dim, released = terms.domain, terms.manifest.model.dim, []
    for round_ in rounds:
        asked = CommitRequest(domain=domain, round=round_, base=chain.base)
        init = decode(CommitReply.parse(duties[COMMIT](asked.records())).event).payload
        assert isinstance(init, InitPayload), "a contribution begins its stream"
        statement = Contribution.parse(init.content, domain, round_)
        chain.roots[round_] = leaf_hash(did_hash(init.controller), statement.commitment)
        reveal = RevealRequest(domain=domain, round=round_, proof=())
        released.append(RevealReply.parse(duties[REVEAL](reveal.records()), dim=dim).delta)
        progress(round_)
    return np.array(released, dtype=np.float64)
