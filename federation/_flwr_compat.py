"""The only private names this project takes from Flower, behind plain functions.

Everything else imports ``flwr.app``, ``flwr.clientapp`` and ``flwr.serverapp`` alone. Flower moves
its internals in most releases; when it does, this file fails at import with a remedy, and
``tests/unit/federation/test_grid.py`` says which promise no longer holds.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from flwr.app import Error, Message, Metadata, RecordDict
from google.protobuf.message import DecodeError

from federation.errors import ConfigError, PeerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence

    Scope = MutableMapping[str, object]
    Asgi = Callable[
        [Scope, Callable[[], Awaitable[Scope]], Callable[[Scope], Awaitable[None]]], Awaitable[None]
    ]

try:
    from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode
    from flwr.common.serde import (
        message_from_proto,
        message_to_proto,
        recorddict_from_proto,
        recorddict_to_proto,
    )
    from flwr.proto.message_pb2 import Message as ProtoMessage
    from flwr.proto.recorddict_pb2 import RecordDict as ProtoRecordDict
    from flwr.supercore.constant import SYSTEM_MESSAGE_TYPE
    from flwr.supercore.run import Run
    from flwr.supercore.task_identity import TaskIdentity
except ImportError as error:
    raise ConfigError(
        f"this Flower release moved a name the in-process grid needs ({error.name}: {error.msg})",
        hint="install flwr>=1.41,<1.42",
    ) from error

__all__ = [
    "CLIENT_RAISED",
    "MESSAGE_UNAVAILABLE",
    "NODE_UNAVAILABLE",
    "SERVER_NODE_ID",
    "Run",
    "acting_as",
    "adopt_identity",
    "build_bundle",
    "decode",
    "decode_records",
    "empty_run",
    "encode",
    "encode_records",
    "is_registered_node",
    "listed_nodes",
    "registered_node",
    "registration",
    "removal",
    "run_client_app",
    "run_request",
    "run_superlink",
    "server_error",
    "set_message_id",
    "started_run",
]

SERVER_NODE_ID: Final[int] = int(SUPERLINK_NODE_ID)
"""The node id of the server side: the sender of requests, and of errors it reports itself."""

CLIENT_RAISED: Final[int] = int(ErrorCode.CLIENT_APP_RAISED_EXCEPTION)
MESSAGE_UNAVAILABLE: Final[int] = int(ErrorCode.MESSAGE_UNAVAILABLE)
NODE_UNAVAILABLE: Final[int] = int(ErrorCode.NODE_UNAVAILABLE)

_TASK_ID: Final = 1


def empty_run(run_id: int) -> Run:
    """Return a run record with nothing in it but its id."""
    return Run.create_empty(run_id)


def adopt_identity(run_id: int, node_id: int) -> None:
    """Make this process the given node of the given run; ``Message`` reads both when it is built."""
    TaskIdentity.run_id = run_id
    TaskIdentity.node_id = node_id
    TaskIdentity.task_id = _TASK_ID


@contextmanager
def acting_as(run_id: int, node_id: int) -> Iterator[None]:
    """Be a client node while its app runs, then the server again, even if the app raises."""
    adopt_identity(run_id, node_id)
    try:
        yield
    finally:
        adopt_identity(run_id, SERVER_NODE_ID)


def set_message_id(message: Message, message_id: str) -> None:
    """Give a message the id that Flower's server would: the class has no setter for it."""
    message.metadata.__dict__["_message_id"] = message_id


def encode(message: Message) -> bytes:
    """Serialise a message as it travels.

    Raises:
        ValueError, TypeError, OverflowError: a record holds what protobuf cannot carry,
            for example an integer of more than 64 bits.
    """
    return bytes(message_to_proto(message).SerializeToString())


def decode(wire: bytes) -> Message:
    """Parse what :func:`encode` wrote into a message that shares nothing with the original."""
    return message_from_proto(ProtoMessage.FromString(wire))


def encode_records(records: RecordDict) -> bytes:
    """Serialise a message's content alone.

    Raises:
        ValueError, TypeError, OverflowError: As for :func:`encode`.
    """
    return bytes(recorddict_to_proto(records).SerializeToString())


def decode_records(wire: bytes) -> RecordDict:
    """Parse what :func:`encode_records` wrote.

    Raises:
        PeerError: The bytes are no records.
    """
    try:
        return recorddict_from_proto(ProtoRecordDict.FromString(wire))
    # A value without a kind is an AttributeError of None in there.
    except (DecodeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PeerError("not Flower's records") from error


def server_error(request_id: str, code: int, reason: str, *, run_id: int) -> Message:
    """Build the error that the server itself answers with, when no client can.

    As in Flower its sender is the server, not the node asked: only
    ``metadata.reply_to_message_id`` says whose reply is missing.
    """
    metadata = Metadata(
        run_id=run_id,
        message_id="",
        src_node_id=SERVER_NODE_ID,
        dst_node_id=SERVER_NODE_ID,
        reply_to_message_id=request_id,
        group_id="",
        created_at=0.0,
        ttl=0.0,
        message_type=SYSTEM_MESSAGE_TYPE,
    )
    return Message(metadata=metadata, error=Error(code, reason))


def run_client_app(require: Callable[[bytes], None], *, app_id: str, version: str, sha256: str) -> None:
    """Be ``flwr-clientapp``, for one app alone; the process's arguments are Flower's.

    Flower looks for the app where the SuperLink says that it is, so that is replaced as well.

    Args:
        require: Called with the bundle's bytes before anything of it is written; raises to refuse it.
        app_id: ``publisher/name`` of the app.
        version: Its version.
        sha256: Its bundle's hash in hex.

    Raises:
        ConfigError: This Flower release moved a name; nothing was run.
    """
    try:
        from flwr.supernode.cli.flwr_clientapp import flwr_clientapp
        from flwr.supernode.runtime import run_clientapp as runtime

        install, load = runtime.install_from_fab, runtime.get_load_client_app_fn
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"this Flower release moved a name the gate needs: {error}", hint="install flwr>=1.41,<1.42"
        ) from error

    def install_required(fab: bytes, **options: object) -> object:
        require(fab)
        return install(fab, **options)

    def load_known(**options: object) -> Callable[..., object]:
        return lambda *_told: load(**options)(app_id, version, sha256)

    runtime.install_from_fab = install_required
    runtime.get_load_client_app_fn = load_known
    flwr_clientapp()


def run_superlink(words: Sequence[str], serve: Callable[[Asgi], None]) -> None:
    """Be ``flower-superlink``, but for how its application is served; Flower knows one listener only.

    Args:
        words: Its arguments.
        serve: Serves the application until the process ends, where Flower believes that it is served.

    Raises:
        ConfigError: This Flower release moved a name.
    """
    import sys
    from importlib import import_module
    from types import SimpleNamespace

    try:
        # The package has a function of the module's name.
        command: Any = import_module("flwr.superlink.cli.flower_superlink")
        command.uvicorn.run, command.flower_superlink  # noqa: B018 -- both must be there
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"this Flower release moved a name the SuperLink needs: {error}", hint="install flwr>=1.41,<1.42"
        ) from error
    sys.argv = ["flower-superlink", *words]
    command.uvicorn = SimpleNamespace(run=lambda app, **_where: serve(app))
    command.flower_superlink()


def is_registered_node(app: Asgi, headers: Mapping[str, str]) -> bool:
    """Tell whether a request's headers are signed, just now, by a key that the SuperLink knows.

    Flower checks the same and more, but only once it has read and parsed the body.

    Args:
        app: The SuperLink's application.
        headers: By lower-case name.
    """
    import base64
    import datetime as dt

    from cryptography.exceptions import UnsupportedAlgorithm
    from flwr.common.constant import SYSTEM_TIME_TOLERANCE, TIMESTAMP_HEADER, TIMESTAMP_TOLERANCE
    from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
    from flwr.supercore.primitives.asymmetric import bytes_to_public_key, verify_signature

    try:
        stamp = headers[TIMESTAMP_HEADER]
        key = base64.b64decode(headers[FLEET_HTTP_PUBLIC_KEY_HEADER], validate=True)
        signature = base64.b64decode(headers[FLEET_HTTP_SIGNATURE_HEADER], validate=True)
        age = (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(stamp)).total_seconds()
        if not -SYSTEM_TIME_TOLERANCE < age < TIMESTAMP_TOLERANCE + SYSTEM_TIME_TOLERANCE:
            return False
        if not verify_signature(bytes_to_public_key(key), stamp.encode("ascii"), signature):
            return False
    except (KeyError, ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        return False
    factory = app.state.linkstate_factory  # type: ignore[attr-defined]  # of FastAPI's application
    return factory.state().get_node_id_by_public_key(key) is not None


def build_bundle(files: Mapping[str, bytes]) -> bytes:
    """Return the bundle (FAB) that Flower builds of a folder's files.

    Raises:
        ConfigError: This Flower release builds none of them.
    """
    import warnings

    try:
        from flwr.cli.build import build_fab_from_files

        with warnings.catch_warnings():  # Flower uses what another package has deprecated
            warnings.simplefilter("ignore", DeprecationWarning)
            built, _ = build_fab_from_files(files)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"this Flower release does not build the bundle: {error}") from error
    return bytes(built)


def run_request(bundle: bytes, sha256: str, config: Mapping[str, str]) -> bytes:
    """Return the control API's request to start a run of a bundle."""
    from flwr.common.serde import fab_to_proto, user_config_to_proto
    from flwr.proto.control_pb2 import StartRunRequest
    from flwr.supercore.fab import Fab

    fab = fab_to_proto(Fab(sha256, bundle, {}))
    request = StartRunRequest(fab=fab, override_config=user_config_to_proto(dict(config)))
    return bytes(request.SerializeToString())


def started_run(answer: bytes) -> int:
    """Return the id of a run that the control API started; 0 if it did not.

    Raises:
        PeerError: The answer is none of the control API's.
    """
    from flwr.proto.control_pb2 import StartRunResponse

    return int(_parsed(StartRunResponse, answer).run_id)


def registration(public_key: bytes) -> bytes:
    """Return the control API's request to register a node.

    Args:
        public_key: PEM.
    """
    from flwr.proto.control_pb2 import RegisterNodeRequest

    return bytes(RegisterNodeRequest(public_key=public_key).SerializeToString())


def registered_node(answer: bytes) -> int:
    """Return the id of a node that the control API registered.

    Raises:
        PeerError: The answer is none of the control API's.
    """
    from flwr.proto.control_pb2 import RegisterNodeResponse

    return int(_parsed(RegisterNodeResponse, answer).node_id)


def removal(node_id: int) -> bytes:
    """Return the control API's request to unregister a node."""
    from flwr.proto.control_pb2 import UnregisterNodeRequest

    return bytes(UnregisterNodeRequest(node_id=node_id).SerializeToString())


def listed_nodes(answer: bytes) -> list[tuple[int, bytes, str]]:
    """Return the nodes that the control API lists: id, public key (PEM), status.

    Raises:
        PeerError: The answer is none of the control API's.
    """
    from flwr.proto.control_pb2 import ListNodesResponse

    return [
        (int(n.node_id), bytes(n.public_key), n.status) for n in _parsed(ListNodesResponse, answer).nodes_info
    ]


def _parsed(kind, answer: bytes):  # type: ignore[no-untyped-def]  # Flower's types are not followed
    try:
        return kind.FromString(answer)
    except DecodeError as error:
        raise PeerError("the SuperLink's answer is not the control API's") from error
