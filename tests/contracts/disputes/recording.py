"""Write down what the tests of the judges send and what became of it, for the same calls in Solidity.

A pytest plugin: ``-p tests.contracts.disputes.recording --record-calls FILE``. Lines of FILE:
``chain ID``, ``deploy NAME ADDRESS ARGUMENTS SENDER``, and ``call ADDRESS DATA SENDER BLOCK TIME`` with
the selector of the error that refused the call, or ``0x``. ``test/Replay.t.sol`` makes the calls again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts import abi
from contracts.artifact import ARTIFACTS, load_artifact
from contracts.backends.embedded import EmbeddedChain
from contracts.build import TEST_ARTIFACTS
from contracts.contract import CustomError
from federation.errors import Reverted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contracts.chain import Receipt, Signer, Transaction
    from federation.types import Address


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-calls", type=Path, help="write the judges' calls to a file")


def names() -> dict[bytes, str]:
    """Every contract by its creation code."""
    found = {}
    for folder in (ARTIFACTS, TEST_ARTIFACTS):
        for path in folder.glob("*.json"):
            found[load_artifact(path.stem, folder).bytecode] = path.stem
    return found


def deployment(known: Mapping[bytes, str], data: bytes, address: Address | None) -> str:
    """The line of a deployment: its data are the creation code and the constructor's arguments."""
    code = next(code for code in known if data.startswith(code))
    return f"deploy {known[code]} {address} 0x{data[len(code) :].hex()}"


@pytest.fixture(scope="session", autouse=True)
def recording(pytestconfig: pytest.Config) -> Iterator[None]:
    """Record the whole session, if a file was given."""
    path = pytestconfig.getoption("--record-calls")
    if path is None:
        yield
        return
    known, start, send = names(), EmbeddedChain.__init__, EmbeddedChain.send
    # Chains of several fixtures take turns; in the file each has its calls in one piece.
    lines: dict[EmbeddedChain, list[str]] = {}
    with pytest.MonkeyPatch.context() as patch:

        def started(self: EmbeddedChain, *args: object, **options: object) -> None:
            start(self, *args, **options)
            lines[self] = [f"chain {self.chain_id}"]

        def sent(self: EmbeddedChain, transaction: Transaction, sender: Signer) -> Receipt:
            outcome = "0x"
            # Those of the block that the call would make, which there is none of where it is refused.
            block, time = self.block_number + 1, self._next_time()
            try:
                receipt = send(self, transaction, sender)
            except CustomError as error:
                outcome = "0x" + abi.selector(error.SIGNATURE).hex()
                raise
            except Reverted:
                outcome = "0x4e487b71"  # Panic(uint256)
                raise
            finally:
                if transaction.to:
                    call = f"call {transaction.to} 0x{transaction.data.hex()}"
                    lines[self].append(f"{call} {sender.address} {block} {time} {outcome}")
            if not transaction.to:
                made = deployment(known, transaction.data, receipt.contract_address)
                lines[self].append(f"{made} {sender.address}")
            return receipt

        patch.setattr(EmbeddedChain, "__init__", started)
        patch.setattr(EmbeddedChain, "send", sent)
        yield
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for of_chain in lines.values() for line in of_chain))
