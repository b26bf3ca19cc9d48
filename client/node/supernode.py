"""Flower's own ``flower-supernode``, so that it ends when its work has ended, or its supervisor.

After an error that it does not expect, Flower's worker returns while its web server keeps the
process alive, connected to nobody. And a supervisor that is killed must not leave a node behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib.metadata import entry_points
from typing import Final

RETURNED: Final = 70
"""Exit status when the worker has returned: the connection was lost for good."""


def main() -> None:
    """Run the command with this process's arguments; never returns."""
    sys.argv[0] = "flower-supernode"
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    (command,) = entry_points(group="console_scripts", name="flower-supernode")
    command.load()()
    sys.stderr.flush()
    os._exit(RETURNED)


def _end_with_supervisor() -> None:
    # The other end of standard input closes when the supervisor ends, however it ends.
    while os.read(0, 1 << 12):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
