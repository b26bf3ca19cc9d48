"""summary.json: one run in numbers, built alike by whoever ran it and by whoever verifies it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

from federation.canonical import parse_table
from federation.contribution import SCORE_BITS
from federation.errors import VerificationFailed
from federation.evaluation import Evaluation
from federation.manifest import Manifest
from federation.models.linear import Design
from federation.rounds import Base, RoundOutcome, Status
from federation.secureprivacy import epsilons
from federation.types import Address, Did

SCHEMA_VERSION: Final = 1
UNCOMPARED: Final = frozenset({"cpu_seconds"})

Table: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFacts:
    """One round in numbers: Brier losses on its shard, of the base sent out and of the new model."""

    round: int
    loss_before: float
    loss_after: float
    eta: int
    shard: int
    credited_wei: int
    rejections: int
    suspensions: int

    @classmethod
    def of(
        cls, evaluation: Evaluation, base: Base, outcome: RoundOutcome, shard: Design, number: int
    ) -> Self:
        """Return the facts of a round."""
        return cls(
            round=outcome.round,
            loss_before=round(evaluation.brier(base.weights, shard), 9),
            loss_after=round(evaluation.brier(outcome.state.weights, shard), 9),
            eta=outcome.eta,
            shard=number,
            credited_wei=sum(max(0, m.credit) for m in outcome.members),
            rejections=sum(m.status is Status.REJECTED for m in outcome.members),
            suspensions=sum(m.status is Status.SUSPENDED for m in outcome.members),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a publisher states beyond what can be recomputed; labels, and measures on its test set.

    Attributes:
        seed: The seed of a reproducible run, or None.
        names: Name and role of each member. Roles are the experimenter's labels.
        aucs: Test AUC after each round.
        baselines: Test AUC of training otherwise.
        test_set: SHA-256 (hex) of the published test set, or None where it stays private.
    """

    seed: int | None
    names: Mapping[Did, tuple[str, str]]
    aucs: Sequence[float]
    baselines: Mapping[str, float]
    test_set: str | None

    def to_bytes(self) -> bytes:
        """Return canonical JSON."""
        table = {
            "seed": self.seed,
            "names": {did: list(pair) for did, pair in self.names.items()},
            "aucs": list(self.aucs),
            "baselines": dict(self.baselines),
            "test_set": self.test_set,
        }
        return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read canonical JSON.

        Raises:
            VerificationFailed: The bytes are not canonical claims.
        """
        try:
            table: Any = parse_table(data)
            claims = cls(
                seed=_optional_int(table["seed"]),
                names={
                    Did(str(did)): (_text(name), _text(role)) for did, (name, role) in table["names"].items()
                },
                aucs=tuple(_share(value) for value in table["aucs"]),
                baselines={_text(name): _share(value) for name, value in table["baselines"].items()},
                test_set=_optional_digest(table["test_set"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise VerificationFailed("claims", "not the claims of a run") from error
        if claims.to_bytes() != data:
            raise VerificationFailed("claims", "not in canonical form")
        return claims


def _optional_int(value: object) -> int | None:
    if value is not None and type(value) is not int:
        raise TypeError("not an integer")
    return value


def _optional_digest(value: object) -> str | None:
    if value is not None and len(bytes.fromhex(_text(value))) != 32:
        raise ValueError("not a digest")
    return None if value is None else _text(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _share(value: object) -> float:
    if not isinstance(value, float) or not 0 <= value <= 1:
        raise TypeError("not a share")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """One member in numbers.

    Attributes:
        did: The member.
        payee: The account it is paid at; None if none was agreed.
        examples: Rows in its vault, by its own signed event.
        quota: Its quota.
        commitments: In how many rounds it committed to a delta.
        score: The sum of its clipped scores.
        credit: Signed wei.
        paid: Wei that the epoch pays it.
        balance: Tokens at its payee, in wei.
        suspended: Whether it was out of the sum when the epoch ended.
    """

    did: Did
    payee: Address | None
    examples: int
    quota: int
    commitments: int
    score: int
    credit: int
    paid: int
    balance: int
    suspended: bool


def build_summary(
    manifest: Manifest,
    claims: Claims,
    rounds: Sequence[RoundFacts],
    members: Sequence[MemberFacts],
) -> Table:
    """Return summary.json's table, but for ``cpu_seconds``."""
    privacy = manifest.privacy
    budget = float(privacy.epsilon) if privacy.sigma_e4 else None
    return {
        "schema_version": SCHEMA_VERSION,
        "seed": claims.seed,
        "epsilon": budget,
        **_views(manifest, len(rounds)),
        "rounds": [
            {
                "round": facts.round,
                "loss_before": facts.loss_before,
                "loss_after": facts.loss_after,
                "auc": auc,
                "eta": facts.eta,
                "shard": facts.shard,
                "credited_wei": str(facts.credited_wei),
                "bounty_wei": str(manifest.rules.terms.bounty),
                "rejections": facts.rejections,
                "suspensions": facts.suspensions,
            }
            for facts, auc in zip(rounds, claims.aucs, strict=True)
        ],
        "members": [_member(manifest, claims, facts) for facts in members],
        "baselines": dict(sorted(claims.baselines.items())),
        "final_auc": claims.aucs[-1],
        "verified": True,
    }


def epsilon_after(manifest: Manifest, commitments: int) -> float | None:
    """Return the epsilon that so many deltas cost under the manifest's noise; None without noise."""
    privacy = manifest.privacy
    if not privacy.sigma_e4:
        return None
    return round(manifest.history(commitments).epsilon(privacy.budget.delta), 6)


def epsilons_after(manifest: Manifest, rounds: int) -> dict[str, float | None] | None:
    """Return what so many secure rounds tell whom, null for no bound; None where deltas are open."""
    if manifest.secure is None:
        return None
    found = epsilons(manifest, rounds)._asdict()
    return {view: None if math.isinf(value) else round(value, 6) for view, value in found.items()}


def _views(manifest: Manifest, rounds: int) -> Table:
    found = epsilons_after(manifest, rounds)
    return {} if found is None else {"epsilons": found}


def _member(manifest: Manifest, claims: Claims, facts: MemberFacts) -> Table:
    name, role = claims.names.get(facts.did, (facts.did[-8:], "member"))
    return {
        "name": name,
        "role": role,
        "did": facts.did,
        "payee": facts.payee or "",
        "examples": facts.examples,
        "quota": facts.quota,
        "epsilon": epsilon_after(manifest, facts.commitments),
        "score": facts.score / (1 << SCORE_BITS),
        "credit_wei": str(facts.credit),
        "paid_wei": str(facts.paid),
        "balance_wei": str(facts.balance),
        "suspended": facts.suspended,
    }


def summary_bytes(table: Mapping[str, object]) -> bytes:
    """Return summary.json's bytes."""
    return (json.dumps(table, indent=2) + "\n").encode()


def compare_summary(expected: Mapping[str, object], found: bytes, *, tolerance: float = 0.0) -> None:
    """Refuse a summary that differs from the recomputed one, naming the first field that does.

    Args:
        expected: The recomputed table.
        found: The file's bytes.
        tolerance: How far a measured loss may be from the recomputed one, relative.

    Raises:
        VerificationFailed: It differs anywhere but in ``cpu_seconds``.
    """
    try:
        table = parse_table(found)
    except ValueError as error:
        raise VerificationFailed("summary.json", f"not a summary: {error}") from error
    # The round trip makes both sides what JSON can say, e.g. lists for tuples.
    wanted = json.loads(json.dumps(expected))
    if tolerance:
        _adopt(wanted, table, tolerance)
    for key in sorted((wanted.keys() | table.keys()) - UNCOMPARED):
        _compare(f"{key}", wanted.get(key), table.get(key))
    seconds = table.get("cpu_seconds")
    if type(seconds) is not float or summary_bytes({**wanted, "cpu_seconds": seconds}) != found:
        raise VerificationFailed(
            "summary.json", "is not written as a summary is", hint="a key may stand twice"
        )


_MEASURED: Final = ("loss_before", "loss_after")
_DIGIT: Final = 1e-9
"""The last one of a loss; rounding may turn it."""


def _adopt(wanted: dict[str, Any], table: Mapping[str, Any], tolerance: float) -> None:
    """Take over measured values that are near enough, so that all the rest compares exactly."""
    rounds = table.get("rounds")
    pairs = zip(wanted["rounds"], rounds, strict=False) if isinstance(rounds, list) else ()
    for mine, theirs in pairs:
        for key in _MEASURED:
            value = theirs.get(key) if isinstance(theirs, dict) else None
            if type(value) is float and abs(value - mine[key]) <= tolerance * mine[key] + 1.5 * _DIGIT:
                mine[key] = value


def _compare(where: str, expected: object, found: object) -> None:
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for i, (a, b) in enumerate(zip(expected, found, strict=True)):
            _compare(f"{where}[{i}]", a, b)
    elif isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        for key in expected:
            _compare(f"{where}.{key}", expected[key], found[key])
    elif type(expected) is not type(found) or expected != found:
        raise VerificationFailed("summary.json", f"{where} is {found!r}, recomputed: {expected!r}")
