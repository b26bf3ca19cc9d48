"""The ClientApp over Flower's real messages: parse, work, reply; nothing that goes wrong leaves in words."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message, RecordDict

from ceramic_bridge.events import create_init, decode
from client.app import build_client_app
from federation.errors import IdentityError, PeerError, PrivacyBudgetExhausted
from federation.grid import InProcessGrid
from federation.hashing import sha256
from federation.messages import (
    ACKNOWLEDGE,
    COMMIT,
    REVEAL,
    SECURE,
    Acknowledgement,
    CommitReply,
    CommitRequest,
    RevealReply,
    RevealRequest,
    SecureReply,
    SecureRequest,
)
from federation.payloads import Contribution
from federation.rounds import Base
from federation.secagg.stages import Stage
from federation.types import Hash32
from tests.agreed import DIM, DOMAIN, MODELS, identity

NODE = 77
BASE = Base(weights=np.arange(DIM), intercept=-3, beta_tenths=0, losses=())
SALT = Hash32(b"\x05" * 32)
STATEMENT = Contribution(domain=DOMAIN, round=2, base_hash=BASE.hash, commitment=sha256(b"c"), release=7)
EVENT = create_init(
    identity("member"), model=MODELS["contribution"], content=STATEMENT.content(), unique=b"\x01" * 12
)
COMMIT_REQUEST = CommitRequest(domain=DOMAIN, round=2, base=BASE)
REVEAL_REQUEST = RevealRequest(domain=DOMAIN, round=2, proof=(sha256(b"a"), sha256(b"b")))
SECURE_REQUEST = SecureRequest(
    domain=DOMAIN, round=2, attempt=1, stage=Stage.COMMIT, parts=(b"list", b"", b"base")
)
ACKNOWLEDGEMENT = Acknowledgement(domain=DOMAIN, round=2, delta_sha256=sha256(b"d"), signature=b"\x09" * 64)


class Scripted:
    """Notes what it is asked; raises what it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[object] = []
        self.error = error

    def _note(self, request: object) -> None:
        self.asked.append(request)
        if self.error:
            raise self.error

    def commit(self, request):
        self._note(request)
        return EVENT

    def reveal(self, request):
        self._note(request)
        return RevealReply(np.arange(DIM) - 7, SALT)

    def acknowledged(self, receipt):
        self._note(receipt)

    def secure(self, request):
        self._note(request)
        return SecureReply((b"keys", b""))


def ask(member: Scripted, content: RecordDict, message_type: str) -> Message:
    grid = InProcessGrid({NODE: build_client_app(member, dim=DIM)})
    (reply,) = grid.send_and_receive([Message(content, NODE, message_type, group_id="1.2")], timeout=9)
    return reply


def test_commit_reaches_the_member_when_it_is_asked_over_the_grid():
    member = Scripted()
    reply = ask(member, COMMIT_REQUEST.records(), COMMIT)
    (request,) = member.asked
    assert (request.domain, request.round, request.base.hash) == (DOMAIN, 2, BASE.hash)
    assert decode(CommitReply.parse(reply.content).event) == EVENT


def test_reveal_reaches_the_member_when_it_is_asked_over_the_grid():
    member = Scripted()
    reply = ask(member, REVEAL_REQUEST.records(), REVEAL)
    assert member.asked == [REVEAL_REQUEST]
    parsed = RevealReply.parse(reply.content, dim=DIM)
    assert parsed.salt == SALT
    assert np.array_equal(parsed.delta, np.arange(DIM) - 7)


def test_acknowledgement_reaches_the_member_when_it_is_sent_over_the_grid():
    member = Scripted()
    reply = ask(member, ACKNOWLEDGEMENT.records(), ACKNOWLEDGE)
    assert member.asked == [ACKNOWLEDGEMENT]
    assert not reply.has_error()
    assert dict(reply.content) == {}


def test_secure_stage_reaches_the_member_when_it_is_asked_over_the_grid():
    member = Scripted()
    reply = ask(member, SECURE_REQUEST.records(), SECURE)
    assert member.asked == [SECURE_REQUEST]
    assert SecureReply.parse(reply.content).parts == (b"keys", b"")


@pytest.mark.parametrize(
    ("content", "message_type"),
    [
        (COMMIT_REQUEST.records(), COMMIT),
        (REVEAL_REQUEST.records(), REVEAL),
        (ACKNOWLEDGEMENT.records(), ACKNOWLEDGE),
        (SECURE_REQUEST.records(), SECURE),
    ],
)
def test_every_failure_reads_the_same_when_it_leaves_the_member(content, message_type, capfd):
    secret = "row 17 says hello"
    errors = [
        PrivacyBudgetExhausted(secret),
        PeerError(secret),
        IdentityError(secret),
        ValueError(secret),
        MemoryError(secret),
    ]
    replies = [ask(Scripted(error), content, message_type) for error in errors]
    assert all(reply.has_error() for reply in replies)
    assert len({(reply.error.code, reply.error.reason) for reply in replies}) == 1
    assert secret not in replies[0].error.reason
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("message_type", [COMMIT, REVEAL, ACKNOWLEDGE, SECURE])
@pytest.mark.parametrize(
    "content", [RecordDict({}), RecordDict({"round": ConfigRecord({"epoch": "one"})})], ids=["empty", "odd"]
)
def test_member_is_not_asked_when_a_request_is_malformed(content, message_type):
    member = Scripted()
    assert ask(member, content, message_type).has_error()
    assert member.asked == []
