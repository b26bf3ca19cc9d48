"""What counts of a chain is what lies deep enough, and nothing of what has vanished."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from aggregator.validation.standing import Tape, standing
from contracts import abi
from contracts.bindings.federation import (
    Cancelled,
    DrawRetargeted,
    EpochOpened,
    Finalized,
    Lapsed,
    PreimageShown,
    RevealsClosed,
    RoundRecorded,
    ShardDrawn,
)
from contracts.bindings.structs import EpochTerms
from contracts.chain import Log
from federation.hashing import sha256
from federation.types import Hash32
from tests.agreed import DOMAIN
from tests.unit.aggregator.validation.scene import Scene

ZERO = Hash32(bytes(32))


def log(kind, block, *values):
    types = abi.parameter_types(kind.SIGNATURE)
    rows = list(zip(types, kind.INDEXED, values, strict=True))
    topics = [abi.encode([t], [v]) for t, indexed, v in rows if indexed]
    data = abi.encode([t for t, i, _ in rows if not i], [v for _, i, v in rows if not i])
    return Log(
        address=DOMAIN.federation,
        topics=(Hash32(abi.topic(kind.SIGNATURE)), *map(Hash32, topics)),
        data=data,
        block_number=block,
        index=0,
        transaction_hash=sha256(f"{kind.__name__} {block}".encode()),
    )


@pytest.fixture(scope="module")
def terms(tmp_path_factory) -> EpochTerms:
    made = Scene.make(tmp_path_factory.mktemp("terms")).proposal().terms
    return replace(made, rounds=2)


@pytest.fixture
def logs(terms):
    """An epoch of two rounds to the second draw, an event in every block from 1 on."""
    return [
        log(EpochOpened, 1, 1, terms.to_abi(), 500),
        log(RevealsClosed, 2, 1, 1, ZERO, 10, 1000),
        log(DrawRetargeted, 3, 1, 1, 20),
        log(PreimageShown, 4, 1, 1, 2, ZERO),
        log(ShardDrawn, 5, 1, 1, 3, ZERO, ZERO, (sha256(b"a"), sha256(b"b"), sha256(b"c")), 2000),
        log(RoundRecorded, 6, 1, 1, ZERO, ZERO, ZERO, ZERO, 3000),
        log(RevealsClosed, 7, 1, 2, ZERO, 30, 4000),
        log(ShardDrawn, 8, 1, 2, 1, ZERO, ZERO, (ZERO, ZERO, ZERO), 5000),
    ]


def test_rounds_stand_as_their_events_say(logs, terms):
    found = standing(8, logs)
    epoch = found.epochs[1]
    assert epoch.terms == terms
    assert (epoch.recorded, epoch.ended) == (1, False)
    assert (epoch.rounds[1].target, epoch.rounds[1].deadline, epoch.rounds[1].shown) == (20, 1000, {2})
    assert epoch.rounds[1].preimages == (sha256(b"a"), sha256(b"b"), sha256(b"c"))
    drawn = [found.drawn_shard(e, r) for e, r in ((1, 1), (1, 2), (1, 3), (2, 1))]
    assert drawn == [3, 1, 0, 0]
    assert not found.rounds_over(1)
    assert not found.rounds_over(2)


@pytest.mark.parametrize(
    "last",
    [
        log(RoundRecorded, 9, 1, 2, ZERO, ZERO, ZERO, ZERO, 0),
        log(Cancelled, 9, 1, 2, 1, 0),
        log(Lapsed, 9, 1, 2, 3, 0),
        log(Finalized, 9, 1, ZERO, 0),
    ],
)
def test_epoch_is_over_when_its_last_round_is_recorded_or_it_was_left(logs, last):
    assert standing(9, [*logs, last]).rounds_over(1)


@dataclass
class Chain:
    """Blocks that can be taken back."""

    blocks: list[tuple[bytes, list[Log]]] = field(default_factory=lambda: [(b"genesis", [])])
    asked: list[int] = field(default_factory=list)

    @property
    def block_number(self) -> int:
        return len(self.blocks) - 1

    def block_hash(self, number: int) -> Hash32:
        return sha256(self.blocks[number][0])

    def logs(self, first: int) -> list[Log]:
        self.asked.append(first)
        return [log for _, logs in self.blocks[first:] for log in logs]


@pytest.fixture
def chain(logs):
    made = Chain()
    made.blocks += [(b"block %d" % one.block_number, [one]) for one in logs]
    return made


def tape(chain, depth):
    return Tape(SimpleNamespace(reader=chain, logs=chain.logs), depth)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 9, 50])
def test_event_counts_when_it_lies_deep_enough(chain, depth):
    found = tape(chain, depth).read()
    assert found.block == max(0, 9 - depth)
    assert found.drawn_shard(1, 1) == (3 if depth <= 4 else 0)
    assert (1 in found.epochs) == (depth <= 8)


def test_event_is_read_once_when_the_chain_grows(chain):
    reader = tape(chain, 3)
    assert reader.read().drawn_shard(1, 2) == 0
    chain.blocks += [(b"9", []), (b"10", [])]
    assert reader.read().drawn_shard(1, 2) == 1
    assert reader.read().drawn_shard(1, 2) == 1
    assert chain.asked == [0, 7]


def test_vanished_event_does_not_count_when_the_chain_was_reorganised(chain, terms):
    reader = tape(chain, 1)
    assert reader.read().drawn_shard(1, 1) == 3
    other = log(ShardDrawn, 5, 1, 1, 2, ZERO, ZERO, (ZERO, ZERO, ZERO), 2000)
    chain.blocks[5:] = [(b"other 5", [other]), (b"6", []), (b"7", []), (b"8", [])]
    found = reader.read()
    assert found.drawn_shard(1, 1) == 2
    assert found.epochs[1].recorded == 0
    del chain.blocks[2:]
    assert reader.read().epochs[1].rounds == {}
