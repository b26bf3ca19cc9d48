"""Rosters on disk: a proposal that travels to the community and comes back signed, then the epoch's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aggregator.operator.admitting import require_signed
from aggregator.operator.sources import read_car
from ceramic_bridge.bundle import pack
from federation.errors import ConfigError, IdentityError
from federation.hashing import Domain
from federation.home import write_private
from federation.roster import Roster
from federation.types import Address, Did

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aggregator.home import AggregatorHome
    from ceramic_bridge.did import Identity
    from ceramic_bridge.events import SignedEvent

_MOST: Final = 256 << 20


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["folkmoot-roster-1"]
    chain_id: Annotated[int, Field(ge=1)]
    federation: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
    epoch: Annotated[int, Field(ge=1)]
    quotas: Annotated[dict[str, Annotated[int, Field(ge=1)]], Field(min_length=1)]
    signature: Annotated[str, Field(pattern="^([0-9a-f]{128})?$")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Who may take part in one epoch, and the community's signature once it is there.

    Attributes:
        domain: The federation and the epoch.
        quotas: Quota of each member.
        signature: 64 bytes; empty before.
    """

    domain: Domain
    quotas: Mapping[Did, int]
    signature: bytes = b""

    @property
    def digest(self) -> str:
        """Tells it from other proposals for the same epoch."""
        return Roster.signed_bytes(self.quotas, self.domain).hex()[:16]

    def signed(self, community: Identity) -> Proposal:
        """Return it with the community's signature."""
        signature = community.sign(Roster.signed_bytes(self.quotas, self.domain))
        return Proposal(domain=self.domain, quotas=self.quotas, signature=signature)

    def to_bytes(self) -> bytes:
        """Return the file that travels, for people to read."""
        domain = self.domain
        table = {
            "format": "folkmoot-roster-1",
            "chain_id": domain.chain_id,
            "federation": domain.federation,
            "epoch": domain.epoch,
            "quotas": dict(self.quotas),
            "signature": self.signature.hex(),
        }
        return json.dumps(table, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def read(cls, path: Path) -> Proposal:
        """Read the file.

        Raises:
            ConfigError: It cannot be read, or is something else.
        """
        try:
            with path.open("rb") as file:
                found = _Document.model_validate_json(file.read(_MOST))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
        except ValidationError as error:
            raise ConfigError(
                f"{path} is no proposal of a roster",
                hint="folkmoot aggregator admit --unsigned FILE writes one",
            ) from error
        domain = Domain(chain_id=found.chain_id, federation=Address(found.federation), epoch=found.epoch)
        quotas = {Did(did): quota for did, quota in found.quotas.items()}
        return cls(domain=domain, quotas=quotas, signature=bytes.fromhex(found.signature))


def keep_roster(home: AggregatorHome, proposal: Proposal, community: Did, domain: Domain) -> Path:
    """Keep a signed roster for its epoch; until that begins, a later one takes its place.

    Args:
        home: The federation's folder.
        proposal: The roster.
        community: Who must have signed it.
        domain: The epoch that it must be for.

    Raises:
        ConfigError: It is for another epoch or federation, was not made here, or comes too late.
        IdentityError: The community did not sign it.
    """
    if proposal.domain != domain:
        given = proposal.domain
        raise ConfigError(
            f"this roster is for epoch {given.epoch} of {given.federation} on chain {given.chain_id}, "
            f"and the next epoch is {domain.epoch} of {domain.federation} on chain {domain.chain_id}"
        )
    if home.frozen(domain.epoch).exists():
        raise ConfigError(
            f"epoch {domain.epoch} is being opened with the roster that it has",
            hint="when it is open, admit members for the one after it",
        )
    if not home.imports(domain.epoch, proposal.digest).is_file():
        raise ConfigError(
            "the members' data events of this roster are not here",
            hint="folkmoot aggregator admit makes rosters",
        )
    if not proposal.signature:
        raise IdentityError("nobody has signed this roster", hint="folkmoot aggregator roster sign FILE")
    roster = Roster(proposal.quotas, proposal.signature)
    require_signed(roster, community, domain)
    path = home.roster(domain.epoch)
    write_private(path, roster.to_bytes(), replace=True)
    return path


def keep_imports(home: AggregatorHome, proposal: Proposal, events: Sequence[SignedEvent]) -> None:
    """Keep the members' data events that a roster was made from; an epoch's first round records them.

    Raises:
        ConfigError: They cannot be written.
    """
    write_private(home.imports(proposal.domain.epoch, proposal.digest), pack(events), replace=True)


def load_roster(
    home: AggregatorHome, community: Did, domain: Domain
) -> tuple[Roster, list[SignedEvent]] | None:
    """Return an epoch's roster and its members' data events; None if there is no signed one yet.

    Raises:
        ConfigError: A file cannot be read.
        IdentityError: The community did not sign it.
        VerificationFailed: A file is damaged.
    """
    path = home.roster(domain.epoch)
    if not path.is_file():
        return None
    roster = Roster.parse(path.read_bytes())
    require_signed(roster, community, domain)
    proposal = Proposal(domain=domain, quotas=roster.quotas)
    return roster, read_car(home.imports(domain.epoch, proposal.digest))


def freeze(home: AggregatorHome, epoch: int) -> None:
    """Have an epoch's roster stay as it is: what is signed or sent from now on names it.

    Raises:
        ConfigError: The mark cannot be written.
    """
    write_private(home.frozen(epoch), b"", replace=True)
