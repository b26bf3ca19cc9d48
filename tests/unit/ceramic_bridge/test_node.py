"""The node over HTTP: what it answers, what it refuses, and what slow and rude callers can do."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from ceramic_bridge import multibase
from ceramic_bridge.admission import read_event, write_event
from ceramic_bridge.authority import SKEW, revocation
from ceramic_bridge.cacao import Capability
from ceramic_bridge.errors import StoreError, TooLong
from ceramic_bridge.events import JsonPatchOp, create_data, create_init
from ceramic_bridge.node import limits as limiting
from ceramic_bridge.node.api import MAX_BODY, Policy
from ceramic_bridge.node.client import Patience, RemoteNode
from ceramic_bridge.node.intake import Intake, Overloaded
from ceramic_bridge.node.limits import Rate, RateLimiter
from ceramic_bridge.node.server import Limits, NodeServer
from ceramic_bridge.node.states import States, to_json
from ceramic_bridge.store.base import EVERYTHING, Interest, Query
from ceramic_bridge.store.sqlite import SqliteStore
from ceramic_bridge.sync import pull
from federation.errors import ConfigError, IdentityError, PeerError
from federation.types import Did
from tests.unit.ceramic_bridge.crowd import ALICE, BOB, NOTES, OTHER, anchor, edit, note, serving
from tests.unit.ceramic_bridge.test_bundle import delegated
from tests.unit.ceramic_bridge.test_cacao import END, START, grant, wallet

FIRST = note(1)
CHANGE = edit(FIRST, "changed")
POST = b"POST /ceramic/events HTTP/1.1\r\nHost: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
QUICK = Limits(max_connections=6, max_per_caller=6, head_seconds=0.4, body_seconds=0.4, send_seconds=0.4)


@pytest.fixture
def store(tmp_path):
    with SqliteStore(tmp_path / "node") as store:
        yield store


@pytest.fixture
def url(store):
    with serving(store) as url:
        yield url


def dial(url):
    parts = urlsplit(url)
    line = socket.create_connection((parts.hostname, parts.port), timeout=10)
    return closing(line)


def answer(line):
    """Everything until the node hangs up: status, head and body of the first answer."""
    data = b""
    try:
        while part := line.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    head, _, body = data.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else None), head.decode(), body


def ask(url, method, path, body=b"", extra=b"", host=b"localhost"):
    with dial(url) as line:
        length = f"Content-Length: {len(body)}\r\n".encode() if body else b""
        head = f"{method} /ceramic{path} HTTP/1.1\r\nConnection: close\r\n".encode()
        line.sendall(head + b"Host: " + host + b"\r\n" + length + extra + b"\r\n" + body)
        return answer(line)


def post(url, event):
    data = multibase.encode("m", write_event(event))
    return ask(url, "POST", "/events", json.dumps({"data": data}).encode(), JSON)


def get(url, path):
    status, _, body = ask(url, "GET", path)
    assert status == 200, body
    return json.loads(body)


pytestmark = pytest.mark.enable_socket


def test_event_is_stored_and_given_back_when_posted(url, store):
    assert post(url, FIRST)[0] == 204
    assert post(url, CHANGE)[0] == 204
    assert post(url, FIRST)[0] == 204
    assert store.position() == 2
    found = get(url, f"/events/{CHANGE.cid}")
    assert found == {"id": str(CHANGE.cid), "data": multibase.encode("m", write_event(CHANGE))}
    assert ask(url, "GET", f"/events/{note(2).cid}")[0] == 404


def test_post_is_refused_when_the_event_is_wrong_or_early(url, store):
    status, _, body = post(url, CHANGE)
    assert (status, "init event" in json.loads(body)["message"]) == (400, True)
    assert post(url, FIRST)[0] == 204
    assert post(url, edit(FIRST, "mine", author=BOB))[0] == 400
    assert post(url, anchor(note(2))[0])[0] == 400
    assert store.position() == 1


def test_post_is_held_to_the_clock_when_it_is_fresh_but_a_pull_is_not(url, store, tmp_path):
    old = delegated()
    assert time.time_ns() // 10**6 > END + SKEW
    status, _, body = post(url, old)
    assert (status, "expired" in json.loads(body)["message"]) == (400, True)
    store.add([old])
    with SqliteStore(tmp_path / "b") as other, RemoteNode(url) as peer:
        assert pull(other, peer, url).added == 1


@pytest.mark.parametrize(
    ("body", "extra", "status"),
    [
        (b"", JSON, 400),
        (b"{}", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b'{"data":"m"}', JSON, 400),
        (b'{"data":"zzzz"}', JSON, 400),
        (b'{"data":"mAAAA","more":1}', JSON, 400),
        (b'{"data":1}', JSON, 400),
        (b'{"data":"\xff"}', JSON, 400),
        (b'{"data":"m"}', b"Content-Type: text/plain\r\n", 400),
        (b'{"data":"m"}', b"", 400),
    ],
)
def test_post_is_refused_when_its_body_is_no_event(url, store, body, extra, status):
    code, _, text = ask(url, "POST", "/events", body, extra)
    assert code == status
    assert json.loads(text)["message"]
    assert store.position() == 0


def test_feed_is_read_by_token_when_paged(url, store):
    notes = [note(i) for i in range(5)]
    store.add(notes)
    assert get(url, "/feed/resumeToken") == {"resumeToken": "5"}
    page = get(url, "/feed/events?limit=2")
    assert page == {"events": [{"id": str(event.cid)} for event in notes[:2]], "resumeToken": "2"}
    page = get(url, "/feed/events?resumeAt=2&limit=10&includeData=full")
    assert [read_event(multibase.decode(one["data"])) for one in page["events"]] == notes[2:]
    assert get(url, "/feed/events?resumeAt=5") == {"events": [], "resumeToken": "5"}


@pytest.mark.parametrize(
    "path",
    [
        "/feed/events?limit=x",
        "/feed/events?resumeAt=-1",
        "/feed/events?resumeAt=99999999999999999999999",
        "/feed/events?includeData=some",
        "/feed/events?limit=1&limit=2",
        "/feed/events?" + "&".join(f"a{i}=1" for i in range(99)),
        "/events/nonsense",
        "/streams/nonsense",
        "/experimental/events/model/nonsense",
        f"/experimental/events/other/{NOTES}",
        f"/experimental/events/model/{NOTES}?streamId=nonsense",
        f"/experimental/events/model/{NOTES}?controller=",
    ],
)
def test_question_is_refused_when_it_has_no_meaning(url, path):
    assert ask(url, "GET", path)[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "", 404),
        ("DELETE", "/events", 405),
        ("GET", "/../ceramic/version", 404),
        ("OPTIONS", "/events", 200),
        ("GET", "/liveness", 200),
        ("POST", "/version", 200),
        ("GET", "/peers", 200),
        ("GET", "/config/network", 200),
    ],
)
def test_path_is_answered_when_it_is_in_the_interface_only(url, method, path, status):
    code, head, _ = ask(url, method, path)
    assert code == status
    assert "access-control" not in head.lower()


def test_matching_events_are_given_when_an_interest_is_asked_for(url, store):
    notes = [note(i, author=(ALICE, BOB)[i % 2], model=(NOTES, OTHER)[i % 3 == 0]) for i in range(12)]
    store.add(notes)
    first = get(url, f"/experimental/events/model/{OTHER}?limit=2")
    assert [one["id"] for one in first["events"]] == [str(notes[i].cid) for i in (0, 3)]
    assert (first["resumeOffset"], first["isComplete"]) == (4, False)
    rest = get(url, f"/experimental/events/model/{OTHER}?controller={BOB.did}&offset=4")
    assert [one["id"] for one in rest["events"]] == [str(notes[9].cid)]
    one = get(url, f"/experimental/events/model/{NOTES}?streamId={notes[1].stream_id}")
    assert ([entry["id"] for entry in one["events"]], one["isComplete"]) == ([str(notes[1].cid)], True)


def test_interests_are_kept_when_registered_either_way(url, store):
    body = {"sep": "model", "sepValue": str(NOTES), "controller": BOB.did}
    assert ask(url, "POST", "/interests", json.dumps(body).encode(), JSON)[0] == 204
    assert ask(url, "POST", f"/interests/model/{OTHER}?streamId={FIRST.stream_id}")[0] == 204
    wanted = (Interest(model=NOTES, controller=BOB.did), Interest(model=OTHER, stream=FIRST.stream_id))
    assert store.interests() == wanted
    assert len(get(url, "/experimental/interests")["interests"]) == 2
    assert ask(url, "POST", "/interests", b'{"sep":"model"}', JSON)[0] == 400
    for controller in ("\ud800", "", "did:a b", "did:" + "x" * 300):
        body["controller"] = Did(controller)
        assert ask(url, "POST", "/interests", json.dumps(body).encode(), JSON)[0] == 400
    assert store.interests() == wanted


def test_stream_state_is_that_of_all_its_events_when_asked_for(url, store):
    assert ask(url, "GET", f"/streams/{FIRST.stream_id}")[0] == 404
    store.add([FIRST])
    for event, text in ((FIRST, "note 1"), (CHANGE, "changed")):
        store.add([event])
        state = get(url, f"/streams/{FIRST.stream_id}")
        assert json.loads(multibase.decode(state["data"]))["content"] == {"text": text}
        assert (state["event_cid"], state["controller"]) == (str(event.cid), ALICE.did)
        assert multibase.decode(state["dimensions"]["model"]) == NOTES.to_bytes()


def test_state_is_refused_when_the_stream_is_too_long(store, monkeypatch):
    store.add([FIRST, CHANGE])
    monkeypatch.setattr("ceramic_bridge.node.states.MAX_EVENTS", 1)
    with pytest.raises(TooLong):
        States(store, lambda: 0).get(FIRST.stream_id)


def content_of(state):
    return json.loads(multibase.decode(state["data"]))["content"]


def test_anchored_branch_counts_when_the_chain_was_asked_and_not_before(url, store):
    other = edit(FIRST, "otherwise")
    longer = [CHANGE, edit(FIRST, "changed again", prev=CHANGE.cid)]
    early, late = anchor(other)[0], anchor(*longer)[1]
    store.add([FIRST, *longer, other, early, late])

    def text():
        return content_of(get(url, f"/streams/{FIRST.stream_id}"))["text"]

    assert text() == "changed again", "a time event proves nothing until a chain confirms it"
    store.confirm(early.cid, 5000)
    assert text() == "otherwise"
    store.confirm(late.cid, 4000)
    assert text() == "changed again"
    store.withdraw(late.cid)
    assert text() == "otherwise"
    store.withdraw(early.cid)
    assert text() == "changed again"


LATE = END + SKEW + 1


def test_capability_is_judged_by_the_confirmed_anchor_when_there_is_one_and_else_by_the_clock(store):
    event, now = delegated(), [START]
    (time,) = anchor(event)
    states = States(store, lambda: now[0])
    store.add([event, time])
    assert content_of(states.get(event.stream_id)) == {"text": "mine"}
    for now[0], wrong in ((START - SKEW - 1, "not valid before"), (LATE, "expired")):
        with pytest.raises(IdentityError, match=wrong):
            states.get(event.stream_id)
    store.confirm(time.cid, LATE)
    with pytest.raises(IdentityError, match="expired"):
        states.get(event.stream_id)
    store.confirm(time.cid, START)
    assert content_of(states.get(event.stream_id)) == {"text": "mine"}
    # An anchor of somebody else's can only help: the earliest counts.
    later = anchor(event, FIRST)[0]
    store.add([later])
    store.confirm(later.cid, LATE)
    assert content_of(states.get(event.stream_id)) == {"text": "mine"}


def test_state_is_that_before_an_event_whose_capability_did_not_hold(store):
    event, now = delegated(), [START]
    patch = [JsonPatchOp(op="replace", path="/text", value="stolen")]
    change = create_data(
        ALICE, stream=event.stream_id, prev=event.cid, patch=patch, capability=event.capability
    )
    (time,) = anchor(event)
    store.add([event, time, change])
    store.confirm(time.cid, START)
    states = States(store, lambda: now[0])
    assert content_of(states.get(event.stream_id)) == {"text": "stolen"}
    now[0] = LATE - 1
    assert content_of(states.get(event.stream_id)) == {"text": "stolen"}
    now[0] = LATE
    assert content_of(states.get(event.stream_id)) == {"text": "mine"}


def test_state_is_judged_by_the_revocations_when_the_store_holds_some(store):
    event, now = delegated(), [START]
    (time,) = anchor(event)
    stranger = create_init(BOB, model=NOTES, content=revocation(event.capability), unique=bytes(12))
    end = create_init(ALICE, model=NOTES, content=revocation(event.capability), unique=bytes(12))
    (end_time,) = anchor(end)
    states = States(store, lambda: now[0])
    store.add([event, time, stranger])
    first = states.get(event.stream_id)
    assert content_of(first) == {"text": "mine"}
    # In a stream of its own, after the state was worked out.
    store.add([end, end_time])
    with pytest.raises(IdentityError, match="revoked"):
        states.get(event.stream_id)
    now[0] = START + 10
    store.confirm(time.cid, START + 5)
    assert content_of(states.get(event.stream_id)) == {"text": "mine"}
    store.confirm(end_time.cid, START + 5)
    with pytest.raises(IdentityError, match="revoked"):
        states.get(event.stream_id)


def test_revocation_says_nothing_when_its_own_capability_is_revoked_elsewhere(store):
    event = delegated()
    spare = Capability.sign(grant(BOB.did, resources=("ceramic://*",)), wallet())
    end = create_init(
        BOB, model=NOTES, content=revocation(event.capability), unique=bytes(12), capability=spare
    )
    lost = create_init(BOB, model=NOTES, content=revocation(spare), unique=bytes(12))
    (lost_time,) = anchor(lost)
    states = States(store, lambda: START)
    store.add([event, end, lost, lost_time])
    with pytest.raises(IdentityError, match="revoked"):
        states.get(event.stream_id)
    store.confirm(lost_time.cid, START - 1)
    assert content_of(states.get(event.stream_id)) == {"text": "mine"}


def test_state_is_refused_when_too_many_revocations_speak_about_it(store, monkeypatch):
    monkeypatch.setattr("ceramic_bridge.judging.MAX_REVOCATIONS", 2)
    event = delegated()
    ends = [
        create_init(who, model=NOTES, content=revocation(event.capability), unique=bytes(11) + bytes((n,)))
        for n in range(3)
        for who in (ALICE, BOB)
    ]
    states = States(store, lambda: START)
    # Strangers' are not looked at.
    store.add([event, *ends[:4], ends[5]])
    with pytest.raises(IdentityError, match="revoked"):
        states.get(event.stream_id)
    store.add(ends)
    with pytest.raises(TooLong):
        states.get(event.stream_id)


def test_state_is_refused_with_a_reason_when_its_capability_has_expired(url, store):
    event = delegated()
    store.add([event])
    status, _, body = ask(url, "GET", f"/streams/{event.stream_id}")
    assert (status, b"capability" in body) == (400, True)


def test_state_is_worked_out_once_when_nothing_changes(store, monkeypatch):
    event, (time,) = delegated(), anchor(delegated())
    store.add([event, time])
    states = States(store, lambda: START)
    first = states.get(event.stream_id)
    with monkeypatch.context() as patch:
        patch.setattr("ceramic_bridge.node.states.resolve", None)
        assert states.get(event.stream_id) is first
    store.confirm(time.cid, START)
    assert states.get(event.stream_id) is not first


def test_state_is_refused_when_the_documents_are_too_large(store, monkeypatch):
    store.add([FIRST, CHANGE])
    monkeypatch.setattr("ceramic_bridge.node.states.MAX_DOCUMENTS", 10)
    with pytest.raises(TooLong):
        States(store, lambda: START).get(FIRST.stream_id)


def test_links_and_bytes_are_objects_when_a_state_is_json():
    assert to_json({"a": [FIRST.cid, b"\x00\x01", None, 0.5]}) == {
        "a": [{"/": str(FIRST.cid)}, {"/": {"bytes": "AAE"}}, None, 0.5]
    }


# Rude callers


def test_name_is_refused_when_the_node_is_not_addressed_by_it(store):
    with serving(store, policy=Policy(hosts=frozenset({"localhost", "[::1]"}))) as url:
        for host in (b"localhost:99", b"LOCALHOST", b"[::1]:1"):
            assert ask(url, "GET", "/version", host=host)[0] == 200
        for host in (b"evil.example", b"localhost.evil.example:80", b""):
            assert ask(url, "GET", "/version", host=host)[0] == 421


def test_caller_is_refused_when_it_asks_too_often(store):
    with serving(store, policy=Policy(rate=Rate(per_second=0.001, burst=3))) as url:
        codes = [ask(url, "GET", "/version")[0] for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]


def test_bucket_fills_again_when_time_passes_and_callers_are_apart(monkeypatch):
    now = [0.0]
    limiter = RateLimiter(Rate(per_second=2, burst=4), lambda: now[0])
    assert [limiter.allow("a", 2) for _ in range(3)] == [True, True, False]
    assert limiter.allow("b", 4)
    now[0] = 1.0
    assert [limiter.allow("a", 1) for _ in range(3)] == [True, True, False]
    monkeypatch.setattr(limiting, "MAX_CALLERS", 2)
    limiter.allow("c", 1)
    assert len(limiter._callers) <= 3


def test_body_is_refused_when_it_is_too_large(url):
    with dial(url) as line:
        line.sendall(POST + b"Content-Length: 99999999999\r\n\r\n")
        assert answer(line)[0] == 413
    with dial(url) as line:
        line.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
        for _ in range(MAX_BODY // 65536 + 1):
            line.sendall(chunk)
        assert answer(line)[0] == 413


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10,
        b"GET / HTTP/9.9\r\n\r\n",
        b"A" * 40_000,
        b"GET /ceramic/version HTTP/1.1\r\n" + b"x: y\r\n" * 9000 + b"\r\n",
        b"GET /ceramic/version HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /ceramic/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET //[ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /ceramic/events/%ff%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
)
def test_garbage_is_answered_or_cut_off_when_sent(url, garbage):
    with dial(url) as line:
        line.sendall(garbage)
        line.shutdown(socket.SHUT_WR)
        assert answer(line)[0] in (None, 400, 404, 431)
    assert get(url, "/version")


def test_slow_senders_are_cut_off_when_they_hold_every_connection(store):
    with serving(store, limits=QUICK) as url:
        lines = [socket.create_connection(urlsplit(url).netloc.split(":"), timeout=10) for _ in range(6)]
        for i, line in enumerate(lines):
            head = b"POST /ceramic/events HTTP/1.1\r\nHost: a\r\n"
            line.sendall((b"", head, head + b"Content-Length: 9\r\n\r\nx")[i % 3])
        assert ask(url, "GET", "/version")[0] == 503
        for line in lines:
            assert answer(line)[0] is None
            line.close()
        assert ask(url, "GET", "/version")[0] == 200


def test_slow_reader_is_cut_off_when_it_never_reads(store):
    store.add([note(i, text="x" * 200_000) for i in range(6)])
    with serving(store, limits=QUICK) as url:
        parts = urlsplit(url)
        with closing(socket.socket()) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect((parts.hostname, parts.port))
            request = b"GET /ceramic/feed/events?includeData=full HTTP/1.1\r\nHost: a\r\n\r\n"
            # The system takes some answers for the caller, but not this many.
            line.sendall(20 * request)
            time.sleep(1.5)
            line.settimeout(10)
            size = 0
            try:
                while part := line.recv(1 << 16):
                    size += len(part)
            except ConnectionResetError:
                pass
            assert size < 15_000_000
        assert ask(url, "GET", "/version")[0] == 200


def test_caller_may_wait_for_a_hundred_when_its_body_is_large(url):
    body = json.dumps({"data": multibase.encode("m", write_event(FIRST))}).encode()
    with dial(url) as line:
        head = b"POST /ceramic/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\n"
        line.sendall(head + JSON + f"Content-Length: {len(body)}\r\n\r\n".encode())
        assert line.recv(100).startswith(b"HTTP/1.1 100")
        line.sendall(body)
        assert answer(line)[0] == 204


def test_store_is_not_named_when_it_fails(url, store):
    store._writer.rows("DROP TABLE interests")
    status, _, body = ask(url, "POST", f"/interests/model/{NOTES}")
    assert (status, json.loads(body)) == (500, {"message": "the store failed"})


def test_bug_is_reported_here_and_hidden_there_when_an_answer_fails(store, monkeypatch):
    said = []
    monkeypatch.setattr(store, "position", lambda: 1 // 0)
    with serving(store, report=said.append) as url:
        status, _, body = ask(url, "GET", "/feed/resumeToken")
    assert (status, b"division" in body) == (500, False)
    assert "division" in said[0]


def test_node_says_so_when_its_port_is_taken(store, url):
    import asyncio

    server = NodeServer(store, now=lambda: 0)
    port = urlsplit(url).port
    with pytest.raises(StoreError, match="cannot be listened on"):
        asyncio.run(server.serve("127.0.0.1", port, ready=lambda *_: None, stop=asyncio.Event()))


# Intake


def test_intake_answers_each_when_events_come_together(store):
    intake = Intake(store, lambda: 0)
    futures = [intake.submit(write_event(note(i))) for i in range(50)]
    bad = intake.submit(b"nonsense")
    assert all(future.result(10).new for future in futures)
    with pytest.raises(PeerError):
        bad.result(10)
    intake.close()
    with pytest.raises(Overloaded):
        intake.submit(write_event(FIRST))
    assert store.position() == 50


def test_intake_refuses_when_too_many_wait_and_survives_a_failing_store(store):
    class Failing:
        def add(self, events):
            gate.wait(10)
            raise RuntimeError("disk")

    gate = threading.Event()
    intake = Intake(Failing(), lambda: 0, max_waiting=2)
    first = intake.submit(write_event(FIRST))
    while intake._waiting:
        time.sleep(0.001)
    others = [intake.submit(write_event(FIRST)) for _ in range(2)]
    with pytest.raises(Overloaded):
        intake.submit(write_event(FIRST))
    assert others[0].cancel()
    gate.set()
    for future in (first, others[1]):
        with pytest.raises(StoreError, match="disk"):
            future.result(10)
    intake.close()


# The client


def test_client_is_a_store_when_the_node_is_ours(url, store, tmp_path):
    notes = [note(i, model=(NOTES, OTHER)[i % 2]) for i in range(10)]
    with RemoteNode(url) as node, SqliteStore(tmp_path / "b") as copy:
        receipts = node.add([*notes, edit(notes[0], "mine", author=BOB)])
        assert [receipt.refusal is None for receipt in receipts] == [True] * 10 + [False]
        assert "signed by" in receipts[-1].refusal.message
        assert node.get(notes[3].cid) == write_event(notes[3])
        assert node.get(note(99).cid) is None
        assert node.position() == 10
        assert "+folkmoot" in node.version()
        for interest in (EVERYTHING, Interest(model=NOTES)):
            for with_data in (True, False):
                query = Query(after=2, limit=3, interest=interest, with_data=with_data)
                mine, theirs = store.page(query), node.page(query)
                assert [one.cid for one in theirs.entries] == [one.cid for one in mine.entries]
                assert theirs.token == mine.token
        assert pull(copy, node, url, [Interest(model=OTHER)]).added == 5
        with pytest.raises(ConfigError):
            node.page(Query(interest=Interest(controller=BOB.did)))


def test_client_asks_for_less_when_an_answer_is_too_large(url, store, tmp_path):
    store.add([note(i, text="x" * 9000) for i in range(20)])
    patience = Patience(max_bytes=40_000)
    with RemoteNode(url, patience=patience) as node, SqliteStore(tmp_path / "b") as copy:
        assert pull(copy, node, url).added == 20
    with RemoteNode(url, patience=Patience(max_bytes=5000)) as node, pytest.raises(PeerError, match="5000"):
        node.page(Query())


class Liar:
    """A server that says the same to everybody."""

    def __init__(self, said, drip=0.0):
        self.said, self.drip = said, drip
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                line, _ = self.socket.accept()
            except OSError:
                return
            with closing(line):
                try:
                    line.recv(65536)
                    step = 1 if self.drip else len(self.said) + 1
                    for at in range(0, len(self.said), step):
                        line.sendall(self.said[at : at + step])
                        time.sleep(self.drip)
                except OSError:
                    pass

    def close(self):
        self.socket.close()


def http(body, status=b"200 OK"):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
        http(b"{}"),
        http(b"\xff"),
        http(b"[" * 1000),
        http(b'{"events":[],"resumeToken":5}'),
        http(b'{"events":[],"resumeToken":"-5"}'),
        http(b'{"events":[],"resumeToken":"9223372036854775808"}'),
        http(b'{"events":[{"id":"b","data":"m"}],"resumeToken":"5"}'),
        http(b'{"events":[{"id":"nonsense"}],"resumeToken":"5"}'),
        http(b'{"message":"\x1b[31mno"}', b"500 Oops"),
        http(b"", b"302 Found"),
    ],
)
def test_client_fails_cleanly_when_the_node_talks_nonsense(said):
    with closing(Liar(said)) as liar, RemoteNode(liar.url) as node, pytest.raises(PeerError):
        node.page(Query(limit=3))


def offset(number):
    return http(b'{"events":[],"resumeOffset":%d,"isComplete":true}' % number)


def test_position_is_taken_when_a_store_can_keep_it():
    with closing(Liar(offset(2**63 - 1))) as liar, RemoteNode(liar.url) as node:
        assert node.page(Query(limit=3, interest=Interest(model=NOTES))).token == 2**63 - 1


@pytest.mark.parametrize("number", [-1, 2**63, 10**300])
def test_client_fails_cleanly_when_no_store_could_keep_a_position(number):
    with closing(Liar(offset(number))) as liar, RemoteNode(liar.url) as node, pytest.raises(PeerError):
        node.page(Query(limit=3, interest=Interest(model=NOTES)))


def test_client_gives_up_when_the_node_drips(monkeypatch):
    with closing(Liar(http(b"x" * 1000), drip=0.05)) as liar:
        patience = Patience(silence=5, seconds=0.5)
        with RemoteNode(liar.url, patience=patience) as node, pytest.raises(PeerError, match="too long"):
            node.position()


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:5101", "ftp://a", "http://", "http://u:p@a", "http://a?x", "http://a:b", "http://[::"],
)
def test_client_is_refused_when_the_url_is_none(url):
    with pytest.raises(ConfigError):
        RemoteNode(url)


def test_impostors_receipt_is_an_identity_error_when_the_store_is_asked(store):
    store.add([FIRST])
    assert isinstance(store.add([edit(FIRST, "mine", author=BOB)])[0].refusal, IdentityError)
