"""JSON Patch (RFC 6902) below the document's root."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ceramic_bridge.car import MAX_BLOCK
from ceramic_bridge.dagcbor import MalformedData, Value, canonical, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_WORK: Final = 4 * MAX_BLOCK
"""Bytes that the steps of one patch may encode."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BAD_ESCAPE = re.compile(r"~(?![01])")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonPatchOp:
    """One step of a patch.

    Attributes:
        op: What to do.
        path: Where: a JSON Pointer (RFC 6901) below the document's root.
        value: What to put there or to find there; ``None`` (JSON null) where there is none.
        source: Where to ``move`` or ``copy`` from; ``from`` in the event.
    """

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str
    value: Value = None
    source: str | None = None

    def to_value(self) -> dict[str, Value]:
        """Return the map that stands in the event."""
        if self.op == "remove":
            return {"op": self.op, "path": self.path}
        if self.source is not None:
            return {"op": self.op, "path": self.path, "from": self.source}
        return {"op": self.op, "path": self.path, "value": self.value}

    @classmethod
    def from_value(cls, value: Value) -> JsonPatchOp:
        """Read one step.

        Raises:
            MalformedData: It is no operation of RFC 6902, or has missing or further fields.
        """
        match value:
            case {
                "op": "add" | "replace" | "test" as op,
                "path": str() as path,
                "value": new,
                **rest,
            } if not rest:
                return cls(op=op, path=path, value=new)
            case {
                "op": "move" | "copy" as op,
                "path": str() as path,
                "from": str() as source,
                **rest,
            } if not rest:
                return cls(op=op, path=path, source=source)
            case {"op": "remove", "path": str() as path, **rest} if not rest:
                return cls(op="remove", path=path)
        raise MalformedData("a patch may only hold the operations of RFC 6902 with their own fields")


def _tokens(path: str) -> list[str]:
    if not path.startswith("/") or _BAD_ESCAPE.search(path):
        raise MalformedData(f"{path[:80]!r} is not a JSON Pointer below the root")
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]


def _index(token: str, size: int, path: str) -> int:
    if not _INDEX.fullmatch(token) or int(token) >= size:
        raise MalformedData(f"the patch path {path[:80]!r} has no such array index")
    return int(token)


def _step(node: Value, token: str, path: str) -> Value:
    if isinstance(node, dict) and token in node:
        found: Value = node[token]
        return found
    if isinstance(node, list):
        item: Value = node[_index(token, len(node), path)]
        return item
    raise MalformedData(f"the patch path {path[:80]!r} does not exist")


def _walk(content: dict[str, Value], path: str) -> tuple[Value, str]:
    *parents, last = _tokens(path)
    node: Value = content
    for token in parents:
        node = _step(node, token, path)
    return node, last


def _apply(content: dict[str, Value], op: JsonPatchOp) -> int:
    """Apply one step and return how many bytes it encoded."""
    match op.op:
        case "move" | "copy":
            assert op.source is not None
            value = _at(content, op.source)
            if op.op == "move":
                # The place moved to may not lie inside what moves (RFC 6902, section 4.4).
                if op.path.startswith(f"{op.source}/"):
                    raise MalformedData(f"a patch moves {op.source[:80]!r} into itself")
                _put(content, "remove", op.source, None)
            return _put(content, "add", op.path, value)
        case "test":
            found = encode(_at(content, op.path))
            if found != encode(op.value):
                raise MalformedData(f"the patch's test of {op.path[:80]!r} fails")
            return len(found)
        case _:
            return _put(content, op.op, op.path, op.value)


def _at(content: dict[str, Value], path: str) -> Value:
    node, last = _walk(content, path)
    return _step(node, last, path)


def _put(content: dict[str, Value], op: str, path: str, given: Value) -> int:
    # A copy, or a later step inside this value would write into the signed event.
    block, value = canonical(given)
    node, last = _walk(content, path)
    work = len(block)
    if isinstance(node, list):
        # What is behind it moves: 64 entries are about as much work as a byte.
        work += len(node) // 64
    if isinstance(node, list) and op == "add":
        at = len(node) if last == "-" else _index(last, len(node) + 1, path)
        node.insert(at, value)
    elif isinstance(node, dict) and op == "add":
        node[last] = value
    else:
        _step(node, last, path)
        _change(node, last, op, value)
    return work


def _change(node: Value, last: str, op: str, value: Value) -> None:
    if isinstance(node, dict):
        if op == "remove":
            del node[last]
        else:
            node[last] = value
    elif isinstance(node, list):
        if op == "remove":
            del node[int(last)]
        else:
            node[int(last)] = value


def apply_patch(content: Mapping[str, Value], ops: Sequence[JsonPatchOp]) -> dict[str, Value]:
    """Return a patched copy of a document.

    Raises:
        MalformedData: A path does not exist or is no JSON Pointer, or the result is no longer
            a document that fits one block, or the steps copy and compare too much on the way.
    """
    draft, work = _copy(content), 0
    for op in ops:
        work += _apply(draft, op)
        # A patch of copies doubles the document with each; a patch of tests reads it with each.
        if work > MAX_WORK:
            raise MalformedData(f"the patch copies and compares more than {MAX_WORK} bytes")
    return _copy(draft)


def _copy(content: Mapping[str, Value]) -> dict[str, Value]:
    # Through the codec: the copy is deep, canonical, and within the depth and size limits.
    block, copy = canonical(content)
    if len(block) > MAX_BLOCK:
        raise MalformedData(f"the document exceeds {MAX_BLOCK} bytes")
    assert isinstance(copy, dict)
    return copy
