"""What an earlier verification of one's own has established, so that the next goes on from there.

A checkpoint is the state after a round, kept under a hash of everything that entered it: another
word on chain, another rule or another version of this software finds none. It is one's own work in
one's own folder; nobody else's is ever read.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aggregator.snapshot import parse_state, state_bytes
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
            if self._epoch.manifest.secure is not None:
                # Nothing above says when a sum was announced; the block that drew the shard does.
                rest += view.hash_of(view.drawn_in(number, r))
            forced = b"".join(e.did_hash + e.delta_sha256 + e.salt for e in view.forced(number, r))
            self._keys.append(keccak256(self._keys[-1] + words + rest + forced))
        return self._keys[round_]

    def _path(self, round_: int) -> Path | None:
        return self._folder and self._folder / f"{round_}-{self._key(round_).hex()}"

    def load(self, round_: int) -> EpochState | None:
        """Return the state after a round, if it was established before; a damaged file counts as none."""
        path = self._path(round_)
        try:
            return None if path is None else parse_state(_opened(path.read_bytes()))
        except (OSError, ConfigError):
            return None

    def save(self, round_: int, state: EpochState) -> None:
        """Keep the state after a round; where nothing can be written, nothing is kept."""
        path = self._path(round_)
        if path is None or path.exists():
            return
        try:
            write_private(path, _sealed(state_bytes(state)), replace=True)
        except ConfigError:
            self._folder = None


def _sealed(body: bytes) -> bytes:
    return sha256(body) + body


def _opened(data: bytes) -> bytes:
    """Return what was sealed.

    Raises:
        ConfigError: It is damaged.
    """
    if sha256(data[32:]) != data[:32]:
        raise ConfigError("a checkpoint is damaged")
    return data[32:]
