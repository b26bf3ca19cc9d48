"""A part that an accused provider opened on chain: there the aggregator has it from, without any mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts import abi
from contracts.bindings.example_disputes import ExampleDisputes
from contracts.bindings.federation import AccusationCleared
from contracts.bindings.structs import Context, PartEntry
from contracts.deploy import named_judges
from federation.errors import ChainError

if TYPE_CHECKING:
    from contracts.bindings.federation import Federation

_CALL = f"openPart({Context.ABI},uint32,bytes,{PartEntry.ABI})"


def opened_on_chain(federation: Federation, epoch: int, round_: int, provider: int) -> bytes | None:
    """Return the part with which a provider cleared itself of an accusation; None if it did not.

    One that was opened through another contract than the judge is not found: its call data are not the
    judge's.

    Raises:
        ChainError: The chain cannot be reached.
    """
    judge = named_judges(federation.judges()).get(ExampleDisputes.ARTIFACT)
    for cleared in AccusationCleared.decode_logs(federation.logs()):
        if (cleared.epoch, cleared.round_, cleared.provider) != (epoch, round_, provider):
            continue
        found = federation.reader.transaction(cleared.log.transaction_hash)
        if found is None or found.to != judge or found.data[:4] != abi.selector(_CALL):
            continue
        try:
            values = abi.decode(abi.parameter_types(_CALL), found.data[4:])
        except ChainError:
            continue
        if isinstance(values[2], bytes):
            return values[2]
    return None
