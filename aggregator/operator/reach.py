"""Reading the chain from the desk's threads, whether it answers at the moment or not."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from aggregator.operator.deployed import bind
from contracts.backends.patience import Patience
from contracts.backends.rpc import RpcChain
from contracts.backends.transport import NodeTransport
from federation.hashing import did_hash
from federation.rostertree import NO_PAYEE
from federation.types import Wei

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from aggregator.operator.config import OperatorConfig
    from contracts.chain import Reader
    from contracts.deploy import Deployment
    from federation.manifest import Manifest
    from federation.types import Address, Did


def connect(config: OperatorConfig, manifest: Manifest, held: ExitStack) -> RpcChain:
    """Return the federation's chain; the connection ends with what holds it.

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
        )
    except BaseException:
        transport.close()
        raise
    held.callback(transport.close)
    return chain


class Onlooker:
    """Contracts that are bound when they are first asked; threads may share it."""

    def __init__(self, config: OperatorConfig, manifest: Manifest, chain: Callable[[], Reader]) -> None:
        """Set up; nothing is asked yet.

        Args:
            config: Says where the contracts are, if nothing recorded them.
            manifest: What was agreed.
            chain: Connects to the chain.
        """
        self._config, self._manifest, self._chain = config, manifest, chain
        self._found: Deployment | None = None
        self._turn = Lock()

    def deployment(self) -> Deployment:
        """Return the contracts.

        Raises:
            ChainError: The chain does not answer.
            VerificationFailed: Other code is there.
        """
        with self._turn:
            if self._found is None:
                self._found = bind(self._chain(), self._config, self._manifest)
            return self._found

    def registered(self, did: Did, payee: Address) -> bool:
        """Tell whether an account agreed to be paid for a DID."""
        return self.deployment().registry.payee_of(did_hash(did), payee) != NO_PAYEE
