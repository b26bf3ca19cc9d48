"""Write the app bundle's folder, for ``flwr run``: ``python -m aggregator.bundle FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from federation.bundle import FILES
from federation.errors import ConfigError


def write_bundle(folder: Path) -> None:
    """Write the folder; ``flwr run FOLDER`` builds the one bundle that members accept of it.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        for name, content in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {(error.strerror or '').lower()}") from error


if __name__ == "__main__":
    write_bundle(Path(sys.argv[1]))
