"""JSON Patch (RFC 6902) with the operations that data events use: add, remove, replace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ceramic_bridge.car import MAX_BLOCK
from ceramic_bridge.dagcbor import MalformedData, Value, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BAD_ESCAPE = re.compile(r"~(?![01])")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonPatchOp:
    """One step of a patch.

    Attributes:
        op: What to do.
        path: Where: a JSON Pointer (RFC 6901) below the document's root.
        value: What to put there; ``None`` (JSON null) for ``remove``, which has no value.
    """

    op: Literal["add", "remove", "replace"]
    path: str
    value: Value = None

    def to_value(self) -> dict[str, Value]:
        """Return the map that stands in the event."""
        if self.op == "remove":
            return {"op": self.op, "path": self.path}
        return {"op": self.op, "path": self.path, "value": self.value}

    @classmethod
    def from_value(cls, value: Value) -> JsonPatchOp:
        """Read one step.

        Raises:
            MalformedData: It is none of the three operations, or has missing or further fields.
        """
        match value:
            case {"op": "add" | "replace" as op, "path": str() as path, "value": new, **rest} if not rest:
                return cls(op=op, path=path, value=new)
            case {"op": "remove", "path": str() as path, **rest} if not rest:
                return cls(op="remove", path=path)
        raise MalformedData("a patch may only hold add, remove and replace with their own fields")


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


def _apply(content: dict[str, Value], op: JsonPatchOp) -> None:
    # A copy, or a later step inside this value would write into the signed event.
    value = decode(encode(op.value))
    *parents, last = _tokens(op.path)
    node: Value = content
    for token in parents:
        node = _step(node, token, op.path)
    if isinstance(node, list) and op.op == "add":
        at = len(node) if last == "-" else _index(last, len(node) + 1, op.path)
        node.insert(at, value)
    elif isinstance(node, dict) and op.op == "add":
        node[last] = value
    else:
        _step(node, last, op.path)
        _change(node, last, op.op, value)


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
            a document that fits one block.
    """
    draft = _copy(content)
    for op in ops:
        _apply(draft, op)
    return _copy(draft)


def _copy(content: Mapping[str, Value]) -> dict[str, Value]:
    # Through the codec: the copy is deep, canonical, and within the depth and size limits.
    block = encode(content)
    if len(block) > MAX_BLOCK:
        raise MalformedData(f"the document exceeds {MAX_BLOCK} bytes")
    copy = decode(block)
    assert isinstance(copy, dict)
    return copy
