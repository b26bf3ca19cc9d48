"""Patches: the operations of RFC 6902, strict paths, bounded work, no effect on their inputs."""

from __future__ import annotations

from typing import Any

import pytest

from ceramic_bridge.car import MAX_BLOCK
from ceramic_bridge.dagcbor import MAX_DEPTH, MalformedData, Value, encode
from ceramic_bridge.jsonpatch import MAX_WORK, JsonPatchOp, apply_patch

CONTENT: dict[str, Value] = {"a": 1, "l": [1, 2], "m": {"x": {"y": 0}}, "": {"": 5}, "s~/": 3, "0": 0}


def _op(op: Any, path: str, value: Value = None) -> JsonPatchOp:
    return JsonPatchOp(op=op, path=path, value=value)


def _from(op: Any, source: str, path: str) -> JsonPatchOp:
    return JsonPatchOp(op=op, path=path, source=source)


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
        (_from("copy", "/l", "/m/l"), {"m": {"x": {"y": 0}, "l": [1, 2]}}),
        (_from("copy", "/l/1", "/l/0"), {"l": [2, 1, 2]}),
        (_from("copy", "/m", "/m/x/y"), {"m": {"x": {"y": {"x": {"y": 0}}}}}),
        (_from("move", "/l/0", "/l/-"), {"l": [2, 1]}),
        (_from("move", "/l/1", "/l/1"), {}),
        (_from("move", "/m/x/y", "/m/x"), {"m": {"x": 0}}),
        (_from("copy", "/0", "/00"), {"00": 0}),
        (_op("test", "/l", [1, 2.0]), {}),
        (_op("test", "/m", {"x": {"y": 0}}), {}),
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
        _op("test", "/z", None),
        _op("test", "", CONTENT),
        _op("test", "/l", [2, 1]),
        _op("test", "/a", True),
        _op("test", "/0", False),
        _op("test", "/0", None),
        _op("test", "/l/-", 2),
        _from("copy", "/z", "/a"),
        _from("copy", "/a", "/z/y"),
        _from("copy", "", "/a"),
        _from("copy", "/l/2", "/a"),
        _from("move", "/z", "/a"),
        _from("move", "/a", "/l/3"),
        _from("move", "/l/0", "/l/2"),
        _from("move", "/m", "/m/x"),
        _from("move", "/m", "/m/x/y"),
        _from("move", "a", "/b"),
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


@pytest.mark.parametrize(
    "op",
    [
        _op("add", "/a", None),
        _op("replace", "/a", [1]),
        _op("remove", "/a"),
        _op("test", "/a", None),
        _from("move", "/a", "/b"),
        _from("copy", "/a", "/b"),
    ],
)
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
        {"op": "move", "path": "/a"},
        {"op": "move", "path": "/a", "from": "/b", "value": 1},
        {"op": "copy", "path": "/a", "from": 1},
        {"op": "add", "path": "/a", "from": "/b"},
        {"op": "test", "path": "/a"},
        {"op": "test", "path": "/a", "value": 1, "from": "/b"},
        {"op": "merge", "path": "/a", "value": 1},
    ],
)
def test_step_is_refused_when_fields_are_not_its_own(value: Value) -> None:
    with pytest.raises(MalformedData):
        JsonPatchOp.from_value(value)


def test_moved_field_is_gone_when_patched() -> None:
    result = apply_patch(CONTENT, [_from("move", "/a", "/b")])
    assert (result["b"], "a" in result) == (1, False)


def test_copies_are_apart_when_a_later_step_changes_one() -> None:
    result = apply_patch({"a": {"k": []}}, [_from("copy", "/a", "/b"), _op("add", "/b/k/-", 1)])
    assert result == {"a": {"k": []}, "b": {"k": [1]}}


def test_patch_is_refused_when_its_steps_double_the_document() -> None:
    # Each step doubles what it copies: without a bound, 60 steps would fill any memory.
    steps = [_from("copy", "/a", "/a/-") for _ in range(60)]
    with pytest.raises(MalformedData, match="copies and compares"):
        apply_patch({"a": ["x" * 1000]}, steps)


def test_patch_is_refused_when_its_steps_compare_or_move_too_much() -> None:
    content: dict[str, Value] = {"a": "x" * (MAX_BLOCK // 2)}
    size = len(encode(content["a"]))
    few = MAX_WORK // size
    for step in (_op("test", "/a", content["a"]), _from("move", "/a", "/a")):
        assert apply_patch(content, [step] * few) == content
        with pytest.raises(MalformedData, match="copies and compares"):
            apply_patch(content, [step] * (few + 1))


@pytest.mark.parametrize("step", [_op("add", "/a/0", None), _from("move", "/a/0", "/a/1")])
def test_patch_is_refused_when_its_steps_move_what_is_behind_them_too_often(step: JsonPatchOp) -> None:
    content: dict[str, Value] = {"a": [None] * (MAX_BLOCK // 2), "b": [None] * 100}
    assert apply_patch(content, [step] * 100)
    with pytest.raises(MalformedData, match="copies and compares"):
        apply_patch(content, [step] * 1000)
    small = [_op("add", "/b/0", None)] * 5000
    assert apply_patch(content, small)
