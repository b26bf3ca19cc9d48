"""A Flower grid in one process, with faults on order.

It runs the same ServerApp and ClientApp as a SuperLink with SuperNodes does, and keeps the habits
of the real thing that break careless code: nothing is shared between sender and receiver (every
message crosses as bytes), replies arrive in an order that has nothing to do with the sends, an
exception in a client is an error reply, a reply is handed out once, and a node that is gone is
reported by the server, so that only ``metadata.reply_to_message_id`` says whose reply it was.

What it leaves out: one process per message (module state survives between messages here) and
expiry (a message's time to live is carried, never enforced). It is synchronous: a client runs
inside ``push_messages``, and waiting takes no time.
"""

from __future__ import annotations

import hashlib
import logging
import math
from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flwr.app import Context, Error, Message, RecordDict, UserConfig
from flwr.serverapp import Grid

from federation._flwr_compat import (
    CLIENT_RAISED,
    MESSAGE_UNAVAILABLE,
    NODE_UNAVAILABLE,
    SERVER_NODE_ID,
    Run,
    acting_as,
    adopt_identity,
    decode,
    empty_run,
    encode,
    server_error,
    set_message_id,
)
from federation.errors import ConfigError, FolkmootError, PeerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flwr.clientapp import ClientApp

_RUN_ID: Final = 1
_POLL_SECONDS: Final = 3.0
"""How long one pull counts against a timeout: Flower's own interval over HTTP."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong; this base says only for which messages.

    Attributes:
        node_id: The client concerned; ``None`` is every client.
        message_type: The request's type, e.g. ``"train.commit"``; ``None`` is every type.
        occurrence: Only the k-th such request to each client, from 1; ``None`` is every one.
    """

    node_id: int | None = None
    message_type: str | None = None
    occurrence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Fault):
    """No reply ever comes.

    Attributes:
        after: Whether the client did its work first (the reply is lost) or not (the request is).
    """

    after: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Fault):
    """The reply is there, but the next ``pulls`` pulls that ask for it do not get it."""

    pulls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash(Fault):
    """The client raises.

    Attributes:
        after: Whether it raises when its work is done, so that what it wrote down stays.
    """

    after: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline(Fault):
    """The node is gone and the server says so: an error whose sender is the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tamper(Fault):
    """The reply is changed on its way.

    Attributes:
        edit: Takes the reply, a private copy that it may change, and returns what arrives.
    """

    edit: Callable[[Message], Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Fault):
    """The client's previous reply to the same type of request comes again, if there was one.

    Attributes:
        verbatim: Whether the old message is delivered once more beside the new reply, or (the
            default) its content is passed off as the answer to the new request.
    """

    verbatim: bool = False


@dataclass(slots=True)
class _Parcel:
    """A reply on its way: its bytes, the pulls it still waits for, whether it settles the request."""

    wire: bytes
    wait: int = 0
    settles: bool = True


class RunGrid(Grid):  # type: ignore[misc]  # Flower's types are not followed by mypy here
    """What grids outside of Flower's own servers share: a run record, and how requests are built.

    Args:
        run_id: The run as whose server this process builds messages.
    """

    def __init__(self, run_id: int) -> None:
        self._run = empty_run(run_id)
        adopt_identity(run_id, SERVER_NODE_ID)

    def set_run(self, run: Run) -> None:
        """Replace the run record."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run record that a ServerApp may read."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Build a request; the same as calling ``Message`` (Flower deprecates this way)."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    @abstractmethod
    def stream(self, messages: Sequence[Message], *, timeout: float) -> Iterator[tuple[Message, Message]]:
        """Send requests and yield each with the first reply to it, as they come.

        Args:
            messages: The requests.
            timeout: Seconds after which nothing more is yielded.
        """


class InProcessGrid(RunGrid):
    """Deliver messages between a ServerApp and ClientApps in this process.

    Deterministic: the same calls give the same message ids and the same order of replies.

    Args:
        clients: One app per node. Node ids are the caller's: 64-bit, and random-looking as in a
            real deployment; the ids 0 and 1 are taken by Flower.
        faults: What goes wrong. Several faults on one message take effect together.
        node_configs: What each node's owner configured, read by its app as ``context.node_config``.
        run_config: What the run was started with, read by all as ``context.run_config``.

    Raises:
        ConfigError: a node id is out of range, or a fault or configuration names no known node.
    """

    def __init__(
        self,
        clients: Mapping[int, ClientApp],
        *,
        faults: Sequence[Fault] = (),
        node_configs: Mapping[int, UserConfig] | None = None,
        run_config: UserConfig | None = None,
    ) -> None:
        configs = node_configs or {}
        _check(clients, faults, configs)
        super().__init__(_RUN_ID)
        self._clients = dict(clients)
        self._faults = tuple(faults)
        self._run.override_config = dict(run_config or {})
        self._contexts = {
            node_id: Context(
                run_id=_RUN_ID,
                node_id=node_id,
                node_config=dict(configs.get(node_id, {})),
                state=RecordDict(),
                run_config=dict(run_config or {}),
            )
            for node_id in clients
        }
        self._ids_given = 0
        self._matches: Counter[tuple[int, int]] = Counter()
        self._waiting: dict[str, list[_Parcel]] = {}
        self._previous: dict[tuple[int, str], bytes] = {}

    def get_node_ids(self) -> list[int]:
        """Return the ids of all nodes, in no meaningful order."""
        return list(self._clients)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Send requests; each client works before the call returns.

        Returns:
            The ids of the requests sent. As in Flower a request to an unknown node is left out.

        Raises:
            FolkmootError: a message is no request, or holds what protobuf cannot carry.
        """
        sent: list[str] = []
        for message in messages:
            if message.has_error() or message.metadata.reply_to_message_id:
                raise FolkmootError("only requests can be pushed, not replies or errors")
            node_id = message.metadata.dst_node_id
            message_id = self._new_id()
            set_message_id(message, message_id)
            if node_id not in self._clients:
                _logger.warning("no node %d: message left out", node_id)
                continue
            try:
                wire = encode(message)
            except (ValueError, TypeError, OverflowError) as error:
                raise FolkmootError(f"a message cannot be serialised: {error}") from error
            self._waiting[message_id] = self._handle(message_id, message.metadata.message_type, node_id, wire)
            sent.append(message_id)
        return sent

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Collect the replies to these requests that have arrived, each once.

        Returns:
            Replies in an order unrelated to the sends. A request that is unknown, or whose reply
            was handed out before, gives an error reply, as in Flower.
        """
        replies: list[Message] = []
        for message_id in sorted(set(message_ids)):
            if message_id not in self._waiting:
                replies.append(self._refusal(message_id, MESSAGE_UNAVAILABLE, "no such message is waiting"))
                continue
            parcels = self._waiting[message_id]
            arrived = [parcel for parcel in parcels if parcel.wait <= 0]
            replies.extend(decode(parcel.wire) for parcel in arrived)
            if any(parcel.settles for parcel in arrived):
                del self._waiting[message_id]
                continue
            self._waiting[message_id] = [parcel for parcel in parcels if parcel.wait > 0]
            for parcel in self._waiting[message_id]:
                parcel.wait -= 1
        return replies

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Push, then pull until every reply is there, none can come any more, or time is up.

        Args:
            messages: The requests.
            timeout: Seconds, on a clock that moves three seconds per pull: nothing sleeps. A reply
                that comes later can still be had from :meth:`pull_messages`.
        """
        pending = set(self.push_messages(messages))
        polls = math.inf if timeout is None else math.ceil(timeout / _POLL_SECONDS)
        replies: list[Message] = []
        while polls > 0 and any(self._waiting[message_id] for message_id in pending):
            replies += self.pull_messages(pending)
            pending &= self._waiting.keys()
            polls -= 1
        return replies

    def stream(self, messages: Sequence[Message], *, timeout: float) -> Iterator[tuple[Message, Message]]:
        """Send requests one by one, each with its reply at once if it is there; then poll for the others.

        Time passes as in ``send_and_receive``.
        """
        polls = math.ceil(timeout / _POLL_SECONDS)
        waiting: dict[str, Message] = {}
        for message in messages:
            for message_id in self.push_messages([message]):
                waiting[message_id] = message
                if polls > 0 and any(p.settles and p.wait <= 0 for p in self._waiting[message_id]):
                    yield from self._pairs(waiting, [message_id])
        while polls > 0 and any(self._waiting.get(message_id) for message_id in waiting):
            yield from self._pairs(waiting, list(waiting))
            polls -= 1

    def _pairs(self, waiting: dict[str, Message], ids: list[str]) -> Iterator[tuple[Message, Message]]:
        for reply in self.pull_messages(ids):
            request = waiting.pop(reply.metadata.reply_to_message_id, None)
            if request is not None:
                yield request, reply

    def _handle(self, message_id: str, message_type: str, node_id: int, wire: bytes) -> list[_Parcel]:
        """Let one client answer one request, and whatever faults apply do their harm."""
        faults = self._faults_for(node_id, message_type)
        if any(isinstance(fault, Offline) for fault in faults):
            return [_Parcel(encode(self._refusal(message_id, NODE_UNAVAILABLE, "the node is offline")))]
        if any(isinstance(fault, Drop) and not fault.after for fault in faults):
            return []
        parcels = self._replies(message_id, message_type, node_id, wire, faults)
        for parcel in parcels:
            parcel.wait = sum(fault.pulls for fault in faults if isinstance(fault, Delay))
        return parcels

    def _replies(
        self, message_id: str, message_type: str, node_id: int, wire: bytes, faults: Sequence[Fault]
    ) -> list[_Parcel]:
        """Run the client and return what it sends, as the faults leave it."""
        reply, sealed = self._answer(node_id, wire, [fault for fault in faults if isinstance(fault, Crash)])
        earlier = self._previous.get((node_id, message_type))
        if not reply.has_error():
            self._previous[node_id, message_type] = sealed
        parcels: list[_Parcel] = []
        if earlier is not None and any(isinstance(fault, Replay) and fault.verbatim for fault in faults):
            parcels.append(_Parcel(earlier, settles=False))
        for fault in faults:
            if isinstance(fault, Replay) and not fault.verbatim and earlier is not None:
                reply = Message(decode(earlier).content, reply_to=decode(wire))
                sealed = self._seal(reply)
            elif isinstance(fault, Tamper):
                reply = fault.edit(decode(sealed))
                sealed = self._seal(reply)
        lost = any(isinstance(fault, Drop) for fault in faults)
        if not lost and self._accepts(reply, message_id, node_id):
            parcels.append(_Parcel(sealed))
        return parcels

    def _answer(self, node_id: int, wire: bytes, crashes: Sequence[Crash]) -> tuple[Message, bytes]:
        """Run a client's app; whatever it raises becomes the error reply that Flower would make."""
        try:
            reply = self._work(node_id, wire, crashes)
            sealed = self._seal(reply)
            decode(sealed)
        except Exception as error:
            _logger.debug("client %d raised", node_id, exc_info=True)
            text = f"{type(error)}:<'{error}'>".encode("ascii", "backslashreplace").decode()
            reply = Message(Error(CLIENT_RAISED, text), reply_to=decode(wire))
            sealed = self._seal(reply)
        return reply, sealed

    def _work(self, node_id: int, wire: bytes, crashes: Sequence[Crash]) -> Message:
        if any(not crash.after for crash in crashes):
            raise PeerError("crashed on order before its work")
        with acting_as(_RUN_ID, node_id):
            reply = self._clients[node_id](decode(wire), self._contexts[node_id])
        if crashes:
            raise PeerError("crashed on order after its work")
        return reply

    def _seal(self, reply: Message) -> bytes:
        """Give a reply its id and its bytes."""
        set_message_id(reply, self._new_id())
        return encode(reply)

    def _accepts(self, reply: Message, message_id: str, node_id: int) -> bool:
        """Check what Flower's server checks: a node answers for itself, and what it was asked."""
        metadata = reply.metadata
        if metadata.reply_to_message_id == message_id and metadata.src_node_id == node_id:
            return True
        _logger.warning("a reply of node %d names another node or request: refused", node_id)
        return False

    def _faults_for(self, node_id: int, message_type: str) -> list[Fault]:
        """Select the faults for one request, and count it for those that wait for their k-th."""
        chosen: list[Fault] = []
        for index, fault in enumerate(self._faults):
            if fault.node_id not in {None, node_id} or fault.message_type not in {None, message_type}:
                continue
            self._matches[index, node_id] += 1
            if fault.occurrence in {None, self._matches[index, node_id]}:
                chosen.append(fault)
        return chosen

    def _refusal(self, request_id: str, code: int, reason: str) -> Message:
        message = server_error(request_id, code, reason, run_id=_RUN_ID)
        set_message_id(message, self._new_id())
        return message

    def _new_id(self) -> str:
        # Hashed, so that ids look like Flower's and sorting by them scrambles the order of sends.
        self._ids_given += 1
        return hashlib.sha256(b"message %d" % self._ids_given).hexdigest()


def _check(clients: Mapping[int, ClientApp], faults: Sequence[Fault], configs: Mapping[int, object]) -> None:
    for node_id in clients:
        if not SERVER_NODE_ID < node_id < 2**64:
            raise ConfigError(f"node id {node_id} is not between 2 and 2^64 - 1")
    for named in (*configs, *(fault.node_id for fault in faults)):
        if named is not None and named not in clients:
            raise ConfigError(f"no client has node id {named}")
    for fault in faults:
        if fault.occurrence is not None and fault.occurrence < 1:
            raise ConfigError(f"occurrences count from 1, not {fault.occurrence}")
