"""The methods' generator: that of the document, uniform, and another one for another purpose or seed."""

from __future__ import annotations

import json
from collections import Counter
from itertools import permutations

import pytest

from federation.hashing import sha256
from federation.types import Hash32
from federation.valuation.permutations import Draws
from tests.unit.federation import _vector_valuation as made

VECTOR = json.loads(made.PATH.read_text(encoding="utf-8"))
SEED = Hash32(bytes.fromhex(VECTOR["seed"]))


def test_vector_is_what_the_reference_makes():
    assert json.loads(made.text(made.vector())) == VECTOR


def test_words_permutations_and_bounds_are_the_vectors():
    whole = Draws(SEED, made.NAME)
    assert [str(whole.below(1 << 64)) for _ in VECTOR["words"]] == VECTOR["words"]
    draws = Draws(SEED, made.NAME)
    assert [draws.permutation(n) for n in made.SIZES] == VECTOR["permutations"]
    other = Draws(SEED, "valuation.gtg")
    assert [[str(bound), str(other.below(bound))] for bound in made.BOUNDS] == VECTOR["below"]


@pytest.mark.parametrize(("seed", "name"), [(SEED, "valuation.gtg"), (sha256(SEED), made.NAME)])
def test_numbers_are_others_when_purpose_or_seed_is_another(seed, name):
    mine, theirs = Draws(SEED, made.NAME), Draws(seed, name)
    assert [mine.below(1 << 64) for _ in range(4)] != [theirs.below(1 << 64) for _ in range(4)]


def test_permutations_are_uniform():
    draws, counts = Draws(SEED, "valuation.test"), Counter()
    for _ in range(2400):
        counts[tuple(draws.permutation(4))] += 1
    assert counts.keys() == set(permutations(range(4)))
    # Chi squared with 23 degrees of freedom: above 49.7 once in a thousand seeds.
    assert sum((seen - 100) ** 2 / 100 for seen in counts.values()) < 49.7


def test_numbers_above_the_last_multiple_are_dropped():
    bound = (1 << 64) // 3 * 2
    draws, all_words = Draws(SEED, "valuation.test"), Draws(SEED, "valuation.test")
    kept = [word for word in (all_words.below(1 << 64) for _ in range(60)) if word < bound]
    assert len(kept) < 60
    assert [draws.below(bound) for _ in kept] == kept
