"""An item opens for the aggregator alone, and for nothing but what it was sent for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.validation import wire
from aggregator.validation.wire import Slip, joined, most_bytes, split
from federation.errors import FolkmootError, IdentityError, PeerError
from federation.hashing import sha256
from tests.agreed import AGGREGATOR, DOMAIN, identity
from tests.unit.aggregator.validation.scene import manifest

SLIP = Slip(domain=DOMAIN, provider=1, item="part-2")
LONG = bytes(range(256)) * 2000


@pytest.mark.parametrize("content", [b"", b"x", LONG])
def test_content_comes_back_when_the_aggregator_unseals_it(content):
    assert SLIP.unseal(SLIP.seal(content, AGGREGATOR.did), AGGREGATOR) == content


def test_content_stays_shut_when_another_unseals_it():
    with pytest.raises(IdentityError):
        SLIP.unseal(SLIP.seal(b"secret", AGGREGATOR.did), identity("stranger"))


@pytest.mark.parametrize(
    "other",
    [
        replace(SLIP, item="part-3"),
        replace(SLIP, provider=2),
        replace(SLIP, domain=replace(DOMAIN, epoch=2)),
        replace(SLIP, domain=replace(DOMAIN, chain_id=1)),
    ],
)
def test_body_is_refused_when_it_was_sealed_for_something_else(other):
    with pytest.raises(PeerError, match="does not belong"):
        other.unseal(SLIP.seal(b"secret", AGGREGATOR.did), AGGREGATOR)


def cut(blocks):
    return blocks[:-1]


def swapped(blocks):
    return [blocks[1], blocks[0], *blocks[2:]]


def doubled(blocks):
    return [*blocks, blocks[-1]]


@pytest.mark.parametrize("change", [cut, swapped, doubled])
def test_body_is_refused_when_its_pieces_were_changed(change):
    blocks = split(SLIP.seal(LONG, AGGREGATOR.did))
    assert len(blocks) == 3
    with pytest.raises(PeerError, match="does not belong"):
        SLIP.unseal(joined(change(blocks)), AGGREGATOR)


@given(st.binary(max_size=200))
def test_body_is_refused_and_nothing_else_happens_when_it_is_garbage(data):
    with pytest.raises(FolkmootError):
        SLIP.unseal(data, AGGREGATOR)


@given(st.lists(st.binary(max_size=50), min_size=1))
def test_pieces_come_back_when_they_are_split(pieces):
    assert split(joined(pieces)) == pieces
    with pytest.raises(PeerError):
        split(joined(pieces) + b"\0")
    with pytest.raises(PeerError):
        split(joined(pieces), count=len(pieces) + 1)


def test_signed_bytes_differ_when_anything_does():
    digest = sha256(b"body")
    others = [
        SLIP.signed_bytes(sha256(b"other")),
        replace(SLIP, item="part-3").signed_bytes(digest),
        replace(SLIP, provider=2).signed_bytes(digest),
        replace(SLIP, domain=replace(DOMAIN, epoch=2)).signed_bytes(digest),
    ]
    assert SLIP.signed_bytes(digest) not in others
    assert len(set(others)) == 4


@pytest.mark.parametrize(
    "item", ["commit", "consent", "preimage-1", "preimage-3", "part-3", "reveal-0", "reveal-3"]
)
def test_item_has_a_limit_when_it_belongs_to_the_epoch(item):
    assert 0 < most_bytes(item, manifest()) <= wire.MOST_BYTES


@pytest.mark.parametrize(
    "item",
    ["", "x", "preimage-0", "preimage-4", "part-04", "part-1\n", "reveal-4", "reveal-01", "event-1", "../x"],
)
def test_item_is_refused_when_no_epoch_has_it(item):
    with pytest.raises(PeerError):
        most_bytes(item, manifest())


def test_event_of_a_round_is_an_item_when_shards_are_revealed_in_rounds():
    assert most_bytes(wire.event(1), manifest(reveal="round"))
