"""Opening an epoch so that a crash before, in or after it changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aggregator.epoch import OpenEpoch, Opening, prepare_epoch
from aggregator.journal import pack, unpack
from aggregator.onchain import once, settle
from aggregator.public import MANIFEST
from aggregator.rebuilding import rebuild_opening
from aggregator.settlement import agreed_payees, wanted_payees
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.events import SignedEvent, decode, encode
from federation.errors import ConfigError

if TYPE_CHECKING:
    from aggregator.epochrun import EpochPlan
    from aggregator.journal import Journal
    from aggregator.payday import Tell
    from aggregator.ports import Ports
    from contracts.chain import Receipt, Signer
    from contracts.deploy import Deployment
    from contracts.view import FederationView
    from federation.hashing import Domain
    from federation.manifest import Manifest


class Opener:
    """Opens epochs of one federation."""

    def __init__(
        self,
        ports: Ports,
        deployment: Deployment,
        manifest: Manifest,
        journal: Journal,
        *,
        view: FederationView,
    ) -> None:
        self._ports, self._deployment, self._federation = ports, deployment, deployment.federation
        self._manifest, self._journal, self._view = manifest, journal, view

    def open(self, plan: EpochPlan, domain: Domain, tell: Tell) -> tuple[OpenEpoch, list[SignedEvent]]:
        """Open the epoch, or find it open.

        Args:
            plan: What it is made of.
            domain: The federation and the epoch.
            tell: Tells whoever watches.

        Returns:
            The epoch, and the imports that its first round records.

        Raises:
            ConfigError: It was opened on other terms than were prepared, or could not be verified.
            PeerError: A provider does not answer.
        """
        number = domain.epoch
        opening, imports = self._opening(plan, domain, tell)
        terms, ports = opening.terms(self._manifest), self._ports
        for place in (ports.public, ports.published):
            if place is not None:
                place.write(MANIFEST, self._manifest.to_toml().encode())
                for blob in opening.blobs:
                    place.put(blob)

        def act(sender: Signer) -> Receipt:
            self._require_payees(opening, imports)
            return self._federation.open_epoch(sender, terms)

        # An epoch that is open is looked up, never opened again: its number alone would not tell whose it is.
        once(self._ports.chain, lambda: self._federation.epoch() >= number, act, ports.sender)
        if self._view.terms(number) != terms:
            raise ConfigError(
                f"epoch {number} was opened on other terms than this aggregator has prepared",
                hint="does another aggregator use the same key?",
            )
        return opening.opened(self._manifest, domain, plan.models), imports

    def _require_payees(self, opening: Opening, imports: Sequence[SignedEvent]) -> None:
        """Refuse to open an epoch that nobody could verify: payees count as they are when it opens.

        Providers may have taken long to consent, or the aggregator to be started again.
        """
        if agreed_payees(self._deployment.registry, wanted_payees(imports)) != opening.payees:
            raise ConfigError(
                "a member's payee has changed since the providers agreed to the epoch's terms",
                hint="let the providers commit anew, with another journal and an empty mailbox",
            )

    def _opening(self, plan: EpochPlan, domain: Domain, tell: Tell) -> tuple[Opening, list[SignedEvent]]:
        number = domain.epoch
        raw = self._journal.recall(number, 0, "opening")
        if raw is not None:
            kept = self._journal.recall(number, 0, "imports") or b""
            return Opening.parse(raw), [decode(one, authority=UNDATED) for one in unpack(kept)]
        registry, providers = self._deployment.registry, self._ports.providers
        if self._federation.epoch() >= number:
            tell("rebuilding", number)
            settle(self._ports.chain)
            terms = self._view.terms(number)
            opening = rebuild_opening(
                self._ports, self._manifest, plan, domain, terms=terms, registry=registry
            )
        else:
            payees = agreed_payees(registry, wanted_payees(plan.imports))
            opening = prepare_epoch(
                self._manifest, domain, plan.roster, providers, payees, models=plan.models
            )
        self._journal.record(number, 0, "imports", pack([encode(event) for event in plan.imports]))
        self._journal.record(number, 0, "opening", opening.to_bytes())
        return opening, list(plan.imports)
