"""What the commands have in common: the user's store, choosing events, reading files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from federation.errors import ConfigError, UsageError
from federation.home import data_directory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ceramic_bridge.admission import Event
    from ceramic_bridge.cid import Cid, StreamId
    from ceramic_bridge.judging import Ends
    from ceramic_bridge.store.base import Interest, LocalStore

Command = Callable[..., None]

_PAGE = 500

store_option = click.option(
    "--store",
    "place",
    metavar="PATH|URL",
    help="The store's file or PostgreSQL URL; else the user's own file.",
)
"""Declare ``--store``, passed as ``place``."""


def interest_options(command: Command) -> Command:
    """Declare ``--model``, ``--controller`` and ``--stream``, passed together as ``interest``."""

    @wraps(command)
    def wrapped(
        *args: object, model: str | None, controller: str | None, stream: str | None, **options: object
    ) -> None:
        command(*args, interest=_interest(model, controller, stream), **options)

    for name, meta, text in (
        ("--stream", "STREAM", "Events of this stream only."),
        ("--controller", "DID", "Events of this controller's streams only."),
        ("--model", "STREAM", "Events of this model's streams only."),
    ):
        wrapped = click.option(name, metavar=meta, help=text)(wrapped)
    return wrapped


def open_store(place: str | None) -> LocalStore:
    """Open the store of a file or of a ``postgresql://user@host/database``, or the user's own.

    Raises:
        StoreError: It cannot be opened.
        ConfigError: The URL is wrong or holds a password, or the database's driver is missing.
    """
    from ceramic_bridge.store.sqlite import SqliteStore

    if place is None:
        return SqliteStore(_own_store())
    # A URL that was mistyped must not become a file whose name holds a password.
    if "://" not in place:
        return SqliteStore(Path(place))
    from ceramic_bridge.store.pgurl import Place
    from ceramic_bridge.store.postgres import PostgresStore

    return PostgresStore(Place.parse(place))


def _own_store() -> Path:
    return data_directory(os.environ) / "events.sqlite"


def _interest(model: str | None, controller: str | None, stream: str | None) -> Interest:
    from ceramic_bridge.store.base import Interest, is_did
    from federation.types import Did

    if controller is not None and not is_did(controller):
        raise UsageError(f"{controller!r} is no DID", hint="it begins with did:")
    return Interest(
        model=_stream_id(model), controller=Did(controller) if controller else None, stream=_stream_id(stream)
    )


def _stream_id(text: str | None) -> StreamId | None:
    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.errors import MalformedData

    try:
        return None if text is None else StreamId.parse(text)
    except MalformedData as error:
        raise UsageError(f"{text!r} is no stream: {error.message}", hint="it begins with k") from error


def read_file(file: Path) -> bytes:
    """Return the bytes of a file, or one more than a log may have.

    Raises:
        ConfigError: It cannot be read.
    """
    from ceramic_bridge.log import MAX_LOG

    try:
        with file.open("rb") as source:
            return source.read(MAX_LOG + 1)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Events that a user named.

    Attributes:
        events: Those that were named.
        around: All at hand that may say something about them.
        confirmed: When the transactions of time events were, in milliseconds since 1970, for those
            that a chain confirmed.
        ends: Revocations that the store holds in other streams.
    """

    events: list[Event]
    around: list[Event]
    confirmed: Mapping[Cid, int]
    ends: Ends


def find(what: str, place: str | None) -> Found:
    """Return the verified events of a file, or a stream's or one event of a store.

    Raises:
        UsageError: There is no such thing.
    """
    from ceramic_bridge.admission import init_of, read_event
    from ceramic_bridge.bundle import unpack
    from ceramic_bridge.cid import Cid
    from ceramic_bridge.errors import MalformedData
    from ceramic_bridge.judging import NO_ENDS, ends_in, grants_of
    from ceramic_bridge.log import MAX_LOG
    from ceramic_bridge.store.base import Interest

    if Path(what).exists():
        events = list(unpack(read_file(Path(what))))
        # A file is shown without a store, too; none is made for it.
        if place is None and not _own_store().exists():
            return Found(events=events, around=events, confirmed={}, ends=NO_ENDS)
        return Found(
            events=events,
            around=events,
            confirmed=confirmed_in(place, events),
            ends=revocations_in(place, events),
        )
    with open_store(place) as store:
        try:
            stream = _stream_id(what) if what.startswith("k") else None
            cid = None if stream else Cid.parse(what)
        except MalformedData as error:
            raise UsageError(f"{what!r} is neither a file, nor a stream, nor an event") from error
        if cid is not None:
            data = store.get(cid)
            if data is None:
                raise UsageError(f"the store does not have event {cid}")
            stream = store.stream_of(init_of(read_event(data)))
        found = all_events(store, Interest(stream=stream), max_bytes=MAX_LOG)
        if not found or stream is None:
            raise UsageError(f"the store does not have stream {what}")
        events = [event for event in found if cid in (None, event.cid)]
        return Found(
            events=events,
            around=found,
            confirmed=store.confirmed(stream),
            ends=ends_in(store, grants_of(events)),
        )


def confirmed_in(place: str | None, events: Sequence[Event]) -> Mapping[Cid, int]:
    """Return when the transactions of time events were, for those that a store keeps as confirmed.

    Raises:
        StoreError: The store cannot be opened or read.
    """
    from ceramic_bridge.timeevents import TimeEvent

    found: dict[Cid, int] = {}
    with open_store(place) as store:
        for stream in {event.stream_id for event in events if isinstance(event, TimeEvent)}:
            found |= store.confirmed(stream)
    return found


def revocations_in(place: str | None, events: Sequence[Event]) -> Ends:
    """Return the revocations of the capabilities of events that a store holds.

    Raises:
        StoreError: The store cannot be opened or read.
        TooLong: There are too many.
    """
    from ceramic_bridge.judging import ends_in, grants_of

    with open_store(place) as store:
        return ends_in(store, grants_of(events))


def all_events(store: LocalStore, interest: Interest, *, max_bytes: int) -> list[Event]:
    """Return the events of a store that are of interest, verified again.

    Raises:
        ConfigError: They have more bytes than they may.
    """
    from ceramic_bridge.admission import read_event
    from ceramic_bridge.store.base import Query

    found: list[Event] = []
    token, size, complete = 0, 0, False
    while not complete:
        page = store.page(Query(after=token, limit=_PAGE, interest=interest))
        size += sum(len(entry.car) for entry in page.entries)
        if size > max_bytes:
            raise ConfigError(f"these events have over {max_bytes} bytes", hint="name a model or a stream")
        found += [read_event(entry.car) for entry in page.entries]
        token, complete = page.token, page.complete
    return found
