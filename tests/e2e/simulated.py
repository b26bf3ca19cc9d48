"""Flower's own simulation on Ray, as a program: the apps are ours, and each virtual node has a guard.

Arguments: the aggregator's socket, the folder of the guards' sockets by node id, how many nodes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flwr.serverapp import ServerApp
from flwr.simulation import run_simulation

from aggregator.relay import relay
from client.app import app_of
from client.guard.client import guarded


def main(socket: str, guards: str, nodes: str) -> None:
    server = ServerApp()

    @server.main()
    def work(grid: Any, context: Any) -> None:
        relay(grid, Path(socket), run_id=context.run_id)

    client = app_of(lambda context: guarded(Path(guards, f"{context.node_id}.sock")))
    # One actor: what is simulated waits for its guard anyway.
    resources = {"client_resources": {"num_cpus": 1.0}, "init_args": {"num_cpus": 1}}
    run_simulation(server, client, int(nodes), backend_config=resources)


if __name__ == "__main__":
    main(*sys.argv[1:])
