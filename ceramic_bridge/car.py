"""CAR v1 files: one root and the blocks below it (IPLD CARv1 specification)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from ceramic_bridge import varint
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, RAW, SHA2_256, Cid
from ceramic_bridge.dagcbor import MalformedData, decode, encode
from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BLOCK: Final = 256_000
"""Bytes in one block; Ceramic nodes refuse more."""

MAX_CAR: Final = 1 << 20
"""Bytes in the CAR of one event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Bytes and the CID under which they are known."""

    cid: Cid
    data: bytes

    @classmethod
    def of(cls, codec: int, data: bytes) -> Block:
        """Name bytes by their SHA-256."""
        return cls(cid=Cid.of(codec, data), data=data)


def write(root: Cid, blocks: Sequence[Block], max_bytes: int = MAX_CAR) -> bytes:
    """Return the CAR of some blocks, in the order given.

    Raises:
        MalformedData: The file would exceed ``max_bytes``, and nobody would read it.
    """
    header = _header(root)
    out = [varint.encode(len(header)), header]
    for block in blocks:
        cid = block.cid.to_bytes()
        out += (varint.encode(len(cid) + len(block.data)), cid, block.data)
    size = sum(map(len, out))
    if size > max_bytes:
        raise MalformedData(f"a CAR of {size} bytes exceeds the limit of {max_bytes}")
    return b"".join(out)


def _section(data: bytes, offset: int) -> tuple[int, int]:
    size, start = varint.decode(data, offset)
    if start + size > len(data):
        raise MalformedData(f"the CAR section at byte {offset} has the wrong length")
    return start, start + size


_BEFORE_ROOT: Final = b"\xa2\x65roots\x81\xd8\x2a\x58"
_BEHIND_ROOT: Final = b"\x67version\x01"


def _header(root: Cid) -> bytes:
    """Return the DAG-CBOR of the one header that has this root: ``{roots: [root], version: 1}``."""
    link = b"\0" + root.to_bytes()
    if len(link) < 24:
        return encode({"roots": [root], "version": 1})
    return _BEFORE_ROOT + bytes((len(link),)) + link + _BEHIND_ROOT


def _root(header: bytes) -> Cid:
    at = len(_BEFORE_ROOT) + 2
    if header.startswith(_BEFORE_ROOT) and header.endswith(_BEHIND_ROOT):
        root = Cid.from_bytes(header[at : -len(_BEHIND_ROOT)])
        if _header(root) == header:
            return root
    raise MalformedData("a CAR header must have version 1 and one root")


def _check(block: Block, offset: int, *, contents: bool) -> None:
    cid = block.cid
    if cid.hash_code != SHA2_256 or cid.codec not in (DAG_CBOR, DAG_JOSE, RAW):
        raise MalformedData(f"block {cid} at byte {offset} has an unknown codec or hash")
    if sha256(block.data).digest() != cid.digest:
        raise VerificationFailed(f"block {cid}", f"its bytes at byte {offset} have another hash")
    if contents and cid.codec != RAW and len(block.data) <= MAX_BLOCK:
        try:
            decode(block.data, max_bytes=len(block.data))
        except MalformedData as error:
            raise MalformedData(f"block {cid} at byte {offset}: {error.message}") from error


def read(
    data: bytes, max_bytes: int = MAX_CAR, *, max_block: int = MAX_BLOCK, contents: bool = True
) -> tuple[Cid, list[Block]]:
    """Read a CAR and check every block against its CID.

    Args:
        data: The whole file.
        max_bytes: Larger files are refused unread.
        max_block: Largest block, in bytes.
        contents: Whether to check that each block is the one encoding of its content; leave it
            out only where every block is decoded next. Those over ``MAX_BLOCK`` are always left to
            the reader, who knows what may be so large.

    Returns:
        The root, and the blocks in the file's order; ``write`` of both gives back ``data``.

    Raises:
        MalformedData: The file exceeds a limit or is not the one encoding of its content.
        VerificationFailed: A block's bytes do not have its hash.
    """
    if len(data) > max_bytes:
        raise MalformedData(f"a CAR of {len(data)} bytes exceeds the limit of {max_bytes}")
    at, end = _section(data, 0)
    root = _root(data[at:end])
    blocks: list[Block] = []
    while end < len(data):
        offset = end
        at, end = _section(data, offset)
        cid, at = Cid.read(data, at)
        if at > end:
            raise MalformedData(f"the CAR section at byte {offset} ends inside its CID")
        if end - at > max_block:
            raise MalformedData(f"block {cid} at byte {offset} exceeds {max_block} bytes")
        block = Block(cid=cid, data=data[at:end])
        _check(block, offset, contents=contents)
        blocks.append(block)
    return root, blocks
