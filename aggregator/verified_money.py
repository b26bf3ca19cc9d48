"""From a verified epoch's last credits to who is paid what, and the model card that says what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aggregator.recompute import PlayedRound
from aggregator.settlement import SETTLEMENT_ROUND
from aggregator.summary import Claims
from aggregator.verified_epoch import VerifiedEpoch
from ceramic_bridge.stream import advance, start
from federation.errors import VerificationFailed
from federation.fixedpoint import Ints
from federation.hashing import sha256
from federation.models.linear import Design
from federation.payloads import NOTHING, ModelCard
from federation.reward import PayoutTable
from federation.rounds import Status
from federation.trace import Settlement, require_equal, settlement_trace
from federation.types import Address, Did, Hash32, Wei
from federation.validation import parse_examples


def settled(
    epoch: VerifiedEpoch, credits: Mapping[Did, int], previous: Mapping[Address, Wei]
) -> Settlement | None:
    """Recompute what an epoch pays, and compare it with what was proposed or is final.

    Args:
        epoch: The epoch.
        credits: Every member's after the last round that is paid; empty if none is.
        previous: What each payee had in all before, in wei.

    Returns:
        What it pays; None if no table stands.

    Raises:
        VerificationFailed: The chain says something else.
    """
    proposal, final = epoch.past.proposal, epoch.past.finalized
    if proposal is None:
        return None
    settlement = settlement_trace(
        epoch.admitted,
        credits=credits,
        funds=epoch.terms.funds,
        forfeited=proposal.forfeited,
        previous=previous,
    )
    table = table_of(epoch, settlement)
    stands = "the root on chain" if final else "the proposed root"
    if (proposal.payout_root, proposal.total) != (table.tree().root, table.total):
        raise VerificationFailed("payout table", f"{stands} is not that of the recomputed payments")
    if final and (final.payout_root, final.total) != (proposal.payout_root, proposal.total):
        raise VerificationFailed("payout table", f"{stands} is not that of the recomputed payments")
    if proposal.rounds != epoch.past.recorded:
        raise VerificationFailed("payout table", "it pays other rounds than those that stand")
    if proposal.settlement_root != settlement.trace.root(epoch.domain, SETTLEMENT_ROUND):
        raise VerificationFailed("settlement", "its root on chain is not that of the recomputed records")
    epoch.progress(f"payments recomputed: {table.total} wei to {len(table.rows)} payees")
    return settlement


def table_of(epoch: VerifiedEpoch, settlement: Settlement) -> PayoutTable:
    """Return the payout table of a settlement."""
    return settlement.table(epoch.domain.chain_id, epoch.ground.deployment.pool.address)


def require_published(epoch: VerifiedEpoch, settlement: Settlement) -> None:
    """Refuse a settlement whose table or records nobody published.

    Raises:
        VerificationFailed: They are not there, or say something else.
    """
    table = table_of(epoch, settlement)
    epoch.public.blob(sha256(table.to_bytes()), "the payout table")
    require_equal(settlement.trace, epoch.public.blob(sha256(settlement.trace.to_bytes()), "the settlement"))


def require_paid(epoch: VerifiedEpoch, table: PayoutTable) -> None:
    """Refuse a run in which a payee was not paid exactly its row.

    Raises:
        VerificationFailed: One was not.
    """
    for payee, wei in table.rows:
        if epoch.ground.deployment.pool.paid(payee) != wei:
            raise VerificationFailed(f"payee {payee}", "was not paid what it is owed")


def card_versions(epoch: VerifiedEpoch) -> list[Mapping[str, object]]:
    """Return what each version of the model card says."""
    cards = epoch.events.cards
    if not cards:
        return []
    state = start(cards[0])
    versions: list[Mapping[str, object]] = [state.content]
    for event in cards[1:]:
        state = advance(state, event)
        versions.append(state.content)
    return versions


def check_card(
    epoch: VerifiedEpoch, version: Mapping[str, object], played: PlayedRound, claims: Hash32 = NOTHING
) -> None:
    """Compare a version of the model card with the round that it follows.

    Raises:
        VerificationFailed: It says something else.
    """
    card = ModelCard(
        domain=epoch.domain,
        round=played.outcome.round,
        model_hash=played.model_hash,
        dim=epoch.dim,
        epsilon=epoch.manifest.privacy.epsilon,
        contributors=sum(m.status is Status.ACCEPTED for m in played.outcome.members),
        receipts=played.outcome.round,
        claims=claims,
    )
    if card.content() != version:
        raise VerificationFailed("model card", f"the version of round {card.round} is not what it gives")


def read_claims(
    epoch: VerifiedEpoch, versions: Sequence[Mapping[str, object]], models: Sequence[tuple[int, Ints]]
) -> tuple[Claims, Hash32]:
    """Read what the publisher states beyond the rounds, and recompute what can be.

    Args:
        epoch: The epoch.
        versions: Of the model card; the last names the claims.
        models: Each round's number, and the weights that it released.

    Raises:
        VerificationFailed: They are malformed, or an AUC is another.
    """
    digest = Hash32(bytes.fromhex(str(versions[-1]["claims"])))
    claims = Claims.parse(epoch.public.blob(digest, "the claims"))
    if len(claims.aucs) != len(models):
        raise VerificationFailed("claims", "do not cover every round")
    if claims.test_set is not None:
        data = epoch.public.blob(Hash32(bytes.fromhex(claims.test_set)), "the test set")
        test = Design.build(parse_examples(data, dim=epoch.words), epoch.mean)
        # Rounded to six digits, of which the last may turn where the logits are floating point.
        near = 1.5e-6 if epoch.evaluation.tolerance else 0.0
        for auc, (round_, weights) in zip(claims.aucs, models, strict=True):
            if abs(epoch.evaluation.auc(weights, test) - auc) > near:
                raise VerificationFailed("claims", f"the AUC of round {round_} is another")
    return claims, digest
