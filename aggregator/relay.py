"""The deployed ServerApp: carries messages for the aggregator's own process, and holds nothing.

Flower starts a process of its own for a ServerApp, out of a bundle that anybody who reaches the
SuperLink's control API may replace, and gives its run up when the SuperLink restarts. So keys,
chain and round stay in the aggregator's process (``aggregator.relayed``); when a run is lost, the
next one's relay takes over in the middle of a round.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from flwr.app import Message
from flwr.serverapp import ServerApp

from aggregator.relaywire import LineLost, receive, send
from federation._flwr_compat import decode_records, encode
from federation.bundle import SOCKET_KEY
from federation.errors import ConfigError

if TYPE_CHECKING:
    from flwr.app import Context
    from flwr.serverapp import Grid

    from ceramic_bridge.dagcbor import Value

app = ServerApp()


@app.main()  # type: ignore[untyped-decorator]  # Flower's types are not followed
def main(grid: Grid, context: Context) -> None:
    """Relay until the aggregator is done or gone."""
    named = context.run_config.get(SOCKET_KEY)
    if not isinstance(named, str) or not named:
        raise ConfigError(
            "the run names no aggregator", hint=f"start it with --run-config '{SOCKET_KEY}=\"...\"'"
        )
    relay(grid, Path(named), run_id=context.run_id)


def relay(grid: Grid, path: Path, *, run_id: int) -> None:
    """Carry messages between the aggregator that listens at a socket and a grid.

    Args:
        grid: Any Flower grid.
        path: The aggregator's socket.
        run_id: Of the run that this process belongs to.

    Raises:
        ConfigError: Nobody listens there.
        LineLost: The aggregator is gone before it was done.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(str(path))
        except OSError as error:
            raise ConfigError(f"no aggregator listens at {path}", hint="start it first") from error
        send(line, {"run": str(run_id)})
        while (request := receive(line)).get("op") != "done":
            send(line, _answer(grid, request))


def _answer(grid: Grid, request: dict[str, Value]) -> dict[str, Value]:
    match request:
        case {
            "op": "push",
            "to": str() as node,
            "type": str() as kind,
            "group": str() as group,
            "content": bytes() as content,
        }:
            message = Message(decode_records(content), int(node), kind, group_id=group)
            ids = list(grid.push_messages([message]))
            return {"id": ids[0] if ids else None}
        case {"op": "pull", "ids": list() as ids}:
            return {"replies": [encode(reply) for reply in grid.pull_messages(map(str, ids))]}
        case {"op": "nodes"}:
            return {"nodes": [str(node) for node in grid.get_node_ids()]}
        case _:
            raise LineLost("the aggregator asks for something unknown")
