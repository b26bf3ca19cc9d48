"""A federation's public blobs, by their SHA-256, from a folder or over HTTP."""

from __future__ import annotations

import time
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from federation.canonical import parse_table
from federation.errors import ConfigError, PeerError, VerificationFailed
from federation.hashing import sha256
from federation.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS: Final = 30.0
_GONE: Final = (404, 410)
_MOST_INDEX: Final = 16 << 20
_PATIENCE: Final = 120.0
"""Seconds for looking through a place on the web."""


class Absent(PeerError):
    """Nothing is there under a name: the place answers, and does not have it."""


class Stay(HTTPRedirectHandler):
    """Follows nobody elsewhere: a redirect could point into the member's own network."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""
        return


def fetch_blob(place: str, digest: Hash32, *, most: int) -> bytes:
    """Return the blob with a digest.

    Args:
        place: A folder that holds ``blobs/``, or the URL of one.
        digest: SHA-256 of the blob.
        most: Bytes it may have.

    Raises:
        ConfigError: The place is neither a folder nor an HTTP URL.
        PeerError: It cannot be read (``Absent`` where there is none), or is longer than it may be.
        VerificationFailed: What is there is something else.
    """
    name = f"blobs/{digest.hex()}"
    data = fetch_file(place, name, most=most)
    if sha256(data) != digest:
        raise VerificationFailed(name, "its content does not match its name")
    return data


def fetch_file(place: str, name: str, *, most: int) -> bytes:
    """Return a file of a public directory; nothing tells whether it is the right one.

    Args:
        place: The directory, or its URL.
        name: The file, as ``index.json`` would name it.
        most: Bytes it may have.

    Raises:
        ConfigError: The place is neither a folder nor an HTTP URL.
        PeerError: It cannot be read (``Absent`` where there is none), or is longer than it may be.
    """
    if on_the_web(place):
        data = _over_http(f"{place.rstrip('/')}/{name}", name, most)
    else:
        data = _from_folder(Path(place) / name, name, most)
    if len(data) > most:
        raise PeerError(f"{name} is longer than the {most} bytes that it may have")
    return data


def on_the_web(place: str) -> bool:
    """Tell a URL from a folder.

    Raises:
        ConfigError: It is neither.
    """
    parts = urlsplit(place)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return True
    if "://" in place:
        raise ConfigError("the public place is neither a folder nor a URL", hint="give a path or https://...")
    return False


def blobs_that_begin(place: str, magic: bytes) -> Iterator[Hash32]:
    """Look through a public directory, as it lies there once a run is over.

    Of each blob that the directory's index lists, only the beginning is asked for.

    Args:
        place: The directory, or its URL.
        magic: How the blobs that are looked for begin.

    Raises:
        PeerError: There is no index, a blob cannot be read, or it all takes too long.
    """
    until = time.monotonic() + _PATIENCE
    index = fetch_file(place, "index.json", most=_MOST_INDEX)
    try:
        listed = parse_table(index)["files"]
        if not isinstance(listed, dict):
            raise PeerError("index.json lists no files")
        digests = [
            Hash32(bytes.fromhex(name.removeprefix("blobs/"))) for name in listed if name.startswith("blobs/")
        ]
    except (ValueError, KeyError) as error:
        raise PeerError("index.json lists no files") from error
    for digest in digests:
        if time.monotonic() > until:
            raise PeerError("looking through the public directory takes too long")
        if _beginning(place, f"blobs/{digest.hex()}", len(magic)) == magic:
            yield digest


def _beginning(place: str, name: str, length: int) -> bytes:
    if on_the_web(place):
        return _over_http(f"{place.rstrip('/')}/{name}", name, length - 1)
    return _from_folder(Path(place) / name, name, length - 1)


def _over_http(url: str, name: str, most: int) -> bytes:
    """Return what is there, cut behind one byte more than it may have."""
    try:
        asked = Request(url, headers={"Range": f"bytes=0-{most}"})  # noqa: S310 -- http or https, as was checked
        with build_opener(Stay).open(asked, timeout=_SECONDS) as answer:
            return bytes(answer.read(most + 1))
    except HTTPError as error:
        error.close()
        kind = Absent if error.code in _GONE else PeerError
        raise kind(f"{name} cannot be fetched: HTTPError {error.code}") from error
    except (URLError, HTTPException, OSError) as error:
        raise PeerError(f"{name} cannot be fetched: {type(error).__name__}") from error


def _from_folder(path: Path, name: str, most: int) -> bytes:
    """Return what is there, cut behind one byte more than it may have."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        kind = Absent if isinstance(error, FileNotFoundError) else PeerError
        raise kind(f"{name} cannot be read: {(error.strerror or str(error)).lower()}") from error
