"""Settling an epoch: one cumulative Merkle root pays any number of members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ceramic_bridge.events import InitPayload, SignedEvent
from contracts.abi import to_address
from contracts.chain import Chain, Signer
from contracts.deploy import Deployment
from federation.hashing import did_hash
from federation.reward import PayoutTable, Terms, payable
from federation.types import Address, Did, Wei


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an epoch pays.

    Attributes:
        paid: Wei per member that is paid; members without an agreed payee get nothing.
        payees: The agreed payee of each member that has one.
        table: The cumulative payout table.
    """

    paid: Mapping[Did, Wei]
    payees: Mapping[Did, Address]
    table: PayoutTable


def wanted_payees(data_events: Iterable[SignedEvent]) -> dict[Did, Address]:
    """Return the payee that each member itself signed for, in its newest data event."""
    wanted: dict[Did, Address] = {}
    for event in data_events:
        if isinstance(event.payload, InitPayload):
            raw = bytes.fromhex(str(event.payload.content["payee"]).removeprefix("0x"))
            wanted[event.signer] = to_address(raw)
    return wanted


def settle(
    deployment: Deployment,
    terms: Terms,
    credits: Mapping[Did, int],
    wanted: Mapping[Did, Address],
    *,
    chain_id: int,
) -> Settlement:
    """Compute an epoch's payout table.

    A member is paid at the account that its own signed event names, provided that account signed
    that it accepts: either alone could be somebody else's claim.
    """
    payees = {
        did: payee
        for did, payee in wanted.items()
        if did in credits and deployment.registry.accepts(did_hash(did), payee)
    }
    due = payable({did: credits[did] for did in payees}, terms.funds)
    amounts: dict[Address, int] = {}
    for did, wei in due.items():
        amounts[payees[did]] = amounts.get(payees[did], 0) + wei
    table = PayoutTable.build(chain_id, deployment.pool.address, amounts)
    return Settlement(due, payees, table)


def propose(deployment: Deployment, settlement: Settlement, sender: Signer) -> None:
    """Propose the table's root; the challenge window opens."""
    deployment.federation.propose(sender, settlement.table.tree().root, settlement.table.total)


def finalize_and_claim(deployment: Deployment, settlement: Settlement, chain: Chain, anyone: Signer) -> None:
    """Wait out the challenge window, finalize, and claim for every payee; anyone may do so.

    A payee whose claim somebody sent already is passed over.
    """
    wait = deployment.federation.challenge_end() - chain.timestamp
    if wait > 0:
        chain.advance_time(wait)
    deployment.federation.finalize(anyone)
    tree = settlement.table.tree()
    for i, (payee, wei) in enumerate(settlement.table.rows):
        if deployment.pool.paid(payee) < wei:
            deployment.pool.claim(anyone, payee, wei, tree.proof(i))
