"""The operator's account: opened without a question where a service manager hands over its passphrase."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from contracts.agreement import account
from contracts.keyfile import keyfile_address, read_keyfile
from contracts.session import key_path, passphrase
from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aggregator.operator.config import OperatorConfig
    from contracts.accounts import Account
    from federation.manifest import Manifest


def open_account(
    config: OperatorConfig, manifest: Manifest, given: Path | None, environ: Mapping[str, str]
) -> Account:
    """Open the keyfile of the account that the manifest names.

    Args:
        config: Names the keyfile, and perhaps a file with its passphrase.
        manifest: Names the account.
        given: A file with the passphrase that goes before that.
        environ: The process environment; systemd names its credentials there.

    Raises:
        ConfigError: There is no such keyfile, or it is another account's.
        IdentityError: The passphrase is wrong, or there is nobody to ask.
    """
    path, wanted = key_path(config.account.key), account(manifest.chain.aggregator)
    if keyfile_address(path) != wanted:
        raise ConfigError(
            f"{path} is the key of {keyfile_address(path)}, and the manifest's aggregator is {wanted}",
            hint="[account] key names the keyfile",
        )
    place = given
    if place is None and config.account.passphrase_file:
        place = Path(config.account.passphrase_file)
    credentials = environ.get("CREDENTIALS_DIRECTORY", "")
    if place is None and credentials and (Path(credentials) / "passphrase").is_file():
        place = Path(credentials) / "passphrase"
    return read_keyfile(path, passphrase(place))
