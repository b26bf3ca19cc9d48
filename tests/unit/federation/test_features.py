import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import ConfigError
from federation.features import FeatureSpec, pipeline_of, word_indices, words

SPEC = FeatureSpec()


def _index(word: str, dim: int) -> int:
    digest = hashlib.blake2b(word.encode(), digest_size=8, person=b"folkmoot.words.1").digest()
    return int.from_bytes(digest, "little") % dim


@given(st.text(max_size=200))
def test_indices_are_sorted_unique_and_in_range_for_any_text(text: str) -> None:
    indices = word_indices(text, FeatureSpec(dim=97))
    assert list(indices) == sorted(set(indices))
    assert all(0 <= index < 97 for index in indices)


@given(st.text(max_size=100), st.text(max_size=100))
def test_indices_of_joined_texts_are_the_union_when_a_separator_stands_between(a: str, b: str) -> None:
    assert set(word_indices(f"{a}\n{b}", SPEC)) == set(word_indices(a, SPEC)) | set(word_indices(b, SPEC))


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=100))
def test_ascii_text_keeps_its_words_when_a_non_ascii_word_is_added(text: str) -> None:
    assert words(f"{text} é", SPEC) == words(text, SPEC) | {"é"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, HELLO world!", {"hello", "world"}),
        ("_url_ costs $9.99", {"_url_", "costs", "$", "9", "99"}),
        ("fi\u00adxed", {"fixed"}),
        ("zero\u200bwidth\u2060joins", {"zerowidthjoins"}),
        ("\ufb01ne \uff26\uff32\uff25\uff25", {"fine", "free"}),
        ("Cafe\u0301", {"café"}),
        ("win\U0001f4b0now", {"win", "\U0001f4b0", "now"}),
        ("broken \ud800 surrogate", {"broken", "surrogate"}),
        ("", set()),
        ("... \x00 --", set()),
        ("a" * 40 + " " + "b" * 41, {"a" * 40}),
    ],
)
def test_words_follow_the_rule(text: str, expected: set[str]) -> None:
    assert words(text, SPEC) == expected


def test_newer_characters_do_not_combine_when_a_later_unicode_would_combine_them() -> None:
    # U+11131 U+11127 compose to U+1112E since Unicode 6.1; the frozen rule keeps them apart.
    assert words("\U00011131\U00011127", SPEC) == {"\U00011131", "\U00011127"}


def test_index_is_the_published_hash_of_the_word() -> None:
    assert word_indices("FREE", SPEC) == (_index("free", 4096),)
    assert word_indices("free", FeatureSpec(dim=2**20)) == (_index("free", 2**20),)


def test_indices_equal_the_vector() -> None:
    # Changing this vector changes every model: it needs a new rule name.
    assert word_indices("Win a FREE prize: $1000 at _url_!", SPEC) == (
        403,
        1404,
        1957,
        2079,
        2141,
        3026,
        3834,
        4013,
    )


def test_indices_agree_when_another_process_has_another_hash_seed() -> None:
    code = "from federation.features import *; print(word_indices('one two three', FeatureSpec()))"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {f"{word_indices('one two three', SPEC)}\n".encode()}


def test_digest_is_the_hash_of_the_canonical_description() -> None:
    text = json.dumps(
        {"dim": 4096, "longest": 40, "rule": "folkmoot.words.1"}, sort_keys=True, separators=(",", ":")
    )
    assert SPEC.digest == hashlib.sha256(text.encode()).digest()


def test_digest_differs_when_a_parameter_differs() -> None:
    assert len({SPEC.digest, FeatureSpec(dim=2048).digest, FeatureSpec(longest=39).digest}) == 3


@pytest.mark.parametrize("bad", [{"dim": 1}, {"dim": (1 << 24) + 1}, {"longest": 0}])
def test_spec_is_refused_when_a_value_is_out_of_range(bad: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        FeatureSpec(**bad)


def test_pipeline_is_the_one_that_the_manifest_pins() -> None:
    found = pipeline_of(FeatureSpec(dim=512).digest.hex(), 512)
    assert found == FeatureSpec(dim=512)
    assert found.indices("Win a prize") == word_indices("Win a prize", FeatureSpec(dim=512))


@pytest.mark.parametrize(
    ("digest", "words"),
    [
        (FeatureSpec(dim=512).digest.hex(), 513),
        (FeatureSpec(dim=512, longest=39).digest.hex(), 512),
        ("00" * 32, 512),
        ("sentence-transformers/all-MiniLM-L6-v2", 384),
    ],
)
def test_pipeline_is_refused_when_its_digest_is_not_known(digest: str, words: int) -> None:
    with pytest.raises(ConfigError, match="another rule for texts"):
        pipeline_of(digest, words)
