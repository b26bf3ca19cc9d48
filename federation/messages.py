"""The Flower messages of a round, parsed strictly into typed values or a rejection.

Three requests, each with one reply (PROTOCOL phases Commit and Reveal, then the acknowledgement):

    train.commit        base model                    -> signed contribution event
    train.reveal        commit root and leaf proof    -> delta and salt
    query.acknowledge   the aggregator's signed word that it has the delta

Where nobody sees a delta there is one request, for each stage of ``federation.secagg``:

    train.secure        a stage, an attempt, what the stage needs    -> what it asks for
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Never

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from numpy.typing import NDArray

from federation.errors import PeerError
from federation.fixedpoint import Ints
from federation.hashing import Domain
from federation.rounds import Base
from federation.secagg.stages import Stage
from federation.types import Address, Hash32

COMMIT: Final = "train.commit"
REVEAL: Final = "train.reveal"
ACKNOWLEDGE: Final = "query.acknowledge"
SECURE: Final = "train.secure"

_MAX_EVENT: Final = 64 * 1024


class Rejected(PeerError):
    """A message that cannot be used; ``message`` is the reason on the receipt."""

    code = "rejected"


def reject(reason: str) -> Never:
    """Refuse a message for a reason that goes on the receipt."""
    raise Rejected(reason)


def _config(records: RecordDict, name: str) -> ConfigRecord:
    record = records.config_records.get(name)
    if record is None:
        reject(f"no-{name}-record")
    return record


def _bytes(record: ConfigRecord, key: str, length: int | None = None) -> bytes:
    value = record.get(key)
    if not isinstance(value, bytes) or (length is not None and len(value) != length):
        reject(f"malformed-{key}")
    return value


def _int(record: ConfigRecord, key: str) -> int:
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        reject(f"malformed-{key}")
    return value


@cache
def _npy_header(dim: int, descr: str) -> bytes:
    """Return the header that numpy writes before a one-dimensional array of a type."""
    header = io.BytesIO()
    shape = {"descr": descr, "fortran_order": False, "shape": (dim,)}
    np.lib.format.write_array_header_1_0(header, shape)
    return header.getvalue()


def _array(records: RecordDict, name: str, dim: int) -> Ints:
    """Read a peer's int64 vector.

    The bytes are compared with the one encoding that is allowed and never given to a general
    parser: numpy's would allocate whatever a header promises.
    """
    record = records.array_records.get("arrays")
    if record is None or list(record) != [name]:
        reject("wrong-arrays")
    array = record[name]
    data = array.data
    if not isinstance(data, bytes) or array.stype != "numpy.ndarray" or data[:6] != b"\x93NUMPY":
        reject("malformed-array")
    header = _npy_header(dim, "<i8")
    if data.startswith(header) and len(data) == len(header) + 8 * dim:
        return np.frombuffer(data, dtype="<i8", offset=len(header)).astype(np.int64)
    for descr in ("<f8", "<f4"):
        real = _npy_header(dim, descr)
        if data.startswith(real) and len(data) == len(real) + np.dtype(descr).itemsize * dim:
            values = np.frombuffer(data, dtype=descr, offset=len(real))
            reject("wrong-type" if bool(np.isfinite(values).all()) else "not-finite")
    reject("wrong-shape-or-type")


def _arrays(name: str, values: NDArray[np.generic]) -> ArrayRecord:
    return ArrayRecord({name: Array(np.ascontiguousarray(values))})


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRequest:
    """Train from this base and commit to the delta."""

    domain: Domain
    round: int
    base: Base

    def records(self) -> RecordDict:
        """Return the message's content."""
        return RecordDict(
            {
                "arrays": _arrays("weights", self.base.weights),
                "round": _place(self.domain, self.round, {"intercept": self.base.intercept}),
            }
        )

    @classmethod
    def parse(cls, records: RecordDict, *, dim: int) -> CommitRequest:
        """Read a message's content.

        Raises:
            Rejected: It is malformed.
        """
        domain, round_ = _parse_place(records)
        base = Base(
            weights=_array(records, "weights", dim),
            intercept=_int(_config(records, "round"), "intercept"),
            beta_tenths=0,
            losses=(),
        )
        return cls(domain=domain, round=round_, base=base)


@dataclass(frozen=True, slots=True)
class CommitReply:
    """A member's signed contribution event, as one CAR."""

    event: bytes

    def records(self) -> RecordDict:
        """Return the message's content."""
        return RecordDict({"commit": ConfigRecord({"event": self.event})})

    @classmethod
    def parse(cls, records: RecordDict) -> CommitReply:
        """Read a message's content.

        Raises:
            Rejected: It is malformed.
        """
        event = _bytes(_config(records, "commit"), "event")
        if len(event) > _MAX_EVENT:
            reject("event-too-large")
        return cls(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealRequest:
    """Check your leaf under the recorded commit root, then send the delta."""

    domain: Domain
    round: int
    proof: tuple[Hash32, ...]

    def records(self) -> RecordDict:
        """Return the message's content."""
        return RecordDict({"round": _place(self.domain, self.round, {"proof": b"".join(self.proof)})})

    @classmethod
    def parse(cls, records: RecordDict) -> RevealRequest:
        """Read a message's content.

        Raises:
            Rejected: It is malformed.
        """
        domain, round_ = _parse_place(records)
        proof = _bytes(_config(records, "round"), "proof")
        if len(proof) % 32:
            reject("malformed-proof")
        siblings = tuple(Hash32(proof[i : i + 32]) for i in range(0, len(proof), 32))
        return cls(domain=domain, round=round_, proof=siblings)


@dataclass(frozen=True, slots=True, eq=False)
class RevealReply:
    """A member's delta and the salt of its commitment."""

    delta: Ints
    salt: Hash32

    def records(self) -> RecordDict:
        """Return the message's content."""
        return RecordDict(
            {"arrays": _arrays("delta", self.delta), "reveal": ConfigRecord({"salt": bytes(self.salt)})}
        )

    @classmethod
    def parse(cls, records: RecordDict, *, dim: int) -> RevealReply:
        """Read a message's content.

        Raises:
            Rejected: It is malformed: no int64 vector of the model's dimension, or no salt.
        """
        delta = _array(records, "delta", dim)
        return cls(delta, Hash32(_bytes(_config(records, "reveal"), "salt", 32)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The aggregator's signed word that it holds a member's delta."""

    domain: Domain
    round: int
    delta_sha256: Hash32
    signature: bytes

    @staticmethod
    def signed_bytes(domain: Domain, round_: int, member: Hash32, delta_sha256: Hash32) -> bytes:
        """Return what the aggregator signs."""
        return domain.digest("acknowledgement", round_, member, delta_sha256)

    def records(self) -> RecordDict:
        """Return the message's content."""
        more = {"delta": bytes(self.delta_sha256), "signature": self.signature}
        return RecordDict({"round": _place(self.domain, self.round, more)})

    @classmethod
    def parse(cls, records: RecordDict) -> Acknowledgement:
        """Read a message's content.

        Raises:
            Rejected: It is malformed.
        """
        domain, round_ = _parse_place(records)
        record = _config(records, "round")
        return cls(
            domain=domain,
            round=round_,
            delta_sha256=Hash32(_bytes(record, "delta", 32)),
            signature=_bytes(record, "signature", 64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureRequest:
    """Answer one stage of a secure round."""

    domain: Domain
    round: int
    attempt: int
    stage: Stage
    parts: tuple[bytes, ...] = ()

    def records(self) -> RecordDict:
        """Return the message's content."""
        place = _place(self.domain, self.round, {"attempt": self.attempt})
        place["stage"], place["parts"] = str(self.stage), list(self.parts)
        return RecordDict({"round": place})

    @classmethod
    def parse(cls, records: RecordDict) -> SecureRequest:
        """Read a message's content.

        Raises:
            Rejected: It is malformed.
        """
        domain, round_ = _parse_place(records)
        record = _config(records, "round")
        try:
            stage = Stage(record.get("stage"))
        except ValueError:
            reject("malformed-stage")
        attempt = _int(record, "attempt")
        return cls(domain=domain, round=round_, attempt=attempt, stage=stage, parts=_parts(record))


@dataclass(frozen=True, slots=True)
class SecureReply:
    """What a member answers in a stage."""

    parts: tuple[bytes, ...]

    def records(self) -> RecordDict:
        """Return the message's content."""
        return RecordDict({"answer": ConfigRecord({"parts": list(self.parts)})})

    @classmethod
    def parse(cls, records: RecordDict) -> SecureReply:
        """Read a message's content.

        Raises:
            Rejected: It is malformed.
        """
        return cls(_parts(_config(records, "answer")))


def _parts(record: ConfigRecord) -> tuple[bytes, ...]:
    value = record.get("parts")
    if not isinstance(value, list) or not all(isinstance(part, bytes) for part in value):
        reject("malformed-parts")
    return tuple(part for part in value if isinstance(part, bytes))


def _place(domain: Domain, round_: int, more: Mapping[str, int | bytes]) -> ConfigRecord:
    return ConfigRecord(
        {
            "chain-id": domain.chain_id,
            "federation": domain.federation,
            "epoch": domain.epoch,
            "round": round_,
            **more,
        }
    )


def _parse_place(records: RecordDict) -> tuple[Domain, int]:
    record = _config(records, "round")
    federation = record.get("federation")
    if not isinstance(federation, str):
        reject("malformed-federation")
    domain = Domain(
        chain_id=_int(record, "chain-id"), federation=Address(federation), epoch=_int(record, "epoch")
    )
    return domain, _int(record, "round")


def empty() -> RecordDict:
    """Return the content of a reply that says only that the request arrived."""
    return RecordDict({})
