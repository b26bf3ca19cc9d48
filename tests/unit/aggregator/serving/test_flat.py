"""What is read at once is what the parser reads; all else is left to it, and so to its refusals."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.serving.app import build_app
from aggregator.serving.flat import flat_batch
from aggregator.serving.questions import Reader, Refusal
from tests.serving import DIM, current_of, made_up, post

WORDS, MOST = 4096, 8
RELEASE = made_up()
MANY = "/v1/predict/batch"


def flat(body, words=WORDS):
    found = flat_batch(body, words=words, most=MOST)
    if found is None:
        return None
    bounds = found.offsets.tolist()
    return [found.words[a:b].tolist() for a, b in itertools.pairwise(bounds)]


def parsed(body, words=WORDS):
    """What the parser makes of it: a blank before the end keeps the flat way off."""
    try:
        question = Reader(words, lambda _: ()).many(body + b" ", MOST)
    except Refusal:
        return None
    return list(question.rows)


def body_of(rows, compact):
    return json.dumps({"words": rows}, separators=(",", ":") if compact else None).encode()


def row(words):
    return st.sets(st.integers(0, words - 1), min_size=1, max_size=12).map(sorted)


@given(
    st.sampled_from([1, 2, 9, 10, 11, 100, WORDS, 1 << 20]).flatmap(
        lambda words: st.tuples(st.just(words), st.lists(row(words), min_size=1, max_size=MOST))
    ),
    st.booleans(),
)
def test_rows_are_read_at_once_when_a_writer_of_json_wrote_them(asked, compact):
    words, rows = asked
    assert flat(body_of(rows, compact), words) == rows == parsed(body_of(rows, compact), words)


@settings(max_examples=400)
@given(st.data())
def test_nothing_else_is_read_than_what_the_parser_reads_when_bytes_are_changed(data):
    rows = data.draw(st.lists(row(WORDS), min_size=1, max_size=4))
    body = bytearray(body_of(rows, data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        piece = data.draw(
            st.sampled_from([b"", b"0", b"7", b",", b"[", b"]", b" ", b"],[", b", ", b"-", b"\xc3"])
        )
        body[at : at + data.draw(st.integers(0, 2))] = piece
    found = flat(bytes(body))
    assert found is None or found == parsed(bytes(body))


@given(st.text(alphabet="01,[] ", max_size=14))
def test_nothing_else_is_read_than_what_the_parser_reads_when_rows_are_any_of_their_signs(text):
    body = b'{"words":[[' + text.encode() + b"]]}"
    found = flat(body)
    assert found is None or found == parsed(body)


REFUSED = [
    ("[[1,true]]", 422),
    ("[[false]]", 422),
    ("[[null]]", 422),
    ("[[1.0]]", 422),
    ("[[1e3]]", 422),
    ("[[1E3]]", 422),
    ("[[-1]]", 422),
    ("[[-0.0]]", 422),
    (f"[[{DIM}]]", 422),
    (f"[[1,{2**63}]]", 422),
    (f"[[1,{2**64}]]", 422),
    (f"[[1,{2**64 + 5}]]", 422),
    ("[[1" + "0" * 40 + "5]]", 422),
    ("[[" + "9" * 5000 + "]]", 400),
    ("[[1,[2]]]", 422),
    ("[[1],[[2]]]", 422),
    ("[[[1]]]", 422),
    ("[[1],2]", 422),
    ("[[1],2,[3]]", 422),
    ("[[1], 2, [3]]", 422),
    ("[1,[2]]", 422),
    ('[["1"]]', 422),
    ('[["\\ud800"]]', 422),
    ("[[{}]]", 422),
    ("[[1]" + ",[1]" * 256 + "]", 422),
    ("[[NaN]]", 400),
    ("[[Infinity]]", 400),
    ("[[01]]", 400),
    ("[[0,00]]", 400),
    ("[[1,,2]]", 400),
    ("[[1,]]", 400),
    ("[[,1]]", 400),
    ("[[1 2]]", 400),
    ("[[1, , 2]]", 400),
    ("[[+1]]", 400),
    ("[[0x1]]", 400),
    ("[[1_0]]", 400),
    ("[[1][2]]", 400),
    ("[[1],,[2]]", 400),
    ("[[1]],[[2]]", 400),
    ("[[1]]]", 400),
    ("[[1],]", 400),
    ("[[1]]}{]]", 400),
    ("[[１]]", 400),
    ("[" * 100 + "1" + "]" * 100, 400),
    ("[[" * 50_000 + "]]", 400),
    ('[[1]],"words":[[-1]]', 422),
    ('[[1]],"sign":2,"words":[[1]]', 422),
    ('[[1]],"more":[[1]]', 422),
]


@pytest.mark.parametrize(("words", "status"), REFUSED)
def test_batch_in_words_is_refused_when_anything_in_it_is_no_list_of_words(words, status):
    reply = post(build_app(current_of(RELEASE)), MANY, b'{"words":' + words.encode() + b"}")
    assert (reply.status, "answers" in reply.json) == (status, False)


@pytest.mark.parametrize("end", [b"", b"\0", b"x", b"]", b"}", b',"a":1}'])
def test_batch_in_words_is_refused_when_it_does_not_end_as_it_must(end):
    body = b'{"words":[[1,2],[3]]}'
    body = body[:-1] if not end else body + end
    assert post(build_app(current_of(RELEASE)), MANY, body).code == "json"


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"words":[[1,2],[3]]}',
        b' {"words":[[1,2],[3]]}\r\n',
        b'{"words" : [ [1 ,2] ,\t[3]\n] }',
        b'{"words":[[2,1,1],[3]]}',
        b'{"words":[[9,-0]],"words":[[1,2],[3]]}',
        b'{"w\\u006frds":[[1,2],[3]]}',
        b'{"sign":false,"words":[[1,2],[3]]}',
        b'{"words":[[1,2],[3]],"sign":false}',
        b'{"words": [[1, 2], [3]]}',
        b'{"words":[[1,2], [3]]}',
    ],
)
def test_answer_is_the_same_when_the_batch_is_written_otherwise(body):
    app = build_app(current_of(RELEASE))
    reply = post(app, MANY, body)
    assert reply.status == 200
    assert reply.body == post(app, MANY, b'{"words":[[1,2],[3]]}').body


def test_examples_without_words_are_answered_when_others_have_some():
    app = build_app(current_of(RELEASE))
    alone = [post(app, "/v1/predict", {"words": row}).json["logit"] for row in ([], [1, 5], [])]
    reply = post(app, MANY, {"words": [[], [1, 5], []]})
    assert [a["logit"] for a in reply.json["answers"]] == alone
