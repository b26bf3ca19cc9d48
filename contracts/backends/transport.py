"""JSON-RPC to a node over HTTP or a Unix socket, with bounded retries (web3's providers carry it)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Protocol
from urllib.parse import urlsplit

from federation.errors import ChainError, ConfigError

ATTEMPTS = 4
FIRST_PAUSE = 0.2
TIMEOUT = 30
TOO_MANY_REQUESTS = 429

Sleep = Callable[[float], None]


class RpcRefused(ChainError):
    """The node answered with a JSON-RPC error.

    Attributes:
        data: Revert data, if the error carries any.
        reverted: Whether a contract refused the call, as opposed to the node.
    """

    def __init__(self, message: str, data: bytes, *, reverted: bool) -> None:
        super().__init__(f"the node refuses: {message}")
        self.data = data
        self.reverted = reverted


class Transport(Protocol):
    """Carries JSON-RPC requests to one node."""

    def request(self, method: str, *params: object) -> object:
        """Return a request's ``result``.

        Raises:
            RpcRefused: The node answered with an error.
            ChainError: The node cannot be reached, or answers with something else than JSON-RPC.
        """


class NodeTransport:
    """A ``Transport`` to ``http(s)://...`` or to the path of a Unix socket."""

    def __init__(self, endpoint: str, *, sleep: Sleep = time.sleep, timeout: float = TIMEOUT) -> None:
        """Prepare a connection; the first request opens it.

        Args:
            endpoint: URL or path. Only its host is ever shown: paths of URLs often hold a secret.
            sleep: Waits between attempts, in seconds.
            timeout: Seconds one attempt may take.

        Raises:
            ConfigError: The endpoint is neither a URL nor a path.
        """
        from web3.providers import HTTPProvider, IPCProvider

        parts = urlsplit(endpoint)
        self._provider: HTTPProvider | IPCProvider
        self._socket: Path | None = None
        self._turn: AbstractContextManager[object]
        if parts.scheme in {"http", "https"} and parts.hostname:
            self.name = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
            # Retries are counted here, so that they are the same for both kinds.
            self._provider = HTTPProvider(
                endpoint, request_kwargs={"timeout": timeout}, exception_retry_configuration=None
            )
        elif endpoint and "://" not in endpoint:
            self.name = endpoint
            self._socket = Path(endpoint)
            self._provider = IPCProvider(self._socket, timeout=int(timeout))
        else:
            raise ConfigError(
                "the node's address is neither a URL nor a path",
                hint="give http://HOST:PORT, https://... or the path of a node's Unix socket",
            )
        self._sleep = sleep
        # One socket carries one question at a time; HTTP has a connection for each thread.
        self._turn = Lock() if self._socket is not None else nullcontext()

    def request(self, method: str, *params: object) -> object:
        """Return a request's ``result``; see ``Transport``.

        Every request of this project may be repeated: a transaction sent twice has one hash.
        """
        pause = FIRST_PAUSE
        for left in reversed(range(ATTEMPTS)):
            try:
                with self._turn:
                    if self._socket is not None:
                        # web3 would leave a socket of its own open.
                        self._socket.stat()
                    answer = self._provider.make_request(method, list(params))
                return _result(answer)
            except ChainError:
                raise
            except Exception as err:  # web3's providers raise anything, from OSError to a private Timeout
                if left and _may_pass(err):
                    self._sleep(pause)
                    pause *= 2
                    continue
                raise ChainError(
                    f"the node at {self.name} cannot be reached: {_short(err)}",
                    hint="is it running? folkmoot chain up starts a local one",
                ) from err
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close the connection, if it is open."""
        from web3.providers import IPCProvider

        if isinstance(self._provider, IPCProvider):
            held = getattr(self._provider, "_socket", None)
            opened = getattr(held, "sock", None)
            if held is not None and opened is not None:
                opened.close()
                held.sock = None


def _result(answer: object) -> object:
    if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
        raise ChainError("the node's answer is not JSON-RPC", hint="is it an Ethereum node's address?")
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    message, raw = str(error), None
    if isinstance(error, dict):
        message, raw = str(error.get("message", error)), error.get("data")
        # Some nodes wrap the revert data once more.
        raw = raw.get("data") if isinstance(raw, dict) else raw
    data = _revert_data(raw)
    raise RpcRefused(message, data, reverted=bool(data) or "revert" in message.lower())


def _revert_data(raw: object) -> bytes:
    try:
        return bytes.fromhex(raw.removeprefix("0x")) if isinstance(raw, str) else b""
    except ValueError:
        return b""


def _may_pass(error: Exception) -> bool:
    """Say whether trying again could help: not when an HTTP server rules the request out."""
    if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
        return False
    status = getattr(getattr(error, "response", None), "status_code", None)
    return not (isinstance(status, int) and 400 <= status < 500 and status != TOO_MANY_REQUESTS)


def _short(error: Exception) -> str:
    # The text of a request error repeats its URL, and with it a key that is none of the log's business.
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"HTTP status {status}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
