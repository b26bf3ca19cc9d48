"""A local development node, anvil, run as a subprocess and spoken to over a Unix socket."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from contracts.backends import wire
from contracts.backends.patience import Patience
from contracts.backends.rpc import RpcChain
from federation.errors import ChainError
from federation.types import Address, Wei

if TYPE_CHECKING:
    from types import TracebackType

    from contracts.backends.transport import Transport
    from contracts.chain import Transaction

CHAIN_ID = 31337
BLOCK_TIME = 12
GAS_MONEY = Wei(10**24)
MAX_FEE_PER_GAS = Wei(10**11)
LOOPBACK = "127.0.0.1"
START_SECONDS, STOP_SECONDS = 20.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnvilOptions:
    """How a node is run.

    Attributes:
        binary: The program.
        chain_id: The chain's id (EIP-155).
        genesis_time: Unix seconds of block 0; now if None.
        port: Where it also serves HTTP on loopback; any free port if 0.
        state: Where the chain is kept between runs; it is forgotten if None.
        state_interval: Seconds between two writes of it.
        block_time: Seconds between blocks; if None, a block is made per transaction.
    """

    binary: Path
    chain_id: int = CHAIN_ID
    genesis_time: int | None = None
    port: int = 0
    state: Path | None = None
    state_interval: int = 1
    block_time: int | None = None

    def command(self, ipc: Path) -> list[str]:
        """Return the command line that serves on a Unix socket."""
        words = [str(self.binary), "--quiet", "--accounts", "1", "--hardfork", "cancun", "--order", "fifo"]
        words += ["--gas-limit", "30000000", "--enable-tx-gas-limit", "--disable-min-priority-fee"]
        words += ["--chain-id", str(self.chain_id), "--host", LOOPBACK, "--port", str(self.port)]
        words += ["--ipc", str(ipc)]
        if self.genesis_time is not None:
            words += ["--timestamp", str(self.genesis_time)]
        if self.state is not None:
            words += ["--state", str(self.state), "--state-interval", str(self.state_interval)]
        if self.block_time is not None:
            words += ["--block-time", str(self.block_time), "--mixed-mining"]
        return words


class AnvilNode:
    """A running node; a context manager that stops it."""

    def __init__(self, options: AnvilOptions) -> None:
        """Start it and wait until it answers.

        Raises:
            ChainError: It does not start.
        """
        # A folder of mode 0700 keeps other users off the socket, and its short name within 104 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="moot-"))
        self.socket = self._folder / "anvil.ipc"
        self._complaints = self._folder / "stderr"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            with self._complaints.open("wb") as stderr:
                self._process = subprocess.Popen(  # noqa: S603 -- a fixed command without a shell
                    options.command(self.socket), stdout=stderr, stderr=stderr, stdin=subprocess.DEVNULL
                )
            self._await()
        except OSError as err:
            self.stop()
            raise ChainError(f"{options.binary} cannot be run: {(err.strerror or str(err)).lower()}") from err
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> int:
        """Wait until the process ends by itself, and return its exit status."""
        return 0 if self._process is None else self._process.wait()

    def stop(self) -> None:
        """End the process, which writes its state first, and remove the socket."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _await(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.running and time.monotonic() < deadline:
            # Not through web3, which leaves a socket open when nobody listens yet.
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
                probe.connect(str(self.socket))
                return
            time.sleep(0.01)
        lines = self._complaints.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise ChainError(
            f"anvil does not start: {lines[-1].strip() if lines else 'it says nothing'}",
            hint="is its port taken, or its state file from another version?",
        )


class AnvilChain(RpcChain):
    """A chain on anvil with a clock of its own, whose blocks follow each other as on the embedded chain."""

    def __init__(self, transport: Transport, *, patience: Patience | None = None) -> None:
        """Connect, and let blocks be 12 seconds apart.

        Args:
            transport: Carries requests to the node.
            patience: How long to wait for what; by default little, since blocks come at once.
        """
        super().__init__(transport, patience=patience or Patience(timeout=30, poll=0.05))
        self._node.request("anvil_setBlockTimestampInterval", BLOCK_TIME)
        self._skip, self._skip_after = 0, -1
        self._snapshots: list[str] = []

    def give_gas(self, address: Address, amount: Wei = GAS_MONEY) -> None:
        """Set the wei that an account can pay for gas with."""
        self._node.request("anvil_setBalance", address, hex(amount))

    def mine(self, count: int = 1) -> None:
        """Make ``count`` empty blocks."""
        if count > 0:
            self._node.request("anvil_mine", hex(count))

    def advance_time(self, seconds: int) -> None:
        """Put the next block ``seconds`` later than it would come."""
        if seconds < 0:
            raise ChainError("time does not run backwards")
        number = self.block_number
        self._skip = self._skip + seconds if self._skip_after == number else seconds
        self._skip_after = number
        self._node.request("evm_setNextBlockTimestamp", self.timestamp + BLOCK_TIME + self._skip)

    def snapshot(self) -> str:
        """Remember the present state; returns its name."""
        self._snapshots.append(str(self._node.request("evm_snapshot")))
        return self._snapshots[-1]

    def revert(self, snapshot: str) -> None:
        """Go back to a state that this object remembered; see ``Chain.revert``.

        Raises:
            ChainError: There is no such state.
        """
        # Anvil takes the name of a later state, whose blocks are gone, and has none of them afterwards.
        if snapshot not in self._snapshots or self._node.request("evm_revert", snapshot) is not True:
            raise ChainError(f"there is no snapshot {snapshot}")
        del self._snapshots[self._snapshots.index(snapshot) :]
        self._skip, self._skip_after = 0, -1

    def call(self, to: Address, data: bytes) -> bytes:
        """Run a call as the next block would, without recording it."""
        return self._simulate({"to": to, "data": "0x" + data.hex()}, "pending")

    def _gas(self, transaction: Transaction, sender: Address) -> int:
        # One run in the next block's place replaces an estimate's dozen: gas costs nothing here.
        self._simulate(wire.call(transaction, sender), "pending")
        return transaction.gas

    def _fees(self) -> tuple[Wei, Wei]:
        return Wei(0), MAX_FEE_PER_GAS
