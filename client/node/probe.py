"""One look at the SuperLink before the node starts: Flower's own retries do not say why they fail."""

from __future__ import annotations

import http.client
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from client.node.errors import CertificateRefused, ClockOff, SuperLinkUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AHEAD, BEHIND = 5.0, 305.0
"""Seconds that a node's clock may be ahead or behind: Flower's ``SYSTEM_TIME_TOLERANCE``, and that
with ``TIMESTAMP_TOLERANCE``."""

_SECONDS: Final = 10.0

_EXPIRED, _NOT_YET, _OTHER_HOST = 10, 9, {62, 64}
"""X.509 verification errors of OpenSSL (``x509_vfy.h``)."""


def probe(superlink: str, root: Path, *, now: Callable[[], float] = time.time) -> None:
    """Connect as the node would.

    Args:
        superlink: ``host:port``.
        root: PEM of the authority to trust.
        now: Unix seconds.

    Raises:
        SuperLinkUnreachable: Nothing answers there.
        CertificateRefused: It is not the SuperLink, or its certificate has expired.
        ClockOff: The clocks of the two sides differ too much.
    """
    host, _, port = superlink.rpartition(":")
    host = host.strip("[]")
    try:
        context = ssl.create_default_context(cafile=str(root))
    except (OSError, ssl.SSLError) as error:
        raise CertificateRefused(f"{root} holds no certificate") from error
    line = http.client.HTTPSConnection(host, int(port), timeout=_SECONDS, context=context)
    try:
        before = now()
        line.request("HEAD", "/", headers={"Connection": "close"})
        there = line.getresponse().getheader("Date")
        after = now()
    except ssl.SSLCertVerificationError as error:
        raise _certificate(superlink, error) from error
    except ssl.SSLError as error:
        raise SuperLinkUnreachable(
            f"{superlink} does not speak TLS", hint="is it the SuperLink's address and port?"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or "no answer"
        raise SuperLinkUnreachable(
            f"the SuperLink at {superlink} cannot be reached: {reason.lower()}",
            hint="it may be down for a while; else check the network, and the address with the aggregator",
        ) from error
    finally:
        line.close()
    _require_clock(there, before, after)


def _require_clock(there: str | None, before: float, after: float) -> None:
    if there is None:
        return
    try:
        # Whole seconds, cut off.
        told = parsedate_to_datetime(there).timestamp()
    except ValueError:
        return
    ahead, behind = before - (told + 1), told - after
    if ahead <= AHEAD and behind <= BEHIND:
        return
    word, seconds = ("ahead", ahead) if ahead > behind else ("behind", behind)
    raise ClockOff(
        f"this machine's clock is {round(seconds)} seconds {word} of the SuperLink's",
        hint="set it, best by a time service: the SuperLink refuses what is signed at another time",
    )


def _certificate(superlink: str, error: ssl.SSLCertVerificationError) -> CertificateRefused:
    if error.verify_code == _EXPIRED:
        return CertificateRefused(
            f"the certificate of {superlink} has expired",
            hint="the aggregator must renew it; or this machine's clock is far ahead",
        )
    if error.verify_code == _NOT_YET:
        return CertificateRefused(
            f"the certificate of {superlink} is not valid yet", hint="is this machine's clock far behind?"
        )
    if error.verify_code in _OTHER_HOST:
        return CertificateRefused(
            f"the certificate of {superlink} is for another host",
            hint="join with the host name that the aggregator's certificate is for",
        )
    return CertificateRefused(
        f"the certificate of {superlink} is not from the authority that this member trusts",
        hint="do not go on before you know why: another machine may answer there. If the aggregator "
        "changed its authority, join again with the new root certificate",
    )
