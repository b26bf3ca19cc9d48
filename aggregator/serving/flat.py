"""Batches of words as programs write them, read without an object for each number.

A JSON parser makes 30,000 Python integers of a full batch, which then have to be looked at one by
one: that costs more than what the model makes of them, even with the fastest parser that was found.
So the one form that JSON's writers give such a batch, ``{"words":[[3,17],[5]]}`` with a blank after
commas and colon or without, is recognised by its bytes, and read by columns of digits. Whatever else
is asked, or is wrong, is the parser's.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.fixedpoint import Ints
from federation.models.linear import Examples

_HEADS: Final = (b'{"words":[[', b'{"words": [[')
_COMMA, _BLANK, _OPEN, _CLOSE, _OTHER = range(10, 15)
_KINDS: Final = bytes(
    byte - 48 if byte in b"0123456789" else 10 + b", []".find(byte) if byte in b", []" else _OTHER
    for byte in range(256)
)
"""A digit is its value."""

_DIGITS: Final = tuple(range(10))
_PAIRS: Final = bytes(
    before << 4 | after
    for befores, afters in (
        (_DIGITS, (*_DIGITS, _COMMA, _CLOSE)),
        ((_COMMA,), (*_DIGITS, _BLANK, _OPEN)),
        ((_BLANK,), (*_DIGITS, _OPEN)),
        ((_OPEN,), _DIGITS),
        ((_CLOSE,), (_COMMA,)),
    )
    for before in befores
    for after in afters
)
"""What may follow what, from the first row's bracket to the last one's."""


def flat_batch(body: bytes, *, words: int, most: int) -> Examples | None:
    """Read a batch of words, or leave it.

    What is read is what the parser would have read, and found in order. Pairs of neighbours leave
    nothing but numbers, single commas and brackets; brackets that alternate, with a comma alone
    between two rows, leave rows of numbers. A zero before another digit is no JSON.

    Args:
        body: Of the request.
        words: How many words there are.
        most: Examples in a batch.

    Returns:
        The examples, none of them empty, all with label 0; nothing if the parser has to say.
    """
    if not (body.startswith(_HEADS) and body.endswith(b"]]}")):
        return None
    kinds = np.frombuffer(body.translate(_KINDS), dtype=np.uint8)[body.index(b"[[") + 1 : -2]
    before, after = kinds[:-1], kinds[1:]
    if (before * 16 | after).tobytes().translate(None, _PAIRS):
        return None
    digit = kinds < _COMMA
    ends = np.flatnonzero(digit[:-1] & ~digit[1:])
    # How many numbers there are up to the end of each row, and where it is.
    stops = np.flatnonzero(kinds[ends + 1] == _CLOSE) + 1
    closes = ends[stops[:-1] - 1] + 1
    # One row begins at the first byte, and one after each that ends but the last: with "," or ", ".
    follows = (kinds[closes + 2] == _OPEN) | (kinds[closes + 3] == _OPEN)
    if not (np.count_nonzero(kinds == _OPEN) == len(stops) <= most and follows.all()):
        return None
    found = _numbers(kinds, ends, words)
    if found is None or int(found.max()) >= words:
        return None
    rising = found[1:] > found[:-1]
    rising[stops[:-1] - 1] = True
    zeros = (kinds[1:-1] == 0) & digit[2:] & ~digit[:-2]
    if zeros.any() or not rising.all():
        return None
    return Examples(found, np.concatenate(([0], stops)), np.zeros(len(stops), dtype=np.int64))


def _numbers(kinds: NDArray[np.uint8], ends: Ints, words: int) -> Ints | None:
    """Return the numbers whose last digits are at ``ends``; nothing if one has more digits than a word."""
    at, inside = ends.copy(), np.ones(len(ends), dtype=np.bool_)
    # A manifest's words, up to 2^20, have seven digits.
    found = kinds[at].astype(np.uint32)
    for column in range(1, len(str(words)) + 1):
        at -= 1
        digits = kinds[at]
        inside &= digits < _COMMA
        if not inside.any():
            return found.astype(np.int64)
        found += (digits * inside) * np.uint32(10**column)
    return None
