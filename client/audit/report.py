"""A signed report of an audit: what was promised, what was measured, and who says so."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from ceramic_bridge.did import verify
from federation.canonical import parse_table
from federation.errors import IdentityError, VerificationFailed
from federation.types import Did

if TYPE_CHECKING:
    from ceramic_bridge.did import Identity
    from client.audit.trial import Findings

_PURPOSE: Final = b"folkmoot.audit.1\n"

MOST_BYTES: Final = 1 << 16
"""In a report."""

_MEANINGS: Final = {
    "auc": "how well the best attack tells who is in",
    "epsilon-lower-bound": "epsilon that is refuted at 95 % confidence",
    "noise": "noise where no example is, against the promise",
    "shared-noise": "what two rounds' noise have in common",
    "retry": "what changes when a round is asked for again",
}


def sign_report(findings: Findings, identity: Identity, *, version: str, time: int) -> bytes:
    """Return the report as canonical JSON with the member's signature.

    Args:
        findings: What was found.
        identity: Whose client was audited.
        version: Of this software.
        time: Unix seconds.
    """
    report = {
        **asdict(findings),
        "manifest": findings.manifest.hex(),
        "gates": [asdict(gate) for gate in findings.gates],
        "passed": findings.passed,
        "version": version,
        "time": time,
    }
    signature = identity.sign(_PURPOSE + _encode(report)).hex()
    return _encode({"report": report, "did": identity.did, "signature": signature})


def check_report(data: bytes) -> tuple[Did, dict[str, object]]:
    """Return who signed a report and what it says.

    Raises:
        VerificationFailed: It is no report, or was altered.
    """
    try:
        table = parse_table(data)
        report, did, signature = table["report"], table["did"], table["signature"]
        if not (isinstance(report, dict) and isinstance(did, str) and isinstance(signature, str)):
            raise VerificationFailed("audit report", "not a report")
        verify(Did(did), _PURPOSE + _encode(report), bytes.fromhex(signature))
    except (ValueError, KeyError) as error:
        raise VerificationFailed("audit report", "not a report") from error
    except IdentityError as error:
        raise VerificationFailed("audit report", "its signature does not fit") from error
    if _encode(table) != data:
        raise VerificationFailed("audit report", "not in its one form")
    return Did(did), report


def lines(findings: Findings) -> list[str]:
    """Return the findings for people, a line each."""
    head = (
        f"{findings.rounds} rounds of {findings.federation} promise epsilon {findings.epsilon:.3f} "
        f"at delta {findings.delta:g}; {findings.canaries} canaries were sent through the real client"
    )
    rows = [
        f"  {'ok   ' if gate.passed else 'WRONG'} {gate.name:<20} {gate.measured:8.4f}   "
        f"promised {gate.promised:8.4f}   limit {gate.limit:8.4f}   {_MEANINGS[gate.name]}"
        for gate in findings.gates
    ]
    return [head, *rows]


def _encode(table: dict[str, object]) -> bytes:
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
