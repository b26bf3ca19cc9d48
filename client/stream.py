"""A long file sealed in chunks with libsodium's secretstream; the last is marked, so that a cut shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from nacl import bindings as sodium
from nacl.exceptions import CryptoError

from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 1 << 16
_EXTRA = sodium.crypto_secretstream_xchacha20poly1305_ABYTES
_START = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_MESSAGE = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL


class SealingWriter:
    """Seals what is written to it; ``finish`` it, or what was written cannot be opened.

    Args:
        file: Where the chunks go.
        key: 32 bytes; the stream draws its own nonce from the operating system.
        context: Bound to the first chunk, e.g. what stands before the stream.
    """

    def __init__(self, file: BinaryIO, key: bytes, context: bytes) -> None:
        self._file, self._held, self._context = file, bytearray(), context
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        file.write(sodium.crypto_secretstream_xchacha20poly1305_init_push(self._state, key))

    def write(self, data: bytes) -> int:
        """Take some bytes."""
        self._held += data
        while len(self._held) > _CHUNK:
            self._push(bytes(self._held[:_CHUNK]), _MESSAGE)
            del self._held[:_CHUNK]
        return len(data)

    def finish(self) -> None:
        """Write what is left as the last chunk."""
        self._push(bytes(self._held), _FINAL)

    def _push(self, chunk: bytes, tag: int) -> None:
        push: Callable[..., bytes] = sodium.crypto_secretstream_xchacha20poly1305_push
        self._file.write(push(self._state, chunk, self._context, tag))
        self._context = b""


class OpeningReader:
    """Reads what a ``SealingWriter`` wrote.

    Args:
        file: Where the chunks are.
        key: The writer's key.
        context: The writer's context.

    Raises:
        VerificationFailed: The stream does not start like one.
    """

    def __init__(self, file: BinaryIO, key: bytes, context: bytes) -> None:
        self._file, self._held, self._context, self._ended = file, bytearray(), context, False
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        start = file.read(_START)
        if len(start) != _START:
            raise _broken()
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(self._state, start, key)

    def read(self, n: int) -> bytes:
        """Return ``n`` bytes, fewer only at the end.

        Raises:
            VerificationFailed: A chunk was altered, moved or cut off.
        """
        while len(self._held) < n and not self._ended:
            self._pull()
        found = bytes(self._held[:n])
        del self._held[:n]
        return found

    def finish(self) -> None:
        """Read to the end and see that it is the end.

        Raises:
            VerificationFailed: Something is cut off, or follows.
        """
        while not self._ended:
            self._held.clear()
            self._pull()
        if self._file.read(1):
            raise _broken()

    def _pull(self) -> None:
        sealed = self._file.read(_CHUNK + _EXTRA)
        try:
            chunk, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(self._state, sealed, self._context)
        except (CryptoError, TypeError, ValueError) as error:
            raise _broken() from error
        self._held += chunk
        self._context, self._ended = b"", tag == _FINAL


def _broken() -> VerificationFailed:
    return VerificationFailed("backup", "it was altered or cut off", hint="use another backup")
