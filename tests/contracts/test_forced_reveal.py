"""A member whom the aggregator ignores reveals on chain, with the bytes and hashes that Python makes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from contracts.bindings.errors import UnknownCommitment
from contracts.bindings.federation import RevealForced
from federation.delta import delta_bytes, delta_hash
from federation.fixedpoint import Ints
from federation.hashing import Domain, abi_words, commitment, did_hash, keccak256
from federation.membertree import MemberTree
from federation.types import Did, Hash32

from .conftest import DELAY, DIM, World, h, refused

ME, OTHER = Did("did:key:zMe"), Did("did:key:zOther")
SALT = h("salt")
DELTA = np.arange(DIM, dtype=np.int64) - 3
BASE = h("base")


@dataclass
class Member:
    """Everything that it takes to reveal; each part can be changed."""

    world: World
    tree: MemberTree
    delta: Ints

    def force(self, **changes) -> object:
        given = {
            "did_hash": did_hash(ME),
            "delta": delta_bytes(self.delta),
            "salt": SALT,
            "proof": self.tree.proofs().get(ME, ()),
            "words": self.world.words(),
        } | changes
        return self.world.federation.force_reveal(self.world.stranger, **given)


def committed(world: World, delta: Ints = DELTA) -> Member:
    """A round whose commit root holds two members' commitments."""
    domain = Domain(chain_id=world.chain.chain_id, federation=world.federation.address, epoch=1)
    mine = commitment(domain, 1, did=ME, base_hash=BASE, delta_sha256=delta_hash(delta), salt=SALT)
    tree = MemberTree.build({ME: mine, OTHER: h("other's")})
    world.open()
    world.federation.open_round(world.aggregator, BASE)
    world.federation.close_commits(world.aggregator, tree.root)
    return Member(world, tree, delta)


def test_delta_counts_as_revealed_when_the_member_forces_it(world: World) -> None:
    member = committed(world)
    assert world.federation.forced(1, 1, did_hash(ME)) == bytes(32)
    (event,) = RevealForced.decode_logs(member.force().logs)
    assert (event.epoch, event.round_, event.did_hash) == (1, 1, did_hash(ME))
    assert (event.delta_sha256, event.salt) == (delta_hash(DELTA), SALT)
    assert world.federation.forced(1, 1, did_hash(ME)) == delta_hash(DELTA)
    with refused("AlreadyForced", did_hash(ME)):
        member.force()


def test_delta_is_taken_up_to_the_block_that_draws(world: World) -> None:
    member = committed(world)
    world.federation.close_reveals(world.aggregator, h("reveal"))
    target = world.federation.draw_target()
    snapshot = world.chain.snapshot()
    world.chain.mine(DELAY - 1)
    member.force()
    assert world.chain.block_number == target
    world.chain.revert(snapshot)
    world.chain.mine(DELAY)
    with refused("RevealTooLate", target, target + 1):
        member.force()


@pytest.mark.parametrize("dim", [0, DIM - 1, DIM + 1])
def test_delta_is_refused_when_its_dimension_is_another(world: World, dim: int) -> None:
    member = committed(world, np.zeros(dim, dtype=np.int64))
    with refused("InvalidDelta", 8 + 8 * dim, DIM):
        member.force()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        delta_bytes(DELTA)[:-1],
        b"FMD2" + delta_bytes(DELTA)[4:],
        delta_bytes(DELTA)[:4] + (DIM + 1).to_bytes(4, "little") + delta_bytes(DELTA)[8:],
        delta_bytes(DELTA)[:4] + DIM.to_bytes(4, "big") + delta_bytes(DELTA)[8:],
    ],
)
def test_delta_is_refused_when_its_bytes_are_not_canonical(world: World, raw: bytes) -> None:
    member = committed(world)
    with refused("InvalidDelta", len(raw), DIM):
        member.force(delta=raw)


@pytest.mark.parametrize(
    "changes",
    [{"delta": delta_bytes(DELTA + 1)}, {"salt": h("another")}, {"did_hash": did_hash(OTHER)}, {"proof": ()}],
)
def test_delta_is_refused_when_it_does_not_open_the_commitment(world: World, changes) -> None:
    member = committed(world)
    with pytest.raises(UnknownCommitment):
        member.force(**changes)


def test_delta_is_refused_when_the_rounds_words_are_others(world: World) -> None:
    member = committed(world)
    words = replace(world.words(), commit_root=h("another"))
    digest = keccak256(abi_words(BASE))
    given, stored = (keccak256(abi_words(digest, root)) for root in (words.commit_root, member.tree.root))
    with refused("WrongWords", given, stored):
        member.force(words=words)
    assert world.federation.round_digest(1, 1) == stored


def test_delta_is_refused_when_it_is_not_time_to_reveal(world: World) -> None:
    member = committed(world)
    world.chain.advance_time(world.federation.deadline() - world.chain.timestamp - 12)
    with refused("DeadlinePassed", world.federation.deadline()):
        member.force()
    world.federation.lapse(world.stranger, world.terms())
    with refused("WrongPhase", 6, 3):
        member.force()


def test_commitment_of_nobody_is_no_members(world: World) -> None:
    world.open()
    world.federation.open_round(world.aggregator, BASE)
    empty = MemberTree.build({})
    world.federation.close_commits(world.aggregator, empty.root)
    with pytest.raises(UnknownCommitment):
        Member(world, empty, DELTA).force()
    assert Hash32(world.words().commit_root) == empty.root
