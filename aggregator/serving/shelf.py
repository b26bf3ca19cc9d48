"""A federation's public files, from a folder or over HTTP; every blob is checked against its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ceramic_bridge.blobs import fetch_blob, fetch_file, on_the_web
from ceramic_bridge.log import MAX_LOG
from federation.errors import ConfigError, PeerError, VerificationFailed

if TYPE_CHECKING:
    from federation.types import Hash32


class Shelf:
    """Where public files lie."""

    def __init__(self, place: str) -> None:
        """Name the place: a public directory, or its URL; nothing is read yet."""
        self._place = place

    def file(self, name: str) -> bytes:
        """Return a file by its name.

        Raises:
            PeerError: It cannot be read, or is longer than a log of events may be.
        """
        return fetch_file(self._place, name, most=MAX_LOG)

    def blob(self, digest: Hash32, what: str) -> bytes:
        """Return the blob with a digest.

        Raises:
            VerificationFailed: It was not published, or is something else.
        """
        try:
            return fetch_blob(self._place, digest, most=MAX_LOG)
        except PeerError as error:
            name = f"blobs/{digest.hex()}"
            raise VerificationFailed(name, f"{what} was not published: {error.message}") from error


def open_shelf(place: str) -> Shelf:
    """Return the public files at a place.

    Args:
        place: The URL of a public directory; or a folder: that directory, or a run that holds one.

    Raises:
        ConfigError: It is neither.
    """
    if on_the_web(place):
        return Shelf(place)
    path = Path(place)
    if not path.is_dir():
        raise ConfigError(
            f"{place} is neither a folder nor a URL", hint="name a run, or where its public files are"
        )
    return Shelf(str(path / "public" if (path / "public").is_dir() else path))
