"""The book of nodes: whose statements count, what replaces what, what survives."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from aggregator.noderoutes import router
from aggregator.nodes import OLDEST, Admission, NodeBook
from federation.errors import IdentityError, PeerError
from federation.nodestatement import MOST_BYTES, NodeStatement, member_digest, prove_possession
from federation.types import Address
from tests.agreed import DOMAIN, MODELS, identity
from tests.wallets import NOTES, NOW, session

PAYEE = Address("0x" + "11" * 20)
MEMBER = identity("member")


class Gate:
    """As Flower does: a key that was put out stays out, and a lost database forgets all."""

    def __init__(self):
        self.inside, self.out, self.number, self.asked = {}, set(), 2**64 - 10, 0
        self.broken = False

    def register(self, key):
        self.asked += 1
        if self.broken:
            raise PeerError("the SuperLink's control API does not answer")
        if key in self.out:
            raise IdentityError("this node's key was given up before")
        if key not in self.inside:
            self.number -= 1
            self.inside[key] = self.number
        return self.inside[key]

    def unregister(self, number):
        for key in [k for k, n in self.inside.items() if n == number]:
            del self.inside[key]
            self.out.add(key)

    def nodes(self):
        return {key: (number, "registered") for key, number in self.inside.items()}

    def lose(self):
        self.inside.clear()
        self.out.clear()


def node_key(secret):
    return ec.derive_private_key(secret, ec.SECP384R1())


def statement(signer=MEMBER, *, secret=1, at=NOW, did=None, capability=b"", **changes):
    name = did or signer.did
    point, possession = prove_possession(node_key(secret), DOMAIN.chain_id, DOMAIN.federation, name)
    digest = member_digest(DOMAIN.chain_id, DOMAIN.federation, name, point, at)
    made = NodeStatement(
        chain_id=DOMAIN.chain_id,
        federation=DOMAIN.federation,
        did=name,
        payee=PAYEE,
        node_key=point,
        at=at,
        signer=signer.did,
        signature=signer.sign(digest),
        possession=possession,
        capability=capability,
    )
    return replace(made, **changes)


def by_session(**changes):
    held = session(**changes)
    return statement(held.identity, did=held.did, capability=held.capability.block)


def admission(admits=lambda did, payee: True):
    return Admission(
        chain_id=DOMAIN.chain_id,
        federation=DOMAIN.federation,
        contribution=MODELS["contribution"],
        admits=admits,
    )


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def book(tmp_path, gate):
    made = NodeBook(tmp_path / "nodes.db", gate)
    yield made
    made.close()


def test_node_is_let_in_when_its_member_says_so(book, gate):
    said = statement()
    number = book.admit(said, admission(), now=NOW)
    assert dict(book) == {MEMBER.did: number}
    assert gate.inside == {said.key_pem(): number}


def test_same_number_comes_back_when_a_statement_comes_again(book, gate):
    first = book.admit(statement(), admission(), now=NOW)
    assert book.admit(statement(), admission(), now=NOW + 1) == first
    assert book.admit(statement(at=NOW + 5), admission(), now=NOW + 5) == first
    assert gate.asked == 1


def test_older_node_is_put_out_when_a_newer_statement_names_another(book, gate):
    old = book.admit(statement(), admission(), now=NOW)
    new = book.admit(statement(secret=2, at=NOW + 1), admission(), now=NOW + 1)
    assert old != new
    assert dict(book) == {MEMBER.did: new}
    assert list(gate.inside.values()) == [new]


@pytest.mark.parametrize("at", [NOW, NOW - 1])
def test_replayed_statement_is_refused_when_a_newer_one_is_known(book, at):
    new = book.admit(statement(secret=2), admission(), now=NOW)
    with pytest.raises(IdentityError, match="newer"):
        book.admit(statement(secret=1, at=at), admission(), now=NOW)
    assert dict(book) == {MEMBER.did: new}


def test_key_is_refused_when_it_was_given_up_before(book):
    book.admit(statement(), admission(), now=NOW)
    new = book.admit(statement(secret=2, at=NOW + 1), admission(), now=NOW)
    with pytest.raises(IdentityError, match="given up"):
        book.admit(statement(secret=1, at=NOW + 2), admission(), now=NOW)
    assert dict(book) == {MEMBER.did: new}


@pytest.mark.parametrize("late", [OLDEST + 1, -OLDEST - 1])
def test_statement_is_refused_when_it_was_not_signed_just_now(book, gate, late):
    with pytest.raises(IdentityError, match="just now"):
        book.admit(statement(), admission(), now=NOW + late)
    assert gate.asked == 0


OTHER = identity("other")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (statement(signature=bytes(64)), "signature is not by"),
        (statement(OTHER, did=MEMBER.did), "another key than the member's"),
        (replace(statement(), signer=OTHER.did), "another key than the member's"),
        (statement(federation=Address("0x" + "cd" * 20)), "another federation"),
        (statement(chain_id=1), "another federation"),
        (statement(at=NOW + 1, signature=statement().signature), "signature is not by"),
        (statement(node_key=statement(OTHER, secret=3).node_key), "signature is not by"),
        (statement(possession=statement(OTHER).possession), "own key has not signed"),
        (statement(capability=b"\xa0"), "malformed"),
        (by_session(key=OTHER, resources=(f"ceramic://*?model={NOTES}",)), "does not cover"),
        (by_session(expires=1000 * NOW - 1), "not valid now"),
        (by_session(issued_at=1000 * (NOW + 400)), "not valid now"),
        (replace(by_session(), did=OTHER.did), "another account"),
        (replace(by_session(), signer=OTHER.did), "another key"),
        (replace(by_session(), capability=session(owner="somebody").capability.block), "another account"),
        (replace(by_session(), capability=b""), "another key than the member's"),
    ],
)
def test_statement_is_refused_when_its_signer_may_not_make_it(book, gate, said, reason):
    with pytest.raises(IdentityError, match=reason):
        book.admit(said, admission(), now=NOW)
    assert (gate.asked, dict(book)) == (0, {})


def test_session_speaks_for_its_account_when_the_wallet_let_it_contribute(book):
    said = by_session()
    assert said.did.startswith("did:pkh:")
    assert book.admit(said, admission(), now=NOW) == book[said.did]


def test_node_is_refused_when_its_member_is_not_admitted(book, gate):
    asked = []

    def nobody(did, payee):
        asked.append((did, payee))
        return False

    with pytest.raises(IdentityError, match="neither admitted nor registered"):
        book.admit(statement(), admission(nobody), now=NOW)
    assert asked == [(MEMBER.did, PAYEE)]
    assert gate.asked == 0
    # The chain is asked for nobody who cannot sign.
    with pytest.raises(IdentityError):
        book.admit(statement(signature=bytes(64)), admission(nobody), now=NOW)
    assert len(asked) == 1


def test_node_is_refused_when_it_connects_for_another_member(book):
    book.admit(statement(), admission(), now=NOW)
    with pytest.raises(IdentityError, match="another member"):
        book.admit(statement(OTHER, secret=1), admission(), now=NOW)


def test_everybody_is_let_in_again_when_the_superlink_has_forgotten(book, gate):
    for i, member in enumerate((MEMBER, OTHER), 1):
        book.admit(statement(member, secret=i), admission(), now=NOW)
    before = dict(book)
    gate.lose()
    gate.asked = 0
    book.restore()
    assert book.keys() == before.keys()
    assert set(book.values()).isdisjoint(before.values())
    assert set(gate.inside.values()) == set(book.values())
    book.restore()
    assert gate.asked == 2


def test_member_must_sign_again_when_its_key_was_given_up(book, gate, caplog):
    number = book.admit(statement(), admission(), now=NOW)
    gate.unregister(number)
    book.restore()
    assert dict(book) == {}
    assert "not let in again" in caplog.text
    with pytest.raises(IdentityError, match="newer"):
        book.admit(statement(secret=2, at=NOW - 1), admission(), now=NOW)
    assert book.admit(statement(secret=2, at=NOW + 1), admission(), now=NOW) == book[MEMBER.did]


def test_book_is_as_before_when_it_is_opened_again(tmp_path, gate, book):
    number = book.admit(statement(), admission(), now=NOW)
    again = NodeBook(tmp_path / "nodes.db", gate)
    assert dict(again) == {MEMBER.did: number}
    assert (tmp_path / "nodes.db").stat().st_mode & 0o077 == 0
    again.close()


def test_nothing_is_noted_when_the_superlink_does_not_answer(book, gate):
    gate.broken = True
    with pytest.raises(PeerError):
        book.admit(statement(), admission(), now=NOW)
    assert dict(book) == {}
    gate.broken = False
    assert book.admit(statement(), admission(), now=NOW) == book[MEMBER.did]


@pytest.mark.parametrize("step", ["register", "unregister"])
def test_member_comes_in_when_the_aggregator_died_between_two_steps(tmp_path, gate, book, step, monkeypatch):
    book.admit(statement(), admission(), now=NOW)
    with monkeypatch.context() as dying:
        real = getattr(gate, step)

        def die(value):
            real(value)
            raise KeyboardInterrupt

        dying.setattr(gate, step, die)
        with pytest.raises(KeyboardInterrupt):
            book.admit(statement(secret=2, at=NOW + 1), admission(), now=NOW)
    again = NodeBook(tmp_path / "nodes.db", gate)
    again.restore()
    number = again.admit(statement(secret=2, at=NOW + 1), admission(), now=NOW)
    assert dict(again) == {MEMBER.did: number}
    assert list(gate.inside.values()) == [number]
    again.close()


def test_member_is_put_out_when_the_operator_says_so(book, gate):
    book.admit(statement(), admission(), now=NOW)
    assert book.remove(MEMBER.did)
    assert not book.remove(MEMBER.did)
    assert (dict(book), gate.inside) == ({}, {})


def test_each_member_has_one_number_when_many_sign_in_at_once(book, gate):
    members = [identity(f"m{i}") for i in range(8)]
    said = [statement(m, secret=i + 1) for i, m in enumerate(members)]
    threads = [threading.Thread(target=book.admit, args=(s, admission()), kwargs={"now": NOW}) for s in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {m.did for m in members} == set(book)
    assert sorted(gate.inside.values()) == sorted(book.values())


def test_round_looks_nodes_up_when_the_superlink_hesitates(book, gate, monkeypatch):
    number = book.admit(statement(), admission(), now=NOW)
    asked, go_on = threading.Event(), threading.Event()

    def hesitate(key):
        asked.set()
        assert go_on.wait(20)
        return 1

    monkeypatch.setattr(gate, "register", hesitate)
    other = threading.Thread(
        target=book.admit, args=(statement(OTHER, secret=2), admission()), kwargs={"now": NOW}
    )
    other.start()
    try:
        assert asked.wait(20)
        seen = []
        reader = threading.Thread(target=lambda: seen.extend([book[MEMBER.did], list(book), len(book)]))
        reader.start()
        reader.join(5)
        assert seen == [number, [MEMBER.did], 1]
    finally:
        go_on.set()
        other.join()


# The desk


def ask(book, method, path, body=b"", *, at=NOW, admits=lambda did, payee: True, slow=False):
    """Status and body of a request, without a server."""
    app = FastAPI()
    app.include_router(router(book, admission(admits), root=lambda: b"PEM"))
    told = []

    async def receive():
        if slow:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        told.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [],
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("desk", 80),
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    return told[0]["status"], b"".join(m.get("body", b"") for m in told[1:])


@pytest.fixture
def frozen(monkeypatch):
    monkeypatch.setattr("aggregator.nodes.time.time", lambda: NOW)


def test_desk_tells_the_number_when_a_statement_counts(book, frozen):
    status, body = ask(book, "POST", "/v1/nodes", statement().to_bytes())
    assert (status, json.loads(body)) == (200, {"node": str(book[MEMBER.did])})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 400),
        (b" " * (MOST_BYTES + 1), 400),
        (statement(signature=bytes(64)).to_bytes(), 403),
    ],
    ids=["form", "length", "signature"],
)
def test_desk_says_why_when_a_statement_does_not_count(book, frozen, body, status):
    got, told = ask(book, "POST", "/v1/nodes", body)
    assert got == status
    assert set(json.loads(told)["error"]) == {"code", "message", "hint"}
    assert dict(book) == {}


def test_desk_tells_nothing_of_its_inside_when_something_there_is_wrong(book, gate, frozen):
    gate.broken = True
    status, body = ask(book, "POST", "/v1/nodes", statement().to_bytes())
    assert status == 503
    assert "SuperLink" not in body.decode()


def test_desk_gives_up_when_a_statement_comes_too_slowly(book, monkeypatch):
    monkeypatch.setattr("aggregator.noderoutes._SECONDS", 0.05)
    assert ask(book, "POST", "/v1/nodes", slow=True)[0] == 408


def test_desk_hands_out_the_authority_when_it_is_asked(book):
    assert ask(book, "GET", "/v1/nodes/root.pem") == (200, b"PEM")
