"""Run every benchmark, or those named: ``python -m benchmarks [NAME ...]``.

Prints one JSON line per figure; the exit code says whether all targets hold.
"""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "scoring",
    "training",
    "grid",
    "utility",
    "strategies",
    "central",
    "embedding",
    "member",
    "ledger",
    "audit",
    "demo",
    "flips",
    "methods",
    "groups",
    "gas",
    "events",
    "stores",
    "server",
    "serving",
    "verify",
    "secagg",
    "freeride",
)


def main(names: list[str]) -> int:
    """Run benchmarks by name."""
    unknown = set(names) - set(NAMES)
    if unknown:
        print(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr
        )
        return 2
    held = True
    for name in names or NAMES:
        for figure in importlib.import_module(f"benchmarks.{name}").figures():
            print(figure.line(), flush=True)
            held &= figure.holds
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
