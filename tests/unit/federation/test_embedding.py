"""The rule from embeddings to indices: pure, so it runs without the extra."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from federation import embedding, minilm
from federation.embedding import THRESHOLDS, EmbeddingSpec, above
from federation.errors import ConfigError
from federation.features import FeatureSpec, pipeline_of

SPEC = EmbeddingSpec()


def coordinates(**values):
    found = np.zeros(384)
    for name, value in values.items():
        found[int(name[1:])] = value
    return found


def test_indices_are_a_coordinates_own_when_it_is_above_thresholds():
    low, middle, high = (t / 1024 for t in THRESHOLDS)
    below, between = coordinates(c1=low), coordinates(c1=middle)
    assert [set(above(v)) & {3, 4, 5} for v in (below, between)] == [set(), {3}]
    assert set(above(coordinates(c1=np.nextafter(high, 1)))) & {3, 4, 5} == {3, 4, 5}
    assert set(above(coordinates(c1=high))) & {3, 4, 5} == {3, 4}


def test_sets_differ_by_the_thresholds_between_when_coordinates_differ():
    generator = np.random.Generator(np.random.PCG64(7))
    one, other = generator.normal(0, 0.05, (2, 384))
    between = sum(
        int(((np.minimum(one, other) <= t / 1024) & (np.maximum(one, other) > t / 1024)).sum())
        for t in THRESHOLDS
    )
    assert len(set(above(one)) ^ set(above(other))) == between > 0


def test_indices_are_ascending_and_below_dim_when_every_coordinate_is_large():
    assert above(np.ones(384)) == tuple(range(SPEC.dim))
    assert above(-np.ones(384)) == ()


def test_digest_is_of_the_documented_line_when_the_digests_are_filled_in():
    text = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    (line,) = re.findall(r'^\{"longest".*\}$', text, flags=re.MULTILINE)
    filled = line.replace("53aa...d9db", minilm.MODEL_SHA256).replace("be50...2037", minilm.TOKENIZER_SHA256)
    assert hashlib.sha256(filled.encode()).digest() == SPEC.digest
    assert f"`{SPEC.digest.hex()}`" in text


def test_digest_changes_when_any_part_of_the_rule_does(monkeypatch):
    digests = {SPEC.digest}
    for name, value in (
        ("THRESHOLDS", (0,)),
        ("LONGEST", 65),
        ("MODEL_SHA256", "00" * 32),
        ("TOKENIZER_SHA256", "00" * 32),
        ("_RULE", "folkmoot.minilm.2"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(embedding, name, value)
            digests.add(SPEC.digest)
    assert len(digests) == 6


def test_pipeline_is_checked_when_a_manifest_names_embeddings(monkeypatch):
    checked = []
    monkeypatch.setattr("federation.features.require_model", lambda: checked.append(1))
    assert pipeline_of(SPEC.digest.hex(), SPEC.dim) == SPEC
    assert checked
    with pytest.raises(ConfigError, match="another rule"):
        pipeline_of(SPEC.digest.hex(), SPEC.dim + 1)


def test_hashed_words_need_no_model_when_a_manifest_names_them(monkeypatch):
    monkeypatch.setattr("federation.features.require_model", lambda: pytest.fail("asked for the model"))
    assert pipeline_of(FeatureSpec(dim=SPEC.dim).digest.hex(), SPEC.dim) == FeatureSpec(dim=SPEC.dim)


def test_empty_set_when_a_text_has_no_tokens(monkeypatch):
    class Wordless:
        def embed(self, text):
            return None

    monkeypatch.setattr(embedding, "load_encoder", lambda longest: Wordless())
    assert SPEC.indices("") == ()


def test_extra_is_named_when_it_is_not_installed(monkeypatch):
    monkeypatch.setattr(minilm, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="extra embed") as caught:
        minilm.find_model()
    assert "folkmoot[embed]" in caught.value.hint
