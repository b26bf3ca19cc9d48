"""What a person sees before it joins, what is refused, and what is kept."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ceramic_bridge.bundle import pack
from ceramic_bridge.models import create_models
from ceramic_bridge.schemas import SEALED_ROWS
from ceramic_bridge.store.sqlite import SqliteStore
from client import asking, assemble, wallet
from client.budget import set_budget
from client.forecast import forecast
from client.ledger import PrivacyLedger
from client.membership import memberships
from client.release import release_of
from contracts.registration import Registration
from examples.spam_detection.settings import Settings
from federation import minilm
from federation.aggregation.section import AggregationSection
from federation.embedding import EmbeddingSpec
from federation.hashing import Domain, did_hash
from federation.manifest import Manifest
from federation.privacy import Budget
from federation.rostertree import NO_PAYEE
from federation.types import Address, Hash32
from tests.agreed import COMMUNITY
from tests.joined import Person, community, events_in, invitation, models_file
from tests.modules import QUORUM
from tests.wallets import wallet as account_of

WALLET = account_of("owner")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A community that nobody has joined."""
    out = tmp_path_factory.mktemp("community") / "run"
    return community(Settings(members=2, rounds=2, seed=0, cheats=(), out=out))


@pytest.fixture
def person(tmp_path, monkeypatch, capfd, run):
    monkeypatch.setattr(assemble, "connect", lambda rpc, manifest: run.chain)
    return Person(tmp_path, monkeypatch, capfd)


@pytest.fixture
def ready(person):
    """Somebody with a vault and three rows."""
    assert person("init").code == 0
    texts = [("win money", True), ("lunch soon", False), ("see you", False)]
    assert person("import", person.rows(texts)).code == 0
    return person


@pytest.fixture
def words(run, tmp_path):
    return invitation(run, tmp_path, models=models_file(run, tmp_path / "models.car"))


def own_events(person):
    if not person.home.events.exists():
        return []
    with SqliteStore(person.home.events) as store:
        return events_in(store)


def joined(person):
    with person.vault() as vault:
        return memberships(vault)


# What is shown and kept


def test_offer_says_all_that_is_asked_when_a_person_joins(ready, run, words):
    said = ready(*words, "--yes")
    assert said.code == 0, said.err
    manifest = run.manifest
    for fact in (
        f"linear model of {manifest.model.dim} weights",
        f"{8 * manifest.model.dim} bytes",
        manifest.hash.hex(),
        manifest.model.features_sha256,
        "at most 8",
        "delta): 1e-5",
        "of which 0 is spent",
        "1000 per whole point",
        run.deployment.token.address,
        run.deployment.federation.address,
        manifest.parties.aggregator,
        manifest.chain.aggregator,
        *manifest.parties.providers,
        "have 3 rows",
        "localhost:9092",
        "silence costs nothing",
        "up to 24 hours",
        "challenged for 60 minutes",
        "for good, when the epoch ends",
    ):
        assert fact in said.err, fact
    assert "NO DIFFERENTIAL PRIVACY" not in said.err
    assert "folkmoot client node spam-detection" in said.out


def test_consent_is_signed_and_kept_when_a_person_agrees(ready, run, words):
    said = ready(*words, "--yes", "--format", "json")
    (event,) = own_events(ready)
    with ready.vault() as vault:
        count, root = vault.count, vault.root()
        (membership,) = memberships(vault).values()
    assert event.payload.content == {
        "kind": "data",
        "federation": run.deployment.federation.address,
        "payee": said.data["payee"],
        "count": count,
        "root": root.hex(),
        "head": "00" * 32,
        "consent": run.manifest.hash.hex(),
    }
    assert (said.data["consent"], event.signer) == (str(event.cid), said.data["did"])
    assert event.payload.model == run.models["data"]
    assert membership.manifest == run.manifest
    assert membership.models[SEALED_ROWS]
    assert membership.public == str(run.settings.out / "public")


def test_nothing_changes_when_a_person_joins_again(ready, words):
    assert ready(*words, "--yes").code == 0
    before, events = joined(ready), own_events(ready)
    said = ready(*words, "--format", "json")  # without --yes: there is nothing to ask
    assert (said.code, said.data["consent"]) == (0, None)
    assert ready(*words[:2]).code == 0
    assert joined(ready) == before
    assert own_events(ready) == events


def test_options_are_kept_when_one_of_them_changes(ready, words):
    assert ready(*words, "--yes").code == 0
    (before,) = joined(ready).values()
    assert ready(*words[:2], "--superlink", "[::1]:9093").code == 0
    (after,) = joined(ready).values()
    assert after == replace(before, superlink="[::1]:9093")


def test_new_rows_are_said_when_a_person_joins_again(ready, words):
    assert ready(*words, "--yes").code == 0
    assert ready("import", ready.rows([("more", True)])).code == 0
    assert ready(*words[:2]).code == 0
    first, second = (event.payload.content for event in own_events(ready))
    assert (first["count"], second["count"]) == (3, 4)
    assert second["head"] == first["root"]


def test_person_is_asked_again_when_the_joined_contract_comes_with_another_manifest(
    ready, run, words, monkeypatch
):
    assert ready(*words, "--yes").code == 0
    before, events = joined(ready), own_events(ready)
    privacy = run.manifest.privacy.model_copy(update={"epsilon": "100.0"})
    other = run.manifest.model_copy(update={"privacy": privacy})
    words[1].write_text(other.to_toml(), encoding="utf-8")
    monkeypatch.setattr(assemble, "bind", lambda chain, membership: run.deployment)  # as a node lies
    said = ready(*words)
    assert said.code == 2
    assert "there is nobody to ask" in said.err
    assert "at most 100.0" in said.err
    assert (joined(ready), own_events(ready)) == (before, events)


def test_nothing_is_kept_when_nobody_agrees(ready, words):
    said = ready(*words)
    assert said.code == 2
    assert "there is nobody to ask" in said.err
    assert joined(ready) == {}
    assert own_events(ready) == []


def test_payee_registers_by_somebody_elses_gas_when_its_key_is_in_the_vault(ready, run, words):
    said = ready(*words, "--yes", "--format", "json").data
    assert said["registered"] is False
    data = Path(said["registration"]).read_bytes()
    signed = Registration.parse(data)
    registry = run.deployment.registry
    snapshot = run.chain.snapshot()
    signed.send(registry, run.relayer)
    assert registry.payee_of(did_hash(said["did"]), said["payee"]) == said["payee"] != NO_PAYEE
    assert ready(*words[:2], "--format", "json").data["registered"] is True
    run.chain.revert(snapshot)
    assert Registration.parse(data).to_bytes() == data


def test_payee_elsewhere_is_told_what_to_call_when_its_key_is_not_in_the_vault(person, words):
    assert person("init", "--payee", WALLET.address).code == 0
    said = person(*words, "--yes")
    assert f"{WALLET.address} must call register(0x" in said.out
    assert not list(person.home.path.glob("*.registration.json"))


def test_person_leaves_when_it_asks_to(ready, words):
    assert ready(*words, "--yes").code == 0
    assert ready("join", words[1], "--forget").code == 2
    assert ready("join", words[1], "--forget", "--yes").out == "you have left spam-detection\n"
    assert joined(ready) == {}
    assert "had not joined" in ready("join", words[1], "--forget", "--yes").out


def test_nothing_is_taken_over_when_another_federation_has_the_name(ready, run, words, tmp_path, monkeypatch):
    assert ready(*words, "--yes").code == 0
    other = community(Settings(members=2, rounds=1, seed=1, cheats=(), out=tmp_path / "other"))
    chains = {run.manifest.hash: run.chain, other.manifest.hash: other.chain}
    monkeypatch.setattr(assemble, "connect", lambda rpc, manifest: chains[manifest.hash])
    (tmp_path / "theirs").mkdir()
    models = models_file(other, tmp_path / "theirs.car")
    theirs = invitation(other, tmp_path / "theirs", models=models)
    place = theirs.index("--superlink")
    said = ready(*theirs[:place], *theirs[place + 2 :], "--yes")
    assert (said.code, "--superlink is missing" in said.err) == (2, True)
    said = ready(*theirs)
    assert (said.code, f"takes the place of {run.deployment.federation.address}" in said.err) == (2, True)
    assert joined(ready)["spam-detection"].federation == run.deployment.federation.address
    assert ready(*theirs, "--yes").code == 0
    assert joined(ready)["spam-detection"].federation == other.deployment.federation.address
    first, second = (event.payload.content for event in own_events(ready))
    assert first["federation"] != second["federation"]
    assert second["head"] == "00" * 32


def test_nobody_takes_part_when_the_consent_cannot_be_kept(ready, words):
    ready.home.events.write_bytes(b"something else, and long enough to be no empty database")
    assert ready(*words, "--yes").code != 0
    assert joined(ready) == {}


# What is refused


def refused(person, code, *args):
    said = person(*args, "--yes")
    assert said.code == code, said.err
    assert joined(person) == {}
    assert own_events(person) == []
    assert "\x1b" not in said.err
    return said.err


def test_other_manifest_than_the_contracts_is_refused(ready, run, words, tmp_path):
    reward = run.manifest.reward.model_copy(update={"bounty_wei": "1"})
    other = run.manifest.model_copy(update={"reward": reward})
    words[1] = tmp_path / "other.toml"
    words[1].write_text(other.to_toml())
    assert "another manifest" in refused(ready, 8, *words)


def test_other_code_than_the_federations_is_refused(ready, run, words):
    words[words.index("--federation") + 1] = run.deployment.token.address
    assert "its code is not that of the artifact" in refused(ready, 8, *words)


def test_registry_of_another_token_is_refused(ready, run, words, monkeypatch):
    registry = type(run.deployment.registry)
    monkeypatch.setattr(registry, "token", lambda self: Address("0x" + "11" * 20))
    assert "another token" in refused(ready, 8, *words)


def test_models_of_somebody_else_are_refused(ready, words, tmp_path):
    words[words.index("--models") + 1] = tmp_path / "theirs.car"
    (tmp_path / "theirs.car").write_bytes(pack(list(create_models(COMMUNITY).values())))
    assert "published none" in refused(ready, 8, *words)


def test_place_for_models_is_asked_for_when_there_is_none(ready, run, tmp_path):
    assert "--events" in refused(ready, 2, *invitation(run, tmp_path))


@pytest.mark.parametrize("left", ["federation", "rpc", "superlink", "root_certificates", "public"])
def test_missing_option_is_named(ready, run, tmp_path, left, monkeypatch):
    monkeypatch.delenv("FOLKMOOT_RPC", raising=False)
    models = models_file(run, tmp_path / "models.car")
    said = refused(ready, 2, *invitation(run, tmp_path, models=models, **{left: None}))
    assert f"--{left.replace('_', '-')} is missing" in said


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("superlink", "localhost", 3),
        ("superlink", "host:0", 3),
        ("superlink", "host:70000", 3),
        ("superlink", "\x1b[2Jhost:1", 3),
        ("root_certificates", os.devnull, 3),
        ("root_certificates", "/nowhere/ca.pem", 3),
        ("root_certificates", "/dev/zero", 3),
        ("federation", "0x12", 2),
    ],
)
def test_option_is_refused_when_it_is_malformed(ready, words, option, value, code):
    words[words.index(f"--{option.replace('_', '-')}") + 1] = value
    refused(ready, code, *words)


@pytest.mark.parametrize("name", ["\\u001b[2J", "a" * 64, "UPPER", "../up"])
def test_name_is_refused_when_a_terminal_or_a_folder_could_take_it_for_more(ready, words, name):
    text = words[1].read_text().replace('"spam-detection"', f'"{name}"')
    words[1].write_text(text)
    assert "name" in refused(ready, 3, *words)


def test_manifest_is_refused_when_it_is_huge_or_none(ready, words):
    words[1].write_bytes(b"#" * (1 << 19))
    assert "more than" in refused(ready, 3, *words)
    words[1].write_bytes(b"\xff\xfe")
    refused(ready, 3, *words)
    words[1].unlink()
    refused(ready, 3, *words)


def on_embeddings(manifest):
    rule = {"dim": EmbeddingSpec().dim, "features_sha256": EmbeddingSpec().digest.hex()}
    return manifest.model_copy(update={"model": manifest.model.model_copy(update=rule)})


def test_extra_is_named_when_texts_are_read_by_an_embedding_that_is_not_installed(
    ready, run, words, monkeypatch
):
    monkeypatch.setattr(minilm, "find_spec", lambda name: None)
    words[1].write_text(on_embeddings(run.manifest).to_toml())
    assert "folkmoot[embed]" in refused(ready, 3, *words)


def test_rule_for_texts_is_acceptable_when_it_is_an_installed_embedding(ready, run, words, monkeypatch):
    monkeypatch.setattr("federation.features.require_model", lambda: None)
    words[1].write_text(on_embeddings(run.manifest).to_toml())
    # It gets as far as the contract, which was made for the other manifest.
    assert "another manifest" in refused(ready, 8, *words)


def test_offer_names_the_embedding_when_it_reads_texts(run):
    assert any(
        "1152 bits of a sentence embedding" in line for line in asking._model(on_embeddings(run.manifest))
    )
    assert any("4096 hashed words" in line for line in asking._model(run.manifest))


def test_offer_says_how_deltas_are_combined_when_they_are_not_summed(run):
    changes = {"validators": QUORUM, "aggregation": AggregationSection(strategy="median")}
    other = Manifest.model_validate({**dict(run.manifest), **changes})
    (line,) = [line for line in asking._model(other) if "combined by median" in line]
    assert line.endswith("validators vouch for it, no contract can")
    assert not any("combined" in line for line in asking._model(run.manifest))


# What it costs


def test_offer_says_when_the_budget_ends_if_not_all_rounds_fit(person, words):
    assert person("init", "--epsilon", "6").code == 0
    said = person(*words, "--yes", "--format", "json")
    assert said.code == 0
    assert "IT ENDS AFTER 1 OF 2 ROUNDS" in said.err
    assert (said.data["rounds"], said.data["rounds_affordable"]) == (2, 1)
    assert 0 < said.data["epsilon_after"] <= 6


def test_person_does_not_join_when_not_one_round_fits(person, words):
    assert person("init", "--epsilon", "1").code == 0
    assert "not one round fits" in refused(person, 7, *words)


def test_forecast_is_what_the_ledger_lets_pass(vault, run):
    manifest, federation = run.manifest, run.deployment.federation.address
    set_budget(vault, Budget(epsilon=20.0, delta=1e-5))
    domain = Domain(chain_id=manifest.chain.chain_id, federation=federation, epoch=1)
    ledger = PrivacyLedger(vault)
    for left in (2, 1, 0):
        seen = forecast(vault, manifest, federation)
        assert seen.affordable == left  # what the manifest promises binds, and not the larger budget
        if left:
            release = release_of(manifest, domain, 3 - left, Hash32(bytes(32)))
            ledger.reserve(release, manifest.privacy.budget)
            assert ledger.spent().epsilon == pytest.approx(seen.spent + seen.one, rel=0.5)
    other = forecast(vault, manifest, Address("0x" + "22" * 20))
    assert 0 < other.affordable <= 2
    assert other.spent == ledger.spent().epsilon
    assert [status for _, status in ledger.releases(release.federation)] == ["reserved"] * 2


def test_federation_without_privacy_is_joined_only_when_told_so(person, tmp_path, monkeypatch):
    made = community(Settings(members=2, rounds=2, epsilon=None, seed=0, cheats=(), out=tmp_path / "run"))
    monkeypatch.setattr(assemble, "connect", lambda rpc, manifest: made.chain)
    assert person("init", "--epsilon", "inf").code == 0
    words = invitation(made, tmp_path, models=models_file(made, tmp_path / "models.car"))
    assert "without differential privacy" in refused(person, 3, *words)
    said = person(*words, "--unsafe-no-dp", "--yes")
    assert said.code == 0
    assert "NO DIFFERENTIAL PRIVACY" in said.err.splitlines()[1]
    assert "WITHOUT ANY NOISE" in said.err
    assert joined(person)["spam-detection"].unsafe_no_dp
    assert person(*words[:2]).code == 0


# Accounts


def test_account_joins_when_its_wallet_signs_the_text(person, run, words, tmp_path):
    assert person("init", "--wallet", WALLET.address).code == 0
    said = person(*words, "--yes")
    assert (said.code, joined(person)) == (4, {})
    text = person.home.path / "spam-detection.siwe.txt"
    asked = text.read_bytes()
    assert asked.decode().splitlines()[1] == WALLET.address
    assert person(*words, "--yes").code == 4
    assert text.read_bytes() == asked  # the same text as long as it waits

    signature = tmp_path / "signature"
    for wrong in (account_of("thief").personal_sign(asked.decode()).hex(), "0x12", "", "\x1b[2J"):
        signature.write_text(wrong)
        assert "\x1b" not in refused(person, 4, *words, "--wallet-signature", signature)
    signature.write_text("0x" + WALLET.personal_sign(asked.decode()).hex() + "\n")
    said = person(*words, "--wallet-signature", signature, "--yes", "--format", "json")
    assert said.code == 0, said.err
    assert said.data["did"] == f"did:pkh:eip155:1:{WALLET.address.lower()}"
    assert said.data["payee"] == WALLET.address
    (event,) = own_events(person)
    assert event.payload.controller == said.data["did"] != event.signer
    with person.vault() as vault:
        assert wallet.session(vault, "spam-detection").did == said.data["did"]
        assert wallet.names(vault) == (event.signer, said.data["did"])
    again = person(*words[:2], "--format", "json")
    assert (again.code, again.data["consent"]) == (0, None)
    assert str(WALLET.address)[2:].encode() not in person.home.vault.read_bytes()


def test_wallet_is_asked_again_when_its_word_ends_before_the_epoch_may(
    person, run, words, tmp_path, monkeypatch
):
    assert person("init", "--wallet", WALLET.address).code == 0
    person(*words, "--yes")
    text, signature = person.home.path / "spam-detection.siwe.txt", tmp_path / "signature"
    signature.write_text("0x" + WALLET.personal_sign(text.read_text()).hex())
    assert person(*words, "--wallet-signature", signature, "--yes").code == 0
    first = text.read_text()
    later = 1_800_000_000 + 30 * 86_400
    monkeypatch.setattr("client.commands.join.time.time", lambda: later)
    said = person(*words[:2])
    assert said.code == 4
    assert text.read_text() != first
    signature.write_text("0x" + WALLET.personal_sign(text.read_text()).hex())
    assert person(*words[:2], "--wallet-signature", signature).code == 0


# Status


def test_status_says_what_it_can_when_nothing_was_joined_or_nobody_answers(ready, words, monkeypatch):
    assert "you have not joined" in ready("status").out
    assert ready(*words, "--yes").code == 0

    def down(rpc, manifest):
        raise assemble.ChainError("the node cannot be reached")

    monkeypatch.setattr(assemble, "connect", down)
    said = ready("status")
    assert said.code == 0
    assert "unknown    chain: the node cannot be reached" in said.out
    assert "enough for 2 of the next 2 rounds" in said.out


def test_status_tells_that_the_payee_must_register_when_it_has_not(ready, words):
    assert ready(*words, "--yes").code == 0
    (one,) = ready("status", "--format", "json").data["federations"]
    assert (one["epoch"], one["registered"], one["claimable_wei"]) == (0, False, "0")
    assert "has not accepted to be paid for you" in one["problems"][0]
