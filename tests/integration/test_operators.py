"""Operators who lie: everything they publish is signed and sealed, and the verifier still says no."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from aggregator import admission, collect, driver, epoch, records
from aggregator.ground import replayed
from aggregator.provider import Provider
from aggregator.public import PublicReader
from aggregator.summary import Claims
from aggregator.verified_epoch import VerifiedEpoch
from aggregator.verified_rounds import RoundReplay
from aggregator.verify import claims_of, verify_run
from ceramic_bridge.events import DataPayload
from contracts import deploy
from examples.spam_detection import run as run_module
from federation.errors import VerificationFailed
from federation.evaluation import Closed, LinearEvaluation
from federation.hashing import did_hash
from federation.models.linear import model_bytes, parse_model
from federation.rostertree import NO_PAYEE
from federation.rounds import Status
from federation.trace import round_trace
from federation.types import Address, Wei
from federation.validation import mean_bytes
from tests.world import SMALL, execute, made_up_mails

FRIEND = Address("0x" + "66" * 20)
TINY = replace(SMALL, members=2, rounds=1, cheats=())
FEW = made_up_mails(300)


def refused(out: Path, cheats: tuple[str, ...] = ()) -> VerificationFailed:
    """Run a federation under whatever was patched, and return what the verifier says of it."""
    execute(replace(TINY, cheats=cheats), out, mails=FEW)
    with pytest.raises(VerificationFailed) as info:
        verify_run(out)
    return info.value


def test_operator_is_believed_when_it_tells_the_truth(tmp_path):
    execute(TINY, tmp_path, mails=FEW)
    assert verify_run(tmp_path).rounds == 1


def evaluating(monkeypatch: pytest.MonkeyPatch, liar: type[LinearEvaluation]) -> None:
    """Let the driver, and nobody else, evaluate by a liar."""
    monkeypatch.setattr(driver, "evaluation_of", lambda manifest: liar(manifest.model.dim))


def test_credit_is_refused_when_the_operator_adds_to_it(tmp_path, monkeypatch):
    class Generous(LinearEvaluation):
        def close(self, start, base, received, shard):
            outcome, _ = super().close(start, base, received, shard)
            friend = outcome.members[0]
            credits = {**outcome.state.credits, friend.did: Wei(friend.credit + 10**15)}
            generous = replace(
                outcome,
                members=(replace(friend, credit=Wei(friend.credit + 10**15)), *outcome.members[1:]),
                state=replace(outcome.state, credits=credits),
            )
            trace = round_trace(
                start.state,
                base,
                generous,
                rules=start.rules,
                known=start.known,
                shard=shard,
                deltas=received.deltas,
            )
            return Closed(generous, trace)

    evaluating(monkeypatch, Generous)
    error = refused(tmp_path)
    assert error.subject in {"trace", "round 1"}


@pytest.mark.parametrize("status", [Status.ABSENT, Status.SUSPENDED])
def test_status_is_refused_when_the_operator_invents_it(tmp_path, monkeypatch, status):
    honest = driver.RoundDriver._reveals

    def spiteful(self, collector, base, committed, absent):
        # The last leaf, so that the others keep their places in the commit tree.
        victim = max(committed, key=did_hash)
        absent[victim] = (status, "")
        return honest(
            self, collector, base, {did: c for did, c in committed.items() if did != victim}, absent
        )

    monkeypatch.setattr(driver.RoundDriver, "_reveals", spiteful)
    error = refused(tmp_path)
    assert (error.subject, f"cannot be {status}" in error.message) == ("round 1", True)


def test_model_is_refused_when_the_operator_releases_another(tmp_path, monkeypatch):
    class Skewed(LinearEvaluation):
        def released(self, state, known):
            weights, intercept = parse_model(super().released(state, known))
            return model_bytes(weights, intercept + 1)

    evaluating(monkeypatch, Skewed)
    error = refused(tmp_path)
    assert (error.subject, "model" in error.message) == ("round 1", True)


def test_base_is_refused_when_the_operator_sends_another_out(tmp_path, monkeypatch):
    class Skewed(LinearEvaluation):
        def open(self, start):
            base = super().open(start)
            return replace(base, intercept=base.intercept + 1)

    evaluating(monkeypatch, Skewed)
    error = refused(tmp_path)
    assert (error.subject, "base model" in error.message) == ("round 1", True)


def test_delta_is_refused_when_the_operator_overlooks_its_norm(tmp_path, monkeypatch):
    monkeypatch.setattr(admission, "within_cap", lambda *_: True)
    error = refused(tmp_path, cheats=("scale",))
    assert (error.subject, "should have been rejected" in error.message) == ("round 1", True)


def test_delta_is_refused_when_the_operator_overlooks_its_commitment(tmp_path, monkeypatch):
    monkeypatch.setattr(admission, "commitment", lambda *_, **__: b"")
    honest = admission.admit_reveal

    def blind(*args, committed, **kwargs):
        return honest(*args, committed=b"", **kwargs)

    monkeypatch.setattr(collect, "admit_reveal", blind)
    error = refused(tmp_path, cheats=("copy",))
    assert (error.subject, "does not open its commitment" in error.message) == ("round 1", True)


def test_round_is_refused_when_the_operator_records_other_events(tmp_path, monkeypatch):
    honest = driver.events_root
    for module in (driver, records):
        monkeypatch.setattr(module, "events_root", lambda events: honest(list(events)[1:]))
    error = refused(tmp_path)
    assert error.subject == "closing events"


def test_round_is_refused_when_only_its_own_events_are_others(tmp_path, monkeypatch):
    honest, calls = records.events_root, [0]

    def once(events):
        calls[0] += 1
        return honest(list(events)[1:] if calls[0] == 1 else events)

    monkeypatch.setattr(records, "events_root", once)
    error = refused(tmp_path)
    assert (error.subject, "events" in error.message) == ("round 1", True)


def test_payments_are_refused_when_the_operator_pays_a_friend(tmp_path, monkeypatch):
    honest = run_module.settlement_trace

    def corrupt(*args, **kwargs):
        settlement = honest(*args, **kwargs)
        return replace(settlement, amounts={**settlement.amounts, FRIEND: 10**15})

    monkeypatch.setattr(run_module, "settlement_trace", corrupt)
    assert refused(tmp_path).subject == "payout table"


def test_payments_are_refused_when_lost_bonds_are_handed_out_that_nobody_lost(tmp_path, monkeypatch):
    honest = run_module.settlement_trace
    monkeypatch.setattr(
        run_module, "settlement_trace", lambda *a, forfeited, **k: honest(*a, forfeited=10**15, **k)
    )
    assert refused(tmp_path).subject == "payout table"


def test_settlement_is_refused_when_its_root_is_that_of_other_records(tmp_path, monkeypatch):
    def propose(deployment, settlement, domain, sender):
        table = settlement.table(domain.chain_id, deployment.pool.address)
        root = settlement.trace.root(domain, 1)
        deployment.federation.propose(sender, table.tree().root, table.total, root)

    monkeypatch.setattr(run_module, "propose", propose)
    error = refused(tmp_path)
    assert (error.subject, "root on chain" in error.message) == ("settlement", True)


def test_settlement_is_missed_when_its_records_are_not_published(tmp_path, monkeypatch):
    honest = run_module.settlement_trace

    def reticent(*args, **kwargs):
        settlement = honest(*args, **kwargs)
        root = settlement.trace.root
        return replace(settlement, trace=SimpleNamespace(root=root, to_bytes=lambda: b"no records"))

    monkeypatch.setattr(run_module, "settlement_trace", reticent)
    assert refused(tmp_path).subject.startswith("blobs/")


def test_mean_is_refused_when_the_operator_commits_another(tmp_path, monkeypatch):
    def skewed(counts, examples):
        return mean_bytes(counts + (counts < examples), examples)

    monkeypatch.setattr(epoch, "mean_bytes", skewed)
    assert refused(tmp_path).subject == "validation mean"


@pytest.mark.parametrize("field", ["challenge_window", "aggregator_bond", "draw_delay", "quorum"])
def test_federation_is_refused_when_it_is_deployed_on_other_terms(tmp_path, monkeypatch, field):
    honest = deploy.federation_config

    def lax(*args, **kwargs):
        config = honest(*args, **kwargs)
        return replace(config, validators=(FRIEND,), **{field: 1})

    monkeypatch.setattr(deploy, "federation_config", lax)
    error = refused(tmp_path)
    assert (error.subject, "other terms than the manifest's" in error.message) == ("federation", True)


TERMS = {
    "bounty": 1,
    "funds": 1,
    "dim": 1,
    "members": 3,
    "quota_total": 1,
    "shards": 2,
    "clip_milli": 999,
    "suspension_milli": 1,
    "suspension_from": 9,
    "etas": (0, 7),
    "betas_tenths": (0,),
}


@pytest.mark.parametrize("field", TERMS)
def test_epoch_is_refused_when_it_is_opened_on_other_terms(tmp_path, monkeypatch, field):
    honest = epoch.epoch_terms
    monkeypatch.setattr(
        epoch, "epoch_terms", lambda *a, **k: replace(honest(*a, **k), **{field: TERMS[field]})
    )
    error = refused(tmp_path)
    assert (error.subject, "other terms than the manifest's" in error.message) == ("epoch", True)


def test_epoch_is_refused_when_another_account_stands_for_a_provider(tmp_path, monkeypatch):
    honest_fund, honest_terms = run_module.Run._fund, epoch.epoch_terms

    def fund(self):
        honest_fund(self)
        vault, token, bond = self.deployment.vault, self.deployment.token, 10**24
        token.mint(self.community, self.community.address, bond)
        token.approve(self.community, vault.address, bond)
        vault.deposit(self.community, FRIEND, bond)

    def lenient(*args, **kwargs):
        terms = honest_terms(*args, **kwargs)
        return replace(terms, providers=(FRIEND, *terms.providers[1:]))

    monkeypatch.setattr(run_module.Run, "_fund", fund)
    monkeypatch.setattr(epoch, "epoch_terms", lenient)
    error = refused(tmp_path)
    assert (error.subject, "other terms than the manifest's" in error.message) == ("epoch", True)


@pytest.mark.parametrize("change", [{"payee": FRIEND}, {"cap": 10**12}, {"payee": NO_PAYEE}])
def test_epoch_is_refused_when_a_members_cap_or_payee_is_another(tmp_path, monkeypatch, change):
    honest = epoch.admit
    monkeypatch.setattr(
        epoch,
        "admit",
        lambda *a: (replace(honest(*a)[0], **change), *honest(*a)[1:]),
    )
    error = refused(tmp_path)
    assert (error.subject, "caps or payees" in error.message) == ("epoch", True)


def test_shard_is_refused_when_a_provider_reveals_another_part(tmp_path, monkeypatch):
    honest = Provider.reveal

    def forgetful(self, reader, model):
        first, part = self.dealt.parts[:2]
        parts = (first, replace(part, salts=tuple(reversed(part.salts))))
        self._dealt = replace(self.dealt, parts=parts)
        return honest(self, reader, model)

    monkeypatch.setattr(Provider, "reveal", forgetful)
    assert refused(tmp_path).subject == "shard 1 of provider 0"


def test_shard_is_missed_when_a_provider_never_reveals_it(tmp_path, monkeypatch):
    honest = Provider.reveal
    monkeypatch.setattr(Provider, "reveal", lambda self, reader, model: honest(self, reader, model)[:1])
    assert refused(tmp_path).subject == "validation set"


def test_claims_are_refused_when_the_operator_signs_nonsense(tmp_path, monkeypatch):
    honest = driver.RoundDriver.close

    def close(self, claims):
        table = {**json.loads(claims), "test_set": "not hex"}
        honest(self, json.dumps(table, sort_keys=True, separators=(",", ":")).encode())

    monkeypatch.setattr(driver.RoundDriver, "close", close)
    assert refused(tmp_path).subject == "claims"


@pytest.fixture(scope="module")
def epoch_and_rounds(finished):
    def quiet(_: str) -> None:
        pass

    epoch = VerifiedEpoch.of_run(replayed(PublicReader(finished.public), None, quiet), quiet)
    return epoch, list(RoundReplay(epoch).play())


def read_claims(epoch_and_rounds, monkeypatch, claims: bytes, test_set: bytes | None = None) -> Claims:
    """Read claims as if the model card had named these bytes."""
    epoch, played = epoch_and_rounds
    honest = epoch.public.blob

    def blob(digest, what):
        if what == "the claims":
            return claims
        return test_set if test_set is not None and what == "the test set" else honest(digest, what)

    monkeypatch.setattr(epoch.public, "blob", blob)
    return claims_of(epoch, played)


@pytest.fixture(scope="module")
def sound(finished) -> bytes:
    last = [e.payload for e in finished.run.log if isinstance(e.payload, DataPayload)][-1]
    return (finished.public / "blobs" / str(last.patch[0].value)).read_bytes()


def with_field(**fields):
    def change(claims: bytes) -> bytes:
        table = {**json.loads(claims), **fields}
        return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()

    return change


def test_claims_are_read_when_they_are_sound(epoch_and_rounds, monkeypatch, sound):
    claims = read_claims(epoch_and_rounds, monkeypatch, with_field()(sound))
    assert claims.to_bytes() == sound
    assert len(claims.aucs) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda claims: b"",
        lambda claims: b"\xff",
        lambda claims: b"[]",
        lambda claims: b"null",
        lambda claims: claims + b"\n",
        lambda claims: b" " + claims,
        with_field(aucs=[]),
        with_field(aucs=[0.5, 0.5]),
        with_field(aucs=[0.5, 0.5, 0.5]),
        with_field(aucs=["a", "b", "c"]),
        with_field(aucs=7),
        with_field(aucs=None),
        with_field(names=[]),
        with_field(names={"did:key:z": ["name", "role", "more"]}),
        with_field(names={"did:key:z": "xy"}),
        with_field(more=1),
        with_field(test_set="not hex"),
        with_field(test_set="ab"),
        with_field(test_set=7),
        with_field(test_set="00" * 32),
        with_field(test_set=""),
    ],
)
def test_claims_are_refused_when_they_are_malformed_or_wrong(epoch_and_rounds, monkeypatch, sound, change):
    with pytest.raises(VerificationFailed):
        read_claims(epoch_and_rounds, monkeypatch, change(sound))


@pytest.mark.parametrize("data", [b"", b"no test set", b"FME1\xff\xff\xff\xff"])
def test_claims_are_refused_when_their_test_set_is_malformed(epoch_and_rounds, monkeypatch, sound, data):
    with pytest.raises(VerificationFailed):
        read_claims(epoch_and_rounds, monkeypatch, sound, data)
