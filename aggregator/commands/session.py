"""What the operator's commands have in common: the federation's folder, its settings, its contracts."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from aggregator.home import AggregatorHome
from federation.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from aggregator.operator.config import OperatorConfig
    from contracts.backends.rpc import RpcChain
    from federation.manifest import Manifest

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

name_argument = click.argument("name", required=False)
"""Declare the federation's name; without it, the only one there is."""


def home_of(name: str | None) -> AggregatorHome:
    """Return the folder of a federation that was set up here.

    Args:
        name: Its name; None stands for the only one.

    Raises:
        ConfigError: There is none, or there are several.
    """
    if name is not None:
        home = new_home(name)
        if not home.manifest.is_file():
            raise ConfigError(
                f"there is no federation {name!r} in {home.path.parent}", hint="folkmoot aggregator init"
            )
        return home
    root = AggregatorHome.of(os.environ, "x").path.parent
    found = sorted(path.parent for path in root.glob("*/federation.toml"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        raise ConfigError(
            f"there are several federations: {names}" if found else f"there is no federation in {root}",
            hint="name one of them" if found else "folkmoot aggregator init",
        )
    return AggregatorHome(found[0])


def new_home(name: str) -> AggregatorHome:
    """Return the folder of a federation by its name, whether it is there or not.

    Raises:
        UsageError: That is no name.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a federation", hint="lower-case letters, digits and hyphens, at most 63"
        )
    return AggregatorHome.of(os.environ, name)


def settings_of(home: AggregatorHome) -> tuple[Manifest, OperatorConfig]:
    """Return what the community agreed, and what the operator has set.

    Raises:
        ConfigError: A file cannot be read, or something in it is wrong.
    """
    from aggregator.operator.config import OperatorConfig
    from federation.manifest import Manifest

    manifest = Manifest.from_toml(read_text(home.manifest))
    return manifest, OperatorConfig.from_toml(read_text(home.config))


def read_text(path: Path) -> str:
    """Return a text file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text") from error


def connect(config: OperatorConfig, manifest: Manifest) -> RpcChain:
    """Return the federation's chain; the connection ends with the command.

    Raises:
        ChainError: The node cannot be reached, or serves another chain.
    """
    from contracts.session import Target

    return Target(
        rpc=config.chain.rpc,
        chain_id=manifest.chain.chain_id,
        confirmations=config.chain.confirmations,
        max_fee_gwei=config.chain.max_fee_gwei,
    ).connect()
