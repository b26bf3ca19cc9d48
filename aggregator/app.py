"""The operator's Flower ServerApp: the driver, started on whatever grid Flower hands over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flwr.serverapp import ServerApp

from aggregator.driver import Observer, RoundDriver

if TYPE_CHECKING:
    from flwr.app import Context
    from flwr.serverapp import Grid


def build_server_app(make_driver: Callable[[Grid], RoundDriver], observer: Observer) -> ServerApp:
    """Return the ServerApp of one epoch.

    Args:
        make_driver: Builds the driver over a grid.
        observer: Watches the rounds.
    """
    app = ServerApp()

    @app.main()  # type: ignore[untyped-decorator]  # Flower's types are not followed
    def main(grid: Grid, _context: Context) -> None:
        make_driver(grid).run(observer)

    return app
