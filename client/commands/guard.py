"""``folkmoot client guard``: the process that alone opens the vault while rounds run."""

from __future__ import annotations

import os
import pwd
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.session import client_home, open_vault, passphrase_option
from federation.cli import tell
from federation.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from client.guard.server import Post
    from client.vault import Vault


@click.command()
@passphrase_option
@click.option(
    "--allow-user",
    "allowed",
    multiple=True,
    help="User (name or id) whose processes may call, beside your own.",
)
@click.option(
    "--socket-dir",
    type=click.Path(path_type=Path),
    help="Folder of the sockets, where that user can reach it; by default in your own.",
)
def guard(passphrase_file: Path | None, allowed: tuple[str, ...], socket_dir: Path | None) -> None:
    """Hold your keys and your data for the rounds of every federation you joined, until Ctrl-C.

    The Flower app, which the aggregator's side chooses, only reaches this process's sockets, and gets
    finished, noised, signed deltas.

    Example: folkmoot client guard --allow-user folkmoot-node --socket-dir /run/folkmoot
    """
    import asyncio

    from client.guard.process import alone
    from client.guard.run import run_guard

    if sys.platform != "linux":
        raise ConfigError("the guard tells its callers apart as Linux does", hint="run it on Linux")
    users = frozenset({os.geteuid(), *(_user_id(name) for name in allowed)})
    home = client_home()
    if len(users) > 1 and socket_dir is None:
        raise UsageError("another user cannot reach your own folder", hint="give --socket-dir")
    folder = socket_dir or home.sockets
    folder.mkdir(mode=0o700 if len(users) == 1 else 0o711, parents=True, exist_ok=True)
    # The vault's file belongs to the thread that opens it, which is not this one.
    opened = ExitStack()

    def open_posts() -> Mapping[str, Post]:
        return _posts(opened.enter_context(open_vault(passphrase_file)), folder)

    with alone(home.path / "guard.lock"):
        asyncio.run(run_guard(open_posts, users=users, report=tell, close=opened.close))


def _posts(vault: Vault, folder: Path) -> Mapping[str, Post]:
    from client.app import answers
    from client.assemble import open_member
    from client.guard.server import Post
    from client.guard.standing import Standing
    from client.home import socket_in
    from client.membership import memberships

    events = client_home().events
    opened = partial(open_member, vault, events=events, report=tell)
    posts = {}
    for name, membership in memberships(vault).items():
        dim = membership.manifest.model.dim
        posts[name] = Post(
            name=name,
            socket=socket_in(folder, name),
            dim=dim,
            answers=answers(Standing(partial(opened, membership=membership)), dim=dim),
            secure=membership.manifest.secure is not None,
        )
    if not posts:
        raise ConfigError("you have not joined a federation", hint="folkmoot client join federation.toml")
    return posts


def _user_id(name: str) -> int:
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError as error:
        raise UsageError(f"there is no user {name!r}") from error
