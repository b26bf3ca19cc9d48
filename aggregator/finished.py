"""A finished round, as far as the rounds after it and the settlement need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.snapshot import MOST, parse_state, state_bytes
from ceramic_bridge.cid import Cid, StreamId
from ceramic_bridge.dagcbor import decode, encode
from federation.errors import ConfigError
from federation.types import Hash32

if TYPE_CHECKING:
    from federation.rounds import EpochState


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finished:
    """A round that is recorded on chain.

    Attributes:
        state: The epoch after it.
        shard: The shard that was drawn for it.
        released: SHA-256 of the model after it.
        card: The model card's stream and its newest event.
        auc: AUC of the model on the drawn shard.
        blobs: SHA-256 of all that it adds to the public directory, but for the shard.
    """

    state: EpochState
    shard: int
    released: Hash32
    card: tuple[StreamId, Cid]
    auc: float
    blobs: frozenset[Hash32]

    def to_bytes(self) -> bytes:
        """Return canonical bytes."""
        stream, tip = self.card
        return encode(
            {
                "state": state_bytes(self.state),
                "shard": self.shard,
                "released": bytes(self.released),
                "stream": stream.to_bytes(),
                "tip": tip.to_bytes(),
                "auc": repr(self.auc),
                "blobs": b"".join(sorted(self.blobs)),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Finished:
        """Read canonical bytes.

        Raises:
            ConfigError: They are none.
        """
        match decode(data, max_bytes=MOST):
            case {
                "state": bytes() as state,
                "shard": int() as shard,
                "released": bytes() as released,
                "stream": bytes() as stream,
                "tip": bytes() as tip,
                "auc": str() as auc,
                "blobs": bytes() as blobs,
            }:
                return cls(
                    state=parse_state(state),
                    shard=shard,
                    released=Hash32(released),
                    card=(StreamId.from_bytes(stream), Cid.from_bytes(tip)),
                    auc=float(auc),
                    blobs=frozenset(Hash32(blobs[i : i + 32]) for i in range(0, len(blobs), 32)),
                )
        raise ConfigError("a finished round in the journal is damaged")
