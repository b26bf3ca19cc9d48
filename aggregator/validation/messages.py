"""The contents of a provider's items, and the aggregator's proposal, as bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aggregator.dealing import PUBLIC
from aggregator.provider import Committed, Proposal
from aggregator.validation.wire import MOST_BYTES, joined, split
from ceramic_bridge.cid import StreamId
from ceramic_bridge.did import verify
from ceramic_bridge.events import SignedEvent, decode, encode
from contracts import abi
from contracts.bindings.structs import EpochTerms
from federation.canonical import require_shallow
from federation.errors import FolkmootError, PeerError
from federation.fixedpoint import Ints
from federation.hashing import Domain
from federation.manifest import Manifest
from federation.types import Hash32
from federation.validation import Index, commitment_bytes

_Hex = Annotated[str, Field(pattern="^([0-9a-f]{2})+$")]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Commitment:
    """What a provider says before an epoch: its commitment, and what makes the set's mean.

    Attributes:
        committed: Its parts' index, its tip, its public portion, its signature.
        counts: In how many of its examples each word occurs; shape (words,).
    """

    committed: Committed
    counts: Ints

    @property
    def size(self) -> int:
        """How many examples there are."""
        return sum(entry.count for entry in self.committed.entries)

    def to_bytes(self) -> bytes:
        """Return the item's content."""
        made = self.committed
        index, counts = Index(made.entries).to_bytes(), self.counts.astype("<u4").tobytes()
        return joined([index, made.tip, made.public, made.signature, counts])

    @classmethod
    def parse(cls, data: bytes, domain: Domain, manifest: Manifest, provider: int) -> Self:
        """Return a provider's commitment after checking all that can be checked before the examples are seen.

        Raises:
            PeerError: It is malformed, or its word counts cannot be those of its examples.
            VerificationFailed: Its public portion is not what it committed.
            IdentityError: The provider did not sign it.
        """
        index, tip, public, signature, counts = split(data, count=5)
        entries = Index.parse(index).entries
        shards = [(shard, provider) for shard in range(manifest.validation.shards + 1)]
        if [(entry.shard, entry.provider) for entry in entries] != shards or len(tip) != 32:
            raise PeerError("it does not commit one part for every shard")
        if max(entry.count for entry in entries) > MOST_BYTES // 37:
            raise PeerError("it commits more examples than it can ever show")
        verify(
            manifest.providers[provider],
            commitment_bytes(domain, provider, entries, Hash32(tip)),
            signature,
        )
        if len(counts) != 4 * manifest.words:
            raise PeerError("there is not one count for every word")
        made = cls(
            committed=Committed(entries, Hash32(tip), public, signature),
            counts=np.frombuffer(counts, dtype="<u4").astype(np.int64),
        )
        part = Index(entries).open(public, shard=PUBLIC, provider=provider, domain=domain, dim=manifest.words)
        shown = part.examples.counts(manifest.words)
        sealed = made.size - len(part.examples)
        if bool(np.any(made.counts < shown)) or bool(np.any(made.counts > shown + sealed)):
            raise PeerError("its word counts cannot be those of its examples")
        return made


class _Proposal(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    terms: _Hex
    index: _Hex
    models: dict[str, str]


def proposal_bytes(proposal: Proposal) -> bytes:
    """Return what is shown to providers of an epoch's terms, as JSON."""
    table = {
        "terms": abi.encode((EpochTerms.ABI,), (proposal.terms.to_abi(),)).hex(),
        "index": proposal.index.to_bytes().hex(),
        "models": {kind: str(model) for kind, model in proposal.models.items()},
    }
    return json.dumps(table, separators=(",", ":")).encode()


def parse_proposal(data: bytes) -> Proposal:
    """Return what an epoch would promise; whether it may is the provider's to check.

    Raises:
        PeerError: The bytes are no proposal.
    """
    try:
        require_shallow(data)
        found = _Proposal.model_validate_json(data)
        (values,) = abi.decode((EpochTerms.ABI,), bytes.fromhex(found.terms))
        assert isinstance(values, tuple)
        return Proposal(
            terms=EpochTerms.from_abi(values),
            index=Index.parse(bytes.fromhex(found.index)),
            models={kind: StreamId.parse(text) for kind, text in found.models.items()},
        )
    except (ValidationError, ValueError, FolkmootError) as error:
        raise PeerError("the aggregator's proposal is malformed") from error


def revealed_bytes(part: bytes, event: SignedEvent) -> bytes:
    """Return the content of an item that makes a part public."""
    return joined([part, encode(event)])


def parse_revealed(data: bytes) -> tuple[bytes, SignedEvent]:
    """Return a part and the event that makes it public; both are the caller's to check.

    Raises:
        PeerError: It is malformed.
        VerificationFailed, IdentityError: The event is not what was signed.
    """
    part, event = split(data, count=2)
    return part, decode(event)
