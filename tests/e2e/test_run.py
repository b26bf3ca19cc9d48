"""A whole run: train, score, record, pay, verify, and what must come out of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aggregator.events import event_key, events_tree
from aggregator.verify import verify_run
from ceramic_bridge.did import Identity
from ceramic_bridge.events import DataPayload, SignedEvent
from ceramic_bridge.log import EventLog
from client.vault import Vault
from contracts.accounts import Account
from contracts.deploy import Deployment
from contracts.replay import replay
from contracts.view import FederationView
from examples.spam_detection.settings import ROLES
from examples.spam_detection.world import Cast
from federation.errors import ConfigError
from federation.hashing import keccak256, sha256
from federation.privacy import spend
from federation.rounds import Status
from federation.types import Hash32
from tests import world
from tests.world import CANARY, SMALL, Finished, execute, made_up_mails

TINY = replace(SMALL, members=2, rounds=1, cheats=())
FEW = made_up_mails(300)


def files(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def without_time(finished: Finished) -> dict[str, object]:
    return {
        k: v
        for k, v in json.loads((finished.out / "summary.json").read_bytes()).items()
        if k != "cpu_seconds"
    }


def by_role(finished: Finished) -> dict[str, dict[str, object]]:
    return {str(m["role"]): m for m in finished.summary["members"] if m["role"] != "honest"}


def reasons(finished: Finished, role: str) -> list[tuple[Status, str]]:
    run = finished.run
    (did,) = (a.did for a in run.actors if a.party.role == role)
    lines = [next(m for m in r.outcome.members if m.did == did) for r in run.reports]
    return [(line.status, line.reason) for line in lines]


def test_run_verifies_when_its_public_part_is_read_again(finished):
    assert finished.summary["verified"] is True
    told: list[str] = []
    verdict = verify_run(finished.out, progress=told.append)
    assert verdict.rounds == 3
    assert verdict.members == 5 + len(ROLES)
    assert verdict.federation == finished.run.epoch.domain.federation
    assert verdict.paid_wei == sum(int(m["paid_wei"]) for m in finished.summary["members"]) > 0
    assert sum(line.startswith("round ") for line in told) == 3


def test_run_is_the_same_byte_for_byte_when_the_seed_is(finished, tmp_path):
    again = execute(SMALL, tmp_path / "again")
    assert files(again.public) == files(finished.public)
    assert without_time(again) == without_time(finished)


def test_run_is_another_when_the_seed_is(tmp_path):
    first = execute(TINY, tmp_path / "a", mails=FEW)
    other = execute(replace(TINY, seed=1), tmp_path / "b", mails=FEW)
    mine, theirs = files(first.public), files(other.public)
    assert mine["blocks.rlp"] != theirs["blocks.rlp"]
    assert {m["did"] for m in first.summary["members"]}.isdisjoint(m["did"] for m in other.summary["members"])


def test_run_draws_from_the_system_when_it_has_no_seed(tmp_path):
    free = replace(TINY, seed=None)
    runs = [execute(free, tmp_path / name, mails=FEW) for name in "ab"]
    assert runs[0].summary["seed"] is None
    assert {m["did"] for m in runs[0].summary["members"]}.isdisjoint(
        m["did"] for m in runs[1].summary["members"]
    )
    assert verify_run(runs[0].out).rounds == 1


@pytest.mark.parametrize("seed", [None, 0])
def test_members_can_open_their_vaults_and_use_their_keys_when_the_run_is_over(tmp_path, seed):
    run = execute(replace(TINY, seed=seed), tmp_path / "run", mails=FEW)
    for member in run.summary["members"]:
        folder = run.out / "private" / member["name"]
        with Vault.open(folder / "vault.db", (folder / "passphrase").read_bytes()) as vault:
            assert Identity(vault.get_secret("did-seed")).did == member["did"]
            assert Account(vault.get_secret("payee-key")).address == member["payee"]


def test_directory_is_free_again_when_a_run_was_refused(tmp_path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    for _ in range(2):
        with pytest.raises(ConfigError, match="not a run's directory"):
            execute(TINY, tmp_path / "foreign", mails=FEW)
    assert (tmp_path / "foreign" / "notes.txt").read_text() == "mine"


def swapped(cast: Cast) -> Cast:
    """Give every party the next one's label; behaviours and data stay."""
    roles = [p.role for p in cast.parties]
    return replace(
        cast,
        parties=[replace(p, role=role) for p, role in zip(cast.parties, roles[1:] + roles[:1], strict=True)],
    )


def test_labels_change_nothing_that_pays_when_they_are_swapped(finished, tmp_path):
    other = execute(SMALL, tmp_path / "swapped", change=swapped)
    fields = (
        "did",
        "payee",
        "examples",
        "quota",
        "epsilon",
        "score",
        "credit_wei",
        "paid_wei",
        "balance_wei",
    )
    for mine, theirs in zip(finished.summary["members"], other.summary["members"], strict=True):
        assert {f: mine[f] for f in fields} == {f: theirs[f] for f in fields}
    assert [m["role"] for m in other.summary["members"]] != [m["role"] for m in finished.summary["members"]]
    assert other.summary["rounds"] == finished.summary["rounds"]

    mine, theirs = files(finished.public), files(other.public)
    # The claims name the roles, the model card names the claims, and the chain records the card.
    (claims,), (other_claims,) = mine.keys() - theirs.keys(), theirs.keys() - mine.keys()
    assert json.loads(mine[claims])["names"] != json.loads(theirs[other_claims])["names"]
    assert {n for n in mine.keys() & theirs.keys() if mine[n] != theirs[n]} == {
        "events.car",
        "blocks.rlp",
        "index.json",
    }
    pairs = zip(
        EventLog.from_bytes(mine["events.car"]), EventLog.from_bytes(theirs["events.car"]), strict=True
    )
    differing = [(i, a.payload) for i, (a, b) in enumerate(pairs) if a.cid != b.cid]
    assert len(differing) == 1
    assert isinstance(differing[0][1], DataPayload)


@pytest.mark.parametrize("role", ["zero", "copy", "scale", "nan"])
def test_cheat_gets_exactly_nothing_when_it_gives_nothing(finished, role):
    line = by_role(finished)[role]
    assert (line["credit_wei"], line["paid_wei"], line["balance_wei"], line["score"]) == ("0", "0", "0", 0.0)


@pytest.mark.parametrize(
    ("role", "reason"), [("copy", "commitment-mismatch"), ("scale", "over-cap"), ("nan", "not-finite")]
)
def test_cheat_is_rejected_with_its_reason_when_its_delta_is_unusable(finished, role, reason):
    assert reasons(finished, role) == [(Status.REJECTED, reason)] * 3


def test_honest_members_are_accepted_when_cheats_surround_them(finished):
    run = finished.run
    honest = {a.did for a in run.actors if a.party.role == "honest"}
    lines = [m for r in run.reports for m in r.outcome.members if m.did in honest]
    assert len(lines) == 15
    assert all(m.status in {Status.ACCEPTED, Status.SUSPENDED} for m in lines)


@pytest.mark.parametrize("role", ["stale", "model"])
def test_resender_earns_next_to_nothing_when_only_innovation_is_paid(finished, role):
    honest = [int(m["paid_wei"]) for m in finished.summary["members"] if m["role"] == "honest"]
    assert int(by_role(finished)[role]["paid_wei"]) < sum(honest) / len(honest) / 4


def test_flipper_ends_below_zero_when_it_is_scored(finished):
    assert int(by_role(finished)["flip"]["credit_wei"]) < 0
    assert by_role(finished)["flip"]["paid_wei"] == "0"


def replayed(finished: Finished) -> Deployment:
    files_ = finished.public
    chain = replay((files_ / "genesis.json").read_bytes(), (files_ / "blocks.rlp").read_bytes())
    deployed = finished.run.deployment
    return Deployment.at(chain, deployed.federation.address, deployed.registry.address)


def test_balances_equal_what_was_paid_when_the_chain_is_replayed(finished):
    deployed = replayed(finished)
    for member in finished.summary["members"]:
        paid = int(member["paid_wei"])
        assert deployed.token.balance_of(member["payee"]) == paid == int(member["balance_wei"])
        assert deployed.pool.paid(member["payee"]) == paid
        assert paid == max(0, int(member["credit_wei"]))
    funds = finished.run.manifest.rules.terms.funds
    total = sum(int(m["paid_wei"]) for m in finished.summary["members"])
    assert deployed.token.balance_of(deployed.pool.address) == funds - total


def test_positive_credits_stay_within_the_improvements_bounty_when_summed_per_round(finished):
    bounty = finished.run.manifest.rules.terms.bounty
    for report in finished.run.reports:
        outcome = report.outcome
        positive = sum(max(0, m.credit) for m in outcome.members)
        assert positive * 2**40 <= bounty * max(0, outcome.improvement)
        assert finished.summary["rounds"][outcome.round - 1]["credited_wei"] == str(positive)


def test_cap_filler_gets_at_most_its_quotas_share_when_a_round_pays(finished):
    run = finished.run
    (actor,) = (a for a in run.actors if a.party.role == "cap")
    quotas = run.epoch.roster.quotas
    for report in run.reports:
        line = next(m for m in report.outcome.members if m.did == actor.did)
        share = report.outcome.improvement * quotas[actor.did] / sum(quotas.values())
        assert line.counted <= max(0, share)


def recorded_with(events: list[SignedEvent], number: int) -> list[SignedEvent]:
    """The events of a round, grouped independently of the verifier: a round ends with its card."""
    groups: list[list[SignedEvent]] = [[]]
    for event in events:
        groups[-1].append(event)
        is_card = isinstance(event.payload, DataPayload) or event.payload.content.get("kind") == "model-card"
        if is_card:
            groups.append([])
    groups[0] = groups[0][5:]
    return groups[number - 1]


def test_event_is_in_its_round_and_in_no_other_when_the_contract_is_asked(finished):
    deployed = replayed(finished)
    events = list(EventLog.from_bytes((finished.public / "events.car").read_bytes()))
    by_round = {r: recorded_with(events, r) for r in (1, 2, 3)}
    assert len(by_round[1]) == 14 + 14 + 2
    view, asked = FederationView(deployed.federation), 0
    words = {r: view.words(1, r) for r in (1, 2, 3)}
    for number, members in by_round.items():
        tree = events_tree(members)
        for i, event in enumerate(members):
            stream, payload = event_key(event)
            for round_ in (1, 2, 3):
                found = deployed.federation.event_in_round(
                    epoch=1,
                    round_=round_,
                    words=words[round_],
                    stream_digest=stream,
                    payload_digest=payload,
                    proof=tree.proof(i),
                )
                assert found is (round_ == number)
                asked += 1
            if i == 0:
                forged = Hash32(keccak256(payload))
                assert not deployed.federation.event_in_round(
                    epoch=1,
                    round_=number,
                    words=words[number],
                    stream_digest=stream,
                    payload_digest=forged,
                    proof=tree.proof(i),
                )
                # Another round's words do not make this event another round's.
                assert not deployed.federation.event_in_round(
                    epoch=1,
                    round_=number % 3 + 1,
                    words=words[number],
                    stream_digest=stream,
                    payload_digest=payload,
                    proof=tree.proof(i),
                )
    assert asked == 3 * sum(map(len, by_round.values()))


def test_text_of_mails_is_nowhere_on_disk_when_the_run_is_over(finished):
    needle, everything = CANARY.encode(), files(finished.out)
    assert {name.split("/")[0] for name in everything} == {"public", "private", "summary.json"}
    assert sum(name.endswith("vault.db") for name in everything) == 14
    words = (needle, b"spamword", b"hamword", b"common1")
    found = {name for name, data in everything.items() for word in words if word in data}
    assert found == set()
    assert all(needle.decode() in p.mails[0].text for p in finished.run.cast.parties)


def test_private_part_is_its_owners_alone_when_the_run_is_over(finished):
    private = finished.out / "private"
    assert private.stat().st_mode & 0o777 == 0o700
    secrets = [p for p in private.rglob("*") if p.parent != private]
    assert len(secrets) >= 2 * 14
    assert all(p.stat().st_mode & 0o077 == 0 for p in secrets)


def test_epsilon_is_that_of_the_rounds_a_member_took_part_in_when_counted(finished):
    run = finished.run
    privacy = run.manifest.privacy
    counts = [run.commitments(actor.did) for actor in run.actors]
    assert max(counts) == 3
    for member, count in zip(finished.summary["members"], counts, strict=True):
        expected = spend([privacy.sigma] * count, privacy.budget.delta).epsilon
        assert member["epsilon"] == pytest.approx(expected, abs=1e-6)
        assert member["epsilon"] <= 8.0
    assert max(m["epsilon"] for m in finished.summary["members"]) > 7.9


def test_second_run_replaces_the_first_when_both_go_to_one_directory(tmp_path):
    out = tmp_path / "out"
    first = files(execute(TINY, out, mails=FEW).public)
    (out / "mine.txt").write_text("not the run's", encoding="utf-8")
    execute(replace(TINY, seed=3), out, mails=FEW)
    again = execute(TINY, out, mails=FEW)
    assert files(again.public) == first
    assert verify_run(out).rounds == 1
    assert (out / "mine.txt").read_text(encoding="utf-8") == "not the run's"


@pytest.mark.parametrize("name", ["mine.txt", "public/mine.txt", "private/mine.txt"])
def test_run_refuses_a_directory_when_it_holds_somebodys_files(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("not the run's", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a run's directory"):
        execute(TINY, tmp_path, mails=FEW)
    assert (tmp_path / name).read_text(encoding="utf-8") == "not the run's"


def test_blobs_are_named_by_their_hash_when_they_are_published(finished):
    blobs = list((finished.public / "blobs").iterdir())
    assert len(blobs) > 30
    assert all(sha256(b.read_bytes()).hex() == b.name for b in blobs)


def test_world_is_small_when_it_is_shared():
    assert world.small_run() is world.small_run()
