"""What a member consented to, and what it must see on chain before it does anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from ceramic_bridge.cid import StreamId
from ceramic_bridge.events import SignedEvent
from federation.errors import ConfigError
from federation.features import TextPipeline
from federation.fixedpoint import Ints
from federation.hashing import Domain
from federation.manifest import Manifest
from federation.secagg.material import Opened, Words
from federation.types import Hash32

Keep: TypeAlias = Callable[[SignedEvent], None]
"""Keeps an event that the member signed."""


class RoundReader(Protocol):
    """What a member must see on chain before it trains and before it sends."""

    def base_hash(self, epoch: int, round_: int) -> Hash32:
        """Return the base model that ``openRound`` recorded; zero before."""
        ...

    def commit_root(self, epoch: int, round_: int) -> Hash32:
        """Return the commit root that ``closeCommits`` recorded; zero before."""
        ...

    def opened_at(self, epoch: int, round_: int) -> int:
        """Return the Unix seconds of the block that opened a round."""
        ...


class SecureWords(Words, Protocol):
    """What a round recorded on chain so far, as far as a secure one looks at it."""

    @property
    def reveal_root(self) -> Hash32:
        """Root over the commitments of those who are summed."""
        ...


class SecureTerms(Opened, Protocol):
    """What an epoch was opened with, as far as secure rounds look at it."""

    @property
    def roster_hash(self) -> Hash32:
        """SHA-256 of the list of admitted members."""
        ...


@runtime_checkable
class SecureReader(RoundReader, Protocol):
    """What a member must see besides, where nobody sees a delta."""

    def words(self, epoch: int, round_: int) -> SecureWords:
        """Return what a round has recorded so far; zero where a phase has not been reached."""
        ...

    def terms(self, epoch: int) -> SecureTerms:
        """Return what an epoch was opened with."""
        ...

    def announced(self, word: Hash32) -> int:
        """Return the block in which a word was announced first; 0 if it was not."""
        ...

    def commits_closed_in(self, epoch: int, round_: int) -> int:
        """Return the block that closed a round's commitments; 0 before."""
        ...

    def draw_target(self, epoch: int, round_: int) -> int:
        """Return the block whose hash drew a round's shard; 0 before the draw."""
        ...

    def hash_of(self, block: int) -> Hash32:
        """Return the hash of a settled block; raises ``ChainError`` before it is one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a member consented to when it joined.

    Attributes:
        manifest: The community's manifest.
        domain: The federation's chain, contract and epoch.
        features: The rule from text to words that the manifest names.
        mean: The committed mean of the validation set, ``MEAN_BITS`` fractional bits.
        contribution_model: StreamID of the contribution model.
        unsafe_no_dp: Whether a federation without differential privacy is acceptable.
    """

    manifest: Manifest
    domain: Domain
    features: TextPipeline
    mean: Ints
    contribution_model: StreamId
    unsafe_no_dp: bool = False


def require_acceptable(manifest: Manifest, features: TextPipeline, *, unsafe_no_dp: bool) -> None:
    """Refuse a federation that this client does not take part in.

    Raises:
        ConfigError: It trains without privacy, or on words this software does not know.
    """
    if not manifest.privacy.sigma_e4 and not unsafe_no_dp:
        raise ConfigError(
            "this federation trains without differential privacy",
            hint="join another one, or accept that deltas show your words with unsafe_no_dp",
        )
    if manifest.model.features_sha256 != features.digest.hex():
        raise ConfigError("the manifest names another rule for words than this client has")
    if manifest.words != features.dim:
        raise ConfigError("the manifest's model knows another number of words than its rule for them")
