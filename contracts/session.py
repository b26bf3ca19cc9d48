"""What the commands have in common: a node, an account, a federation, and asking before money moves."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from federation.errors import ConfigError, IdentityError, UsageError
from federation.types import Wei

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.accounts import Account
    from contracts.backends.rpc import RpcChain
    from contracts.deploy import Deployment
    from contracts.deployments import Deployments
    from federation.types import Address, Hash32

LOCAL_NODE = "http://127.0.0.1:8545"

TOKEN_DECIMALS = 18

MOST_GAS = {
    "mint": 110_000,
    "approve": 70_000,
    "fund": 250_000,
    "bond": 180_000,
    "claim": 150_000,
    "anchor": 60_000,
    "register": 120_000,
}
"""Gas that a call takes at most, with the quarter that is offered above an estimate; a call that needs
the one before it cannot be estimated before that is sent."""

Command = Callable[..., None]

confirmations_option = click.option(
    "--confirmations",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Blocks that must hold a transaction and follow it.",
)
"""Declare ``--confirmations``."""

passphrase_option = click.option(
    "--passphrase-file", type=click.Path(path_type=Path), help="Read the passphrase from a file."
)
"""Declare ``--passphrase-file``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which node, and which chain it must serve.

    Attributes:
        rpc: URL or socket path of the node.
        chain_id: The chain's id; any if None.
        confirmations: Blocks to wait for after a transaction, its own included.
        max_fee_gwei: Most gwei (10^9 wei) per gas that are ever offered; without limit if None.
    """

    rpc: str
    chain_id: int | None
    confirmations: int = 1
    max_fee_gwei: int | None = None

    def connect(self) -> RpcChain:
        """Return the chain; the connection ends with the command.

        Raises:
            ChainError: The node cannot be reached, or serves another chain.
        """
        from contracts.backends.patience import Patience
        from contracts.backends.rpc import RpcChain
        from contracts.backends.transport import NodeTransport

        patience = Patience(confirmations=self.confirmations)
        transport = NodeTransport(self.rpc)
        click.get_current_context().call_on_close(transport.close)
        limit = None if self.max_fee_gwei is None else Wei(self.max_fee_gwei * 10**9)
        return RpcChain(transport, chain_id=self.chain_id, patience=patience, most_per_gas=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Who sends, and whether to ask first.

    Attributes:
        key: Path or name of the sender's keyfile.
        passphrase_file: Where its passphrase is; None asks on the terminal.
        dry_run: Say what would be sent, and send nothing.
        yes: Do not ask.
    """

    key: str
    passphrase_file: Path | None
    dry_run: bool
    yes: bool

    def open(self) -> Account:
        """Decrypt the sender's keyfile.

        Raises:
            ConfigError: There is no such keyfile.
            IdentityError: The passphrase is wrong.
        """
        from contracts.keyfile import keyfile_address, read_keyfile

        # A missing file is said before anybody types a passphrase.
        keyfile_address(key_path(self.key))
        return read_keyfile(key_path(self.key), passphrase(self.passphrase_file))

    def agree_on_gas(
        self, chain: RpcChain, payer: Address, calls: Sequence[str], plan: Sequence[str]
    ) -> bool:
        """Show what will be sent and what its gas can cost at most, ask, and hold the chain to it.

        Args:
            chain: Where to send it.
            payer: Who pays for gas.
            calls: Names of the calls, as in ``MOST_GAS``.
            plan: What they do, a line each.

        Returns:
            Whether to send it.

        Raises:
            ChainError: The payer has too little or transactions that are pending.
            UsageError: There is nobody to ask.
            click.Abort: The answer is no.
        """
        cost = chain.price(sum(MOST_GAS[call] for call in calls)).cost
        nonce = chain.next_nonce(payer)
        chain.check_balance(payer, cost)
        if not self.agree([*plan, f"from {payer}, nonce {nonce}, at most {cost} wei for gas"]):
            return False
        chain.limit_cost(cost)
        return True

    def agree(self, plan: Sequence[str]) -> bool:
        """Show what will be sent, and ask.

        Returns:
            Whether to send it.

        Raises:
            UsageError: There is nobody to ask.
            click.Abort: The answer is no.
        """
        for line in plan:
            click.echo(line, err=True)
        if self.dry_run:
            click.echo("dry run: nothing was sent", err=True)
            return False
        if not self.yes:
            if not sys.stdin.isatty():
                raise UsageError("there is nobody to ask", hint="give --yes to send without a question")
            click.confirm("Send?", abort=True, err=True)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which federation a command is about.

    Attributes:
        federation: Its address as given; None stands for the newest that is recorded.
        registry: Its registry's address, if it is not recorded.
    """

    federation: str | None
    registry: str | None

    def bind(self, chain: RpcChain) -> Deployment:
        """Bind to its contracts after comparing them with the code on the chain.

        Raises:
            ConfigError: None is recorded.
            VerificationFailed: Something else is at the addresses.
        """
        from contracts.deploy import Deployment
        from contracts.deployments import bind

        wanted = None if self.federation is None else address(self.federation)
        if wanted is not None and self.registry is not None:
            return Deployment.at(chain, wanted, address(self.registry))
        if self.registry is not None:
            raise UsageError("--registry says nothing without --federation")
        return bind(chain, deployments(chain.chain_id).find(wanted))


def node_options(command: Command) -> Command:
    """Declare ``--rpc`` and ``--chain-id``, passed as ``target``."""

    @wraps(command)
    def inner(*, rpc: str, chain_id: int | None, **rest: object) -> None:
        command(target=Target(rpc=rpc, chain_id=chain_id), **rest)

    return _with(
        inner,
        click.option(
            "--rpc",
            default=LOCAL_NODE,
            show_default=True,
            envvar="FOLKMOOT_RPC",
            help="The node: a URL, or the path of its Unix socket.",
        ),
        click.option("--chain-id", type=click.IntRange(1), help="Refuse a node that serves another chain."),
    )


def sender_options(command: Command) -> Command:
    """Declare the options of :func:`node_options`, and who sends, passed as ``sending``."""

    @wraps(command)
    def inner(
        *,
        target: Target,
        confirmations: int,
        max_fee: int,
        key: str,
        passphrase_file: Path | None,
        **rest: object,
    ) -> None:
        sending = Sending(
            key=key,
            passphrase_file=passphrase_file,
            dry_run=bool(rest.pop("dry_run")),
            yes=bool(rest.pop("yes")),
        )
        connection = replace(target, confirmations=confirmations, max_fee_gwei=max_fee)
        command(target=connection, sending=sending, **rest)

    return _with(
        node_options(inner),
        click.option("--key", required=True, help="The sender's keyfile: a path, or a name of keys new."),
        passphrase_option,
        confirmations_option,
        click.option(
            "--max-fee",
            type=click.IntRange(1),
            default=500,
            show_default=True,
            metavar="GWEI",
            help="Send nothing if gas costs more.",
        ),
        click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    )


def federation_options(command: Command) -> Command:
    """Declare ``--federation`` and ``--registry``, passed as ``which``."""

    @wraps(command)
    def inner(*, federation: str | None, registry: str | None, **rest: object) -> None:
        command(which=Which(federation=federation, registry=registry), **rest)

    return _with(
        inner,
        click.option("--federation", metavar="ADDRESS", help="By default the newest one that is recorded."),
        click.option(
            "--registry", metavar="ADDRESS", help="Its registry, if the federation was deployed elsewhere."
        ),
    )


def _with(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def data_directory() -> Path:
    """Return where keys and deployments are kept for this user."""
    from federation import home

    return home.data_directory(os.environ)


def key_path(name: str) -> Path:
    """Return the keyfile of a name, or the path itself if it is one."""
    if "/" in name or name.endswith(".json"):
        return Path(name).expanduser()
    return data_directory() / "keys" / f"{name}.json"


def passphrase(path: Path | None, *, confirm: bool = False) -> str:
    """Read a passphrase from a file, or from the terminal.

    Args:
        path: A file whose first line it is; None asks.
        confirm: Whether to ask twice.

    Raises:
        ConfigError: The file cannot be read.
        IdentityError: There is nobody to ask.
    """
    if path is not None:
        try:
            return path.read_text(encoding="utf-8").split("\n")[0].removesuffix("\r")
        except (OSError, UnicodeDecodeError) as err:
            raise ConfigError(f"the passphrase cannot be read from {path}") from err
    if not sys.stdin.isatty():
        raise IdentityError("there is nobody to ask for a passphrase", hint="give --passphrase-file")
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))


def deployments(chain_id: int) -> Deployments:
    """Return the records of a chain for this user."""
    from contracts.deployments import Deployments

    return Deployments(data_directory() / "deployments", chain_id)


def address(text: str) -> Address:
    """Read an address given on the command line.

    Raises:
        UsageError: It is none.
    """
    from contracts.abi import to_address, to_bytes
    from federation.errors import ChainError
    from federation.types import Address

    try:
        made = to_address(to_bytes(Address(text)))
    except ChainError as err:
        raise UsageError(err.message, hint="it is 0x and 40 hex digits") from err
    body = text.removeprefix("0x")
    if body not in {body.lower(), body.upper()} and body != made[2:]:
        raise UsageError(f"{text!r} is no address: its checksum is wrong", hint="look for a typing error")
    return made


def hex_of(digest: Hash32) -> str:
    """Write a hash for people."""
    return "0x" + digest.hex()


def wei_of(text: str) -> int:
    """Read an amount in whole tokens, as in 12.5.

    Raises:
        UsageError: It is none.
    """
    whole, _, part = text.partition(".")
    if not (whole + part).isdecimal() or not (whole + part).isascii() or len(part) > TOKEN_DECIMALS:
        raise UsageError(f"{text!r} is no amount", hint="it is a decimal number of tokens, such as 12.5")
    wei: int = int(whole or "0") * 10**TOKEN_DECIMALS + int(part.ljust(TOKEN_DECIMALS, "0"))
    if not 0 < wei < 1 << 128:
        raise UsageError(f"{text!r} is no amount that can be moved")
    return wei
