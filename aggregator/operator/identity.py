"""Seeds of DIDs on disk: one plain file of 64 hex digits, for its user alone.

An aggregator signs while nobody is there to type a passphrase, so its seed lies as it is, mode 0600,
as TLS keys do. A community's seed, which signs rosters, belongs on another machine, offline.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from ceramic_bridge.did import Identity
from federation.errors import ConfigError, IdentityError
from federation.home import PRIVATE_FILE, write_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MOST: Final = 256


def make_identity(path: Path, entropy: Callable[[int], bytes]) -> Identity:
    """Make a key and keep its seed in a new file.

    Args:
        path: Where; a file that is there is never overwritten.
        entropy: Where 32 random bytes come from.

    Raises:
        ConfigError: The file exists or cannot be written.
    """
    seed = entropy(32)
    write_private(path, seed.hex().encode() + b"\n", replace=False)
    return Identity(seed)


def read_identity(path: Path) -> Identity:
    """Return the key whose seed a file holds.

    Raises:
        ConfigError: The file cannot be read, or others may read it.
        IdentityError: It holds something else.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & ~PRIVATE_FILE:
            raise ConfigError(f"others may read {path}", hint=f"chmod 600 {path}")
        with path.open("rb") as file:
            raw = file.read(_MOST)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="folkmoot aggregator identity makes such a file",
        ) from error
    try:
        seed = bytes.fromhex(raw.decode("ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise IdentityError(f"{path} holds no seed", hint="it is one line of 64 hex digits")
    return Identity(seed)
