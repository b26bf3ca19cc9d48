"""``folkmoot client`` export, rotate-key, change-passphrase, backup, restore: keeping the vault."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from client.session import client_home, open_vault, passphrase_option
from federation.cli import confirm, emit_json, format_option

_target = click.argument("target", type=click.Path(path_type=Path), metavar="FILE")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@_target
@_yes
@passphrase_option
@format_option
def export(target: Path, passphrase_file: Path | None, output_format: str, *, yes: bool) -> None:
    """Write all rows to a new JSON Lines file that anybody who gets it can read.

    Example: folkmoot client export rows.jsonl
    """
    from client.files import fresh_file

    with open_vault(passphrase_file) as vault:
        confirm(f"Write {vault.count} rows to {target}, not encrypted?", yes=yes)
        count = 0
        with fresh_file(target) as file:
            for row in vault.rows():
                line = json.dumps({"text": row.text, "label": row.label}, ensure_ascii=False)
                file.write(line.encode() + b"\n")
                count += 1
    _done(output_format, f"{count} rows written to {target}", {"rows": count, "file": str(target)})


@click.command("rotate-key")
@passphrase_option
@format_option
def rotate_key(passphrase_file: Path | None, output_format: str) -> None:
    """Seal the whole vault with a new key; after a copy of it may have got into other hands.

    Whoever has the old copy and the passphrase still opens that copy. A running client stops and
    must be started again. Example: folkmoot client rotate-key
    """
    from client.hygiene import harden_process
    from client.passphrase import find_passphrase
    from client.vault import Vault

    harden_process()
    path = client_home().vault
    passphrase = find_passphrase(passphrase_file, os.environ, path)
    vault = Vault.open(path, passphrase)
    vault.rotate_key(passphrase)
    epoch = vault.keys.epoch
    _done(output_format, f"the vault has its key number {epoch}", {"key": epoch})


@click.command("change-passphrase")
@click.option(
    "--new-passphrase-file", type=click.Path(path_type=Path), help="Where the new one is; else you are asked."
)
@click.option("--keyring", is_flag=True, help="Put the new passphrase into your keyring.")
@passphrase_option
@format_option
def change_passphrase(
    new_passphrase_file: Path | None, passphrase_file: Path | None, output_format: str, *, keyring: bool
) -> None:
    """Open the vault with another passphrase from now on.

    Older copies and backups keep the old one. Example: folkmoot client change-passphrase
    """
    from client.hygiene import harden_process
    from client.passphrase import find_passphrase, new_passphrase, remember
    from client.vault import Vault

    harden_process()
    path = client_home().vault
    old = find_passphrase(passphrase_file, os.environ, path)
    with Vault.open(path, old) as vault:
        new = new_passphrase(new_passphrase_file)
        vault.change_passphrase(old, new)
    if keyring:
        remember(path, new)
    _done(output_format, "the passphrase was changed", {})


@click.command()
@_target
@passphrase_option
@format_option
def backup(target: Path, passphrase_file: Path | None, output_format: str) -> None:
    """Write vault and own events to one encrypted file, and read it again to be sure.

    Example: folkmoot client backup /media/stick/folkmoot.backup
    """
    from client.backup import write_backup

    with open_vault(passphrase_file) as vault:
        write_backup(vault, client_home(), target)
        count = vault.count
    size = target.stat().st_size
    done = f"{count} rows, keys and ledger written to {target} ({size} bytes) and read again"
    _done(output_format, done, {"rows": count, "file": str(target), "bytes": size})


@click.command("restore")
@click.argument("source", type=click.Path(path_type=Path), metavar="FILE")
@passphrase_option
@format_option
def restore(source: Path, passphrase_file: Path | None, output_format: str) -> None:
    """Put a backup, or a copy of the vault's file, in place of a vault that is gone.

    A vault that is there is never replaced. Before the next release, the privacy ledger is compared
    with the events that you have published. Example: folkmoot client restore folkmoot.backup
    """
    from client.backup import restore as put_back
    from client.files import require_no_vault
    from client.hygiene import harden_process
    from client.passphrase import find_passphrase

    home = client_home()
    require_no_vault(home)
    harden_process()
    put_back(source, home, find_passphrase(passphrase_file, os.environ, home.vault))
    _done(output_format, f"restored to {home.vault}", {"vault": str(home.vault)})


def _done(output_format: str, text: str, values: dict[str, object]) -> None:
    if output_format == "json":
        emit_json("ok", values)
    else:
        click.echo(text)
