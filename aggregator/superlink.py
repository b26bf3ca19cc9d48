"""A SuperLink that the aggregator runs itself: started, watched, restarted, ended.

Everything that it keeps is in one folder. What it loses with that, nodes and messages under way,
the aggregator gives it again: ``NodeBook.restore`` the nodes, ``RelayedGrid`` the messages.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from aggregator.certificates import Certificates, fingerprint, self_made
from aggregator.happenings import Happening
from aggregator.superlink_process import LOOPBACK, Told
from aggregator.superlinkcontrol import SuperLinkControl, pinned_bundle
from federation.errors import ConfigError, FolkmootError, PeerError
from federation.hashing import sha256
from federation.home import PRIVATE_FOLDER, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from aggregator.happenings import Watcher

START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 15.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STEADY: Final = 120.0
"""Seconds after which a SuperLink that ends starts again with the shortest pause."""

LOOK: Final = 0.2
CERTIFICATES: Final = 3600.0
"""Seconds between two looks at the certificate: the operator's may be renewed by others, our own is due."""

LOG_BYTES, LOGS = 10 << 20, 3

_KEPT: Final = ("PATH", "PYTHONPATH", "HOME", "LANG", "TZ", "TMPDIR", "SYSTEMROOT")
"""What Flower's processes are given of the environment: no proxy, no secret, nobody's settings."""

_logger = logging.getLogger(__name__)


class ManagedSuperLink:
    """One SuperLink; ``running`` keeps it up.

    Attributes:
        address: Where nodes call, as it listens: ``host:port``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        listen: str,
        hosts: Sequence[str],
        socket: Path,
        watch: Watcher,
        certificates: Certificates | None = None,
    ) -> None:
        """Prepare it.

        Args:
            folder: What it keeps; made for this user alone.
            listen: ``host:port`` for the nodes' calls.
            hosts: Under which names nodes call; an own certificate is for these.
            socket: Where the aggregator waits for relays.
            watch: Is told when it is up or down.
            certificates: The operator's; without them, the folder's own authority makes one.

        Raises:
            ConfigError: The address, a host or a certificate is wrong, or Flower here builds another
                bundle than members accept.
        """
        self.address = listen
        self._host, self._port = _split(listen)
        self._folder, self._hosts = folder.absolute(), tuple(hosts)
        self._socket, self._watch = socket, watch
        self._given = certificates
        self._served, self._looked = b"", 0.0
        self._control: SuperLinkControl | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._end = threading.Event()
        self._answers = threading.Event()
        if not hosts:
            raise ConfigError("the SuperLink has no name", hint="name the host that members' nodes call")
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        pinned_bundle()
        self._outer().require()

    @property
    def root(self) -> Path:
        """PEM of the authority that members must trust; hand it out by a way that they trust."""
        return self._outer().root

    @property
    def fingerprint(self) -> str:
        """SHA-256 of ``root``, for people to compare."""
        return fingerprint(self.root)

    @contextlib.contextmanager
    def running(self, ready: Callable[[], None]) -> Iterator[None]:
        """Keep it up.

        Args:
            ready: Called whenever it has started, before anybody else may use it, for example to
                register nodes that it has forgotten.

        Raises:
            PeerError: It does not start at all.
        """
        self._end.clear()
        self._start(ready)
        watcher = threading.Thread(target=self._keep, args=(ready,), name="superlink", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._end.set()
            watcher.join()
            self._stop()

    def summon(self) -> bool:
        """Start a run whose ServerApp relays; tell whether it was started."""
        return self._answers.is_set() and self._asked().summon()

    def register(self, public_key: bytes) -> int:
        """Let a node in; see ``SuperLinkControl.register``."""
        return self._asked().register(public_key)

    def unregister(self, node_id: int) -> None:
        """Put a node out; see ``SuperLinkControl.unregister``."""
        self._asked().unregister(node_id)

    def nodes(self) -> dict[bytes, tuple[int, str]]:
        """Return number and status of every node that is let in, by its key (PEM)."""
        return self._asked().nodes()

    @property
    def pid(self) -> int:
        """The process, while there is one; else 0."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else 0

    def _asked(self) -> SuperLinkControl:
        if self._control is None:
            raise PeerError("the SuperLink does not run", hint="it is started again by itself")
        return self._control

    def _outer(self) -> Certificates:
        return self._given or self_made(self._folder, "server", self._hosts)

    def _inner(self) -> Certificates:
        return self_made(self._folder, "loopback", (LOOPBACK, "localhost"))

    def _start(self, ready: Callable[[], None]) -> None:
        """Start it with what it kept, and wait until it answers.

        Raises:
            PeerError: It does not.
        """
        outer, inner = self._outer(), self._inner()
        self._served, self._looked = self._certificate(), time.monotonic()
        port = _free_port()
        told = Told(
            host=self._host,
            port=self._port,
            certificate=str(outer.certificate),
            key=str(outer.key),
            inner=port,
            inner_certificate=str(inner.certificate),
            inner_key=str(inner.key),
            authority=str(inner.root),
            database=str(self._folder / "state.db"),
        )
        self._describe(port, inner.root)
        self._process = subprocess.Popen(  # noqa: S603 -- a fixed command without a shell
            [sys.executable, "-P", "-m", "aggregator.superlink_process", told.to_json()],
            cwd=self._folder,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._log, args=(self._process,), daemon=True).start()
        control = SuperLinkControl(f"{LOOPBACK}:{port}", inner.root, socket=self._socket)
        try:
            self._await(control)
            self._control = control
            ready()
        except BaseException:
            self._stop()
            raise
        self._answers.set()
        facts = {"address": self.address, "authority": fingerprint(outer.root)}
        self._watch(Happening(kind="superlink-up", facts=facts))

    def _await(self, control: SuperLinkControl) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            status = self._process.poll()
            if status is not None:
                raise PeerError(
                    f"the SuperLink ended with status {status}",
                    hint=f"is {self.address} of this machine, and free? see {self._folder / 'log'}",
                )
            if control.answers():
                return
            if self._end.wait(LOOK):
                raise PeerError("the SuperLink was told to end")
        raise PeerError(f"the SuperLink does not answer within {START_SECONDS:.0f} seconds")

    def _keep(self, ready: Callable[[], None]) -> None:
        """Start it again whenever it has ended or has another certificate, until told to end."""
        pause, since = FIRST_PAUSE, time.monotonic()
        while not self._end.wait(LOOK):
            if self.pid and not self._renewed():
                continue
            if self._answers.is_set():
                self._watch(Happening(kind="superlink-down"))
            self._stop()
            if time.monotonic() - since > STEADY:
                pause = FIRST_PAUSE
            if self._end.wait(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                self._start(ready)
            except FolkmootError as error:
                _logger.warning("the SuperLink is down: %s", error.message)
            since = time.monotonic()

    def _renewed(self) -> bool:
        """Tell, once in a while, whether another certificate than the one served is there."""
        if time.monotonic() - self._looked < CERTIFICATES:
            return False
        self._looked = time.monotonic()
        found = self._certificate()
        return bool(found) and found != self._served

    def _certificate(self) -> bytes:
        """Return what is served now, after renewing what is due; nothing where that fails."""
        try:
            outer = self._outer()
            outer.require()
            return sha256(outer.certificate.read_bytes())
        except (FolkmootError, OSError) as error:
            _logger.warning("the SuperLink's certificate: %s", error)
            return b""

    def _stop(self) -> None:
        self._answers.clear()
        self._control = None
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        # Its superexec and its ServerApps are in its group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        # Flower finds its own programs on the PATH.
        here = os.path.dirname(sys.executable)  # noqa: PTH120 -- of a link, not of what it points to
        return kept | {
            "PATH": os.pathsep.join(filter(None, (here, kept.get("PATH", "")))),
            "FLWR_HOME": str(self._folder / "flower"),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
        }

    def _describe(self, port: int, root: Path) -> None:
        """Tell Flower's own command where the control API is, for an operator who looks into it."""
        flower = self._folder / "flower"
        flower.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        text = f'[superlink]\ndefault = "folkmoot"\n\n[superlink.folkmoot]\naddress = "{LOOPBACK}:{port}"\n'
        text += f'root-certificates = "{root}"\n'
        write_private(flower / "config.toml", text.encode(), replace=True)

    def _log(self, process: subprocess.Popen[bytes]) -> None:
        handler = logging.handlers.RotatingFileHandler(
            self._folder / "log", maxBytes=LOG_BYTES, backupCount=LOGS, errors="replace"
        )
        with contextlib.closing(handler):
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    text = line.decode(errors="replace").rstrip()
                    handler.emit(logging.LogRecord("superlink", logging.INFO, "", 0, text, None, None))


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 1 << 16:
        raise ConfigError(f"{listen!r} is no address to listen at", hint="for example 0.0.0.0:9092")
    return host.strip("[]"), int(port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
