"""What a caller asks, from the bytes of its body; strict, and told what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aggregator.serving.flat import flat_batch
from federation.canonical import parse_table
from federation.models.linear import Examples

Words = Sequence[int]
"""Distinct word indices, ascending."""


class Refusal(Exception):
    """A request that cannot be answered.

    Attributes:
        status: The HTTP status.
        code: Stable machine-readable name.
        message: What is wrong; quotes nothing of what was asked.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Question:
    """Examples to answer.

    Attributes:
        rows: The words of each; flat where a batch was read at once, which is not to be signed.
        sign: Whether answers are to be signed.
    """

    rows: tuple[Words, ...] | Examples
    sign: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads questions for one model.

    Attributes:
        words: How many words its features know.
        indices: From a text to its words.
    """

    words: int
    indices: Callable[[str], tuple[int, ...]]

    def one(self, body: bytes) -> Question:
        """Read ``{"text": ...}`` or ``{"words": [...]}``, with ``"sign": true`` or without.

        Raises:
            Refusal: It is something else.
        """
        table = _table(body)
        sign = _sign(table)
        return Question((self._example(table),), sign)

    def many(self, body: bytes, most: int) -> Question:
        """Read ``{"texts": [...]}`` or ``{"words": [[...], ...]}``, with ``"sign": true`` or without.

        Raises:
            Refusal: It is something else, or more than ``most`` examples.
        """
        if (flat := flat_batch(body, words=self.words, most=most)) is not None:
            return Question(flat, sign=False)
        table = _table(body)
        sign = _sign(table)
        match table:
            case {"texts": list() as rows, **rest} if not rest:
                read: Callable[[object], Words] = self._text
            case {"words": list() as rows, **rest} if not rest:
                read = self._indices
            case _:
                raise Refusal(422, "fields", 'a batch is {"texts": [...]} or {"words": [[...], ...]}')
        if not 0 < len(rows) <= most:
            raise Refusal(422, "batch", f"a batch has 1 to {most} examples")
        return Question(tuple(map(read, rows)), sign)

    def _example(self, table: dict[str, object]) -> Words:
        if len(table) == 1:
            if "text" in table:
                return self._text(table["text"])
            if "words" in table:
                return self._indices(table["words"])
        raise Refusal(422, "fields", 'an example is {"text": "..."} or {"words": [...]}')

    def _text(self, value: object) -> Words:
        if not isinstance(value, str):
            raise Refusal(422, "text", "a text must be a string")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                # JSON can write half of a surrogate pair, which other languages cannot hold.
                raise Refusal(422, "text", "a text must be Unicode, without lone surrogates") from None
        return self.indices(value)

    def _indices(self, value: object) -> Words:
        if not isinstance(value, list) or not set(map(type, value)) <= {int}:
            raise Refusal(422, "words", "words must be a list of integers")
        if sorted(value) != value or len(set(value)) != len(value):
            value = sorted(set(value))
        if value and not (value[0] >= 0 and value[-1] < self.words):
            raise Refusal(422, "words", f"a word is an index from 0 to {self.words - 1}")
        return value


def _table(body: bytes) -> dict[str, object]:
    try:
        return parse_table(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "json", "the body is not a JSON object") from None


def _sign(table: dict[str, object]) -> bool:
    sign = table.pop("sign", False)
    if not isinstance(sign, bool):
        raise Refusal(422, "sign", "sign must be true or false")
    return sign
