"""The independent verifier: chain -> roots -> events -> signatures -> recomputed scores and payments.

It reads a run's public directory and nothing else, then compares ``summary.json``. It imports
nothing of the round driver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aggregator.public import PublicReader
from aggregator.settlement import SETTLEMENT_ROUND
from aggregator.summary import Claims, MemberFacts, RoundFacts, Table, build_summary, compare_summary
from aggregator.verified_epoch import Progress, VerifiedEpoch
from aggregator.verified_rounds import PlayedRound, RoundReplay
from ceramic_bridge.stream import advance, start
from contracts.bindings.federation import Finalized, Proposed
from federation.errors import FolkmootError, VerificationFailed
from federation.hashing import sha256
from federation.models.linear import Design
from federation.payloads import NOTHING, ModelCard
from federation.rounds import Status
from federation.trace import Settlement, require_equal, settlement_trace
from federation.types import Address, Hash32
from federation.validation import parse_examples


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
    progress: Progress = lambda _: None,
) -> Verdict:
    """Verify a run directory: its public part alone, then summary.json against it.

    Args:
        run: The run directory.
        expect: The federation's address, if the caller knows it.
        expect_head: The last block's hash, if the caller knows it: pins the whole history.
        progress: Told what has been established, line by line.

    Raises:
        VerificationFailed: The first thing that is wrong.
    """
    try:
        verdict = _verify_run(run, expect, progress)
    except VerificationFailed:
        raise
    except FolkmootError as error:
        raise VerificationFailed("run", error.message) from error
    if expect_head is not None and verdict.head != expect_head:
        raise VerificationFailed("blocks.rlp", f"ends in another block: 0x{verdict.head.hex()}")
    return verdict


def _verify_run(run: Path, expect: Address | None, progress: Progress) -> Verdict:
    public = PublicReader(run / "public")
    epoch = VerifiedEpoch(public, expect, progress)
    played = RoundReplay(epoch).play()
    settlement = _check_settlement(epoch, played)
    claims = read_claims(epoch, played)
    expected = build_summary(
        epoch.manifest,
        claims,
        [RoundFacts.of(epoch.evaluation, p.base, p.outcome, p.shard, p.number) for p in played],
        _member_facts(epoch, played, settlement, claims),
    )
    public.require_all_used()
    tolerance = epoch.evaluation.tolerance
    _check_summary(run / "summary.json", expected, tolerance)
    progress("summary.json says the same")
    return Verdict(
        federation=epoch.domain.federation,
        head=epoch.chain.block_hash(epoch.chain.block_number),
        rounds=len(played),
        members=len(epoch.roster.quotas),
        events=len(epoch.log),
        paid_wei=sum(settlement.due.values()),
        tolerance=tolerance,
        caveat=epoch.manifest.rules.caveat,
    )


def _check_summary(path: Path, expected: Table, tolerance: str | None) -> None:
    if not path.is_file():
        raise VerificationFailed("summary.json", "missing")
    compare_summary(expected, path.read_bytes(), tolerance=float(tolerance or 0))


def _check_settlement(epoch: VerifiedEpoch, played: Sequence[PlayedRound]) -> Settlement:
    deployment = epoch.deployment
    logs = deployment.federation.logs()
    proposed, final = Proposed.decode_logs(logs), Finalized.decode_logs(logs)
    if len(final) != 1:
        raise VerificationFailed("payout table", "the epoch was not finalized once")
    settlement = settlement_trace(
        epoch.admitted,
        credits=played[-1].outcome.state.credits,
        funds=epoch.terms.funds,
        forfeited=proposed[-1].forfeited,
    )
    table = settlement.table(epoch.chain.chain_id, deployment.pool.address)
    if (final[0].payout_root, final[0].total) != (table.tree().root, table.total):
        raise VerificationFailed("payout table", "the root on chain is not that of the recomputed payments")
    if proposed[-1].settlement_root != settlement.trace.root(epoch.domain, SETTLEMENT_ROUND):
        raise VerificationFailed("settlement", "its root on chain is not that of the recomputed records")
    for payee, wei in table.rows:
        if deployment.pool.paid(payee) != wei:
            raise VerificationFailed(f"payee {payee}", "was not paid what it is owed")
    epoch.public.blob(sha256(table.to_bytes()), "the payout table")
    require_equal(settlement.trace, epoch.public.blob(sha256(settlement.trace.to_bytes()), "the settlement"))
    epoch.progress(f"payments recomputed: {table.total} wei to {len(table.rows)} payees")
    return settlement


def _card_versions(epoch: VerifiedEpoch) -> list[Mapping[str, object]]:
    state = start(epoch.cards[0])
    versions: list[Mapping[str, object]] = [state.content]
    for event in epoch.cards[1:]:
        state = advance(state, event)
        versions.append(state.content)
    return versions


def read_claims(epoch: VerifiedEpoch, played: Sequence[PlayedRound]) -> Claims:
    """Return what the publisher states beyond what can be recomputed, its measures checked.

    Raises:
        VerificationFailed: A version of the model card, or a measure, is not what the rounds give.
    """
    versions = _card_versions(epoch)
    digest = Hash32(bytes.fromhex(str(versions[-1]["claims"])))
    claims = Claims.parse(epoch.public.blob(digest, "the claims"))
    for i, version in enumerate(versions):
        result = played[min(i, len(played) - 1)]
        card = ModelCard(
            domain=epoch.domain,
            round=result.outcome.round,
            model_hash=result.model_hash,
            dim=epoch.dim,
            epsilon=epoch.manifest.privacy.epsilon,
            contributors=sum(m.status is Status.ACCEPTED for m in result.outcome.members),
            receipts=result.outcome.round,
            claims=digest if i == len(played) else NOTHING,
        )
        if card.content() != version:
            raise VerificationFailed("model card", f"version {i + 1} is not what round {card.round} gives")
    if len(claims.aucs) != len(played):
        raise VerificationFailed("claims", "do not cover every round")
    if claims.test_set is not None:
        data = epoch.public.blob(Hash32(bytes.fromhex(claims.test_set)), "the test set")
        test = Design.build(parse_examples(data, dim=epoch.words), epoch.mean)
        # Rounded to six digits, of which the last may turn where the logits are floating point.
        near = 1.5e-6 if epoch.evaluation.tolerance else 0.0
        for auc, result in zip(claims.aucs, played, strict=True):
            if abs(epoch.evaluation.auc(result.outcome.state.weights, test) - auc) > near:
                raise VerificationFailed("claims", f"the AUC of round {result.outcome.round} is another")
    return claims


def _member_facts(
    epoch: VerifiedEpoch, played: Sequence[PlayedRound], settlement: Settlement, claims: Claims
) -> list[MemberFacts]:
    state = played[-1].outcome.state
    counts = {did: int(str(payload.content["count"])) for did, payload in epoch.imports.items()}
    token = epoch.deployment.token
    payees = {member.did: member.payee for member in epoch.admitted if member.paid}
    order = [did for did in claims.names if did in epoch.roster.quotas]
    order += sorted(epoch.roster.quotas.keys() - set(order))
    return [
        MemberFacts(
            did=did,
            payee=payees.get(did),
            examples=counts.get(did, 0),
            quota=epoch.roster.quotas[did],
            commitments=sum(did in p.committed for p in played),
            score=state.scores[did],
            credit=state.credits[did],
            paid=settlement.due.get(did, 0),
            balance=token.balance_of(payees[did]) if did in payees else 0,
            suspended=did in state.suspended,
        )
        for did in sorted(order, key=lambda d: claims.names.get(d, (d, ""))[0])
    ]
