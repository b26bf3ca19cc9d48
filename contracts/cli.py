"""``folkmoot chain``: a local node, deployment, funding, claims and balances."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contracts.bond_cli import bond
from contracts.session import (
    Sending,
    Target,
    Which,
    address,
    data_directory,
    deployments,
    federation_options,
    hex_of,
    key_path,
    node_options,
    sender_options,
    wei_of,
)
from federation.cli import emit_json, format_option
from federation.errors import ChainError, ConfigError, FolkmootError, UsageError
from federation.types import Address, Wei

if TYPE_CHECKING:
    from contracts.backends.rpc import RpcChain
    from federation.manifest import Manifest


@click.group()
def chain() -> None:
    """Run a chain; deploy, fund, claim on any."""


@chain.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8545,
    show_default=True,
    help="HTTP on loopback; any if 0.",
)
@click.option("--chain-id", type=click.IntRange(1), default=31337, show_default=True)
@click.option(
    "--block-time", type=click.IntRange(1), help="Seconds between blocks; else one per transaction."
)
@click.option("--fund", "funded", multiple=True, metavar="ADDRESS", help="Give an account coin for gas.")
@click.option("--forget", is_flag=True, help="Start anew and keep nothing.")
@click.option("--install", is_flag=True, help="Install anvil into the cache with npm, if it is missing.")
def up(
    port: int, chain_id: int, block_time: int | None, funded: tuple[str, ...], *, forget: bool, install: bool
) -> None:
    """Run a local development chain (anvil) until Ctrl-C; its state is kept.

    Anybody on this machine can use it. Example: folkmoot chain up --block-time 2
    """
    from contracts.backends.anvil import GAS_MONEY, AnvilNode, AnvilOptions
    from contracts.backends.anvil_binary import find_anvil, install_anvil
    from contracts.backends.transport import NodeTransport

    accounts = [address(text) for text in funded]
    binary = install_anvil(os.environ) if install else find_anvil(os.environ)
    state = None if forget else data_directory() / "chains" / f"{chain_id}.json"
    if state is not None:
        state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = AnvilOptions(binary=binary, chain_id=chain_id, port=port, state=state, block_time=block_time)
    # Whoever ends this process ends the node too, which then writes its state.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with AnvilNode(options) as node:
        transport = NodeTransport(str(node.socket))
        for account in accounts:
            transport.request("anvil_setBalance", account, hex(GAS_MONEY))
        transport.close()
        places = [f"http://127.0.0.1:{port}"] * bool(port) + [str(node.socket)]
        try:
            click.echo(f"chain {chain_id} at {' and '.join(places)}", err=True)
            click.echo(f"state {state or 'is not kept'}; Ctrl-C ends it", err=True)
            ended = node.wait()
        except KeyboardInterrupt:
            return
    raise ChainError(f"anvil ended by itself, with status {ended}")


@chain.command()
@node_options
@format_option
def status(target: Target, output_format: str) -> None:
    """Show what a node serves, and check recorded federations against the code on the chain."""
    from contracts.deployments import bind

    chain_ = target.connect()
    rows: list[dict[str, object]] = []
    for record in deployments(chain_.chain_id).load():
        row: dict[str, object] = asdict(record)
        try:
            bound = bind(chain_, record)
            row |= {
                "verified": True,
                "phase": bound.federation.phase().name,
                "epoch": bound.federation.epoch(),
            }
        except FolkmootError as err:
            row |= {"verified": False, "problem": err.message}
        rows.append(row)
    number, seconds = chain_.block_number, chain_.timestamp
    if output_format == "json":
        emit_json(
            "ok",
            {"chain_id": chain_.chain_id, "block": number, "timestamp": seconds, "federations": rows},
        )
        return
    click.echo(f"chain {chain_.chain_id}  block {number}  time {seconds}")
    for row in rows:
        state = f"{row['phase']}, epoch {row['epoch']}" if row["verified"] else f"WRONG: {row['problem']}"
        click.echo(f"federation {row['federation']}  {state}")


@chain.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@sender_options
@format_option
def deploy(
    manifest: Path,
    target: Target,
    sending: Sending,
    output_format: str,
) -> None:
    """Deploy a test token, a registry and the federation of a manifest, and record them.

    Example: folkmoot chain deploy federation.toml --key community
    """
    from contracts.agreement import account
    from contracts.deploy import deploy_federation
    from contracts.deployments import Record, bind

    agreed = _manifest(manifest)
    if target.chain_id not in {None, agreed.chain.chain_id}:
        raise UsageError(f"{manifest} is for chain {agreed.chain.chain_id}, not {target.chain_id}")
    chain_ = replace(target, chain_id=agreed.chain.chain_id).connect()
    sender = sending.open()
    cost = _deployment_cost(chain_, sender.address, agreed)
    plan = [
        f"deploy MootToken, ContributorRegistry, Federation and what they need to chain {chain_.chain_id}",
        f"manifest {hex_of(agreed.hash)}, aggregator {account(agreed.chain.aggregator)}",
        f"from {sender.address}, nonce {chain_.next_nonce(sender.address)}, at most {cost} wei for gas",
    ]
    chain_.check_balance(sender.address, cost)
    if not sending.agree(plan):
        return
    chain_.limit_cost(cost)
    made = deploy_federation(chain_, sender, agreed)
    record = Record(
        federation=made.federation.address,
        registry=made.registry.address,
        pool=made.pool.address,
        token=made.token.address,
        block=chain_.block_number,
        manifest_sha256=agreed.hash.hex(),
    )
    book = deployments(chain_.chain_id)
    book.add(record)
    bind(chain_, record)
    if output_format == "json":
        emit_json("ok", {"chain_id": chain_.chain_id, **asdict(record)})
        return
    for name in ("federation", "registry", "pool", "token"):
        click.echo(f"{name:<11}{getattr(record, name)}")
    click.echo(f"recorded in {book.path}", err=True)


@chain.command()
@click.argument("amount")
@click.option("--mint", is_flag=True, help="Mint test tokens that the sender lacks; it must be the minter.")
@federation_options
@sender_options
def fund(
    amount: str,
    which: Which,
    target: Target,
    sending: Sending,
    *,
    mint: bool,
) -> None:
    """Move tokens of the sender into the pool that a federation pays from.

    AMOUNT is in whole tokens, as in 12.5. Example: folkmoot chain fund 100 --mint --key community
    """
    wei = wei_of(amount)
    chain_ = target.connect()
    bound = which.bind(chain_)
    pool = bound.pool.address
    sender = sending.open()
    short = wei - bound.token.balance_of(sender.address)
    if short > 0 and not mint:
        raise ChainError(
            f"account {sender.address} is underfunded: it lacks {short} wei of the token",
            hint="--mint makes test tokens, if the sender may",
        )
    allowed = bound.token.allowance(sender.address, pool) >= wei
    calls = {"fund": f"fund {pool} with {wei} wei on chain {chain_.chain_id}"}
    if not allowed:
        calls = {"approve": f"approve {wei} wei for {pool}"} | calls
    if short > 0:
        calls = {"mint": f"mint {short} wei of {bound.token.address}"} | calls
    if not sending.agree_on_gas(chain_, sender.address, list(calls), list(calls.values())):
        return
    if short > 0:
        bound.token.mint(sender, sender.address, short)
    if not allowed:
        bound.token.approve(sender, pool, wei)
    bound.pool.fund(sender, wei)
    click.echo(f"unallocated {bound.pool.unallocated()} wei")


@chain.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--payee", "payees", multiple=True, metavar="ADDRESS", help="Only this one; may be repeated.")
@federation_options
@sender_options
def claim(
    table: Path,
    payees: tuple[str, ...],
    which: Which,
    target: Target,
    sending: Sending,
) -> None:
    """Claim what members are owed; anybody may pay the gas, the tokens go to the payees.

    TABLE is a payout table, or a run's public directory with its blobs.
    Example: folkmoot chain claim runs/spam_detection/public --key me
    """
    from contracts.payouts import find_table

    chain_ = target.connect()
    bound = which.bind(chain_)
    agreed = find_table(table, chain_.chain_id, bound.pool.address, bound.pool.root())
    wanted = {address(text) for text in payees}
    if missing := sorted(wanted - {payee for payee, _ in agreed.rows}):
        raise ConfigError(f"{missing[0]} is not in the payout table that was finalized last")
    sender = sending.open()
    due = [
        (index, payee, wei, wei - paid)
        for index, (payee, wei) in enumerate(agreed.rows)
        if (not wanted or payee in wanted) and (paid := bound.pool.paid(payee)) < wei
    ]
    if not due:
        click.echo("nothing to claim: all are paid in full", err=True)
        return
    plan = [f"claim {left} wei for {payee}" for _, payee, _, left in due]
    if not sending.agree_on_gas(chain_, sender.address, ["claim"] * len(due), plan):
        return
    tree = agreed.tree()
    for index, payee, wei, left in due:
        bound.pool.claim(sender, payee, wei, tree.proof(index))
        click.echo(f"{payee}  {left} wei")


@chain.command()
@click.argument("file", type=click.Path(path_type=Path))
@sender_options
def register(file: Path, target: Target, sending: Sending) -> None:
    """Register who is paid for a member; FILE is its payee's signature, and anybody may pay the gas.

    Example: folkmoot chain register spam.registration.json --key me
    """
    from contracts.bindings.contributor_registry import ContributorRegistry
    from contracts.deploy import check_code
    from contracts.registration import Registration

    try:
        with file.open("rb") as opened:
            signed = Registration.parse(opened.read(1 << 16))
    except OSError as err:
        raise ConfigError(f"{file} cannot be read: {(err.strerror or str(err)).lower()}") from err
    chain_ = target.connect()
    if chain_.chain_id != signed.chain_id:
        raise ConfigError(f"{file} is for chain {signed.chain_id}, not {chain_.chain_id}")
    check_code(chain_, signed.registry, ContributorRegistry.ARTIFACT)
    registry = ContributorRegistry(chain_, signed.registry)
    sender = sending.open()
    plan = [f"register that {signed.payee} is paid for {signed.did} at {signed.registry}"]
    if sending.agree_on_gas(chain_, sender.address, ["register"], plan):
        signed.send(registry, sender)
        click.echo(f"{signed.payee}  is paid for {signed.did}")


@chain.command()
@click.argument("accounts", nargs=-1, metavar="[ADDRESS|KEY]...")
@federation_options
@node_options
@format_option
def balances(
    accounts: tuple[str, ...],
    which: Which,
    target: Target,
    output_format: str,
) -> None:
    """Show what the pool and accounts hold: tokens, coin for gas, and what the pool has paid them."""
    chain_ = target.connect()
    bound = which.bind(chain_)
    pool = bound.pool
    held = {
        "address": pool.address,
        "token_wei": str(bound.token.balance_of(pool.address)),
        "unallocated_wei": str(pool.unallocated()),
        "paid_wei": str(pool.total_paid()),
    }
    rows = [
        {
            "address": account,
            "token_wei": str(bound.token.balance_of(account)),
            "gas_wei": str(chain_.balance(account)),
            "paid_wei": str(pool.paid(account)),
        }
        for account in map(_account, accounts)
    ]
    if output_format == "json":
        emit_json("ok", {"chain_id": chain_.chain_id, "pool": held, "accounts": rows})
        return
    for row in (held, *rows):
        click.echo("  ".join([row["address"], *(f"{k} {v}" for k, v in row.items() if k != "address")]))


def _account(text: str) -> Address:
    from contracts.keyfile import keyfile_address

    return address(text) if text.startswith("0x") else keyfile_address(key_path(text))


def _manifest(path: Path) -> Manifest:
    from federation.manifest import Manifest

    try:
        return Manifest.from_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"{path} cannot be read", hint="name a federation.toml") from err


def _deployment_cost(chain_: RpcChain, sender: Address, agreed: Manifest) -> Wei:
    """Return the most wei that deploying costs now.

    Raises:
        Reverted: A parameter of the manifest is out of the contract's range.
    """
    from contracts.chain import Transaction
    from contracts.deploy import creation_codes

    # Constructors only store addresses, so any stands in for those to come.
    return Wei(
        sum(
            chain_.quote(Transaction(to=None, data=data), sender).cost
            for data in creation_codes(agreed, sender)
        )
    )


chain.add_command(bond)
