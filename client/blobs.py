"""A federation's public blobs, by their SHA-256, from a folder or over HTTP."""

from __future__ import annotations

from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from federation.errors import ConfigError, PeerError, VerificationFailed
from federation.hashing import sha256
from federation.types import Hash32

_SECONDS: Final = 30.0


class _Stay(HTTPRedirectHandler):
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
        PeerError: It is not there, or longer than it may be.
        VerificationFailed: What is there is something else.
    """
    name = f"blobs/{digest.hex()}"
    parts = urlsplit(place)
    if parts.scheme in {"http", "https"} and parts.hostname:
        data = _over_http(f"{place.rstrip('/')}/{name}", name, most)
    elif "://" not in place:
        data = _from_folder(Path(place) / name, name, most)
    else:
        raise ConfigError("the public place is neither a folder nor a URL", hint="give a path or https://...")
    if len(data) > most:
        raise PeerError(f"{name} is longer than the {most} bytes that it may have")
    if sha256(data) != digest:
        raise VerificationFailed(name, "its content does not match its name")
    return data


def _over_http(url: str, name: str, most: int) -> bytes:
    try:
        with build_opener(_Stay).open(url, timeout=_SECONDS) as answer:
            return bytes(answer.read(most + 1))
    except (URLError, HTTPException, OSError) as error:
        raise PeerError(f"{name} cannot be fetched: {type(error).__name__}") from error


def _from_folder(path: Path, name: str, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise PeerError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}") from error
