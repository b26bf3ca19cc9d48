"""From text to words: the rule every party applies to a text before any arithmetic.

An example of the linear model is a set of words, each an index below ``dim`` (docs/protocol.md,
Numbers). Members, providers and verifiers must find the same indices on any machine, so the rule is
frozen: character classes and compatibility forms come from Unicode 3.2, which Python ships unchanged
for IDNA (RFC 3490), and newer characters (most emoji among them) stand for themselves. The hash is
keyed BLAKE2b (RFC 7693), not Python's, which is salted per process.

1. NFKC, lower case. Text in ASCII alone is its own NFKC.
2. A word is a run of letters, marks, digits and ``_``. A symbol (``$``, ``€``) or a newer character is a
   word of its own. Format characters and soft hyphens vanish. All else separates.
3. A word's index is its 8-byte BLAKE2b digest, little-endian, modulo ``dim``. Words longer than
   ``longest`` are left out: they are encodings, not language.

Feature hashing: Weinberger et al. 2009, arXiv:0902.2206; unsigned here, because features are binary.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol
from unicodedata import ucd_3_2_0 as _unicode

from federation.embedding import EmbeddingSpec
from federation.errors import ConfigError
from federation.hashing import sha256
from federation.minilm import require_model

if TYPE_CHECKING:
    from federation.types import Hash32

_RULE = "folkmoot.words.1"
_MAX_DIM = 1 << 24
# Soft hyphen and zero-width space: Unicode 3.2 did not yet call them format characters.
_INVISIBLE = "\u00ad\u200b"


class TextPipeline(Protocol):
    """From a text to the set of indices that every model reads; pinned in the manifest by its digest."""

    @property
    def dim(self) -> int:
        """How many indices there are."""
        ...

    @property
    def digest(self) -> Hash32:
        """SHA-256 of its canonical description."""
        ...

    def indices(self, text: str) -> tuple[int, ...]:
        """Return a text's indices, ascending, each once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """What a community agreed about features; its digest belongs in the manifest.

    Attributes:
        dim: How many indices there are, in [2, 2^24].
        longest: The most characters a word may have, at least 1.

    Raises:
        ConfigError: A value is out of range.
    """

    dim: int = 4096
    longest: int = 40

    def __post_init__(self) -> None:
        if not 2 <= self.dim <= _MAX_DIM:
            raise ConfigError(f"features: dim {self.dim} is outside [2, {_MAX_DIM}]")
        if self.longest < 1:
            raise ConfigError(f"features: longest {self.longest} leaves no word")

    @property
    def digest(self) -> Hash32:
        """The SHA-256 of the rule's name and parameters as canonical JSON (sorted keys, no spaces)."""
        canonical = json.dumps({"rule": _RULE, **asdict(self)}, sort_keys=True, separators=(",", ":"))
        return sha256(canonical.encode())

    def indices(self, text: str) -> tuple[int, ...]:
        """Return the indices of a text's words: see ``word_indices``."""
        return word_indices(text, self)


def pipeline_of(features_sha256: str, words: int) -> TextPipeline:
    """Return the rule for texts that a manifest names by its digest (hex).

    Raises:
        ConfigError: This software has none of that digest with so many words, or lacks what it needs.
        VerificationFailed: What it needs is there, but is not what the digest names.
    """
    hashed, sentences = FeatureSpec(dim=words), EmbeddingSpec()
    if features_sha256 == hashed.digest.hex():
        return hashed
    if features_sha256 == sentences.digest.hex() and words == sentences.dim:
        require_model()
        return sentences
    raise ConfigError("the manifest names another rule for texts than this software has")


class _Folding(dict[int, str]):
    """A translation table that fills itself: each character's lower case, or how it separates."""

    def __missing__(self, point: int) -> str:
        char = chr(point)
        category = _unicode.category(char)
        if category == "Cn" or category[0] == "S":
            folded = f" {char} "
        elif category[0] in "LMN" or char == "_":
            folded = char.lower()
        else:
            folded = "" if category == "Cf" or char in _INVISIBLE else " "
        self[point] = folded
        return folded


class _Isolating(dict[int, str]):
    """A translation table that sets characters newer than Unicode 3.2 apart.

    Normalisation must not let them combine: a later Unicode would combine them differently.
    """

    def __missing__(self, point: int) -> str:
        char = chr(point)
        self[point] = f" {char} " if _unicode.category(char) == "Cn" else char
        return self[point]


_FOLDING = _Folding()
_ISOLATING = _Isolating()


@lru_cache(maxsize=1 << 17)
def _index(word: str, dim: int) -> int:
    digest = hashlib.blake2b(word.encode(), digest_size=8, person=_RULE.encode()).digest()
    return int.from_bytes(digest, "little") % dim


def words(text: str, spec: FeatureSpec) -> frozenset[str]:
    """Return the distinct words of a text, before hashing."""
    if not text.isascii():
        text = _unicode.normalize("NFKC", text.translate(_ISOLATING))
    return frozenset(word for word in text.translate(_FOLDING).split() if len(word) <= spec.longest)


def word_indices(text: str, spec: FeatureSpec) -> tuple[int, ...]:
    """Return the indices of a text's words, in [0, ``spec.dim``), sorted, each once.

    Two words that share an index count once. A text without words has no indices.
    """
    return tuple(sorted({_index(word, spec.dim) for word in words(text, spec)}))
