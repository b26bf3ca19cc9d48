"""What an earlier verification of one's own has established, so that the next goes on from there.

A checkpoint is the state after a round, kept under a hash of everything that entered it: another
word on chain, another rule or another version of this software finds none. It is one's own work in
one's own folder; nobody else's is ever read.
"""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from federation.canonical import parse_table
from federation.errors import ConfigError
from federation.hashing import abi_words, keccak256, sha256
from federation.home import write_private
from federation.rounds import EpochState

if TYPE_CHECKING:
    from aggregator.verified_epoch import VerifiedEpoch
    from federation.types import Hash32

_FORMAT: Final = b"folkmoot-checkpoint-1"


class Checkpoints:
    """The checkpoints of one epoch."""

    def __init__(self, folder: Path | None, epoch: VerifiedEpoch) -> None:
        """Name a folder; None keeps nothing.

        Args:
            folder: Where checkpoints of all federations are.
            epoch: The epoch, its terms, roster and validation set verified.
        """
        domain = epoch.domain
        self._epoch = epoch
        self._folder = None
        if folder is not None:
            self._folder = folder / f"{domain.chain_id}-{domain.federation}" / str(domain.epoch)
        version = f"{metadata.version('folkmoot')} {epoch.manifest.hash.hex()}".encode()
        terms = epoch.ground.deployment.federation.terms_hash(domain.epoch)
        self._keys = [keccak256(_FORMAT + sha256(version) + domain.digest("trace", 0) + terms)]

    def _key(self, round_: int) -> Hash32:
        """Return the hash of all that entered the rounds up to one."""
        view, number = self._epoch.view, self._epoch.domain.epoch
        while len(self._keys) <= round_:
            r = len(self._keys)
            w = view.words(number, r)
            words = abi_words(w.base_hash, w.commit_root, w.reveal_root, w.shard, w.model_hash)
            rest = abi_words(w.events_root, w.trace_root, w.receipt_hash, view.opened_at(number, r))
            forced = b"".join(e.did_hash + e.delta_sha256 + e.salt for e in view.forced(number, r))
            self._keys.append(keccak256(self._keys[-1] + words + rest + forced))
        return self._keys[round_]

    def _path(self, round_: int) -> Path | None:
        return self._folder and self._folder / f"{round_}-{self._key(round_).hex()}.json"

    def load(self, round_: int) -> EpochState | None:
        """Return the state after a round, if it was established before; a damaged file counts as none."""
        path = self._path(round_)
        try:
            return None if path is None else _state(path.read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, round_: int, state: EpochState) -> None:
        """Keep the state after a round; where nothing can be written, nothing is kept."""
        path = self._path(round_)
        if path is None or path.exists():
            return
        try:
            write_private(path, _bytes(state), replace=True)
        except ConfigError:
            self._folder = None


def _bytes(state: EpochState) -> bytes:
    body = json.dumps({field.name: _plain(getattr(state, field.name)) for field in fields(state)})
    return json.dumps({"sha256": sha256(body.encode()).hex(), "state": body}).encode()


def _state(data: bytes) -> EpochState:
    table = parse_table(data)
    body = table["state"]
    if not isinstance(body, str) or sha256(body.encode()).hex() != table["sha256"]:
        raise ValueError("damaged")
    values: dict[str, Any] = {name: _value(plain) for name, plain in parse_table(body.encode()).items()}
    return EpochState(**values)


def _plain(value: object) -> object:
    """Return a value of a state as JSON can say it, its kind with it."""
    match value:
        case bool() | int() | str() | None:
            return value
        case np.ndarray():
            raw = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
            return {"array": [str(value.dtype), list(value.shape), raw]}
        case tuple():
            return {"tuple": [_plain(item) for item in value]}
        case frozenset():
            return {"set": sorted(value)}
        case dict():
            return {"map": [[key, _plain(item)] for key, item in value.items()]}
    raise TypeError(f"a state holds a {type(value).__name__}, which no checkpoint can")


def _value(plain: object) -> object:
    match plain:
        case {"array": [str() as kind, list() as shape, str() as raw]}:
            return np.frombuffer(base64.b64decode(raw), dtype=kind).reshape(shape).copy()
        case {"tuple": list() as items}:
            return tuple(_value(item) for item in items)
        case {"set": list() as items}:
            return frozenset(items)
        case {"map": list() as items}:
            return {key: _value(item) for key, item in items}
        case bool() | int() | str() | None:
            return plain
    raise TypeError("not a value of a checkpoint")
