"""A vault that opens fast, and entropy that repeats."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import pytest

from client.budget import set_budget
from client.keys import Kdf
from client.vault import Vault
from federation.privacy import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from client.noise import Entropy

PASSPHRASE = b"correct horse"


def _counted(seed: bytes) -> Entropy:
    state = [0]

    def entropy(n: int) -> bytes:
        state[0] += 1
        return hashlib.shake_256(seed + state[0].to_bytes(8, "big")).digest(n)

    return entropy


@pytest.fixture
def counted() -> Callable[[bytes], Entropy]:
    """Makes a deterministic source of entropy from a seed."""
    return _counted


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "member.vault"


@pytest.fixture
def vault(path: Path) -> Iterator[Vault]:
    with Vault.create(path, PASSPHRASE, kdf=Kdf.MINIMUM, entropy=_counted(b"vault")) as made:
        set_budget(made, Budget(epsilon=math.inf, delta=1e-5))
        yield made
