"""A federation's public files, from a folder or over HTTP; every blob is checked against its name."""

from __future__ import annotations

from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from ceramic_bridge.log import MAX_LOG
from federation.errors import ConfigError, FolkmootError, PeerError, VerificationFailed
from federation.hashing import sha256

if TYPE_CHECKING:
    from federation.types import Hash32

_SECONDS: Final = 30.0


class Shelf(Protocol):
    """Where public files lie."""

    def file(self, name: str) -> bytes:
        """Return a file by its name."""
        ...

    def blob(self, digest: Hash32, what: str) -> bytes:
        """Return the blob with a digest."""
        ...


class _Shelf:
    def file(self, name: str) -> bytes:
        """Return a file by its name.

        Raises:
            PeerError: It is not there or longer than any file may be.
        """
        data = self._read(name, MAX_LOG + 1)
        if len(data) > MAX_LOG:
            raise PeerError(f"{name} is longer than {MAX_LOG} bytes")
        return data

    def blob(self, digest: Hash32, what: str) -> bytes:
        """Return the blob with a digest.

        Raises:
            VerificationFailed: It was not published, or is something else.
        """
        name = f"blobs/{digest.hex()}"
        try:
            data = self.file(name)
        except PeerError as error:
            raise VerificationFailed(name, f"{what} was not published: {error.message}") from error
        if sha256(data) != digest:
            raise VerificationFailed(name, "its content does not match its name")
        return data

    def _read(self, name: str, most: int) -> bytes:
        raise NotImplementedError


class FolderShelf(_Shelf):
    """A public directory on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _read(self, name: str, most: int) -> bytes:
        try:
            with (self._path / name).open("rb") as file:
                return file.read(most)
        except OSError as error:
            raise PeerError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}") from error


class _Stay(HTTPRedirectHandler):
    """Follows nobody elsewhere: a redirect could point into the operator's own network."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""


class WebShelf(_Shelf):
    """A public directory on the web."""

    def __init__(self, url: str) -> None:
        self._url, self._opener = url.rstrip("/"), build_opener(_Stay)

    def _read(self, name: str, most: int) -> bytes:
        try:
            with self._opener.open(f"{self._url}/{name}", timeout=_SECONDS) as answer:
                return bytes(answer.read(most))
        except (URLError, HTTPException, OSError) as error:
            raise PeerError(f"{name} cannot be fetched: {type(error).__name__}") from error


def open_shelf(place: str) -> Shelf:
    """Return the public files at a place.

    Args:
        place: The URL of a public directory; or a folder: that directory, or a run that holds one.

    Raises:
        ConfigError: It is neither.
    """
    parts = urlsplit(place)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return WebShelf(place)
    path = Path(place)
    if "://" in place or not path.is_dir():
        raise ConfigError(
            f"{place} is neither a folder nor a URL", hint="name a run, or where its public files are"
        )
    return FolderShelf(path / "public" if (path / "public").is_dir() else path)


def has(shelf: Shelf, name: str) -> bool:
    """Tell whether a file is there."""
    try:
        shelf.file(name)
    except FolkmootError:
        return False
    return True
