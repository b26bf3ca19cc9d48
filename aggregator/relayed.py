"""A Flower grid that reaches the SuperLink through whichever ServerApp relays at the moment.

The driver runs in the aggregator's own process and sees one grid for the whole epoch. When a relay
is lost, with its run and all that was under way, the grid waits for the next one and sends again
what has no answer yet. Members give the same answer to the same question: their ledger keeps it.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from flwr.app import Message

from aggregator.relaywire import LineLost, receive, send
from federation._flwr_compat import (
    decode,
    encode_records,
    set_message_id,
)
from federation.errors import ConfigError, FolkmootError, PeerError
from federation.grid import RunGrid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from ceramic_bridge.dagcbor import Value

POLL: Final = 1.0
"""Seconds between two looks for replies."""

ANSWER: Final = 120.0
"""Seconds for a relay to answer one request."""

AGAIN: Final = 90.0
"""Seconds after which another relay is summoned, if none came of a run that was started."""

RETRY: Final = 5.0
"""Seconds after which another run is tried, if none could be started."""

_logger = logging.getLogger(__name__)


class RelayedGrid(RunGrid):
    """Listens for relays; a context manager that tells the last one to end."""

    def __init__(
        self, path: Path, *, summon: Callable[[], bool], poll: float = POLL, again: float = AGAIN
    ) -> None:
        """Listen.

        Args:
            path: The socket to make; only this user may connect.
            summon: Starts a run whose ServerApp relays, and tells whether it could; called whenever
                there is none.
            poll: Seconds between two looks for replies.
            again: Seconds after which another run is started, if no relay came of one.

        Raises:
            ConfigError: The socket cannot be made.
        """
        self._summon, self._poll, self._again = summon, poll, again
        self._path = path
        self._line: socket.socket | None = None
        self._call_at = 0.0
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path.unlink(missing_ok=True)
            before = os.umask(0o177)
            try:
                self._door.bind(str(path))
            finally:
                os.umask(before)
            self._door.listen(1)
        except OSError as error:
            self._door.close()
            raise ConfigError(f"{path} cannot be listened on: {(error.strerror or '').lower()}") from error
        # Messages are built here, and built again by the relay with the identity of its run.
        super().__init__(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line is not None:
            with suppress(LineLost):
                send(self._line, {"op": "done"})
        self._drop()
        self._door.close()
        self._path.unlink(missing_ok=True)

    def get_node_ids(self) -> list[int]:
        """Return the ids of the nodes that are connected.

        Raises:
            PeerError: No relay comes.
        """
        found = self._request({"op": "nodes"}, time.monotonic() + self._again)["nodes"]
        return [int(str(node)) for node in found] if isinstance(found, list) else []

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Send requests through the present relay.

        Returns:
            The ids of the requests that were taken.

        Raises:
            PeerError: No relay comes.
        """
        ids = [self._push(message, time.monotonic() + self._again) for message in messages]
        return [one for one in ids if one is not None]

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Collect the replies that have arrived to requests that went through the present relay.

        Raises:
            PeerError: No relay comes.
        """
        ids: list[Value] = [*message_ids]
        found = self._request({"op": "pull", "ids": ids}, time.monotonic() + self._again)["replies"]
        return [decode(wire) for wire in found if isinstance(wire, bytes)] if isinstance(found, list) else []

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Push, then pull until every reply is there or time is up, over as many relays as it takes.

        Args:
            messages: The requests; each keeps the id under which it was sent last.
            timeout: Seconds; None waits for as long as it takes.
        """
        seconds = float("inf") if timeout is None else timeout
        return [reply for _, reply in self.stream([*messages], timeout=seconds)]

    def stream(self, messages: Sequence[Message], *, timeout: float) -> Iterator[tuple[Message, Message]]:
        """Send requests and yield each with its reply as it comes, over as many relays as it takes.

        Args:
            messages: The requests; each keeps the id under which it was sent last.
            timeout: Seconds after which nothing more is yielded.
        """
        deadline = time.monotonic() + timeout
        waiting = list(messages)
        while waiting and time.monotonic() < deadline:
            try:
                yield from self._exchange(waiting, deadline)
            except LineLost:
                _logger.warning("a relay is lost; %d requests are sent again", len(waiting))
            except PeerError:
                break

    def _exchange(self, waiting: list[Message], deadline: float) -> Iterator[tuple[Message, Message]]:
        """Take requests out of ``waiting`` as their replies come, all through one relay."""
        self._relay(deadline)
        asked = {}
        for message in list(waiting):
            taken = self._ask(_pushed(message))["id"]
            if isinstance(taken, str):
                set_message_id(message, taken)
                asked[taken] = message
            else:
                waiting.remove(message)
        while asked and time.monotonic() < deadline:
            ids: list[Value] = [*asked]
            found = self._ask({"op": "pull", "ids": ids})["replies"]
            for wire in found if isinstance(found, list) else []:
                reply = decode(wire) if isinstance(wire, bytes) else None
                message = asked.pop(reply.metadata.reply_to_message_id, None) if reply else None
                if message is not None:
                    waiting.remove(message)
                    yield message, reply
            if asked:
                time.sleep(min(self._poll, max(0.0, deadline - time.monotonic())))

    def _push(self, message: Message, deadline: float) -> str | None:
        taken = self._request(_pushed(message), deadline)["id"]
        if not isinstance(taken, str):
            return None
        set_message_id(message, taken)
        return taken

    def _request(self, request: dict[str, Value], deadline: float) -> dict[str, Value]:
        while True:
            self._relay(deadline)
            with suppress(LineLost):
                return self._ask(request)

    def _ask(self, request: dict[str, Value]) -> dict[str, Value]:
        assert self._line is not None
        try:
            send(self._line, request)
            return receive(self._line)
        except FolkmootError as error:
            self._drop()
            raise LineLost("the relay is lost") from error

    def _relay(self, deadline: float) -> None:
        """Have a relay, and call for one as long as there is none.

        Raises:
            PeerError: None came in time.
        """
        while self._line is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise PeerError("no ServerApp came to relay", hint="does the SuperLink run?")
            if time.monotonic() >= self._call_at:
                self._call_at = time.monotonic() + (self._again if self._summon() else RETRY)
            self._door.settimeout(min(left, 1.0))
            with suppress(TimeoutError, LineLost):
                line, _ = self._door.accept()
                line.settimeout(ANSWER)
                _logger.info("run %s relays", receive(line).get("run"))
                self._line = line
                self._call_at = 0.0

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def _pushed(message: Message) -> dict[str, Value]:
    about = message.metadata
    return {
        "op": "push",
        "to": str(about.dst_node_id),
        "type": about.message_type,
        "group": about.group_id,
        "content": encode_records(message.content),
    }
