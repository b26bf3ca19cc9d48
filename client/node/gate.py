"""What the SuperNode starts in place of Flower's app processes: the one bundle, or nothing.

A SuperLink may send any code, and Flower would run it with the SuperNode's rights; it can also
ask a node for other kinds of processes than a ClientApp. Flower finds these programs on the PATH,
so a folder of our own comes first there. Each program in it ends here, where only a bundle with
the known hash is loaded, and everything else is refused before a byte of it is written or run.

The guard does not rely on this: it would answer a hostile app no more than ours.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from federation.bundle import BUNDLE_ID, BUNDLE_SHA256, BUNDLE_VERSION
from federation.errors import FolkmootError, PeerError
from federation.home import PRIVATE_FOLDER, write_private

if TYPE_CHECKING:
    from pathlib import Path

CLIENT_APP: Final = "flwr-clientapp"
PROGRAMS: Final = (
    CLIENT_APP,
    "flwr-agentapp",
    "flwr-connector",
    "flwr-model",
    "flwr-serverapp",
    "flwr-simulation",
)
"""Every program that Flower's executor may start."""

_LOOK, _GRACE = 0.5, 5.0
"""Seconds between two looks for the parent, and those that Flower's own way to end is given."""

_MOST_SECONDS: Final = 2 * 3600.0
"""For one message; the guard is given less for its answer."""


def write_gate(folder: Path) -> None:
    """Write the programs that come first on the SuperNode's PATH.

    Raises:
        ConfigError: The folder cannot be written.
    """
    for name in PROGRAMS:
        words = [sys.executable, "-P", "-m", "client.node.gate", name]
        script = f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'
        write_private(folder / name, script.encode(), replace=True)
        (folder / name).chmod(PRIVATE_FOLDER)


def require_bundle(fab: bytes) -> None:
    """Refuse every bundle but one.

    Raises:
        PeerError: It is another; the text goes to the aggregator.
    """
    if hashlib.sha256(fab).hexdigest() != BUNDLE_SHA256:
        raise PeerError("this member runs no other bundle than Folkmoot's")


def main() -> int:
    """Be one of the programs; its name is the first argument, the rest are Flower's.

    Returns:
        The exit status, if it does not exit by itself.
    """
    name = sys.argv[1]
    del sys.argv[0]
    if name != CLIENT_APP:
        sys.stderr.write(f"gate: refused: the SuperLink asks for {name}\n")
        return 1
    from federation._flwr_compat import run_client_app

    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        run_client_app(require_bundle, app_id=BUNDLE_ID, version=BUNDLE_VERSION, sha256=BUNDLE_SHA256)
    except FolkmootError as error:
        sys.stderr.write(f"gate: refused: {error.message}\n")
        return error.exit_code
    return 0


def _end_with_parent(parent: int) -> None:
    """End a process whose SuperNode is gone.

    Flower looks for that too, but its way to say so does not wake a main thread that waits.
    """
    deadline = time.monotonic() + _MOST_SECONDS
    while os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(_LOOK)
    time.sleep(_GRACE)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
