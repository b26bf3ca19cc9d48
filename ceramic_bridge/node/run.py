"""Run a node until the process is asked to end."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from ceramic_bridge.node.server import NodeServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ceramic_bridge.node.api import Policy
    from ceramic_bridge.store.base import LocalStore


async def run_node(
    store: LocalStore,
    host: str,
    port: int,
    *,
    policy: Policy,
    now: Callable[[], int],
    ready: Callable[[str, int], None],
    report: Callable[[str], None],
) -> None:
    """Serve a store until SIGINT or SIGTERM; then store what was taken in, and return.

    Args:
        store: What is served.
        host: Address to listen on.
        port: TCP port; any free one if 0.
        policy: What callers may do.
        now: Milliseconds since 1970.
        ready: Told the address and the port once callers are welcome.
        report: Told of what goes wrong here.

    Raises:
        StoreError: The port cannot be had.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = NodeServer(store, now=now, policy=policy, report=report)
    await server.serve(host, port, ready=ready, stop=stop)
