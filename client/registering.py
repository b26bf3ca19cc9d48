"""A member tells the aggregator which node is its own: a signed statement, handed to the desk."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, build_opener

from ceramic_bridge.blobs import Stay
from federation.errors import ConfigError, IdentityError, PeerError
from federation.nodestatement import NodeStatement, member_digest

if TYPE_CHECKING:
    from client.identity import Session
    from client.membership import Membership
    from client.node.folder import Proof

_SECONDS: Final = 60.0
_MOST_ANSWER: Final = 1 << 16


def make_statement(session: Session, membership: Membership, proof: Proof, *, now: int) -> NodeStatement:
    """Sign that a node connects for the member.

    Args:
        session: Who signs for the member.
        membership: Of the federation.
        proof: The node's key and its own signature.
        now: Unix seconds.

    Raises:
        IdentityError: The proof was made for another member or federation.
    """
    chain_id, node_key = membership.manifest.chain.chain_id, bytes.fromhex(proof.node_key)
    digest = member_digest(chain_id, membership.federation, session.did, node_key, now)
    made = NodeStatement(
        chain_id=chain_id,
        federation=membership.federation,
        did=session.did,
        payee=membership.payee,
        node_key=node_key,
        at=now,
        signer=session.identity.did,
        signature=session.identity.sign(digest),
        possession=bytes.fromhex(proof.possession),
        capability=b"" if session.capability is None else session.capability.block,
    )
    made.require_possession()
    return made


def hand_in(statement: NodeStatement, desk: str) -> int:
    """Give a statement to the aggregator.

    Args:
        statement: The member's.
        desk: URL of the aggregator's desk.

    Returns:
        The number that the SuperLink knows the node by.

    Raises:
        ConfigError: The desk is no URL.
        IdentityError: The aggregator does not let the node in.
        PeerError: It cannot now, or does not answer.
    """
    parts = urlsplit(desk)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError("the desk is no URL", hint="name it with --desk https://...")
    url = f"{desk.rstrip('/')}/v1/nodes"
    headers = {"Content-Type": "application/json"}
    asked = Request(url, statement.to_bytes(), headers)  # noqa: S310 -- http or https, as was checked
    try:
        with build_opener(Stay).open(asked, timeout=_SECONDS) as answer:
            found = _table(answer.read(_MOST_ANSWER))
    except HTTPError as error:
        with error:
            raise _refusal(error.code, _table(error.read(_MOST_ANSWER))) from error
    except (URLError, HTTPException, OSError) as error:
        raise PeerError(f"the desk does not answer: {type(error).__name__}") from error
    number = found.get("node")
    if not isinstance(number, str) or not (number.isascii() and number.isdigit() and len(number) <= 20):
        raise PeerError("the desk's answer names no node", hint="is it the aggregator's desk?")
    return int(number)


def _table(data: bytes) -> dict[str, object]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(status: int, answer: dict[str, object]) -> IdentityError | PeerError:
    told = answer.get("error")
    message = told.get("message") if isinstance(told, dict) else None
    hint = told.get("hint") if isinstance(told, dict) else None
    text = f"the aggregator does not let the node in: {message or f'status {status}'}"
    kind = IdentityError if status in {400, 403} else PeerError
    return kind(text, hint=hint if isinstance(hint, str) else None)
