"""One member's pay for one round, step by step: what entered, the formula, what came out, where it went.

Nothing is looked up that could be recomputed: whoever reads it has verified the epoch on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aggregator.verified_money import card_versions, check_card, settled, table_of
from aggregator.verified_rounds import RoundReplay
from contracts.bindings.reward_pool import Paid
from federation.contribution import SCORE_BITS, score_of
from federation.errors import UsageError
from federation.reward import clip_limit
from federation.rounds import Status
from federation.secureprivacy import epsilons
from federation.types import Address, Did, Hash32, Wei

if TYPE_CHECKING:
    from aggregator.recompute import PlayedRound
    from aggregator.verified_epoch import VerifiedEpoch
    from federation.manifest import Manifest
    from federation.trace import Settlement

_UNIT: Final = 1 << SCORE_BITS
_PLAIN: Final = (
    *("epoch", "round", "did", "reason", "quota", "quota_total", "eta", "clip_milli"),
    *("suspended_after", "epsilons"),
)
_NUMBERS: Final = (
    *("score", "gain", "counts_as", "limit", "counted", "bounty", "pay"),
    *("credit_before", "credit_after"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPay:
    """What a round gave a member; scores and improvements have 40 fractional bits, money is in wei.

    Attributes:
        epoch: The epoch.
        round: The round.
        did: The member.
        status: What became of its delta.
        reason: Why it was rejected, else empty.
        quota: Its quota.
        quota_total: Q, of all members.
        eta: The step at which the round was scored.
        product: <projected gbar, delta>; None where the score is not made of one exact product.
        score: s.
        gain: G as it was measured.
        counts_as: G as it counts for pay.
        clip_milli: c in thousandths.
        limit: The largest magnitude of a counted score.
        counted: a.
        bounty: B, wei per whole unit of Brier loss.
        pay: Signed wei of this round.
        credit_before: Signed wei of the rounds before.
        credit_after: The same with this round.
        suspended_after: Whether it is out of the sum from the next round on.
        epsilons: In a secure federation with noise what all rounds so far cost: by their sums, by all that is
            public, and against an aggregator with colluders.
    """

    epoch: int
    round: int
    did: Did
    status: Status
    reason: str
    quota: int
    quota_total: int
    eta: int
    product: int | None
    score: int
    gain: int
    counts_as: int
    clip_milli: int
    limit: int
    counted: int
    bounty: int
    pay: int
    credit_before: int
    credit_after: int
    suspended_after: bool
    epsilons: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPay:
    """What an epoch pays a member, in wei.

    Attributes:
        credit: Its credit after the last paid round.
        positive: T, the sum of the positive credits of members with a payee.
        funds: F, what they may take at most.
        forfeited: Lost bonds that are handed out by quota.
        due: What it is due.
        payee: Whom it is paid at; None if nobody was agreed, and so nothing is due.
        before: What the payee had in all before the epoch.
        cumulative: What the payee has in all by the table.
        leaf: The payee's leaf.
        proof: Siblings from the leaf up to the root.
        root: The table's root.
        final: Whether the table can be claimed from.
        payments: Amount, block and transaction of every payment to the payee so far.
    """

    credit: int
    positive: int
    funds: int
    forfeited: int
    due: int
    payee: Address | None
    before: int
    cumulative: int
    leaf: Hash32 | None
    proof: tuple[Hash32, ...]
    root: Hash32
    final: bool
    payments: tuple[tuple[Wei, int, Hash32], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A round's pay, and what the epoch makes of it; None before a payout table stands."""

    round: RoundPay
    epoch: EpochPay | None


def member_named(epoch: VerifiedEpoch, name: str) -> Did:
    """Return the member that a DID, the end of one, or a payee's address names.

    Raises:
        UsageError: None, or more than one, has it.
    """
    payees = {m.did: m.payee.lower() for m in epoch.admitted if m.paid}
    exact = [did for did in epoch.roster.quotas if name == did or payees.get(did) == name.lower()]
    found = exact or [did for did in epoch.roster.quotas if name and did.endswith(name)]
    if len(found) != 1:
        raise UsageError(
            f"{name!r} names {len(found)} members of epoch {epoch.domain.epoch}",
            hint="give the DID, or its end, or the account that it is paid at",
        )
    return found[0]


def explain(epoch: VerifiedEpoch, round_: int, name: str, previous: Mapping[Address, Wei]) -> Explanation:
    """Verify an epoch's rounds and settlement, and tell what one member gets for one round, and why.

    Args:
        epoch: The epoch.
        round_: The round.
        name: The member; see ``member_named``.
        previous: What each payee had in all before the epoch.

    Raises:
        UsageError: There is no such round or member.
        VerificationFailed: The receipts do not recompute.
    """
    did = member_named(epoch, name)
    if not 1 <= round_ <= epoch.past.recorded:
        raise UsageError(f"epoch {epoch.domain.epoch} has {epoch.past.recorded} recorded rounds that stand")
    pay, state = None, None
    for played, version in zip(RoundReplay(epoch).play(), card_versions(epoch), strict=False):
        check_card(epoch, version, played)
        state = played.outcome.state
        if played.outcome.round == round_:
            pay = _round_pay(epoch, played, did)
    assert pay is not None
    assert state is not None
    settlement = settled(epoch, state.credits, previous)
    paid = None
    if settlement is not None:
        paid = _epoch_pay(epoch, settlement, state.credits, previous, did)
    return Explanation(round=pay, epoch=paid)


def _round_pay(epoch: VerifiedEpoch, played: PlayedRound, did: Did) -> RoundPay:
    outcome, before = played.outcome, played.start.state
    line = next(member for member in outcome.members if member.did == did)
    terms, Q = epoch.manifest.rules.terms, before.quota_total
    exact = line.status is Status.ACCEPTED and line.score == score_of(
        line.product, eta=outcome.scored_eta, quota_total=Q
    )
    return RoundPay(
        epoch=epoch.domain.epoch,
        round=outcome.round,
        did=did,
        status=line.status,
        reason=line.reason,
        quota=before.quotas[did],
        quota_total=Q,
        eta=outcome.scored_eta,
        product=line.product if exact else None,
        score=line.score,
        gain=outcome.gain,
        counts_as=outcome.improvement,
        clip_milli=terms.clip_milli,
        limit=clip_limit(terms, improvement=outcome.gain, quota=before.quotas[did], quota_total=Q),
        counted=line.counted,
        bounty=terms.bounty,
        pay=line.credit,
        credit_before=before.credits[did],
        credit_after=outcome.state.credits[did],
        suspended_after=did in outcome.state.suspended,
        epsilons=_epsilons(epoch.manifest, outcome.round),
    )


def _epsilons(manifest: Manifest, rounds: int) -> tuple[float, float, float] | None:
    if manifest.secure is None or not manifest.privacy.sigma_e4:
        return None
    return epsilons(manifest, rounds)


def _epoch_pay(
    epoch: VerifiedEpoch,
    settlement: Settlement,
    credits: Mapping[Did, int],
    previous: Mapping[Address, Wei],
    did: Did,
) -> EpochPay:
    member = next(m for m in epoch.admitted if m.did == did)
    table, past = table_of(epoch, settlement), epoch.past
    assert past.proposal is not None
    tree = table.tree()
    payee = member.payee if member.paid else None
    place = next((k for k, (account, _) in enumerate(table.rows) if account == payee), None)
    logs = epoch.ground.deployment.pool.logs()
    payments = [event for event in Paid.decode_logs(logs) if event.payee == payee]
    return EpochPay(
        credit=credits[did],
        positive=sum(max(0, credits[m.did]) for m in epoch.admitted if m.paid),
        funds=epoch.terms.funds,
        forfeited=past.proposal.forfeited,
        due=settlement.due.get(did, 0),
        payee=payee,
        before=previous.get(payee, 0) if payee else 0,
        cumulative=table.rows[place][1] if place is not None else 0,
        leaf=table.leaves()[place] if place is not None else None,
        proof=tree.proof(place) if place is not None else (),
        root=tree.root,
        final=past.finalized is not None,
        payments=tuple((Wei(e.amount), e.log.block_number, e.log.transaction_hash) for e in payments),
    )


def in_words(told: Explanation) -> list[str]:
    """Return an explanation line by line, the numbers put into the formulas."""
    return [*_round_words(told.round), *(_epoch_words(told.round, told.epoch) if told.epoch else _WAITS)]


_WAITS: Final = ("No payout table is proposed yet: what is paid follows from the credits of all rounds.",)


def _round_words(pay: RoundPay) -> list[str]:
    lines = [f"Round {pay.round} of epoch {pay.epoch}, member {pay.did}: {pay.status}"]
    if pay.reason:
        lines[0] += f" ({pay.reason})"
    lines.append(f"The round improved the model by G = {pay.gain} ({pay.gain / _UNIT:+.9f} of Brier loss).")
    if pay.counts_as != pay.gain:
        lines.append(f"No step was taken, so that it counts as {pay.counts_as}.")
    if pay.status is Status.ACCEPTED:
        lines.append(_score_words(pay))
    lines.append(
        "Nobody counts for more than its share of |G|: limit = floor(c quota |G| / Q) = "
        f"floor({pay.clip_milli} * {pay.quota} * {abs(pay.gain)} / (1000 * {pay.quota_total})) = {pay.limit}."
    )
    lines += [_counted_words(pay), _pay_words(pay)]
    lines.append(f"Credit: {pay.credit_before} before, {pay.credit_after} wei after the round.")
    if pay.suspended_after:
        lines.append("Its losses, or a lie, keep it out of the sum until the epoch ends.")
    if pay.epsilons is not None:
        of_sum, public, server = pay.epsilons
        lines.append(
            f"Privacy of all rounds so far: epsilon {of_sum:.2f} of the sums, {public:.2f} of all that is "
            f"public, {server:.2f} against an aggregator with colluders."
        )
    return lines


def _score_words(pay: RoundPay) -> str:
    if pay.product is None:
        return f"Its delta scored s = {pay.score} ({pay.score / _UNIT:+.9f})."
    return (
        f"Its delta scored s = floor(-eta <gbar, delta> / Q) = floor(-{pay.eta} * {pay.product} / "
        f"{pay.quota_total}) = {pay.score} ({pay.score / _UNIT:+.9f})."
    )


def _counted_words(pay: RoundPay) -> str:
    if pay.status is Status.SILENT:
        return f"It committed and never revealed, or lied, which costs the limit: a = {pay.counted}."
    if pay.status is not Status.ACCEPTED:
        return "Without an accepted delta it counts for nothing: a = 0."
    how = "within the limit" if pay.counted == pay.score else "clipped to the limit"
    return f"The score is {how}: a = {pay.counted}."


def _pay_words(pay: RoundPay) -> str:
    formula = f"floor({pay.bounty} * {pay.counted} / 2^{SCORE_BITS})"
    if pay.counts_as <= 0:
        return f"A round without improvement pays nobody: pay = min(0, {formula}) = {pay.pay} wei."
    return f"pay = floor(B a / 2^{SCORE_BITS}) = {formula} = {pay.pay} wei."


def _epoch_words(round_: RoundPay, pay: EpochPay) -> list[str]:
    if pay.payee is None:
        return ["Nobody was agreed to be paid for it when the epoch opened: nothing is due."]
    lines = [f"After the epoch's last round its credit is {pay.credit} wei."]
    if pay.credit < 0:
        lines.append("A negative credit is paid by nobody: it is forgotten when the epoch ends.")
    share = f"floor({max(0, pay.credit)} * {pay.funds} / {pay.positive})"
    base = str(max(0, pay.credit)) if pay.positive <= pay.funds else share
    scaled = "fit the funds" if pay.positive <= pay.funds else "exceed the funds and are scaled"
    lines.append(f"All positive credits, {pay.positive} wei, {scaled} of {pay.funds} wei.")
    bonds = f" + floor({pay.forfeited} * {round_.quota} / {round_.quota_total})" if pay.forfeited else ""
    formula = f"{base}{bonds}"
    due = formula if formula == str(pay.due) else f"{formula} = {pay.due}"
    lines.append(f"due = {due} wei, to {pay.payee}.")
    lines.append(f"It had {pay.before} wei in all before, and has {pay.cumulative} wei in all by the table.")
    if pay.leaf is not None:
        proof = " ".join("0x" + sibling.hex() for sibling in pay.proof)
        lines.append(f"Leaf 0x{pay.leaf.hex()}; proof {proof or '(none: it is the only one)'};")
        lines.append(f"root 0x{pay.root.hex()}, which the chain {'has' if pay.final else 'has as proposed'}.")
    lines += [
        f"Paid {amount} wei in block {block} by transaction 0x{hash_.hex()}."
        for amount, block, hash_ in pay.payments
    ]
    if pay.final and sum(amount for amount, _, _ in pay.payments) < pay.cumulative:
        lines.append("It has not been claimed in full: anybody may send the claim (folkmoot chain claim).")
    return lines


def as_table(told: Explanation) -> dict[str, object]:
    """Return an explanation as JSON can say it; money and scores as decimal strings."""
    pay, epoch = told.round, told.epoch
    table: dict[str, object] = {name: getattr(pay, name) for name in _PLAIN}
    table |= {name: str(getattr(pay, name)) for name in _NUMBERS}
    table |= {"status": str(pay.status), "product": None if pay.product is None else str(pay.product)}
    return {"round": table, "epoch": None if epoch is None else _epoch_table(epoch)}


def _epoch_table(pay: EpochPay) -> dict[str, object]:
    numbers: Sequence[str] = ("credit", "positive", "funds", "forfeited", "due", "before", "cumulative")
    return {
        **{name: str(getattr(pay, name)) for name in numbers},
        "payee": pay.payee,
        "leaf": None if pay.leaf is None else "0x" + pay.leaf.hex(),
        "proof": ["0x" + sibling.hex() for sibling in pay.proof],
        "root": "0x" + pay.root.hex(),
        "final": pay.final,
        "payments": [
            {"amount": str(amount), "block": block, "transaction": "0x" + hash_.hex()}
            for amount, block, hash_ in pay.payments
        ],
    }
