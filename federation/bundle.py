"""The app bundle of a deployed federation: two modules that point at installed code, everywhere the same.

Flower sends the bundle (a FAB) from the SuperLink to every SuperNode and runs it there. Ours holds
nothing that could differ between federations, so that a member can name the one bundle it accepts
by its hash: ``client.node.gate`` refuses every other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BUNDLE_SHA256: Final = "76ed8d8ca42b91800c3d64f95abbdb7510e2a32991cd5354d77caf08bc733619"
"""SHA-256 of the FAB that Flower 1.41 builds of ``FILES``."""

BUNDLE_ID: Final = "folkmoot/folkmoot-app"
BUNDLE_VERSION: Final = "1.0.0"

SOCKET_KEY: Final = "socket"
"""The only key of the run configuration: where the aggregator's own process listens."""

# Flower rewrites this file when it builds; it is kept as Flower writes it.
_PROJECT = b"""\
[project]
name = "folkmoot-app"
version = "1.0.0"
description = "A federation of Folkmoot: its members' and its operator's side."
dependencies = [
    "flwr>=1.41,<1.42",
]

[project.license]
file = "LICENSE"

[tool.flwr.app]
publisher = "folkmoot"
fab-format-version = 1
flwr-version-target = "1.41.0"

[tool.flwr.app.components]
serverapp = "folkmoot_app.server_app:app"
clientapp = "folkmoot_app.client_app:app"

[tool.flwr.app.config]
socket = ""
"""

_CLIENT = b'''\
"""The member's side: every message goes to the guard."""

from client.node.app import app

__all__ = ["app"]
'''

_SERVER = b'''\
"""The operator's side: carry the messages of the aggregator's own process."""

from aggregator.relay import app

__all__ = ["app"]
'''

FILES: Final[Mapping[str, bytes]] = {
    "LICENSE": b"Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0\n",
    "folkmoot_app/__init__.py": b'"""Folkmoot as a Flower app."""\n',
    "folkmoot_app/client_app.py": _CLIENT,
    "folkmoot_app/server_app.py": _SERVER,
    "pyproject.toml": _PROJECT,
}
"""Every file of the bundle's folder, by its path there."""
