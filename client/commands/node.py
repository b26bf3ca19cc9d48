"""``folkmoot client node``: what the SuperNode of a federation needs, written before it first runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.session import client_home, open_vault, passphrase_option
from federation.cli import emit_json, format_option
from federation.errors import ConfigError

if TYPE_CHECKING:
    from client.home import ClientHome
    from client.membership import Membership
    from client.node.folder import NodeFolder


@click.command()
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Write it there, for a SuperNode under a user of its own; by default in your own folder.",
)
@click.option(
    "--socket-dir",
    type=click.Path(path_type=Path),
    help="Folder of the guard's sockets, as given to folkmoot client guard.",
)
@passphrase_option
@format_option
def node(
    name: str, folder: Path | None, socket_dir: Path | None, passphrase_file: Path | None, output_format: str
) -> None:
    """Write what the SuperNode of a federation needs, and print its key for the aggregator to register.

    The key is made once and stays. It authenticates the connection and signs nothing else.

    Example: folkmoot client node spam-detection
    """
    from client.membership import memberships

    with open_vault(passphrase_file) as vault:
        joined = memberships(vault)
        if name not in joined:
            raise ConfigError(
                f"you have not joined {name}", hint=f"you have joined: {', '.join(sorted(joined)) or 'none'}"
            )
        prepared = prepare_node(client_home(), joined[name], folder=folder, socket_dir=socket_dir)
    if output_format == "json":
        emit_json("ok", {"folder": str(prepared.path), "public_key": prepared.public_key()})
        return
    click.echo(prepared.public_key())
    click.echo(f"the aggregator must register this key; the node's folder is {prepared.path}", err=True)


def prepare_node(
    home: ClientHome,
    membership: Membership,
    *,
    folder: Path | None = None,
    socket_dir: Path | None = None,
) -> NodeFolder:
    """Write the folder of a federation's node.

    Args:
        home: The member's home.
        membership: Where the SuperLink is.
        folder: Where to; in the home if None.
        socket_dir: Folder of the guard's sockets; the home's if None.

    Raises:
        ConfigError: The folder cannot be written.
    """
    from client.home import socket_in
    from client.node.folder import NodeFolder

    return NodeFolder.prepare(
        folder or home.node(membership.name),
        name=membership.name,
        superlink=membership.superlink,
        root_certificate=membership.root_certificate,
        guard=socket_in(socket_dir or home.sockets, membership.name),
    )
