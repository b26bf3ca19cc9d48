"""Capabilities at the aggregator: who speaks for an account, and when that counts."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flwr.app import Message, RecordDict

from aggregator.admission import MAX_GRANT, OPENING, admit_commit, admit_imports
from aggregator.delegation import (
    authority_at,
    holds,
    require_revocation,
    speaker,
    with_revocations,
)
from aggregator.settlement import wanted_payees
from aggregator.terms import admit
from ceramic_bridge.authority import SKEW, Authority, revocation
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, URL_SCHEME
from ceramic_bridge.dagcbor import decode as read
from ceramic_bridge.dagcbor import encode as write
from ceramic_bridge.events import SignedEvent, create_init, encode
from ceramic_bridge.pkh import Account
from client.identity import Session
from federation.errors import IdentityError, PeerError
from federation.grid import InProcessGrid
from federation.hashing import sha256
from federation.messages import CommitReply, Rejected
from federation.payloads import NOTHING, Contribution, DataImport
from federation.roster import Roster
from federation.types import Address, Did
from tests.agreed import DOMAIN, MODELS, agreed, identity
from tests.wallets import NOTES, NOW, own_revocation, session, wallet, with_capability

BASE = sha256(b"base")
EPOCH: Any = SimpleNamespace(models=MODELS, domain=DOMAIN)
STATEMENT = Contribution(domain=DOMAIN, round=2, base_hash=BASE, commitment=sha256(b"commitment"), release=7)
PAYEE = Address("0x" + "77" * 20)
HOUR = 3600
OWNER = session()
IN_TIME = authority_at(NOW)
EVERYTHING = (f"{URL_SCHEME}*",)
DATA_ONLY = (f"{URL_SCHEME}*?model={MODELS['data']}",)


def contribution(by: Session = OWNER, statement: Contribution = STATEMENT) -> SignedEvent:
    return by.sign(statement.content(), model=MODELS["contribution"], unique=bytes(12))


def admitted(event: SignedEvent | bytes, did: Did = OWNER.did, *, authority: Authority = IN_TIME):
    InProcessGrid({})
    data = event if isinstance(event, bytes) else encode(event)
    request = Message(RecordDict({}), 77, "train.commit", group_id="1.2")
    message = Message(CommitReply(data).records(), reply_to=request)
    return admit_commit(message, did, EPOCH, 2, BASE, authority=authority)


def reason(event: SignedEvent | bytes, did: Did = OWNER.did, **more) -> str:
    with pytest.raises(Rejected) as info:
        admitted(event, did, **more)
    return info.value.message


def test_contribution_is_admitted_when_the_accounts_session_key_signed_it():
    assert OWNER.did == Account.of(wallet("owner").address).did
    event = contribution()
    assert event.signer != OWNER.did
    assert admitted(event).event == event


@pytest.mark.parametrize(
    ("seconds", "good"),
    [(-SKEW // 1000 - 1, False), (-SKEW // 1000, True), (HOUR + SKEW // 1000, True)],
)
def test_contribution_counts_when_the_round_opened_while_the_capability_held(seconds, good):
    short = session(expires=1000 * (NOW + HOUR))
    authority = authority_at(NOW + seconds)
    if good:
        assert admitted(contribution(short), authority=authority)
    else:
        assert reason(contribution(short), authority=authority) == "not-authorised"


def test_contribution_is_rejected_when_the_capability_ended_before_the_round():
    late = authority_at(NOW + HOUR + SKEW // 1000 + 1)
    short = session(expires=1000 * (NOW + HOUR))
    assert reason(contribution(short), authority=late) == "not-authorised"


def test_contribution_is_rejected_when_the_capability_is_not_yet_valid():
    later = session(not_before=1000 * (NOW + HOUR))
    assert reason(contribution(later)) == "not-authorised"
    assert admitted(contribution(later), authority=authority_at(NOW + HOUR))


def test_contribution_is_rejected_when_its_key_ended_the_capability_before():
    authority = with_revocations(authority_at(NOW), [own_revocation(OWNER)])
    assert reason(contribution(), authority=replace(authority, now=authority.now + 1)) == "not-authorised"
    # Another session of the same account goes on.
    other = session(key="another key")
    assert admitted(contribution(other), authority=authority)


def test_revocation_does_nothing_when_a_stranger_or_another_member_says_so():
    assert OWNER.capability is not None
    content = revocation(OWNER.capability)
    strangers = [
        create_init(identity("stranger"), model=NOTES, content=content, unique=bytes(12)),
        session("thief", "thief's key", resources=EVERYTHING).sign(content, model=NOTES, unique=bytes(12)),
    ]
    assert admitted(contribution(), authority=with_revocations(authority_at(NOW), strangers))


def test_revocation_counts_when_the_account_says_so_by_another_key():
    assert OWNER.capability is not None
    spare = session(key="spare", resources=(f"{URL_SCHEME}*?model={NOTES}",))
    ends = spare.sign(revocation(OWNER.capability), model=NOTES, unique=bytes(12))
    authority = with_revocations(authority_at(NOW), [ends])
    assert reason(contribution(), authority=authority) == "not-authorised"


def test_revocation_is_refused_when_the_capability_that_carries_it_is_over():
    assert OWNER.capability is not None
    spare = session(key="spare", resources=(f"{URL_SCHEME}*?model={NOTES}",))
    ends = spare.sign(revocation(OWNER.capability), model=NOTES, unique=bytes(12))
    authority = with_revocations(authority_at(NOW), [own_revocation(spare)])
    assert not holds(ends, authority)
    with pytest.raises(IdentityError, match="revoked"):
        with_revocations(authority, [ends])


def test_two_sessions_can_end_each_other_when_they_do_so_in_one_round():
    one, two = (session(key=k, resources=EVERYTHING) for k in ("one", "two"))
    assert one.capability is not None
    assert two.capability is not None
    events = [
        one.sign(revocation(two.capability), model=NOTES, unique=bytes(12)),
        two.sign(revocation(one.capability), model=NOTES, unique=bytes(12)),
    ]
    for order in (events, events[::-1]):
        authority = with_revocations(authority_at(NOW), order)
        assert {reason(contribution(s), authority=authority) for s in (one, two)} == {"not-authorised"}


def test_members_session_cannot_end_anothers_capability_when_it_covers_member_events_only():
    assert OWNER.capability is not None
    thief = session(key="stolen")
    with pytest.raises(IdentityError, match="does not cover"):
        thief.sign(revocation(OWNER.capability), model=NOTES, unique=bytes(12))
    disguised = thief.sign(revocation(OWNER.capability), model=MODELS["contribution"], unique=bytes(12))
    with pytest.raises(PeerError, match="another model"):
        require_revocation(disguised, MODELS.values())


@pytest.mark.parametrize("content", [{"kind": "capability-revocation", "capability": "bafy"}])
def test_revocation_is_refused_when_it_names_no_capability(content):
    event = create_init(identity("key"), model=NOTES, content=content, unique=bytes(12))
    with pytest.raises(PeerError):
        require_revocation(event, MODELS.values())


# Attacks


def test_forged_event_is_made_right_when_nothing_is_wrong_with_it():
    assert admitted(with_capability(contribution(), OWNER, identity("key")))


@pytest.mark.parametrize(
    ("used", "key"),
    [
        pytest.param(OWNER, "another key", id="another key's capability"),
        pytest.param(session("another", "key"), "key", id="another wallet's capability"),
        pytest.param(
            session(resources=(f"{URL_SCHEME}*?model={MODELS['data']}",)),
            "key",
            id="another model's resource",
        ),
        pytest.param(session(resources=()), "key", id="no resource"),
    ],
)
def test_contribution_is_rejected_when_its_capability_is_not_for_it(used, key):
    assert reason(with_capability(contribution(), used, identity(key))) == "bad-event"


def test_contribution_is_rejected_when_its_capability_would_swell_the_log():
    assert OWNER.capability is not None
    room = MAX_GRANT - len(OWNER.capability.block)
    nonce = OWNER.capability.grant.nonce
    assert admitted(contribution(session(nonce=nonce + "0" * (room - 8))))
    assert reason(contribution(session(nonce=nonce + "0" * (room + 1)))) == "capability-too-large"


def test_contribution_is_rejected_when_its_capability_was_swapped_after_signing():
    event, other = contribution(), session(nonce="another0nonce")
    assert other.capability is not None
    assert OWNER.capability is not None
    data = encode(event)
    assert OWNER.capability.block in data
    assert reason(encode(replace(event, capability=other.capability))) == "bad-event"


def test_contribution_is_rejected_when_a_bit_of_its_capability_is_flipped():
    assert OWNER.capability is not None
    data = bytearray(encode(contribution()))
    at = data.find(OWNER.capability.block)
    for offset in range(0, len(OWNER.capability.block), 7):
        broken = bytearray(data)
        broken[at + offset] ^= 1
        assert reason(bytes(broken)) == "bad-event"


@pytest.mark.parametrize(
    "domain",
    [
        replace(DOMAIN, federation=Address("0x" + "cd" * 20)),
        replace(DOMAIN, chain_id=1),
        replace(DOMAIN, epoch=2),
    ],
)
def test_contribution_is_rejected_when_it_is_replayed_from_another_federation(domain):
    assert reason(contribution(statement=replace(STATEMENT, domain=domain))) == "bad-event"


def test_contribution_is_rejected_when_another_members_session_signed_it():
    other = session("another", "another key")
    assert reason(contribution(other)) == "wrong-signer"
    assert reason(contribution(), other.did) == "wrong-signer"


def test_contribution_is_rejected_when_the_key_speaks_for_itself():
    # A key's own stream beside the account's capability: it is the key's word, not the account's.
    alone = Session(identity=OWNER.identity)
    assert reason(contribution(alone)) == "wrong-signer"
    beside = with_capability(contribution(alone), OWNER, identity("key"))
    assert reason(beside) == "bad-event"
    assert reason(beside, alone.did) == "bad-event"


def test_contribution_counts_for_its_own_did_only_when_the_account_is_named_on_another_chain():
    there = session(issuer=Account.of(wallet("owner").address, 137).issuer)
    assert reason(contribution(there)) == "wrong-signer"
    assert admitted(contribution(there), there.did)


def test_session_of_a_key_is_no_authority_when_the_key_itself_is_the_member():
    assert reason(contribution(), OWNER.identity.did) == "wrong-signer"


def test_contribution_is_rejected_when_it_spells_the_account_in_mixed_case():
    event = contribution()

    block = read(event.payload_block)
    assert isinstance(block, dict)
    spelled = Account.of(wallet("owner").address).issuer
    assert spelled != OWNER.did
    block["header"]["controllers"] = [spelled]  # type: ignore[index, call-overload]  # known shape

    payload = Block.of(DAG_CBOR, write(block))
    mixed = with_capability(
        replace(event, payload_cid=payload.cid, payload_block=payload.data), OWNER, identity("key")
    )
    assert reason(mixed) == "wrong-signer"


# The roster


@pytest.mark.parametrize(
    "spelling",
    [
        Account.of(wallet("owner").address).issuer,
        Did(OWNER.did.replace("0x", "0X")),
        Did(OWNER.did + " "),
        Did("did:pkh:solana:main:abc"),
        Did(OWNER.did.replace(":1:", ":01:")),
    ],
)
def test_roster_is_refused_when_an_account_is_not_in_its_one_form(spelling):
    assert len(admit(agreed(), Roster({OWNER.did: 1}, b""), {})) == 1
    with pytest.raises(IdentityError):
        admit(agreed(), Roster({OWNER.did: 1, spelling: 1}, b""), {})


# Imports


def data_event(by: Session = OWNER, *, payee: Address = PAYEE, federation: Address = DOMAIN.federation):
    statement = DataImport(federation=federation, payee=payee, count=3, root=sha256(b"root"), head=NOTHING)
    return by.sign(statement.content(), model=MODELS["data"], unique=bytes(12))


def imports(*events: SignedEvent, members=(OWNER.did,), now: int = NOW):
    return admit_imports(events, federation=DOMAIN.federation, members=members, models=MODELS, now=now)


def test_payee_is_the_accounts_when_its_session_key_names_it():
    found = imports(data_event())
    assert not found.refused
    assert wanted_payees(found.admitted) == {OWNER.did: PAYEE}


def test_import_counts_once_when_two_session_keys_of_an_account_name_payees():
    first, second = data_event(), data_event(session(key="2"), payee=Address("0x" + "88" * 20))
    found = imports(first, second)
    assert wanted_payees(found.admitted) == {OWNER.did: PAYEE}
    assert found.refused == {second.cid: "second-import"}


def test_import_is_refused_alone_when_something_is_wrong_with_it():
    good = data_event(session("another", "k"))
    short = session(expires=1000 * (NOW + OPENING) - SKEW - 1)
    bad = {
        data_event(short).cid: "not-authorised",
        data_event(Session(identity=identity("nobody"))).cid: "no-member",
        data_event(federation=Address("0x" + "cd" * 20)).cid: "not-an-import",
        contribution().cid: "not-an-import",
    }
    events = [
        data_event(short),
        data_event(Session(identity=identity("nobody"))),
        data_event(federation=Address("0x" + "cd" * 20)),
        contribution(),
        good,
    ]
    found = imports(*events, members=(OWNER.did, session("another", "k").did))
    assert found.admitted == (good,)
    assert found.refused == bad


def test_speaker_is_the_streams_controller_when_a_key_or_an_account_controls_it():
    assert speaker(contribution()) == OWNER.did
    assert speaker(contribution(Session(identity=OWNER.identity))) == OWNER.identity.did
