"""The sealed validation set opens to what was committed, or not at all."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import ConfigError, VerificationFailed
from federation.models.linear import Examples
from federation.validation import (
    Entry,
    Index,
    Part,
    commitment_bytes,
    deal,
    example_bytes,
    examples_bytes,
    mean_bytes,
    opening_bytes,
    parse_examples,
    parse_mean,
    parse_opening,
    require_shards,
)
from tests.unit.federation._world import DOMAIN, examples, rows

DIM = 40


def _part(shard: int = 1, provider: int = 0, n: int = 5) -> Part:
    rng = np.random.default_rng(10 * shard + provider)
    return Part(
        shard=shard,
        provider=provider,
        salts=tuple(rng.bytes(32) for _ in range(n)),
        examples=examples(rows(rng, n, DIM)),
    )


def _index(*parts: Part) -> Index:
    return Index(tuple(Entry(p.shard, p.provider, len(p.examples), p.root(DOMAIN)) for p in parts))


PARTS = (_part(0, 0), _part(1, 0), _part(1, 1))
INDEX = _index(*PARTS)


def _open(data: bytes, *, shard: int = 1, provider: int = 0, domain=DOMAIN, index: Index = INDEX) -> Part:
    return index.open(data, shard=shard, provider=provider, domain=domain, dim=DIM)


def test_part_opens_when_it_is_the_committed_one():
    part = _open(PARTS[1].to_bytes())
    assert part.to_bytes() == PARTS[1].to_bytes()
    assert part.examples.labels.tolist() == PARTS[1].examples.labels.tolist()


def _with_rows(part: Part, change) -> Part:
    at = part.examples.offsets.tolist()
    of = [part.examples.words[a:b].tolist() for a, b in itertools.pairwise(at)]
    labels = part.examples.labels.tolist()
    change(of, labels)
    return replace(part, examples=Examples.build(of, labels))


def _swap_label(of, labels):
    labels[2] = 1 - labels[2]


def _swap_word(of, labels):
    of[0] = sorted(set(of[0]) ^ {3})


def _swap_order(of, labels):
    of[0], of[1], labels[0], labels[1] = of[1], of[0], labels[1], labels[0]


FORGED = {
    "label": _with_rows(PARTS[1], _swap_label),
    "word": _with_rows(PARTS[1], _swap_word),
    "order": _with_rows(PARTS[1], _swap_order),
    "salt": replace(PARTS[1], salts=(bytes(32), *PARTS[1].salts[1:])),
    "salts' order": replace(PARTS[1], salts=PARTS[1].salts[::-1]),
    "shard": replace(PARTS[1], shard=2),
    "provider": replace(PARTS[1], provider=1),
    "another part": PARTS[2],
}


@pytest.mark.parametrize("what", FORGED)
def test_part_is_refused_when_one_thing_is_altered(what):
    with pytest.raises(VerificationFailed, match="shard 1 of provider 0: differs from its commitment"):
        _open(FORGED[what].to_bytes())


def test_part_is_refused_when_it_was_committed_for_another_place():
    places = [
        replace(DOMAIN, epoch=2),
        replace(DOMAIN, chain_id=1),
        replace(DOMAIN, federation="0x" + "cd" * 20),
    ]
    for place in places:
        with pytest.raises(VerificationFailed, match="differs from its commitment"):
            _open(PARTS[1].to_bytes(), domain=place)


def test_part_is_refused_when_it_was_never_committed():
    with pytest.raises(VerificationFailed, match="shard 3 of provider 0: never committed"):
        _open(_part(3).to_bytes(), shard=3)


@pytest.mark.parametrize("n", [4, 6])
def test_part_is_refused_when_it_has_another_number_of_examples(n):
    with pytest.raises(VerificationFailed):
        _open(_part(1, 0, n).to_bytes())


def test_part_is_refused_when_examples_without_salts_follow():
    more = Examples.concat([PARTS[1].examples, PARTS[2].examples])
    with pytest.raises(VerificationFailed, match="10 examples, 5 were committed"):
        _open(replace(PARTS[1], examples=more).to_bytes())


@given(st.integers(0, 8 * len(PARTS[1].to_bytes()) - 1))
def test_part_is_refused_when_any_bit_flips(bit):
    data = bytearray(PARTS[1].to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VerificationFailed):
        _open(bytes(data))


@given(st.integers(0, len(PARTS[1].to_bytes()) - 1))
def test_part_is_refused_when_it_is_cut_short(length):
    with pytest.raises(VerificationFailed):
        _open(PARTS[1].to_bytes()[:length])
    with pytest.raises(VerificationFailed):
        _open(PARTS[1].to_bytes() + bytes(1 + length % 7))


def test_empty_part_opens_when_its_provider_had_nothing_left():
    empty = Part(shard=1, provider=0, salts=(), examples=Examples.build([], []))
    index = _index(empty)
    assert index.entries[0].root == bytes(32)
    assert len(_open(empty.to_bytes(), index=index).examples) == 0
    with pytest.raises(VerificationFailed):
        _open(PARTS[1].to_bytes(), index=index)


def test_salt_hides_equal_examples_when_parts_are_committed():
    other = replace(PARTS[1], salts=tuple(bytes([i]) * 32 for i in range(5)))
    assert other.root(DOMAIN) != PARTS[1].root(DOMAIN)


def test_index_root_changes_when_any_field_of_an_entry_does():
    first, *rest = INDEX.entries
    changed = [
        replace(first, shard=9),
        replace(first, provider=9),
        replace(first, count=9),
        replace(first, root=bytes(32)),
    ]
    roots = {Index((entry, *rest)).root for entry in changed}
    assert len(roots | {INDEX.root, Index(INDEX.entries[::-1]).root}) == 6


def test_index_reads_back_when_its_bytes_are_canonical():
    assert Index.parse(INDEX.to_bytes()) == INDEX


@given(st.integers(0, 8 * len(INDEX.to_bytes()) - 1))
def test_index_changes_its_root_or_is_refused_when_a_bit_flips(bit):
    data = bytearray(INDEX.to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    try:
        index = Index.parse(bytes(data))
    except VerificationFailed:
        assert bit < 32
    else:
        assert index.to_bytes() == bytes(data)
        assert index.root != INDEX.root


@pytest.mark.parametrize(
    "data", [b"", b"FMI1", b"FMI2" + bytes(44), b"FMI1" + bytes(43), b"FMI1" + bytes(45)]
)
def test_index_is_refused_when_its_bytes_are_not_entries(data):
    with pytest.raises(VerificationFailed, match="not an index"):
        Index.parse(data)


def test_smallest_shard_is_the_least_sum_over_providers_when_the_public_portion_is_less():
    parts = (_part(0, 0, 2), _part(1, 0, 5), _part(1, 1, 4), _part(2, 0, 3), _part(2, 1, 5), _part(3, 0, 9))
    assert _index(*parts).smallest_shard() == 8
    assert _index(_part(0, 0, 2)).smallest_shard() == 0


PUBLIC = [PARTS[0].to_bytes(), b"", b"\xff" * 3]
SIGNATURES = [bytes([i]) * 64 for i in range(3)]
OPENING = opening_bytes(INDEX, PUBLIC, SIGNATURES)


def test_opening_reads_back_when_each_provider_has_a_part_and_a_signature():
    assert parse_opening(OPENING) == (INDEX, PUBLIC, SIGNATURES)
    assert OPENING.startswith(len(INDEX.to_bytes()).to_bytes(4, "little") + INDEX.to_bytes())


@pytest.mark.parametrize(("public", "signatures"), [(PUBLIC[:2], SIGNATURES), (PUBLIC, SIGNATURES[:2])])
def test_opening_is_refused_when_parts_and_signatures_are_not_as_many(public, signatures):
    with pytest.raises(VerificationFailed, match="validation opening: not in canonical form"):
        parse_opening(opening_bytes(INDEX, public, signatures))


@given(st.integers(0, len(OPENING) - 1))
def test_opening_is_refused_when_it_is_cut_short_or_goes_on(length):
    # A cut between two pieces leaves an opening of fewer, with as many parts as signatures or refused.
    for data in (OPENING[:length], OPENING + bytes(1 + length % 3)):
        try:
            index, public, signatures = parse_opening(data)
        except VerificationFailed:
            continue
        assert opening_bytes(index, public, signatures) == data != OPENING
        assert len(public) == len(signatures) < 3


@given(st.integers(0, 8 * len(OPENING) - 1))
def test_opening_differs_or_is_refused_when_a_bit_flips(bit):
    data = bytearray(OPENING)
    data[bit // 8] ^= 1 << bit % 8
    try:
        parsed = parse_opening(bytes(data))
    except VerificationFailed:
        return
    assert opening_bytes(*parsed) == bytes(data)
    assert parsed != (INDEX, PUBLIC, SIGNATURES)


@pytest.mark.parametrize("data", [b"", bytes(4), b"\xff" * 4, (4).to_bytes(4, "little") + b"FMI1"])
def test_opening_is_refused_when_it_has_no_index(data):
    with pytest.raises(VerificationFailed, match="validation index: not an index"):
        parse_opening(data)


def test_providers_commitment_changes_when_any_part_of_it_does():
    entries, tip = INDEX.entries[:2], bytes(32)
    signed = {
        commitment_bytes(*given)
        for given in (
            (DOMAIN, 0, entries, tip),
            (DOMAIN, 1, entries, tip),
            (DOMAIN, 0, entries[:1], tip),
            (DOMAIN, 0, entries[::-1], tip),
            (DOMAIN, 0, (entries[0], replace(entries[1], root=bytes(32))), tip),
            (DOMAIN, 0, (entries[0], replace(entries[1], count=6)), tip),
            (DOMAIN, 0, entries, bytes(31) + b"\1"),
            (replace(DOMAIN, epoch=2), 0, entries, tip),
            (replace(DOMAIN, chain_id=1), 0, entries, tip),
            (replace(DOMAIN, federation="0x" + "cd" * 20), 0, entries, tip),
        )
    }
    assert len(signed) == 10
    assert {len(s) for s in signed} == {32}


labelled = st.lists(st.tuples(st.sets(st.integers(0, DIM - 1), max_size=6), st.integers(0, 1)), max_size=6)


@given(labelled)
def test_examples_read_back_when_their_bytes_are_canonical(of):
    sets = Examples.build([sorted(w) for w, _ in of], [y for _, y in of])
    again = parse_examples(examples_bytes(sets), dim=DIM)
    assert again.words.tolist() == sets.words.tolist()
    assert again.offsets.tolist() == sets.offsets.tolist()
    assert again.labels.tolist() == sets.labels.tolist()


@given(labelled, st.data())
def test_examples_differ_or_are_refused_when_a_bit_flips(of, data):
    original = examples_bytes(Examples.build([sorted(w) for w, _ in of], [y for _, y in of]))
    bit = data.draw(st.integers(0, 8 * len(original) - 1))
    flipped = bytearray(original)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        again = parse_examples(bytes(flipped), dim=DIM)
    except VerificationFailed:
        return
    assert examples_bytes(again) == bytes(flipped)


def _raw(label: int, *words: int) -> bytes:
    body = b"".join(w.to_bytes(4, "little") for w in words)
    return b"FME1" + (1).to_bytes(4, "little") + bytes([label]) + len(words).to_bytes(4, "little") + body


def test_examples_are_accepted_when_written_by_hand():
    assert example_bytes(parse_examples(_raw(1, 3, 9), dim=10), 0) == _raw(1, 3, 9)[8:]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"FME1",
        _raw(2, 3),
        _raw(1, 9, 3),
        _raw(1, 3, 3),
        _raw(1, 10),
        _raw(1, 3)[:-1],
        _raw(1, 3) + b"\0",
    ],
)
def test_examples_are_refused_when_not_canonical(data):
    with pytest.raises(VerificationFailed):
        parse_examples(data, dim=10)


def test_mean_is_rounded_down_when_counts_do_not_divide():
    assert parse_mean(mean_bytes(np.array([0, 1, 3]), 3), dim=3).tolist() == [0, 4096 // 3, 4096]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        mean_bytes(np.array([0, 1]), 3),
        mean_bytes(np.array([0, 1, 4]), 3),
        mean_bytes(np.array([0, -1, 3]), 3),
        mean_bytes(np.array([0, 0, 0]), 0),
        b"FMC1" + (1 << 63).to_bytes(8, "little") + bytes(24),
        b"FMC1" + (1 << 60).to_bytes(8, "little") + 3 * (1 << 59).to_bytes(8, "little"),
        b"FMC2" + mean_bytes(np.array([0, 1, 3]), 3)[4:],
        mean_bytes(np.array([0, 1, 3]), 3) + b"\0",
    ],
)
def test_mean_is_refused_when_its_bytes_are_not_counts(data):
    with pytest.raises(VerificationFailed, match="validation mean"):
        parse_mean(data, dim=3)


@given(
    st.lists(st.integers(0, 1), min_size=1, max_size=200),
    st.integers(1, 12),
    st.integers(1, 500),
    st.integers(0, 20),
    st.integers(0, 1000),
)
def test_deal_is_complete_disjoint_and_stratified_when_labels_are_any(labels, shards, milli, start, seed):
    hands = deal(labels, shards=shards, public_milli=milli, shuffle=random.Random(seed).shuffle, start=start)
    assert len(hands) == shards + 1
    assert sorted(i for hand in hands for i in hand) == list(range(len(labels)))
    sizes = [len(hand) for hand in hands[1:]]
    assert max(sizes) - min(sizes) <= 1
    for label in (0, 1):
        held = [sum(labels[i] == label for i in hand) for hand in hands]
        assert max(held[1:]) - min(held[1:]) <= 1
        exact = labels.count(label) * milli / 1000
        assert exact <= held[0] < exact + 1


def test_deal_follows_the_providers_randomness_when_it_shuffles():
    labels = [0, 1] * 40
    dealt = [
        deal(labels, shards=4, public_milli=100, shuffle=random.Random(s).shuffle, start=0) for s in (1, 1, 2)
    ]
    assert dealt[0] == dealt[1] != dealt[2]


def test_remainders_fall_on_different_shards_when_starts_differ():
    sizes: Counter[int] = Counter()
    for provider in range(3):
        hands = deal([0] * 14, shards=10, public_milli=1, shuffle=lambda _: None, start=3 * provider)
        sizes.update({k: len(hand) for k, hand in enumerate(hands) if k})
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_shards_are_the_rounds_when_each_has_twenty():
    require_shards(228, rounds=10, public_milli=100, providers=3)


@pytest.mark.parametrize(("rounds", "made", "allowed"), [(10, 19, 9), (40, 4, 9)])
def test_set_is_refused_with_the_rounds_it_allows_when_shards_would_be_small(rounds, made, allowed):
    with pytest.raises(ConfigError, match=f"shards of {made} for {rounds} rounds") as caught:
        require_shards(227, rounds=rounds, public_milli=100, providers=3)
    assert f"allows {allowed} rounds" in (caught.value.hint or "")


@given(
    st.lists(st.integers(0, 1), min_size=60, max_size=400),
    st.integers(1, 4),
    st.integers(1, 12),
    st.integers(1, 300),
)
def test_every_shard_holds_twenty_when_the_set_was_accepted(labels, providers, rounds, milli):
    hands: list[list[list[int]]] = []
    try:
        require_shards(len(labels), rounds=rounds, public_milli=milli, providers=providers)
    except ConfigError:
        return
    start = 0
    for provider in range(providers):
        own = labels[provider::providers]
        dealt = deal(own, shards=rounds, public_milli=milli, shuffle=lambda _: None, start=start)
        start += sum(len(hand) for hand in dealt[1:])
        hands.append(dealt)
    assert all(sum(len(dealt[k]) for dealt in hands) >= 20 for k in range(1, rounds + 1))
