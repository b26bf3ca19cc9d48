"""The questions from which a manifest is made: as options, or on the terminal, with defaults."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Final

import click

from contracts.session import account_of
from federation.errors import ConfigError, FolkmootError, UsageError

if TYPE_CHECKING:
    from aggregator.operator.config import OperatorConfig
    from aggregator.operator.wizard import Answers
    from federation.types import Address, Did

Command = Callable[..., None]

_LEAST_PROVIDERS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was given as options; None is asked, or has its default with ``--yes``."""

    community: str | None
    provider: tuple[str, ...]
    chain_id: int | None
    rounds: int | None
    dim: int | None
    epsilon: str | None
    bounty: str | None
    funds: str | None
    aggregator_bond: str | None
    provider_bond: str | None
    phase_hours: int | None


def terms_options(command: Command) -> Command:
    """Declare one option for each field of ``Terms``, passed together as ``terms``."""

    @wraps(command)
    def inner(**options: object) -> None:
        terms = Terms(**{field.name: options.pop(field.name) for field in fields(Terms)})  # type: ignore[arg-type]  # click made them
        command(terms=terms, **options)

    declared = (
        click.option("--community", metavar="DID", help="Who signs rosters."),
        click.option("--provider", multiple=True, metavar="DID=ADDRESS", help="Three or more times."),
        click.option("--chain-id", type=click.IntRange(1), help="The chain; else the node's."),
        click.option("--rounds", type=click.IntRange(1, 1 << 16), help="Rounds of an epoch."),
        click.option("--dim", type=click.IntRange(2, 1 << 20), help="Words that the model knows."),
        click.option("--epsilon", help='Lifetime privacy budget of one message; "inf" for none.'),
        click.option("--bounty", metavar="TOKENS", help="For a whole point of Brier score."),
        click.option("--funds", metavar="TOKENS", help="What an epoch pays at most."),
        click.option("--aggregator-bond", metavar="TOKENS", help="Your own stake."),
        click.option("--provider-bond", metavar="TOKENS", help="Each provider's stake."),
        click.option("--phase-hours", type=click.IntRange(1, 2160), help="For each phase of a round."),
    )
    for option in reversed(declared):
        inner = option(inner)
    return inner


def ask(name: str, did: Did, terms: Terms, config: OperatorConfig, *, yes: bool) -> Answers:
    """Return the answers from which a manifest is made.

    Args:
        name: The federation's name.
        did: The operator's own DID.
        terms: What was given.
        config: Names the node and the operator's keyfile.
        yes: Ask nothing.

    Raises:
        UsageError: Something without a default is missing, and there is nobody to ask.
        ConfigError: The operator's keyfile cannot be read.
    """
    from aggregator.operator.wizard import Answers
    from federation.types import Did

    asked = _Asking(yes=yes)
    return Answers(
        name=name,
        chain_id=asked.number(terms.chain_id, "--chain-id", "Chain id", _served(config.chain.rpc)),
        community=Did(asked.text(terms.community, "--community", "DID of the community", None)),
        aggregator=did,
        account=_account(config.account.key),
        providers=asked.providers(terms.provider),
        rounds=asked.number(terms.rounds, "--rounds", "Rounds of an epoch", 20),
        dim=asked.number(terms.dim, "--dim", "Words that the model knows", 4096),
        epsilon=asked.text(terms.epsilon, "--epsilon", "Privacy budget of one message, epsilon", "8"),
        bounty=asked.text(terms.bounty, "--bounty", "Tokens for a whole point of Brier score", "1000"),
        funds=asked.text(terms.funds, "--funds", "Tokens that an epoch pays at most", "1000"),
        aggregator_bond=asked.text(terms.aggregator_bond, "--aggregator-bond", "Your stake in tokens", "100"),
        provider_bond=asked.text(terms.provider_bond, "--provider-bond", "Each provider's stake", "10"),
        phase_hours=asked.number(terms.phase_hours, "--phase-hours", "Hours for each phase of a round", 24),
    )


class _Asking:
    def __init__(self, *, yes: bool) -> None:
        self._silent = yes or not sys.stdin.isatty()

    def text(self, given: str | None, option: str, question: str, default: str | None) -> str:
        if given is not None:
            return given
        if not self._silent:
            return str(click.prompt(question, default=default, err=True))
        if default is None:
            raise UsageError(f"{option} is missing", hint="give it, or answer questions on a terminal")
        return default

    def number(self, given: int | None, option: str, question: str, default: int | None) -> int:
        if given is not None:
            return given
        if not self._silent:
            return int(click.prompt(question, default=default, type=click.IntRange(1), err=True))
        if default is None:
            raise UsageError(f"{option} is missing", hint="give it, or answer questions on a terminal")
        return default

    def providers(self, given: tuple[str, ...]) -> list[tuple[Did, Address]]:
        from aggregator.operator.wizard import provider_of

        found = list(given)
        while not self._silent and len(found) < _LEAST_PROVIDERS:
            found.append(str(click.prompt(f"Provider {len(found) + 1} (DID=ADDRESS)", err=True)))
        if len(found) < _LEAST_PROVIDERS:
            raise UsageError(
                f"--provider was given {len(found)} times",
                hint=f"{_LEAST_PROVIDERS} parties who do not depend on each other hold the validation data",
            )
        return [provider_of(text) for text in found]


def _served(rpc: str) -> int | None:
    """Return the chain that a node serves; None if it does not answer."""
    from contracts.backends.rpc import RpcChain
    from contracts.backends.transport import NodeTransport

    try:
        transport = NodeTransport(rpc, sleep=lambda _: None)
        try:
            return RpcChain(transport).chain_id
        finally:
            transport.close()
    except FolkmootError:
        return None


def _account(key: str) -> Address:
    try:
        return account_of(key)
    except ConfigError as error:
        raise ConfigError(error.message, hint=f"make the bonded account: folkmoot keys new {key}") from error
