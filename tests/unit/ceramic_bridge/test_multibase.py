"""Text forms of bytes: one for each base."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge import varint
from ceramic_bridge.errors import MalformedData
from ceramic_bridge.multibase import MAX_POSITIONAL, Base, base64url, decode, encode, from_base64url

BASES: tuple[Base, ...] = ("f", "b", "k", "z", "m", "u")


@given(st.sampled_from(BASES), st.binary(max_size=60))
def test_bytes_come_back_when_written(base: Base, data: bytes) -> None:
    assert decode(encode(base, data)) == data
    assert from_base64url(base64url(data)) == data


@given(st.sampled_from(BASES), st.text(max_size=40))
def test_only_the_one_text_is_read_when_text_is_arbitrary(base: Base, text: str) -> None:
    for candidate in (text, base + text):
        with suppress(MalformedData):
            data = decode(candidate)
            assert candidate in [encode(base, data) for base in BASES]


@pytest.mark.parametrize(
    "text",
    [
        "f796573206d616e692021",
        "bpfsxgidnmfxgsibb",
        "k2lcpzo5yikidynfl",
        "z7paNL19xttacUY",
        "meWVzIG1hbmkgIQ",
        "ueWVzIG1hbmkgIQ",
    ],
)
def test_text_is_the_published_one_when_bytes_are_the_specifications(text: str) -> None:
    assert decode(text) == b"yes mani !"
    assert encode(text[0], b"yes mani !") == text  # type: ignore[arg-type]  # the prefixes are the six
    # Zero bytes in front: a digit each where the base is positional.
    assert decode(encode(text[0], b"\0\0yes")) == b"\0\0yes"  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f0",
        "fDE",
        "f 0",
        "bAA",
        "bab",
        "ba=",
        "k-1",
        "k1_0",
        "k٣",
        "z0",
        "zl",
        "m-_",
        "mAB",
        "mAA==",
        "m A",
        "u+/",
        "uAB",
        "xAA",
        "k" + "1" * (MAX_POSITIONAL + 1),
    ],
)
def test_text_is_refused_when_another_says_the_same_or_none_does(text: str) -> None:
    with pytest.raises(MalformedData):
        decode(text)


def test_text_is_refused_when_its_base_is_not_expected() -> None:
    assert decode("m3q0", "mu")
    with pytest.raises(MalformedData, match="must begin"):
        decode("fdead", "mu")


@pytest.mark.parametrize("value", [-1, 1 << 63])
def test_varint_is_refused_when_out_of_range(value: int) -> None:
    with pytest.raises(MalformedData):
        varint.encode(value)


@pytest.mark.parametrize("size", range(1, 8))
def test_base64_is_read_only_as_written_when_one_character_is_another(size: int) -> None:
    text = base64url(bytes(range(250, 250 - size, -1)))
    for at in range(len(text)):
        for char in "AQgw_-+/=* \né":
            changed = text[:at] + char + text[at + 1 :]
            try:
                assert base64url(from_base64url(changed)) == changed
            except MalformedData:
                assert char not in "AQgw_-" or at == len(text) - 1
    for changed in (text + "=", text + "A", text + "==", "=" + text, text[:-1] + "\n"):
        try:
            assert base64url(from_base64url(changed)) == changed
        except MalformedData:
            continue
