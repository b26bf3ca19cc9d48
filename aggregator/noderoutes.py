"""``/v1/nodes`` of the aggregator's desk: members' nodes sign in here."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from federation.errors import DataError, FolkmootError, IdentityError
from federation.nodestatement import MOST_BYTES, NodeStatement

if TYPE_CHECKING:
    from collections.abc import Callable

    from aggregator.nodes import Admission, NodeBook

_SECONDS: Final = 10.0
"""For a statement to come in whole."""

_logger = logging.getLogger(__name__)


def router(book: NodeBook, admission: Admission, *, root: Callable[[], bytes]) -> APIRouter:
    """Return the routes.

    Args:
        book: Where nodes are let in.
        admission: Whose statements count.
        root: PEM of the SuperLink's authority; who fetches it here must compare its fingerprint.
    """
    made = APIRouter(prefix="/v1/nodes", tags=["nodes"])

    @made.post("")
    async def register(request: Request) -> Response:
        """Let the node in that a member's signed statement names."""
        try:
            async with asyncio.timeout(_SECONDS):
                body = await _body(request)
            statement = NodeStatement.parse(body)
            number = await asyncio.to_thread(book.admit, statement, admission)
        except TimeoutError:
            return _error(HTTPStatus.REQUEST_TIMEOUT, DataError("the statement came too slowly"))
        except DataError as error:
            return _error(HTTPStatus.BAD_REQUEST, error)
        except IdentityError as error:
            return _error(HTTPStatus.FORBIDDEN, error)
        except FolkmootError as error:
            # What is wrong here is the operator's business.
            _logger.warning("a node could not be let in: %s", error.message)
            later = FolkmootError("the node cannot be let in now", hint="try again later")
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, later)
        return JSONResponse({"node": str(number)})

    @made.get("/root.pem")
    def certificate() -> Response:
        """Return the authority behind the SuperLink's certificate."""
        return Response(root(), media_type="application/x-pem-file")

    return made


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > MOST_BYTES:
            raise DataError(f"a node's statement has at most {MOST_BYTES} bytes")
    return bytes(found)


def _error(status: int, error: FolkmootError) -> Response:
    told = {"code": error.code, "message": error.message, "hint": error.hint}
    return JSONResponse({"error": told}, status_code=status)
