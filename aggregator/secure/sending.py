"""What members need to compute a round's gradient themselves, from the directory of what is public."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from federation.errors import ConfigError
from federation.models.linear import parse_model
from federation.secagg.material import Material, moves
from federation.types import Hash32

if TYPE_CHECKING:
    from aggregator.gathering import Stand
    from aggregator.public import PublicDirectory
    from federation.fixedpoint import Ints


class _Shelf(Mapping[Hash32, "Ints"]):
    """The weights of public models by hash; keeps the bytes of those that were looked at."""

    def __init__(self, public: PublicDirectory) -> None:
        self._public = public
        self.used: dict[Hash32, bytes] = {}

    def __getitem__(self, digest: Hash32) -> Ints:
        self.used[digest] = data = fetched(self._public, digest)
        return parse_model(data)[0]

    def __iter__(self) -> Iterator[Hash32]:
        return iter(self.used)

    def __len__(self) -> int:
        return len(self.used)


def material(stand: Stand) -> Material:
    """Return what goes with a sum: a shard was drawn for the round, and is open.

    Raises:
        ConfigError: A blob is lost.
    """
    public, epoch = stand.ports.public, stand.epoch
    words = [stand.view.words(epoch.domain.epoch, r) for r in range(1, stand.round + 1)]
    shelf = _Shelf(public)
    base = shelf[words[-1].base_hash]
    moves(words[:-1], shelf, np.zeros_like(base))
    return Material(
        opening=fetched(public, epoch.terms.public_hash),
        parts=tuple(fetched(public, part) for r in range(1, stand.round + 1) for part in stand.parts[r]),
        models=tuple(shelf.used.values()),
    )


def fetched(public: PublicDirectory, digest: Hash32) -> bytes:
    """Return a blob.

    Raises:
        ConfigError: It is lost.
    """
    data = public.get(digest)
    if data is None:
        raise ConfigError(f"blob {digest.hex()} is lost", hint="put the staging directory back")
    return data
