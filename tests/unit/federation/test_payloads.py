"""What events say: fields out, the same values in, and nothing that was signed for another place."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ceramic_bridge.errors import MalformedData
from ceramic_bridge.schemas import validate, validate_lists
from federation import payloads
from federation.errors import PeerError
from federation.hashing import sha256
from federation.payloads import (
    NOTHING,
    Contribution,
    DataImport,
    ModelCard,
    Receipt,
    ShardReveal,
    receipt_lists,
    require_place,
)
from federation.rounds import Status
from federation.types import Address
from tests.unit.federation._world import DOMAIN, did, make_world, play

MINE = Contribution(domain=DOMAIN, round=2, base_hash=sha256(b"b"), commitment=sha256(b"c"), release=7)


def test_contribution_comes_back_when_it_is_parsed():
    assert Contribution.parse(MINE.content(), DOMAIN, 2) == MINE


@pytest.mark.parametrize(
    ("domain", "round_"),
    [
        (replace(DOMAIN, epoch=2), 2),
        (replace(DOMAIN, chain_id=1), 2),
        (replace(DOMAIN, federation=Address("0x" + "cd" * 20)), 2),
        (DOMAIN, 3),
    ],
)
def test_contribution_is_refused_when_it_is_for_another_place(domain, round_):
    with pytest.raises(PeerError, match="the event is for"):
        Contribution.parse(MINE.content(), domain, round_)


@pytest.mark.parametrize("field", ["chainId", "federation", "epoch", "round"])
def test_place_is_refused_when_a_part_of_it_is_missing(field):
    content = MINE.content()
    del content[field]
    with pytest.raises(PeerError, match=field):
        require_place(content, DOMAIN, 2)


@pytest.mark.parametrize("field", ["baseHash", "commitment"])
@pytest.mark.parametrize("value", [None, 7])
def test_contribution_is_refused_when_a_hash_is_no_text(field, value):
    content = {**MINE.content(), field: value}
    with pytest.raises(PeerError, match=field):
        Contribution.parse(content, DOMAIN, 2)


def receipt() -> Receipt:
    world = make_world(1)
    senders = {
        did(0): lambda _: (Status.REJECTED, "over-cap"),
        did(1): lambda _: (Status.SILENT, ""),
    }
    base, outcome = play(world, rounds=1, senders=senders)[0]
    return Receipt(
        domain=DOMAIN,
        base_hash=base.hash,
        model_hash=sha256(b"m"),
        delta_hash=sha256(b"d"),
        trace_hash=sha256(b"t"),
        shard=2,
        trace_root=sha256(b"r"),
        outcome=outcome,
        reveals={did(2): (sha256(b"delta"), sha256(b"salt"))},
        forced={did(2)},
    )


def test_receipt_has_one_line_per_member_when_some_are_refused():
    found = receipt()
    content = found.content()
    lines = {line["did"]: line for line in content["credits"]}
    assert list(lines) == sorted(make_world(1).quotas)
    assert content["rejections"] == ({"did": did(0), "reason": "over-cap"},)
    assert lines[did(0)]["status"] == "rejected"
    assert (lines[did(1)]["status"], int(lines[did(1)]["credit"]) <= 0) == ("silent", True)
    assert (lines[did(2)]["delta"], lines[did(2)]["salt"]) == (sha256(b"delta").hex(), sha256(b"salt").hex())
    assert lines[did(3)]["delta"] == NOTHING.hex()
    for member in found.outcome.members:
        assert (lines[member.did]["score"], lines[member.did]["credit"]) == (
            str(member.score),
            str(member.credit),
        )


def as_json(value):
    if isinstance(value, (tuple, list)):
        return [as_json(v) for v in value]
    return {k: as_json(v) for k, v in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("contribution", MINE.content()),
        ("round-receipt", receipt().content()),
        (
            "data",
            DataImport(
                federation=DOMAIN.federation,
                payee=Address("0x" + "ef" * 20),
                count=3,
                root=sha256(b"r"),
                head=NOTHING,
            ).content(),
        ),
        (
            "validation-shard",
            ShardReveal(domain=DOMAIN, shard=1, provider=0, blob=sha256(b"x"), examples=9).content(),
        ),
        (
            "model-card",
            ModelCard(
                domain=DOMAIN,
                round=1,
                model_hash=sha256(b"m"),
                dim=4,
                epsilon="inf",
                contributors=2,
                receipts=1,
                claims=NOTHING,
            ).content(),
        ),
    ],
)
def test_content_fits_its_schema_when_an_event_is_made_of_it(kind, content):
    assert content["kind"] == kind
    validate(kind, as_json(content))


@pytest.mark.parametrize("consent", [None, sha256(b"manifest")])
def test_import_comes_back_when_it_is_parsed_with_or_without_consent(consent):
    mine = DataImport(
        federation=DOMAIN.federation,
        payee=Address("0x" + "ab" * 20),
        count=3,
        root=sha256(b"root"),
        head=NOTHING,
        consent=consent,
    )
    validate("data", mine.content())
    assert ("consent" in mine.content()) == (consent is not None)
    assert DataImport.parse(mine.content(), DOMAIN.federation) == mine
    with pytest.raises(PeerError, match="the event is for federation"):
        DataImport.parse(mine.content(), Address("0x" + "cd" * 20))
    for field in ("payee", "count", "root", "head"):
        with pytest.raises(PeerError, match=field):
            DataImport.parse({**mine.content(), field: None}, DOMAIN.federation)


def test_receipt_names_a_table_when_its_members_are_too_many(monkeypatch):
    inline = receipt().content()
    monkeypatch.setattr(payloads, "INLINE", 1)
    content, table = receipt().content(), receipt().table()
    validate("round-receipt", as_json(content))
    assert table is not None
    assert content["table"] == sha256(table).hex()
    assert not any(content[name] for name in payloads.LISTS)
    found = receipt_lists(content, {sha256(table): table}.__getitem__)
    validate_lists(found)
    assert json.loads(json.dumps(found)) == json.loads(json.dumps({k: inline[k] for k in payloads.LISTS}))


def test_receipt_speaks_for_itself_when_its_members_are_few():
    assert receipt().table() is None
    assert receipt_lists(receipt().content(), {}.__getitem__)["credits"] == receipt().content()["credits"]


@pytest.mark.parametrize("table", [b"", b"[]", b'{"credits": NaN}', b"[" * 1000])
def test_receipt_is_refused_when_what_it_names_is_no_table(table):
    content = {**receipt().content(), "table": sha256(table).hex()}
    with pytest.raises(PeerError, match="no table of members"):
        receipt_lists(content, lambda _: table)


def test_table_is_refused_when_a_list_is_missing_or_surplus():
    lists = {name: [] for name in payloads.LISTS}
    validate_lists(lists)
    for wrong in ({**lists, "more": []}, {"credits": []}, {**lists, "forced": [7]}):
        with pytest.raises(MalformedData):
            validate_lists(wrong)
