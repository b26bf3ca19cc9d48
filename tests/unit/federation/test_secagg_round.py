"""Sums and scalars are exact whoever drops out, small rounds end cleanly, liars are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import TooFewParticipants
from federation.secagg import keys, pairs
from federation.secagg.messages import EdgeOpening, KeysOpening, pieces
from federation.secagg.terms import Finding, Reason, SecureSpoilt
from tests.unit.federation._secagg import (
    STAGES,
    Attempt,
    deltas_for,
    dids,
    gradient_for,
    signer,
    terms_for,
    verify,
)


def assert_exact(attempt, gradient):
    """The sum is the survivors', and every product that there is, is central mode's."""
    total = sum(attempt.deltas[did] for did in attempt.server.survivors)
    assert (attempt.total == total).all()
    assert {did: int(gradient @ attempt.deltas[did]) for did in attempt.products} == attempt.products


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("n", "gone"), [(5, 0), (5, 1), (10, 3), (24, 7)])
def test_sum_and_products_are_central_modes_when_members_drop_out_at_a_stage(stage, n, gone):
    # A circle of 24: of a member's 10 neighbours at least three stay, and three restore its secrets.
    terms = terms_for(n, dim=16, degree=10 if n == 24 else 20, threshold_percent=20 if n == 24 else 50)
    lost = dids(n)[1 :: n // gone][:gone] if gone else ()
    attempt, gradient = Attempt(terms, deltas_for(terms), lost={stage: lost}), gradient_for(terms)
    attempt.run(gradient)
    assert_exact(attempt, gradient)
    summed = stage in {"unmask", "scalars"}
    assert set(attempt.server.survivors) == set(dids(n)) - (set() if summed else set(lost))
    edges = attempt.server.roll.around
    silent = attempt.silent
    paid = {d for d in attempt.server.survivors if not (d in silent and silent & set(edges[d]))}
    assert set(attempt.products) == paid
    assert attempt.server.findings == ()


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_sum_and_products_are_exact_when_60_of_200_drop_out_at_a_stage(stage):
    terms = terms_for(200, dim=1000, minimum=100, threshold_percent=30)
    lost = [*np.random.default_rng(5).choice(dids(200), 60, replace=False)]
    attempt, gradient = Attempt(terms, deltas_for(terms), lost={stage: lost}), gradient_for(terms)
    attempt.run(gradient)
    assert_exact(attempt, gradient)
    late = stage in {"unmask", "scalars"}
    assert len(attempt.server.survivors) >= (200 if late else 100)
    # Who is silent beside a silent neighbour has lost an edge; everybody else is priced.
    assert attempt.products.keys() >= set(attempt.server.survivors) - set(lost)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "dim", "gone"), [(5, 1_000_000, 1), (20, 262_144, 6), (100, 65_536, 30)])
def test_sum_and_products_are_exact_when_deltas_are_large(n, dim, gone):
    terms = terms_for(n, dim=dim, threshold_percent=35)
    lost = dids(n)[1 :: n // gone][:gone]
    attempt, gradient = Attempt(terms, deltas_for(terms), lost={"norm": lost}), gradient_for(terms)
    attempt.run(gradient)
    assert_exact(attempt, gradient)
    assert len(attempt.products) == n - gone


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_whatever_ends_is_exact_when_members_drop_out_at_any_stages(data):
    n = data.draw(st.integers(5, 10))
    gone = data.draw(st.dictionaries(st.sampled_from(dids(n)), st.sampled_from(STAGES), max_size=n // 2))
    terms = terms_for(n, dim=5, minimum=3)
    lost = {stage: [did for did, at in gone.items() if at == stage] for stage in STAGES}
    attempt, gradient = Attempt(terms, deltas_for(terms), lost=lost), gradient_for(terms)
    try:
        attempt.run(gradient)
    except TooFewParticipants:
        assert gone
    else:
        assert_exact(attempt, gradient)


def test_sum_and_products_are_exact_when_the_model_is_large_and_members_restart():
    terms = terms_for(6, dim=65_536)
    attempt, gradient = Attempt(terms, deltas_for(terms), restart=True), gradient_for(terms)
    attempt.run(gradient)
    assert_exact(attempt, gradient)
    assert len(attempt.products) == 6


def test_sum_is_exact_when_deltas_fill_their_bounds():
    terms = terms_for(5, dim=4, value_bound=1 << 57, gradient_bound=2)
    caps = dict.fromkeys(terms.caps, 1 << 58)
    terms = replace(terms, caps=caps)
    deltas = {did: np.full(4, -(1 << 57), dtype=np.int64) for did in caps}
    gradient = np.array([1, -1, 1, 1], dtype=np.int64)
    attempt = Attempt(terms, deltas).run(gradient)
    assert attempt.total.tolist() == [-5 << 57] * 4
    assert set(attempt.products.values()) == {-(1 << 58)}


def test_round_with_fresh_masks_gives_the_same_sum_when_the_deltas_are_the_same():
    terms = terms_for(6)
    first = Attempt(terms, deltas_for(terms)).to_sum()
    again = Attempt(replace(terms, attempt=1), deltas_for(terms), seed=1).to_sum()
    assert (first.total == again.total).all()
    assert not set(first.sent["reveal"].values()) & set(again.sent["reveal"].values())


# Too few


@pytest.mark.parametrize("stage", STAGES[:5])
def test_attempt_ends_before_anything_is_opened_when_too_few_are_left(stage):
    terms = terms_for(6, minimum=5)
    attempt = Attempt(terms, deltas_for(terms), lost={stage: dids(6)[:2]})
    with pytest.raises(TooFewParticipants):
        attempt.to_sum()
    assert "unmask" not in attempt.sent


def test_sum_stays_closed_when_too_few_shares_of_a_silent_member_come():
    terms = terms_for(6)
    attempt = Attempt(terms, deltas_for(terms), lost={"unmask": dids(6)[:4]})
    with pytest.raises(TooFewParticipants, match="shares"):
        attempt.to_sum()
    # Two self seeds are open; the four others' uploads still carry a mask that nobody can compute.
    assert set(attempt.sent["unmask"]) == set(dids(6)[4:])


# Liars

LIAR = dids(8)[3]


def lying(stage, change, n=8, liar=LIAR):
    terms = terms_for(n)

    def forge(at, did, message):
        return change(message) if at == stage and did == liar else message

    return Attempt(terms, deltas_for(terms), forge=forge)


def resigned(attempt_terms, message, **changes):
    return replace(message, **changes).sign(attempt_terms, signer(LIAR))


TERMS = terms_for(8)


def flipped(data):
    return bytes([data[0] ^ 1]) + data[1:]


def first_flipped(items):
    """The first of what stands side by side is false."""
    return flipped(items) if isinstance(items, bytes) else (flipped(items[0]), *items[1:])


def accuse(attempt):
    """All members who see something wrong, or are party to a contradiction, open their keys."""
    openings = {}
    pairs_ = dict(attempt.server.contradictions())
    for did, member in attempt.members.items():
        listed = attempt.server.pledge_list(did)
        if member.wrongs(listed, verify=verify):
            attempt.members[did], opening = member.complain(listed, verify=verify)
            openings[did] = opening.to_bytes()
        elif did in pairs_:
            attempt.members[did], opening = member.open_keys(pairs_[did])
            openings[did] = opening.to_bytes()
    return attempt.server.judge_keys([*openings.items()])


def test_liar_is_named_when_it_pledged_another_seed():
    attempt = lying("pledge", lambda m: resigned(TERMS, m, seeds=first_flipped(m.seeds)))
    assert accuse(attempt.keys().pledge()) == (Finding(LIAR, Reason.FALSE_SEED_COMMITMENT),)


@pytest.mark.parametrize("field", ["sealed", "self_shares", "key_shares"])
@pytest.mark.parametrize("degree", [20, 4])
def test_liar_is_named_when_a_share_is_false(field, degree):
    terms = terms_for(8, degree=degree)

    def forge(at, did, message):
        if (at, did) != ("pledge", LIAR):
            return message
        return resigned(terms, message, **{field: first_flipped(getattr(message, field))})

    attempt = Attempt(terms, deltas_for(terms), forge=forge).keys().pledge()
    assert accuse(attempt) == (Finding(LIAR, Reason.FALSE_SHARE),)


def test_liar_is_named_when_none_of_its_shares_is_true():
    attempt = lying("pledge", lambda m: resigned(TERMS, m, sealed=bytes(len(m.sealed))))
    assert accuse(attempt.keys().pledge()) == (Finding(LIAR, Reason.FALSE_SHARE),)


def opened_slot(attempt, against):
    """What the liar opens when it complains of a share, whatever that share is."""
    member, roll = attempt.members[LIAR], attempt.server.roll
    return KeysOpening(LIAR, against, slot_secret=member.slot_secret(roll, against))


def test_shares_of_third_members_stay_closed_when_a_member_opens_a_secret():
    attempt = lying("none", None).keys().pledge()
    roll, pledges, other = attempt.server.roll, attempt.server.pledges, dids(8)[0]
    slot = opened_slot(attempt, other).slot_secret
    _, opening = attempt.members[LIAR].open_keys(other)

    def read(dealer, holder, secret):
        """The shares that a secret of the liar's tells of a pledge."""
        peer = dealer if holder == LIAR else holder
        channel = pairs.channel(TERMS, roll, LIAR, secret, peer)
        return pairs.shares_for(TERMS, roll, pledges[dealer], holder, channel)

    thirds = [did for did in dids(8) if did not in {LIAR, other}]
    for secret in (slot, opening.mask_secret):
        assert [read(third, LIAR, secret) for third in thirds] == [None] * 6
        assert [read(LIAR, third, secret) for third in thirds] == [None] * 6
    # The twin: one share each way between the two is told, and by the slot's secret alone.
    assert read(other, LIAR, slot) == attempt.members[LIAR].dealt(roll, pledges[other])
    assert read(LIAR, other, slot) == attempt.members[other].dealt(roll, pledges[LIAR])
    assert read(other, LIAR, opening.mask_secret) is None


def test_slot_opens_alone_when_a_share_is_false_and_the_mask_secret_when_a_seed_is():
    for field, opens in (("sealed", "slot_secret"), ("seeds", "mask_secret")):
        false = lying("pledge", lambda m, f=field: resigned(TERMS, m, **{f: first_flipped(getattr(m, f))}))
        attempt = false.keys().pledge()
        accuser = dids(8)[0]
        member, listed = attempt.members[accuser], attempt.server.pledge_list(accuser)
        after, opening = member.complain(listed, verify=verify)
        assert after.ended
        assert opening.against == LIAR
        assert {name: bool(getattr(opening, name)) for name in ("slot_secret", "mask_secret")} == {
            "slot_secret": opens == "slot_secret",
            "mask_secret": opens == "mask_secret",
        }
        assert KeysOpening.parse(opening.to_bytes()) == opening


def test_nobody_is_named_when_all_pledges_are_true():
    attempt = lying("none", None).keys().pledge()
    assert attempt.server.contradictions() == ()
    assert accuse(attempt) == ()


def judged(attempt, opening):
    return attempt.server.judge_keys([(LIAR, opening.to_bytes())])


def test_accuser_is_named_when_the_pledge_is_true():
    attempt = lying("none", None).keys().pledge()
    _, opening = attempt.members[LIAR].open_keys(dids(8)[0])
    assert judged(attempt, opening) == (Finding(LIAR, Reason.FALSE_COMPLAINT),)
    assert judged(attempt, opened_slot(attempt, dids(8)[0])) == (Finding(LIAR, Reason.FALSE_COMPLAINT),)


def test_opener_is_named_when_its_secret_is_not_that_of_its_key():
    attempt = lying("none", None).keys().pledge()
    first, second = dids(8)[:2]
    _, opening = attempt.members[LIAR].open_keys(first)
    other_slot = replace(opened_slot(attempt, second), against=first)
    for false in (
        replace(opening, mask_secret=bytes(32)),
        replace(opened_slot(attempt, first), slot_secret=bytes(32)),
        other_slot,
        KeysOpening(LIAR, first, slot_secret=opening.mask_secret),
    ):
        assert judged(attempt, false) == (Finding(LIAR, Reason.FALSE_SECRET),)


def test_accuser_is_named_when_it_opens_a_slot_against_a_stranger():
    attempt = Attempt(TERMS, deltas_for(TERMS), lost={"pledge": [dids(8)[0]]}).keys().pledge()
    assert judged(attempt, opened_slot(attempt, dids(8)[0])) == (Finding(LIAR, Reason.FALSE_COMPLAINT),)
    stranger = replace(opened_slot(attempt, dids(8)[1]), against=dids(9)[8])
    assert judged(attempt, stranger) == (Finding(LIAR, Reason.FALSE_COMPLAINT),)


def test_opening_of_keys_is_refused_when_it_does_not_open_exactly_one_secret():
    attempt, other = lying("none", None).keys().pledge(), dids(8)[0]
    for mask, slot in ((b"", b""), (bytes(32), bytes(32)), (bytes(31), b""), (b"", bytes(33))):
        found = judged(attempt, KeysOpening(LIAR, other, mask, slot))
        assert found == (Finding(LIAR, Reason.MALFORMED),)


def test_both_are_named_when_pledges_contradict_and_neither_opens():
    attempt = lying("pledge", lambda m: resigned(TERMS, m, seeds=first_flipped(m.seeds)))
    attempt.keys().pledge()
    assert {f.culprit for f in attempt.server.judge_keys([])} == {dids(8)[0], LIAR}


def test_liar_is_left_out_when_its_upload_is_not_what_it_committed_to():
    attempt = lying("reveal", lambda m: replace(m, words=flipped(m.words))).run()
    assert attempt.server.findings == (Finding(LIAR, Reason.NOT_COMMITTED),)
    assert LIAR not in attempt.server.survivors
    assert_exact(attempt, gradient_for(TERMS))


@pytest.mark.parametrize("opens_truly", [True, False])
def test_liar_is_named_and_left_out_when_a_projection_of_a_shared_mask_is_false(opens_truly):
    def forge(at, did, message):
        if did == LIAR and at == "norm":
            return resigned(TERMS, message, edges=first_flipped(message.edges))
        if did == LIAR and at == "open-norm" and not opens_truly:
            return replace(message, seed=bytes(32))
        return message

    attempt = Attempt(TERMS, deltas_for(TERMS), forge=forge).run()
    assert {f.culprit for f in attempt.server.findings} == {LIAR}
    assert Finding(LIAR, Reason.FALSE_SCALAR) in attempt.server.findings
    assert set(attempt.server.survivors) == set(dids(8)) - {LIAR}
    assert_exact(attempt, gradient_for(TERMS))


def test_liar_is_named_when_a_projection_of_its_self_mask_was_false():
    # By one in each projection: the norm check itself cannot see it.
    attempt = lying("norm", lambda m: resigned(TERMS, m, own=flipped(m.own)))
    with pytest.raises(SecureSpoilt) as caught:
        attempt.to_sum()
    assert caught.value.findings == (Finding(LIAR, Reason.FALSE_SCALAR),)


def test_liar_is_named_when_its_projection_hid_behind_a_silent_neighbour():
    terms = terms_for(8)
    attempt = lying("norm", lambda m: resigned(TERMS, m, edges=first_flipped(m.edges)))
    attempt.lost = {"norm": [dids(8)[0]]}
    with pytest.raises(SecureSpoilt) as caught:
        attempt.to_sum()
    assert caught.value.findings == (Finding(LIAR, Reason.FALSE_SCALAR),)
    assert terms == TERMS


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (lambda m: {"self_seed": flipped(m.self_seed)}, Reason.FALSE_SECRET),
        (lambda m: {"shares": first_flipped(m.shares)}, Reason.FALSE_SHARE),
    ],
)
def test_liar_is_named_and_the_sum_exact_when_it_opens_something_false(changes, reason):
    attempt = lying("unmask", lambda m: resigned(TERMS, m, **changes(m))).run()
    assert attempt.server.findings == (Finding(LIAR, reason),)
    assert_exact(attempt, gradient_for(TERMS))
    assert len(attempt.products) == 8


def test_liar_is_named_when_its_false_share_is_the_one_that_was_needed():
    attempt = lying("unmask", lambda m: resigned(TERMS, m, shares=first_flipped(m.shares)))
    attempt.lost = {"unmask": [dids(8)[i] for i in (0, 5, 6, 7)]}
    with pytest.raises(SecureSpoilt) as caught:
        attempt.to_sum()
    assert caught.value.findings == (Finding(LIAR, Reason.FALSE_SHARE),)


def test_dealer_is_named_when_its_shares_are_shares_of_nothing():
    def forge(at, did, message):
        if did != LIAR or at != "pledge":
            return message
        # True commitments to shares of another secret: each holder finds its share in order.
        roll, sealed, own = attempt.server.roll, [], []
        for place, other in enumerate(roll.around[LIAR]):
            channel = attempt.members[LIAR].channel(roll, other)
            size = len(message.sealed) // 7
            content = message.sealed[size * place : size * (place + 1)]
            content = flipped(keys.unseal(TERMS, channel, LIAR, other, content))
            sealed.append(keys.seal(TERMS, channel, LIAR, other, content))
            own.append(pairs.share_commitment(TERMS, "self", content[:33], LIAR, other))
        return resigned(TERMS, message, sealed=b"".join(sealed), self_shares=b"".join(own))

    attempt = Attempt(TERMS, deltas_for(TERMS), forge=forge, lost={"unmask": [LIAR]})
    with pytest.raises(SecureSpoilt) as caught:
        attempt.to_sum()
    assert caught.value.findings == (Finding(LIAR, Reason.FALSE_SHARE),)


def test_liar_is_named_and_all_are_paid_when_a_scalar_is_false():
    attempt = lying("scalars", lambda m: resigned(TERMS, m, edges=first_flipped(m.edges))).run()
    assert attempt.liars == (Finding(LIAR, Reason.FALSE_SCALAR),)
    assert_exact(attempt, gradient_for(TERMS))
    assert len(attempt.products) == 8


def test_edge_has_no_value_and_nobody_is_named_when_nobody_opens_it():
    attempt = lying("scalars", lambda m: resigned(TERMS, m, edges=first_flipped(m.edges))).run()
    products, liars = attempt.server.products(gradient_for(TERMS), [])
    assert set(attempt.products) - set(products) == {dids(8)[0], LIAR}
    assert liars == ()


def test_coalition_cannot_change_its_total_when_it_agrees_on_false_scalars():
    pair = {LIAR, dids(8)[4]}

    def forge(at, did, message):
        if at != "scalars" or did not in pair:
            return message
        near = [d for d in attempt.server.roll.around[did] if d in attempt.server.survivors]
        (other,) = pair - {did}
        edges = pieces(message.edges, 8)
        value = int.from_bytes(edges[near.index(other)], "little")
        edges[near.index(other)] = ((value + 777) % (1 << 64)).to_bytes(8, "little")
        return replace(message, edges=b"".join(edges)).sign(TERMS, signer(did))

    attempt = Attempt(TERMS, deltas_for(TERMS), forge=forge)
    attempt.run()
    gradient = gradient_for(TERMS)
    true = {did: int(gradient @ attempt.deltas[did]) for did in dids(8)}
    assert attempt.products != true
    assert {d: attempt.products[d] for d in true.keys() - pair} == {d: true[d] for d in true.keys() - pair}
    assert sum(attempt.products[d] for d in pair) == sum(true[d] for d in pair)


def test_reply_is_left_out_when_its_author_or_form_is_wrong():
    attempt = Attempt(TERMS, deltas_for(TERMS)).keys().pledge()
    replies = dict(attempt.sent["pledge"])
    replies[dids(8)[0]] = replies[dids(8)[1]]
    replies[dids(8)[2]] = b"t" + bytes(9)
    server = replace(attempt.server, findings=()).gather_pledges(replies)
    assert server.findings == (
        Finding(dids(8)[0], Reason.BAD_SIGNATURE),
        Finding(dids(8)[2], Reason.MALFORMED),
    )
    assert EdgeOpening.parse(EdgeOpening(LIAR, dids(8)[0], bytes(32)).to_bytes()).other == dids(8)[0]
