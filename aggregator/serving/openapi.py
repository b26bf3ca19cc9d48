"""The description of the HTTP interface: pydantic writes the schemas, and parses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from federation.fixedpoint import LOGIT_BITS, PROB_BITS

if TYPE_CHECKING:
    from aggregator.serving.limits import Limits

Json = dict[str, object]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


_Sign = Annotated[bool, Field(description="Also return each answer as an event signed by the aggregator.")]
_Text = Annotated[str, Field(description="A text, as the federation's rule turns texts into words.")]
_Index = Annotated[int, Field(ge=0)]
_Words = Annotated[list[_Index], Field(description="Word indices; each counts once.")]


class TextQuestion(_Closed):
    """One text."""

    text: _Text
    sign: _Sign = False


class WordsQuestion(_Closed):
    """One example's words."""

    words: _Words
    sign: _Sign = False


class TextsQuestion(_Closed):
    """Several texts."""

    texts: Annotated[list[_Text], Field(min_length=1)]
    sign: _Sign = False


class WordSetsQuestion(_Closed):
    """Several examples' words."""

    words: Annotated[list[_Words], Field(min_length=1)]
    sign: _Sign = False


class Said(_Closed):
    """What the model says of one example."""

    probability: Annotated[float, Field(ge=0, le=1, description=f"chance / 2^{PROB_BITS}, exactly.")]
    chance: Annotated[int, Field(ge=0, le=1 << PROB_BITS, description="The probability of label 1, integer.")]
    logit: Annotated[int, Field(description=f"With the intercept, {LOGIT_BITS} fractional bits.")]
    event: Annotated[str | None, Field(description="The signed answer: a CAR, multibase base64.")] = None


class _Of(_Closed):
    model: Annotated[str, Field(description="SHA-256 of the model's bytes, hex.", pattern="^[0-9a-f]{64}$")]
    receipt: Annotated[str, Field(description="CID of the payload of the round's receipt.")]
    epoch: Annotated[int, Field(ge=1)]
    round: Annotated[int, Field(ge=1)]


class OneAnswer(Said, _Of):
    """An answer, the model that gave it, and the receipt of the round that released it."""


class BatchAnswer(_Of):
    """Answers in the order of the questions, all by one model."""

    answers: list[Said]


class Fault(_Closed):
    """What was wrong."""

    code: str
    message: str


class Failed(_Closed):
    """The answer to a request that could not be answered."""

    error: Fault


_MODELS = (
    TextQuestion,
    WordsQuestion,
    TextsQuestion,
    WordSetsQuestion,
    OneAnswer,
    BatchAnswer,
    Failed,
)
_FAULTS = {
    400: "Not a JSON object",
    413: "The body is too large",
    422: "A field is missing, unknown or wrong",
    429: "Too many examples from this caller",
    503: "No model yet, or too many connections",
}


def described(limits: Limits) -> Json:
    """Return the OpenAPI 3.1 document.

    Args:
        limits: Bounds that it names.
    """
    schemas = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )[1]["$defs"]
    batch = f"Answer up to {limits.max_batch} examples by one model"
    return {
        "openapi": "3.1.0",
        "info": {"title": "Folkmoot model", "version": "1"},
        "paths": {
            "/v1/predict": {"post": _post("Answer one example", (TextQuestion, WordsQuestion), OneAnswer)},
            "/v1/predict/batch": {"post": _post(batch, (TextsQuestion, WordSetsQuestion), BatchAnswer)},
            "/v1/model": {"get": _get("The model card: data, privacy, contributors, receipts")},
            "/v1/answer-model": {
                "get": _get("The Ceramic model of signed answers, as a CAR", "application/vnd.ipld.car")
            },
            "/health": {"get": _get("Which model answers, and when the chain was last looked at")},
            "/openapi.json": {"get": _get("This document")},
        },
        "components": {"schemas": schemas},
    }


def _content(*models: type[BaseModel]) -> Json:
    refs = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    return {"application/json": {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}}}


def _post(summary: str, asked: tuple[type[BaseModel], ...], said: type[BaseModel]) -> Json:
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": _content(*asked)},
        "responses": {
            "200": {"description": "Answered", "content": _content(said)},
            **{str(n): {"description": what, "content": _content(Failed)} for n, what in _FAULTS.items()},
        },
    }


def _get(summary: str, kind: str = "application/json") -> Json:
    return {"summary": summary, "responses": {"200": {"description": "Found", "content": {kind: {}}}}}
