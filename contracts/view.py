"""A federation's chain as the other rooms ask it: plain questions, plain answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.bindings.federation import Federation, Phase

if TYPE_CHECKING:
    from federation.types import Hash32


class FederationView:
    """Answers members (base, commit root) and providers (draw, end of rounds)."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation

    def base_hash(self, epoch: int, round_: int) -> Hash32:
        """Return the base model that ``openRound`` recorded; zero before."""
        return self._federation.round_info(epoch, round_).base_hash

    def commit_root(self, epoch: int, round_: int) -> Hash32:
        """Return the root that ``closeCommits`` recorded; zero before."""
        return self._federation.round_info(epoch, round_).commit_root

    def drawn_shard(self, epoch: int, round_: int) -> int:
        """Return the shard drawn for a round; 0 before the draw."""
        return self._federation.round_info(epoch, round_).shard

    def rounds_over(self, epoch: int) -> bool:
        """Tell whether every round of an epoch is recorded."""
        federation = self._federation
        if federation.epoch() != epoch:
            return federation.epoch() > epoch
        last = federation.round_info(epoch, federation.rounds())
        return federation.phase() >= Phase.OPEN and any(last.model_hash)
