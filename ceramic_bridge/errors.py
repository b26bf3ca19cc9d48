"""The bridge's own branch of the error tree in ``federation.errors``."""

from __future__ import annotations

from federation.errors import PeerError


class MalformedData(PeerError):
    """Bytes, text or fields from outside do not have the one form they must have."""

    code = "malformed-data"
