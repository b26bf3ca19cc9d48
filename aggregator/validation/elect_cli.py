"""``folkmoot validation elect``: announce, draw, check."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from contracts.session import Sending, Target, address, confirmations_option, node_options
from federation.cli import emit_json, format_option
from federation.errors import ChainError, ConfigError, DataError, UsageError, VerificationFailed

if TYPE_CHECKING:
    from aggregator.validation.election import Announcement, Candidate, Statement
    from contracts.backends.rpc import RpcChain
    from contracts.bindings.event_anchor import EventAnchor

_MOST_BYTES: Final = 32 << 20
_file = click.Path(path_type=Path)


@click.command()
@click.option("--candidates", type=_file, help="Announce: CSV or JSON with did and account of each.")
@click.option("--seats", type=click.IntRange(3, 32), default=3, show_default=True, help="How many to elect.")
@click.option(
    "--in-blocks",
    type=click.IntRange(2),
    default=100,
    show_default=True,
    help="Announce: how far ahead the block is whose hash decides.",
)
@click.option("--roster", type=_file, help="Announce: refuse candidates who are members.")
@click.option("--announcement", type=_file, help="Draw: what was announced, once its block is there.")
@click.option("--check", "statement", type=_file, help="Check an election that was held.")
@click.option("--anchor", "anchor_", metavar="ADDRESS", help="The EventAnchor; else the newest recorded one.")
@click.option("--key", help="Announce: keyfile of the account that anchors the announcement.")
@click.option("--passphrase-file", type=_file, help="Read the passphrase from a file.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@confirmations_option
@node_options
@format_option
def elect(
    target: Target,
    *,
    candidates: Path | None,
    seats: int,
    in_blocks: int,
    roster: Path | None,
    announcement: Path | None,
    statement: Path | None,
    anchor_: str | None,
    key: str | None,
    passphrase_file: Path | None,
    yes: bool,
    confirmations: int,
    output_format: str,
) -> None:
    """Elect providers by public randomness, in two steps, and let anybody check it.

    First announce (--candidates): the list and the number of a future block go on chain as one digest,
    and the announcement to stdout. Once the block is there draw (--announcement): the statement goes to
    stdout. Anybody may --check it.

    Example: folkmoot validation elect --check election.json
    """
    if sum(one is not None for one in (candidates, announcement, statement)) != 1:
        raise UsageError("give one of --candidates, --announcement and --check")
    chain = replace(target, confirmations=confirmations).connect()
    if candidates is not None:
        if key is None:
            raise UsageError("an announcement is anchored on chain", hint="give --key")
        sending = Sending(key=key, passphrase_file=passphrase_file, dry_run=False, yes=yes)
        made = _announce(chain, candidates, roster, seats, chain.block_number + in_blocks)
        anchor = _bind(chain, anchor_)
        sender = sending.open()
        if not sending.agree_on_gas(
            chain, sender.address, ["anchor"], [f"anchor the announcement to {anchor.address}"]
        ):
            return
        anchor.anchor_dag_cbor(sender, made.digest)
        if not _anchored(anchor, made):
            raise ChainError("the anchor came too late", hint="announce again, with more --in-blocks")
        click.echo(made.to_bytes().decode(), nl=False)
        click.echo(f"block {made.block} decides; publish this announcement now", err=True)
        return
    if announcement is not None:
        _draw(chain, announcement, anchor_, confirmations)
        return
    assert statement is not None
    _check(chain, statement, anchor_, confirmations, output_format)


def _announce(chain: RpcChain, listed: Path, roster: Path | None, seats: int, block: int) -> Announcement:
    from aggregator.validation.election import Announcement, require_no_members
    from federation.roster import Roster

    made = Announcement.of(read_candidates(listed), chain_id=chain.chain_id, block=block, seats=seats)
    if roster is not None:
        require_no_members(made, Roster.parse(_bytes(roster)).quotas)
    return made


def _draw(chain: RpcChain, path: Path, anchor: str | None, confirmations: int) -> None:
    from aggregator.validation.election import Announcement, Statement

    made, bound = Announcement.parse(_bytes(path)), _bind(chain, anchor)
    _require_anchored(bound, made)
    _require_block(chain, made, confirmations)
    held = Statement.hold(made, chain.block_hash(made.block), bound.address)
    click.echo(held.to_bytes().decode(), nl=False)
    for number, did in enumerate(held.elected):
        click.echo(f"provider {number}: {did}", err=True)


def _check(chain: RpcChain, path: Path, anchor: str | None, confirmations: int, output_format: str) -> None:
    from aggregator.validation.election import Statement

    held = Statement.parse(_bytes(path))
    made = held.announcement
    bound = _bind(chain, anchor or held.anchor)
    if bound.address != held.anchor:
        raise VerificationFailed("election", f"it was anchored in {held.anchor}, not in {bound.address}")
    _require_anchored(bound, made)
    _require_block(chain, made, confirmations)
    if chain.block_hash(made.block) != held.beacon:
        raise VerificationFailed("election", f"block {made.block} has another hash than the statement says")
    _say(held, output_format)


def _say(held: Statement, output_format: str) -> None:
    if output_format == "json":
        emit_json("ok", {"elected": list(held.elected), "reserves": list(held.reserves)})
        return
    click.echo(f"yes: {len(held.announcement.candidates)} stood, and the tickets of the block elect")
    for did in held.elected:
        click.echo(did)


def _require_block(chain: RpcChain, made: Announcement, confirmations: int) -> None:
    if chain.chain_id != made.chain_id:
        raise ChainError(f"the election is on chain {made.chain_id}, the node serves {chain.chain_id}")
    if chain.block_number < made.block + confirmations - 1:
        raise ChainError(
            f"block {made.block} is not there yet, or lacks confirmations",
            hint=f"the chain is at block {chain.block_number}",
        )


def _anchored(anchor: EventAnchor, made: Announcement) -> bool:
    """Tell whether the announcement was anchored in an earlier block than the one that decides."""
    from contracts.bindings.event_anchor import DidAnchor

    found = [event for event in DidAnchor.decode_logs(anchor.logs()) if event.root == made.digest]
    return bool(found) and found[0].log.block_number < made.block


def _require_anchored(anchor: EventAnchor, made: Announcement) -> None:
    if not _anchored(anchor, made):
        raise VerificationFailed(
            "election",
            f"the announcement was not anchored in {anchor.address} before block {made.block}",
            hint="it could have been made until the outcome pleased",
        )


def _bind(chain: RpcChain, wanted: str | None) -> EventAnchor:
    from contracts.bindings.event_anchor import EventAnchor
    from contracts.deploy import check_code
    from contracts.session import deployments

    recorded = [] if wanted else deployments(chain.chain_id).anchors()
    if not wanted and not recorded:
        raise ConfigError(
            f"no EventAnchor is recorded on chain {chain.chain_id}",
            hint="folkmoot anchor deploy records one; --anchor names any other",
        )
    found = address(wanted) if wanted else recorded[-1].address
    check_code(chain, found, EventAnchor.ARTIFACT)
    return EventAnchor(chain, found)


def read_candidates(path: Path) -> list[Candidate]:
    """Read a list of candidates: CSV with a header line, or JSON objects, with ``did`` and ``account``.

    Raises:
        ConfigError: The file cannot be read.
        DataError: A row is malformed; the message says which.
    """
    from aggregator.validation.election import candidate
    from federation.errors import IdentityError

    text, found = _bytes(path), []
    try:
        if text.lstrip()[:1] == b"[":
            rows: list[object] = json.loads(text)
        else:
            rows = list(csv.DictReader(text.decode("utf-8-sig").splitlines(), strict=True))
    except (ValueError, csv.Error, RecursionError) as error:
        raise DataError(f"{path} is neither CSV nor JSON") from error
    for number, row in enumerate(rows, 1):
        try:
            match row:
                case {"did": str(did), "account": str(account)}:
                    found.append(candidate(did.strip(), account.strip()))
                case _:
                    raise DataError("it lacks did or account")
        except (ConfigError, IdentityError) as error:
            raise DataError(f"{path}: candidate {number}: {error.message}") from error
    return found


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path} is too large")
    return data
