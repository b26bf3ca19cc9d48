"""Account keys on disk: encrypted web3 keyfiles (Web3 Secret Storage, version 3)."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

from contracts.abi import to_address
from contracts.accounts import Account
from federation.errors import ConfigError, IdentityError
from federation.home import PRIVATE_FILE, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from federation.types import Address

MOST_BYTES = 1 << 16


def write_keyfile(path: Path, key: bytes, passphrase: str, *, iterations: int | None = None) -> Account:
    """Encrypt a private key into a new file of mode 0600.

    Args:
        path: Where to; an existing file is never overwritten.
        key: 32 bytes.
        passphrase: What it is encrypted with (scrypt).
        iterations: scrypt's cost parameter; the format's usual 2^18 if None. Lower it in tests only.

    Returns:
        The key's account.

    Raises:
        IdentityError: The key is none, or the passphrase is empty.
        ConfigError: The file exists or cannot be written.
    """
    from eth_account import Account as EthAccount

    account = Account(key)
    if not passphrase:
        raise IdentityError("the passphrase is empty", hint="choose one of several words")
    document = EthAccount.encrypt(key, passphrase, kdf="scrypt", iterations=iterations)
    write_private(path, json.dumps(document).encode(), replace=False)
    return account


def read_keyfile(path: Path, passphrase: str, *, private: bool = True) -> Account:
    """Decrypt a keyfile.

    Args:
        path: The file.
        passphrase: What it was encrypted with.
        private: Whether to refuse a file that others may read.

    Raises:
        ConfigError: The file cannot be read, is no keyfile, or others may read it.
        IdentityError: The passphrase is wrong, or the file names another account than its key's.
    """
    return Account(decrypt_keyfile(path, passphrase, private=private))


def decrypt_keyfile(path: Path, passphrase: str, *, private: bool = True) -> bytes:
    """Return the private key in a keyfile, to be stored again; see :func:`read_keyfile`."""
    from eth_account import Account as EthAccount

    document = _load(path, private=private)
    try:
        key = bytes(EthAccount.decrypt(document, passphrase))
    except ValueError as err:
        if "mac" in str(err).lower():
            raise IdentityError(f"the passphrase does not open {path}") from err
        raise _no_keyfile(path) from err
    except (KeyError, TypeError, AttributeError, NotImplementedError) as err:
        raise _no_keyfile(path) from err
    if "address" in document and _address(document, path) != Account(key).address:
        raise IdentityError(f"{path} names another account than that of its key")
    return key


def keyfile_address(path: Path) -> Address:
    """Return the account that a keyfile names, without decrypting it.

    Raises:
        ConfigError: The file cannot be read, or names none.
    """
    return _address(_load(path, private=False), path)


def _load(path: Path, *, private: bool) -> dict[str, object]:
    try:
        if private and stat.S_IMODE(path.stat().st_mode) & ~PRIVATE_FILE:
            raise ConfigError(f"others may read {path}", hint=f"chmod 600 {path}")
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as err:
        raise ConfigError(
            f"{path} cannot be read: {(err.strerror or str(err)).lower()}",
            hint="folkmoot keys new makes a keyfile, folkmoot keys import takes one over",
        ) from err
    try:
        document = json.loads(raw) if len(raw) <= MOST_BYTES else None
    except (ValueError, RecursionError) as err:
        raise _no_keyfile(path) from err
    if not isinstance(document, dict) or document.get("version") != 3:
        raise _no_keyfile(path)
    return document


def _address(document: dict[str, object], path: Path) -> Address:
    try:
        raw = bytes.fromhex(str(document.get("address")).removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 20:
        raise ConfigError(
            f"{path} does not name its account", hint="folkmoot keys import writes one that does"
        )
    return to_address(raw)


def _no_keyfile(path: Path) -> ConfigError:
    return ConfigError(f"{path} is no web3 keyfile of version 3")
