"""The draw of a round's shard, which anybody may make once its block is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aggregator.onchain import once
from aggregator.outbox import called
from contracts.bindings.blockhash_randomness import BlockhashRandomness
from contracts.bindings.federation import PreimageShown
from contracts.bindings.structs import Phase
from federation.errors import PeerError
from federation.hashing import keccak256

if TYPE_CHECKING:
    from aggregator.driver import Ports
    from aggregator.epoch import OpenEpoch
    from contracts.view import FederationView
    from federation.types import Hash32


MOST_PUT_OFFS: Final = 3
"""``MAX_RETARGETS`` of the contract."""


def draw(ports: Ports, epoch: OpenEpoch, view: FederationView, round_: int) -> int:
    """Have a round's shard drawn, and return its number.

    Raises:
        PeerError: A provider withholds its preimage; the others' are on chain, so that it alone is liable.
        ChainError: The chain refuses, e.g. because the phase's time is over.
    """
    federation, number = ports.federation, epoch.domain.epoch
    if view.drawn_shard(number, round_):
        return view.drawn_shard(number, round_)
    # Before the target is there nobody who is careful uncovers anything.
    while ports.chain.block_number < (target := federation.draw_target()):
        ports.chain.mine()
    preimages = _preimages(ports, epoch, view, round_)
    if federation.phase() is Phase.DRAW and _expired(ports, target):
        _retarget(ports, target)
        return draw(ports, epoch, view, round_)
    once(
        ports.chain,
        lambda: view.drawn_shard(number, round_) != 0,
        lambda sender: federation.draw_shard(sender, preimages),
        ports.sender,
    )
    return view.drawn_shard(number, round_)


def put_off(ports: Ports, view: FederationView, place: tuple[int, int], block: int) -> bool:
    """Have a draw not yet made wait for a block that is not before another one, if that is still possible.

    A target that was there too early has to expire first, on a chain of 12 seconds for most of an hour.
    Anybody may put off a draw whose target has expired, so the contract allows it a few times only.

    Returns:
        Whether the draw's target is not before the block.
    """
    while (target := ports.federation.draw_target()) < block:
        if view.put_offs(*place) >= MOST_PUT_OFFS:
            return False
        while not _expired(ports, target):
            ports.chain.mine()
        _retarget(ports, target)
    return True


def _expired(ports: Ports, target: int) -> bool:
    return BlockhashRandomness(ports.chain, ports.federation.config().randomness).expired(target)


def _retarget(ports: Ports, target: int) -> None:
    federation = ports.federation
    with called(ports.chain, f"from {target}"):
        once(ports.chain, lambda: federation.draw_target() != target, federation.retarget, ports.sender)


def _preimages(ports: Ports, epoch: OpenEpoch, view: FederationView, round_: int) -> list[Hash32]:
    """Return every provider's preimage: from it, or from the chain if it showed it there."""
    found: dict[int, Hash32] = {}
    silent: dict[int, PeerError] = {}
    for i, provider in enumerate(ports.providers):
        try:
            found[i] = provider.preimage(round_)
        except PeerError as error:
            silent[i] = error
    if silent:
        shown = _shown(ports, epoch, view, round_)
        found |= shown
    if len(found) == len(ports.providers):
        return [found[i] for i in range(len(found))]
    silent = {i: error for i, error in silent.items() if i not in found}
    tips = _tips(epoch, view, round_)
    for i in silent:
        _make_liable(ports, epoch, i)
    for i, preimage in found.items():
        if i not in shown and keccak256(preimage) == tips[i]:
            with called(ports.chain, f"of {i}"):
                ports.federation.show_preimage(ports.sender, i, preimage, tips)
    first = min(silent)
    raise PeerError(
        f"provider {first} withholds its preimage for round {round_}: {silent[first].message}",
        hint=f"it must show it before {ports.federation.deadline()} (Unix seconds), or its bond is lost",
    )


def _shown(ports: Ports, epoch: OpenEpoch, view: FederationView, round_: int) -> dict[int, Hash32]:
    """Return the preimages that were shown on chain."""
    place = epoch.domain.epoch, round_
    logs = ports.federation.logs(view.opened_in(epoch.domain.epoch))
    return {e.provider: e.preimage for e in PreimageShown.decode_logs(logs) if (e.epoch, e.round_) == place}


def _make_liable(ports: Ports, epoch: OpenEpoch, provider: int) -> None:
    """Put a provider's consent on chain: without it the aggregator answers for what it withholds."""
    with called(ports.chain, f"of {provider}"):
        ports.federation.consent(ports.sender, provider, epoch.terms, epoch.consents[provider])


def _tips(epoch: OpenEpoch, view: FederationView, round_: int) -> tuple[Hash32, ...]:
    """Return the tips of the providers' hash chains as they stand: what the round before has uncovered."""
    return epoch.terms.provider_tips if round_ == 1 else view.preimages(epoch.domain.epoch, round_ - 1)
