"""Validators' votes for a proposal (``ValidatorQuorum.sol``), EIP-712."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contracts.accounts import Account
from contracts.bindings.structs import Ballot, Proposal, Vote
from federation.types import Address

_FIELDS: Final = (
    ("federation", "address"),
    ("epoch", "uint64"),
    ("rounds", "uint32"),
    ("payoutRoot", "bytes32"),
    ("total", "uint256"),
    ("settlementRoot", "bytes32"),
)


def ballot_of(federation: Address, epoch: int, proposal: Proposal) -> Ballot:
    """Return what validators vote on: all of a proposal that they recompute."""
    return Ballot(
        federation=federation,
        epoch=epoch,
        rounds=proposal.rounds,
        payout_root=proposal.payout_root,
        total=proposal.total,
        settlement_root=proposal.settlement_root,
    )


def vote(validator: Account, ballot: Ballot, *, place: int, chain_id: int, judge: Address) -> Vote:
    """Sign a ballot. A validator signs only what it has recomputed itself: its bond stands for it.

    Args:
        validator: Whose vote.
        ballot: What is proposed.
        place: The validator's place in the federation's list, from 0.
        chain_id: The federation's chain.
        judge: The ``ValidatorQuorum``.
    """
    signature = validator.sign_typed_data(
        {
            "name": "Folkmoot ValidatorQuorum",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": judge,
        },
        {"Proposal": [{"name": name, "type": kind} for name, kind in _FIELDS]},
        dict(zip((name for name, _ in _FIELDS), ballot.to_abi(), strict=True)),
    )
    return Vote(validator=place, signature=signature)


def in_order(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """Return votes as ``uphold`` takes them."""
    return tuple(sorted(votes, key=lambda v: v.validator))
