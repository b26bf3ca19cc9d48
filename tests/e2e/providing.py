"""A founded federation whose providers are processes of their own, or could be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from aggregator.epoch import OpenEpoch, open_epoch
from aggregator.happenings import Happening
from aggregator.provider import Proposal
from aggregator.public import PublicDirectory
from aggregator.validation import wire
from aggregator.validation.duties import Duties, Outside
from aggregator.validation.home import ProviderHome, Settings
from aggregator.validation.mailbox import Held, Mailbox
from aggregator.validation.messages import parse_proposal
from aggregator.validation.remote import Patience, RemoteProvider
from ceramic_bridge.did import Identity
from contracts.accounts import Account
from examples.spam_detection import run as example
from examples.spam_detection.run import Run
from examples.spam_detection.settings import Settings as RunSettings
from examples.spam_detection.world import build_cast, entropy_for, examples_of
from federation.hashing import Domain
from federation.roster import Roster
from federation.types import Did, Hash32
from tests.agreed import identity
from tests.e2e.chainserver import SharedChain
from tests.world import Quiet, made_up_mails

ACCOUNTS = [Account(entropy_for(0, f"account/provider-{i}")(32)) for i in range(3)]
MEMBER = identity("a member")


class FundedChain(SharedChain):
    """The providers can pay for gas."""

    def __init__(self, at: int, funded: list[Any], **more: Any) -> None:
        super().__init__(at, [*funded, *(account.address for account in ACCOUNTS)], **more)


def founded(out: Path, chain: Callable[..., Any] = FundedChain) -> Run:
    """A community with contracts, funds and bonds; two rounds, no members yet."""
    settings = RunSettings(members=5, rounds=2, seed=0, cheats=(), out=out)
    run = Run(settings, build_cast(made_up_mails(), settings), Quiet())
    with mock.patch.object(example, "EmbeddedChain", chain):
        run._found_community()
    return run


@dataclass
class LocalDesk:
    """The desk without a network: what the routes and their client do together."""

    mailbox: Mailbox
    aggregator: Did

    def put(self, slip: wire.Slip, content: bytes, identity: Identity) -> None:
        body = slip.seal(content, self.aggregator)
        self.mailbox.put(slip.domain.epoch, slip.provider, slip.item, body)

    def held(self, epoch: int, provider: int) -> dict[str, Held]:
        return self.mailbox.held(epoch, provider)

    def proposal(self, epoch: int) -> Proposal | None:
        found = self.mailbox.proposal(epoch)
        return None if found is None else parse_proposal(found)


class Stage:
    """One federation, its mailbox and its providers' homes."""

    def __init__(self, run: Run, path: Path, *, depth: int = 3) -> None:
        self.run, self.path = run, path
        self.mailbox = Mailbox(path / "mailbox.db")
        self.desk = LocalDesk(self.mailbox, run.aggregator_id.did)
        self.happened: list[Happening] = []
        self.homes = [self._home(i, depth) for i in range(3)]
        self.remotes = [
            RemoteProvider(
                self.mailbox,
                run.manifest,
                i,
                federation=self.federation.address,
                identity=run.aggregator_id,
                patience=Patience(opening=20, round=0.3),
                chain=run.chain,
            )
            for i in range(3)
        ]
        self.roster = self._roster(1)

    @property
    def federation(self) -> Any:
        return self.run.deployment.federation

    def _home(self, i: int, depth: int) -> ProviderHome:
        run, home = self.run, ProviderHome(self.path / f"provider-{i}")
        home.create_identity(entropy_for(0, f"did/provider-{i}")(32))
        home.join(
            run.manifest,
            Settings(
                federation=self.federation.address,
                rpc="http://127.0.0.1:1",
                desk="http://127.0.0.1:1",
                key="none",
                confirmations=depth,
            ),
        )
        home.keep_examples(examples_of(run.cast.providers[i]))
        return home

    def _roster(self, epoch: int) -> Roster:
        domain = Domain(chain_id=self.run.chain.chain_id, federation=self.federation.address, epoch=epoch)
        quotas = {MEMBER.did: 10}
        return Roster(quotas, self.run.community_id.sign(Roster.signed_bytes(quotas, domain)))

    def duties(self, i: int, **changes: Any) -> Duties:
        """The duties of one provider, as after a start of its process."""
        outside = {
            "federation": self.federation,
            "desk": self.desk,
            "account": ACCOUNTS[i],
            "tell": self.happened.append,
            "now": lambda: 0.0,
            **changes,
        }
        return Duties(self.homes[i], Outside(**outside))

    def told(self) -> list[str]:
        return [happening.kind for happening in self.happened]

    def open_epoch(self, meanwhile: Callable[[], None]) -> OpenEpoch:
        """Open the next epoch while something else happens again and again."""
        found: list[OpenEpoch] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                found.append(
                    open_epoch(
                        self.run.deployment,
                        self.run.manifest,
                        self.roster,
                        self.remotes,
                        payees={},
                        sender=self.run.aggregator,
                        public=PublicDirectory(self.path / "public"),
                        models=self.run.models,
                        chain_id=self.run.chain.chain_id,
                    )
                )
            except BaseException as error:  # noqa: BLE001 -- raised below, in the test's own thread
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            meanwhile()
            thread.join(0.05)
        if errors:
            raise errors[0]
        return found[0]

    def refuse_commitments(self) -> None:
        """Decline as an aggregator does that finds too few examples again."""
        for remote in self.remotes:
            remote.decline(self.homes[0].dealt(1).domain, "too few")

    def close_reveals(self) -> None:
        """Bring the next round to its draw."""
        federation, sender = self.federation, self.run.aggregator
        some = Hash32(bytes([7]) * 32)
        federation.open_round(sender, some)
        federation.close_commits(sender, some)
        federation.close_reveals(sender, some)

    def reach_target(self, more: int = 0) -> None:
        chain = self.run.chain
        chain.mine(max(0, self.federation.draw_target() + more - chain.block_number))

    def draw(self, round_: int) -> int:
        """Draw a round's shard with the preimages of the mailbox."""
        preimages = [remote.preimage(round_) for remote in self.remotes]
        self.federation.draw_shard(self.run.aggregator, preimages)
        words: int = self.view.drawn_shard(1, round_)
        return words

    @property
    def view(self) -> Any:
        from contracts.view import FederationView

        return FederationView(self.federation)

    def record(self) -> None:
        some = Hash32(bytes([8]) * 32)
        self.federation.record_round(
            self.run.aggregator, model_hash=some, events_root=some, trace_root=some, receipt_hash=some
        )
