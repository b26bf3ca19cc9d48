"""Where a verifier reads what is public: files and blobs of a directory, events of a node or a file.

Nothing that comes from here is believed: a blob is what its hash says, an event what its signature
says, and which of them count, the chain says.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from ceramic_bridge.blobs import Absent, blobs_that_begin, fetch_blob, fetch_file, on_the_web
from ceramic_bridge.dagcbor import MalformedData
from ceramic_bridge.events import SignedEvent
from federation.errors import ConfigError, FolkmootError, PeerError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ceramic_bridge.admission import Event
    from federation.types import Hash32

MOST_BLOB: Final = 1 << 26
"""Bytes of one blob; the trace of 10^5 members has 40 MB."""

MOST_EVENTS: Final = 1 << 20
MOST_BYTES: Final = 1 << 30
"""Events, and bytes of them, that are taken from one node."""

_MOST_FILE: Final = 1 << 20
_MOST_TABLE: Final = 1 << 26
_PAGE: Final = 256

_AT_A_TIME: Final = 8
"""Blobs that are fetched from one place at a time: it is somebody else's, and serves others too."""

_FEW: Final = 2


class Unpublished(VerificationFailed):
    """Something that has to be public is not at hand: not yet, or withheld."""


class Material(Protocol):
    """Where a verifier reads what the aggregator publishes."""

    def file(self, name: str) -> bytes:
        """Return a file by its name.

        Raises:
            VerificationFailed: It is not there.
        """
        ...

    def blob(self, digest: Hash32, what: str) -> bytes:
        """Return the blob with a digest.

        Args:
            digest: Its SHA-256.
            what: What it should be, for errors.

        Raises:
            VerificationFailed: It was not published (``Unpublished`` where that may still come), or
                what lies there is something else.
        """
        ...


class RemoteMaterial:
    """A public directory that others keep and that still grows: a URL, or a folder."""

    def __init__(self, place: str) -> None:
        """Name the place; nothing is asked yet.

        Raises:
            ConfigError: It is neither a URL nor a folder's name.
        """
        on_the_web(place)
        self.place = place

    def file(self, name: str) -> bytes:
        """Return a file."""
        try:
            return fetch_file(self.place, name, most=_MOST_FILE)
        except Absent as error:
            raise Unpublished(
                name, "was not published", hint="is that a federation's public directory?"
            ) from error

    def blob(self, digest: Hash32, what: str) -> bytes:
        """Return a blob."""
        try:
            return fetch_blob(self.place, digest, most=MOST_BLOB)
        except Absent as error:
            raise Unpublished(f"blobs/{digest.hex()}", f"{what} was not published") from error

    def tables(self, magic: bytes) -> Iterator[bytes]:
        """Yield every blob that begins like this.

        Raises:
            PeerError: The place has no index, or cannot be read.
        """
        for digest in blobs_that_begin(self.place, magic):
            yield fetch_blob(self.place, digest, most=_MOST_TABLE)


@contextmanager
def fetching(
    public: Material, wanted: Sequence[tuple[Hash32, str]]
) -> Iterator[Iterator[Callable[[], bytes]]]:
    """Hold blobs in order, each as a call that returns it or raises; from the web, some come at a time.

    On leaving, what nobody asked for any more is not fetched.

    Args:
        public: Where they are.
        wanted: Digest of each, and what it should be, as ``Material.blob`` takes them.
    """
    if not isinstance(public, RemoteMaterial) or not on_the_web(public.place) or len(wanted) < _FEW:
        yield (partial(public.blob, digest, what) for digest, what in wanted)
        return
    pool = ThreadPoolExecutor(_AT_A_TIME)
    try:
        coming = deque(pool.submit(public.blob, digest, what) for digest, what in wanted)
        yield (coming.popleft().result for _ in wanted)
    finally:
        pool.shutdown(cancel_futures=True)


def events_from(source: str, marks: Iterable[bytes]) -> Iterator[SignedEvent]:
    """Yield the signed events of a node or of a file that may matter, each with its signature checked.

    Whether a capability held is left open. Of a node's events, which may be anybody's, those that do
    not verify are passed over; a file is one person's, and refused.

    Args:
        source: The URL of an event node, or the path of a CAR file.
        marks: Bytes of which an event must hold some to be read at all.

    Raises:
        ConfigError: There is no such file.
        PeerError: The node cannot be reached, does not answer as a node does, or has too much.
        VerificationFailed: The file is no file of events, or one of them is wrong.
    """
    return _of_node(source, tuple(marks)) if on_the_web(source) else _of_file(source)


def _of_file(path: str) -> Iterator[SignedEvent]:
    from ceramic_bridge.admission import UNDATED
    from ceramic_bridge.bundle import unpack
    from ceramic_bridge.log import MAX_LOG, EventLog

    try:
        data = fetch_file(".", path, most=MAX_LOG) if path else b""
    except PeerError as error:
        raise ConfigError(error.message, hint="--events takes the URL of a node or a CAR file") from error
    try:
        # The aggregator's own file is a log, which is read at half the cost.
        found: Iterable[Event] = EventLog.from_bytes(data, authority=UNDATED)
    except (MalformedData, VerificationFailed):
        try:
            found = unpack(data)
        except MalformedData as error:
            raise VerificationFailed(path, error.message) from error
    yield from (event for event in found if isinstance(event, SignedEvent))


def _of_node(url: str, marks: tuple[bytes, ...]) -> Iterator[SignedEvent]:
    from ceramic_bridge.admission import is_signed, read_event
    from ceramic_bridge.node.client import RemoteNode
    from ceramic_bridge.store.base import Query

    token = events = size = 0
    with RemoteNode(url) as node:
        while True:
            page = node.page(Query(after=token, limit=_PAGE))
            for entry in page.entries:
                events, size = events + 1, size + len(entry.car)
                if not is_signed(entry.car) or not any(mark in entry.car for mark in marks):
                    continue
                try:
                    event = read_event(entry.car)
                except FolkmootError:
                    continue
                if isinstance(event, SignedEvent):
                    yield event
            if page.complete or not page.entries:
                return
            token = page.token
            if events > MOST_EVENTS or size > MOST_BYTES:
                raise PeerError(
                    f"{url} has over {MOST_EVENTS} events or {MOST_BYTES} bytes",
                    hint="the federation's own events.car holds no others",
                )
