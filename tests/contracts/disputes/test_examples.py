"""Labels, scales, shards and the mean; the defence of an accused provider."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregator.challenge.examples import doubled, example, mean, open_part, size
from aggregator.challenge.openings import Validation
from contracts import abi
from contracts.bindings.errors import (
    InvalidRecord,
    NotInIndex,
    NotInPart,
    NotOfProvider,
    NotThisRound,
    WrongBytes,
    WrongFormat,
    WrongPart,
    WrongWords,
)
from contracts.bindings.example_disputes import ExampleDisputes
from contracts.bindings.structs import EpochTerms, Opening, PartEntry, RoundWords
from federation.hashing import keccak256, sha256
from federation.merkle import leaf_hash
from federation.models.linear import MEAN_BITS, Design, Examples
from federation.trace import Op, Record, Trace
from federation.validation import Entry, Index, Part
from tests.rounds import Size

from .court import Court, changed, refused, words_of

CLEARED = abi.topic("Cleared(uint32)")


@pytest.fixture(scope="module")
def court() -> Court:
    return Court.open(ExampleDisputes)


def drawn(court: Court, position: int) -> RoundWords:
    """The words of the round that drew a position's shard, as the federation stores them."""
    return court.honest(position or 1).words


@pytest.mark.parametrize("round_", [1, 3])
def test_every_example_is_judged(court: Court, round_: int) -> None:
    rng = np.random.default_rng(round_)
    trace = court.epoch.rounds[round_ - 1].trace
    for position in range(round_ + 1):
        case = court.honest(round_)
        count = case.value(Op.EXAMPLES, 0, position, "size")
        for e in range(count):
            court.acquits(example(case, court.validation, position, e))
        for name in ("labels", "scales"):
            e = int(rng.integers(count))
            vector = changed(trace.opened(Op.EXAMPLES, 0, position, name), e, int(rng.choice([-1, 1, 2**40])))
            lying = court.lying(round_, (Op.EXAMPLES, 0, position, name, vector))
            court.convicts(example(lying, court.validation, position, e), round_)
            court.acquits(example(lying, court.validation, position, (e + 1) % count))


@pytest.mark.parametrize("round_", [1, 3])
def test_sizes_and_shards_are_judged(court: Court, round_: int) -> None:
    for position in range(round_ + 1):
        words = drawn(court, position)
        case = court.honest(round_)
        court.acquits(size(case, court.validation, position, words))
        shard = case.value(Op.EXAMPLES, 0, position, "shard")
        for name, value in (
            ("size", 8),
            ("size", -1),
            ("size", 1 << 200),
            ("shard", shard + 1),
            ("shard", -1),
        ):
            lying = court.lying(round_, (Op.EXAMPLES, 0, position, name, value))
            words = lying.words if position == round_ else words
            court.convicts(size(lying, court.validation, position, words), round_)


def test_size_is_refused_when_words_or_entries_are_others(court: Court) -> None:
    case = court.honest(3)
    first, second = drawn(court, 1), drawn(court, 2)
    with refused(WrongWords):
        court.send(size(case, court.validation, 2, first))
    fewer = replace(court.validation, providers=2)
    with refused(NotInIndex):
        court.send(size(case, fewer, 2, second))
    with refused(NotInIndex):
        court.send(size(case, swapped(court.validation), 2, second))


def swapped(validation: Validation) -> Validation:
    """An index that gives other counts."""
    entries = tuple(replace(e, count=e.count + 1) for e in validation.index.entries)
    return replace(validation, index=Index(entries))


def test_example_is_refused_when_it_is_another(court: Court) -> None:
    case, validation = court.honest(1), court.validation
    right = validation.opening(0, 2)
    with refused(NotInPart):
        court.send(_forged(court, case, replace(right, data=bytes([1 - right.data[0]]) + right.data[1:])))
    with refused(NotInPart):
        court.send(_forged(court, case, replace(right, data=right.data + b"\0")))
    with refused(NotInPart):
        court.send(_forged(court, case, validation.opening(0, 3)))
    with refused(NotOfProvider):
        court.send(_forged(court, case, validation.opening(0, 5)))
    with refused(NotInIndex):
        court.send(_forged(court, case, validation.opening(1, 2)))


def _forged(court: Court, case, opening, e: int = 2):
    """A dispute of example ``e`` of the public portion that opens something else."""

    class Forged(Validation):
        def opening(self, shard: int, e: int):
            return opening

    v = court.validation
    return example(
        case, Forged(domain=v.domain, providers=v.providers, index=v.index, parts=v.parts, mean=v.mean), 0, e
    )


def test_mean_is_judged(court: Court) -> None:
    court.acquits(mean(court.honest(2), court.validation))
    value = court.epoch.rounds[1].trace.find(Op.MEAN).values[0]
    for wrong in (value + 1, -value, 0):
        court.convicts(mean(court.lying(2, (Op.MEAN, 0, 0, "norm squared", wrong)), court.validation), 2)
    with refused(WrongBytes):
        court.send(mean(court.honest(2), replace(court.validation, mean=court.validation.mean + b"\0")))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: b"FMC2" + m[4:],
        lambda m: m + bytes(8),
        lambda m: m[:-1],
        lambda m: m[:4] + bytes(8) + m[12:],
        lambda m: m[:4] + (1 << 40).to_bytes(8, "little") + m[12:],
        lambda m: m[:-8] + (int.from_bytes(m[4:12], "little") + 1).to_bytes(8, "little"),
        lambda m: m[:-8] + b"\xff" * 8,
    ],
)
def test_mean_convicts_when_its_bytes_are_no_mean(spoil) -> None:
    court = Court.open(ExampleDisputes)
    bad = spoil(court.epoch.mean_blob)
    terms = replace(court.terms, mean_hash=sha256(bad))
    court.set("setEpoch(uint64,bytes32)", 1, keccak256(abi.encode([EpochTerms.ABI], [terms.to_abi()])))
    case = replace(court.honest(1), terms=terms)
    validation = replace(court.validation, mean=bad)
    court.convicts(mean(case, validation), 1)
    if len(bad) != len(court.epoch.mean_blob):
        with refused(WrongFormat):
            court.send(example(case, validation, 0, 0))


def corrupted(part: Part, rows: list[list[int]]) -> Part:
    return replace(part, examples=Examples.build(rows, part.examples.labels.tolist()))


@pytest.mark.parametrize("rows", [[3, 2], [2, 2], [1, 24], [2**32 - 1]])
def test_example_convicts_when_its_form_is_not_canonical(rows: list[int]) -> None:
    """Whoever recorded a round on it had opened the part, and let it pass."""
    court = Court.open(ExampleDisputes)
    v = court.validation
    part = v.parts[0, 0]
    bad = corrupted(part, [rows] + [[1]] * (len(part.salts) - 1))
    entries = (Entry(0, 0, len(part.salts), bad.root(v.domain)), *v.index.entries[1:])
    validation = replace(v, index=Index(entries), parts={**v.parts, (0, 0): bad})
    terms = replace(court.terms, validation_root=validation.index.root)
    court.set("setEpoch(uint64,bytes32)", 1, keccak256(abi.encode([EpochTerms.ABI], [terms.to_abi()])))
    court.convicts(example(replace(court.honest(1), terms=terms), validation, 0, 0), 1)
    # Nor does such a part clear its provider.
    words = replace(words_of(court.epoch, court.epoch.rounds[0]), shard=0)
    court.record(words, 5, recorded=False)
    context = replace(court.honest(1).context, terms=terms, round_=5, words=words)
    with refused(WrongPart):
        court.send(open_part(context, 0, bad.to_bytes(), validation.entry(0, 0)))


RAW = [b"", b"\1", b"\0" * 4, b"\2" + bytes(4), b"\0\1" + bytes(6), b"\0\1" + bytes(8), b"\0" * 6]


@pytest.mark.parametrize("data", RAW, ids=bytes.hex)
def test_example_convicts_when_its_bytes_are_none(court: Court, data: bytes) -> None:
    salt = sha256(b"salt")
    digest = court.epoch.domain.digest("validation-example", 0, 0, 0, 0, sha256(salt + data))
    index = Index((Entry(0, 0, 1, leaf_hash(digest)), *court.validation.index.entries[1:]))
    entry = PartEntry(count=1, root=index.entries[0].root, proof=index.tree.proof(0))
    terms = replace(court.terms, validation_root=index.root)
    promise(court, terms)
    opening = Opening(entries=(entry,), salt=salt, data=data, proof=())
    court.convicts(_forged(court, replace(court.honest(1), terms=terms), opening, 0), 1)
    promise(court, court.terms)


def promise(court: Court, terms: EpochTerms) -> None:
    """Have the federation stand by these terms."""
    court.set("setEpoch(uint64,bytes32)", 1, keccak256(abi.encode([EpochTerms.ABI], [terms.to_abi()])))


def test_scale_is_zero_when_the_example_is_the_mean(court: Court) -> None:
    v, dim = court.validation, court.terms.dim
    examples = v.parts[0, 0].examples
    words = examples.words[: examples.offsets[1]]
    counts = np.zeros(dim, dtype="<i8")
    counts[words] = int.from_bytes(v.mean[4:12], "little")
    mean_ = (counts != 0).astype(np.int64) << MEAN_BITS
    blob = v.mean[:12] + counts.tobytes()
    assert int(Design.build(examples, mean_).scale[0]) == 0
    terms = replace(court.terms, mean_hash=sha256(blob))
    promise(court, terms)
    scales = court.epoch.rounds[0].trace.opened(Op.EXAMPLES, 0, 0, "scales")
    for scale in (0, 1):
        zero = changed(scales, 0, scale - int.from_bytes(scales[:8], "little"))
        case = court.lying(
            1,
            (Op.MEAN, 0, 0, "norm squared", len(words) << 2 * MEAN_BITS),
            (Op.EXAMPLES, 0, 0, "scales", zero),
        )
        dispute = example(replace(case, terms=terms), replace(v, mean=blob), 0, 0)
        if scale:
            court.convicts(dispute, 1)
        else:
            court.acquits(dispute)
    promise(court, court.terms)


def test_provider_is_cleared_when_it_opens_its_part(court: Court) -> None:
    line = court.epoch.rounds[4]
    words = words_of(court.epoch, line)
    court.record(words, 5, recorded=False)
    context = replace(court.honest(1).context, round_=5, words=replace(words, model_hash=sha256(b"not yet")))
    v, shard = court.validation, line.shard.shard
    for provider in range(3):
        part, entry = v.parts[shard, provider].to_bytes(), v.entry(shard, provider)
        receipt = court.send(open_part(context, provider, part, entry))
        (log,) = receipt.logs
        assert log.topics[0] == CLEARED
        assert int.from_bytes(log.data, "big") == provider
        other = (provider + 1) % 3
        with refused(NotInIndex):
            court.send(open_part(context, other, part, entry))
        with refused(WrongPart):
            court.send(open_part(context, provider, v.parts[shard, other].to_bytes(), entry))
        rows = 20 + 32 * entry.count
        for cut in (rows, rows + 4):
            with refused(WrongPart):
                court.send(open_part(context, provider, part[:cut], entry))
        for false in (part + b"\0", part[:-1], part[:12] + bytes(32) + part[44:], b"FMV2" + part[4:], b""):
            with refused(WrongPart):
                court.send(open_part(context, provider, false, entry))
    with refused(NotThisRound):
        court.send(open_part(replace(context, round_=4), 0, part, entry))
    with refused(WrongWords):
        court.send(open_part(replace(context, words=replace(words, shard=shard % 5 + 1)), 0, part, entry))


def test_provider_is_cleared_when_its_part_is_empty() -> None:
    court = Court.open(ExampleDisputes)
    v = court.validation
    shard = court.epoch.rounds[4].shard.shard
    empty = Part(shard=shard, provider=1, salts=(), examples=Examples.build([], []))
    entries = tuple(
        Entry(e.shard, e.provider, 0, empty.root(v.domain)) if (e.shard, e.provider) == (shard, 1) else e
        for e in v.index.entries
    )
    index = Index(entries)
    terms = replace(court.terms, validation_root=index.root)
    court.set("setEpoch(uint64,bytes32)", 1, keccak256(abi.encode([EpochTerms.ABI], [terms.to_abi()])))
    words = words_of(court.epoch, court.epoch.rounds[4])
    court.record(words, 5, recorded=False)
    context = replace(court.honest(1).context, terms=terms, round_=5, words=words)
    court.send(open_part(context, 1, empty.to_bytes(), replace(v, index=index).entry(shard, 1)))


def test_position_is_refused_when_the_round_has_no_such_one(court: Court) -> None:
    honest = court.epoch.rounds[0].trace
    extra = Record(Op.EXAMPLES, 0, 2, honest.find(Op.EXAMPLES, 0, 1).values)
    words = drawn(court, 2)
    with refused(InvalidRecord):
        court.send(size(court.case(1, Trace((*honest.records, extra))), court.validation, 2, words))


def test_index_convicts_when_it_holds_two_parts_for_one_key() -> None:
    court = Court.open(ExampleDisputes)
    v = court.validation
    second = Entry(2, 1, 3, v.index.entries[0].root)
    index = Index((*v.index.entries, second, v.index.entries[7]))
    terms = replace(court.terms, validation_root=index.root)
    court.set("setEpoch(uint64,bytes32)", 1, keccak256(abi.encode([EpochTerms.ABI], [terms.to_abi()])))
    case = replace(court.honest(1), terms=terms)
    count = len(v.index.entries)

    def at(place: int) -> PartEntry:
        found = index.entries[place]
        return PartEntry(count=found.count, root=found.root, proof=index.tree.proof(place))

    assert index.entries[7].shard == 2
    assert index.entries[7].provider == 1
    court.convicts(doubled(case, 2, 1, at(7), at(count)), 1)
    court.acquits(doubled(case, 2, 1, at(7), at(count + 1)))
    with refused(NotInIndex):
        court.send(doubled(case, 2, 1, at(7), at(8)))


@pytest.mark.parametrize("dim", [25, 26, 27])
def test_mean_is_read_to_its_end_when_it_fills_no_word(dim: int) -> None:
    court = Court.open(ExampleDisputes, size=Size(dim=dim, rounds=1))
    court.acquits(mean(court.honest(1), court.validation))
    bad = court.epoch.mean_blob[:-1] + b"\x80"
    terms = replace(court.terms, mean_hash=sha256(bad))
    court.set("setEpoch(uint64,bytes32)", 1, keccak256(abi.encode([EpochTerms.ABI], [terms.to_abi()])))
    case = replace(court.honest(1), terms=terms)
    court.convicts(mean(case, replace(court.validation, mean=bad)), 1)
    last = int.from_bytes(court.epoch.mean_blob[-8:], "little")
    fewer = court.epoch.mean_blob[:-8] + (last + 1).to_bytes(8, "little")
    terms = replace(court.terms, mean_hash=sha256(fewer))
    court.set("setEpoch(uint64,bytes32)", 1, keccak256(abi.encode([EpochTerms.ABI], [terms.to_abi()])))
    court.convicts(mean(replace(court.honest(1), terms=terms), replace(court.validation, mean=fewer)), 1)
