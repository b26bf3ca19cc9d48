"""Run a guard: open the vault, answer for every joined federation, end on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from client.guard.process import tell_supervisor
from client.guard.server import GuardServer, Post

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


async def run_guard(
    open_posts: Callable[[], Mapping[str, Post]],
    *,
    users: frozenset[int],
    report: Callable[[str], None],
    close: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGINT or SIGTERM; a request that works then is finished.

    Args:
        open_posts: Opens the vault and returns what to answer for; called once.
        users: User ids whose processes may call.
        report: Told what happens; the text is for the member alone.
        close: Called last, in the thread that called ``open_posts``.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def ready(posts: Mapping[str, Post]) -> None:
        for post in posts.values():
            report(f"{post.name}: guarded at {post.socket}")
        tell_supervisor("READY=1", os.environ)

    await GuardServer(open_posts, users=users, report=report, close=close).serve(ready=ready, stop=stop)
