"""``folkmoot validation``: what a provider of validation data does, and how providers are elected."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.validation.elect_cli import elect
from contracts.session import LOCAL_NODE, Target, key_path, passphrase, passphrase_option
from federation.cli import emit_json, format_option, printable
from federation.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from aggregator.happenings import Happening, Watcher
    from aggregator.validation.duties import Duties
    from aggregator.validation.home import ProviderHome

PUBLIC_FOR_GOOD = (
    "All examples that you bring become public for good when the epoch ends, with your DID beside them:",
    "word indices and labels, from which short texts can be guessed. Nobody can take them back.",
    "Your bond stands for your duties: keep this machine running, and back up its folder. Without the",
    "secrets in it you can open nothing, and your bond is lost.",
)
"""What a provider is told before its examples are committed."""

_yes = click.option("--yes", is_flag=True, help="You know that your examples become public; do not ask.")


@click.group()
def validation() -> None:
    """Provide validation data: hold examples, open a shard once it is drawn, answer for it with a bond."""


validation.add_command(elect)


@validation.command()
@click.argument("name")
@format_option
def init(name: str, output_format: str) -> None:
    """Make the key of a provider, before anything else: its DID is what gets elected.

    Example: folkmoot validation init spam-detection
    """
    made = _home(name).create_identity(os.urandom(32))
    if output_format == "json":
        emit_json("ok", {"did": made.did, "folder": str(_home(name).path)})
        return
    click.echo(made.did)
    click.echo(f"kept in {_home(name).path}: back that folder up", err=True)


@validation.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--federation", required=True, metavar="ADDRESS", help="Its contract.")
@click.option("--desk", required=True, metavar="URL", help="Where the aggregator takes your items.")
@click.option("--key", required=True, help="Keyfile of the account with your bond: a path, or a name.")
@click.option(
    "--rpc", default=LOCAL_NODE, show_default=True, envvar="FOLKMOOT_RPC", help="A node of the chain."
)
@click.option(
    "--confirmations",
    type=click.IntRange(1, 200),
    default=12,
    show_default=True,
    help="Blocks after which you believe a draw: what is opened too early cannot be taken back.",
)
@format_option
def join(
    manifest: Path, *, federation: str, desk: str, key: str, rpc: str, confirmations: int, output_format: str
) -> None:
    """Say which federation you provide for, and check that its contract is the manifest's.

    Example: folkmoot validation join federation.toml --federation 0x5FbDB2315678afecb367f032d93F642f64180aa3
    --desk https://folkmoot.example:8443 --key provider
    """
    from aggregator.validation.agreed import require_contract, require_listed
    from aggregator.validation.desk import Desk
    from aggregator.validation.home import Settings
    from contracts.bindings.federation import Federation
    from contracts.keyfile import keyfile_address
    from contracts.session import address
    from federation.manifest import Manifest
    from federation.types import Did

    try:
        agreed = Manifest.from_toml(manifest.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{manifest} cannot be read") from error
    home, where = _home(agreed.name), address(federation)
    number = require_listed(agreed.providers, home.identity().did)
    Desk(url=desk, aggregator=Did(agreed.parties.aggregator))
    named = agreed.chain.providers[number]
    if keyfile_address(key_path(key)).lower() != named.lower():
        raise ConfigError(f"the manifest names the account {named} for you", hint="--key is another's")
    chain = Target(rpc=rpc, chain_id=agreed.chain.chain_id).connect()
    require_contract(agreed, Federation(chain, where))
    home.join(agreed, Settings(federation=where, rpc=rpc, desk=desk, key=key, confirmations=confirmations))
    if output_format == "json":
        emit_json("ok", {"name": agreed.name, "provider": number, "folder": str(home.path)})
        return
    click.echo(f"you are provider {number} of {agreed.name}")


@validation.command()
@click.argument("name")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|DIR...")
@click.option("--kind", type=click.Choice(["csv", "jsonl", "mbox", "maildir"]), help="What the files are.")
@click.option("--text", default="text", show_default=True, help="Column of the text.")
@click.option("--label", default="label", show_default=True, help="Column of the label.")
@click.option("--all", "whole", type=click.Choice(["positive", "negative"]), help="The label of all rows.")
@format_option
def add(
    name: str,
    paths: tuple[Path, ...],
    *,
    kind: str | None,
    text: str,
    label: str,
    whole: str | None,
    output_format: str,
) -> None:
    """Import examples: CSV, JSON Lines, mbox, maildir. All or none; only word indices are kept.

    Example: folkmoot validation add spam-detection judged.csv
    """
    from aggregator.validation import importing
    from federation.importers.files import find
    from federation.importers.items import Kind, Reading

    home = _home(name)
    manifest = home.manifest()
    reading = Reading(text=text, label=label, whole=None if whole is None else whole == "positive")
    files = list(find(paths, None if kind is None else Kind(kind)))
    if not files:
        raise ConfigError("there is no file to import", hint="name files themselves, or give --kind")
    made = importing.add(home.examples(manifest.words), files, reading, manifest)
    home.keep_examples(made.examples)
    if output_format == "json":
        emit_json("ok", {"added": made.added, "duplicates": made.duplicates, "count": len(made.examples)})
        return
    click.echo(f"{made.added} examples added, {made.duplicates} were there, {len(made.examples)} in all")


@validation.command()
@click.argument("name")
@click.option("--wait", type=click.IntRange(0), default=0, help="Seconds to wait for the terms.")
@_yes
@passphrase_option
@format_option
def commit(name: str, *, wait: int, yes: bool, passphrase_file: Path | None, output_format: str) -> None:
    """Commit to the next epoch, and consent to its terms once the aggregator has all commitments.

    Run it again, or give --wait, until it says that you have consented.

    Example: folkmoot validation commit spam-detection --wait 600
    """
    _ask(yes=yes)
    duties = _duties(name, _teller("text"), passphrase_file)
    deadline = time.monotonic() + wait
    while not (done := duties.commit()) and time.monotonic() < deadline:
        time.sleep(min(2.0, max(0.0, deadline - time.monotonic())))
    state = "consented" if done else "committed"
    if output_format == "json":
        emit_json("ok", {"state": state})
        return
    click.echo(
        "you have consented" if done else "committed; the terms are not known yet, or the epoch is open"
    )


@validation.command("open")
@click.argument("name")
@click.option("--on-chain", is_flag=True, help="You are accused: open your part on chain, which costs gas.")
@passphrase_option
@format_option
def open_(name: str, *, on_chain: bool, passphrase_file: Path | None, output_format: str) -> None:
    """Give the preimages and open the shards that are due by the confirmed chain.

    Example: folkmoot validation open spam-detection
    """
    duties = _duties(name, _teller("text"), passphrase_file, account=on_chain)
    duties.open()
    if on_chain:
        duties.defend()
    _done(output_format)


@validation.command()
@click.argument("name")
@format_option
def reveal(name: str, output_format: str) -> None:
    """Make your examples public once an epoch's rounds are over.

    Example: folkmoot validation reveal spam-detection
    """
    _duties(name, _teller("text"), None, account=False).reveal()
    _done(output_format)


@validation.command()
@click.argument("name")
@click.option("--poll", type=click.FloatRange(0.05), default=5, show_default=True, help="Seconds in between.")
@click.option("--for", "seconds", type=click.FloatRange(0), help="Stop after so many seconds.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    show_default=True,
    help="How to tell what happens.",
)
@_yes
@passphrase_option
def run(
    name: str,
    *,
    poll: float,
    seconds: float | None,
    output_format: str,
    yes: bool,
    passphrase_file: Path | None,
) -> None:
    """Watch the chain and do every duty when it is due, epoch after epoch. May be stopped and started.

    Example: folkmoot validation run spam-detection --yes
    """
    _ask(yes=yes)
    duties = _duties(name, _teller(output_format), passphrase_file)
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        duties.step()
        time.sleep(poll)


@validation.command()
@click.argument("name")
@format_option
def status(name: str, output_format: str) -> None:
    """Show what you hold, which epochs you committed to, and how they stand.

    Example: folkmoot validation status spam-detection
    """
    home = _home(name)
    manifest = home.manifest()
    epochs = [{"epoch": number, "over": home.over(number)} for number in home.epochs()]
    facts: dict[str, object] = {
        "did": home.identity().did,
        "provider": manifest.providers.index(home.identity().did),
        "examples": len(home.examples(manifest.words)),
        "epochs": epochs,
    }
    settings = home.settings()
    facts |= _on_chain(home, settings.rpc)
    if output_format == "json":
        emit_json("ok", facts)
        return
    for key, value in facts.items():
        if key != "epochs":
            click.echo(f"{key:<12}{value}")
    for one in epochs:
        click.echo(f"epoch {one['epoch']}: {'over' if one['over'] else 'committed'}")


def _on_chain(home: ProviderHome, rpc: str) -> dict[str, object]:
    from contracts.bindings.bond_vault import BondVault
    from contracts.bindings.federation import Federation
    from federation.types import Address

    manifest, settings = home.manifest(), home.settings()
    number = manifest.providers.index(home.identity().did)
    chain = Target(rpc=rpc, chain_id=manifest.chain.chain_id).connect()
    federation = Federation(chain, Address(settings.federation))
    bond = BondVault(chain, federation.vault()).bond_of(Address(manifest.chain.providers[number]))
    return {
        "epoch": federation.epoch(),
        "phase": federation.phase().name.lower(),
        "bond_wei": str(bond),
        "accused": federation.accused() == number,
    }


def _home(name: str) -> ProviderHome:
    from aggregator.validation.home import ProviderHome

    return ProviderHome.of(os.environ, name)


def _duties(name: str, tell: Watcher, passphrase_file: Path | None, *, account: bool = True) -> Duties:
    from aggregator.validation.desk import Desk
    from aggregator.validation.duties import Duties, Outside
    from contracts.bindings.federation import Federation
    from contracts.keyfile import keyfile_address, read_keyfile
    from federation.types import Address, Did

    home = _home(name)
    manifest, settings = home.manifest(), home.settings()
    held = None
    if account:
        path = key_path(settings.key)
        keyfile_address(path)  # a missing file is said before anybody types a passphrase
        held = read_keyfile(path, passphrase(passphrase_file))
    chain = Target(rpc=settings.rpc, chain_id=manifest.chain.chain_id).connect()
    outside = Outside(
        federation=Federation(chain, Address(settings.federation)),
        desk=Desk(url=settings.desk, aggregator=Did(manifest.parties.aggregator)),
        account=held,
        tell=tell,
    )
    return Duties(home, outside)


def _teller(output_format: str) -> Watcher:
    """Return what prints happenings: a program reads them from stdout, a person from stderr."""

    def as_json(happening: Happening) -> None:
        import json

        table = {"kind": happening.kind, "epoch": happening.epoch, "round": happening.round}
        click.echo(json.dumps({**table, "facts": dict(happening.facts)}))

    def as_text(happening: Happening) -> None:
        place = f"epoch {happening.epoch}" * bool(happening.epoch)
        place += f" round {happening.round}" * bool(happening.round)
        facts = ", ".join(f"{key} {value}" for key, value in happening.facts.items())
        click.echo(printable(": ".join(filter(None, (place, happening.kind, facts)))), err=True)

    return as_json if output_format == "jsonl" else as_text


def _ask(*, yes: bool) -> None:
    for line in PUBLIC_FOR_GOOD:
        click.echo(line, err=True)
    if yes:
        return
    import sys

    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask", hint="give --yes if you know it")
    click.confirm("Go on?", abort=True, err=True)


def _done(output_format: str) -> None:
    if output_format == "json":
        emit_json("ok", {})
