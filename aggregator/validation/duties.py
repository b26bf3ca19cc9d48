"""What a provider owes in its epochs, done when it is due; every duty may be tried again at any time.

Nothing here is remembered but in the home, on the desk and on the chain, so that a restart between
any two steps changes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from aggregator.challenge.examples import open_part
from aggregator.challenge.openings import Validation
from aggregator.dealing import Dealt, chosen, require_committed
from aggregator.happenings import Happening, Watcher
from aggregator.provider import Provider
from aggregator.terms import terms_hash
from aggregator.validation import wire
from aggregator.validation.agreed import require_contract, require_listed
from aggregator.validation.messages import Commitment, parse_proposal, proposal_bytes, revealed_bytes
from aggregator.validation.standing import Epoch, Standing, Tape
from ceramic_bridge.events import encode
from contracts.agreement import require_agreed
from contracts.bindings.bond_vault import BondVault
from contracts.bindings.federation import Federation
from contracts.bindings.structs import Context, Phase
from contracts.chain import Chain
from contracts.deploy import named_judges
from contracts.view import FederationView
from federation.errors import ChainError, ConfigError, FolkmootError, VerificationFailed
from federation.hashing import Domain, sha256
from federation.validation import MINIMUM_SHARD, example_bytes

if TYPE_CHECKING:
    from aggregator.provider import Proposal
    from aggregator.validation.desk import Desk
    from aggregator.validation.home import ProviderHome
    from aggregator.validation.mailbox import Held
    from contracts.accounts import Account
    from federation.models.linear import Examples
    from federation.types import Hash32

LARGEST_PART: Final = 96 << 10
"""Bytes of a part: an accused provider opens all of it in one transaction, and nodes take 128 KiB."""

_SHOWN_LATE: Final = 3
"""A preimage is shown on chain once this part of the phase, at its end, has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a provider's process is connected to.

    Attributes:
        federation: The contract, over a chain's latest state.
        desk: The aggregator's desk.
        account: The account whose bond stands for the provider, where its key is open.
        tell: Is told what happens.
        entropy: Where salts and hash chains come from.
        now: Unix seconds.
    """

    federation: Federation
    desk: Desk
    account: Account | None
    tell: Watcher
    entropy: Callable[[int], bytes] = os.urandom
    now: Callable[[], float] = time.time


class Duties:
    """One provider's duties in one federation."""

    def __init__(self, home: ProviderHome, outside: Outside) -> None:
        """Check that the contract is the one that was agreed.

        Raises:
            ConfigError: This provider is none of the manifest's.
            VerificationFailed: The contract was deployed with another manifest.
        """
        self._home, self._outside = home, outside
        self._manifest, self._identity = home.manifest(), home.identity()
        self._number = require_listed(self._manifest.providers, self._identity.did)
        require_contract(self._manifest, outside.federation)
        self._tape = Tape(outside.federation, home.settings().confirmations)
        self._told: set[tuple[object, ...]] = set()
        self._troubles: dict[str, str] = {}
        self._providers: dict[int, Provider] = {}
        self._resent: set[tuple[int, str, Hash32]] = set()

    def step(self) -> None:
        """Do everything that is due; a duty that fails is told, and stops no other."""
        for duty in (self.open, self.defend, self.reveal, self.commit):
            name = duty.__name__
            try:
                duty()
            except FolkmootError as error:
                if self._troubles.get(name) != error.message:
                    self._troubles[name] = error.message
                    self._tell("trouble", 0, duty=name, error=error.message)
            else:
                self._troubles.pop(name, None)

    def commit(self) -> bool:
        """Commit to the next epoch, and consent to its terms once they are known and right.

        Returns:
            Whether the consent is with the aggregator.

        Raises:
            ConfigError: There are too few examples that nobody has seen yet, or too many for a part.
            VerificationFailed: The terms are not what was agreed.
            PeerError, ChainError: The desk or the chain cannot be reached.
        """
        federation, desk = self._outside.federation, self._outside.desk
        if federation.phase() is not Phase.CLOSED:
            return False
        epoch = federation.epoch() + 1
        provider = self._provider(epoch)
        held = desk.held(epoch, self._number)
        if (found := held.get(wire.COMMIT)) is not None and found.refusal is not None:
            provider = self._dealt_anew(epoch, provider)
        self._send(provider, wire.COMMIT, partial(self._commitment, provider), held)
        proposal = desk.proposal(epoch)
        if proposal is None:
            return False
        if self._is_due(provider, wire.CONSENT, held):
            self._check(provider.dealt, proposal)
            agreed = terms_hash(proposal.terms)
            self._home.keep_proposal(epoch, agreed, proposal_bytes(proposal))
            consent = partial(provider.consent, provider.dealt.domain, agreed)
            self._send(provider, wire.CONSENT, consent, held)
        return True

    def open(self) -> None:
        """Give preimages whose target block is there, and parts of shards that were drawn.

        Raises:
            VerificationFailed: The chain draws another shard for a round that one was opened for.
            PeerError, ChainError: The desk or the chain cannot be reached.
        """
        now = self._tape.read()
        for number, epoch, provider in self._mine(now):
            if epoch.ended:
                continue
            held = self._outside.desk.held(number, self._number)
            for r, round_ in epoch.rounds.items():
                if r > epoch.recorded and round_.shard:
                    self._open(provider, now, r, held)
                elif r > epoch.recorded and now.block >= round_.target:
                    value = provider.preimage(r)
                    self._send(provider, wire.preimage(r), partial(bytes, value), held)

    def defend(self) -> None:
        """Show a preimage on chain before its draw lapses; open an accused part there.

        Raises:
            VerificationFailed: The chain draws another shard for a round that one was opened for.
            ChainError: The chain cannot be reached, or refuses.
        """
        account, federation = self._outside.account, self._outside.federation
        if account is None:
            return
        phase, number = federation.phase(), federation.epoch()
        if phase not in (Phase.DRAW, Phase.RECORD):
            return
        now = self._tape.read()
        for epoch_number, epoch, provider in self._mine(now):
            if epoch_number != number or epoch.ended:
                continue
            r = federation.round_()
            if phase is Phase.RECORD and federation.accused() == self._number:
                self._answer(account, provider, now, r)
            elif phase is Phase.DRAW and r in epoch.rounds:
                self._show(account, provider, epoch, r)

    def reveal(self) -> None:
        """Make everything public once an epoch's rounds are over.

        Where no round was recorded nobody is paid by the examples, and nothing more is shown.

        Raises:
            PeerError, ChainError: The desk or the chain cannot be reached.
        """
        now = self._tape.read()
        for number, epoch, provider in self._mine(now):
            if max(now.epochs) > number:
                self._home.keep_over(number)
                self._once("epoch-over", epoch=number)
            elif epoch.ended and epoch.recorded:
                kept = self._proposal(number, epoch)
                if kept is None:
                    self._once("not-consented", epoch=number)
                    continue
                held = self._outside.desk.held(number, self._number)
                for data, event in provider.reveal(now, kept.models["validation-shard"]):
                    shard = int.from_bytes(data[4:8], "little")
                    self._send(
                        provider,
                        wire.reveal(shard),
                        partial(revealed_bytes, data, event),
                        held,
                    )

    def _deal(self, epoch: int) -> Dealt:
        home = self._home
        if epoch in home.epochs():
            return home.dealt(epoch)
        pool, fresh = self._fresh(epoch)
        kept = home.keep_dealt(self._cut(epoch, pool, fresh))
        self._tell("dealt", epoch, examples=len(fresh))
        return kept

    def _dealt_anew(self, epoch: int, provider: Provider) -> Provider:
        """Deal again if the aggregator could not use the commitment, and there are more examples now.

        Not once this provider has consented: its bond stands for the secrets that it consented with.
        """
        pool, fresh = self._fresh(epoch)
        if self._home.consented(epoch) or len(fresh) <= len(provider.dealt.examples):
            return provider
        dealt = self._cut(epoch, pool, fresh)
        self._home.replace_dealt(dealt)
        self._tell("dealt", epoch, examples=len(fresh))
        self._providers[epoch] = Provider.restore(self._identity, self._outside.account, dealt)
        return self._providers[epoch]

    def _fresh(self, epoch: int) -> tuple[Examples, list[int]]:
        """Return all examples, and which of them no other epoch has shown."""
        home, words = self._home, self._manifest.words
        pool, seen = home.examples(words), set()
        for earlier in home.epochs():
            if earlier != epoch:
                shown = home.dealt(earlier).examples
                seen |= {sha256(example_bytes(shown, i)) for i in range(len(shown))}
        return pool, [i for i in range(len(pool)) if sha256(example_bytes(pool, i)) not in seen]

    def _cut(self, epoch: int, pool: Examples, fresh: list[int]) -> Dealt:
        manifest, federation = self._manifest, self._outside.federation
        domain = Domain(chain_id=federation.reader.chain_id, federation=federation.address, epoch=epoch)
        # Some of a shard must come from every provider: one that is all of one label measures nothing.
        if len(fresh) < manifest.validation.shards:
            raise ConfigError(
                f"{len(fresh)} examples are left that no epoch has shown, fewer than one for each shard",
                hint=f"folkmoot validation add {manifest.name} FILE: what an epoch has shown is public",
            )
        dealt = Dealt.deal(chosen(pool, fresh), domain, manifest, self._identity.did, self._outside.entropy)
        largest = max(len(part.to_bytes()) for part in dealt.parts)
        if largest > LARGEST_PART:
            raise ConfigError(
                f"a part has {largest} bytes, more than {LARGEST_PART} that can be opened on chain",
                hint="bring fewer examples, or let the community cut the set into more shards",
            )
        return dealt

    def _provider(self, epoch: int) -> Provider:
        """Return the provider of an epoch; one that has no secrets yet deals first."""
        if epoch not in self._providers:
            self._providers[epoch] = Provider.restore(
                self._identity, self._outside.account, self._deal(epoch)
            )
        return self._providers[epoch]

    def _commitment(self, provider: Provider) -> bytes:
        counts = provider.counts(self._manifest.words)
        return Commitment(committed=provider.committed(), counts=counts).to_bytes()

    def _mine(self, now: Standing) -> list[tuple[int, Epoch, Provider]]:
        """Return the epochs that were opened with this provider's commitment and are not over."""
        found = []
        for number in self._home.epochs():
            if number not in now.epochs or self._home.over(number):
                continue
            epoch, provider = now.epochs[number], self._provider(number)
            if epoch.terms.provider_tips[self._number : self._number + 1] == (provider.dealt.tip,):
                found.append((number, epoch, provider))
            else:
                self._once("not-mine", epoch=number)
        return found

    def _check(self, dealt: Dealt, proposal: Proposal) -> None:
        """Refuse terms under which the bond would stand for something else than was agreed."""
        terms, federation = proposal.terms, self._outside.federation
        require_agreed(self._manifest, terms)
        if proposal.index.root != terms.validation_root:
            raise VerificationFailed("epoch's terms", "the validation root is not that of the index")
        if proposal.index.smallest_shard() < MINIMUM_SHARD:
            raise VerificationFailed("epoch's terms", f"a shard has fewer than {MINIMUM_SHARD} examples")
        require_committed(dealt, proposal.index, terms.provider_tips)
        named, account = terms.providers[self._number], self._outside.account
        if account is not None and account.address != named:
            raise ConfigError(f"the manifest names {named} for this provider, not {account.address}")
        bond = BondVault(federation.reader, federation.vault()).standing(named)
        if bond < int(self._manifest.bonds.provider_wei):
            raise ConfigError(
                f"{named} has staked {bond} wei, less than the bond of {self._manifest.bonds.provider_wei}",
                hint="folkmoot chain bond deposit, by anybody: --for its account",
            )

    def _open(self, provider: Provider, now: Standing, r: int, held: Mapping[str, Held]) -> None:
        number = provider.dealt.domain.epoch
        shard = now.drawn_shard(number, r)
        self._home.keep_opened(number, r, shard)
        self._send(provider, wire.part(r), lambda: provider.open(shard, r, now), held)
        kept = self._proposal(number, now.epochs[number])
        if provider.dealt.at_once and kept is not None:
            model = kept.models["validation-shard"]
            self._send(provider, wire.event(r), lambda: encode(provider.publish(shard, r, now, model)), held)

    def _answer(self, account: Account, provider: Provider, now: Standing, r: int) -> None:
        number, shard = provider.dealt.domain.epoch, now.drawn_shard(provider.dealt.domain.epoch, r)
        if not shard:
            self._once("accused", epoch=number, round_=r)
            return
        self._home.keep_opened(number, r, shard)
        federation, epoch = self._outside.federation, now.epochs[number]
        proposal = self._proposal(number, epoch)
        if proposal is None:
            raise ConfigError(
                "the proposal that was consented to is lost", hint="restore it from your backup"
            )
        own = Validation(
            domain=provider.dealt.domain,
            providers=len(self._manifest.providers),
            index=proposal.index,
            parts={},
            mean=b"",
        )
        words = FederationView(federation).words(number, r)
        context = Context(federation=federation.address, terms=epoch.terms, round_=r, words=words)
        part = provider.open(shard, r, now)
        opening = open_part(context, self._number, part, own.entry(shard, self._number))
        opening.send(self._chain(), account, named_judges(federation.judges())[opening.judge])
        self._tell("opened-on-chain", number, r, shard=shard)

    def _show(self, account: Account, provider: Provider, epoch: Epoch, r: int) -> None:
        round_, federation = epoch.rounds[r], self._outside.federation
        chain = federation.reader
        late = round_.deadline - self._manifest.deadlines.phase // _SHOWN_LATE
        time_ = max(self._outside.now(), chain.block_time(chain.block_number))
        if round_.shard or self._number in round_.shown or not late <= time_ < round_.deadline:
            return
        if chain.block_number < round_.target:
            return
        tips = epoch.terms.provider_tips if r == 1 else epoch.rounds[r - 1].preimages
        federation.show_preimage(account, self._number, provider.preimage(r), tips)
        self._tell("preimage-shown-on-chain", provider.dealt.domain.epoch, r)

    def _proposal(self, number: int, epoch: Epoch) -> Proposal | None:
        kept = self._home.proposal(number, terms_hash(epoch.terms))
        return None if kept is None else parse_proposal(kept)

    def _chain(self) -> Chain:
        chain = self._outside.federation.reader
        if not isinstance(chain, Chain):
            raise ChainError("this chain can only be read")
        return chain

    def _is_due(self, provider: Provider, item: str, held: Mapping[str, Held]) -> bool:
        """Tell whether an item must be sent: it is not there, or was refused and not sent again since."""
        found, epoch = held.get(item), provider.dealt.domain.epoch
        if found is None or found.refusal is None:
            return found is None
        self._once("item-refused", epoch=epoch, facts={"item": item, "reason": found.refusal})
        return _again(provider, item, found) not in self._resent

    def _send(
        self, provider: Provider, item: str, content: Callable[[], bytes], held: Mapping[str, Held]
    ) -> None:
        domain = provider.dealt.domain
        if not self._is_due(provider, item, held):
            return
        slip = wire.Slip(domain=domain, provider=self._number, item=item)
        self._outside.desk.put(slip, content(), self._identity)
        if item in held:
            self._resent.add(_again(provider, item, held[item]))
        self._tell("sent", domain.epoch, item=item)

    def _tell(self, kind: str, epoch: int, round_: int = 0, **facts: str | int) -> None:
        self._outside.tell(Happening(kind=kind, epoch=epoch, round=round_, facts=facts))

    def _once(
        self, kind: str, *, epoch: int = 0, round_: int = 0, facts: Mapping[str, str] | None = None
    ) -> None:
        """Tell what stays so for long only once."""
        happening = Happening(kind=kind, epoch=epoch, round=round_, facts=facts or {})
        key = (kind, epoch, round_, tuple(sorted((facts or {}).items())))
        if key not in self._told:
            self._told.add(key)
            self._outside.tell(happening)


def _again(provider: Provider, item: str, refused: Held) -> tuple[int, str, Hash32]:
    """Name a second try: of a commitment by its tip, as its bytes differ each time."""
    said = provider.dealt.tip if item == wire.COMMIT else refused.sha256
    return provider.dealt.domain.epoch, item, said
