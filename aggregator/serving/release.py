"""The newest model that stands on a chain, with what the chain and its signed receipt say of it.

Chain -> model hash -> bytes; chain -> receipt hash -> signed receipt -> the same model hash;
chain -> mean, roster. What one of these does not confirm is not served.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from aggregator.public import BLOCKS, GENESIS, MANIFEST
from aggregator.statements import checked_lists
from ceramic_bridge.cid import DAG_CBOR, SHA2_256, Cid
from contracts.bindings.federation import Federation, RoundConvicted
from contracts.deploy import check_code
from contracts.view import FederationView
from federation.errors import ConfigError, FolkmootError, PeerError, VerificationFailed
from federation.hashing import Domain
from federation.manifest import Manifest
from federation.payloads import require_place
from federation.roster import Roster
from federation.types import Address, Did, Hash32
from federation.validation import parse_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aggregator.serving.book import EventBook
    from aggregator.serving.shelf import Shelf
    from ceramic_bridge.dagcbor import Value
    from contracts.bindings.structs import EpochTerms
    from contracts.chain import Reader
    from federation.fixedpoint import Ints
    from federation.payloads import DataImport


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRound:
    """One round as the chain recorded it, and its receipt.

    Attributes:
        round: Its number.
        model_hash: SHA-256 of the model after it.
        receipt_hash: SHA-256 of its receipt's payload.
        trace_root: Of all that was computed.
        receipt: What the receipt says, of members too if it does that in a blob.
    """

    round: int
    model_hash: Hash32
    receipt_hash: Hash32
    trace_root: Hash32
    receipt: Mapping[str, Value]

    @property
    def receipt_cid(self) -> Cid:
        """The receipt's payload, as events and stores name it."""
        return Cid(codec=DAG_CBOR, hash_code=SHA2_256, digest=self.receipt_hash)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Release:
    """A released model and where it comes from.

    Attributes:
        manifest: The federation's rules.
        domain: Chain, federation and epoch.
        terms: What the epoch promised.
        model: The model's canonical bytes.
        mean_bytes: Canonical bytes of the committed mean.
        mean: The mean of the features; shape (words,).
        rounds: The epoch's rounds up to the one that released the model.
        quotas: Quota of each admitted member.
        imports: What members said about their data.
    """

    manifest: Manifest
    domain: Domain
    terms: EpochTerms
    model: bytes
    mean_bytes: bytes
    mean: Ints
    rounds: tuple[RecordedRound, ...]
    quotas: Mapping[Did, int]
    imports: Mapping[Did, DataImport]

    @property
    def last(self) -> RecordedRound:
        """The round that released the model."""
        return self.rounds[-1]


class Releases:
    """Finds a federation's newest release, now and later."""

    def __init__(self, federation: Federation, shelf: Shelf, book: EventBook) -> None:
        """Bind to a federation.

        Args:
            federation: The contract.
            shelf: Its public files.
            book: Its events.

        Raises:
            VerificationFailed: The manifest is not the one that the contract was deployed with.
            PeerError: It cannot be read.
        """
        self._federation, self._shelf, self._book = federation, shelf, book
        self._view = FederationView(federation)
        data = shelf.file(MANIFEST)
        try:
            self._manifest = Manifest.from_toml(data.decode())
        except (UnicodeDecodeError, FolkmootError) as error:
            raise VerificationFailed(MANIFEST, str(error)) from error
        if self._manifest.hash != federation.manifest_hash():
            raise VerificationFailed(MANIFEST, "not the manifest that the contract was deployed with")

    @property
    def aggregator(self) -> Did:
        """Who signs receipts, and answers."""
        return Did(self._manifest.parties.aggregator)

    def newest(self) -> tuple[int, int] | None:
        """Return epoch and round of the newest model that stands; None before the first.

        A round that was proven wrong stands no more, nor do the rounds after it.

        Raises:
            ChainError: The chain cannot be read.
        """
        present = self._federation.epoch()
        if present and (recorded := self._federation.recorded()):
            return present, recorded
        return next(
            ((epoch, round_) for epoch in range(present - 1, 0, -1) if (round_ := self._stood(epoch))), None
        )

    def _stood(self, epoch: int) -> int:
        """Return how many rounds of an epoch that is over were recorded and not proven wrong."""
        convicted = [
            log.round_ for log in RoundConvicted.decode_logs(self._federation.logs()) if log.epoch == epoch
        ]
        low, high = 0, min([self._view.terms(epoch).rounds, *(round_ - 1 for round_ in convicted)])
        # Rounds are recorded in their order.
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (
                (middle, high) if any(self._view.words(epoch, middle).model_hash) else (low, middle - 1)
            )
        return low

    def load(self, epoch: int, round_: int) -> Release:
        """Return a release, everything about it checked.

        Raises:
            VerificationFailed: Something is missing, or is not what the chain recorded.
            PeerError: Something cannot be read.
            ChainError: The chain cannot be read.
        """
        terms, manifest = self._view.terms(epoch), self._manifest
        domain = Domain(
            chain_id=self._federation.reader.chain_id, federation=self._federation.address, epoch=epoch
        )
        self._book.refresh()
        rounds = tuple(self._round(domain, number) for number in range(1, round_ + 1))
        mean_bytes = self._shelf.blob(terms.mean_hash, "the mean")
        quotas = Roster.parse(self._shelf.blob(terms.roster_hash, "the roster")).quotas
        return Release(
            manifest=manifest,
            domain=domain,
            terms=terms,
            model=self._shelf.blob(rounds[-1].model_hash, f"the model of round {round_}"),
            mean_bytes=mean_bytes,
            mean=parse_mean(mean_bytes, dim=manifest.words),
            rounds=rounds,
            quotas=quotas,
            imports=self._book.imports(quotas),
        )

    def _round(self, domain: Domain, number: int) -> RecordedRound:
        words = self._view.words(domain.epoch, number)
        receipt = self._book.receipt(words.receipt_hash, self.aggregator)
        try:
            require_place(receipt, domain, number)
        except PeerError as error:
            raise VerificationFailed(f"round {number}", f"its receipt: {error.message}") from error
        if receipt["modelHash"] != words.model_hash.hex():
            raise VerificationFailed(f"round {number}", "its receipt names another model than the chain")
        lists = checked_lists(receipt, self._shelf.blob)
        return RecordedRound(
            round=number,
            model_hash=words.model_hash,
            receipt_hash=words.receipt_hash,
            trace_root=words.trace_root,
            receipt={**receipt, **cast("Mapping[str, Value]", lists)},
        )


def replayed_federation(shelf: Shelf, expect: Address | None) -> Federation:
    """Return the federation on the chain that a run's public directory holds, every block executed again.

    Raises:
        VerificationFailed: The blocks do not follow from each other.
        ConfigError: There is no chain in the directory, or not the one federation that is meant.
    """
    from contracts.replay import replay

    try:
        genesis, blocks = shelf.file(GENESIS), shelf.file(BLOCKS)
    except PeerError as error:
        raise ConfigError(
            "there is no chain in the public directory", hint="name a node of its chain: --rpc URL"
        ) from error
    chain = replay(genesis, blocks)
    found = [address for address in chain.created if _is_federation(chain, address)]
    if expect is not None:
        found = [address for address in found if address.lower() == expect.lower()]
    if len(found) != 1:
        wanted = f"federation {expect}" if expect else "one federation"
        raise ConfigError(f"{wanted} with the committed code is not deployed on the chain of the directory")
    return Federation(chain, found[0])


def _is_federation(chain: Reader, address: Address) -> bool:
    try:
        check_code(chain, address, Federation.ARTIFACT)
    except VerificationFailed:
        return False
    return True
