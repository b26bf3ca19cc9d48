"""A provider does its duties through the mailbox, by the confirmed chain, started anew for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from aggregator.dealing import chosen
from aggregator.operator.overview import look
from aggregator.provider import PUBLIC
from aggregator.validation import wire
from aggregator.validation.remote import Patience, RemoteProvider
from contracts.bindings.bond_vault import BondVault
from contracts.bindings.federation import PreimageShown
from contracts.bindings.structs import Phase
from examples.spam_detection.run import Run
from federation.errors import ConfigError, PeerError, VerificationFailed
from tests.e2e.providing import ACCOUNTS, Stage, founded
from tests.world import scratch

NOBODY = 2**32 - 1


@pytest.fixture(scope="module")
def community() -> Run:
    return founded(scratch() / "providers")


@pytest.fixture
def stage(community: Run, tmp_path: Path) -> Iterator[Stage]:
    before = community.chain.snapshot()
    yield Stage(community, tmp_path)
    community.chain.revert(before)


@pytest.fixture
def opened(stage: Stage) -> Stage:
    """The epoch is open, and the federation at its first round's draw."""
    stage.epoch = stage.open_epoch(lambda: [stage.duties(i).step() for i in range(3)])
    stage.close_reveals()
    return stage


@pytest.fixture
def drawn(opened: Stage) -> Stage:
    """The first round's shard is drawn, in a block that has no confirmations yet."""
    opened.reach_target(2)
    for i in range(3):
        opened.duties(i).open()
    opened.shard = opened.draw(1)
    return opened


def test_epoch_opens_with_the_providers_commitments_when_all_have_consented(stage):
    epoch = stage.open_epoch(lambda: [stage.duties(i).step() for i in range(3)])
    assert stage.federation.phase() is Phase.OPEN
    for i, home in enumerate(stage.homes):
        dealt = home.dealt(1)
        assert epoch.terms.provider_tips[i] == dealt.tip
        assert [e for e in epoch.index.entries if e.provider == i] == list(dealt.entries)
    assert len(epoch.public.examples) == sum(
        len(home.dealt(1).parts[PUBLIC].examples) for home in stage.homes
    )
    assert stage.told().count("sent") == 6


def test_commitment_stays_the_same_when_a_provider_is_started_again(stage):
    stage.duties(0).commit()
    first, body = stage.homes[0].dealt(1), stage.mailbox.get(1, 0, wire.COMMIT)
    stage.duties(0).commit()
    assert stage.homes[0].dealt(1).to_bytes() == first.to_bytes()
    assert stage.mailbox.get(1, 0, wire.COMMIT) == body


def test_providers_commit_anew_when_the_first_examples_were_too_few(stage):
    whole = [home.examples(stage.run.manifest.words) for home in stage.homes]
    few = [chosen(all_, list(range(4))) for all_ in whole]
    for i, home in enumerate(stage.homes):
        home.keep_examples(few[i])
        stage.duties(i).commit()
    waiting = [stage.duties(i) for i in range(3)]
    with pytest.raises(PeerError, match="fewer than 20"):
        stage.open_epoch(lambda: [one.step() for one in waiting])
    for one in waiting * 3:
        one.step()
        stage.refuse_commitments()
    assert stage.told().count("sent") == 6  # each once, and once more
    for i, home in enumerate(stage.homes):
        home.keep_examples(whole[i])
    epoch = stage.open_epoch(lambda: [one.step() for one in waiting])
    assert [home.dealt(1).tip for home in stage.homes] == list(epoch.terms.provider_tips)
    assert sum(len(home.dealt(1).examples) for home in stage.homes) == sum(map(len, whole))


def test_secrets_stay_when_something_was_consented_to_with_them(stage):
    stage.open_epoch(lambda: [stage.duties(i).step() for i in range(3)])
    before = stage.homes[0].dealt(1)
    with pytest.raises(VerificationFailed, match="cannot be replaced"):
        stage.homes[0].replace_dealt(before)


def test_secrets_are_on_disk_when_the_commitment_leaves(stage):
    held = []
    put = stage.desk.put
    stage.desk.put = lambda *args: (held.append(stage.homes[0].dealt(1).tip), put(*args))
    stage.duties(0).commit()
    assert held == [stage.homes[0].dealt(1).tip]
    secrets = stage.homes[0].path / "epoch-1" / "secrets"
    assert secrets.stat().st_mode & 0o077 == 0


def test_nothing_is_committed_when_examples_are_short(stage):
    stage.homes[0].keep_examples(stage.homes[0].examples(stage.run.manifest.words).build([], []))
    with pytest.raises(ConfigError, match="0 examples are left"):
        stage.duties(0).commit()
    assert stage.mailbox.held(1, 0) == {}


def test_terms_are_not_consented_to_when_they_are_not_the_manifests(stage):
    for i in range(3):
        stage.duties(i).commit()
    proposals = []
    propose = type(stage.remotes[0]).propose

    def cheat(remote, domain, proposal):
        changed = replace(proposal, terms=replace(proposal.terms, funds=1))
        proposals.append(changed)
        propose(remote, domain, changed)

    for remote in stage.remotes:
        commitment = remote.commit(stage.homes[0].dealt(1).domain, stage.run.manifest)
        assert commitment.entries
    for remote in stage.remotes:
        remote._patience = Patience(opening=0.5)
    with (
        mock.patch.object(RemoteProvider, "propose", cheat),
        pytest.raises(PeerError, match="has not sent consent"),
    ):
        stage.open_epoch(lambda: stage.duties(0).step())
    assert proposals
    assert wire.CONSENT not in stage.mailbox.held(1, 0)
    with pytest.raises(VerificationFailed, match="funds"):
        stage.duties(0).commit()


def test_preimage_is_kept_back_when_the_target_block_lacks_confirmations(opened):
    opened.reach_target(1)
    opened.duties(0).open()
    assert wire.preimage(1) not in opened.mailbox.held(1, 0)
    opened.run.chain.mine()
    opened.duties(0).open()
    assert wire.preimage(1) in opened.mailbox.held(1, 0)
    assert wire.preimage(2) not in opened.mailbox.held(1, 0)


def test_part_is_kept_back_when_the_draw_lacks_confirmations(drawn):
    drawn.run.chain.mine(1)
    drawn.duties(0).open()
    assert wire.part(1) not in drawn.mailbox.held(1, 0)
    drawn.run.chain.mine(1)
    drawn.duties(0).open()
    part = drawn.remotes[0].open(drawn.shard, 1, drawn.view)
    assert part == drawn.homes[0].dealt(1).parts[drawn.shard].to_bytes()


def test_nothing_is_opened_when_the_draw_is_reorganised_before_it_is_confirmed(opened):
    chain, federation = opened.run.chain, opened.federation
    opened.reach_target(2)
    running = opened.duties(0)
    for duties in (running, opened.duties(1), opened.duties(2)):
        duties.open()
    before, shards = chain.snapshot(), set()
    shards.add(opened.draw(1))
    chain.mine(1)
    running.open()
    chain.revert(before)
    assert federation.phase() is Phase.DRAW
    running.open()
    assert not (opened.homes[0].path / "epoch-1" / "opened-1").exists()
    assert wire.part(1) not in opened.mailbox.held(1, 0)
    # The draw comes again, and then it counts, for the process that saw the first one too.
    chain.mine(2)
    shard = opened.draw(1)
    chain.mine(2)
    running.open()
    assert opened.remotes[0].open(shard, 1, opened.view)


def test_no_second_shard_is_opened_when_a_deep_reorganisation_draws_another(drawn):
    drawn.run.chain.mine(2)
    other = 1 if drawn.shard == 2 else 2
    drawn.homes[0].keep_opened(1, 1, other)
    with pytest.raises(VerificationFailed, match=f"shard {other} was, and was opened"):
        drawn.duties(0).open()
    assert wire.part(1) not in drawn.mailbox.held(1, 0)


def test_wrong_item_is_replaced_when_the_aggregator_has_refused_it(drawn):
    drawn.run.chain.mine(2)
    dealt = drawn.homes[0].dealt(1)
    slip = wire.Slip(domain=dealt.domain, provider=0, item=wire.part(1))
    drawn.desk.put(slip, b"not the part", drawn.homes[0].identity())
    with pytest.raises(PeerError, match="was refused"):
        drawn.remotes[0].open(drawn.shard, 1, drawn.view)
    drawn.duties(0).open()
    assert drawn.remotes[0].open(drawn.shard, 1, drawn.view) == dealt.parts[drawn.shard].to_bytes()
    assert "item-refused" in drawn.told()


def accuse(stage: Stage, number: int) -> None:
    federation, epoch = stage.federation, stage.epoch
    federation.consent(stage.run.aggregator, number, epoch.terms, epoch.consents[number])
    federation.accuse(stage.run.aggregator, number, epoch.terms)


def test_accused_provider_opens_on_chain_when_its_draw_is_confirmed(drawn):
    accuse(drawn, 1)
    assert drawn.federation.accused() == 1
    drawn.duties(1).defend()  # accuse and consent are two blocks: the draw has its confirmations
    assert drawn.federation.accused() == NOBODY
    assert drawn.federation.phase() is Phase.RECORD
    assert "opened-on-chain" in drawn.told()
    drawn.duties(1).defend()
    assert drawn.told().count("opened-on-chain") == 1
    # The aggregator has the part from there, although the mailbox has not.
    assert wire.part(1) not in drawn.mailbox.held(1, 1)
    part = drawn.homes[1].dealt(1).parts[drawn.shard].to_bytes()
    assert drawn.remotes[1].open(drawn.shard, 1, drawn.view) == part
    with pytest.raises(PeerError, match="in time"):
        drawn.remotes[0].open(drawn.shard, 1, drawn.view)


def test_nothing_is_opened_on_chain_when_another_is_accused(drawn):
    accuse(drawn, 1)
    drawn.duties(0).defend()
    assert drawn.federation.accused() == 1
    assert "opened-on-chain" not in drawn.told()


def test_preimage_is_shown_on_chain_when_the_draw_is_about_to_lapse(opened):
    opened.reach_target(2)
    duties, chain, phase = opened.duties(2), opened.run.chain, opened.run.manifest.deadlines.phase
    duties.defend()
    assert "preimage-shown-on-chain" not in opened.told()
    chain.advance_time(phase - phase // 4)
    chain.mine(3)
    duties.defend()
    shown = PreimageShown.decode_logs(opened.federation.logs())[-1]
    assert (shown.provider, shown.preimage) == (2, opened.homes[2].dealt(1).preimage(1))
    chain.mine(2)
    duties.defend()
    assert opened.told().count("preimage-shown-on-chain") == 1


def rest(stage: Stage) -> set[str]:
    return {item for item in stage.mailbox.held(1, 0) if item.startswith("reveal")}


def test_set_is_revealed_when_all_rounds_are_recorded(drawn):
    chain, shards = drawn.run.chain, range(drawn.run.manifest.validation.shards + 1)
    drawn.record()
    chain.mine(2)
    drawn.duties(0).reveal()
    assert rest(drawn) == set()
    drawn.close_reveals()
    drawn.reach_target(2)
    for i in range(3):
        drawn.duties(i).open()
    drawn.draw(2)
    drawn.record()
    drawn.duties(0).reveal()
    assert rest(drawn) == set()  # the record is not confirmed
    chain.mine(2)
    for i in range(3):
        drawn.duties(i).step()
    assert rest(drawn) == {wire.reveal(shard) for shard in shards}
    model = drawn.run.models["validation-shard"]
    for home, remote in zip(drawn.homes, drawn.remotes, strict=True):
        published = [data for data, _ in remote.reveal(drawn.view, model)]
        assert published == [part.to_bytes() for part in home.dealt(1).parts]


def test_set_is_revealed_when_the_epoch_is_cancelled_after_a_round(drawn):
    drawn.record()
    drawn.federation.cancel(drawn.run.aggregator)
    drawn.run.chain.mine(2)
    drawn.duties(0).reveal()
    assert len(rest(drawn)) == drawn.run.manifest.validation.shards + 1


def test_nothing_is_revealed_when_the_epoch_is_cancelled_before_any_round(stage):
    stage.open_epoch(lambda: [stage.duties(i).step() for i in range(3)])
    stage.federation.cancel(stage.run.aggregator)
    stage.run.chain.mine(2)
    stage.duties(0).reveal()
    assert rest(stage) == set()
    # And the aggregator does not wait for it.
    over = mock.Mock(rounds_over=lambda epoch: epoch == 1)
    assert stage.remotes[0].reveal(over, stage.run.models["validation-shard"]) == []


def test_examples_serve_once_when_an_epoch_has_shown_them(stage):
    home = stage.homes[0]
    stage.duties(0).commit()
    words = stage.run.manifest.words
    duties = stage.duties(0)
    with pytest.raises(ConfigError, match="0 examples are left"):
        duties._deal(2)
    fresh = home.examples(words).build([[i, i + 1] for i in range(60)], [i % 2 for i in range(60)])
    home.keep_examples(fresh.concat([home.examples(words), fresh]))
    assert len(duties._deal(2).examples) == 60


def test_duty_that_fails_stops_no_other_when_the_desk_is_down(drawn):
    class Down:
        def held(self, *args: object) -> None:
            raise PeerError("http://desk cannot be reached")

        put = proposal = held

    accuse(drawn, 1)
    drawn.duties(1, desk=Down()).step()
    assert drawn.federation.accused() == NOBODY
    assert drawn.told().count("trouble") == 1


def test_contract_is_refused_when_it_is_not_the_manifests(stage):
    manifest = stage.homes[0].manifest()
    bonds = manifest.bonds.model_copy(update={"provider_wei": "1"})
    stage.homes[0].join(manifest.model_copy(update={"bonds": bonds}), stage.homes[0].settings())
    with pytest.raises(VerificationFailed, match="another manifest"):
        stage.duties(0)


def test_terms_are_not_consented_to_when_the_bond_leaves(stage):
    federation = stage.federation
    BondVault(federation.reader, federation.vault()).retire(ACCOUNTS[0])
    for i in range(3):
        stage.duties(i).commit()
    for remote in stage.remotes:
        remote._patience = Patience(opening=0.5)
    with pytest.raises(PeerError, match="has not sent consent"):
        stage.open_epoch(lambda: stage.duties(0).step())
    assert any("has staked 0 wei" in str(h.facts.get("error")) for h in stage.happened)
    overview = look(
        stage.run.chain, stage.run.deployment, stage.run.manifest, items=lambda *_: {}, members=lambda _: 0
    )
    assert [bond.wei > 0 for bond in overview.bonds] == [True, False, True, True]


def test_terms_are_not_consented_to_when_the_account_is_anothers(stage):
    for i in range(3):
        stage.duties(i).commit()
    for remote in stage.remotes:
        remote._patience = Patience(opening=0.5)
    with pytest.raises(PeerError, match="has not sent consent"):
        stage.open_epoch(lambda: stage.duties(0, account=ACCOUNTS[1]).step())
    assert any("names" in str(h.facts.get("error")) for h in stage.happened)
