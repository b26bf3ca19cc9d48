"""Admission: each unusable reply has its reason, and none raises anything else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, RecordDict

from aggregator.admission import admit_commit, admit_reveal, answered
from aggregator.delegation import authority_at
from aggregator.epoch import OpenEpoch
from aggregator.terms import admit, epoch_terms
from ceramic_bridge.events import InitPayload, JsonPatchOp, SignedEvent, create_data, create_init, encode
from federation.delta import delta_hash
from federation.grid import InProcessGrid
from federation.hashing import commitment, sha256
from federation.messages import CommitReply, Rejected, RevealReply
from federation.models.linear import Design, Examples
from federation.payloads import Contribution
from federation.roster import Roster
from federation.types import Address, Hash32
from federation.validation import Index
from tests.agreed import DIM, DOMAIN, MODELS, SILENT_SIGMA, agreed, identity

ME, OTHER = identity("member"), identity("another member")
BASE = sha256(b"base")
NOW = 1_767_225_600
SALT = Hash32(b"\x05" * 32)
QUOTA = 3
MANIFEST = agreed(privacy=SILENT_SIGMA)
ROSTER = Roster({ME.did: QUOTA, OTHER.did: 2 * QUOTA}, bytes(64))
ADMITTED = admit(MANIFEST, ROSTER, {})
EPOCH = OpenEpoch(
    manifest=MANIFEST,
    domain=DOMAIN,
    roster=ROSTER,
    admitted=ADMITTED,
    consents=(),
    terms=epoch_terms(
        MANIFEST,
        ADMITTED,
        validation_root=sha256(b"validation"),
        mean_hash=sha256(b"mean"),
        public_hash=sha256(b"public"),
        roster_hash=ROSTER.hash,
        provider_tips=[sha256(b"tip")] * 3,
    ),
    index=Index(()),
    mean=np.zeros(DIM, dtype=np.int64),
    public=Design.build(Examples.build([], []), np.zeros(DIM, dtype=np.int64)),
    models=MODELS,
)
CAP = EPOCH.cap(ME.did)
STATEMENT = Contribution(domain=DOMAIN, round=2, base_hash=BASE, commitment=sha256(b"commitment"), release=7)


def request() -> Message:
    # A grid gives the process the identity without which Flower makes no messages.
    InProcessGrid({})
    return Message(RecordDict({}), 77, "train.commit", group_id="1.2")


def wrapped(content: RecordDict) -> Message:
    return Message(content, reply_to=request())


def failed() -> Message:
    return Message(Error(3, "the member refused"), reply_to=request())


def event_of(statement: Contribution = STATEMENT, *, signer=ME, model: str = "contribution") -> SignedEvent:
    return create_init(
        signer, model=MODELS[model], content=statement.content(), unique=statement.commitment[:12]
    )


def commit_with(data: bytes):
    return admit_commit(
        wrapped(CommitReply(data).records()), ME.did, EPOCH, 2, BASE, authority=authority_at(NOW)
    )


def reason_of_commit(data: bytes) -> str:
    with pytest.raises(Rejected) as info:
        commit_with(data)
    return info.value.message


def test_commitment_is_admitted_when_its_member_signed_it_for_this_round():
    event = event_of()
    admitted = commit_with(encode(event))
    assert (admitted.event, admitted.commitment) == (event, STATEMENT.commitment)


def test_commitment_is_rejected_when_another_signed_it():
    assert reason_of_commit(encode(event_of(signer=OTHER))) == "wrong-signer"


def test_commitment_is_rejected_when_it_was_trained_on_another_base():
    stale = replace(STATEMENT, base_hash=sha256(b"an earlier base"))
    assert reason_of_commit(encode(event_of(stale))) == "stale-base"


@pytest.mark.parametrize(
    "statement",
    [
        replace(STATEMENT, round=1),
        replace(STATEMENT, round=3),
        replace(STATEMENT, domain=replace(DOMAIN, epoch=2)),
        replace(STATEMENT, domain=replace(DOMAIN, chain_id=1)),
        replace(STATEMENT, domain=replace(DOMAIN, federation=Address("0x" + "cd" * 20))),
    ],
)
def test_commitment_is_rejected_when_it_is_for_another_place(statement):
    assert reason_of_commit(encode(event_of(statement))) == "bad-event"


def test_commitment_is_rejected_when_its_event_is_of_another_kind():
    content = {
        "kind": "data",
        "federation": DOMAIN.federation,
        "payee": DOMAIN.federation,
        "count": 3,
        "root": BASE.hex(),
        "head": BASE.hex(),
    }
    data = create_init(ME, model=MODELS["data"], content=content, unique=None)
    assert reason_of_commit(encode(data)) == "not-a-contribution"


def test_commitment_is_rejected_when_it_changes_a_stream_and_begins_none():
    begun = event_of()
    patch = [JsonPatchOp(op="replace", path="/round", value=2)]
    change = create_data(ME, stream=begun.stream_id, prev=begun.cid, patch=patch)
    assert reason_of_commit(encode(change)) == "not-a-contribution"


def test_commitment_is_rejected_when_its_model_is_another_communitys():
    payload = event_of().payload
    assert isinstance(payload, InitPayload)
    foreign = event_of(signer=OTHER).stream_id
    event = create_init(
        ME, model=replace(foreign, type=MODELS["data"].type), content=payload.content, unique=None
    )
    assert reason_of_commit(encode(event)) == "bad-event"


def test_commitment_is_rejected_when_its_model_and_content_disagree():
    with pytest.raises(Rejected) as info:
        commit_with(encode(event_of(model="round-receipt")))
    assert info.value.message == "bad-event"


@pytest.mark.parametrize("cut", [0, 1, 10, 100, -1])
def test_commitment_is_rejected_when_its_event_is_cut_short(cut):
    assert reason_of_commit(encode(event_of())[:cut]) == "bad-event"


def test_commitment_is_rejected_when_any_byte_of_it_is_another():
    data = encode(event_of())
    for i in range(0, len(data), 3):
        changed = data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]
        assert reason_of_commit(changed) in {"bad-event", "wrong-signer", "not-a-contribution"}, i


def test_reply_is_rejected_when_it_is_missing_or_an_error():
    for message, reason in ((None, "no-reply"), (failed(), "client-error")):
        with pytest.raises(Rejected, match=reason):
            admit_commit(message, ME.did, EPOCH, 2, BASE, authority=authority_at(NOW))
        with pytest.raises(Rejected, match=reason):
            admit_reveal(message, ME.did, EPOCH, 2, base_hash=BASE, committed=sha256(b""))


def test_member_has_answered_when_it_sent_something_of_its_own():
    messages = {ME.did: wrapped(RecordDict({})), OTHER.did: failed()}
    assert answered(messages, ME.did)
    assert not answered(messages, OTHER.did)
    assert not answered({ME.did: None}, ME.did)
    assert not answered({}, ME.did)


def committed_to(delta, **changes) -> Hash32:
    facts = {"did": ME.did, "base_hash": BASE, "delta_sha256": delta_hash(delta), "salt": SALT, **changes}
    domain, round_ = facts.pop("domain", DOMAIN), facts.pop("round_", 2)
    return commitment(domain, round_, **facts)


def reveal(delta, *, salt: Hash32 = SALT, committed: Hash32 | None = None) -> RevealReply:
    message = wrapped(RevealReply(delta, salt).records())
    digest = committed_to(delta) if committed is None else committed
    return admit_reveal(message, ME.did, EPOCH, 2, base_hash=BASE, committed=digest)


def reason_of_reveal(*args, **kwargs) -> str:
    with pytest.raises(Rejected) as info:
        reveal(*args, **kwargs)
    return info.value.message


def first(value: int):
    delta = np.zeros(DIM, dtype=np.int64)
    delta[0] = value
    return delta


def test_delta_is_admitted_when_it_is_the_committed_one():
    delta = np.arange(DIM) - 5
    assert reveal(delta).delta.tolist() == delta.tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {"did": OTHER.did},
        {"base_hash": sha256(b"another")},
        {"delta_sha256": sha256(b"another")},
        {"salt": Hash32(bytes(32))},
        {"round_": 1},
        {"domain": replace(DOMAIN, epoch=2)},
    ],
)
def test_delta_is_rejected_when_it_does_not_open_the_commitment(changes):
    delta = np.arange(DIM)
    assert reason_of_reveal(delta, committed=committed_to(delta, **changes)) == "commitment-mismatch"


def test_delta_is_rejected_when_its_norm_is_one_unit_over_the_cap():
    assert reveal(first(CAP)).delta[0] == CAP
    assert reveal(first(-CAP)).delta[0] == -CAP
    assert reason_of_reveal(first(CAP + 1)) == "over-cap"
    assert reason_of_reveal(first(-CAP - 1)) == "over-cap"
    spread = np.full(DIM, CAP // 8, dtype=np.int64)
    assert reveal(spread).delta[0] == CAP // 8
    assert reason_of_reveal(spread + 1) == "over-cap"


@pytest.mark.parametrize("value", [1 << 32, 1 << 53, 1 << 62, (1 << 63) - 1, -(1 << 63)])
def test_delta_is_rejected_when_the_square_of_its_norm_would_wrap_around(value):
    assert reason_of_reveal(first(value)) == "over-cap"
    assert reason_of_reveal(np.full(DIM, value, dtype=np.int64)) == "over-cap"


def test_cap_follows_the_quota_when_members_differ():
    assert EPOCH.cap(OTHER.did) > CAP
    assert EPOCH.norm_bound == EPOCH.cap(OTHER.did)
    noisy = replace(EPOCH, manifest=agreed())
    assert noisy.cap(ME.did) > round(0.25 * QUOTA * 2**16)


def test_delta_is_rejected_when_it_is_no_vector_of_integers():
    records = RecordDict(
        {
            "arrays": ArrayRecord({"delta": Array(np.full(DIM, np.nan))}),
            "reveal": ConfigRecord({"salt": SALT}),
        }
    )
    with pytest.raises(Rejected, match="not-finite"):
        admit_reveal(wrapped(records), ME.did, EPOCH, 2, base_hash=BASE, committed=sha256(b""))
    assert reason_of_reveal(np.zeros(DIM + 1, dtype=np.int64)) == "wrong-shape-or-type"
