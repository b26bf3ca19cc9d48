"""One encrypted file with a member's vault and own events, and the way back.

A line that names the format, the vault's header, and a sealed stream with a tar archive: consistent
copies of the vault and of the events. The passphrase of the day of the backup opens it.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from client.attempts import abandon_all
from client.files import fresh_file, install, require_no_vault, workshop, write_new
from client.keys import Header, Kdf, unlock
from client.restored import note_restored
from client.storage import Storage
from client.stream import OpeningReader, SealingWriter
from client.vault import Vault
from federation.errors import ConfigError, VerificationFailed

if TYPE_CHECKING:
    from client.home import ClientHome

_MAGIC = b"folkmoot backup 1\n"
_SQLITE = b"SQLite format 3\0"
_HEADER = struct.Struct(">16sQQQ16sH")
_MOST_WRAPPED = 1024
_CHUNK = 1 << 20
_USE = "backup"


def write_backup(vault: Vault, home: ClientHome, target: Path) -> None:
    """Write a backup and read it again.

    Args:
        vault: The open vault; others may go on using it.
        home: Where the events are.
        target: A new file.

    Raises:
        ConfigError: The file is there already, or cannot be written.
        VerificationFailed: The vault was altered, or the backup does not read as it was written.
    """
    with workshop(home) as folder, fresh_file(target) as file:
        copies = [folder / home.vault.name]
        vault.storage.file.copy(copies[0])
        with Vault(Storage(copies[0]), vault.keys, vault.entropy) as copy:
            copy.check()
            head = _pack(copy.header)
        if home.events.exists():
            copies.append(folder / home.events.name)
            _copy_database(home.events, copies[1])
        file.write(head)
        sealed = SealingWriter(file, vault.keys.subkey(_USE), head)
        with tarfile.open(fileobj=cast("BinaryIO", sealed), mode="w|") as archive:
            for path in copies:
                archive.add(path, arcname=path.name, recursive=False)
        sealed.finish()
        file.seek(len(head))
        if _digests(file, vault.keys.subkey(_USE), head) != {p.name: _digest(p) for p in copies}:
            raise VerificationFailed("backup", "it does not read as it was written")


def restore(source: Path, home: ClientHome, passphrase: bytes) -> None:
    """Put a backup, or the file of a vault, in place of a vault that is gone.

    Events that are there stay: they are the member's newer ones, or the same. The vault is marked as
    put back on purpose; what it has spent since the backup, only published events know.

    Args:
        source: The backup, or a vault's file.
        home: Where to; it has no vault.
        passphrase: What opened the vault on the day of the backup.

    Raises:
        ConfigError: There is a vault already, or the file cannot be read.
        IdentityError: The passphrase is wrong.
        VerificationFailed: The file is no backup, or was altered or cut off.
    """
    require_no_vault(home)
    try:
        file = source.open("rb")
    except OSError as error:
        raise ConfigError(f"{source} cannot be read: {error.strerror}") from error
    with file, workshop(home) as folder:
        if file.peek(len(_SQLITE)).startswith(_SQLITE):
            _copy_database(source, folder / home.vault.name)
        else:
            head, header = _unpack(file)
            key = unlock(header, passphrase, os.urandom).subkey(_USE)
            _extract(file, key, head, folder, {home.vault.name, home.events.name})
        with Vault.open(folder / home.vault.name, passphrase, put_back=True) as vault:
            note_restored(vault, int(time.time()))
            abandon_all(vault)
        install(folder, home)


def _pack(header: Header) -> bytes:
    kdf, wrapped = header.kdf, header.wrapped
    fixed = _HEADER.pack(header.vault_id, header.epoch, kdf.passes, kdf.memory, header.salt, len(wrapped))
    return _MAGIC + fixed + wrapped


def _unpack(file: BinaryIO) -> tuple[bytes, Header]:
    start = file.read(len(_MAGIC) + _HEADER.size)
    if not start.startswith(_MAGIC) or len(start) != len(_MAGIC) + _HEADER.size:
        raise VerificationFailed("backup", "it is no backup of this version of folkmoot")
    vault_id, epoch, passes, memory, salt, length = _HEADER.unpack(start[len(_MAGIC) :])
    wrapped = file.read(min(length, _MOST_WRAPPED))
    header = Header(
        vault_id=vault_id, epoch=epoch, kdf=Kdf(passes=passes, memory=memory), salt=salt, wrapped=wrapped
    )
    return start + wrapped, header


def _extract(file: BinaryIO, key: bytes, head: bytes, folder: Path, names: set[str]) -> None:
    reader = OpeningReader(file, key, head)
    try:
        with tarfile.open(fileobj=cast("BinaryIO", reader), mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if member.name not in names or content is None:
                    raise VerificationFailed("backup", "there is something else in it")
                write_new(cast("BinaryIO", content), folder / member.name)
    except (tarfile.TarError, FileExistsError) as error:
        raise VerificationFailed("backup", "it is no archive") from error
    reader.finish()


def _digests(file: BinaryIO, key: bytes, head: bytes) -> dict[str, bytes]:
    reader, found = OpeningReader(file, key, head), {}
    with tarfile.open(fileobj=cast("BinaryIO", reader), mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member)
            found[member.name] = b"" if content is None else _digest_of(cast("BinaryIO", content))
    reader.finish()
    return found


def _digest(path: Path) -> bytes:
    with path.open("rb") as stream:
        return _digest_of(stream)


def _digest_of(stream: BinaryIO) -> bytes:
    found = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        found.update(chunk)
    return found.digest()


def _copy_database(source: Path, target: Path) -> None:
    """Write a consistent copy of a database that others may be writing."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise ConfigError(f"{source} cannot be copied: {error}") from error
