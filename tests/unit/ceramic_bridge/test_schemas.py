"""Contents of the project's kinds: exactly their fields, exactly their forms."""

from __future__ import annotations

from typing import Any

import pytest

from ceramic_bridge.dagcbor import MalformedData, Value
from ceramic_bridge.schemas import SCHEMAS, validate, validate_known

HEX = "0f" * 32
PLACE: dict[str, Value] = {"chainId": 31337, "federation": "0x" + "aB" * 20, "epoch": 1}
ROUND: dict[str, Value] = {**PLACE, "round": 0}
DID = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd"

EXAMPLES: dict[str, dict[str, Value]] = {
    "data": {
        "federation": PLACE["federation"],
        "payee": "0x" + "0f" * 20,
        "count": 3,
        "root": HEX,
        "head": HEX,
    },
    "contribution": {**ROUND, "baseHash": HEX, "commitment": HEX, "release": 1},
    "validation-shard": {**PLACE, "shard": 1, "provider": 2, "blob": HEX, "examples": 28},
    "round-receipt": {
        **ROUND,
        "baseHash": HEX,
        "modelHash": HEX,
        "deltaHash": HEX,
        "shard": 1,
        "eta": "16",
        "improvement": "-123456789012345678901234567890",
        "credits": [
            {"did": DID, "score": "-5", "credit": "0", "status": "accepted", "delta": HEX, "salt": HEX}
        ],
        "rejections": [{"did": DID, "reason": "the norm exceeds the cap"}],
        "suspended": [DID],
        "forced": [DID],
        "trace": HEX,
        "traceRoot": HEX,
    },
    "model-card": {
        **ROUND,
        "modelHash": HEX,
        "dim": 1024,
        "epsilon": "7.5",
        "contributors": 9,
        "receipts": 20,
        "claims": HEX,
    },
    "sealed-rows": {
        "federation": PLACE["federation"],
        "sealed": {
            "protected": "eyJlbmMiOiJYQzIwUCJ9",
            "iv": "A" * 32,
            "ciphertext": "-_" * 99,
            "tag": "A" * 22,
            "recipients": [
                {
                    "encrypted_key": "A" * 43,
                    "header": {
                        "alg": "ECDH-ES+XC20PKW",
                        "iv": "A" * 32,
                        "tag": "A" * 22,
                        "epk": {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
                        "kid": f"{DID}#z6LS",
                    },
                }
            ],
        },
    },
}


def _example(kind: str) -> dict[str, Value]:
    return {"kind": kind, **EXAMPLES[kind]}


def test_examples_cover_every_kind_when_kinds_are_added() -> None:
    assert EXAMPLES.keys() == SCHEMAS.keys()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_content_passes_when_complete(kind: str) -> None:
    validate(kind, _example(kind))


@pytest.mark.parametrize(("kind", "field"), [(k, f) for k in EXAMPLES for f in _example(k)])
def test_content_is_refused_when_a_field_is_missing_null_or_of_another_type(kind: str, field: str) -> None:
    content = _example(kind)
    wrong: list[Value] = [None, True, {}, b"", 1.5]
    wrong += ["1"] if isinstance(content[field], int) else [1]
    for value in wrong:
        with pytest.raises(MalformedData, match=field):
            validate(kind, {**content, field: value})
    del content[field]
    with pytest.raises(MalformedData, match=field):
        validate(kind, content)


def test_data_may_say_what_was_consented_to() -> None:
    validate("data", {**_example("data"), "consent": HEX})
    for wrong in (None, 1, "", HEX.upper(), HEX + "0f"):
        with pytest.raises(MalformedData, match="consent"):
            validate("data", {**_example("data"), "consent": wrong})


@pytest.mark.parametrize("kind", EXAMPLES)
def test_content_is_refused_when_a_field_is_unknown(kind: str) -> None:
    with pytest.raises(MalformedData, match="surplus"):
        validate(kind, {**_example(kind), "surplus": 1})


def _credit(**change: Value) -> dict[str, Value]:
    line: dict[str, Value] = {
        "did": DID,
        "score": "1",
        "credit": "1",
        "status": "ok",
        "delta": HEX,
        "salt": HEX,
    }
    return {"credits": [{**line, **change}]}


@pytest.mark.parametrize("epsilon", ["inf", "0", "0.5", "7.5", "12"])
def test_model_card_passes_when_its_epsilon_is_a_decimal_or_inf(epsilon: str) -> None:
    validate("model-card", {**_example("model-card"), "epsilon": epsilon})


@pytest.mark.parametrize("field", ["did", "score", "credit", "status", "delta", "salt"])
def test_receipt_is_refused_when_a_credit_lacks_a_field(field: str) -> None:
    (line,) = _credit()["credits"]  # type: ignore[misc]  # one record, as written above
    validate("round-receipt", {**_example("round-receipt"), "credits": [line, line]})
    short = {name: value for name, value in line.items() if name != field}  # type: ignore[union-attr]  # a record
    with pytest.raises(MalformedData, match=rf"credits\[1\]: field '{field}' is missing"):
        validate("round-receipt", {**_example("round-receipt"), "credits": [line, short]})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("contribution", {"kind": "data"}),
        ("contribution", {"baseHash": HEX.upper()}),
        ("contribution", {"baseHash": "0x" + HEX[2:]}),
        ("contribution", {"baseHash": HEX + "00"}),
        ("contribution", {"baseHash": HEX[2:]}),
        ("contribution", {"baseHash": HEX + "\n"}),
        ("contribution", {"federation": "ab" * 21}),
        ("round-receipt", {"improvement": "-0"}),
        ("round-receipt", {"improvement": "01"}),
        ("round-receipt", {"improvement": "+1"}),
        ("round-receipt", {"improvement": "1e3"}),
        ("round-receipt", {"improvement": "١"}),
        ("round-receipt", {"improvement": "9" * 80}),
        ("round-receipt", {"eta": "-1"}),
        ("round-receipt", {"eta": "16\n"}),
        ("round-receipt", {"suspended": ["mallory"]}),
        ("round-receipt", {"forced": ["mallory"]}),
        ("round-receipt", {"suspended": [1]}),
        ("round-receipt", {"rejections": [{"did": DID}]}),
        ("round-receipt", {"rejections": [{"did": DID, "reason": "x" * 401}]}),
        ("round-receipt", _credit(surplus=1)),
        ("round-receipt", _credit(credit=1)),
        ("round-receipt", _credit(status="")),
        ("round-receipt", _credit(delta="")),
        ("round-receipt", _credit(salt=HEX[2:])),
        ("round-receipt", {"trace": ""}),
        ("data", {"payee": "0f" * 20}),
        ("data", {"payee": ""}),
        ("model-card", {"claims": ""}),
        ("model-card", {"epsilon": "nan"}),
        ("model-card", {"epsilon": "-1"}),
        ("model-card", {"epsilon": "-inf"}),
        ("model-card", {"epsilon": "1e3"}),
        ("model-card", {"epsilon": "inf.5"}),
        ("model-card", {"epsilon": ""}),
    ],
)
def test_content_is_refused_when_a_value_has_another_form(kind: str, change: dict[str, Value]) -> None:
    with pytest.raises(MalformedData):
        validate(kind, {**_example(kind), **change})


def test_content_is_refused_when_kind_is_unknown_or_it_is_no_document() -> None:
    with pytest.raises(MalformedData):
        validate("bribe", {})
    no_documents: list[Value] = [None, [], "data"]
    for content in no_documents:
        with pytest.raises(MalformedData):
            validate("data", content)


def test_foreign_content_is_left_alone_when_it_names_no_kind_of_ours() -> None:
    foreign: list[dict[str, Value]] = [{}, {"kind": "fl.delta"}, {"kind": 1}]
    for content in foreign:
        validate_known(content)
    with pytest.raises(MalformedData):
        validate_known({"kind": "data"})


def test_schemas_use_only_the_keywords_that_the_check_knows() -> None:
    known = {
        "object": {"type", "properties", "required", "additionalProperties"},
        "array": {"type", "items"},
        "string": {"type", "maxLength", "pattern"},
        "integer": {"type"},
    }

    def walk(schema: Any) -> None:
        assert set(schema) == known[schema["type"]]
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False
            needed = [name for name in schema["properties"] if name not in {"consent", "table"}]
            assert schema["required"] == needed
            for part in schema["properties"].values():
                walk(part)
        if schema["type"] == "array":
            walk(schema["items"])

    for schema in SCHEMAS.values():
        walk(schema)
