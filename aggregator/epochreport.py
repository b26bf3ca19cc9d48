"""What an epoch came to, for whoever ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ceramic_bridge.dagcbor import decode, encode
from contracts.view import End
from federation.errors import ConfigError
from federation.types import Did, Hash32, Wei


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """An epoch that is over.

    Attributes:
        epoch: Its number.
        end: How its rounds ended.
        rounds: How many are recorded and stand.
        model_hash: The model after the last of them; None if there is none.
        credits: Signed wei of every admitted member after the last of them.
        due: Wei that the epoch pays each member with a payee.
        payout_root: Root of the finalized payout table; None if there was nothing to pay.
        total: Wei of that table: all that was ever owed.
    """

    epoch: int
    end: End
    rounds: int
    model_hash: Hash32 | None
    credits: Mapping[Did, Wei]
    due: Mapping[Did, Wei]
    payout_root: Hash32 | None
    total: Wei

    def to_bytes(self) -> bytes:
        """Return canonical bytes."""
        return encode(
            {
                "epoch": self.epoch,
                "end": str(self.end),
                "rounds": self.rounds,
                "model": self.model_hash,
                "credits": {str(did): str(wei) for did, wei in self.credits.items()},
                "due": {str(did): str(wei) for did, wei in self.due.items()},
                "root": self.payout_root,
                "total": str(self.total),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> EpochReport:
        """Read canonical bytes.

        Raises:
            ConfigError: They are none.
        """
        match decode(data, max_bytes=len(data)):
            case {
                "epoch": int() as epoch,
                "end": str() as end,
                "rounds": int() as rounds,
                "model": (bytes() | None) as model,
                "credits": dict() as credits,
                "due": dict() as due,
                "root": (bytes() | None) as root,
                "total": str() as total,
            }:
                return cls(
                    epoch=epoch,
                    end=End(end),
                    rounds=rounds,
                    model_hash=None if model is None else Hash32(model),
                    credits={Did(did): Wei(int(str(wei))) for did, wei in credits.items()},
                    due={Did(did): Wei(int(str(wei))) for did, wei in due.items()},
                    payout_root=None if root is None else Hash32(root),
                    total=Wei(int(total)),
                )
        raise ConfigError("an epoch's report in the journal is damaged")
