"""What a secure round says on chain, and the randomness that it takes from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.drawing import put_off
from aggregator.onchain import once
from aggregator.outbox import called
from federation.secagg.setup import key_word, sum_word

if TYPE_CHECKING:
    from aggregator.gathering import Stand
    from federation.fixedpoint import Ints
    from federation.secagg.messages import KeyList
    from federation.secagg.terms import Terms
    from federation.types import Hash32


class Beacons:
    """Announces words, each once, and waits for blocks."""

    def __init__(self, stand: Stand) -> None:
        """Take the round."""
        self._stand = stand

    def beacon(self, terms: Terms, key_list: KeyList) -> Hash32:
        """Announce a key list, and return the hash of the block that makes its graph.

        Raises:
            ChainError: The chain cannot be reached.
        """
        word = key_word(terms, key_list)
        self._announce(word, f"keys {terms.attempt}")
        return self._hash_after(self._stand.view.announced(word))

    def challenge(self) -> Hash32:
        """Return the randomness of the norm check: the hash of a block after the commit root's.

        Raises:
            ChainError: The chain cannot be reached.
        """
        stand = self._stand
        return self._hash_after(stand.view.commits_closed_in(stand.epoch.domain.epoch, stand.round))

    def announce_sum(self, terms: Terms, reveal_root: Hash32, total: Ints) -> bool:
        """Announce a sum, before anybody can know which shard is drawn; a draw that is too early waits.

        Returns:
            Whether it was in time: a draw cannot be put off for ever.

        Raises:
            ChainError: The chain cannot be reached.
        """
        stand, word = self._stand, sum_word(terms, reveal_root, total)
        view, place = stand.view, (stand.epoch.domain.epoch, stand.round)
        if view.drawn_shard(*place):
            return 0 < view.announced(word) <= view.draw_target(*place)
        self._announce(word, "sum")
        return put_off(stand.ports, view, place, view.announced(word))

    def _announce(self, word: Hash32, label: str) -> None:
        ports, view = self._stand.ports, self._stand.view
        with called(ports.chain, label):
            once(
                ports.chain,
                lambda: view.announced(word) != 0,
                lambda sender: ports.federation.announce(sender, word),
                ports.sender,
            )

    def _hash_after(self, block: int) -> Hash32:
        chain = self._stand.ports.chain
        target = block + self._stand.epoch.manifest.chain.draw_delay
        while chain.settled < target:
            chain.mine()
        return self._stand.view.hash_of(target)
