"""Reading the chain from the desk's threads, whether it answers at the moment or not."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, Self

from aggregator.operator.deployed import bind
from contracts.backends.patience import Clock, Patience
from contracts.backends.rpc import RpcChain
from contracts.backends.transport import NodeTransport
from federation.hashing import did_hash
from federation.rostertree import NO_PAYEE
from federation.types import Wei

if TYPE_CHECKING:
    from types import TracebackType

    from aggregator.operator.config import OperatorConfig
    from contracts.bindings.federation import Federation
    from contracts.deploy import Deployment
    from federation.manifest import Manifest
    from federation.types import Address, Did


def connect(
    config: OperatorConfig, manifest: Manifest, held: ExitStack, clock: Clock | None = None
) -> RpcChain:
    """Return the federation's chain; the connection ends with what holds it.

    Args:
        config: Says where it is.
        manifest: Says which it must be.
        held: Closes the connection.
        clock: Measures waiting; this machine's if None.

    Raises:
        ChainError: The node cannot be reached, or serves another chain.
    """
    settings = config.chain
    transport = NodeTransport(settings.rpc)
    try:
        chain = RpcChain(
            transport,
            chain_id=manifest.chain.chain_id,
            patience=Patience(confirmations=settings.confirmations),
            most_per_gas=Wei(settings.max_fee_gwei * 10**9),
            clock=clock,
        )
    except BaseException:
        transport.close()
        raise
    held.callback(transport.close)
    return chain


class Onlooker:
    """Contracts that are bound when they are first asked; a context manager, and threads may share it."""

    def __init__(self, config: OperatorConfig, manifest: Manifest) -> None:
        """Set up; nothing is asked yet.

        Args:
            config: Says where the chain is, and the contracts if nothing recorded them.
            manifest: What was agreed.
        """
        self._config, self._manifest = config, manifest
        self._found: Deployment | None = None
        self._turn, self._held = Lock(), ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def deployment(self) -> Deployment:
        """Return the contracts.

        Raises:
            ChainError: The chain does not answer.
            VerificationFailed: Other code is there.
        """
        with self._turn:
            if self._found is None:
                chain = connect(self._config, self._manifest, self._held)
                self._found = bind(chain, self._config, self._manifest)
            return self._found

    def federation(self) -> Federation:
        """Return the federation's contract; see ``deployment``."""
        return self.deployment().federation

    def registered(self, did: Did, payee: Address) -> bool:
        """Tell whether an account agreed to be paid for a DID."""
        return self.deployment().registry.payee_of(did_hash(did), payee) != NO_PAYEE
