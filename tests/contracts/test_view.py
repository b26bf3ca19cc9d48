"""The view answers from logs what the contract only keeps a digest of, whatever the chain does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from contracts.bindings.federation import Federation, ShardDrawn
from contracts.chain import Log, Reader
from contracts.view import FederationView
from federation.errors import ChainError
from federation.types import Hash32

from .conftest import World, h

ZERO = Hash32(bytes(32))


@dataclass
class Spy:
    """A federation that notes from which block its logs are read."""

    bound: Federation
    reader: Reader
    asked: list[int] = field(default_factory=list)

    def logs(self, from_block: int = 0) -> tuple[Log, ...]:
        self.asked.append(from_block)
        return self.bound.logs(from_block)

    def epoch(self) -> int:
        return self.bound.epoch()


def spied(world: World) -> tuple[Spy, FederationView]:
    spy = Spy(world.federation, world.chain)
    return spy, FederationView(spy)


def test_words_appear_when_each_phase_commits_them(world: World) -> None:
    federation, view = world.federation, FederationView(world.federation)
    world.open(rounds=1)
    empty = view.words(1, 1)
    assert (empty.base_hash, empty.shard, empty.receipt_hash) == (ZERO, 0, ZERO)
    federation.open_round(world.aggregator, h("base"))
    assert (view.base_hash(1, 1), view.commit_root(1, 1)) == (h("base"), ZERO)
    federation.close_commits(world.aggregator, h("commit"))
    assert (view.commit_root(1, 1), view.words(1, 1).reveal_root) == (h("commit"), ZERO)
    federation.close_reveals(world.aggregator, h("reveal"))
    assert (view.words(1, 1).reveal_root, view.drawn_shard(1, 1)) == (h("reveal"), 0)
    with pytest.raises(ChainError, match="has drawn no shard"):
        view.draw_seed(1, 1)
    world.draw()
    (drawn,) = ShardDrawn.decode_logs(federation.logs())
    assert view.draw_seed(1, 1) == drawn.seed != ZERO
    assert view.drawn_shard(1, 1) in {1, 2, 3}
    assert (view.words(1, 1).model_hash, view.rounds_over(1)) == (ZERO, False)
    world.record()
    words = view.words(1, 1)
    assert (words.model_hash, words.events_root) == (h("r model"), h("r events"))
    assert (words.trace_root, words.receipt_hash) == (h("r trace"), h("r receipt"))
    assert (words.base_hash, words.commit_root) == (h("base"), h("commit"))
    assert view.rounds_over(1)


def test_words_count_as_announced_when_it_was_between_a_rounds_opening_and_its_draw(world: World) -> None:
    federation, view = world.federation, FederationView(world.federation)
    world.open(rounds=2)
    federation.announce(world.aggregator, h("early"))
    federation.open_round(world.aggregator, h("base"))
    listed = federation.announce(world.aggregator, h("list")).block_number
    federation.close_commits(world.aggregator, h("commit"))
    federation.close_reveals(world.aggregator, h("reveal"))
    summed = federation.announce(world.aggregator, h("sum")).block_number
    assert view.announced_during(1, 1) == {}
    assert view.draw_target(1, 1) == 0
    target = federation.draw_target()
    while federation.reader.block_number < target:
        world.chain.mine()
    federation.announce(world.aggregator, h("too late"))
    world.draw()
    assert view.draw_target(1, 1) == target
    # A second announcement of the same word is none, and one after the draw comes too late.
    for word in ("list", "early", "late"):
        federation.announce(world.aggregator, h(word))
    assert view.announced_during(1, 1) == {h("list"): listed, h("sum"): summed}
    world.record()
    world.play_round()
    assert view.announced_during(1, 2) == {}


def test_rounds_are_over_when_the_last_is_recorded_or_a_later_epoch_runs(world: World) -> None:
    view = FederationView(world.federation)
    world.open(rounds=2, funds=0)
    assert not view.rounds_over(1)
    world.play_round()
    assert not view.rounds_over(1)
    world.play_round()
    assert view.rounds_over(1)
    world.settle(h("p"), 0)
    world.open(rounds=1, funds=0)
    assert view.rounds_over(1)
    assert not view.rounds_over(2)
    assert not view.rounds_over(3)


def test_terms_are_those_that_were_opened_when_they_are_asked_for(world: World) -> None:
    view = FederationView(world.federation)
    with pytest.raises(ChainError, match="epoch 1 was never opened"):
        view.terms(1)
    opened = world.open()
    assert view.terms(1) == opened
    with pytest.raises(ChainError, match="epoch 2 was never opened"):
        view.terms(2)


def test_logs_are_read_once_when_the_chain_only_grows(world: World) -> None:
    spy, view = spied(world)
    world.open()
    view.terms(1)
    head = world.chain.block_number
    view.terms(1)
    assert spy.asked == [0]
    world.federation.open_round(world.aggregator, h("base"))
    assert view.base_hash(1, 1) == h("base")
    assert spy.asked == [0, head + 1]


@pytest.mark.parametrize("longer", [0, 1, 4])
def test_everything_is_read_again_when_the_chain_was_reorganised(world: World, longer: int) -> None:
    spy, view = spied(world)
    world.open(rounds=2)
    snapshot = world.chain.snapshot()
    world.federation.open_round(world.aggregator, h("lost"))
    world.federation.close_commits(world.aggregator, h("lost commit"))
    assert view.words(1, 1).commit_root == h("lost commit")
    world.chain.revert(snapshot)
    world.federation.open_round(world.aggregator, h("found"))
    # As high as before, or higher; then the same number names another block.
    world.chain.mine(1 + longer)
    words = view.words(1, 1)
    assert (words.base_hash, words.commit_root) == (h("found"), ZERO)
    assert view.terms(1).rounds == 2
    assert spy.asked == [0, 0]


def test_what_is_gone_is_forgotten_when_the_chain_became_shorter(world: World) -> None:
    _, view = spied(world)
    snapshot = world.chain.snapshot()
    world.open()
    world.to_draw()
    assert view.words(1, 1).reveal_root == h("r reveal")
    world.chain.revert(snapshot)
    assert view.words(1, 1).reveal_root == ZERO
    with pytest.raises(ChainError, match="never opened"):
        view.terms(1)


def test_round_tells_when_it_opened_when_time_goes_on(world: World) -> None:
    view = FederationView(world.federation)
    world.open()
    with pytest.raises(ChainError, match="round 1 of epoch 1 was never opened"):
        view.opened_at(1, 1)
    snapshot = world.chain.snapshot()
    world.federation.open_round(world.aggregator, h("base"))
    opened = world.chain.timestamp
    world.chain.advance_time(1000)
    world.chain.mine(2)
    assert world.chain.timestamp > opened + 1000
    assert view.opened_at(1, 1) == opened
    # Another history opens it at another time.
    world.chain.revert(snapshot)
    world.chain.advance_time(500)
    world.federation.open_round(world.aggregator, h("base"))
    assert view.opened_at(1, 1) == world.chain.timestamp != opened


def test_log_is_taken_once_when_it_came_after_the_head_was_read(world: World) -> None:
    class Behind:
        """A node whose head is one block old for the first question."""

        def __init__(self, chain: Reader) -> None:
            self._chain, self._first = chain, True

        @property
        def block_number(self) -> int:
            late, self._first = self._first, False
            return self._chain.block_number - late

        settled = block_number

        def block_hash(self, number: int) -> Hash32:
            return self._chain.block_hash(number)

    world.open()
    world.federation.open_round(world.aggregator, h("base"))
    spy = Spy(world.federation, Behind(world.chain))
    view = FederationView(spy)
    assert (view.base_hash(1, 1), view.terms(1).rounds) == (ZERO, 2)
    assert view.base_hash(1, 1) == h("base")
    assert spy.asked == [0, world.chain.block_number]


def test_log_is_taken_when_its_block_is_confirmed_later(world: World) -> None:
    class Cautious:
        """A node that shows logs only two blocks later."""

        def __init__(self, chain: Reader) -> None:
            self._chain = chain

        @property
        def settled(self) -> int:
            return self._chain.block_number - 2

        def block_hash(self, number: int) -> Hash32:
            return self._chain.block_hash(number)

    world.open()
    world.federation.open_round(world.aggregator, h("base"))
    view = FederationView(Spy(world.federation, Cautious(world.chain)))
    assert view.base_hash(1, 1) == ZERO
    world.chain.mine(2)
    assert view.base_hash(1, 1) == h("base")


def test_beacon_is_what_nobody_chose_when_a_round_may_open(world: World) -> None:
    world.open()
    view = FederationView(world.federation)
    assert view.beacon(1, 1) == world.chain.block_hash(view.opened_in(1))
    with pytest.raises(ChainError, match="has drawn no shard"):
        view.beacon(1, 2)
    with pytest.raises(ChainError):
        view.beacon(2, 1)
