"""The provider's side of the mailbox: puts sealed, signed items onto the aggregator's desk over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aggregator.validation.mailbox import Held
from aggregator.validation.messages import parse_proposal
from federation.canonical import parse_table
from federation.errors import ConfigError, PeerError
from federation.hashing import sha256
from federation.types import Hash32

if TYPE_CHECKING:
    from aggregator.provider import Proposal
    from aggregator.validation.wire import Slip
    from ceramic_bridge.did import Identity
    from federation.types import Did

_MOST_BYTES: Final = 32 << 20
_MOST_MESSAGE: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An aggregator's desk.

    Attributes:
        url: ``http://host:port`` or ``https://...``.
        aggregator: To whom items are sealed.
        timeout: Seconds for one answer's bytes to begin.

    Raises:
        ConfigError: The URL has another form.
    """

    url: str
    aggregator: Did
    timeout: float = 30

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            known = parts.scheme in {"http", "https"} and parts.hostname is not None
        except ValueError:
            known = False
        if not known or parts.username is not None or parts.query or parts.fragment:
            raise ConfigError(
                f"{self.url!r} is not the URL of a desk", hint="it looks like https://folkmoot.example:8443"
            )

    def put(self, slip: Slip, content: bytes, identity: Identity) -> None:
        """Seal, sign and hand over an item.

        Raises:
            PeerError: The desk cannot be reached, or does not take it.
        """
        body = slip.seal(content, self.aggregator)
        digest = sha256(body)
        headers = {
            "content-type": "application/octet-stream",
            "folkmoot-sha256": digest.hex(),
            "folkmoot-signature": identity.sign(slip.signed_bytes(digest)).hex(),
        }
        self._call("PUT", f"{slip.domain.epoch}/{slip.provider}/{slip.item}", headers, body)

    def held(self, epoch: int, provider: int) -> dict[str, Held]:
        """Return which items of a provider the desk has.

        Raises:
            PeerError: The desk cannot be reached, or its answer is no answer.
        """
        try:
            table = parse_table(self._call("GET", f"{epoch}/{provider}"))
            items = table["items"]
            assert isinstance(items, dict)
            return {
                name: Held(
                    Hash32(bytes.fromhex(one["sha256"])),
                    None if one["refused"] is None else str(one["refused"])[:_MOST_MESSAGE],
                )
                for name, one in items.items()
            }
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise PeerError(f"{self.url} does not answer as a desk does") from error

    def proposal(self, epoch: int) -> Proposal | None:
        """Return what an epoch would promise; None if nothing was said yet.

        Raises:
            PeerError: The desk cannot be reached, or its answer is no answer.
        """
        try:
            return parse_proposal(self._call("GET", f"{epoch}/proposal"))
        except _NotThere:
            return None

    def _call(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> bytes:
        url = f"{self.url.rstrip('/')}/v1/validation/{path}"
        request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)  # noqa: S310 -- http and https only, see above
        try:
            with _OPENER.open(request, timeout=self.timeout) as answer:
                data: bytes = answer.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                message = _message(error.read(1 << 16))
            kind = _NotThere if error.code == 404 else PeerError
            raise kind(f"{self.url} refuses: {message or f'status {error.code}'}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise PeerError(
                f"{self.url} cannot be reached", hint="is the aggregator running, and the URL right?"
            ) from error
        if len(data) > _MOST_BYTES:
            raise PeerError(f"{self.url} answers without end")
        return data


class _NotThere(PeerError):
    """The desk has nothing under that name."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A desk that sends a provider elsewhere is not the desk that was agreed."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


def _message(data: bytes) -> str:
    try:
        found = json.loads(data)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(found)[:_MOST_MESSAGE]
