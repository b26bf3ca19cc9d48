"""``folkmoot events``: a store of signed events on this machine, its files and its node."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ceramic_bridge.session import (
    all_events,
    confirmed_in,
    find,
    interest_options,
    open_store,
    read_file,
    revocations_in,
    store_option,
)
from federation.cli import emit_json, format_option, printable
from federation.errors import ConfigError, UsageError, VerificationFailed

if TYPE_CHECKING:
    from ceramic_bridge.store.base import Interest

_PAGE = 500


@click.group()
def events() -> None:
    """Read, verify, move and serve signed events."""


@events.command()
@store_option
@interest_options
@click.option("--after", type=click.IntRange(0), default=0, help="Go on after this token.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@format_option
def ls(
    place: str | None,
    interest: Interest,
    after: int,
    limit: int,
    output_format: str,
) -> None:
    """List the events of a store, oldest first.

    Example: folkmoot events ls --limit 10
    """
    from ceramic_bridge.admission import read_event
    from ceramic_bridge.store.base import Query
    from ceramic_bridge.story import tell

    with open_store(place) as store:
        page = store.page(Query(after=after, limit=limit, interest=interest))
    told = [tell(read_event(entry.car), {}) for entry in page.entries]
    if output_format == "json":
        rows = [{name: row[name] for name in ("event", "kind", "stream", "who")} for row in told]
        emit_json("ok", {"events": rows, "token": page.token, "complete": page.complete})
        return
    for row in told:
        who = row["who"]
        author = who["author"] if isinstance(who, dict) else "-"
        click.echo(f"{row['kind']}  {row['event']}  {row['stream']}  {author}")
    if not page.complete:
        click.echo(f"there are more: --after {page.token}", err=True)


@events.command()
@click.argument("what", metavar="FILE|STREAM|EVENT")
@store_option
@format_option
def show(what: str, place: str | None, output_format: str) -> None:
    """Say who said what and when, under which authority.

    WHAT is a CAR file, or a stream or an event of the store.

    Example: folkmoot events show receipts.car
    """
    from ceramic_bridge.judging import authority_over
    from ceramic_bridge.story import anchors_of, lines, tell

    found = find(what, place)
    anchors = anchors_of(found.around)
    authority = authority_over(found.around, found.confirmed, _now(), found.ends)
    told = [tell(event, anchors, confirmed=found.confirmed, authority=authority) for event in found.events]
    if output_format == "json":
        emit_json("ok", {"events": told})
        return
    for number, row in enumerate(told, 1):
        for line in lines(row, number):
            click.echo(printable(line))


@events.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--store",
    "place",
    metavar="PATH|URL",
    help="Go by what this store keeps of confirmed anchors and of revocations.",
)
@format_option
def verify(file: Path, place: str | None, output_format: str) -> None:
    """Verify a CAR file with nothing else, and say what was checked and what was not.

    With --store, anchors that 'folkmoot anchor check' confirmed count, and so do the store's revocations.
    Exit code 8 if anything is wrong.

    Example: folkmoot events verify receipts.car
    """
    from ceramic_bridge.examine import examine, nobody, nothing

    asked, ended = nobody, nothing
    if place is not None:
        asked, ended = partial(confirmed_in, place), partial(revocations_in, place)
    verdict = examine(read_file(file), now=_now(), asked=asked, ended=ended)
    if output_format == "json":
        fields = {"checked": list(verdict.checked), "open": list(verdict.open)}
        emit_json("ok", {"verified": True, "events": len(verdict.events), **fields})
        return
    for line in verdict.checked:
        click.echo(f"  ok    {line}", err=True)
    for line in verdict.open:
        click.echo(f"  open  {line}", err=True)
    click.echo(f"yes: {len(verdict.events)} events verify")


@events.command()
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@interest_options
@format_option
def export(
    file: Path,
    place: str | None,
    interest: Interest,
    output_format: str,
) -> None:
    """Write events of a store to a new CAR file.

    Example: folkmoot events export receipts.car
    """
    from ceramic_bridge.bundle import pack
    from ceramic_bridge.log import MAX_LOG

    with open_store(place) as store:
        found = all_events(store, interest, max_bytes=MAX_LOG)
    data = pack(found)
    try:
        with file.open("xb") as out:
            out.write(data)
    except FileExistsError as error:
        raise ConfigError(f"{file} is there already", hint="choose another name") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {(error.strerror or str(error)).lower()}") from error
    if output_format == "json":
        emit_json("ok", {"file": str(file), "events": len(found), "bytes": len(data)})
        return
    click.echo(f"{len(found)} events, {len(data)} bytes")


@events.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@format_option
def import_(file: Path, place: str | None, output_format: str) -> None:
    """Verify a CAR file and add its events to a store.

    Example: folkmoot events import receipts.car
    """
    from ceramic_bridge.bundle import unpack

    found = unpack(read_file(file))
    with open_store(place) as store:
        receipts = [
            receipt for at in range(0, len(found), _PAGE) for receipt in store.add(found[at : at + _PAGE])
        ]
    added = sum(receipt.new for receipt in receipts)
    refused = [(str(one.cid), one.refusal.message) for one in receipts if one.refusal is not None]
    for _, message in refused:
        click.echo(f"refused: {printable(message)}", err=True)
    if refused:
        raise VerificationFailed(
            str(file),
            f"{len(refused)} of {len(found)} events do not follow what the store holds; {added} were added",
        )
    if output_format == "json":
        emit_json("ok", {"added": added, "known": len(found) - added})
        return
    click.echo(f"{added} events added, {len(found) - added} known")


@events.command()
@store_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=5101, show_default=True, help="Any if 0.")
@click.option("--allow-host", "hosts", multiple=True, help="Further name under which callers come.")
@click.option("--rate", type=click.IntRange(1), default=1000, show_default=True, help="Requests a second.")
def serve(place: str | None, host: str, port: int, hosts: tuple[str, ...], rate: int) -> None:
    """Serve a store over HTTP as ceramic-one does, until Ctrl-C; by default to this machine only.

    Example: folkmoot events serve --port 5101
    """
    import asyncio
    import ipaddress

    from ceramic_bridge.node.api import Policy
    from ceramic_bridge.node.limits import Rate
    from ceramic_bridge.node.run import run_node

    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise UsageError(f"{host} is no address", hint="give one like 127.0.0.1 or ::1") from error
    names = frozenset({"127.0.0.1", "localhost", "[::1]", host, *(name.lower() for name in hosts)})
    policy = Policy(
        rate=Rate(per_second=rate, burst=2 * rate), hosts=names if local or hosts else frozenset()
    )
    if not local:
        click.echo("anybody who can reach this address can read and add events", err=True)

    def ready(address: str, number: int) -> None:
        shown = f"[{address}]" if ":" in address else address
        click.echo(f"events at http://{shown}:{number}/ceramic; Ctrl-C ends it", err=True)

    with open_store(place) as store:
        asyncio.run(run_node(store, host, port, policy=policy, now=_now, ready=ready, report=_complain))


@events.command()
@click.argument("url")
@store_option
@interest_options
@click.option("--everything", is_flag=True, help="Take all events, whatever the store's interests.")
@format_option
def sync(
    url: str,
    place: str | None,
    interest: Interest,
    output_format: str,
    *,
    everything: bool,
) -> None:
    """Pull events from another node: those of the options, else those the store is interested in.

    Example: folkmoot events sync http://127.0.0.1:5101 --everything
    """
    from ceramic_bridge.node.client import RemoteNode
    from ceramic_bridge.store.base import EVERYTHING
    from ceramic_bridge.sync import pull

    with open_store(place) as store, RemoteNode(url) as peer:
        wanted = (EVERYTHING,) if everything else (interest,) if interest != EVERYTHING else store.interests()
        if not wanted:
            raise UsageError("there is nothing to pull", hint="give --model or --everything")
        report = pull(store, peer, peer.url, wanted)
    for cid, reason in report.refused:
        click.echo(f"left out: {cid}: {printable(reason)}", err=True)
    if output_format == "json":
        counts = {"added": report.added, "known": report.known, "refused": len(report.refused)}
        emit_json("ok", {**counts, "bytes": report.size, "complete": report.complete})
        return
    rest = "" if report.complete else "; there are more"
    click.echo(f"{report.added} events added, {report.known} known, {len(report.refused)} left out{rest}")


def _now() -> int:
    return time.time_ns() // 1_000_000


def _complain(line: str) -> None:
    click.echo(printable(line), err=True)
