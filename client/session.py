"""What the member's commands have in common: the home, the passphrase, and the open vault."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.home import ClientHome
from federation.errors import ConfigError

if TYPE_CHECKING:
    from client.vault import Vault

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="File (mode 0600) whose first line opens the vault; without it, your keyring or a question.",
)
"""Declare ``--passphrase-file``, passed as ``passphrase_file``."""


def client_home() -> ClientHome:
    """Return this user's home."""
    return ClientHome.of(os.environ)


def open_vault(passphrase_file: Path | None) -> Vault:
    """Open this user's vault.

    Raises:
        ConfigError: There is none, or the passphrase file is not private.
        IdentityError: The passphrase is wrong, or there is nobody to ask.
        VerificationFailed: The vault was altered, or is an older copy.
    """
    from client.hygiene import harden_process
    from client.passphrase import find_passphrase
    from client.vault import Vault

    harden_process()
    path = client_home().vault
    if not path.is_file():  # said before anybody types a passphrase
        raise ConfigError(f"there is no vault at {path}", hint="make one with: folkmoot client init")
    return Vault.open(path, find_passphrase(passphrase_file, os.environ, path))
