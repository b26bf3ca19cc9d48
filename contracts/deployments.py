"""What was deployed on which chain: one file per chain id, never trusted without the code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.abi import to_address, to_bytes
from contracts.deploy import Deployment
from federation.errors import ConfigError, VerificationFailed
from federation.home import write_private
from federation.types import Address

if TYPE_CHECKING:
    from pathlib import Path

    from contracts.chain import Reader

_AddressText = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    federation: _AddressText
    registry: _AddressText
    pool: _AddressText
    token: _AddressText
    block: Annotated[int, Field(ge=0)]
    manifest_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _AnchorEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    address: _AddressText
    block: Annotated[int, Field(ge=0)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["folkmoot-deployments-1"]
    chain_id: Annotated[int, Field(ge=1)]
    federations: list[_Entry]
    anchors: list[_AnchorEntry] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One deployed federation.

    Attributes:
        federation: Its contract.
        registry: The registry its members use.
        pool: What it pays from.
        token: What it pays in.
        block: The latest block when it was recorded.
        manifest_sha256: The hash of the manifest it was deployed with, in hex.
    """

    federation: Address
    registry: Address
    pool: Address
    token: Address
    block: int
    manifest_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorRecord:
    """One deployed ``EventAnchor``.

    Attributes:
        address: The contract.
        block: The latest block when it was recorded.
    """

    address: Address
    block: int


class Deployments:
    """The records of one chain, oldest first."""

    def __init__(self, directory: Path, chain_id: int) -> None:
        """Name the file; nothing is read yet.

        Args:
            directory: Where the files of all chains are.
            chain_id: Which chain's.
        """
        self.path = directory / f"{chain_id}.json"
        self._chain_id = chain_id

    def load(self) -> tuple[Record, ...]:
        """Return the records of federations.

        Raises:
            ConfigError: The file is damaged, or of another chain.
        """
        return tuple(
            Record(
                federation=_checksummed(entry.federation),
                registry=_checksummed(entry.registry),
                pool=_checksummed(entry.pool),
                token=_checksummed(entry.token),
                block=entry.block,
                manifest_sha256=entry.manifest_sha256,
            )
            for entry in self._read().federations
        )

    def anchors(self) -> tuple[AnchorRecord, ...]:
        """Return the records of anchor contracts.

        Raises:
            ConfigError: The file is damaged, or of another chain.
        """
        return tuple(
            AnchorRecord(address=_checksummed(entry.address), block=entry.block)
            for entry in self._read().anchors
        )

    def add(self, record: Record | AnchorRecord) -> None:
        """Write a record behind the others of its kind.

        Raises:
            ConfigError: The file is damaged or cannot be written.
        """
        federations, anchors = list(self.load()), list(self.anchors())
        if isinstance(record, Record):
            federations.append(record)
        else:
            anchors.append(record)
        document = {
            "format": "folkmoot-deployments-1",
            "chain_id": self._chain_id,
            "federations": [asdict(entry) for entry in federations],
            "anchors": [asdict(entry) for entry in anchors],
        }
        write_private(self.path, json.dumps(document, indent=1).encode() + b"\n", replace=True)

    def _read(self) -> _Document:
        try:
            document = _Document.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return _Document(format="folkmoot-deployments-1", chain_id=self._chain_id, federations=[])
        except (OSError, ValidationError) as err:
            raise ConfigError(
                f"{self.path} cannot be read as a list of deployments",
                hint="move it away; --federation and --registry name contracts directly",
            ) from err
        if document.chain_id != self._chain_id:
            raise ConfigError(f"{self.path} is of chain {document.chain_id}")
        return document

    def find(self, federation: Address | None) -> Record:
        """Return the record of a federation, or the newest one.

        Raises:
            ConfigError: There is none.
        """
        records = [record for record in self.load() if federation in {None, record.federation}]
        if not records:
            raise ConfigError(
                f"no federation {federation or ''} is recorded on chain {self._chain_id}".replace("  ", " "),
                hint="folkmoot chain deploy records one; --federation with --registry names any other",
            )
        return records[-1]


def bind(chain: Reader, record: Record) -> Deployment:
    """Bind to recorded contracts after comparing them with the code and the links on the chain.

    Raises:
        VerificationFailed: Something else is there.
    """
    found = Deployment.at(chain, record.federation, record.registry)
    for name, recorded, actual in (
        ("pool", record.pool, found.pool.address),
        ("token", record.token, found.token.address),
        ("manifest", record.manifest_sha256, found.federation.manifest_hash().hex()),
    ):
        if recorded != actual:
            raise VerificationFailed(
                f"federation {record.federation}",
                f"its {name} is {actual} on the chain and {recorded} in the record",
            )
    return found


def _checksummed(text: str) -> Address:
    return to_address(to_bytes(Address(text)))
