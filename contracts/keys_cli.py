"""``folkmoot keys``: accounts in encrypted keyfiles."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from contracts.session import key_path, passphrase, passphrase_option
from federation.cli import emit_json, format_option
from federation.errors import ConfigError, IdentityError


@click.group()
def keys() -> None:
    """Keep accounts in encrypted keyfiles."""


@keys.command()
@click.argument("name")
@passphrase_option
@format_option
def new(name: str, passphrase_file: Path | None, output_format: str) -> None:
    """Make an account and write its encrypted keyfile.

    NAME is a name to keep it under, or a path. Example: folkmoot keys new community
    """
    _store(secrets.token_bytes(32), name, passphrase_file, output_format)


@keys.command()
@click.argument("name")
@format_option
def show(name: str, output_format: str) -> None:
    """Print the address of a keyfile; needs no passphrase."""
    from contracts.keyfile import keyfile_address

    _print(keyfile_address(key_path(name)), key_path(name), output_format)


@keys.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("name")
@click.option("--hex", "is_hex", is_flag=True, help="SOURCE holds a bare private key: 64 hex digits.")
@passphrase_option
@format_option
def import_(
    source: Path, name: str, passphrase_file: Path | None, output_format: str, *, is_hex: bool
) -> None:
    """Take over a key from a web3 keyfile or a file with a bare key.

    A keyfile keeps its passphrase. Example: folkmoot keys import UTC--2026... me
    """
    from contracts.keyfile import decrypt_keyfile, write_keyfile

    if is_hex:
        _store(_bare_key(source), name, passphrase_file, output_format)
        return
    words = passphrase(passphrase_file)
    account = write_keyfile(key_path(name), decrypt_keyfile(source, words, private=False), words)
    _print(account.address, key_path(name), output_format)


def _store(key: bytes, name: str, passphrase_file: Path | None, output_format: str) -> None:
    from contracts.keyfile import write_keyfile

    path = key_path(name)
    if path.exists():
        raise ConfigError(f"{path} is there already", hint="choose another name")
    account = write_keyfile(path, key, passphrase(passphrase_file, confirm=True))
    _print(account.address, path, output_format)


def _bare_key(source: Path) -> bytes:
    try:
        key = bytes.fromhex(source.read_text(encoding="ascii").strip().removeprefix("0x"))
    except (OSError, ValueError) as err:
        raise IdentityError(f"{source} holds no private key of 64 hex digits") from err
    if len(key) != 32:
        raise IdentityError(f"{source} holds no private key of 64 hex digits")
    return key


def _print(account: str, path: Path, output_format: str) -> None:
    if output_format == "json":
        emit_json("ok", {"address": account, "path": str(path)})
        return
    click.echo(account)
    click.echo(f"keyfile {path}", err=True)
