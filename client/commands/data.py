"""``folkmoot client import`` and ``folkmoot client data``: what is in the vault."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.session import client_home, open_vault, passphrase_option
from federation.cli import emit_json, format_option, printable, tell
from federation.errors import ConfigError, DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from client.listing import Group
    from client.loading import FileReport
    from client.membership import Membership
    from client.vault import Vault


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|DIR...")
@click.option(
    "--kind",
    type=click.Choice(["csv", "jsonl", "mbox", "maildir"]),
    help="What the files are; by default their names and first bytes tell.",
)
@click.option("--text", default="text", show_default=True, help="Column of the text.")
@click.option("--label", default="label", show_default=True, help="Column of the label.")
@click.option("--no-header", is_flag=True, help="A CSV file has no first line of names: columns are numbers.")
@click.option("--positive", multiple=True, metavar="VALUE", help="A label value that means spam; repeatable.")
@click.option("--negative", multiple=True, metavar="VALUE", help="A label value that means not spam.")
@click.option(
    "--all",
    "whole",
    type=click.Choice(["positive", "negative"]),
    help="The label of all rows, in place of a column. Mails need it.",
)
@click.option("--encoding", default="utf-8", show_default=True, help="Encoding of the text files.")
@click.option("--skip-bad", is_flag=True, help="Import a file's good rows although others are bad.")
@click.option(
    "--publish",
    is_flag=True,
    help="Also publish the new rows, encrypted to you alone, where your other machines find them.",
)
@passphrase_option
@format_option
@click.pass_context
def import_(
    ctx: click.Context,
    *,
    paths: tuple[Path, ...],
    kind: str | None,
    text: str,
    label: str,
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    whole: str | None,
    encoding: str,
    passphrase_file: Path | None,
    output_format: str,
    no_header: bool,
    skip_bad: bool,
    publish: bool,
) -> None:
    """Encrypt messages into the vault: CSV, JSON Lines, mbox, maildir.

    A file is imported whole or not at all, and a row that is there already is not added again. Links,
    addresses and numbers become placeholders. Your files stay as they are: delete them if they should
    exist encrypted only. Example: folkmoot client import inbox.mbox --all negative
    """
    from client.loading import load
    from client.progress import bars
    from federation.importers.files import find
    from federation.importers.items import Kind, Reading

    reading = Reading(
        text=text,
        label=label,
        header=not no_header,
        positive=frozenset(value.strip().casefold() for value in positive),
        negative=frozenset(value.strip().casefold() for value in negative),
        whole=None if whole is None else whole == "positive",
        encoding=encoding,
    )
    if reading.positive & reading.negative:
        raise UsageError("a label value is both --positive and --negative")
    files = list(find(paths, None if kind is None else Kind(kind)))
    if not files:
        raise ConfigError("there is no file to import", hint="name files themselves, or give --kind")
    with open_vault(passphrase_file) as vault:
        places = _places(vault) if publish else ()
        with bars() as show:
            reports = [load(vault, file, reading, skip_bad=skip_bad, show=show) for file in files]
        count = vault.count
        sent = {place.name: _send(vault, place) for place in places}
    _print_reports(reports, count, sent, output_format)
    if any(report.refused for report in reports):
        ctx.exit(DataError.exit_code)


@click.group()
def data() -> None:
    """Look at the vault's rows, and forget some."""


@data.command("ls")
@click.option("--find", "words", help="Show the rows whose text has this in it, whatever the case.")
@passphrase_option
@format_option
def ls(words: str | None, passphrase_file: Path | None, output_format: str) -> None:
    """List where the rows came from, or those with some words in them.

    Example: folkmoot client data ls
    """
    from client.listing import groups, matching

    with open_vault(passphrase_file) as vault:
        if words is None:
            _print_groups(groups(vault), output_format)
            return
        rows = [
            {"row": stored.number, "label": stored.row.label, "text": stored.row.text}
            for stored in matching(vault, words)
        ]
    if output_format == "json":
        emit_json("ok", {"rows": rows})
        return
    for row in rows:
        sign = "+" if row["label"] else "-"
        click.echo(f"{row['row']:>8} {sign} {printable(str(row['text'])[:80])}")


@data.command("forget")
@click.option("--row", "numbers", type=click.IntRange(1), multiple=True, help="A row's number; repeatable.")
@click.option("--source", help="All rows from a file of this name, or with a digest that begins so.")
@click.option("--find", "words", help="All rows whose text has this in it, whatever the case.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@passphrase_option
@format_option
def forget(
    numbers: tuple[int, ...],
    source: str | None,
    words: str | None,
    passphrase_file: Path | None,
    output_format: str,
    *,
    yes: bool,
) -> None:
    """Delete rows for good.

    What models have learned from them, and what that has cost of the privacy budget, stays. Backups
    and other copies of the vault still hold them. Example: folkmoot client data forget --row 17
    """
    from client.listing import from_source, matching
    from federation.cli import confirm

    if sum(map(bool, (numbers, source, words))) != 1:
        raise UsageError("say which rows: --row, --source or --find")
    with open_vault(passphrase_file) as vault:
        chosen = set(numbers)
        if source:
            chosen = {stored.number for stored in from_source(vault, source)}
        elif words:
            chosen = {stored.number for stored in matching(vault, words)}
        if not chosen:
            raise ConfigError("no row is meant", hint="see: folkmoot client data ls")
        confirm(f"Delete {len(chosen)} of {vault.count} rows for good?", yes=yes)
        vault.forget(chosen)
        left = vault.count
    if output_format == "json":
        emit_json("ok", {"forgotten": len(chosen), "count": left})
    else:
        click.echo(f"{len(chosen)} rows forgotten, {left} left")


def _places(vault: Vault) -> Sequence[Membership]:
    """Return the joined federations at whose nodes a member can keep rows.

    Raises:
        ConfigError: There is none.
    """
    from ceramic_bridge.schemas import SEALED_ROWS
    from client.membership import memberships

    found = [one for one in memberships(vault).values() if one.events and SEALED_ROWS in one.models]
    if not found:
        raise ConfigError(
            "no federation that you joined has an event node for encrypted rows",
            hint="import without --publish",
        )
    return found


def _send(vault: Vault, place: Membership) -> int:
    """Publish what is new, sealed, and say how many rows there are now."""
    from client.joining import say
    from client.outbox import Outbox
    from client.syncing import send

    outbox = Outbox(client_home().events, place.events, tell)
    count = send(vault, place, outbox)
    say(vault, place, outbox)
    return count


def _print_reports(
    reports: Sequence[FileReport], count: int, sent: Mapping[str, int], output_format: str
) -> None:
    if output_format == "json":
        emit_json("ok", {"files": [report.as_json() for report in reports], "count": count, "sent": sent})
        return
    for report in reports:
        for line in report.lines():
            click.echo(printable(line), err=report.refused is not None)
    added = sum(report.added for report in reports)
    click.echo(f"{added} rows added, {count} in the vault")
    for name, rows in sent.items():
        click.echo(f"{rows} rows sealed for {name}")


def _print_groups(found: Sequence[Group], output_format: str) -> None:
    if output_format == "json":
        emit_json("ok", {"sources": [group.as_json() for group in found]})
        return
    if not found:
        click.echo("the vault has no rows")
    for group in found:
        click.echo(printable(group.line()))
