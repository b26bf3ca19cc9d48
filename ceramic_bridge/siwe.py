"""What a wallet is asked to sign: an EIP-4361 text, and the same as CACAO fields (CAIP-74).

The text is rebuilt from the fields to check a signature, so a field must not be able to pass for
another: no line breaks, printable ASCII only, one form of every time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from ceramic_bridge import did as dids
from ceramic_bridge import pkh
from ceramic_bridge.cid import RAW, Cid
from ceramic_bridge.dagcbor import MalformedData, Value
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_WORD: Final = re.compile(r"[!-~]+")
_DOMAIN: Final = re.compile(r"[!-.0-9:-~]+")
_LINE: Final = re.compile(r"[ -~]+")
_NONCE: Final = re.compile(r"[0-9A-Za-z]{8,}")

STATEMENT: Final = "Give this application access to some of your data on Ceramic"
"""The statement that Ceramic's own libraries show."""


def to_iso(moment: int) -> str:
    """Write milliseconds since 1970 as ISO 8601 in UTC with three decimals.

    Raises:
        MalformedData: The moment is before 1970 or after 9999.
    """
    if not 0 <= moment < 253_402_300_800_000:
        raise MalformedData(f"{moment} ms is not a moment of the years 1970 to 9999")
    text = (_EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def from_iso(text: str) -> int:
    """Read a time in the form that ``to_iso`` gives; other Ceramic nodes hash no other.

    Raises:
        MalformedData: It has another form, or there is no such day.
    """
    if not _TIME.fullmatch(text):
        raise MalformedData(f"{text[:40]!r} is not a time like 2026-01-02T03:04:05.678Z")
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z") + "+00:00")
    except ValueError as error:
        raise MalformedData(f"{text!r} is no day or no time of day") from error
    since = (moment - _EPOCH) // timedelta(milliseconds=1)
    # Some versions of Python read 24:00 as the next day's 00:00.
    if to_iso(since) != text:
        raise MalformedData(f"{text!r} is no time of day")
    return since


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An account lets a key act for it.

    Attributes:
        issuer: The account, as ``did:pkh``; ``pkh.Account.issuer`` gives the form to write.
        audience: The key, as ``did:key``.
        domain: The application that asked, as its authority (RFC 3986), e.g. ``example.org``.
        nonce: At least 8 letters and digits, fresh and random.
        issued_at: Since when, in milliseconds since 1970.
        expires: Until when, or ``None`` for ever (which nobody should grant).
        not_before: Not before when.
        statement: A sentence for the human.
        request_id: The application's own name of the request.
        resources: What it covers: ``ceramic://*``, ``ceramic://<stream>`` or
            ``ceramic://*?model=<model>``; nothing if there are none.
    """

    issuer: Did
    audience: Did
    domain: str
    nonce: str
    issued_at: int
    expires: int | None = None
    not_before: int | None = None
    statement: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        pkh.Account.parse(self.issuer)
        dids.algorithm(self.audience)
        for name, pattern, text in (
            ("domain", _DOMAIN, self.domain),
            ("nonce", _NONCE, self.nonce),
            ("statement", _LINE, self.statement),
            ("requestId", _WORD, self.request_id),
            *(("resources", _WORD, resource) for resource in self.resources or ()),
        ):
            if text is not None and not pattern.fullmatch(text):
                raise MalformedData(f"a capability's {name} is not what EIP-4361 allows: {text[:80]!r}")

    @property
    def account(self) -> pkh.Account:
        """The account that grants."""
        return pkh.Account.parse(self.issuer)

    @property
    def cid(self) -> Cid:
        """The one name of what was granted: the CID of the text with the checksummed address.

        A capability's block is no such name: whoever has one can spell the same signature in others
        (n - s, capitals, another ``v``, the type, the issuer's case), each with a CID of its own.
        """
        return Cid.of(RAW, self.text().encode())

    def text(self, *, as_issued: bool = False) -> str:
        """Return what the wallet shows and signs.

        Args:
            as_issued: Write the address as the issuer's DID does instead of with its checksum,
                as some older wallets' libraries did.
        """
        account = self.account
        address = self.issuer.rpartition(":")[2] if as_issued else account.address
        lines = [
            f"{self.domain} wants you to sign in with your Ethereum account:",
            address,
            "",
            # EIP-4361 has one more empty line without a statement; Ceramic's libraries do not.
            *([self.statement, ""] if self.statement is not None else []),
            f"URI: {self.audience}",
            "Version: 1",
            f"Chain ID: {account.chain}",
            f"Nonce: {self.nonce}",
            f"Issued At: {to_iso(self.issued_at)}",
        ]
        if self.expires is not None:
            lines.append(f"Expiration Time: {to_iso(self.expires)}")
        if self.not_before is not None:
            lines.append(f"Not Before: {to_iso(self.not_before)}")
        if self.request_id is not None:
            lines.append(f"Request ID: {self.request_id}")
        if self.resources:
            lines += ["Resources:", *(f"- {resource}" for resource in self.resources)]
        return "\n".join(lines)

    def to_value(self) -> dict[str, Value]:
        """Return the fields as they stand in a capability's block."""
        value: dict[str, Value] = {
            "aud": self.audience,
            "domain": self.domain,
            "iat": to_iso(self.issued_at),
            "iss": self.issuer,
            "nonce": self.nonce,
            "version": "1",
        }
        if self.expires is not None:
            value["exp"] = to_iso(self.expires)
        if self.not_before is not None:
            value["nbf"] = to_iso(self.not_before)
        if self.statement is not None:
            value["statement"] = self.statement
        if self.request_id is not None:
            value["requestId"] = self.request_id
        if self.resources is not None:
            value["resources"] = self.resources
        return value

    @classmethod
    def from_value(cls, value: Value) -> Grant:
        """Read the fields.

        Raises:
            MalformedData: A field is missing, unknown or malformed.
            IdentityError: The issuer or the audience is no such DID.
        """
        match value:
            case {
                "aud": str() as audience,
                "domain": str() as domain,
                "iat": str() as issued,
                "iss": str() as issuer,
                "nonce": str() as nonce,
                "version": "1",
                **rest,
            }:
                pass
            case _:
                raise MalformedData("a capability must hold aud, domain, iat, iss, nonce and version 1")
        more = _Optional(cast("Mapping[str, Value]", rest))
        expires, not_before = more.text("exp"), more.text("nbf")
        grant = cls(
            issuer=Did(issuer),
            audience=Did(audience),
            domain=domain,
            nonce=nonce,
            issued_at=from_iso(issued),
            expires=None if expires is None else from_iso(expires),
            not_before=None if not_before is None else from_iso(not_before),
            statement=more.text("statement"),
            request_id=more.text("requestId"),
            resources=more.texts("resources"),
        )
        more.finish()
        return grant


class _Optional:
    """Fields that may be absent; each is asked for once, and what is left over is an error."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Value]) -> None:
        self._fields = dict(fields)

    def text(self, name: str) -> str | None:
        if name not in self._fields:
            return None
        value = self._fields.pop(name)
        if not isinstance(value, str):
            raise MalformedData(f"a capability's {name} must be a string")
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        if name not in self._fields:
            return None
        value = self._fields.pop(name)
        if not isinstance(value, list):
            raise MalformedData(f"a capability's {name} must be a list")
        texts = tuple(item for item in value if isinstance(item, str))
        if len(texts) != len(value):
            raise MalformedData(f"a capability's {name} must be strings")
        return texts

    def finish(self) -> None:
        if self._fields:
            raise MalformedData(f"a capability has the unknown field {min(self._fields)[:80]!r}")
