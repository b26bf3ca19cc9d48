"""How a member stands in a federation: from its own vault first, then from whoever can be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ceramic_bridge.blobs import blobs_that_begin, fetch_blob
from ceramic_bridge.did import verify
from client import assemble, receipts
from client.budget import dataset_budget
from client.forecast import forecast
from client.ledger import PrivacyLedger, Status
from client.release import ledger_name
from client.restored import restored_at
from client.wallet import names, session
from contracts.agreement import require_agreed
from contracts.payouts import MAGIC, find_table, pick_table
from contracts.view import FederationView
from federation.errors import FolkmootError, IdentityError
from federation.hashing import Domain, did_hash
from federation.roster import Roster
from federation.rostertree import NO_PAYEE
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ceramic_bridge.events import SignedEvent
    from client.forecast import Forecast
    from client.membership import Membership
    from client.receipts import Line
    from client.vault import Vault
    from contracts.deploy import Deployment

_MOST_ROSTER: Final = 16 << 20
_MOST_TABLE: Final = 64 << 20

_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True)
class Overview:
    """One federation, as its member sees it; None stands for what could not be asked.

    Attributes:
        membership: The federation.
        did: The member.
        taken: Rounds for which a delta was made.
        lost: Rounds that were paid for in privacy, and whose delta was lost before it was stored.
        epsilon: Spent in this federation.
        outlook: How far the dataset's budget goes.
        epoch: The open or last epoch; 0 before the first.
        recorded: Rounds of it that are recorded.
        quota: The member's on the community's list for it; 0 if it is not on it.
        registered: Whether the payee accepts to be paid for the member.
        lines: What receipts say of it.
        claimable: Wei that the payee can claim.
        paid: Wei that it was paid.
        unknown: What could not be asked, and why.
        problems: What needs somebody's attention.
    """

    membership: Membership
    did: Did
    taken: int
    lost: int
    epsilon: float
    outlook: Forecast
    epoch: int | None = None
    recorded: int | None = None
    quota: int | None = None
    registered: bool | None = None
    lines: list[Line] = field(default_factory=list)
    claimable: int | None = None
    paid: int | None = None
    unknown: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def credit(self) -> int:
        """Return the wei that confirmed receipts of the epoch credit; it may be below zero."""
        return sum(line.credit for line in self.lines if line.confirmed and line.epoch == self.epoch)

    def ask(self, what: str, question: Callable[[], _T]) -> _T | None:
        """Ask somebody; if that fails, note what is unknown and go on."""
        try:
            return question()
        except FolkmootError as error:
            self.unknown.append(f"{what}: {error.message}")
            return None


def overview(vault: Vault, membership: Membership, *, offline: bool) -> Overview:
    """Tell how a member stands in a federation.

    Args:
        vault: The open vault.
        membership: The federation.
        offline: Whether nobody is asked.

    Raises:
        VerificationFailed: The vault was altered.
        ConfigError: It has no budget.
    """
    made = _local(vault, membership)
    if offline:
        made.unknown.append("chain, receipts and payments: not asked (--offline)")
        return made
    deployment = made.ask("chain", lambda: _bound(membership))
    view = None
    if deployment is not None:
        view = FederationView(deployment.federation)
        made.ask("chain", lambda: _epoch(made, deployment, view))
        made.ask("payee", lambda: _payee(made, deployment))
        made.ask("what can be claimed", lambda: _payments(made, deployment))
    _receipts(made, view)
    return made


def _local(vault: Vault, membership: Membership) -> Overview:
    manifest = membership.manifest
    budget = dataset_budget(vault)
    ledger = PrivacyLedger(vault)
    name = ledger_name(manifest.chain.chain_id, membership.federation)
    states = [status for _, status in ledger.releases(name)]
    made = Overview(
        membership=membership,
        did=names(vault)[-1],
        taken=sum(status != Status.RESERVED for status in states),
        lost=states.count(Status.RESERVED),
        epsilon=ledger.history(name).epsilon(budget.delta),
        outlook=forecast(vault, manifest, membership.federation),
    )
    if restored_at(vault) is not None:
        made.problems.append("the vault was put back from a backup and is not compared yet")
    if not made.outlook.affordable:
        made.problems.append("the privacy budget is spent: you take part no more")
    if not vault.count:
        made.problems.append("the vault has no rows: folkmoot client import")
    try:
        session(vault, membership.name)
    except IdentityError as error:
        made.problems.append(error.message)
    return made


def _bound(membership: Membership) -> Deployment:
    return assemble.bind(assemble.connect(membership.rpc, membership.manifest), membership)


def _epoch(made: Overview, deployment: Deployment, view: FederationView) -> None:
    federation, membership = deployment.federation, made.membership
    made.epoch = federation.epoch()
    if not made.epoch:
        return
    made.recorded = federation.recorded()
    terms = view.terms(made.epoch)
    require_agreed(membership.manifest, terms)
    domain = Domain(chain_id=federation.reader.chain_id, federation=federation.address, epoch=made.epoch)

    def quota() -> int:
        roster = Roster.parse(fetch_blob(membership.public, terms.roster_hash, most=_MOST_ROSTER))
        community = Did(membership.manifest.parties.community)
        verify(community, Roster.signed_bytes(roster.quotas, domain), roster.signature)
        return roster.quotas.get(made.did, 0)

    made.quota = made.ask("the community's list", quota)
    if made.quota == 0:
        made.problems.append(f"you are not on the community's list for epoch {made.epoch}")


def _payee(made: Overview, deployment: Deployment) -> None:
    payee = made.membership.payee
    made.registered = deployment.registry.payee_of(did_hash(made.did), payee) != NO_PAYEE
    if not made.registered:
        made.problems.append(f"{payee} has not accepted to be paid for you: you earn nothing until then")


def _payments(made: Overview, deployment: Deployment) -> None:
    pool, membership = deployment.pool, made.membership
    root, payee = pool.root(), membership.payee
    made.paid = pool.paid(payee)
    if not any(root):
        made.claimable = 0
        return
    place, chain_id = membership.public, pool.reader.chain_id
    if "://" in place:
        found = (fetch_blob(place, digest, most=_MOST_TABLE) for digest in blobs_that_begin(place, MAGIC))
        table = pick_table(found, chain_id, pool.address, root, place=place)
    else:
        table = find_table(Path(place), chain_id, pool.address, root)
    due = dict(table.rows).get(payee, 0)
    made.claimable = max(0, due - made.paid)


def _receipts(made: Overview, view: FederationView | None) -> None:
    membership, folder = made.membership, Path(made.membership.public)
    sources = []
    if membership.events:
        sources.append(lambda: receipts.from_node(membership))
    if "://" not in membership.public:
        sources.append(lambda: receipts.from_folder(folder))
    if not sources:
        made.unknown.append("receipts: there is no event node to ask")
    found: dict[tuple[int, int], Line] = {}
    for source in sources:
        # One place that fails must not take away what another says.
        lines = made.ask("receipts", partial(_read, source, membership, made.did, view)) or {}
        found |= {at: line for at, line in lines.items() if line.confirmed or at not in found}
    made.lines = [found[at] for at in sorted(found)]
    for line in made.lines:
        if line.confirmed is False:
            made.problems.append(
                f"the receipt of round {line.round} of epoch {line.epoch} is not the one on chain: "
                "do not believe it"
            )


def _read(
    source: Callable[[], Iterator[SignedEvent]], membership: Membership, did: Did, view: FederationView | None
) -> dict[tuple[int, int], Line]:
    fetch = partial(fetch_blob, membership.public, most=_MOST_TABLE)
    return receipts.lines(source(), membership, did, view, fetch)
