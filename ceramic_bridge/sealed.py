"""A member's rows, encrypted to it: batches that fit an event, and readers added later.

How many rows a member has, their root and whom to pay stand in its ``data`` document, which is
public because settlement and quotas read it. The rows themselves are published as ``sealed-rows``
documents only, one for each batch, so that a batch can be read from its own stream's events. There
is no form of them in the clear.

A batch names its owner and federation inside the encryption: somebody else's ciphertext, posted
again, is found out by whoever opens it. Lengths are rounded up to a power of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nacl.utils import random

from ceramic_bridge.dagcbor import MalformedData, Value, encode
from ceramic_bridge.events import UNIQUE_BYTES, create_init
from ceramic_bridge.jsonpatch import JsonPatchOp, apply_patch
from ceramic_bridge.jwe import Jwe, add_reader, decrypt, encrypt
from ceramic_bridge.schemas import SEALED_ROWS, validate
from federation.errors import DataError, VerificationFailed
from federation.types import Did, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.did import Identity
    from ceramic_bridge.events import SignedEvent
    from ceramic_bridge.jwe import Reader
    from federation.types import Address

SMALLEST: Final = 1 << 12
"""Bytes of the smallest cleartext."""

LARGEST: Final = 1 << 17
"""Bytes of the largest: in base64 it leaves room for some two hundred readers in one event."""

_RECIPIENTS: Final = "/sealed/recipients"

# What a batch encodes to beside its rows: names, owner, federation, numbers, the identity CID.
_FRAME: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows that follow each other in their owner's order.

    Attributes:
        first: How many rows come before.
        rows: The rows.
    """

    first: int
    rows: tuple[Row, ...]


def split(rows: Iterable[Row], *, first: int = 0) -> Iterator[Batch]:
    """Cut rows into batches that can be sealed.

    Args:
        rows: In their owner's order.
        first: How many came before these.

    Raises:
        DataError: A row is too large or no valid Unicode; the message has its number, not its text.
    """
    batch: list[Row] = []
    size = 0
    for number, row in enumerate(rows, first):
        try:
            more = len(encode(_row_value(row)))
        except MalformedData as error:
            raise DataError(f"row {number + 1}: the text is not valid Unicode") from error
        if more > LARGEST - _FRAME:
            raise DataError(f"row {number + 1}: it encodes to {more} bytes, over {LARGEST - _FRAME}")
        if batch and size + more > LARGEST - _FRAME:
            yield Batch(first=number - len(batch), rows=tuple(batch))
            batch, size = [], 0
        batch.append(row)
        size += more
    if batch:
        yield Batch(first=number + 1 - len(batch), rows=tuple(batch))


def seal(
    batch: Batch,
    *,
    owner: Did,
    federation: Address,
    readers: Sequence[Did] = (),
    entropy: Callable[[int], bytes] = random,
) -> dict[str, Value]:
    """Encrypt a batch to its owner, and to further readers if there are any.

    Args:
        batch: From ``split``.
        owner: Controls the stream in which the batch will stand; an ed25519 ``did:key``.
        federation: What the rows are for.
        readers: Who else may read; nobody can be removed.
        entropy: Fresh random bytes; anything else in tests only.

    Returns:
        The content of a ``sealed-rows`` document.

    Raises:
        MalformedData: The batch is too large, or a text is not valid Unicode.
        IdentityError: One cannot encrypt to the owner or a reader.
    """
    content: dict[str, Value] = {
        "owner": owner,
        "federation": federation,
        "first": batch.first,
        "rows": [_row_value(row) for row in batch.rows],
    }
    jwe = encrypt(content, [owner, *readers], padded=_size_class, entropy=entropy)
    return {"kind": SEALED_ROWS, "federation": federation, "sealed": jwe.to_value()}


def publish(
    identity: Identity,
    rows: Iterable[Row],
    *,
    model: StreamId,
    federation: Address,
    first: int = 0,
    readers: Sequence[Did] = (),
    entropy: Callable[[int], bytes] = random,
) -> Iterator[SignedEvent]:
    """Seal rows and sign one document for each batch.

    Args:
        identity: The owner.
        rows: In the owner's order.
        model: The community's model of sealed rows.
        federation: What the rows are for.
        first: How many rows came before these.
        readers: Who else may read.
        entropy: Fresh random bytes; anything else in tests only.

    Raises:
        DataError: As ``split``, when it comes to that row.
        IdentityError: As ``seal``.
    """
    for batch in split(rows, first=first):
        content = seal(batch, owner=identity.did, federation=federation, readers=readers, entropy=entropy)
        yield create_init(identity, model=model, content=content, unique=entropy(UNIQUE_BYTES))


def open_batch(content: Mapping[str, Value], reader: Reader, *, controller: Did) -> Batch:
    """Decrypt a batch and check that it belongs where it stands.

    Args:
        content: A ``sealed-rows`` document.
        reader: Somebody it is encrypted to.
        controller: Who controls the document's stream.

    Raises:
        MalformedData: The document does not fit its schema, or holds no rows.
        IdentityError: It is not encrypted to the reader, or was changed.
        VerificationFailed: It was sealed by another owner, or for another federation.
    """
    try:
        found = decrypt(_jwe(content), reader)
    except MalformedData:
        # The cause could quote what was decrypted.
        raise MalformedData("what is sealed is no batch of rows") from None
    match found:
        case {
            "owner": str() as owner,
            "federation": str() as federation,
            "first": int() as first,
            "rows": list() as rows,
            **rest,
        } if not rest and not isinstance(first, bool) and first >= 0:
            batch = Batch(first=first, rows=tuple(_row(value) for value in rows))
        case _:
            raise MalformedData("what is sealed is no batch of rows")
    if owner != controller:
        raise VerificationFailed("sealed rows", f"they are {owner}'s, in a stream of {controller}")
    if federation != content["federation"]:
        raise VerificationFailed("sealed rows", f"they were sealed for federation {federation}")
    return batch


def readers_of(content: Mapping[str, Value]) -> tuple[Did, ...]:
    """Return to whom a ``sealed-rows`` document is encrypted, by its own word."""
    match content.get("sealed"):
        case {"recipients": list() as recipients}:
            return tuple(did for one in recipients if (did := _reader(one)) is not None)
    return ()


def added_reader(op: JsonPatchOp) -> Did | None:
    """Return whom a step of a patch lets read, by its own word; ``None`` if it is another step."""
    return _reader(op.value) if op.path.startswith(f"{_RECIPIENTS}/") else None


def grant(content: Mapping[str, Value], reader: Reader, new: Did) -> tuple[JsonPatchOp, ...]:
    """Let one more DID read a batch: its key is wrapped again, and the ciphertext stays as it is.

    Args:
        content: The ``sealed-rows`` document as it is now.
        reader: Its owner, or somebody else who can read it.
        new: Who shall read it as well; an ed25519 ``did:key``.

    Returns:
        The patch for the stream's next data event, which only the owner can sign; empty if the DID
        is a reader already.

    Raises:
        MalformedData: The document does not fit its schema, or has no room for one more reader.
        IdentityError: The reader cannot read it, or one cannot encrypt to the new DID.
    """
    before = _jwe(content)
    after = add_reader(before, reader, new)
    if after is before:
        return ()
    recipients = after.to_value()["recipients"]
    assert isinstance(recipients, list)
    patch = (JsonPatchOp(op="add", path=f"{_RECIPIENTS}/-", value=recipients[-1]),)
    apply_patch(content, patch)
    return patch


def _jwe(content: Mapping[str, Value]) -> Jwe:
    validate(SEALED_ROWS, dict(content))
    return Jwe.from_value(content["sealed"])


def _reader(recipient: Value) -> Did | None:
    match recipient:
        case {"header": {"kid": str() as kid}}:
            return Did(kid.partition("#")[0])
    return None


def _size_class(size: int) -> int:
    if size > LARGEST:
        raise MalformedData(f"a batch of {size} bytes exceeds {LARGEST}", hint="split the rows first")
    return max(SMALLEST, 1 << (size - 1).bit_length())


def _row_value(row: Row) -> dict[str, Value]:
    return {"text": row.text, "label": row.label}


def _row(value: Value) -> Row:
    match value:
        case {"text": str() as text, "label": bool() as label, **rest} if not rest:
            return Row(text=text, label=label)
    raise MalformedData("what is sealed is no batch of rows")
