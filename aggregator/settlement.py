"""Settling an epoch: one cumulative Merkle root pays any number of members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aggregator.delegation import speaker
from aggregator.public import PublicDirectory
from ceramic_bridge.events import InitPayload, SignedEvent
from contracts.abi import to_address
from contracts.bindings.contributor_registry import ContributorRegistry
from contracts.chain import Chain, Signer
from contracts.deploy import Deployment
from federation.hashing import Domain, did_hash
from federation.rostertree import NO_PAYEE
from federation.trace import Settlement
from federation.types import Address, Did

SETTLEMENT_ROUND = 0
"""The round number under which the settlement's records are hashed."""


def wanted_payees(data_events: Iterable[SignedEvent]) -> dict[Did, Address]:
    """Return the payee that each member itself signed for, in its newest data event."""
    wanted: dict[Did, Address] = {}
    for event in data_events:
        if isinstance(event.payload, InitPayload):
            raw = bytes.fromhex(str(event.payload.content["payee"]).removeprefix("0x"))
            wanted[speaker(event)] = to_address(raw)
    return wanted


def agreed_payees(registry: ContributorRegistry, wanted: Mapping[Did, Address]) -> dict[Did, Address]:
    """Return who is paid for each member, as the registry stands.

    The account that the member's own signed event names, provided that account signed that it
    accepts, or whom it handed over to: either alone could be somebody else's claim.
    """
    found = {did: registry.payee_of(did_hash(did), payee) for did, payee in wanted.items()}
    return {did: payee for did, payee in found.items() if payee != NO_PAYEE}


def propose(deployment: Deployment, settlement: Settlement, domain: Domain, sender: Signer) -> None:
    """Propose the table's root; the challenge window opens."""
    table = settlement.table(domain.chain_id, deployment.pool.address)
    root = settlement.trace.root(domain, SETTLEMENT_ROUND)
    deployment.federation.propose(sender, table.tree().root, table.total, root)


def publish(settlement: Settlement, domain: Domain, deployment: Deployment, public: PublicDirectory) -> None:
    """Publish what a proposal is recomputed from: every step of it, and the table."""
    public.put(settlement.trace.to_bytes())
    public.put(settlement.table(domain.chain_id, deployment.pool.address).to_bytes())


def finalize_and_claim(
    deployment: Deployment, settlement: Settlement, domain: Domain, chain: Chain, anyone: Signer
) -> None:
    """Wait out the challenge window, finalize, and claim for every payee; anyone may do so.

    A payee whose claim somebody sent already is passed over.
    """
    wait = deployment.federation.deadline() - chain.timestamp
    if wait > 0:
        chain.advance_time(wait)
    deployment.federation.finalize(anyone)
    table = settlement.table(domain.chain_id, deployment.pool.address)
    tree = table.tree()
    for i, (payee, wei) in enumerate(table.rows):
        if deployment.pool.paid(payee) < wei:
            deployment.pool.claim(anyone, payee, wei, tree.proof(i))
