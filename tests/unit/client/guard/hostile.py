"""A hostile app: has the guard's socket and its own user, and tries everything else.

Prints one line of JSON: what each attempt got. Run as a module, as its own user.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

from client.guard.client import ask
from federation.errors import PeerError
from federation.messages import COMMIT, CommitReply
from tests.unit.client.guard.scene import OTHER_BASE, SEED, become, request

_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17


def _reads(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        return False
    return True


def _memory_holds(pid: int, words: bytes) -> bool:
    """Look for words in everything that another process has mapped for writing."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for line in lines:
                span, mode = line.split()[:2]
                first, last = (int(end, 16) for end in span.split("-"))
                if mode.startswith("rw"):
                    memory.seek(first)
                    try:
                        if words in memory.read(last - first):
                            return True
                    except OSError:
                        continue
    except OSError:
        return False
    return False


def _traces(pid: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(_PTRACE_ATTACH, pid, None, None):
        return False
    os.waitpid(pid, 0)
    libc.ptrace(_PTRACE_DETACH, pid, None, None)
    return True


def main(folder: Path, pid: int) -> None:
    def commit(asked) -> str:
        try:
            return CommitReply.parse(ask(red, COMMIT, asked.records(), patience=20)).event.hex()
        except PeerError as error:
            return f"refused: {error.message}"

    red = folder / "sockets" / "red.sock"
    found = {
        "first": commit(request()),
        "again": commit(request()),
        "another base": commit(request(base=OTHER_BASE)),
        "another epoch": commit(request(epoch=2)),
        "another federation": commit(request("blue")),
        "rest": [commit(request(round_=n)) for n in range(2, 12)],
        "vault file": _reads(folder / "vault" / "vault.db"),
        "its folder": os.access(folder / "vault", os.R_OK),
        "memory": _memory_holds(pid, SEED),
        "environment": _reads(Path(f"/proc/{pid}/environ")),
        "open files": os.access(f"/proc/{pid}/fd", os.R_OK),
        "trace": _traces(pid),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    become(int(sys.argv[1]))
    main(Path(sys.argv[2]), int(sys.argv[3]))
