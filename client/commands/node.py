"""``folkmoot client node``: what the SuperNode of a federation needs, written before it first runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from client.session import client_home, open_vault, passphrase_option
from federation.cli import emit_json, format_option
from federation.errors import ConfigError, IdentityError, UsageError

if TYPE_CHECKING:
    from client.identity import Session
    from client.membership import Membership
    from client.node.folder import Description, NodeFolder, Proof
    from client.vault import Vault

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
@click.option("--register", is_flag=True, help="Have the aggregator let the node in, by a signed statement.")
@click.option(
    "--desk", metavar="URL", help="The aggregator's desk; where the federation publishes, unless given."
)
@click.option(
    "--proof",
    type=click.File("rb"),
    help="The proof.json that the node's own user made; unless given, that of the node's folder here.",
)
@passphrase_option
@format_option
def node(
    name: str | None,
    *,
    source: BinaryIO | None,
    folder: Path | None,
    socket_dir: Path | None,
    desk: str | None,
    proof: BinaryIO | None,
    passphrase_file: Path | None,
    output_format: str,
    describe: bool,
    register: bool,
) -> None:
    """Write what the SuperNode of a federation needs, and have the aggregator let it in.

    The key is made once and stays. It authenticates the connection and signs nothing else. Without
    --register, it is printed for the aggregator to register.

    Example: folkmoot client node spam-detection --register
    """
    from client.node.folder import Description, NodeFolder, Proof

    if (name is None) == (source is None) or (source is None) != (folder is None):
        raise UsageError("give a name, or --from and --folder")
    if register and (name is None or describe):
        raise UsageError("--register goes with a name alone", hint="the member signs, not the node's user")
    if (desk or proof) and not register:
        raise UsageError("--desk and --proof go with --register")
    if source is not None and folder is not None:
        prepared = NodeFolder.prepare(folder, Description.parse(source.read(_MOST_BYTES)))
        _tell(prepared, output_format)
        return
    with open_vault(passphrase_file) as vault:
        membership = _membership(vault, str(name))
        member = _session(vault, membership, required=register)
    description = describe_node(membership, socket_dir or client_home().sockets, member)
    if describe:
        click.echo(description.model_dump_json())
        return
    if proof is not None and member is not None:
        _register(member, membership, Proof.parse(proof.read(_MOST_BYTES)), desk, output_format)
        return
    prepared = NodeFolder.prepare(client_home().node(description.name), description)
    if register and member is not None:
        _register(member, membership, Proof.read(prepared.proof), desk, output_format)
    else:
        _tell(prepared, output_format)


def _tell(prepared: NodeFolder, output_format: str) -> None:
    if output_format == "json":
        emit_json("ok", {"folder": str(prepared.path), "public_key": prepared.public_key()})
        return
    click.echo(prepared.public_key())
    click.echo(f"the aggregator must register this key; the node's folder is {prepared.path}", err=True)


def _register(
    member: Session, membership: Membership, proof: Proof, desk: str | None, output_format: str
) -> None:
    from client.registering import hand_in, make_statement

    statement = make_statement(member, membership, proof, now=int(time.time()))
    number = hand_in(statement, desk or membership.public)
    if output_format == "json":
        emit_json("ok", {"node": str(number), "did": statement.did})
    else:
        click.echo(f"the aggregator lets this node in, as {number}")


def describe_node(membership: Membership, sockets: Path, member: Session | None = None) -> Description:
    """Describe the node of a federation.

    Args:
        membership: Where the SuperLink is.
        sockets: Folder of the guard's sockets.
        member: Who signs for the member, so that the node's key can say for whom it connects.

    Raises:
        ConfigError: The membership's address or certificate is malformed.
    """
    from client.home import socket_in
    from client.node.folder import Description, Member

    return Description.of(
        name=membership.name,
        superlink=membership.superlink,
        root_certificate=membership.root_certificate,
        guard=socket_in(sockets, membership.name),
        member=None
        if member is None
        else Member(
            chain_id=membership.manifest.chain.chain_id, federation=membership.federation, did=member.did
        ),
    )


def _membership(vault: Vault, name: str) -> Membership:
    from client.membership import memberships

    joined = memberships(vault)
    if name not in joined:
        raise ConfigError(
            f"you have not joined {name}", hint=f"you have joined: {', '.join(sorted(joined)) or 'none'}"
        )
    return joined[name]


def _session(vault: Vault, membership: Membership, *, required: bool) -> Session | None:
    """Return who signs for the member; a node can be described before a wallet has authorised anybody."""
    from client.wallet import session

    try:
        return session(vault, membership.name)
    except IdentityError:
        if required:
            raise
        return None
