"""From a manifest to the terms of a secure round, and the words that its aggregator announces on chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from federation.contribution import GRADIENT_BITS
from federation.delta import delta_hash
from federation.errors import ConfigError
from federation.fixedpoint import Ints
from federation.hashing import Domain, sha256
from federation.manifest import Manifest
from federation.secagg.messages import KeyList
from federation.secagg.terms import Terms
from federation.types import Did, Hash32

GRADIENT_NORM: Final = 4 << GRADIENT_BITS
"""No gradient of a round is longer.

It is a mean over examples of ``t_e (x_e - mean)``: an example's features have norm 1, so has the mean at
most, and ``|t_e| < 0.8`` (``federation.contribution.node_of``). A projection shortens it; the entry that
covers scores with noise makes it ``sqrt(2)`` times longer.
"""


def secure_terms(
    manifest: Manifest, quotas: Mapping[Did, int], domain: Domain, round_: int, *, attempt: int = 0
) -> Terms:
    """Return what all parties of one attempt of a round know beforehand.

    Args:
        manifest: What the community agreed.
        quotas: Of every admitted member, suspended or asked or not.
        domain: Chain, federation, epoch.
        round_: The round.
        attempt: Times that this round was begun before.

    Raises:
        ConfigError: The manifest has no secure aggregation, or its sums could overflow.
    """
    secure = manifest.secure
    if secure is None:
        raise ConfigError("this federation does not aggregate securely")
    caps = {did: manifest.cap(quota) for did, quota in quotas.items()}
    return Terms(
        domain=domain,
        round=round_,
        attempt=attempt,
        dim=manifest.delta_dim,
        caps=caps,
        minimum=secure.minimum,
        value_bound=max(caps.values()),
        gradient_bound=GRADIENT_NORM,
        degree=secure.degree,
        threshold_percent=secure.threshold_percent,
        projections=secure.projections,
        colluders=secure.colluders,
    )


def key_word(terms: Terms, key_list: KeyList) -> Hash32:
    """Return what is announced of a key list: the hash of a block after that makes the graph."""
    return terms.digest(sha256(b"key-list" + key_list.digest(terms)))


def sum_word(terms: Terms, reveal_root: Hash32, total: Ints) -> Hash32:
    """Return what is announced of a sum before the shard is drawn: nobody can aim it at a gradient then."""
    return terms.digest(sha256(b"sum" + reveal_root + delta_hash(total)))
