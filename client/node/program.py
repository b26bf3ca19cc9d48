"""A member's SuperNode as a program to keep running."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from client.guard import NODE_CONFIG
from client.node.diagnosis import Diagnosis
from client.node.errors import GuardSilent, SuperLinkUnreachable
from client.node.gate import write_gate
from client.node.probe import probe
from client.supervisor import Notice
from federation.errors import FolkmootError
from federation.home import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from client.node.folder import NodeFolder

_LOOPBACK: Final = "127.0.0.1"

_HANDED_ON: Final = ("LANG", "LC_ALL", "PYTHONPATH", "TMPDIR", "TZ")
"""All that the SuperNode gets of this process's environment: secrets may be in the rest."""

_SILENCES: Final = 2
"""Looks in a row that find no guard, before the node leaves: one that restarts is given time."""

_GRACE: Final = 10.0
"""Seconds that a guard is given to open its sockets, before its silence is worth a notice."""

_STEP: Final = 0.25

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")

_PROBE_EVERY: Final = 6
"""Looks at the guard for one at the SuperLink."""


async def require_guard(path: Path) -> None:
    """Check that something listens at the guard's socket.

    Raises:
        GuardSilent: Nothing does.
    """
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise GuardSilent(
            f"no guard answers at {path}",
            hint="it may be waiting for the passphrase; else start it: folkmoot client guard",
        ) from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


class NodeProgram:
    """The SuperNode of one folder; see ``client.supervisor.Program``."""

    interactive = False
    fatal: tuple[type[FolkmootError], ...] = ()

    def __init__(
        self, folder: NodeFolder, report: Callable[[Notice], None], *, verbose: bool = False
    ) -> None:
        """Take a folder.

        Args:
            folder: Prepared.
            report: Told when the SuperLink goes away and comes back.
            verbose: Whether every line of the SuperNode's log is a notice.
        """
        self._folder, self._report, self._verbose = folder, report, verbose
        self._diagnosis = Diagnosis(folder)
        self._silences = self._looks = 0
        self._away = False

    @property
    def name(self) -> str:
        """The federation's name."""
        return self._folder.name

    @property
    def folder(self) -> Path:
        """The node's folder."""
        return self._folder.path

    def command(self) -> list[str]:
        """Return Flower's own command with TLS and node authentication."""
        folder = self._folder
        self._diagnosis = Diagnosis(folder)
        self._silences = self._looks = 0
        self._away = False
        write_gate(folder.gate)
        words = [sys.executable, "-P", "-m", "client.node.supernode"]
        words += ["--superlink", folder.superlink, "--root-certificates", str(folder.root)]
        words += ["--auth-supernode-private-key", str(folder.key)]
        words += ["--node-config", f"{NODE_CONFIG}={json.dumps(str(folder.guard))}"]
        return [*words, "--host", _LOOPBACK, "--port", str(_free_port())]

    def environment(self) -> dict[str, str]:
        """Return an environment with nothing in it that the SuperNode does not need."""
        return node_environment(self._folder, os.environ)

    async def ready(self) -> None:
        """See that the guard answers, that the SuperLink is there and that it is the right one."""
        await self._await_guard()
        await asyncio.to_thread(probe, self._folder.superlink, self._folder.root)

    async def healthy(self) -> None:
        """See that the guard still answers; say when the SuperLink does not, to which Flower returns."""
        try:
            await require_guard(self._folder.guard)
            self._silences = 0
        except GuardSilent:
            self._silences += 1
            if self._silences >= _SILENCES:
                raise
        self._looks += 1
        if self._looks % _PROBE_EVERY == 0:
            await self._look_at_superlink()

    def line(self, text: str) -> tuple[str, str] | None:
        """Read a line of the SuperNode's log."""
        text = _COLOUR.sub("", text).strip()
        found = self._diagnosis.line(text)
        if found is not None and found[0] == "connected":
            write_private(self._folder.node_id, found[1].encode(), replace=True)
        return found or (("log", text) if self._verbose and text else None)

    def ended(self, status: int) -> FolkmootError:
        """Explain an end that nobody asked for."""
        return self._diagnosis.ended(status)

    async def _await_guard(self) -> None:
        for left in reversed(range(round(_GRACE / _STEP))):
            try:
                return await require_guard(self._folder.guard)
            except GuardSilent:
                if not left:
                    raise
            await asyncio.sleep(_STEP)
        return None

    async def _look_at_superlink(self) -> None:
        try:
            await asyncio.to_thread(probe, self._folder.superlink, self._folder.root)
        except SuperLinkUnreachable as error:
            if not self._away:
                self._report(Notice(program=self.name, event="superlink-away", error=error))
            self._away = True
            return
        if self._away:
            self._report(Notice(program=self.name, event="superlink-back"))
        self._away = False


def node_environment(folder: NodeFolder, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a node's SuperNode, in which nothing reports home or installs.

    Args:
        folder: The node's.
        environ: This process's.
    """
    handed = {name: environ[name] for name in _HANDED_ON if name in environ}
    # Flower finds its own programs on the PATH too; the gate comes before them.
    places = [str(folder.gate), os.path.dirname(sys.executable), "/usr/local/bin", "/usr/bin", "/bin"]  # noqa: PTH120 -- text, not a file
    return handed | {
        "PATH": os.pathsep.join(places),
        "HOME": str(folder.path),
        "FLWR_HOME": str(folder.flower),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "OMP_NUM_THREADS": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe_:
        probe_.bind((_LOOPBACK, 0))
        return int(probe_.getsockname()[1])
