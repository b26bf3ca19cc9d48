"""Content identifiers and Ceramic stream identifiers.

Sources: the CIDv1 and multihash specifications (multiformats); CIP-59 for StreamIDs. Both
have one byte form and one text form here; any other spelling is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from ceramic_bridge import multibase, varint
from ceramic_bridge.errors import MalformedData

RAW: Final = 0x55
DAG_CBOR: Final = 0x71
DAG_JOSE: Final = 0x85
SHA2_256: Final = 0x12
ETH_TX: Final = 0x93
KECCAK_256: Final = 0x1B

_COMMON: Final = {DAG_CBOR: b"\x01\x71\x12\x20", DAG_JOSE: b"\x01\x85\x01\x12\x20"}

MAX_TEXT: Final = 300
"""Characters in the text of an identifier."""

MAX_DIGEST: Final = 64
"""Digest bytes; larger ones exist in no registered hash in use here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cid:
    """A CIDv1: what a block is (codec), and the hash of its bytes.

    Attributes:
        codec: Multicodec of the block, e.g. ``DAG_CBOR``.
        hash_code: Multihash function code, e.g. ``SHA2_256``.
        digest: The hash, at most 64 bytes; 32 for SHA-256.
    """

    codec: int
    hash_code: int
    digest: bytes

    @classmethod
    def of(cls, codec: int, block: bytes) -> Cid:
        """Return the SHA-256 identifier of a block."""
        return cls(codec=codec, hash_code=SHA2_256, digest=hashlib.sha256(block).digest())

    @classmethod
    def read(cls, data: bytes, offset: int = 0) -> tuple[Cid, int]:
        """Read an identifier that other bytes may follow.

        Returns:
            The identifier and the offset after it.

        Raises:
            MalformedData: The bytes are not a CIDv1.
        """
        # Nearly all identifiers begin in one of two ways; the rest of this reads them as well.
        for codec, prefix in _COMMON.items():
            if data.startswith(prefix, offset):
                at = offset + len(prefix)
                digest = data[at : at + 32]
                if len(digest) == 32:
                    return cls(codec=codec, hash_code=SHA2_256, digest=digest), at + 32
        version, at = varint.decode(data, offset)
        if version != 1:
            raise MalformedData(f"CID at byte {offset} has version {version}, not 1")
        codec, at = varint.decode(data, at)
        hash_code, at = varint.decode(data, at)
        size, at = varint.decode(data, at)
        digest = data[at : at + size]
        if size > MAX_DIGEST or len(digest) != size or (hash_code == SHA2_256 and size != 32):
            raise MalformedData(f"CID at byte {offset} has a digest of the wrong length")
        return cls(codec=codec, hash_code=hash_code, digest=digest), at + size

    @classmethod
    def from_bytes(cls, data: bytes) -> Cid:
        """Read an identifier that is all of ``data``.

        Raises:
            MalformedData: The bytes are not exactly one CIDv1.
        """
        cid, end = cls.read(data)
        if end != len(data):
            raise MalformedData(f"{len(data) - end} bytes after a CID")
        return cid

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Read the base32 text form (``b`` and lower-case digits without padding).

        Raises:
            MalformedData: The text is not the form that ``str`` gives.
        """
        if len(text) > MAX_TEXT:
            raise MalformedData(f"a CID of {len(text)} characters exceeds the limit of {MAX_TEXT}")
        return cls.from_bytes(multibase.decode(text, "b"))

    def to_bytes(self) -> bytes:
        """Return the binary form."""
        if self.hash_code == SHA2_256 and self.codec in _COMMON and len(self.digest) == 32:
            return _COMMON[self.codec] + self.digest
        return b"".join(
            (
                b"\x01",
                varint.encode(self.codec),
                varint.encode(self.hash_code),
                varint.encode(len(self.digest)),
                self.digest,
            )
        )

    def __str__(self) -> str:
        return multibase.encode("b", self.to_bytes())


URL_SCHEME: Final = "ceramic://"
STREAM_CODEC: Final = b"\xce\x01"

MODEL: Final = 2
MID: Final = 3
UNLOADABLE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamId:
    """A stream: its type and the CID of its first event.

    Attributes:
        type: ``MODEL`` or ``MID`` (model instance document).
        cid: CID of the init event.
    """

    type: int
    cid: Cid

    @classmethod
    def read(cls, data: bytes) -> tuple[StreamId, int]:
        """Read an identifier that other bytes may follow.

        Returns:
            The identifier and the offset after it.

        Raises:
            MalformedData: The bytes do not begin with a StreamID.
        """
        if data[:2] != STREAM_CODEC:
            raise MalformedData("a StreamID must begin with the bytes ce 01")
        kind, at = varint.decode(data, 2)
        cid, at = Cid.read(data, at)
        return cls(type=kind, cid=cid), at

    @classmethod
    def from_bytes(cls, data: bytes) -> StreamId:
        """Read the binary form.

        Raises:
            MalformedData: The bytes are not exactly one StreamID.
        """
        stream, end = cls.read(data)
        if end != len(data):
            raise MalformedData(f"{len(data) - end} bytes after a StreamID")
        return stream

    @classmethod
    def parse(cls, text: str) -> StreamId:
        """Read the base36 text form (``k`` and lower-case digits).

        Raises:
            MalformedData: The text is not the form that ``str`` gives.
        """
        if len(text) > MAX_TEXT:
            raise MalformedData(f"a StreamID of {len(text)} characters exceeds the limit of {MAX_TEXT}")
        return cls.from_bytes(multibase.decode(text, "k"))

    def to_bytes(self) -> bytes:
        """Return the binary form."""
        return STREAM_CODEC + varint.encode(self.type) + self.cid.to_bytes()

    @property
    def url(self) -> str:
        """The form in which capabilities name a stream."""
        return f"{URL_SCHEME}{self}"

    def __str__(self) -> str:
        return multibase.encode("k", self.to_bytes())


META_MODEL: Final = StreamId.from_bytes(bytes.fromhex("ce01040171710b0009686d6f64656c2d7631"))
"""The model of models; its CID hashes nothing, so its bytes are a constant of Ceramic."""
