"""Write down what the tests of the judges send and what became of it, for the same calls in Solidity.

A pytest plugin: ``-p tests.contracts.disputes.recording --record-calls FILE``. Lines of FILE:
``chain``, ``deploy NAME ADDRESS``, and ``call ADDRESS DATA`` with the selector of the error that
refused the call, or ``0x``. ``test/Replay.t.sol`` makes the calls again.
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
    from collections.abc import Iterator

    from contracts.chain import Receipt, Signer, Transaction


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-calls", type=Path, help="write the judges' calls to a file")


def names() -> dict[bytes, str]:
    """Every contract by its creation code."""
    found = {}
    for folder in (ARTIFACTS, TEST_ARTIFACTS):
        for path in folder.glob("*.json"):
            found[load_artifact(path.stem, folder).bytecode] = path.stem
    return found


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
                    lines[self].append(f"call {transaction.to} 0x{transaction.data.hex()} {outcome}")
            if not transaction.to:
                lines[self].append(f"deploy {known[transaction.data]} {receipt.contract_address}")
            return receipt

        patch.setattr(EmbeddedChain, "__init__", started)
        patch.setattr(EmbeddedChain, "send", sent)
        yield
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for of_chain in lines.values() for line in of_chain))
