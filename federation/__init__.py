"""The rules every party agrees on. Nothing here opens a socket, a file or a database.

Importing any part of the project switches off what its dependencies would send home.
"""

from __future__ import annotations

import os

for _name, _value in {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(_name, _value)
