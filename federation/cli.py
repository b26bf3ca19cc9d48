"""The face of the house: one group that finds its commands, and one way to fail.

Packages own their commands and name them in the entry-point group ``folkmoot.commands`` as
``module:command``; a command is loaded only when it is run or listed, so keep such modules light
(import torch, opacus, flwr and web3 inside functions).

Data goes to stdout and everything else to stderr. Whatever happens, :func:`run_command` ends it as
one ``prog: error: ...`` line with ``hint:`` lines and the exit code of its kind; if the arguments
ask for ``--format json``, the same error also goes to stdout as an envelope.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module, metadata
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import click

from federation.errors import ConfigError, FolkmootError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COMMAND_GROUP = "folkmoot.commands"

_INTERRUPTED = 130
_SCHEMA_VERSION = 1
_DEBUG_HELP = "Show the traceback of an error."

format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the result; json is one envelope on stdout.",
)
"""Declare ``--format``, passed to the command as ``output_format``."""

debug_option = click.option("--debug", is_flag=True, expose_value=False, help=_DEBUG_HELP)
"""Declare ``--debug``; :func:`run_command` acts on it."""


class _Interrupted(FolkmootError):
    code = "interrupted"
    exit_code = _INTERRUPTED


class _Bug(FolkmootError):
    code = "bug"


class CommandGroup(click.Group):
    """A click group whose commands are entry points, loaded one by one on demand.

    Args:
        find: Return the entry points by command name.
        name, callback, params, help: As for any click command.
    """

    def __init__(
        self,
        find: Callable[[], Mapping[str, metadata.EntryPoint]],
        *,
        name: str,
        callback: Callable[[click.Context], None],
        params: list[click.Parameter],
        help: str,
    ) -> None:
        super().__init__(
            name=name,
            callback=click.pass_context(callback),
            params=params,
            help=help,
            invoke_without_command=True,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        self._find = find

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the names of all commands, sorted, without loading any."""
        return sorted(self._find())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        """Load one command; ``None`` if there is no such entry point.

        Raises:
            ConfigError: it is installed but cannot be loaded.
        """
        entry_point = self._find().get(cmd_name)
        return None if entry_point is None else _load(entry_point)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands; one that cannot be loaded is listed as such and hurts no other."""
        rows: list[tuple[str, str]] = []
        for name in self.list_commands(ctx):
            try:
                command = self.get_command(ctx, name)
            except ConfigError as error:
                rows.append((name, f"({error.message})"))
                continue
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str()))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def lazy_group(places: Mapping[str, str]) -> type[click.Group]:
    """Return the class of a group whose commands are loaded when they are used.

    Args:
        places: ``module:attribute`` of each command, in the order in which help lists them.
    """

    class Lazy(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
            return list(places)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
            if cmd_name not in places:
                return None
            module, _, name = places[cmd_name].partition(":")
            command: object = getattr(import_module(module), name)
            assert isinstance(command, click.Command)
            return command

    return Lazy


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone.

    Args:
        question: What is about to happen.
        yes: Whether the user has said so on the command line.

    Raises:
        UsageError: There is nobody to ask.
        click.Abort: The answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"there is nobody to ask: {question}", hint="give --yes")
    click.confirm(question, abort=True, err=True)


def tell(line: str) -> None:
    """Tell the user something that is no result; it may quote a hostile peer."""
    click.echo(printable(line), err=True)


def installed_commands() -> dict[str, metadata.EntryPoint]:
    """Find the commands of all installed distributions, by name."""
    return {entry_point.name: entry_point for entry_point in metadata.entry_points(group=COMMAND_GROUP)}


def build_group(find: Callable[[], Mapping[str, metadata.EntryPoint]] = installed_commands) -> CommandGroup:
    """Build the ``folkmoot`` group over the commands that ``find`` returns."""
    version = click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Show the version and exit.",
    )
    debug = click.Option(["--debug"], is_flag=True, expose_value=False, help=_DEBUG_HELP)
    return CommandGroup(
        find,
        name="folkmoot",
        callback=_need_a_command,
        params=[version, debug],
        help="Federated learning that pays: private training, exact scores, payments anyone can recompute.",
    )


def main() -> None:
    """Run the ``folkmoot`` command line; the console entry point."""
    sys.exit(run_command(build_group(), "folkmoot"))


def run_command(command: click.Command, prog_name: str, args: Sequence[str] | None = None) -> int:
    """Run any click command with this project's way of failing.

    Args:
        command: What to run. If it returns an int (or calls ``ctx.exit``), that is the exit code.
        prog_name: The name errors start with.
        args: The arguments; by default the process's own.

    Returns:
        The exit code: 0, 1 for a bug, 130 for an interruption, else that of the error.
    """
    argv = list(sys.argv[1:] if args is None else args)
    try:
        result: object = command.main(args=argv, prog_name=prog_name, standalone_mode=False)
    except (click.Abort, KeyboardInterrupt) as error:
        return _fail(_Interrupted("interrupted"), error, prog_name, argv)
    except FolkmootError as error:
        return _fail(error, error, prog_name, argv)
    except click.ClickException as error:
        return _fail(_from_click(error), error, prog_name, argv)
    except Exception as error:  # noqa: BLE001 -- the last line of defence: a bug must not look like a result
        return _fail(_bug(error), error, prog_name, argv)
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def emit_json(status: Literal["ok", "error"], payload: Mapping[str, object]) -> None:
    """Print one envelope on stdout: ``{"schema_version", "status", "data" | "error"}``.

    Args:
        status: Which kind of envelope.
        payload: The result, or the error's ``code``, ``message`` and ``hint``.

    Raises:
        FolkmootError: the payload holds what JSON cannot, for example NaN or bytes.
    """
    key = "data" if status == "ok" else "error"
    envelope = {"schema_version": _SCHEMA_VERSION, "status": status, key: payload}
    try:
        text = json.dumps(envelope, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise FolkmootError(f"a result cannot be written as json: {error}") from error
    click.echo(text)


def _fail(failure: FolkmootError, cause: BaseException, prog_name: str, argv: Sequence[str]) -> int:
    """Report a failure on stderr, and on stdout too if json is wanted; return its exit code."""
    options = _options(argv)
    color = False if os.environ.get("NO_COLOR") else None
    if "--debug" in options:
        click.echo("".join(traceback.format_exception(cause)), err=True, nl=False)
    label = click.style("error:", fg="red", bold=True)
    click.echo(f"{prog_name}: {label} {printable(failure.message)}", err=True, color=color)
    for line in (failure.hint or "").splitlines():
        click.echo(f"{click.style('hint:', fg='cyan')} {printable(line)}", err=True, color=color)
    if _wants_json(options):
        emit_json("error", {"code": failure.code, "message": failure.message, "hint": failure.hint})
    return failure.exit_code


def _options(argv: Sequence[str]) -> list[str]:
    """Cut what follows ``--``: those are values.

    The arguments are read again, beside click, because the parser itself may be what failed.
    """
    return list(argv[: argv.index("--")]) if "--" in argv else list(argv)


def _wants_json(options: Sequence[str]) -> bool:
    """Say whether the last ``--format`` is json, as click would decide."""
    wanted = False
    for option, value in pairwise([*options, ""]):
        if option == "--format":
            wanted = value == "json"
        elif option.startswith("--format="):
            wanted = option == "--format=json"
    return wanted


def _from_click(error: click.ClickException) -> FolkmootError:
    """Put click's own errors into the tree: usage, or a file that cannot be opened."""
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    if not isinstance(error, click.UsageError):
        return ConfigError(message)
    hint = f"see '{error.ctx.command_path} --help'" if error.ctx is not None else None
    return UsageError(message, hint=hint)


def _bug(error: Exception) -> FolkmootError:
    return _Bug(
        f"bug: {type(error).__name__}: {error}",
        hint="run again with --debug and report the traceback",
    )


def _load(entry_point: metadata.EntryPoint) -> click.Command:
    hint = f"reinstall the package that provides {entry_point.value}; --debug shows the cause"
    try:
        command: object = entry_point.load()
    except Exception as error:
        raise ConfigError(
            f"command {entry_point.name} cannot be loaded: {type(error).__name__}: {error}", hint=hint
        ) from error
    if not isinstance(command, click.Command):
        raise ConfigError(f"command {entry_point.name} cannot be loaded: it is no click command", hint=hint)
    return command


def printable(text: str) -> str:
    """Escape control characters: a message may quote a hostile peer to the user's terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _need_a_command(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(UsageError.exit_code)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001, FBT001 -- click's signature
    if value and not ctx.resilient_parsing:
        click.echo(f"folkmoot {metadata.version('folkmoot')}")
        ctx.exit()
