"""``folkmoot verify challenge``: find a fault, and show it to the contract that judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from aggregator.public_options import PublicOptions, place_options
from contracts.history import STILL_OPEN
from contracts.session import Sending, Target, Which, federation_options, key_path, sender_options
from federation.cli import emit_json, format_option
from federation.errors import ConfigError

if TYPE_CHECKING:
    from aggregator.challenge.finding import Finding
    from aggregator.ground import Ground, Progress
    from contracts.backends.rpc import RpcChain
    from federation.types import Address, Wei

_STILL: Final = "nothing was sent"


@click.command()
@sender_options
@federation_options
@place_options
@format_option
def challenge(  # noqa: PLR0917 - click passes them by name
    target: Target,
    sending: Sending,
    which: Which,
    events: str,
    public: str,
    output_format: str,
) -> None:
    """Look for a fault in the newest epoch, and if there is one, dispute it on chain.

    Recomputes every recorded round and the proposed payout table. The first wrong value is announced,
    then shown to the contract that can compute it again: half of the bond of whoever recorded it is
    yours. What a proof lacks because it was withheld is demanded, against a bond that you lose if it is
    posted. Says in words what was found, what it costs and what it earns, and asks first.

    Example: folkmoot verify challenge --events events.car --public http://127.0.0.1:8700 --key me --dry-run
    """

    def progress(line: str) -> None:
        if output_format == "text":
            click.echo(f"  ok  {line}", err=True)

    sources = PublicOptions(target=target, which=which, events=events, public=public)
    chain, pinned, ground = sources.open(progress)
    from aggregator.sources import Unpublished

    finding, waits = None, ""
    try:
        finding = _find(sources, ground, progress)
    except Unpublished as error:
        if ground.epochs[-1].stage not in STILL_OPEN:
            raise
        waits = error.message
    pinned.require_still()
    if finding is None:
        if output_format == "json":
            emit_json("ok", {"fault": None, "waits": waits or None})
        else:
            click.echo(f"nothing to dispute{f' yet: {waits}' if waits else ''}")
        return
    _file(finding, chain, ground, sending, output_format)


def _find(sources: PublicOptions, ground: Ground, progress: Progress) -> Finding | None:
    from aggregator.challenge.finding import Finder
    from aggregator.selection import Candidates
    from aggregator.sources import RemoteMaterial
    from aggregator.verified_epoch import VerifiedEpoch
    from aggregator.verify_federation import paid_before

    if not ground.epochs:
        raise ConfigError("no epoch was ever opened", hint="there is nothing to dispute yet")
    past = ground.epochs[-1]
    if past.ended:
        raise ConfigError(f"epoch {past.number} is over", hint="what is final cannot be disputed")
    found = Candidates(sources.read_events(ground), ground)
    epoch = VerifiedEpoch.of_many(ground, past, found, progress)
    assert isinstance(ground.public, RemoteMaterial)
    return Finder(epoch, paid_before(ground, past.number), ground.public).find()


def _file(finding: Finding, chain: RpcChain, ground: Ground, sending: Sending, output_format: str) -> None:
    from contracts.bindings.federation import Federation
    from contracts.bindings.moot_token import MootToken
    from contracts.deploy import named_judges
    from contracts.keyfile import keyfile_address

    who = keyfile_address(key_path(sending.key))
    judge = named_judges(ground.deployment.federation.judges())[finding.call.judge]
    stake, gain = _money(finding, ground)
    plan = [f"fault in epoch {finding.epoch}, {_where(finding)}: {finding.reason}"]
    if finding.demand:
        if ground.epochs[-1].stage != "proposed":
            raise ConfigError(
                f"{_where(finding)}: {finding.reason}",
                hint="what is withheld can be demanded once a payout table is proposed",
            )
        calls = ["approve", "demand"]
        plan += [
            f"demand what nobody published, of {finding.call.judge} {judge}",
            f"costs a bond of {stake} wei; it is lost if the proposer answers in time",
            f"earns half of the proposer's bond, {gain} wei, if nobody does",
        ]
    else:
        calls = ["announce", "dispute"]
        plan += [
            f"announce the proof to federation {ground.deployment.federation.address}",
            f"then show it to {finding.call.judge} {judge}",
            f"earns half of the bond, {gain} wei; the round and all after it are not paid",
        ]
    agreed = sending.agree_on_gas(chain, who, calls, plan)
    sent: dict[str, str] = {}
    if agreed:
        account = sending.open()
        if finding.demand:
            token = MootToken(chain, ground.deployment.token.address)
            token.approve(account, judge, stake)
        else:
            bound = Federation(chain, ground.deployment.federation.address)
            bound.announce(account, finding.call.commitment(account.address))
        receipt = finding.call.send(chain, account, judge)
        sent = {"transaction": "0x" + receipt.transaction_hash.hex(), "block": str(receipt.block_number)}
    _show(finding, gain, sent, output_format)


def _money(finding: Finding, ground: Ground) -> tuple[Wei, Wei]:
    """Return what a challenge puts at stake, and what it earns, in wei."""
    from federation.types import Wei

    deployment = ground.deployment
    config = deployment.federation.config()
    proposal = ground.epochs[-1].proposal
    guilty: Address = config.aggregator
    if finding.round == 0 and proposal is not None:
        guilty = proposal.proposer
    lost = guilty == config.aggregator and deployment.federation.aggregator_lost()
    bond = 0 if lost else min(config.aggregator_bond, deployment.vault.bond_of(guilty))
    return Wei(config.challenger_bond if finding.demand else 0), Wei(bond // 2)


def _where(finding: Finding) -> str:
    return f"round {finding.round}" if finding.round else "payout table"


def _show(finding: Finding, gain: Wei, sent: dict[str, str], output_format: str) -> None:
    if output_format == "json":
        fault = {
            "epoch": finding.epoch,
            "round": finding.round,
            "reason": finding.reason,
            "judge": finding.call.judge,
            "demand": finding.demand,
            "earns_wei": str(gain),
        }
        emit_json("ok", {"fault": fault, **sent})
        return
    done = f"{'demanded' if finding.demand else 'convicted'} in block {sent['block']}" if sent else _STILL
    click.echo(f"{_where(finding)} of epoch {finding.epoch}: {finding.reason}; {done}")
