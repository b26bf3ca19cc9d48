"""``folkmoot client run``: the guard and the SuperNode of every joined federation, kept running."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from client.session import client_home, passphrase_option
from federation.cli import printable
from federation.errors import ConfigError, FolkmootError, IdentityError, PeerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from client.node.folder import NodeFolder
    from client.supervisor import Notice, Program


@click.command()
@click.argument("name", required=False)
@click.option(
    "--node",
    "folder",
    type=click.Path(path_type=Path),
    help="Run only the node of this folder; its guard is another service.",
)
@click.option(
    "--status",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    show_default=True,
    help="How to say on stderr what happens.",
)
@click.option("--verbose", is_flag=True, help="Also show the log of the SuperNode.")
@passphrase_option
def run(
    name: str | None, folder: Path | None, status: str, *, verbose: bool, passphrase_file: Path | None
) -> None:
    """Take part in rounds: keep the guard and the connection to each aggregator running, until Ctrl-C.

    Whatever is missing (network, guard, the aggregator's registration), it says so and tries again.
    Without a name it runs every federation you joined.

    Example: folkmoot client run spam-detection
    """
    from client.node.program import NodeProgram

    if name is not None and folder is not None:
        raise UsageError("give a name or --node, not both")
    report = _reporter(status)
    folders = _folders(name, folder)
    with ExitStack() as held:
        for one in folders:
            held.enter_context(one.locked())
        programs: list[Program] = [NodeProgram(one, report, verbose=verbose) for one in folders]
        if folder is None and not asyncio.run(_guarded(folders)):
            programs.insert(0, _GuardProgram(passphrase_file))
        interrupted = asyncio.run(_keep_all(programs, report))
    if interrupted:
        raise click.Abort


def _folders(name: str | None, folder: Path | None) -> Sequence[NodeFolder]:
    from client.node.folder import NodeFolder

    if folder is not None:
        return [NodeFolder.load(folder)]
    home = client_home()
    if name is not None:
        return [NodeFolder.load(home.node(name))]
    found = sorted(home.nodes.glob("*/node.json"))
    if not found:
        raise ConfigError(
            "there is no node to run", hint="join a federation, then prepare its node: folkmoot client node"
        )
    return [NodeFolder.load(path.parent) for path in found]


async def _guarded(folders: Sequence[NodeFolder]) -> bool:
    """Tell whether a guard answers for all of them already, for example one that systemd started."""
    from client.node.errors import GuardSilent
    from client.node.program import require_guard

    try:
        for folder in folders:
            await require_guard(folder.guard)
    except GuardSilent:
        return False
    return True


async def _keep_all(programs: Sequence[Program], report: Callable[[Notice], None]) -> bool:
    """Keep programs running until SIGTERM or SIGINT; tell whether it was the latter."""
    from client.supervisor import keep

    stop, loop, signals = asyncio.Event(), asyncio.get_running_loop(), list[int]()

    def end(number: int) -> None:
        signals.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)

    async def one(program: Program) -> None:
        try:
            await keep(program, report=report, stop=stop)
        finally:
            stop.set()

    # Every program is ended in its own way before an error of one leaves here.
    results = await asyncio.gather(*map(one, programs), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return signals[:1] == [signal.SIGINT]


class _GuardProgram:
    """The guard of this home; it asks for the passphrase itself, so that this process never has it."""

    name = "guard"
    interactive = True
    fatal = (ConfigError, IdentityError)

    def __init__(self, passphrase_file: Path | None) -> None:
        self._passphrase_file = passphrase_file

    @property
    def folder(self) -> Path:
        return client_home().path

    def command(self) -> list[str]:
        words = [sys.executable, "-P", "-m", "federation", "client", "guard"]
        if self._passphrase_file is not None:
            words += ["--passphrase-file", str(self._passphrase_file.absolute())]
        return words

    def environment(self) -> Mapping[str, str]:
        return os.environ

    async def ready(self) -> None:
        pass

    async def healthy(self) -> None:
        pass

    def line(self, text: str) -> tuple[str, str] | None:
        del text
        return None

    def ended(self, status: int) -> FolkmootError:
        if status in {UsageError.exit_code, ConfigError.exit_code}:
            return ConfigError("the guard does not start", hint="it says above why")
        if status == IdentityError.exit_code:
            return IdentityError("the guard cannot open the vault", hint="it says above why")
        return PeerError(f"the guard ended with status {status}", hint="it says above why")


def _reporter(form: str) -> Callable[[Notice], None]:
    return _report_json if form == "jsonl" else _report_text


def _report_text(notice: Notice) -> None:
    words = f"{time.strftime('%H:%M:%S')} {notice.program}: {notice.event}"
    if notice.text:
        words += f" {notice.text}"
    if notice.error is not None:
        words += f": {notice.error.message}"
    if notice.pause:
        words += f" (again in {notice.pause:.0f} s)"
    click.echo(printable(words), err=True)
    for line in (notice.error.hint or "").splitlines() if notice.error else ():
        click.echo(f"  hint: {printable(line)}", err=True)


def _report_json(notice: Notice) -> None:
    told: dict[str, object] = {"time": round(time.time(), 3), "node": notice.program, "event": notice.event}
    if notice.text:
        told["text"] = notice.text
    if notice.error is not None:
        error = notice.error
        told["error"] = {"code": error.code, "message": error.message, "hint": error.hint}
    if notice.pause:
        told["pause"] = notice.pause
    click.echo(json.dumps(told), err=True)
