"""What a member refuses: other lists, forged keys, replays, a second set or gradient, wrong order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from federation.errors import ConfigError, TooFewParticipants
from federation.secagg.member import Member
from federation.secagg.messages import (
    CommitList,
    Commitment,
    KeyList,
    Keys,
    Pledge,
    PledgeList,
    UnmaskRequest,
    pieces,
)
from federation.secagg.replies import gather_keys
from federation.secagg.terms import Finding, Reason, SecureRefused
from federation.types import Hash32
from tests.unit.federation._secagg import (
    BEACON,
    CHALLENGE,
    Attempt,
    deltas_for,
    dids,
    entropy,
    gradient_for,
    signer,
    terms_for,
    verify,
)

TERMS = terms_for(6, minimum=3)
ME, OTHER = dids(6)[2], dids(6)[4]
SIGN = signer(ME)


@pytest.fixture(scope="module")
def done():
    """A whole honest attempt; members are values, so each test starts where it wants."""
    return Attempt(TERMS, deltas_for(TERMS)).run()


def refused(reason, step, *arguments, **keywords):
    with pytest.raises(SecureRefused) as caught:
        step(*arguments, **keywords)
    assert caught.value.reason == reason


def at_pledge(done):
    return Member.begin(TERMS, ME, entropy(ME)).pledge(done.key_list, BEACON, sign=SIGN, verify=verify)[0]


def at_commit(done):
    pledges = done.server.pledge_list(ME)
    return at_pledge(done).commit(pledges, done.deltas[ME], sign=SIGN, verify=verify)[0]


def at_reveal(done):
    server = done.server
    commits, root = server.commit_list(), server.commit_root()
    return at_commit(done).reveal(commits, root, done.uploads[ME], verify=verify)[0]


def at_unmask(done):
    return at_reveal(done).unmask(done.request, done.server.reveal_root(), sign=SIGN)[0]


def keys_with(done, **changes):
    """The key list, where another member's keys are changed and perhaps not signed again."""
    entries = [Keys.parse(entry) for entry in done.key_list.entries]
    entries[4] = replace(entries[4], **changes)
    return entries


def listed(entries):
    return KeyList(tuple(entry.to_bytes() for entry in entries))


# Keys


def pledge_refused(reason, key_list):
    member = Member.begin(TERMS, ME, entropy(ME))
    refused(reason, member.pledge, key_list, BEACON, sign=SIGN, verify=verify)


def test_key_list_is_refused_when_a_key_is_forged(done):
    pledge_refused(Reason.BAD_SIGNATURE, listed(keys_with(done, mask_key=b"\7" * 32)))


def test_key_list_is_refused_when_it_is_replayed_from_another_round(done):
    for other in (replace(TERMS, round=3), replace(TERMS, attempt=1)):
        member = Member.begin(other, ME, entropy(ME))
        refused(Reason.BAD_SIGNATURE, member.pledge, done.key_list, BEACON, sign=SIGN, verify=verify)


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31)])
def test_key_list_is_refused_when_everybody_would_agree_on_zero_with_a_key(done, point):
    entries = keys_with(done, mask_key=point)
    entries[4] = entries[4].sign(TERMS, signer(OTHER))
    pledge_refused(Reason.WEAK_KEY, listed(entries))


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31)])
@pytest.mark.parametrize("slot", range(5))
def test_keys_are_refused_when_everybody_would_agree_on_zero_with_one_slot(done, slot, point):
    entries = keys_with(done)
    slots = pieces(entries[4].share_keys, 32)
    slots[slot] = point
    entries = keys_with(done, share_keys=b"".join(slots))
    entries[4] = entries[4].sign(TERMS, signer(OTHER))
    sent = {**done.sent["keys"], OTHER: entries[4].to_bytes()}
    assert gather_keys(TERMS, sent, verify)[1] == (Finding(OTHER, Reason.WEAK_KEY),)
    # A server that lists them all the same finds whose slot it is.
    if dids(6)[slot] == ME:
        pledge_refused(Reason.WEAK_KEY, listed(entries))


@pytest.mark.parametrize("share_keys", [b"", b"\7" * 128, b"\7" * 161, b"\7" * 192])
def test_keys_are_refused_when_there_is_not_one_for_each_neighbour(done, share_keys):
    entries = keys_with(done, share_keys=share_keys)
    entries[4] = entries[4].sign(TERMS, signer(OTHER))
    pledge_refused(Reason.MALFORMED, listed(entries))
    sent = {**done.sent["keys"], OTHER: entries[4].to_bytes()}
    assert gather_keys(TERMS, sent, verify)[1] == (Finding(OTHER, Reason.MALFORMED),)


def test_key_list_is_refused_when_a_slot_of_ones_own_is_changed(done):
    own = Keys.parse(done.key_list.entries[2])
    changed = replace(own, share_keys=own.share_keys[32:] + own.share_keys[:32]).sign(TERMS, SIGN)
    entries = keys_with(done)
    pledge_refused(Reason.OWN_MESSAGE_CHANGED, listed([*entries[:2], changed, *entries[3:]]))


def test_key_list_is_refused_when_its_order_its_members_or_own_keys_are_wrong(done):
    entries = keys_with(done)
    pledge_refused(Reason.NOT_SORTED, listed(entries[::-1]))
    pledge_refused(Reason.NOT_SORTED, listed([*entries, entries[-1]]))
    pledge_refused(Reason.OWN_MESSAGE_CHANGED, listed(entries[:2] + entries[3:]))
    stranger = dids(7)[6]
    keys = replace(entries[0], did=stranger).sign(TERMS, signer(stranger))
    pledge_refused(Reason.NOT_ADMITTED, listed([*entries, keys]))


def test_key_list_is_refused_when_it_names_too_few(done):
    member = Member.begin(TERMS, ME, entropy(ME))
    with pytest.raises(TooFewParticipants):
        member.pledge(listed(keys_with(done)[1:3]), BEACON, sign=SIGN, verify=verify)


# Lists that differ between members


def test_second_list_is_refused_when_one_was_agreed_to(done):
    fewer = listed(keys_with(done)[1:])
    member = at_pledge(done)
    refused(Reason.SECOND_REQUEST, member.pledge, fewer, BEACON, sign=SIGN, verify=verify)
    refused(Reason.SECOND_REQUEST, member.pledge, done.key_list, CHALLENGE, sign=SIGN, verify=verify)


def test_same_list_gets_the_same_answer_when_it_comes_again_after_a_restart(done):
    member = Member.parse(TERMS, at_pledge(done).to_bytes())
    again, pledge = member.pledge(done.key_list, BEACON, sign=SIGN, verify=verify)
    assert again == member
    assert pledge.to_bytes() == done.sent["pledge"][ME]


def test_pledges_are_refused_when_they_are_for_another_key_list(done):
    fewer = Attempt(TERMS, deltas_for(TERMS), lost={"keys": [OTHER]}).keys().pledge()
    pledges = fewer.server.pledge_list(ME)
    refused(Reason.OTHER_KEY_LIST, at_pledge(done).wrongs, pledges, verify=verify)


def test_pledges_are_refused_when_one_is_not_what_the_list_names(done):
    pledges = done.server.pledge_list(ME)
    false = replace(pledges, entries=(*pledges.entries[:4], (OTHER, bytes(32)), *pledges.entries[5:]))
    refused(Reason.OTHER_PLEDGE_LIST, at_pledge(done).wrongs, false, verify=verify)


def test_pledges_are_refused_when_a_member_could_not_be_restored():
    terms = terms_for(12, minimum=3, degree=4)
    attempt = Attempt(terms, deltas_for(terms)).keys().pledge()
    roll, pledges = attempt.server.roll, attempt.server.pledge_list(ME)
    near = roll.around[ME]
    thin = PledgeList(
        pledges.key_list, tuple(e for e in pledges.entries if e[0] not in near[:2]), pledges.pledges[2:]
    )
    refused(Reason.OTHER_PLEDGE_LIST, attempt.members[ME].wrongs, thin, verify=verify)


def test_masked_delta_is_kept_back_when_somebody_committed_under_another_list(done):
    commits = [Commitment.parse(entry) for entry in done.server.commit_list().entries]
    commits[4] = replace(commits[4], pledge_list=bytes(32)).sign(TERMS, signer(OTHER))
    false = CommitList(tuple(commit.to_bytes() for commit in commits))
    member, root = at_commit(done), done.server.commit_root()
    refused(Reason.OTHER_PLEDGE_LIST, member.reveal, false, root, done.uploads[ME], verify=verify)


def test_masked_delta_is_kept_back_when_the_chain_has_another_root(done):
    commits = done.server.commit_list()
    member, other = at_commit(done), Hash32(bytes(32))
    refused(Reason.OTHER_ROOT, member.reveal, commits, other, done.uploads[ME], verify=verify)


def test_masked_delta_is_kept_back_when_it_is_not_the_one_committed_to(done):
    commits, root = done.server.commit_list(), done.server.commit_root()
    false = replace(done.uploads[ME], words=bytes(8 * TERMS.dim))
    refused(Reason.OWN_MESSAGE_CHANGED, at_commit(done).reveal, commits, root, false, verify=verify)


def test_delta_is_not_masked_when_it_leaves_its_bounds_or_is_a_second_one(done):
    pledges, member = done.server.pledge_list(ME), at_pledge(done)
    large = np.full(TERMS.dim, TERMS.value_bound, dtype=np.int64)
    refused(Reason.OVER_BOUND, member.commit, pledges, large, sign=SIGN, verify=verify)
    member = at_commit(done)
    other = done.deltas[OTHER]
    refused(Reason.SECOND_REQUEST, member.commit, pledges, other, sign=SIGN, verify=verify)


# Opening


def test_shares_are_kept_back_when_the_set_is_not_what_the_chain_says(done):
    root, member = done.server.reveal_root(), at_reveal(done)
    fewer = UnmaskRequest(dids(6)[1:])
    refused(Reason.OTHER_ROOT, member.unmask, fewer, root, sign=SIGN)
    stranger = UnmaskRequest((*dids(6), dids(7)[6]))
    refused(Reason.NOT_COMMITTED, member.unmask, stranger, root, sign=SIGN)


def test_never_both_secrets_of_a_member_are_opened_when_a_second_set_is_asked_for(done):
    member, fewer = at_unmask(done), dids(6)[1:]
    root = replace(done.server, survivors=fewer).reveal_root()
    for state in (member, Member.parse(TERMS, member.to_bytes())):
        refused(Reason.SECOND_REQUEST, state.unmask, UnmaskRequest(fewer), root, sign=SIGN)


def test_own_self_seed_stays_closed_when_the_member_is_not_summed(done):
    rest = tuple(did for did in dids(6) if did != ME)
    root = replace(done.server, survivors=rest).reveal_root()
    member, answer = at_reveal(done).unmask(UnmaskRequest(rest), root, sign=SIGN)
    assert answer.self_seed == b""
    assert set(answer.seeds) == {b""}
    refused(Reason.NOT_COMMITTED, member.scalars, gradient_for(TERMS), sign=SIGN)


def test_set_is_refused_when_it_is_too_small(done):
    few = dids(6)[2:4]
    root = replace(done.server, survivors=few).reveal_root()
    with pytest.raises(TooFewParticipants):
        at_reveal(done).unmask(UnmaskRequest(few), root, sign=SIGN)


def test_set_is_refused_when_it_falls_into_groups_that_mask_apart():
    terms = terms_for(12, minimum=3, degree=2, threshold_percent=10)
    attempt = Attempt(terms, deltas_for(terms)).keys().pledge().commit().reveal()
    around, start = attempt.server.roll.around, ME
    cut = {around[start][0], next(d for d in around[around[start][1]] if d != start)}
    rest = tuple(did for did in dids(12) if did not in cut)
    root = replace(attempt.server, survivors=rest).reveal_root()
    with pytest.raises(TooFewParticipants, match="apart"):
        attempt.members[ME].unmask(UnmaskRequest(rest), root, sign=SIGN)


def test_second_challenge_and_a_late_one_are_refused(done):
    member, _ = at_reveal(done).norm(CHALLENGE, sign=SIGN)
    refused(Reason.SECOND_REQUEST, member.norm, BEACON, sign=SIGN)
    refused(Reason.OUT_OF_ORDER, at_unmask(done).norm, CHALLENGE, sign=SIGN)


def test_second_gradient_is_refused_for_good(done):
    member, _ = at_unmask(done).scalars(gradient_for(TERMS), sign=SIGN)
    for state in (member, Member.parse(TERMS, member.to_bytes())):
        refused(Reason.SECOND_REQUEST, state.scalars, gradient_for(TERMS, seed=1), sign=SIGN)
        assert state.scalars(gradient_for(TERMS), sign=SIGN)[1].to_bytes() == done.sent["scalars"][ME]


def test_gradient_is_refused_when_it_is_over_its_bound(done):
    gradient = np.zeros(TERMS.dim, dtype=np.int64)
    gradient[:2] = TERMS.gradient_bound, 1
    refused(Reason.OVER_BOUND, at_unmask(done).scalars, gradient, sign=SIGN)


def test_step_is_refused_when_it_comes_too_early(done):
    new, pledged, committed = Member.begin(TERMS, ME, entropy(ME)), at_pledge(done), at_commit(done)
    refused(Reason.OUT_OF_ORDER, new.wrongs, done.server.pledge_list(ME), verify=verify)
    commits, root = done.server.commit_list(), done.server.commit_root()
    refused(Reason.OUT_OF_ORDER, pledged.reveal, commits, root, done.uploads[ME], verify=verify)
    refused(Reason.OUT_OF_ORDER, committed.norm, CHALLENGE, sign=SIGN)
    refused(Reason.OUT_OF_ORDER, committed.unmask, done.request, root, sign=SIGN)
    refused(Reason.OUT_OF_ORDER, at_reveal(done).scalars, gradient_for(TERMS), sign=SIGN)


# Disputes


def test_seed_stays_closed_when_both_ends_say_the_same(done):
    mine, theirs = done.server.scalars[ME], done.server.scalars[OTHER]
    member = done.members[ME]
    refused(Reason.NO_CONFLICT, member.open_edge, mine, theirs, verify=verify)


def test_seed_stays_closed_when_the_contradiction_is_not_signed_by_the_neighbour(done):
    mine, theirs = done.server.scalars[ME], done.server.scalars[OTHER]
    false = replace(theirs, edges=bytes(len(theirs.edges)))
    member = done.members[ME]
    refused(Reason.BAD_SIGNATURE, member.open_edge, mine, false, verify=verify)
    signed = false.sign(TERMS, signer(OTHER))
    assert member.open_edge(mine, signed, verify=verify).other == OTHER


def test_keys_stay_closed_when_a_masked_delta_was_committed_to(done):
    refused(Reason.OUT_OF_ORDER, at_commit(done).open_keys, OTHER)


def false_pledges(done, *, sign=None, **changes):
    """The pledge list in which another member's pledge is false, and perhaps not signed again."""
    pledges = {**done.server.pledges, OTHER: replace(done.server.pledges[OTHER], **changes)}
    if sign is not None:
        pledges[OTHER] = pledges[OTHER].sign(TERMS, sign)
    return replace(done.server, pledges=pledges).pledge_list(ME)


def test_slot_stays_closed_when_no_signed_and_false_pledge_is_shown(done):
    member, sealed = at_pledge(done), bytes(len(done.server.pledges[OTHER].sealed))
    refused(Reason.NO_CONFLICT, member.complain, done.server.pledge_list(ME), verify=verify)
    refused(Reason.BAD_SIGNATURE, member.complain, false_pledges(done, sealed=sealed), verify=verify)
    false = false_pledges(done, sealed=sealed, sign=signer(OTHER))
    shown = tuple(raw for raw in false.pledges if Pledge.parse(raw).did != OTHER)
    refused(Reason.OTHER_PLEDGE_LIST, member.complain, replace(false, pledges=shown), verify=verify)
    refused(Reason.OUT_OF_ORDER, at_commit(done).complain, false, verify=verify)
    # The twin, which opens nothing but this; the same again after a restart.
    after, opening = member.complain(false, verify=verify)
    assert (opening.against, opening.mask_secret) == (OTHER, b"")
    assert Member.parse(TERMS, after.to_bytes()).complain(false, verify=verify) == (after, opening)


def test_member_commits_to_nothing_more_when_it_has_opened_its_keys(done):
    false = false_pledges(done, self_shares=bytes(160), sign=signer(OTHER))
    pledges, delta = done.server.pledge_list(ME), done.deltas[ME]
    for member, _ in (at_pledge(done).open_keys(OTHER), at_pledge(done).complain(false, verify=verify)):
        again = Member.parse(TERMS, member.to_bytes())
        refused(Reason.ENDED, again.commit, pledges, delta, sign=SIGN, verify=verify)


# States and terms


def test_state_is_refused_when_it_is_of_another_attempt_or_cut(done):
    data = at_unmask(done).to_bytes()
    refused(Reason.MALFORMED, Member.parse, replace(TERMS, attempt=1), data)
    refused(Reason.MALFORMED, Member.parse, TERMS, data[:-1])
    assert Member.parse(TERMS, data) == at_unmask(done)


def test_member_cannot_begin_when_not_admitted_or_without_entropy():
    refused(Reason.NOT_ADMITTED, Member.begin, TERMS, dids(9)[8], bytes(32))
    refused(Reason.MALFORMED, Member.begin, TERMS, ME, bytes(31))


@pytest.mark.parametrize(
    "changes",
    [
        {"value_bound": 1 << 60},
        {"dim": 1 << 22, "value_bound": 1 << 40},
        {"gradient_bound": 1 << 40},
        {"dim": 0},
        {"minimum": 1},
        {"minimum": 7},
        {"degree": 5},
        {"threshold_percent": 100},
        {"projections": 0},
    ],
)
def test_terms_are_refused_when_a_sum_could_overflow_or_a_number_makes_no_sense(changes):
    with pytest.raises(ConfigError):
        replace(TERMS, **changes)
