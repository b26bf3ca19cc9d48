"""Where the passphrase comes from: a file, a systemd credential, the keyring, or a prompt; never a flag."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from federation.errors import ConfigError, IdentityError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVICE = "folkmoot"
_MOST_BYTES = 4096


def find_passphrase(file: Path | None, environ: Mapping[str, str], vault: Path) -> bytes:
    """Return the passphrase of a vault.

    Args:
        file: What the user named, before anything else.
        environ: May name systemd's folder of credentials (``LoadCredential=passphrase:...``).
        vault: The vault's file; the keyring has an entry of that name.

    Raises:
        ConfigError: The file cannot be read, or others may read it.
        IdentityError: There is nobody to ask.
    """
    if file is not None:
        return read_passphrase(file)
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder and (credential := Path(folder) / "passphrase").is_file():
        # systemd gives access by a list beside the mode, on a file system of the service's own.
        return _first_line(credential, private=False)
    found, reason = _from_keyring(vault)
    return _ask("Passphrase", reason, confirm=False) if found is None else found


def new_passphrase(file: Path | None) -> bytes:
    """Return a passphrase to set: from a file, or asked twice.

    Raises:
        ConfigError: The file cannot be read, or others may read it.
        IdentityError: There is nobody to ask, or it is empty.
    """
    if file is None:
        found = _ask("New passphrase", "nothing is in the keyring yet", confirm=True)
    else:
        found = read_passphrase(file)
    if not found:
        raise IdentityError("the passphrase is empty", hint="choose a long one, and keep it")
    return found


def read_passphrase(file: Path) -> bytes:
    """Return the first line of a file that only its owner can read.

    Raises:
        ConfigError: It cannot be read, or others may read it.
    """
    return _first_line(file, private=True)


def remember(vault: Path, passphrase: bytes) -> None:
    """Put the passphrase into the user's keyring.

    Raises:
        ConfigError: There is no keyring, or it refuses.
    """
    try:
        import keyring
    except ImportError as error:
        raise ConfigError("there is no keyring", hint="install folkmoot[keyring]") from error
    try:
        keyring.set_password(_SERVICE, str(vault), passphrase.decode())
    except Exception as error:  # as below; or the passphrase is no text
        raise ConfigError("the keyring did not take the passphrase", hint="use --passphrase-file") from error


def _first_line(file: Path, *, private: bool) -> bytes:
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"{file} is no file")
            if private and os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise ConfigError(f"others may read {file}", hint=f"chmod 600 {file}")
            line = stream.readline(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"the passphrase cannot be read from {file}: {error.strerror}") from error
    if len(line) > _MOST_BYTES:
        raise ConfigError(f"the first line of {file} is too long for a passphrase")
    return line.rstrip(b"\r\n")


def _from_keyring(vault: Path) -> tuple[bytes | None, str]:
    """Return the keyring's entry, or none and why."""
    try:
        import keyring
    except ImportError:
        return None, "no keyring is installed"
    try:
        found = keyring.get_password(_SERVICE, str(vault))
    except Exception:  # noqa: BLE001 -- without a desktop it always fails, with whatever its backend raises
        return None, "the keyring cannot be used here"
    return (None, "the keyring has no entry for this vault") if found is None else (found.encode(), "")


def _ask(prompt: str, reason: str, *, confirm: bool) -> bytes:
    if not sys.stdin.isatty():
        raise IdentityError(
            f"there is nobody to ask for a passphrase, and {reason}", hint="give --passphrase-file"
        )
    text: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return text.encode()
