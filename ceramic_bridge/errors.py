"""The bridge's own branch of the error tree in ``federation.errors``."""

from __future__ import annotations

from federation.errors import ConfigError, PeerError


class MalformedData(PeerError):
    """Bytes, text or fields from outside do not have the one form they must have."""

    code = "malformed-data"


class TooLong(PeerError):
    """A stream is too much work for the one who was asked to replay it."""

    code = "stream-too-long"


class StoreError(ConfigError):
    """An event store cannot be opened, read or written."""

    code = "store"
