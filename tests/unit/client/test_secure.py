"""A member in a secure round: what it answers and refuses, and that a restart changes nothing of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ceramic_bridge.authority import SKEW, Authority
from ceramic_bridge.events import decode
from client.attempts import abandon_all
from client.budget import set_budget
from client.consent import SecureReader
from client.member import Member
from client.release import release_of
from contracts.view import FederationView
from federation.delta import delta_bytes, parse_delta
from federation.errors import (
    ConfigError,
    IdentityError,
    PeerError,
    PrivacyBudgetExhausted,
    VerificationFailed,
)
from federation.hashing import sha256
from federation.messages import Acknowledgement, CommitRequest, RevealRequest, SecureRequest
from federation.payloads import Contribution
from federation.privacy import Budget
from federation.roster import Roster
from federation.secagg.material import Material, Scene
from federation.secagg.messages import (
    Commitment,
    KeysOpening,
    NormAnswer,
    Pledge,
    PledgeList,
    ScalarAnswer,
)
from federation.secagg.setup import key_word
from federation.secagg.stages import Stage
from federation.secagg.terms import Reason, SecureRefused
from tests.agreed import DIM, DOMAIN, agreed, identity
from tests.unit.client.securing import MANIFEST, MEAN, QUOTA, Attempt, Circle, roster_of
from tests.unit.client.test_member import Chain as PlainChain
from tests.wallets import NOW, session

WHO = identity("a").did


@pytest.fixture
def circle(tmp_path):
    made = Circle(tmp_path)
    yield made
    made.close()


@pytest.fixture
def party(circle):
    return circle.parties[WHO]


def stored(party, round_=1):
    """What the ledger keeps for a round."""
    release = release_of(MANIFEST, DOMAIN, round_, Circle.base(round_).hash)
    return party.member._ledger.stored(release)


def reason(info) -> Reason:
    return info.value.reason


def gradient_of(circle, played):
    """The gradient, as the kernel computes it from what the chain recorded."""
    scene = Scene(
        manifest=MANIFEST,
        domain=DOMAIN,
        mean=MEAN,
        quotas=dict.fromkeys(circle.parties, QUOTA),
        opened=circle.chain.terms(1),
        rounds=[circle.chain.words(1, 1)],
    )
    return scene.gradient(Material.parse(played.material()), played.total)


# The whole


@pytest.mark.parametrize("twice", [False, True], ids=["once", "restarted"])
def test_round_gives_sum_and_products_when_everybody_answers(circle, twice):
    played = Attempt(circle, twice=twice).to_draw()
    deltas = {did: parse_delta(stored(party).payload) for did, party in circle.parties.items()}
    assert np.array_equal(played.total, sum(deltas.values()))
    answers = played.scalars()
    gradient = gradient_of(circle, played)
    server = played.server.gather_scalars(gradient, answers)
    products, liars = server.products(gradient, [])
    assert products == {did: int(gradient @ delta) for did, delta in deltas.items()}
    assert liars == ()
    assert {party.engine.steps for party in circle.parties.values()} == {1}


def test_contribution_names_the_signed_commitment_when_a_member_commits(circle):
    played = Attempt(circle).to_commits()
    for did, raw in played.events.items():
        event = decode(raw, authority=Authority(now=1000 * NOW))
        said = Contribution.parse(event.payload.content, DOMAIN, 1)
        commitment = played.server.commits[did]
        assert said.commitment == commitment.signed_digest(played.terms)
        assert said.base_hash == circle.base(1).hash
        assert event.payload.controller == did
        assert circle.parties[did].kept == [event]


def test_view_of_the_chain_tells_what_secure_rounds_look_at():
    assert issubclass(FederationView, SecureReader)
    assert not issubclass(PlainChain, SecureReader)


# Where, and in which kind of federation


@pytest.mark.parametrize("change", [{"epoch": 2}, {"chain_id": 5}])
def test_member_refuses_when_the_request_is_for_another_place(circle, party, change):
    with pytest.raises(PeerError, match="another federation or epoch"):
        party.ask(Stage.KEYS, circle.chain.roster, domain=replace(DOMAIN, **change))
    assert len(party.ask(Stage.KEYS, circle.chain.roster)) == 1


@pytest.mark.parametrize("parts", [0, 2])
def test_member_refuses_when_a_request_has_other_parts(circle, party, parts):
    with pytest.raises(PeerError, match="malformed"):
        party.ask(Stage.KEYS, *[circle.chain.roster] * parts)


@pytest.mark.parametrize("attempt", [-1, 1 << 16])
def test_member_refuses_when_the_attempt_is_out_of_range(circle, party, attempt):
    with pytest.raises(PeerError, match="malformed"):
        party.ask(Stage.KEYS, circle.chain.roster, attempt=attempt)


@pytest.mark.parametrize("round_", [-1, 0, 2, 3, 4, 1 << 62])
def test_member_refuses_when_the_chain_has_not_opened_the_round(circle, party, round_):
    if round_ == 4:
        circle.open(4)  # beyond the last of the epoch
    with pytest.raises(PeerError, match="not opened this round"):
        party.ask(Stage.KEYS, circle.chain.roster, round_=round_)


def test_plain_requests_are_refused_when_the_federation_is_secure(circle, party):
    Attempt(circle).to_commits().close_commits()
    spent = party.member.epsilon
    plain = [
        lambda m: m.commit(CommitRequest(domain=DOMAIN, round=1, base=circle.base(1))),
        lambda m: m.reveal(RevealRequest(domain=DOMAIN, round=1, proof=())),
        lambda m: m.acknowledged(
            Acknowledgement(domain=DOMAIN, round=1, delta_sha256=sha256(b""), signature=bytes(64))
        ),
    ]
    for ask in plain:
        with pytest.raises(PeerError, match="no delta leaves without its masks"):
            ask(party.member)
    assert (party.member.epsilon, party.engine.steps) == (spent, 1)


def test_secure_requests_are_refused_when_the_federation_is_open(party):
    plain = Member(
        party.vault,
        party.session,
        replace(party.terms, manifest=agreed()),
        party.chain,
        engine=party.engine,
        entropy=party.entropy,
    )
    with pytest.raises(PeerError, match="does not aggregate securely"):
        plain.secure(SecureRequest(domain=DOMAIN, round=1, attempt=0, stage=Stage.NORM))


def test_secure_requests_are_refused_when_the_reader_knows_too_little(party):
    blind = Member(
        party.vault, party.session, party.terms, PlainChain(), engine=party.engine, entropy=party.entropy
    )
    with pytest.raises(ConfigError, match="cannot tell"):
        blind.secure(SecureRequest(domain=DOMAIN, round=1, attempt=0, stage=Stage.NORM))


# The admitted list


def test_member_refuses_when_the_list_of_members_is_another(circle, party):
    other = roster_of([*circle.parties, identity("stranger").did]).to_bytes()
    with pytest.raises(PeerError, match="not the one that the chain recorded"):
        party.ask(Stage.KEYS, other)
    party.ask(Stage.KEYS, circle.chain.roster)
    with pytest.raises(PeerError, match="not the one that the chain recorded"):
        party.ask(Stage.KEYS, other)


def test_member_refuses_when_the_community_did_not_sign_the_list(circle, party):
    signed = roster_of(circle.parties)
    forged = Roster({**signed.quotas, identity("stranger").did: QUOTA}, signed.signature)
    circle.chain.roster = forged.to_bytes()
    with pytest.raises(PeerError, match="community did not sign"):
        party.ask(Stage.KEYS, circle.chain.roster)


def test_member_refuses_when_it_is_not_admitted(circle, party):
    circle.chain.roster = roster_of([d for d in circle.parties if d != WHO]).to_bytes()
    with pytest.raises(SecureRefused) as info:
        party.ask(Stage.KEYS, circle.chain.roster)
    assert reason(info) is Reason.NOT_ADMITTED


# What the chain must have said


def test_member_waits_when_the_chain_is_not_there_yet(circle, party):
    played = Attempt(circle).keys()
    listed = played.key_list.to_bytes()
    with pytest.raises(PeerError, match="does not say so yet"):
        party.ask(Stage.PLEDGE, listed)
    played.chain.announce(key_word(played.terms, played.key_list))
    with pytest.raises(PeerError, match="not there yet"):
        party.ask(Stage.PLEDGE, listed)
    played.announce_keys().pledge().commit()
    commits = played.server.commit_list().to_bytes()
    with pytest.raises(PeerError, match="no commit root"):
        party.ask(Stage.REVEAL, commits)
    played.close_commits()
    with pytest.raises(SecureRefused) as info:
        party.ask(Stage.NORM)  # its masked delta is not out
    assert reason(info) is Reason.OUT_OF_ORDER
    played.reveal()
    closed = played.chain.closed.pop(1)
    with pytest.raises(PeerError, match="does not say so yet"):
        party.ask(Stage.NORM)
    played.chain.closed[1] = closed
    played.norm()
    played.chain.put(1, reveal_root=bytes(32))
    with pytest.raises(PeerError, match="no reveal root"):
        party.ask(Stage.UNMASK, played.request.to_bytes())
    played.chain.put(1, reveal_root=played.server.reveal_root())
    played.unmask()


def test_member_refuses_when_the_commit_root_is_another(circle, party):
    played = Attempt(circle).to_commits()
    played.chain.put(1, commit_root=sha256(b"another"))
    with pytest.raises(SecureRefused) as info:
        party.ask(Stage.REVEAL, played.server.commit_list().to_bytes())
    assert reason(info) is Reason.OTHER_ROOT


def test_member_refuses_when_the_reveal_root_is_another(circle, party):
    played = Attempt(circle).to_commits().close_commits().reveal().norm()
    played.chain.put(1, reveal_root=sha256(b"another"))
    with pytest.raises(SecureRefused) as info:
        party.ask(Stage.UNMASK, played.request.to_bytes())
    assert reason(info) is Reason.OTHER_ROOT


# What is spent


def test_nothing_is_spent_when_the_base_is_another(circle, party):
    played = Attempt(circle).to_pledges()
    listed = played.pledge_list(WHO)
    for base in (circle.base_bytes(2), b"no model"):
        with pytest.raises(PeerError, match="base model"):
            party.ask(Stage.COMMIT, listed, base)
    assert (party.engine.steps, stored(party)) == (0, None)
    assert len(party.ask(Stage.COMMIT, listed, circle.base_bytes(1))) == 2


def test_budget_is_spent_once_when_a_round_takes_several_attempts(circle, party):
    first = Attempt(circle).to_commits()
    spent, payload = party.member.epsilon, stored(party).payload
    second = Attempt(circle, number=1, twice=True).to_sum()
    assert party.member.epsilon == spent
    assert stored(party).payload == payload
    assert party.engine.steps == 1
    assert np.array_equal(second.total, sum(parse_delta(stored(p).payload) for p in circle.parties.values()))
    uploads = [a.server.commits[WHO].upload for a in (first, second)]
    assert uploads[0] != uploads[1]
    assert len({event.payload.unique for event in party.kept}) == 2


def test_nothing_is_drawn_when_the_budget_is_exhausted(circle, party):
    played = Attempt(circle).to_pledges()
    set_budget(party.vault, Budget(epsilon=0.01, delta=1e-5))
    with pytest.raises(PrivacyBudgetExhausted):
        party.ask(Stage.COMMIT, played.pledge_list(WHO), circle.base_bytes(1))
    assert (party.engine.steps, party.kept) == (0, [])


def test_ledger_says_released_when_the_masked_delta_is_out(circle, party):
    played = Attempt(circle).to_commits().close_commits()
    name = release_of(MANIFEST, DOMAIN, 1, circle.base(1).hash).federation
    ((_, before),) = party.member._ledger.releases(name)
    played.reveal()
    ((_, after),) = party.member._ledger.releases(name)
    assert (before, after) == ("stored", "released")


def test_nothing_is_begun_when_the_authorisation_has_ended(circle):
    ended = session(expires=1000 * NOW - SKEW - 1)
    held = circle.parties[ended.did]
    held.session = ended
    with pytest.raises(IdentityError, match="did not hold"):
        held.restart().ask(Stage.KEYS, circle.chain.roster)


def test_masked_delta_leaves_when_the_wallet_authorised_another_key_meanwhile(circle):
    played = Attempt(circle).to_commits().close_commits()
    did = session().did
    held = circle.parties[did]
    held.session = session(key="another key")
    held.restart()
    again = played.put(did, Stage.COMMIT, played.pledge_list(did), circle.base_bytes(1))
    assert Commitment.parse(again[1]) == played.server.commits[did]
    held.restart()
    assert played.reveal().norm().unmask().total.shape == (DIM,)


# Attempts


def test_older_attempt_is_refused_when_a_newer_one_began(circle, party):
    Attempt(circle).to_pledges()
    later = party.ask(Stage.KEYS, circle.chain.roster, attempt=2)
    for stage, parts in ((Stage.KEYS, (circle.chain.roster,)), (Stage.NORM, ())):
        for attempt in (0, 1):
            with pytest.raises(PeerError, match="later attempt"):
                party.restart().ask(stage, *parts, attempt=attempt)
    assert party.ask(Stage.KEYS, circle.chain.roster, attempt=2) == later


def test_new_attempt_is_refused_when_the_masked_delta_is_out(circle, party):
    played = Attempt(circle).to_commits().close_commits().reveal()
    with pytest.raises(PeerError, match="no other attempt"):
        party.restart().ask(Stage.KEYS, circle.chain.roster, attempt=1)
    played.norm()


def test_stage_is_refused_when_the_attempt_never_began(party):
    with pytest.raises(PeerError, match="not begun"):
        party.ask(Stage.NORM)


def test_stage_is_refused_when_only_an_older_attempt_began(circle, party):
    Attempt(circle).to_pledges()
    with pytest.raises(PeerError, match="not begun"):
        party.ask(Stage.NORM, attempt=1)


def test_secrets_are_gone_when_a_later_round_begins(circle, party):
    played = Attempt(circle).to_draw()
    kept = party.vault.records("secure-attempt")
    circle.open(2)
    party.ask(Stage.KEYS, circle.chain.roster, round_=2)
    assert party.vault.records("secure-attempt").keys() == kept.keys()
    assert party.vault.records("secure-attempt") != kept
    with pytest.raises(PeerError, match="deleted"):
        party.ask(Stage.SCALARS, delta_bytes(played.total), played.material())
    assert Attempt(circle, round_=2).to_sum().total.shape == (DIM,)


def test_keys_of_attempts_have_nothing_in_common(circle, party):
    keys = {party.ask(Stage.KEYS, circle.chain.roster, attempt=i)[0] for i in range(3)}
    assert len(keys) == 3


def test_round_is_given_up_when_the_vault_was_put_back(circle, party):
    played = Attempt(circle).to_commits()
    abandon_all(party.vault)
    played.close_commits()
    with pytest.raises(PeerError, match="put back"):
        party.restart().ask(Stage.REVEAL, played.server.commit_list().to_bytes())
    with pytest.raises(PeerError, match="no other attempt"):
        party.ask(Stage.KEYS, circle.chain.roster, attempt=1)
    circle.open(2)
    party.ask(Stage.KEYS, circle.chain.roster, round_=2)


def test_second_list_is_refused_when_one_was_answered(circle, party):
    played = Attempt(circle).to_pledges()
    fewer = replace(played.key_list, entries=played.key_list.entries[:-1])
    other = replace(played, forge=None)
    other.key_list = fewer
    other.announce_keys()
    with pytest.raises(SecureRefused) as info:
        party.restart().ask(Stage.PLEDGE, fewer.to_bytes())
    assert reason(info) is Reason.SECOND_REQUEST


# Disputes


def forged(field, liar, terms):
    """A pledge of the liar in which one field is nothing but zeros."""

    def forge(stage, did, raw):
        if stage is not Stage.PLEDGE or did != liar.did:
            return raw
        pledge = Pledge.parse(raw)
        changed = replace(pledge, signature=b"", **{field: bytes(len(getattr(pledge, field)))})
        return changed.sign(terms(), liar.sign).to_bytes()

    return forge


@pytest.mark.parametrize(
    ("field", "opened", "named"),
    [
        ("seeds", "mask_secret", Reason.FALSE_SEED_COMMITMENT),
        ("sealed", "slot_secret", Reason.FALSE_SHARE),
        ("key_shares", "slot_secret", Reason.FALSE_SHARE),
    ],
)
def test_member_opens_one_secret_and_leaves_when_a_neighbours_pledge_is_false(
    circle, party, field, opened, named
):
    liar = identity("b")
    played = Attempt(circle, twice=True)
    played.forge = forged(field, liar, lambda: played.terms)
    played.to_pledges()
    listed = played.pledge_list(WHO)
    (raw,) = played.put(WHO, Stage.COMMIT, listed, circle.base_bytes(1))
    opening = KeysOpening.parse(raw)
    assert (opening.against, len(getattr(opening, opened))) == (liar.did, 32)
    assert [f for f in played.server.judge_keys([(WHO, raw)]) if f.reason is not named] == []
    assert liar.did in {f.culprit for f in played.server.judge_keys([(WHO, raw)])}
    assert (party.engine.steps, stored(party), party.kept) == (0, None, [])


def test_nothing_is_masked_or_spent_when_the_keys_were_opened(circle, party):
    played = Attempt(circle).to_pledges()
    (raw,) = played.put(WHO, Stage.OPEN_KEYS, identity("b").did.encode())
    assert KeysOpening.parse(raw).did == WHO
    with pytest.raises(SecureRefused) as info:
        party.restart().ask(Stage.COMMIT, played.pledge_list(WHO), circle.base_bytes(1))
    assert reason(info) is Reason.ENDED
    assert (party.engine.steps, stored(party)) == (0, None)


def test_keys_stay_closed_when_a_pledge_was_not_shown(circle, party):
    played = Attempt(circle).to_pledges()
    whole = PledgeList.parse(played.pledge_list(WHO))
    with pytest.raises(SecureRefused) as info:
        party.ask(Stage.COMMIT, replace(whole, pledges=whole.pledges[1:]).to_bytes(), circle.base_bytes(1))
    assert reason(info) is Reason.OTHER_PLEDGE_LIST
    assert stored(party) is None
    played.commit()


def test_keys_stay_closed_when_the_member_has_committed(circle, party):
    played = Attempt(circle).to_commits()
    with pytest.raises(SecureRefused) as info:
        party.ask(Stage.OPEN_KEYS, identity("b").did.encode())
    assert reason(info) is Reason.OUT_OF_ORDER
    with pytest.raises(PeerError, match="malformed"):
        party.ask(Stage.OPEN_KEYS, b"\xff")
    assert isinstance(played.server.commits[WHO], Commitment)


def test_masked_delta_leaves_when_fewer_neighbours_are_silent(tmp_path):
    circle = Circle(tmp_path, names=tuple("abcdefgh"))
    try:
        played = Attempt(circle).to_pledges()
        played.commit(without=list(circle.parties)[-3:]).close_commits()
        assert played.put(WHO, Stage.REVEAL, played.server.commit_list().to_bytes())
    finally:
        circle.close()


@pytest.mark.parametrize("stage", [Stage.NORM, Stage.SCALARS])
def test_edge_opens_when_its_ends_signed_different_things_and_not_before(circle, stage):
    liar = identity("b")
    played = Attempt(circle).to_commits().close_commits().reveal()
    if stage is Stage.NORM:
        said = played.gather(Stage.NORM)
    else:
        said = played.norm().unmask().announce_sum().draw().scalars()
    kind = NormAnswer if stage is Stage.NORM else ScalarAnswer
    with pytest.raises(SecureRefused) as info:
        played.put(WHO, Stage.OPEN_EDGE, said[WHO], said[liar.did])
    assert reason(info) is Reason.NO_CONFLICT
    answer = kind.parse(said[liar.did])
    lie = replace(answer, edges=bytes(len(answer.edges)), signature=b"").sign(played.terms, liar.sign)
    played.twice = True
    (raw,) = played.put(WHO, Stage.OPEN_EDGE, said[WHO], lie.to_bytes())
    assert liar.did.encode() in raw


# Scalars


def test_scalars_are_refused_when_the_sum_was_not_announced(circle, party):
    played = Attempt(circle).to_sum().draw()
    with pytest.raises(PeerError, match="not announced before the shard could"):
        party.ask(Stage.SCALARS, delta_bytes(played.total), played.material())


def test_scalars_are_refused_when_the_sum_was_announced_after_the_draw(circle, party):
    played = Attempt(circle).to_sum().draw().announce_sum()
    with pytest.raises(PeerError, match="not announced before the shard could"):
        party.ask(Stage.SCALARS, delta_bytes(played.total), played.material())


def test_scalars_are_refused_when_the_sum_was_announced_in_the_block_of_the_draw(circle, party):
    played = Attempt(circle).to_sum().announce_sum()
    played.chain.drawn[1] = played.chain.head
    with pytest.raises(PeerError, match="not announced before the shard could"):
        party.ask(Stage.SCALARS, delta_bytes(played.total), played.material())


def test_scalars_are_refused_when_no_shard_is_drawn(circle, party):
    played = Attempt(circle).to_sum().announce_sum()
    with pytest.raises(PeerError, match="not announced before the shard could"):
        party.ask(Stage.SCALARS, delta_bytes(played.total), played.material())


def test_second_gradient_is_refused_when_one_was_answered(circle, party):
    played = Attempt(circle).to_sum()
    other = -played.total
    played.announce_sum().announce_sum(other).draw()
    answer = party.ask(Stage.SCALARS, delta_bytes(played.total), played.material())
    with pytest.raises(SecureRefused) as info:
        party.restart().ask(Stage.SCALARS, delta_bytes(other), played.material())
    assert reason(info) is Reason.SECOND_REQUEST
    assert party.ask(Stage.SCALARS, delta_bytes(played.total), played.material()) == answer


def test_scalars_are_refused_when_what_the_gradient_follows_from_is_another(circle, party):
    played = Attempt(circle).to_draw()
    with pytest.raises(VerificationFailed):
        party.ask(Stage.SCALARS, delta_bytes(played.total), played.material(shard=1))
    with pytest.raises(PeerError, match="malformed"):
        party.ask(Stage.SCALARS, delta_bytes(played.total), b"nothing")
    with pytest.raises(PeerError, match="another size"):
        party.ask(Stage.SCALARS, delta_bytes(played.total[:-1]), played.material())
    played.scalars()
