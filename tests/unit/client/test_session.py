"""A session: one signature of the wallet, the least it can allow, and what is said when it ends."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from ceramic_bridge.authority import SKEW
from ceramic_bridge.cid import URL_SCHEME
from client.identity import KINDS, Session, propose_grant, rounds_seconds
from client.keys import Kdf
from client.member import Member
from client.trainer import LinearEngine
from client.vault import Vault
from federation.errors import ConfigError, IdentityError
from federation.hashing import did_hash, sha256
from federation.payloads import Contribution
from tests.agreed import DOMAIN, MODELS, agreed, identity
from tests.unit.client.test_member import ROWS, Chain, Counting, CountingEngine, Scene, make_terms
from tests.wallets import NOTES, NOW, session, wallet

MANIFEST = agreed()
DAY = 86_400
SEED = sha256(b"key")
"""Of tests.agreed.identity("key")."""


def granted(**changes):
    options = {"domain": "folkmoot.example", "issued_at": NOW, "entropy": bytes, **changes}
    return propose_grant(wallet("owner").address, identity("key").did, MANIFEST, MODELS, **options)


def test_grant_covers_the_members_events_and_nothing_else_when_it_is_proposed():
    capability = session().capability
    assert capability is not None
    stream = replace(NOTES, type=3)
    covered = {kind for kind, model in MODELS.items() if capability.covers(model=model, stream=stream)}
    assert covered == set(KINDS) == {"data", "contribution"}
    assert not capability.covers(model=NOTES, stream=stream)
    assert not any(resource == f"{URL_SCHEME}*" for resource in capability.grant.resources or ())


def test_grant_outlasts_the_longest_epoch_when_nobody_chooses_its_end():
    end = granted().expires
    assert end is not None
    assert end - 1000 * NOW > 1000 * rounds_seconds(MANIFEST, MANIFEST.rounds)
    assert granted(lifetime=DAY).expires == 1000 * (NOW + DAY)
    with pytest.raises(ConfigError, match="at least a second"):
        granted(lifetime=0)


def test_session_is_refused_when_the_wallet_authorised_another_key():
    with pytest.raises(IdentityError, match="another key"):
        Session(identity=identity("another key"), capability=session().capability)


def test_session_comes_back_when_the_vault_is_opened_again(tmp_path, counted):
    capability, seed, path = session(key="key").capability, b"\x07" * 32, tmp_path / "p" / "v.db"
    with Vault.create(path, b"p", kdf=Kdf.MINIMUM, entropy=counted(b"v")) as vault:
        with pytest.raises(IdentityError, match="another key"):
            Session.save(vault, "first", seed=seed, capability=capability)
        key = Session(identity=identity("key"))
        kept = Session.save(vault, "first", seed=SEED, capability=capability)
        assert kept.did == session().did != key.did
        with pytest.raises(IdentityError, match="no secret"):
            Session.load(vault, "second")
    with Vault.open(path, b"p") as vault:
        again = Session.load(vault, "first")
        assert (again.did, again.capability) == (kept.did, kept.capability)
        event = again.sign({"text": "hello"}, model=MODELS["data"], unique=bytes(12))
        assert event.signer == key.did
        assert event.author == kept.did


def test_session_says_when_it_ends_when_the_epoch_may_last_longer():
    least = rounds_seconds(MANIFEST, MANIFEST.rounds - 1)
    enough = session(expires=1000 * (NOW + least))
    assert enough.shortfall(MANIFEST, 1, NOW) is None
    assert enough.shortfall(MANIFEST, 1, NOW + 1) is not None
    said = session(expires=1000 * (NOW + DAY)).shortfall(MANIFEST, 1, NOW)
    assert said is not None
    assert "2026-01-02T00:00:00.000Z" in said
    assert session(expires=1000 * (NOW + DAY)).shortfall(MANIFEST, MANIFEST.rounds, NOW) is None
    assert session(expires=None).shortfall(MANIFEST, 1, NOW) is None
    assert Session(identity=identity("key")).shortfall(MANIFEST, 1, NOW) is None


@pytest.fixture
def scene(vault, counted):
    def make(by: Session) -> Scene:
        vault.import_rows(ROWS)
        chain, entropy, engine, terms = Chain(time=NOW), Counting(counted), CountingEngine(), make_terms()
        member = Member(vault, by, terms, chain, engine=engine, entropy=entropy)
        return Scene(vault, chain, entropy, engine, terms, member)

    return make


def test_account_contributes_when_its_session_signs(scene):
    own = session()
    played = scene(own)
    event = played.member.commit(played.request())
    assert event.payload.controller == played.member.did == own.did
    assert event.signer == own.identity.did
    assert event.capability == own.capability
    assert Contribution.parse(event.payload.content, DOMAIN, 1)
    # Leaf and commitment are the account's, or the member would not find itself under the root.
    assert len(played.member.reveal(played.reveal_request(event)).salt) == 32
    assert did_hash(played.member.did) != did_hash(event.signer)


def test_nothing_is_spent_when_the_authorisation_ended_before_the_round(scene):
    played = scene(session(expires=1000 * (NOW + DAY)))
    played.member.commit(played.request(1))
    drawn, steps, epsilon = played.entropy.drawn, played.engine.steps, played.member.epsilon
    played.chain.time = NOW + DAY + SKEW // 1000 + 1
    with pytest.raises(IdentityError, match=r"did not hold at 2026-01-02T00:05:01") as info:
        played.member.commit(played.request(2, weight=1))
    assert "wallet" in str(info.value.hint)
    assert (played.entropy.drawn, played.engine.steps, played.member.epsilon) == (drawn, steps, epsilon)


def test_member_is_warned_once_when_the_authorisation_may_end_too_soon(scene, caplog):
    played = scene(session(expires=1000 * (NOW + DAY)))
    with caplog.at_level(logging.WARNING):
        played.member.commit(played.request(1))
        played.member.commit(played.request(1))
    assert [r.message for r in caplog.records if "authorise a key again" in r.message] == [
        played.member._session.shortfall(MANIFEST, 1, NOW)
    ]


def test_renewed_session_sends_the_same_commitment_when_the_round_goes_on(scene, vault, counted):
    played = scene(session())
    request = played.request()
    first = played.member.commit(request)
    renewed = Member(
        vault,
        session(key="new key"),
        played.terms,
        played.chain,
        engine=LinearEngine(),
        entropy=counted(b"2"),
    )
    second = renewed.commit(request)
    assert second.payload_cid == first.payload_cid
    assert second.cid != first.cid
