"""A mark beside the vault that shows when the whole file was put back from an older copy.

Every change of the vault has a number, sealed in the vault. The highest one is also kept in a file
of its own. The vault is written first, then the mark: a mark behind the vault is what a crash
leaves, a vault behind its mark is an older copy. Who puts both back is not noticed here; the
member's own published events show that.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from federation.errors import ConfigError, VerificationFailed
from federation.home import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from client.keys import Keyring

_SLOT = 48
"""Bytes of a slot: nonce 24, number 8, tag 16."""

_HINT = (
    "put the newest copy back; if there is none, move this one away and put it back on purpose:\n"
    "folkmoot client restore FILE"
)


class VaultRolledBack(VerificationFailed):
    """The vault's file is older than its mark, or its mark is gone."""

    code = "vault-rolled-back"


class Watermark:
    """The mark of one vault: two slots that take turns, so that a torn write spares the other.

    Two processes may write it at once: the lower number may stay, and the next change raises it.
    """

    def __init__(self, vault: Path, keys: Keyring) -> None:
        self.path = mark_path(vault)
        self._sealer = keys.lasting_sealer("watermark")

    def read(self) -> int:
        """Return the number of the newest change that is known.

        Raises:
            VaultRolledBack: There is no mark, or it is not this vault's.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise VaultRolledBack("vault", f"its mark {self.path.name} is not there", hint=_HINT) from error
        found = []
        for at in range(0, len(data), _SLOT):
            with suppress(VerificationFailed):
                found.append(int.from_bytes(self._sealer.open(b"", data[at : at + _SLOT]), "big"))
        if not found:
            raise VaultRolledBack("vault", f"its mark {self.path.name} is another vault's", hint=_HINT)
        return max(found)

    def start(self, serial: int) -> None:
        """Make the mark, or make it anew.

        Raises:
            ConfigError: It cannot be written.
        """
        write_private(self.path, self._seal(serial) + self._seal(serial), replace=True)

    def write(self, serial: int) -> None:
        """Note the number of the newest change; not waiting for the disk, as a mark may lag.

        Raises:
            ConfigError: It cannot be written.
        """
        try:
            handle = os.open(self.path, os.O_WRONLY)
        except FileNotFoundError:
            self.start(serial)
            return
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror}") from error
        try:
            os.pwrite(handle, self._seal(serial), serial % 2 * _SLOT)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror}") from error
        finally:
            os.close(handle)

    def check(self, mark: int, serial: int) -> None:
        """Compare the mark, read first, with the vault, and raise it where the vault is ahead.

        Raises:
            VaultRolledBack: The vault is behind.
        """
        if serial < mark:
            raise VaultRolledBack("vault", f"an older copy: change {serial}, and {mark} was seen", hint=_HINT)
        if serial > mark:
            self.write(serial)

    def _seal(self, serial: int) -> bytes:
        return self._sealer.seal(b"", serial.to_bytes(8, "big"))


def mark_path(vault: Path) -> Path:
    """Return where the mark of a vault lies."""
    return vault.with_name(vault.name + ".mark")
