"""Which files there are, what they are, and one of them opened."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from federation.errors import ConfigError, DataError
from federation.importers.items import Kind, Opened
from federation.importers.mail import Mails
from federation.importers.tables import read_csv, read_jsonl
from federation.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from federation.importers.items import Reading

_SUFFIXES = {
    ".csv": Kind.CSV,
    ".tsv": Kind.CSV,
    ".jsonl": Kind.JSONL,
    ".ndjson": Kind.JSONL,
    ".mbox": Kind.MBOX,
}
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file to import.

    Attributes:
        path: Where it is.
        kind: What it is; None where nothing tells.
    """

    path: Path
    kind: Kind | None


def find(paths: Iterable[Path], kind: Kind | None) -> Iterator[Found]:
    """Yield the files of some files and folders, those of a folder sorted.

    Links inside a folder are not followed, and hidden entries and unknown files are left out.

    Args:
        paths: What the user named.
        kind: What everything is, if the user says so.

    Raises:
        ConfigError: There is no such file, or it is neither file nor folder.
    """
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        if stat.S_ISREG(mode):
            yield Found(path=path, kind=kind or kind_of(path))
        elif not stat.S_ISDIR(mode):
            raise ConfigError(f"{path} is neither a file nor a folder")
        else:
            yield from _in_folder(path, kind)


def kind_of(path: Path) -> Kind | None:
    """Return what a file is, by its name, else by its first bytes; None where neither tells.

    Raises:
        ConfigError: It cannot be read.
    """
    if found := _SUFFIXES.get(path.suffix.lower()):
        return found
    try:
        with path.open("rb") as file:
            start = file.read(64).lstrip(b"\xef\xbb\xbf \r\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if start.startswith(b"From "):
        return Kind.MBOX
    return Kind.JSONL if start.startswith(b"{") else None


@contextmanager
def opened(found: Found, reading: Reading) -> Iterator[tuple[Opened, Hash32]]:
    """Open a file, and give its rows and its digest.

    Raises:
        DataError: It cannot be read, is of no known kind, or is not what it should be.
        ConfigError: There is no such encoding.
    """
    if found.kind is None:
        raise DataError("its kind is unknown", hint="say --kind csv, jsonl, mbox or maildir")
    try:
        if found.kind in {Kind.CSV, Kind.JSONL}:
            with found.path.open("rb") as stream:
                digest, size = _digest(found.path), os.fstat(stream.fileno()).st_size
                read = read_csv if found.kind == Kind.CSV else read_jsonl
                yield Opened(items=read(stream, reading), total=size, position=stream.tell), digest
        else:
            maildir = found.kind == Kind.MAILDIR
            if maildir and not _is_maildir(found.path):
                raise DataError("it is no maildir")
            mails = Mails(found.path, reading, maildir=maildir)
            digest = Hash32(hashlib.sha256(mails.names()).digest()) if maildir else _digest(found.path)
            with mails:
                yield Opened(items=iter(mails), total=len(mails), position=lambda: mails.done), digest
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror}") from error


def _in_folder(folder: Path, kind: Kind | None) -> Iterator[Found]:
    if _is_maildir(folder):
        yield Found(path=folder, kind=Kind.MAILDIR)
        return
    for here, folders, names in os.walk(folder, followlinks=False):
        inner = [Path(here, name) for name in sorted(folders) if not name.startswith(".")]
        yield from (Found(path=path, kind=Kind.MAILDIR) for path in inner if _is_maildir(path))
        folders[:] = [path.name for path in inner if not _is_maildir(path) and not path.is_symlink()]
        for name in sorted(names):
            path = Path(here, name)
            known = kind or _SUFFIXES.get(path.suffix.lower())
            if known and not name.startswith(".") and stat.S_ISREG(path.lstat().st_mode):
                yield Found(path=path, kind=known)


def _is_maildir(path: Path) -> bool:
    return not path.is_symlink() and all((path / name).is_dir() for name in ("cur", "new"))


def _digest(path: Path) -> Hash32:
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return Hash32(found.digest())
