"""A progress bar on stderr, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from federation.cli import printable

Show = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and how much there is."""


@contextmanager
def bars() -> Iterator[Show]:
    """Show progress while the body runs; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    console = Console(stderr=True)
    # FORCE_COLOR makes rich call a pipe a terminal.
    if not sys.stderr.isatty() or console.is_dumb_terminal:
        yield lambda _name, _done, _total: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def show(name: str, done: int, total: int) -> None:
            progress.update(task, description=escape(printable(name)), completed=done, total=total)

        yield show
