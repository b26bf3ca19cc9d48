"""What a federation would cost of a dataset's privacy, before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from client.budget import dataset_budget
from client.ledger import PrivacyLedger
from client.release import ledger_name, release_of
from federation.hashing import Domain
from federation.privacy import History
from federation.secureprivacy import epsilons
from federation.types import Hash32

if TYPE_CHECKING:
    from client.vault import Vault
    from federation.manifest import Manifest
    from federation.privacy import Budget
    from federation.secureprivacy import Epsilons
    from federation.types import Address

_ANY = Hash32(bytes(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How far a dataset's budget goes.

    Attributes:
        budget: The dataset's own, over all federations.
        spent: Epsilon spent so far, over all federations.
        rounds: Rounds of an epoch that the manifest asks for.
        affordable: How many of them fit the dataset's budget and what the manifest promises.
        after: Epsilon spent after these.
        one: Epsilon of one round alone.
        secure: In secure mode what one round and all of them tell whom, at the manifest's delta.
    """

    budget: Budget
    spent: float
    rounds: int
    affordable: int
    after: float
    one: float
    secure: tuple[Epsilons, Epsilons] | None = None


def forecast(vault: Vault, manifest: Manifest, federation: Address) -> Forecast:
    """Tell how many rounds of a federation the vault's dataset can still afford.

    Args:
        vault: The open vault.
        manifest: What the community asks.
        federation: Its contract.

    Raises:
        ConfigError: The vault has no budget.
        VerificationFailed: The vault was altered.
    """
    budget, promised = dataset_budget(vault), manifest.privacy.budget
    ledger = PrivacyLedger(vault)
    domain = Domain(chain_id=manifest.chain.chain_id, federation=federation, epoch=1)
    whole, own = ledger.history(), ledger.history(ledger_name(domain.chain_id, federation))
    step = release_of(manifest, domain, 1, _ANY)

    def after(history: History, count: int) -> History:
        for _ in range(count):
            history = step.after(history)
        return history

    def fits(count: int) -> bool:
        return (
            after(whole, count).epsilon(budget.delta) <= budget.epsilon
            and after(own, count).epsilon(promised.delta) <= promised.epsilon
        )

    # What fits shrinks with each round; each test of samples may take a second.
    low, high = 0, manifest.rounds
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return Forecast(
        budget=budget,
        spent=whole.epsilon(budget.delta),
        rounds=manifest.rounds,
        affordable=low,
        after=after(whole, low).epsilon(budget.delta),
        one=after(History(), 1).epsilon(budget.delta),
        secure=(epsilons(manifest, 1), epsilons(manifest, manifest.rounds)) if manifest.secure else None,
    )
