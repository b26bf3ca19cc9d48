"""Rounds whose deltas nobody sees: priced as in the open, bit by bit, and replayed from what was received."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from federation.epochstate import Status
from federation.errors import VerificationFailed
from federation.hashing import sha256
from federation.models.linear import Design
from federation.reward import clip_limit
from federation.rounds import EpochState, close_round, open_round
from federation.scoring import Path, Summed
from federation.secagg.replay import LIES, Chain, priced, replay
from federation.secagg.setup import GRADIENT_NORM
from federation.secagg.stages import Stage
from federation.secagg.terms import Reason, Terms
from federation.secagg.transcript import Transcript
from federation.steps import Place
from tests.unit.federation._secagg import BEACON, CHALLENGE, DOMAIN, Attempt, signer, verify
from tests.unit.federation._world import RULES, Sight, did, honest, make_world

CHAIN = Chain(beacon=lambda _terms, _keys: BEACON, challenge=lambda: CHALLENGE)
SECURE = replace(RULES, secure=True)
MEMBERS = 8


def opened():
    """A world, the state of its first round, and what an honest cohort would send."""
    world = make_world(MEMBERS)
    state = EpochState.first(initial=np.zeros(world.dim, dtype=np.int64), quotas=world.quotas)
    base = open_round(state, SECURE, world.public)
    deltas = {d: honest(1.0)(Sight(1, base, state, design)) for d, design in world.members.items()}
    return world, state, base, deltas


def terms_of(world, deltas, **more):
    longest = max(int(np.linalg.norm(delta)) + 1 for delta in deltas.values())
    numbers = {"minimum": 2, "value_bound": longest, "gradient_bound": GRADIENT_NORM} | more
    caps = dict.fromkeys(deltas, longest)
    return Terms(domain=DOMAIN, round=1, dim=len(next(iter(deltas.values()))), caps=caps, **numbers)


def transcript_of(attempt):
    kept = Transcript()
    for stage in ("keys", "pledge", "commit", "reveal", "norm", "unmask", "scalars"):
        sent = attempt.sent.get(stage, {})
        if stage == "reveal":
            sent = {d: bytes(sha256(raw)) for d, raw in sent.items()}
        kept = kept.answered(Stage(stage), sent)
    return kept


def fetcher(attempt):
    blobs = {bytes(sha256(raw)): raw for raw in attempt.sent.get("reveal", {}).values()}
    return lambda digest: blobs[bytes(digest)]


def replayed(attempt, transcript=None):
    transcript = transcript or transcript_of(attempt)
    return replay(attempt.terms, transcript, CHAIN, verify=verify, fetch=fetcher(attempt))


def closed(world, state, base, **received):
    known, shard = world.public, world.shards[0]
    return close_round(
        state, base, SECURE, known=known, shard=shard, norm_bound=1, **{"deltas": {}, "absent": {}} | received
    )


def in_secret(world, state, base, attempt):
    """Run the last stage with the gradient that the sum gives, and close the round by its transcript."""
    done = replayed(attempt)

    def products(gradient):
        attempt.scalars(gradient)
        found = priced(done, transcript_of(attempt), gradient)
        return found.products, found.absent

    summed = Summed(total=done.total, products=products)
    return closed(world, state, base, summed=summed, absent=done.absent(world.quotas))


@pytest.mark.parametrize("stage", ["keys", "pledge", "commit", "reveal", "norm", "unmask", "scalars"])
@pytest.mark.parametrize("lost", [0, 1, 2])
def test_secure_round_decides_what_the_open_one_does_when_members_drop_out(stage, lost):
    world, state, base, deltas = opened()
    gone = [did(i) for i in range(0, 4 * lost, 4)]
    attempt = Attempt(terms_of(world, deltas), deltas, lost={stage: gone}).to_sum()
    secret = in_secret(world, state, base, attempt)
    kept = {d: delta for d, delta in deltas.items() if d in attempt.server.survivors}
    assert kept.keys() == (deltas.keys() if stage in {"unmask", "scalars"} else deltas.keys() - set(gone))
    bound = max(int(np.linalg.norm(d)) + 1 for d in kept.values())
    known, shard = world.public, world.shards[0]
    public = close_round(
        state, base, RULES, deltas=kept, absent={}, known=known, shard=shard, norm_bound=bound
    )
    assert np.array_equal(secret.step, public.step)
    assert (secret.eta, secret.gain, secret.withheld_projection) == (
        public.eta,
        public.gain,
        public.withheld_projection,
    )
    # Who is silent from the unmasking on does not answer for scalars either.
    unpriced = set(gone) if stage in {"unmask", "scalars"} and lost == 2 else set()
    for one, two in zip(secret.members, public.members, strict=True):
        if one.did in unpriced:
            assert (one.status, one.reason, one.credit) == (Status.ABSENT, "no-product", 0)
        elif two.status is Status.ACCEPTED:
            assert one == two
        else:
            assert (one.status, one.credit) == (Status.ABSENT, 0)
    if not unpriced:
        assert np.array_equal(secret.state.weights, public.state.weights)


def test_member_that_covers_its_score_is_paid_by_it_when_the_entry_is_its_own():
    world, state, base, deltas = opened()
    rng = np.random.default_rng(3)
    noisy = {d: np.append(delta, rng.integers(-500, 500)) for d, delta in deltas.items()}
    attempt = Attempt(terms_of(world, noisy), noisy).to_sum()
    secret = in_secret(world, state, base, attempt)
    place = Place(state=state, base=base.weights, rules=SECURE)
    total = sum(deltas.values())
    gradient = Path.of(place, total, known=world.public, shard=world.shards[0]).priced_gradient(
        len(total) + 1
    )
    for member in secret.members:
        assert member.product == int(gradient @ noisy[member.did])
    assert np.array_equal(secret.step, closed(world, state, base, deltas=deltas).step)


def test_transcript_is_the_same_when_read_back_and_refused_when_a_byte_changes():
    world, _, _, deltas = opened()
    attempt = Attempt(terms_of(world, deltas), deltas).run(np.ones(world.dim, dtype=np.int64))
    raw = transcript_of(attempt).to_bytes()
    assert Transcript.parse(raw).to_bytes() == raw
    again = replayed(attempt, Transcript.parse(raw))
    assert np.array_equal(again.total, attempt.total)
    for i in (0, 3, 12, len(raw) // 2, len(raw) - 1):
        changed = bytearray(raw)
        changed[i] ^= 1
        try:
            other = replayed(attempt, Transcript.parse(bytes(changed)))
        except (VerificationFailed, KeyError):
            continue
        # A message that was changed is not its author's: it is as if it had never come.
        assert other.survivors != attempt.server.survivors or np.array_equal(other.total, attempt.total)


@pytest.mark.parametrize("stage", ["keys", "pledge", "commit", "reveal", "norm"])
def test_round_ends_with_nobody_when_too_few_are_left(stage):
    world, _, _, deltas = opened()
    attempt = Attempt(terms_of(world, deltas, minimum=5), deltas).run(np.ones(world.dim, dtype=np.int64))
    whole = transcript_of(attempt)
    few = dict(list(whole.of(Stage(stage)).items())[:4])
    order = list(Stage)
    short = Transcript(
        answers={s: m for s, m in whole.answers.items() if order.index(s) < order.index(Stage(stage))}
        | {Stage(stage): few}
    )
    done = replayed(attempt, short)
    assert done.total is None
    statuses = done.absent(deltas)
    assert {status for status, _ in statuses.values()} == {Status.ABSENT}
    assert all(reason == ("too-few" if d in done.committed else "") for d, (_, reason) in statuses.items())
    assert bool(done.committed) == (stage in {"reveal", "norm"})
    with pytest.raises(VerificationFailed, match="went on"):
        replayed(attempt, whole.answered(Stage(stage), few))


def test_liar_is_charged_and_the_others_paid_as_ever_when_a_scalar_is_false():
    world, state, base, deltas = opened()
    liar = did(2)

    def forge(stage, name, message):
        if stage != "scalars" or name != liar:
            return message
        edges = bytearray(message.edges)
        edges[0] ^= 1
        return replace(message, edges=bytes(edges), signature=b"").sign(attempt.terms, signer(liar))

    attempt = Attempt(terms_of(world, deltas), deltas, forge=forge).to_sum()
    done = replayed(attempt)

    def products(gradient):
        attempt.scalars(gradient)
        openings = attempt.open_edges("scalars", attempt.server.scalar_conflicts(), attempt.server.scalars)
        found = priced(done, transcript_of(attempt).disputed(Stage.SCALARS, openings), gradient)
        return found.products, found.absent

    secret = closed(world, state, base, summed=Summed(total=done.total, products=products))
    public = closed(world, state, base, deltas=deltas)
    for one, two in zip(secret.members, public.members, strict=True):
        if one.did == liar:
            assert (one.status, one.score) == (Status.SILENT, 0)
            assert one.credit < 0
            assert one.reason == "false-scalar"
            assert secret.state.suspended == {liar}
        else:
            assert (one.score, one.product, one.credit) == (two.score, two.product, two.credit)


def test_lies_are_proven_ones_when_reasons_are_told_apart():
    assert {Reason.OVER_NORM, Reason.MALFORMED, Reason.BAD_SIGNATURE}.isdisjoint(LIES)


def epoch_with(shift):
    """Play an epoch in secret, where a pair of members moves product from one to the other as it likes."""
    world = make_world(MEMBERS)
    state = EpochState.first(initial=np.zeros(world.dim, dtype=np.int64), quotas=world.quotas)
    known, outcomes = world.public, []
    for shard in world.shards:
        base = open_round(state, SECURE, known)
        here = Sight(state.round, base, state, None)
        sent = {
            d: honest()(replace(here, design=design))
            for d, design in world.members.items()
            if d not in state.suspended
        }

        def products(gradient, sent=sent):
            found = {d: int(gradient @ delta) for d, delta in sent.items()}
            return shift(found), {}

        absent = dict.fromkeys(state.suspended, (Status.SUSPENDED, ""))
        summed = Summed(total=sum(sent.values()), products=products)
        outcome = close_round(
            state,
            base,
            SECURE,
            deltas={},
            absent=absent,
            known=known,
            shard=shard,
            norm_bound=1,
            summed=summed,
        )
        outcomes.append(outcome)
        state, known = outcome.state, Design.concat([known, shard])
    return world, outcomes


PAIR = (did(1), did(2))


def test_pair_earns_the_same_together_when_what_it_moves_stays_within_its_clips():
    world, (fair, *_) = epoch_with(lambda found: found)
    terms, quotas, Q = SECURE.terms, world.quotas, sum(world.quotas.values())
    # How far each member's product may move until its score meets its clip.
    room = {
        m.did: (clip_limit(terms, improvement=fair.gain, quota=quotas[m.did], quota_total=Q) - abs(m.score))
        * Q
        for m in fair.members
        if m.counted == m.score
    }
    (one, first), (two, second), *_ = sorted(room.items(), key=lambda kept: -kept[1])
    moved = min(first, second) // fair.scored_eta // 2
    assert moved > 1 << 30

    def shift(found):
        return {**found, one: found[one] + moved, two: found[two] - moved}

    _, (shifted, *_) = epoch_with(shift)
    before, after = ({m.did: m for m in outcome.members} for outcome in (fair, shifted))
    assert before[one].credit != after[one].credit
    for together in (lambda m: m.product, lambda m: m.score, lambda m: m.credit):
        change = sum(map(together, (after[one], after[two]))) - sum(map(together, (before[one], before[two])))
        # Each score is rounded down on its own, and pays its last bit.
        assert abs(change) <= (terms.bounty >> 40) + 2
    assert all(before[m] == after[m] for m in before if m not in {one, two})


def test_pair_gains_no_more_than_its_clip_when_one_throws_its_credit_away():
    def thrown(found):
        if PAIR[1] not in found:
            return found
        return {**found, PAIR[0]: found[PAIR[0]] - (1 << 50), PAIR[1]: found[PAIR[1]] + (1 << 50)}

    world, rigged = epoch_with(thrown)
    quotas, Q = world.quotas, sum(world.quotas.values())
    terms, limits = SECURE.terms, []
    for one in rigged:
        limit = clip_limit(terms, improvement=one.gain, quota=quotas[PAIR[0]], quota_total=Q)
        limits.append(terms.bounty * limit >> 40)
    paid = [max(0, rigged[-1].state.credits[d]) for d in PAIR]
    assert (0 < paid[0] <= sum(limits), paid[1]) == (True, 0)
    # Who throws its credit away is suspended, and from then on there is no edge to move product over.
    assert PAIR[1] in rigged[-1].state.suspended
