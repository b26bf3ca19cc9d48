"""How a federation stands: what the contract says, what providers have handed in, what the money does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aggregator.operator.amounts import tokens
from contracts.agreement import account
from contracts.bindings.structs import Phase
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contracts.chain import Chain
    from contracts.deploy import Deployment
    from federation.manifest import Manifest

_WAITS_FOR: Final = {
    Phase.CLOSED: "the next epoch",
    Phase.OPEN: "the next round",
    Phase.COMMIT: "members' commitments",
    Phase.REVEAL: "members' deltas",
    Phase.DRAW: "the draw of a shard",
    Phase.RECORD: "the round's record",
    Phase.SETTLE: "the validation set and a proposal of pay",
    Phase.PROPOSED: "the end of the challenge window",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """What one party has at stake.

    Attributes:
        who: aggregator, or provider and its number.
        did: Its DID.
        wei: What stands for the epoch under way, or for the next one.
        needed: What the manifest asks.
        items: What the aggregator has of it in this epoch, a provider's only.
    """

    who: str
    did: Did
    wei: int
    needed: int
    items: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A federation at one moment.

    Attributes:
        phase: What the contract is in.
        epoch: The epoch under way, or the last one; 0 before the first.
        round: The round under way, or the last one.
        rounds: Rounds of an epoch.
        recorded: Rounds that are recorded and not proven wrong.
        left: Seconds left for the phase's duty; None where there is none.
        members: Members of the epoch, as its terms say.
        unallocated: Wei in the pool that nobody is promised.
        promised: Wei that members may have claimed, ever.
        paid: Wei that were claimed.
        bonds: What is at stake.
    """

    phase: Phase
    epoch: int
    round: int
    rounds: int
    recorded: int
    left: int | None
    members: int
    unallocated: int
    promised: int
    paid: int
    bonds: tuple[Bond, ...]

    def lines(self) -> Iterator[str]:
        """Yield it as text for a person."""
        left = (
            ""
            if self.left is None
            else f", {self.left} s left"
            if self.left >= 0
            else f", OVERDUE by {-self.left} s"
        )
        yield f"epoch {self.epoch}, {self.phase.name}: waits for {_WAITS_FOR[self.phase]}{left}"
        if self.epoch:
            yield f"round {self.round} of {self.rounds}, {self.recorded} recorded, {self.members} members"
        yield (
            f"pool: {tokens(self.unallocated)} not promised, {tokens(self.promised)} promised in all, "
            f"{tokens(self.paid)} claimed"
        )
        for bond in self.bonds:
            short = f", LACKS {tokens(bond.needed - bond.wei)}" if bond.wei < bond.needed else ""
            items = f"; sent {', '.join(bond.items)}" if bond.items else ""
            yield f"{bond.who}: {tokens(bond.wei)} at stake{short}{items}"

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values; wei as text."""
        return {
            "phase": self.phase.name.lower(),
            "epoch": self.epoch,
            "round": self.round,
            "rounds": self.rounds,
            "recorded": self.recorded,
            "seconds_left": self.left,
            "members": self.members,
            "unallocated_wei": str(self.unallocated),
            "promised_wei": str(self.promised),
            "paid_wei": str(self.paid),
            "bonds": [
                {
                    "who": bond.who,
                    "did": bond.did,
                    "wei": str(bond.wei),
                    "needed_wei": str(bond.needed),
                    "items": list(bond.items),
                }
                for bond in self.bonds
            ],
        }


def look(
    chain: Chain,
    deployment: Deployment,
    manifest: Manifest,
    *,
    items: Callable[[int, int], Mapping[str, object]],
    members: Callable[[int], int],
) -> Overview:
    """Ask the contracts how a federation stands.

    Args:
        chain: Where they are.
        deployment: The contracts.
        manifest: What was agreed.
        items: Returns by name what the aggregator has of a provider in an epoch.
        members: Returns how many members an epoch has.

    Raises:
        ChainError: The chain cannot be read.
    """
    federation, vault, pool = deployment.federation, deployment.vault, deployment.pool
    phase, epoch = federation.phase(), federation.epoch()
    accounts = [account(manifest.chain.aggregator), *map(account, manifest.chain.providers)]
    needed = [manifest.bonds.aggregator_wei, *([manifest.bonds.provider_wei] * len(manifest.providers))]
    names = ["aggregator", *(f"provider {i}" for i in range(len(manifest.providers)))]
    dids = [Did(manifest.parties.aggregator), *manifest.providers]
    # A bond that leaves stands for the epoch under way, and for no other.
    stake = vault.standing if phase is Phase.CLOSED else vault.bond_of
    # Providers work for the next epoch before it is open.
    wanted = epoch + 1 if phase is Phase.CLOSED else epoch
    sent = [(), *(tuple(items(wanted, i)) for i in range(len(manifest.providers)))]
    return Overview(
        phase=phase,
        epoch=epoch,
        round=federation.round_(),
        rounds=manifest.rounds,
        recorded=federation.recorded(),
        left=None if phase is Phase.CLOSED else federation.deadline() - chain.timestamp,
        members=members(epoch) if epoch else 0,
        unallocated=pool.unallocated(),
        promised=pool.total_cumulative(),
        paid=pool.total_paid(),
        bonds=tuple(
            Bond(who=who, did=did, wei=stake(at), needed=int(least), items=got)
            for who, did, at, least, got in zip(names, dids, accounts, needed, sent, strict=True)
        ),
    )
