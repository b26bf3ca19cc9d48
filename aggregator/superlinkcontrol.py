"""A SuperLink's control API: start the run that relays, let nodes in, put nodes out.

It knows no users: whoever reaches it may do all that. It belongs on loopback.
"""

from __future__ import annotations

import http.client
import json
import logging
import ssl
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Final

from federation.bundle import BUNDLE_SHA256, FILES, SOCKET_KEY
from federation.errors import ConfigError, IdentityError, PeerError
from federation.hashing import sha256

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS: Final = 30.0
_MOST_BYTES: Final = 256 << 20
"""A node takes about 500 bytes in the list of all of them."""

_PROTOBUF: Final = "application/protobuf"
_KEY_IN_USE, _NODE_NOT_FOUND = 23, 24
"""Of ``flwr.supercore.error.ApiErrorCode``."""

_logger = logging.getLogger(__name__)


class _Refused(PeerError):
    def __init__(self, call: str, status: int, code: int) -> None:
        super().__init__(f"the SuperLink refused {call}: status {status}, code {code}")
        self.reason = code


class SuperLinkControl:
    """Speaks to one SuperLink."""

    def __init__(self, address: str, root: Path, *, socket: Path) -> None:
        """Say where it is; nothing is asked yet.

        Args:
            address: ``host:port`` of the control API.
            root: PEM of the authority behind its certificate.
            socket: Where the aggregator waits for relays.
        """
        self._host, _, port = address.rpartition(":")
        self._port, self._root, self._socket = int(port), root, socket

    def summon(self) -> bool:
        """Start a run whose ServerApp relays, of the one bundle that members accept.

        Returns:
            Whether it was started.

        Raises:
            ConfigError: This installation builds another bundle than the members know.
        """
        from federation._flwr_compat import run_request, started_run

        request = run_request(pinned_bundle(), BUNDLE_SHA256, {SOCKET_KEY: str(self._socket.absolute())})
        try:
            return bool(started_run(self._call("start-run", request)))
        except PeerError as error:
            _logger.warning("no relay could be started: %s", error.message)
            return False

    def register(self, public_key: bytes) -> int:
        """Let a node in; the same again changes nothing.

        Args:
            public_key: Its key, PEM.

        Returns:
            The number it gets.

        Raises:
            IdentityError: The key was put out before; Flower never lets it in again.
            PeerError: The SuperLink does not answer, or refuses the key.
        """
        from federation._flwr_compat import registered_node, registration

        try:
            number = registered_node(self._call("register-node", registration(public_key)))
        except _Refused as error:
            if error.reason != _KEY_IN_USE:
                raise
            number = self.nodes().get(public_key, (0, ""))[0]
            if not number:
                raise IdentityError(
                    "this node's key was given up before", hint="remove key and key.pub of the node"
                ) from error
        if not number:
            raise PeerError("the SuperLink registered no node")
        return number

    def unregister(self, node_id: int) -> None:
        """Put a node out, and its key for good; one that is not there is fine.

        Raises:
            PeerError: The SuperLink does not answer.
        """
        from federation._flwr_compat import removal

        try:
            self._call("unregister-node", removal(node_id))
        except _Refused as error:
            if error.reason != _NODE_NOT_FOUND:
                raise

    def nodes(self) -> dict[bytes, tuple[int, str]]:
        """Return number and status of every node that is let in, by its key (PEM).

        Raises:
            PeerError: The SuperLink does not answer.
        """
        from federation._flwr_compat import listed_nodes

        listed = listed_nodes(self._call("list-nodes", b""))
        return {key: (number, status) for number, key, status in listed if status != "unregistered"}

    def answers(self) -> bool:
        """Tell whether it answers at all."""
        try:
            self._call("list-federations", b"")
        except PeerError:
            return False
        return True

    def _call(self, call: str, request: bytes) -> bytes:
        headers = {"Content-Type": _PROTOBUF, "Accept": _PROTOBUF}
        try:
            context = ssl.create_default_context(cafile=str(self._root))
            # Not by the environment's proxies, which Flower's own client would use.
            line = http.client.HTTPSConnection(self._host, self._port, timeout=_SECONDS, context=context)
            with closing(line):
                line.request("POST", f"/v1/control/{call}", request, headers)
                answer = line.getresponse()
                body = answer.read(_MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise PeerError(
                f"the SuperLink's control API does not answer: {reason.lower()}", hint="does it run?"
            ) from error
        if len(body) > _MOST_BYTES:
            raise PeerError("the SuperLink's answer is too long")
        if answer.status != http.client.OK:
            raise _Refused(call, answer.status, _code(body))
        return body


@cache
def pinned_bundle() -> bytes:
    """Return the bundle that members accept, as Flower builds it here.

    Raises:
        ConfigError: It comes out as another one.
    """
    from federation._flwr_compat import build_bundle

    built = build_bundle(FILES)
    if sha256(built).hex() != BUNDLE_SHA256:
        raise ConfigError(
            "the app bundle that is built here is not the one that members accept",
            hint="install flwr>=1.41,<1.42, unchanged",
        )
    return built


def _code(body: bytes) -> int:
    try:
        found = json.loads(body)
    except ValueError:
        return 0
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, int) else 0
