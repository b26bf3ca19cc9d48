"""The desk's side of the mailbox, over HTTP: who may put what into it.

===== ========================================= ===========================================
PUT   /v1/validation/EPOCH/PROVIDER/ITEM        keep a body
GET   /v1/validation/EPOCH/PROVIDER             which items there are, which were refused, why
GET   /v1/validation/EPOCH/proposal             what the epoch would promise
===== ========================================= ===========================================

A PUT names its body's SHA-256 and the provider's signature in two headers, and these are checked
before a byte of the body is read: a stranger can neither fill the disk nor learn anything but which
items are there, which the chain shows soon after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from aggregator.validation import wire
from aggregator.validation.mailbox import Mailbox, Taken
from ceramic_bridge.did import verify
from federation.errors import FolkmootError, IdentityError, PeerError
from federation.hashing import Domain, sha256
from federation.manifest import Manifest
from federation.types import Address, Hash32

PREFIX: Final = "/v1/validation"
_LAST_EPOCH: Final = (1 << 63) - 1

_SECONDS: Final = 120
"""For one body."""

_Hex32 = Annotated[str, Header(pattern="^[0-9a-f]{64}$")]
_Hex64 = Annotated[str, Header(pattern="^[0-9a-f]{128}$")]


def router(
    mailbox: Mailbox, manifest: Manifest, *, federation: Address, epoch: Callable[[], int]
) -> APIRouter:
    """Return the routes of a mailbox.

    Args:
        mailbox: Takes the items.
        manifest: Names the providers.
        federation: Its contract.
        epoch: Returns the chain's present epoch: items of it and of the next are taken.
    """
    routes = APIRouter(prefix=PREFIX)
    intake = _Intake(mailbox, manifest, federation, epoch)

    @routes.get("/{number}/proposal")
    def proposal(number: int) -> Response:
        found = mailbox.proposal(number) if 0 < number <= _LAST_EPOCH else None
        if found is None:
            return _refusal(PeerError(f"nothing is proposed for epoch {number} yet"), 404)
        return Response(found, media_type="application/json")

    @routes.get("/{number}/{provider}")
    def state(number: int, provider: int) -> Response:
        if not intake.knows(number, provider):
            return _refusal(PeerError("there is no such epoch or provider"), 404)
        held = mailbox.held(number, provider)
        items = {name: {"sha256": one.sha256.hex(), "refused": one.refusal} for name, one in held.items()}
        return JSONResponse({"items": items})

    @routes.put("/{number}/{provider}/{item}")
    async def put(
        request: Request,
        number: int,
        provider: int,
        item: str,
        *,
        folkmoot_sha256: _Hex32,
        folkmoot_signature: _Hex64,
    ) -> Response:
        if not intake.knows(number, provider):
            return _refusal(PeerError("there is no such epoch or provider"), 404)
        digest, signature = Hash32(bytes.fromhex(folkmoot_sha256)), bytes.fromhex(folkmoot_signature)
        try:
            await intake.take(request, intake.slip(number, provider, item), digest, signature)
        except FolkmootError as error:
            return _refusal(error, _status(error))
        return JSONResponse({"item": item})

    return routes


@dataclass(frozen=True, slots=True)
class _Intake:
    mailbox: Mailbox
    manifest: Manifest
    federation: Address
    epoch: Callable[[], int]

    def knows(self, number: int, provider: int) -> bool:
        return 0 < number <= _LAST_EPOCH and 0 <= provider < len(self.manifest.providers)

    def slip(self, number: int, provider: int, item: str) -> wire.Slip:
        domain = Domain(chain_id=self.manifest.chain.chain_id, federation=self.federation, epoch=number)
        return wire.Slip(domain=domain, provider=provider, item=item)

    async def take(self, request: Request, slip: wire.Slip, digest: Hash32, signature: bytes) -> None:
        most = wire.most_bytes(slip.item, self.manifest)
        verify(self.manifest.providers[slip.provider], slip.signed_bytes(digest), signature)
        number, present = slip.domain.epoch, await run_in_threadpool(self.epoch)
        if number not in (present, present + 1):
            raise _OtherEpoch(f"the chain is in epoch {present}: nothing is taken for {number}")
        body = await _read(request, most)
        if sha256(body) != digest:
            raise PeerError("the body is not the one that was signed")
        await run_in_threadpool(self.mailbox.put, number, slip.provider, slip.item, body)


class _TooLarge(PeerError):
    """A body has too many bytes."""


class _OtherEpoch(PeerError):
    """A body is for an epoch that is over, or far ahead."""


async def _read(request: Request, most: int) -> bytes:
    found = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.stream():
                found += chunk
                if len(found) > most:
                    raise _TooLarge(f"the body has more than {most} bytes")
    except (TimeoutError, ClientDisconnect) as error:
        raise PeerError("the body did not come in time") from error
    return bytes(found)


def _status(error: FolkmootError) -> int:
    match error:
        case IdentityError():
            return 403
        case _TooLarge():
            return 413
        case _OtherEpoch() | Taken():
            return 409
        case PeerError():
            return 400
    return 503


def _refusal(error: FolkmootError, status: int) -> JSONResponse:
    # The chain or the disk failed: the provider comes again, and learns nothing of this machine.
    told = error.message if status != 503 else "the aggregator cannot take items now"
    return JSONResponse({"error": {"code": error.code, "message": told}}, status_code=status)
