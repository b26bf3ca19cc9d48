"""The public directory over HTTP: those files by name and blobs by hash, and nothing else by any path."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from fastapi.responses import FileResponse, JSONResponse, Response

from aggregator.public import FILES, INDEX

if TYPE_CHECKING:
    from pathlib import Path

_BLOB: Final = re.compile(r"[0-9a-f]{64}")
_NAMES: Final = frozenset({*FILES, INDEX})
_TYPES: Final = {".json": "application/json", ".toml": "application/toml", ".car": "application/vnd.ipld.car"}


def router(public: Path) -> APIRouter:
    """Return the routes of a public directory; ranges are answered, as clients ask for them.

    Args:
        public: The directory. What is in it is public; what may not be yet lies elsewhere.
    """
    routes = APIRouter(tags=["public"])

    @routes.api_route("/blobs/{digest}", methods=["GET", "HEAD"], response_class=Response)
    def blob(digest: str) -> Response:
        """Return the blob of a SHA-256, in hex; it never changes."""
        if not _BLOB.fullmatch(digest):
            return _missing()
        return _file(public / "blobs" / digest, "public, max-age=31536000, immutable")

    @routes.api_route("/{name}", methods=["GET", "HEAD"], response_class=Response)
    def file(name: str) -> Response:
        """Return one of the directory's files by its name."""
        if name not in _NAMES:
            return _missing()
        return _file(public / name, "no-cache")

    return routes


def _file(path: Path, caching: str) -> Response:
    try:
        found = path.lstat()
    except OSError:
        return _missing()
    if not stat.S_ISREG(found.st_mode):  # a link could lead anywhere
        return _missing()
    kind = _TYPES.get(path.suffix, "application/octet-stream")
    headers = {"cache-control": caching, "x-content-type-options": "nosniff"}
    return FileResponse(path, media_type=kind, headers=headers, stat_result=found)


def _missing() -> Response:
    return JSONResponse({"error": {"code": "missing", "message": "there is no such public file"}}, 404)
