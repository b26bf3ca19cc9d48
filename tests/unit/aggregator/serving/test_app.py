"""What callers get: answers, or a refusal that says what is wrong and quotes nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from aggregator.serving import openapi
from aggregator.serving.app import build_app
from aggregator.serving.limits import Limits, caller_of
from aggregator.serving.serving import Current, Served
from aggregator.serving.signed import AnswerSigner, input_hash, read_answer
from ceramic_bridge import multibase
from ceramic_bridge.events import decode
from ceramic_bridge.node.limits import Rate
from federation.errors import VerificationFailed
from federation.features import FeatureSpec
from federation.models.registry import Architecture
from tests.agreed import COMMUNITY
from tests.serving import DIM, SIGNER, SPEC, ask, current_of, get, made_up, post

ONE, MANY = "/v1/predict", "/v1/predict/batch"
RELEASE = made_up()
TEXT = "Cheap pills, only today! Naïve café €5 🙂"


@pytest.fixture
def app():
    return build_app(current_of(RELEASE))


def expected(words):
    return Served(RELEASE).scorer.score(words)


# Answers


def test_text_is_answered_as_the_model_says_when_asked_alone(app):
    reply = post(app, ONE, {"text": TEXT})
    assert reply.status == 200
    answer = openapi.OneAnswer.model_validate_json(reply.body)
    said = expected(SPEC.indices(TEXT))
    assert (answer.chance, answer.logit) == (said.chance, said.logit)
    assert answer.probability * 2**24 == said.chance
    assert answer.model == RELEASE.last.model_hash.hex()
    assert answer.receipt == str(RELEASE.last.receipt_cid)
    assert (answer.epoch, answer.round) == (1, 1)


def test_words_are_answered_as_their_text_is_when_order_and_repetition_differ(app):
    words = list(SPEC.indices(TEXT))
    plain = post(app, ONE, {"text": TEXT}).body
    assert post(app, ONE, {"words": words}).body == plain
    assert post(app, ONE, {"words": words[::-1] + words[:2]}).body == plain


@pytest.mark.parametrize("asked", [{"text": ""}, {"text": " \u200b !?"}, {"words": []}])
def test_model_answers_when_there_are_no_words(app, asked):
    assert post(app, ONE, asked).json["logit"] == expected([]).logit


def test_answer_is_the_models_when_a_text_has_10_000_words():
    text = " ".join(f"word{i}" for i in range(10_000))
    assert len(text) > 1 << 16
    reply = post(build_app(current_of(RELEASE)), ONE, {"text": text})
    assert reply.json["logit"] == expected(SPEC.indices(text)).logit


def test_batch_answers_each_as_alone_when_it_is_full(app):
    texts = [f"word{i} and word{i * i}" for i in range(256)]
    answer = openapi.BatchAnswer.model_validate_json(post(app, MANY, {"texts": texts}).body)
    said = [expected(SPEC.indices(text)) for text in texts]
    assert [(a.chance, a.logit) for a in answer.answers] == [(s.chance, s.logit) for s in said]
    rows = [SPEC.indices(text) for text in texts]
    assert post(app, MANY, {"words": rows}).json == post(app, MANY, {"texts": texts}).json
    assert answer.model == RELEASE.last.model_hash.hex()


def test_answer_is_the_same_when_the_body_comes_in_pieces(app):
    whole = json.dumps({"text": TEXT * 3000}).encode()
    assert len(whole) > 1 << 16
    pieces = [whole[i : i + 10_000] for i in range(0, len(whole), 10_000)]
    assert post(app, ONE, pieces).body == post(app, ONE, whole).body


def test_nothing_is_sent_when_the_caller_goes_away_in_its_body(app):
    async def gone():
        messages = [{"type": "http.request", "body": b'{"te', "more_body": True}, {"type": "http.disconnect"}]
        sent = []

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": ONE, "headers": [], "client": ("::1", 1)}
        await app({**scope, "root_path": "", "query_string": b""}, receive, send)
        return sent

    assert asyncio.run(gone()) == []


@pytest.mark.parametrize("name", ["mlp", "embedding"])
def test_network_answers_beside_the_loop_when_it_is_served(name):
    release = made_up(architecture=Architecture(name=name, words=16, hidden=3))
    current = current_of(release)
    assert not current.served.light
    reply = post(build_app(current), MANY, {"words": [[1, 5], []]}).json
    assert [a["logit"] for a in reply["answers"]] == [
        a.logit for a in current.served.scorer.score_all([[1, 5], []])
    ]


# Refusals


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"text"',
        b"[1]",
        b"\xff\xfe\x00",
        b'{"text": NaN}',
        b"[" * 100_000,
        b'{"text":' * 5_000,
        '{"text": "a"}'.encode("utf-16"),
        b'{"words": [' + b"9" * 5_000 + b"]}",
    ],
)
@pytest.mark.parametrize("path", [ONE, MANY])
def test_body_is_refused_when_it_is_no_json_object(app, path, body):
    reply = post(app, path, body)
    assert (reply.status, reply.code) == (400, "json")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "fields"),
        ({"txt": "a"}, "fields"),
        ({"text": "a", "words": [1]}, "fields"),
        ({"text": "a", "more": 1}, "fields"),
        ({"text": 5}, "text"),
        ({"text": None}, "text"),
        ({"text": ["a"]}, "text"),
        (b'{"text": "half \\ud800 a pair"}', "text"),
        ({"words": "1"}, "words"),
        ({"words": {"1": 1}}, "words"),
        ({"words": [1, "2"]}, "words"),
        ({"words": [1.0]}, "words"),
        ({"words": [True]}, "words"),
        ({"words": [None]}, "words"),
        ({"words": [[1]]}, "words"),
        ({"words": [-1]}, "words"),
        ({"words": [DIM]}, "words"),
        ({"words": [1, 10**30]}, "words"),
        ({"text": "a", "sign": 1}, "sign"),
        ({"text": "a", "sign": True}, "sign"),
    ],
)
def test_example_is_refused_when_it_is_malformed(app, asked, code):
    reply = post(app, ONE, asked)
    assert (reply.status, reply.code) == (422, code)
    openapi.Failed.model_validate_json(reply.body)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"texts": []}, "batch"),
        ({"texts": ["a"] * 257}, "batch"),
        ({"words": [[1]] * 257}, "batch"),
        ({"texts": "abc"}, "fields"),
        ({"text": "abc"}, "fields"),
        ({"texts": ["a"], "words": [[1]]}, "fields"),
        ({"texts": ["a", 5]}, "text"),
        ({"words": [1]}, "words"),
    ],
)
def test_batch_is_refused_when_it_is_malformed(app, asked, code):
    reply = post(app, MANY, asked)
    assert (reply.status, reply.code) == (422, code)


def test_refusal_quotes_nothing_when_a_text_was_malformed(app):
    for asked in ({"text": ["secret"]}, {"secret": 1}, b'{"text": "secret \\ud800"}', b'{"text": "secret'):
        assert b"secret" not in post(app, ONE, asked).body


@pytest.mark.parametrize("declared", [True, False])
def test_body_is_refused_when_it_is_too_large(app, declared):
    body = json.dumps({"text": "a" * (1 << 20)}).encode()
    pieces = [body[i : i + 50_000] for i in range(0, len(body), 50_000)]
    reply = post(app, ONE, body if declared else pieces)
    assert (reply.status, reply.code) == (413, "body")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", ONE, 405), ("GET", "/v2", 404), ("POST", "/health", 405)]
)
def test_request_is_refused_in_json_when_there_is_no_such_route(app, method, path, status):
    reply = asyncio.run(ask(app, method, path))
    assert (reply.status, reply.code) == (status, "http")


def test_everything_says_so_when_there_is_no_model_yet():
    app = build_app(Current())
    for reply in (post(app, ONE, {"text": "a"}), get(app, "/v1/model")):
        assert (reply.status, reply.code) == (503, "no-model")
    assert (get(app, "/health").status, get(app, "/health").json["status"]) == (503, "no-model")


def test_bug_is_reported_without_the_text_when_answering_fails(monkeypatch):
    current, told = current_of(RELEASE), []
    monkeypatch.setattr(current.served.scorer, "score", lambda words: 1 // 0)
    reply = post(build_app(current, report=told.append), ONE, {"text": "secret"})
    assert (reply.status, reply.code) == (500, "bug")
    assert told == ["bug: ZeroDivisionError while answering"]


# Rates


def test_caller_is_refused_when_its_allowance_is_spent_and_others_are_not():
    limits = Limits(rate=Rate(per_second=0.001, burst=10))
    app = build_app(current_of(RELEASE), limits=limits)
    asked = {"texts": ["a"] * 4}
    replies = [post(app, MANY, asked) for _ in range(3)]
    assert [r.status for r in replies] == [200, 200, 429]
    assert replies[2].headers["retry-after"] == "1"
    assert post(app, MANY, asked, client=("192.0.2.2", 1)).status == 200


def test_garbage_counts_when_it_is_refused():
    app = build_app(current_of(RELEASE), limits=Limits(rate=Rate(per_second=0.001, burst=3)))
    assert [post(app, ONE, b"garbage").status for _ in range(4)] == [400, 400, 400, 429]


@pytest.mark.parametrize(
    ("client", "forwarded", "caller"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.5, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("2001:db8:1:2:3::4", None, "2001:db8:1:2::"),
        ("fe80::1%eth0", None, "fe80::"),
        ("10.0.0.1", "nonsense:::", "nonsense:::"),
    ],
)
def test_caller_is_its_network_when_only_a_proxy_may_speak_for_it(client, forwarded, caller):
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert caller_of({"client": (client, 1), "headers": headers}, frozenset({"10.0.0.1"})) == caller


# What else there is


def test_openapi_describes_every_route_when_it_is_read(app):
    table = get(app, "/openapi.json").json
    routes = {(route.path, *(m for m in route.methods if m in {"GET", "POST"})) for route in app.routes}
    assert {(path, method.upper()) for path, item in table["paths"].items() for method in item} == routes
    named = set(json.dumps(table).split('"#/components/schemas/')[1:])
    assert {part.split('"')[0] for part in named} <= table["components"]["schemas"].keys()


def test_health_names_the_model_when_it_answers(app):
    reply = get(app, "/health")
    assert (reply.status, reply.json["status"]) == (200, "ok")
    assert reply.json["model"] == RELEASE.last.model_hash.hex()


def test_card_names_model_and_receipts_when_asked():
    reply = get(build_app(current_of(made_up(round_=3))), "/v1/model")
    assert [r["round"] for r in reply.json["receipts"]] == [1, 2, 3]
    assert reply.json["answers_signed_by"] is None


# Signed answers


@pytest.fixture
def signing():
    signer = AnswerSigner(SIGNER)
    return build_app(current_of(RELEASE, signer), signer=signer)


def event_of(reply):
    return multibase.decode(reply["event"], "m")


def test_signed_answer_says_what_was_answered_when_it_was_asked_for(signing):
    reply = post(signing, ONE, {"text": TEXT, "sign": True})
    openapi.OneAnswer.model_validate_json(reply.body)
    said = read_answer(event_of(reply.json), signer=SIGNER.did)
    assert (said.logit, said.chance) == (reply.json["logit"], reply.json["chance"])
    assert said.model_hash == RELEASE.last.model_hash
    assert said.receipt == RELEASE.last.receipt_hash
    assert said.input == input_hash(FeatureSpec(dim=DIM).indices(TEXT)) != input_hash([])
    assert (said.federation, said.chain_id) == (RELEASE.domain.federation, RELEASE.domain.chain_id)


def test_batch_is_signed_one_by_one_when_asked_for(signing):
    reply = post(signing, MANY, {"texts": ["a", "b"], "sign": True}).json
    inputs = [read_answer(event_of(a), signer=SIGNER.did).input for a in reply["answers"]]
    assert inputs == [input_hash(SPEC.indices(text)) for text in "ab"]


def test_signed_answer_is_of_the_published_model_when_a_store_asks(signing):
    model = decode(get(signing, "/v1/answer-model").body)
    event = decode(event_of(post(signing, ONE, {"text": TEXT, "sign": True}).json))
    assert event.payload.model == model.stream_id
    assert model.signer == SIGNER.did


def test_signed_answer_is_refused_when_any_byte_was_changed(signing):
    car = event_of(post(signing, ONE, {"text": TEXT, "sign": True}).json)
    for i in range(len(car)):
        with pytest.raises(VerificationFailed):
            read_answer(car[:i] + bytes([car[i] ^ 1]) + car[i + 1 :], signer=SIGNER.did)


def test_signed_answer_is_refused_when_somebody_else_signed_it():
    signer = AnswerSigner(COMMUNITY)
    served = Served(RELEASE, signer)
    car = signer.sign(RELEASE, [1], served.scorer.score([1]), now=0)
    read_answer(car, signer=COMMUNITY.did)
    with pytest.raises(VerificationFailed, match="is not signed by"):
        read_answer(car, signer=SIGNER.did)


def test_event_is_no_answer_when_it_says_something_else(signing):
    with pytest.raises(VerificationFailed, match="another kind"):
        read_answer(get(signing, "/v1/answer-model").body, signer=SIGNER.did)


def test_unsigned_answers_go_on_when_nobody_signs(app):
    assert post(app, ONE, {"text": "a", "sign": False}).status == 200
    assert get(app, "/v1/answer-model").status == 404
