"""The independent verifier: chain -> roots -> events -> signatures -> recomputed scores and payments.

It reads a run's public directory and nothing else, then compares ``summary.json``. It imports
nothing of the round driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aggregator.ahead import replaying
from aggregator.crew import WorkerDied, prepare
from aggregator.ground import Progress, replayed
from aggregator.public import PublicReader
from aggregator.recompute import PlayedRound
from aggregator.summary import Claims, MemberFacts, RoundFacts, Table, build_summary, compare_summary
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verified_money import (
    card_versions,
    check_card,
    read_claims,
    require_paid,
    require_published,
    settled,
    table_of,
)
from federation.errors import FolkmootError, VerificationFailed
from federation.fixedpoint import Ints
from federation.rounds import EpochState
from federation.trace import Settlement
from federation.types import Address, Did, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was verified.

    Attributes:
        federation: The contract, the root of trust.
        head: Hash of the last block.
        rounds: Rounds recomputed.
        members: Members whose payments were recomputed.
        events: Signed events checked.
        paid_wei: What was paid in total.
        tolerance: Within which scores recompute, where the model is floating point; None where all is exact.
        caveat: What is to be known of other rules than the default ones; empty by those.
    """

    federation: Address
    head: Hash32
    rounds: int
    members: int
    events: int
    paid_wei: int
    tolerance: str | None
    caveat: str


def verify_run(
    run: Path,
    *,
    expect: Address | None = None,
    expect_head: Hash32 | None = None,
    jobs: int = 1,
    progress: Progress = lambda _: None,
) -> Verdict:
    """Verify a run directory: its public part alone, then summary.json against it.

    Args:
        run: The run directory.
        expect: The federation's address, if the caller knows it.
        expect_head: The last block's hash, if the caller knows it: pins the whole history.
        jobs: How many rounds are recomputed at a time, in processes of their own if more than one.
        progress: Told what has been established, line by line.

    Raises:
        VerificationFailed: The first thing that is wrong.
        WorkerDied: One of the processes did not live.
    """
    prepare(jobs)
    try:
        verdict = _verify_run(run, expect, jobs, progress)
    except (VerificationFailed, WorkerDied):
        raise
    except FolkmootError as error:
        raise VerificationFailed("run", error.message) from error
    if expect_head is not None and verdict.head != expect_head:
        raise VerificationFailed("blocks.rlp", f"ends in another block: 0x{verdict.head.hex()}")
    return verdict


def _verify_run(run: Path, expect: Address | None, jobs: int, progress: Progress) -> Verdict:
    public = PublicReader(run / "public")
    epoch = VerifiedEpoch.of_run(replayed(public, expect, progress), progress)
    rounds: list[_Round] = []
    with replaying(epoch, jobs=jobs) as replay:
        replay.require_all_recorded()
        for played, version in zip(replay.play(), card_versions(epoch), strict=False):
            check_card(epoch, version, played)
            rounds.append(_Round.of(epoch, played))
    last, settlement = played, _check_settlement(epoch, played)
    claims = _checked_claims(epoch, rounds, last)
    expected = build_summary(
        epoch.manifest,
        claims,
        [round_.facts for round_ in rounds],
        _member_facts(epoch, rounds, last.outcome.state, settlement, claims),
    )
    public.require_all_used()
    tolerance = epoch.evaluation.tolerance
    _check_summary(run / "summary.json", expected, tolerance)
    progress("summary.json says the same")
    chain = epoch.ground.chain
    return Verdict(
        federation=epoch.domain.federation,
        head=chain.block_hash(chain.block_number),
        rounds=len(rounds),
        members=len(epoch.roster.quotas),
        events=len(epoch.events),
        paid_wei=sum(settlement.due.values()),
        tolerance=tolerance,
        caveat=epoch.manifest.rules.caveat,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Round:
    """What the summary needs of a round; the rest of it is let go."""

    facts: RoundFacts
    weights: Ints
    committed: frozenset[Did]

    @classmethod
    def of(cls, epoch: VerifiedEpoch, played: PlayedRound) -> _Round:
        outcome = played.outcome
        facts = RoundFacts.of(epoch.evaluation, played.base, outcome, played.shard, played.number)
        return cls(facts=facts, weights=outcome.state.weights, committed=played.committed)


def _check_summary(path: Path, expected: Table, tolerance: str | None) -> None:
    if not path.is_file():
        raise VerificationFailed("summary.json", "missing")
    compare_summary(expected, path.read_bytes(), tolerance=float(tolerance or 0))


def _check_settlement(epoch: VerifiedEpoch, last: PlayedRound) -> Settlement:
    if epoch.past.finalized is None:
        raise VerificationFailed("payout table", "the epoch was not finalized once")
    settlement = settled(epoch, last.outcome.state.credits, {})
    assert settlement is not None
    require_paid(epoch, table_of(epoch, settlement))
    require_published(epoch, settlement)
    return settlement


def claims_of(epoch: VerifiedEpoch, played: Sequence[PlayedRound]) -> Claims:
    """Return what a run's publisher states beyond what can be recomputed, its measures checked.

    Raises:
        VerificationFailed: The last version of the model card, or a measure, is not what the rounds give.
    """
    return _checked_claims(epoch, [_Round.of(epoch, one) for one in played], played[-1])


def _checked_claims(epoch: VerifiedEpoch, rounds: Sequence[_Round], last: PlayedRound) -> Claims:
    versions = card_versions(epoch)
    claims, digest = read_claims(epoch, versions, [(r.facts.round, r.weights) for r in rounds])
    check_card(epoch, versions[-1], last, digest)
    return claims


def _member_facts(
    epoch: VerifiedEpoch, rounds: Sequence[_Round], state: EpochState, settlement: Settlement, claims: Claims
) -> list[MemberFacts]:
    counts = {did: int(str(payload.content["count"])) for did, payload in epoch.events.imports.items()}
    token = epoch.ground.deployment.token
    payees = {member.did: member.payee for member in epoch.admitted if member.paid}
    order = [did for did in claims.names if did in epoch.roster.quotas]
    order += sorted(epoch.roster.quotas.keys() - set(order))
    return [
        MemberFacts(
            did=did,
            payee=payees.get(did),
            examples=counts.get(did, 0),
            quota=epoch.roster.quotas[did],
            commitments=sum(did in r.committed for r in rounds),
            score=state.scores[did],
            credit=state.credits[did],
            paid=settlement.due.get(did, 0),
            balance=token.balance_of(payees[did]) if did in payees else 0,
            suspended=did in state.suspended,
        )
        for did in sorted(order, key=lambda d: claims.names.get(d, (d, ""))[0])
    ]
