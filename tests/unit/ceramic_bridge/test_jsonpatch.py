"""Patches: three operations, strict paths, no effect on their inputs."""

from __future__ import annotations

from typing import Any

import pytest

from ceramic_bridge.car import MAX_BLOCK
from ceramic_bridge.dagcbor import MAX_DEPTH, MalformedData, Value
from ceramic_bridge.jsonpatch import JsonPatchOp, apply_patch

CONTENT: dict[str, Value] = {"a": 1, "l": [1, 2], "m": {"x": {"y": 0}}, "": {"": 5}, "s~/": 3, "0": 0}


def _op(op: Any, path: str, value: Value = None) -> JsonPatchOp:
    return JsonPatchOp(op=op, path=path, value=value)


@pytest.mark.parametrize(
    ("op", "changed"),
    [
        (_op("add", "/b", 2), {"b": 2}),
        (_op("add", "/a", 2), {"a": 2}),
        (_op("replace", "/a", None), {"a": None}),
        (_op("add", "/l/-", 3), {"l": [1, 2, 3]}),
        (_op("add", "/l/2", 3), {"l": [1, 2, 3]}),
        (_op("add", "/l/0", 3), {"l": [3, 1, 2]}),
        (_op("replace", "/l/1", 9), {"l": [1, 9]}),
        (_op("remove", "/l/0"), {"l": [2]}),
        (_op("remove", "/m/x"), {"m": {}}),
        (_op("replace", "/m/x/y", 1), {"m": {"x": {"y": 1}}}),
        (_op("replace", "//", 6), {"": {"": 6}}),
        (_op("replace", "/s~0~1", 4), {"s~/": 4}),
        (_op("replace", "/0", 7), {"0": 7}),
    ],
)
def test_patch_changes_only_its_place_when_path_exists(op: JsonPatchOp, changed: dict[str, Value]) -> None:
    assert apply_patch(CONTENT, [op]) == {**CONTENT, **changed}


def test_removed_field_is_gone_when_patched() -> None:
    assert "a" not in apply_patch(CONTENT, [_op("remove", "/a")])


@pytest.mark.parametrize(
    "op",
    [
        _op("replace", "", {}),
        _op("remove", ""),
        _op("add", "a", 1),
        _op("replace", "/z", 1),
        _op("remove", "/z"),
        _op("add", "/z/y", 1),
        _op("add", "/a/b", 1),
        _op("remove", "/a/b"),
        _op("add", "/l/3", 1),
        _op("add", "/l/01", 1),
        _op("add", "/l/-1", 1),
        _op("add", "/l/x", 1),
        _op("add", "/l/¹", 1),
        _op("replace", "/l/2", 1),
        _op("replace", "/l/-", 1),
        _op("remove", "/l/-"),
        _op("replace", "/s~2", 1),
        _op("replace", "/s~", 1),
    ],
)
def test_patch_is_refused_when_path_does_not_exist(op: JsonPatchOp) -> None:
    with pytest.raises(MalformedData):
        apply_patch(CONTENT, [op])


def test_inputs_stay_as_they_were_when_a_later_step_changes_an_added_value() -> None:
    added = _op("add", "/n", {"k": []})
    content: dict[str, Value] = {"l": []}
    result = apply_patch(content, [added, _op("add", "/n/k/-", 1), _op("add", "/l/-", 1)])
    assert result == {"n": {"k": [1]}, "l": [1]}
    assert added.value == {"k": []}
    assert content == {"l": []}


def test_patch_is_refused_when_result_is_too_deep_or_too_large() -> None:
    nest = [_op("add", "/a" * (i + 1), {}) for i in range(MAX_DEPTH)]
    assert apply_patch({}, nest[:-1])
    with pytest.raises(MalformedData):
        apply_patch({}, nest)
    with pytest.raises(MalformedData):
        apply_patch({"a": "x" * (MAX_BLOCK // 2)}, [_op("add", "/b", "x" * (MAX_BLOCK // 2))])


@pytest.mark.parametrize("op", [_op("add", "/a", None), _op("replace", "/a", [1]), _op("remove", "/a")])
def test_step_round_trips_when_written(op: JsonPatchOp) -> None:
    assert JsonPatchOp.from_value(op.to_value()) == op


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"op": "add", "path": "/a"},
        {"op": "remove", "path": "/a", "value": 1},
        {"op": "add", "path": "/a", "value": 1, "x": 1},
        {"op": "add", "path": 1, "value": 1},
        {"op": "move", "path": "/a", "from": "/b"},
        {"op": "test", "path": "/a", "value": 1},
    ],
)
def test_step_is_refused_when_fields_are_not_its_own(value: Value) -> None:
    with pytest.raises(MalformedData):
        JsonPatchOp.from_value(value)
