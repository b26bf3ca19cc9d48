"""``folkmoot anchor``: a store's events on a chain, and what the chain says about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ceramic_bridge.session import interest_options, open_store, read_file, store_option
from contracts.session import (
    Sending,
    Target,
    address,
    confirmations_option,
    data_directory,
    deployments,
    node_options,
    sender_options,
)
from federation.cli import emit_json, format_option
from federation.errors import ConfigError, UsageError, VerificationFailed

if TYPE_CHECKING:
    from aggregator.asking import Answers
    from ceramic_bridge.store.base import Interest
    from contracts.bindings.event_anchor import EventAnchor
    from contracts.chain import Reader
    from federation.types import Address


@click.group()
def anchor() -> None:
    """Prove by a chain when events existed: one transaction for many."""


@anchor.command()
@sender_options
@format_option
def deploy(target: Target, sending: Sending, output_format: str) -> None:
    """Deploy an EventAnchor and record it. One serves everybody, and belongs to nobody.

    Example: folkmoot anchor deploy --key community
    """
    from contracts.artifact import load_artifact
    from contracts.bindings.event_anchor import EventAnchor
    from contracts.chain import Transaction
    from contracts.deploy import check_code
    from contracts.deployments import AnchorRecord

    chain = target.connect()
    sender = sending.open()
    creation = Transaction(to=None, data=load_artifact(EventAnchor.ARTIFACT).bytecode)
    cost = chain.quote(creation, sender.address).cost
    nonce = chain.next_nonce(sender.address)
    chain.check_balance(sender.address, cost)
    plan = [
        f"deploy EventAnchor to chain {chain.chain_id}",
        f"from {sender.address}, nonce {nonce}, at most {cost} wei for gas",
    ]
    if not sending.agree(plan):
        return
    chain.limit_cost(cost)
    made = EventAnchor.deploy(chain, sender)
    check_code(chain, made.address, EventAnchor.ARTIFACT)
    record = AnchorRecord(address=made.address, block=chain.block_number)
    book = deployments(chain.chain_id)
    book.add(record)
    if output_format == "json":
        emit_json("ok", {"chain_id": chain.chain_id, "contract": record.address, "block": record.block})
        return
    click.echo(record.address)
    click.echo(f"recorded in {book.path}", err=True)


@anchor.command()
@store_option
@interest_options
@click.option("--contract", metavar="ADDRESS", help="By default the newest one that is recorded.")
@sender_options
@format_option
def publish(
    place: str | None,
    interest: Interest,
    contract: str | None,
    target: Target,
    *,
    sending: Sending,
    output_format: str,
) -> None:
    """Anchor the store's events that have no time event yet, and add their time events to it.

    What a crash left behind is completed first and never paid for twice.

    Example: folkmoot anchor publish --key community
    """
    from aggregator.asking import Inquiry, proven
    from aggregator.publishing import Journal, batches_of, publish, recover, unanchored

    chain = target.connect()
    bound = _bind(chain, _contracts(chain, (contract,) if contract else ())[-1])
    journal = Journal(data_directory() / "anchors", chain.chain_id, bound.address)
    with open_store(place) as store, journal.held():
        ours = {bound.address, *(record.address for record in deployments(chain.chain_id).anchors())}
        latest = replace(target, confirmations=1).connect()
        counts = proven(store, Inquiry(chain, latest, sorted(ours)))
        recovered = recover(store, bound, journal, counts)
        if recovered:
            click.echo(f"{recovered} time events completed from transactions of before", err=True)
        events = unanchored(store, counts, interest)
        count = batches_of(len(events))
        added = 0
        if events:
            sender = sending.open()
            what = f"anchor {len(events)} events in {count} transactions"
            plan = f"{what} to {bound.address} on chain {chain.chain_id}"
            if not sending.agree_on_gas(chain, sender.address, ["anchor"] * count, [plan]):
                return
            added = publish(store, bound, sender, events, journal)
    if output_format == "json":
        emit_json("ok", {"anchored": added, "recovered": recovered, "transactions": count})
        return
    click.echo(f"{added} events anchored in {count} transactions, {recovered} completed")


@anchor.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@store_option
@interest_options
@click.option(
    "--contract",
    "contracts",
    metavar="ADDRESS",
    multiple=True,
    help="A contract whose anchors count; by default those that are recorded.",
)
@confirmations_option
@node_options
@format_option
def check(
    file: Path | None,
    place: str | None,
    interest: Interest,
    contracts: tuple[str, ...],
    confirmations: int,
    *,
    target: Target,
    output_format: str,
) -> None:
    """Ask the chain for every time event of a CAR file, or of the store, which keeps the answers.

    Exit code 8 if one is wrong. Those of other chains are left alone.

    Example: folkmoot anchor check --confirmations 12
    """
    from aggregator.asking import Inquiry, ask_for_store
    from ceramic_bridge.bundle import unpack
    from ceramic_bridge.store.base import EVERYTHING
    from ceramic_bridge.timeevents import TimeEvent

    if file is not None and (place is not None or interest != EVERYTHING):
        raise UsageError("a file is checked as a whole and without a store")
    chain = replace(target, confirmations=confirmations).connect()
    counting = [_bind(chain, one).address for one in _contracts(chain, contracts)]
    inquiry = Inquiry(chain, target.connect(), counting)
    if file is not None:
        events = unpack(read_file(file))
        answers = inquiry.ask(event for event in events if isinstance(event, TimeEvent))
    else:
        with open_store(place) as store:
            answers = ask_for_store(store, inquiry, interest)
    _tell(answers, str(file or "the store"), output_format)


def _tell(answers: Answers, name: str, output_format: str) -> None:
    from ceramic_bridge.siwe import to_iso

    for error in answers.wrong.values():
        click.echo(error.message, err=True)
    if answers.wrong:
        raise VerificationFailed(name, f"{len(answers.wrong)} time events are wrong")
    if output_format == "json":
        times = {str(cid): to_iso(time) for cid, time in answers.confirmed.items()}
        waiting = [str(cid) for cid in answers.waiting]
        emit_json("ok", {"confirmed": times, "waiting": waiting, "not_asked": len(answers.elsewhere)})
        return
    for cid, time in answers.confirmed.items():
        click.echo(f"{cid}  {to_iso(time)}")
    click.echo(
        f"{len(answers.confirmed)} confirmed, {len(answers.waiting)} lack confirmations, "
        f"{len(answers.elsewhere)} of other chains were not asked about",
        err=True,
    )


def _contracts(chain: Reader, named: tuple[str, ...]) -> list[Address]:
    found = [address(text) for text in named]
    found = found or [record.address for record in deployments(chain.chain_id).anchors()]
    if not found:
        raise ConfigError(
            f"no EventAnchor is recorded on chain {chain.chain_id}",
            hint="folkmoot anchor deploy records one; --contract names any other",
        )
    return found


def _bind(chain: Reader, contract: Address) -> EventAnchor:
    """Bind to a contract after comparing its code with the artifact's."""
    from contracts.bindings.event_anchor import EventAnchor
    from contracts.deploy import check_code

    check_code(chain, contract, EventAnchor.ARTIFACT)
    return EventAnchor(chain, contract)
