"""``folkmoot client node``: what the SuperNode of a federation needs, written before it first runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from client.session import client_home, open_vault, passphrase_option
from federation.cli import emit_json, format_option
from federation.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from client.membership import Membership
    from client.node.folder import Description

_MOST_BYTES: Final = 1 << 20


@click.command()
@click.argument("name", required=False)
@click.option(
    "--describe", is_flag=True, help="Print what a node under a user of its own must be told, and no more."
)
@click.option(
    "--socket-dir",
    type=click.Path(path_type=Path),
    help="Folder of the guard's sockets, as given to folkmoot client guard.",
)
@click.option(
    "--from",
    "source",
    type=click.File("rb"),
    help="Be that user: read what --describe printed, from a file or - for standard input.",
)
@click.option("--folder", type=click.Path(path_type=Path), help="Where that user keeps the node.")
@passphrase_option
@format_option
def node(
    name: str | None,
    *,
    source: BinaryIO | None,
    folder: Path | None,
    socket_dir: Path | None,
    passphrase_file: Path | None,
    output_format: str,
    describe: bool,
) -> None:
    """Write what the SuperNode of a federation needs, and print its key for the aggregator to register.

    The key is made once and stays. It authenticates the connection and signs nothing else.

    Example: folkmoot client node spam-detection
    """
    from client.node.folder import Description, NodeFolder

    if (name is None) == (source is None) or (source is None) != (folder is None):
        raise UsageError("give a name, or --from and --folder")
    if source is not None and folder is not None:
        prepared = NodeFolder.prepare(folder, Description.parse(source.read(_MOST_BYTES)))
    else:
        description = _description(str(name), socket_dir, passphrase_file)
        if describe:
            click.echo(description.model_dump_json())
            return
        prepared = NodeFolder.prepare(client_home().node(description.name), description)
    if output_format == "json":
        emit_json("ok", {"folder": str(prepared.path), "public_key": prepared.public_key()})
        return
    click.echo(prepared.public_key())
    click.echo(f"the aggregator must register this key; the node's folder is {prepared.path}", err=True)


def describe_node(membership: Membership, sockets: Path) -> Description:
    """Describe the node of a federation.

    Args:
        membership: Where the SuperLink is.
        sockets: Folder of the guard's sockets.

    Raises:
        ConfigError: The membership's address or certificate is malformed.
    """
    from client.home import socket_in
    from client.node.folder import Description

    return Description.of(
        name=membership.name,
        superlink=membership.superlink,
        root_certificate=membership.root_certificate,
        guard=socket_in(sockets, membership.name),
    )


def _description(name: str, socket_dir: Path | None, passphrase_file: Path | None) -> Description:
    from client.membership import memberships

    with open_vault(passphrase_file) as vault:
        joined = memberships(vault)
    if name not in joined:
        raise ConfigError(
            f"you have not joined {name}", hint=f"you have joined: {', '.join(sorted(joined)) or 'none'}"
        )
    return describe_node(joined[name], socket_dir or client_home().sockets)
