"""The linear model's features as a sparse matrix, for a network whose first layer is one matrix.

A feature is ``a (b - m)`` with few words in b: ``X W^T = a (b W^T) - a (m W^T)``, and the same backwards.
About ten times as fast as dense features of 4,096 words, and never larger than the words themselves.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from federation.models.linear import MEAN_BITS, SCALE_BITS, Design

if TYPE_CHECKING:
    from torch import Tensor

    from federation.fixedpoint import Floats, Ints


class SparseFeatures(NamedTuple):
    """Features X of some examples; all float64.

    Attributes:
        rows: a b, compressed by example; shape (n, words).
        columns: The same transposed, compressed by word; shape (words, n).
        scale: a; shape (n,).
        mean: m; shape (words,).
    """

    rows: Tensor
    columns: Tensor
    scale: Tensor
    mean: Tensor

    @classmethod
    def of(cls, design: Design) -> Self:
        """Build from some examples."""
        import torch

        sets, n, words = design.examples, len(design), len(design.mean)
        scale = np.ldexp(design.scale.astype(np.float64), -SCALE_BITS)
        example = np.repeat(np.arange(n), np.diff(sets.offsets))
        # Of 16 bits, numpy sorts integers by radix: seven times as fast.
        by_word = np.argsort(sets.words.astype(np.min_scalar_type(words)), kind="stable")
        starts = np.concatenate(([0], np.cumsum(sets.counts(words))))

        def compressed(starts: Ints, indices: Ints, values: Floats, shape: tuple[int, int]) -> Tensor:
            parts = [torch.from_numpy(part) for part in (starts, indices, values)]
            return torch.sparse_csr_tensor(parts[0], parts[1], parts[2], size=shape, check_invariants=True)

        with warnings.catch_warnings():
            # Torch calls the layout beta. What is used of it is a product with a dense matrix.
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state", UserWarning)
            rows = compressed(sets.offsets, sets.words, scale[example], (n, words))
            columns = compressed(starts, example[by_word], scale[example[by_word]], (words, n))
        mean = np.ldexp(design.mean.astype(np.float64), -MEAN_BITS)
        return cls(rows, columns, torch.from_numpy(scale), torch.from_numpy(mean))

    def times(self, weight: Tensor) -> Tensor:
        """Return ``X W^T``; W has shape (hidden, words), the result (n, hidden)."""
        columns = weight.T.contiguous()
        product: Tensor = self.rows @ columns - self.scale.outer(self.mean @ columns)
        return product

    def back(self, errors: Tensor) -> Tensor:
        """Return ``E^T X``, the gradient of W where E is that of ``X W^T``; shape (hidden, words)."""
        product: Tensor = (self.columns @ errors).T - (self.scale @ errors).outer(self.mean)
        return product
