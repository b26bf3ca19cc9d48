"""The public directory of a run: all that a stranger needs to recompute it, and nothing private.

::

    federation.toml   genesis.json   blocks.rlp   events.car   blobs/<sha256>   index.json

``index.json`` lists the SHA-256 of every file and, last, of its own other lines, so that damage is
found and named before anything is believed. Trust comes from re-execution, not from the index.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from federation.canonical import parse_table
from federation.errors import ConfigError, VerificationFailed
from federation.hashing import sha256
from federation.types import Hash32

MANIFEST: Final = "federation.toml"
GENESIS: Final = "genesis.json"
BLOCKS: Final = "blocks.rlp"
EVENTS: Final = "events.car"
INDEX: Final = "index.json"
FILES: Final = (MANIFEST, GENESIS, BLOCKS, EVENTS)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class PublicDirectory:
    """Writes a run's public directory, or what waits to get into one.

    Where one directory serves for all, nothing in it is public before ``seal``: deltas, and traces that
    show a drawn shard's labels, are written as rounds go by. An aggregator that runs for long has a
    staging directory for each epoch, and publishes from there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        (path / "blobs").mkdir(parents=True, exist_ok=True)

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    def put(self, data: bytes) -> Hash32:
        """Store a blob under its SHA-256 and return that."""
        digest = sha256(data)
        path = self._path / "blobs" / digest.hex()
        if not path.exists():
            write_atomically(path, data)
        return digest

    def get(self, digest: Hash32) -> bytes | None:
        """Return a blob; None if it is not there, or is not what its name says."""
        try:
            data = (self._path / "blobs" / digest.hex()).read_bytes()
        except OSError:
            return None
        return data if sha256(data) == digest else None

    def publish(self, digests: Iterable[Hash32], to: PublicDirectory) -> None:
        """Put blobs into another directory too; whatever is there already stays.

        Raises:
            ConfigError: One is not here, nor there.
        """
        for digest in digests:
            if to.get(digest) is not None:
                continue
            data = self.get(digest)
            if data is None:
                raise ConfigError(f"{self._path} has lost blob {digest.hex()}, which has to be published")
            to.put(data)

    def write(self, name: str, data: bytes) -> None:
        """Write one of ``FILES``."""
        write_atomically(self._path / name, data)

    def seal(self) -> None:
        """Write the index over all files that are there."""
        write_atomically(self._path / INDEX, index_bytes(self._path))


def index_bytes(path: Path) -> bytes:
    """Return the index of a public directory's present files."""
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name != INDEX)
    listing = {str(p.relative_to(path)): sha256(p.read_bytes()).hex() for p in files}
    return _encode(listing)


def _encode(listing: dict[str, str]) -> bytes:
    body = json.dumps(listing, sort_keys=True, indent=0)
    return json.dumps(
        {"files": listing, "self": sha256(body.encode()).hex()}, sort_keys=True, indent=0
    ).encode()


class PublicReader:
    """Reads a public directory, refusing anything damaged, missing or surplus.

    Raises:
        VerificationFailed: On opening, the first file that is wrong, by name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        index = self._read(INDEX)
        try:
            files = parse_table(index)["files"]
        except (ValueError, KeyError) as error:
            raise VerificationFailed(INDEX, "not an index of files") from error
        if not isinstance(files, dict) or _encode(files) != index:
            raise VerificationFailed(INDEX, "does not match itself")
        self._listing: dict[str, str] = {str(name): str(digest) for name, digest in files.items()}
        present = set()
        for entry in sorted(path.rglob("*")):
            name = str(entry.relative_to(path))
            if entry.is_symlink() or not (entry.is_file() or (entry.is_dir() and name == "blobs")):
                raise VerificationFailed(name, "is neither a file of a run nor its blobs")
            if entry.is_file() and name != INDEX:
                present.add(name)
        for name in sorted(present ^ self._listing.keys()):
            raise VerificationFailed(name, "not in the index" if name in present else "missing")
        for name in sorted(self._listing):
            if sha256(self._read(name)).hex() != self._listing[name]:
                raise VerificationFailed(name, "its content does not match the index")
            if name.startswith("blobs/") and name != f"blobs/{self._listing[name]}":
                raise VerificationFailed(name, "not named by its own hash")
        self._used: set[str] = {*FILES}

    def _read(self, name: str) -> bytes:
        try:
            return (self._path / name).read_bytes()
        except OSError as error:
            raise VerificationFailed(
                name, "cannot be read", hint="is this a run's public directory?"
            ) from error

    def file(self, name: str) -> bytes:
        """Return one of ``FILES``."""
        return self._read(name)

    def blob(self, digest: Hash32, what: str) -> bytes:
        """Return the blob with a digest.

        Raises:
            VerificationFailed: It was not published.
        """
        name = f"blobs/{digest.hex()}"
        if name not in self._listing:
            raise VerificationFailed(name, f"{what} was not published")
        self._used.add(name)
        return self._read(name)

    def count(self, names: Iterable[str]) -> None:
        """Take note that files were used: by a copy of this reader, in another process."""
        self._used.update(names)

    def counted(self) -> frozenset[str]:
        """Return the names of the files that were used since this was asked last, or since the beginning."""
        used, self._used = self._used, set()
        return frozenset(used)

    def require_all_used(self) -> None:
        """Refuse files that nothing on chain or in a signed event refers to.

        Raises:
            VerificationFailed: There is one.
        """
        for name in sorted(self._listing.keys() - self._used):
            raise VerificationFailed(name, "nothing refers to it")
