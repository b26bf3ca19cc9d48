"""Text from strangers is read only if no parser can run out of stack on it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.canonical import MAX_DEPTH, parse_json, parse_table, require_shallow
from federation.errors import ConfigError
from federation.manifest import Manifest

FLAT = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8", exclude_characters="[]{}"))
)
JSON = st.recursive(FLAT, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner), max_leaves=8)


@given(JSON)
def test_json_reads_as_the_library_reads_it_when_it_is_shallow(value):
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_json_is_refused_when_it_nests_one_level_too_deep(opened, closed):
    deepest = opened * MAX_DEPTH + b"1" + closed * MAX_DEPTH
    parse_json(deepest)
    with pytest.raises(ValueError, match="nested deeper than 32 levels"):
        parse_json(opened + deepest + closed)


@pytest.mark.parametrize("count", [MAX_DEPTH + 1, 10_000_000])
def test_text_is_refused_when_its_brackets_never_close(count):
    with pytest.raises(ValueError, match="nested deeper"):
        require_shallow(b"[" * count)


def test_rows_are_read_when_they_are_many_but_flat():
    assert len(parse_json(b"[" + b"[1]," * 9999 + b"[1]]")) == 10_000


@pytest.mark.parametrize(
    "data",
    [
        b'["' + b"]" * 99 + b'",' + b"[" * 99 + b"]" * 100,
        b'["]",' * 99 + b"1" + b"]" * 99,
        b'["\\"]",' * 99 + b"1" + b"]" * 99,
        b'{"}":' * 99 + b"1" + b"}" * 99,
    ],
)
def test_json_is_refused_when_brackets_in_strings_would_hide_its_depth(data):
    json.loads(data)
    with pytest.raises(ValueError, match="nested deeper"):
        require_shallow(data)


def test_json_is_read_when_only_its_strings_hold_many_brackets():
    assert parse_json(json.dumps(["[{" * 99]).encode()) == ["[{" * 99]


def test_manifest_is_refused_when_brackets_in_a_comment_would_hide_its_depth():
    with pytest.raises(ConfigError, match="is not TOML"):
        # Deeper than any recursion limit that a library sets for the whole process.
        Manifest.from_toml("# " + "]" * 200_000 + "\nx = " + "[" * 200_000 + "]" * 200_000)


@pytest.mark.parametrize("data", [b"NaN", b"[Infinity]", b'{"a":-Infinity}', b"", b"{", b"\xff", b"9" * 5000])
def test_json_is_refused_when_it_is_none_or_holds_no_number(data):
    with pytest.raises(ValueError):  # noqa: PT011 - each parser says it in its own words
        parse_json(data)


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"a"'])
def test_table_is_refused_when_it_is_another_value(data):
    parse_json(data)
    with pytest.raises(ValueError, match="not an object"):
        parse_table(data)
    assert parse_table(b'{"a":1}') == {"a": 1}
