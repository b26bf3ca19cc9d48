"""The manifest: one text, every field checked, nothing unknown."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from pydantic import ValidationError

from contracts.deploy import JUDGES, QUORUM_JUDGES, judges_of
from federation import aggregation
from federation.aggregation.section import AggregationSection
from federation.delta import norm_cap
from federation.errors import ConfigError
from federation.fixedpoint import TABLE_SHA256
from federation.manifest import Manifest
from federation.models.registry import Architecture
from federation.privacy import spend
from federation.valuation import METHODS
from tests.modules import module_section, with_module

TEXT = f"""\
name = "spam-2026"
version = 1
rounds = 20

[parties]
community = "did:key:zC"
aggregator = "did:key:zG"
providers = ["did:key:z2", "did:key:z1", "did:key:z3"]

[chain]
chain_id = 31337
aggregator = "0x{"cD" * 20}"
providers = ["0x{"a1" * 20}", "0x{"a2" * 20}", "0x{"a3" * 20}"]
draw_delay = 2

[model]
kind = "linear"
dim = 4096
features_sha256 = "{"ab" * 32}"
tables_sha256 = "{TABLE_SHA256}"

[privacy]
unit = "example"
epsilon = "8.0"
delta = "1e-5"
clip_milli = 500
sigma_e4 = 30000

[search]
etas = [0, 1, 2, 4, 8, 16]
betas_tenths = [0, 2, 4, 6, 9, 13, 20]

[reward]
bounty_wei = "1000000000000000000000"
funds_wei = "500000000000000000000"
clip_milli = 1000
suspension_milli = 500
suspension_from = 3

[validation]
shards = 20
public_milli = 100
reveal = "epoch"

[deadlines]
phase = 86400
settle = 604800
challenge = 3600
answer = 7200

[bonds]
aggregator_wei = "100"
provider_wei = "10"
challenger_wei = "2"

[validators]
accounts = ["0x{"b1" * 20}", "0x{"b2" * 20}", "0x{"b3" * 20}"]
quorum = 2
bond_wei = "5"
"""


@pytest.mark.parametrize("reveal", ["epoch", "round"])
def test_manifest_writes_the_text_it_was_read_from_when_that_is_canonical(reveal):
    text = TEXT.replace('reveal = "epoch"', f'reveal = "{reveal}"')
    manifest = Manifest.from_toml(text)
    assert manifest.to_toml() == text
    assert manifest.hash == hashlib.sha256(text.encode()).digest()
    assert Manifest.from_toml(manifest.to_toml()) == manifest


def test_manifest_carries_its_numbers_when_rules_are_derived():
    manifest = Manifest.from_toml(TEXT)
    rules = manifest.rules
    assert rules.etas == (0, 1, 2, 4, 8, 16)
    assert rules.betas_tenths == (0, 2, 4, 6, 9, 13, 20)
    assert (rules.terms.bounty, rules.terms.funds) == (10**21, 5 * 10**20)
    assert (rules.terms.clip_milli, rules.terms.suspension_milli, rules.terms.suspension_from) == (
        1000,
        500,
        3,
    )
    assert (manifest.privacy.clip, manifest.privacy.sigma) == (0.5, 3.0)
    assert (manifest.privacy.budget.epsilon, manifest.privacy.budget.delta) == (8.0, 1e-5)
    chain = manifest.chain
    assert (chain.chain_id, chain.draw_delay, len(chain.providers)) == (31337, 2, 3)
    deadlines = manifest.deadlines
    assert (deadlines.phase, deadlines.settle, deadlines.challenge, deadlines.answer) == (
        86400,
        604800,
        3600,
        7200,
    )
    assert chain.aggregator == "0x" + "cD" * 20
    assert manifest.providers == ("did:key:z2", "did:key:z1", "did:key:z3")


def test_defaults_are_the_protocols_when_left_out():
    short = TEXT
    for line in TEXT.splitlines():
        if line.split(" ")[0] in {
            "version",
            "kind",
            "tables_sha256",
            "unit",
            "suspension_milli",
            "suspension_from",
        }:
            short = short.replace(line + "\n", "")
    assert short != TEXT
    assert Manifest.from_toml(short).to_toml() == TEXT


CHANGES = [
    ('name = "spam-2026"', 'name = "Spam"', "name"),
    ('name = "spam-2026"', 'name = ""', "name"),
    ("version = 1", "version = 2", "version"),
    ("rounds = 20", "rounds = 0", "rounds"),
    ("rounds = 20", "rounds = true", "rounds"),
    ("rounds = 20", 'rounds = "20"', "rounds"),
    ("rounds = 20", "rounds = 21", "20 shards are too few for 21 rounds"),
    ('community = "did:key:zC"', 'community = "did:web:c"', "parties.community"),
    ('aggregator = "did:key:zG"', 'aggregator = "did:key:zG\\n"', "parties.aggregator"),
    ('"did:key:z2", ', "", "parties.providers"),
    ('"did:key:z2", "did:key:z1"', '"did:key:z2", "did:key:z2"', "parties: "),
    ('"did:key:z2", "did:key:z1"', '"did:key:z2", "did:key:zG"', "parties: "),
    ("chain_id = 31337", "chain_id = 0", "chain.chain_id"),
    ("chain_id = 31337", 'chain_id = "31337"', "chain.chain_id"),
    ('aggregator = "0x', 'aggregator = "0x00', "chain.aggregator"),
    ('aggregator = "0xcD', 'aggregator = "cDcD', "chain.aggregator"),
    ('aggregator = "0xcD', 'aggregator = "0xgD', "chain.aggregator"),
    ("challenge = 3600", "challenge = 0", "deadlines.challenge"),
    ("challenge = 3600\n", "", "deadlines.challenge: field required"),
    ("settle = 604800", "settle = 7776001", "deadlines.settle"),
    ("answer = 7200", "answer = 604800", "answers must be due sooner than proposals"),
    ('aggregator_wei = "100"', f'aggregator_wei = "{2**96}"', "must be below 2^96 wei"),
    ('bounty_wei = "1000000000000000000000"', f'bounty_wei = "{2**128}"', "must be below 2^128 wei"),
    ('funds_wei = "500000000000000000000"', f'funds_wei = "{2**104}"', "must be below 2^104 wei"),
    ('"0xa1', '"0xa1a1', "chain.providers"),
    (f'"0x{"a1" * 20}", ', "", "chain.providers"),
    (f'"0x{"a3" * 20}"]', f'"0x{"A1" * 20}"]', "chain: "),
    (f'"0x{"a3" * 20}"]', f'"0x{"cd" * 20}"]', "chain: "),
    (f'"0x{"a3" * 20}"]', f'"0x{"a3" * 20}", "0x{"a4" * 20}"]', "3 providers have 4 accounts"),
    ('aggregator_wei = "100"', "aggregator_wei = 100", "bonds.aggregator_wei"),
    ('challenger_wei = "2"', 'challenger_wei = "-1"', "bonds.challenger_wei"),
    ('challenger_wei = "2"', 'challenger_wei = "1"', "at least 2 wei"),
    ("quorum = 2", "quorum = 4", "a quorum of 4 out of 3 validators"),
    ("quorum = 2", "quorum = 0", "a quorum of 0 out of 3 validators"),
    (f'"0x{"b2" * 20}"', f'"0x{"B1" * 20}"', "a validator is listed twice"),
    ("draw_delay = 2", "draw_delay = 0", "chain.draw_delay"),
    ("draw_delay = 2", "draw_delay = 257", "chain.draw_delay"),
    ("draw_delay = 2", "draw_delay = 2\ngas = 1", "chain.gas: extra inputs are not permitted"),
    ('kind = "linear"', 'kind = "torch"', "model.kind"),
    ("dim = 4096", "dim = 1", "model.dim"),
    ("dim = 4096", "dim = 1048577", "model.dim"),
    ("abab", "ABab", "model.features_sha256"),
    (f'tables_sha256 = "{TABLE_SHA256}"', f'tables_sha256 = "{"00" * 32}"', "other sigmoid tables"),
    ('unit = "example"', 'unit = "group"', "privacy.unit"),
    ("rounds = 20", f"rounds = {1 << 40}", "rounds"),
    ("sigma_e4 = 30000", f"sigma_e4 = {10**400}", "privacy.sigma_e4"),
    ("clip_milli = 500", f"clip_milli = {10**400}", "privacy.clip_milli"),
    ('epsilon = "8.0"', 'epsilon = "inf"', "epsilon is inf exactly when sigma_e4 is 0"),
    ("sigma_e4 = 30000", "sigma_e4 = 0", "epsilon is inf exactly when sigma_e4 is 0"),
    ('epsilon = "8.0"', 'epsilon = "-8.0"', "privacy.epsilon"),
    ('epsilon = "8.0"', 'epsilon = "nan"', "privacy.epsilon"),
    ('epsilon = "8.0"', "epsilon = 8.0", "privacy.epsilon"),
    ('delta = "1e-5"', 'delta = "1"', "privacy.delta"),
    ("clip_milli = 500", "clip_milli = 0", "privacy.clip_milli"),
    ("sigma_e4 = 30000", "sigma_e4 = -1", "privacy.sigma_e4"),
    ("etas = [0, 1, 2, 4, 8, 16]", "etas = [0, 2, 1]", "strictly ascending"),
    ("etas = [0, 1, 2, 4, 8, 16]", "etas = [0, 0]", "strictly ascending"),
    ("etas = [0, 1, 2, 4, 8, 16]", "etas = [1, 2]", "begin with 0"),
    ("etas = [0, 1, 2, 4, 8, 16]", "etas = [0, 1048577]", "search.etas"),
    ("etas = [0, 1, 2, 4, 8, 16]", "etas = [0]", "search.etas"),
    ("etas = [0, 1, 2, 4, 8, 16]", "etas = [-1, 2]", "search.etas"),
    ("betas_tenths = [0, 2", "betas_tenths = [2, 0", "strictly ascending"),
    ("betas_tenths = [0, 2", "betas_tenths = [2", "begin with 0"),
    ("13, 20]", "13, 1001]", "search.betas_tenths"),
    ("betas_tenths = [0, 2, 4, 6, 9, 13, 20]", "betas_tenths = []", "search.betas_tenths"),
    ('bounty_wei = "1', 'bounty_wei = "01', "reward.bounty_wei"),
    ('bounty_wei = "1', 'bounty_wei = "-1', "reward.bounty_wei"),
    ('funds_wei = "5', 'funds_wei = "5.', "reward.funds_wei"),
    ("clip_milli = 1000", "clip_milli = 1001", "reward.clip_milli"),
    ("clip_milli = 1000", "clip_milli = 0", "reward.clip_milli"),
    ("suspension_milli = 500", "suspension_milli = -1", "reward.suspension_milli"),
    ("suspension_from = 3", "suspension_from = 1", "reward.suspension_from"),
    ("shards = 20", "shards = 0", "validation.shards"),
    ("public_milli = 100", "public_milli = 0", "validation.public_milli"),
    ("public_milli = 100", "public_milli = 1000", "validation.public_milli"),
    ('reveal = "epoch"', 'reveal = "never"', "validation.reveal"),
    ("[parties]", "[partys]", "parties"),
    ("[search]", "colour = 1\n[search]", "privacy.colour: extra inputs are not permitted"),
    ("rounds = 20", "rounds = 20\nseed = 0", "seed: extra inputs are not permitted"),
    ("rounds = 20\n", "", "rounds: field required"),
    ("[parties]", "[parties", "not TOML"),
]


@pytest.mark.parametrize(("old", "new", "named"), CHANGES, ids=lambda v: v.strip()[:30])
def test_manifest_is_refused_by_name_when_a_field_is_wrong(old, new, named):
    assert old in TEXT
    with pytest.raises(ConfigError) as caught:
        Manifest.from_toml(TEXT.replace(old, new, 1))
    assert named in caught.value.message


def test_federation_without_noise_is_accepted_when_it_says_so():
    text = TEXT.replace('"8.0"', '"inf"').replace("sigma_e4 = 30000", "sigma_e4 = 0")
    assert Manifest.from_toml(text).privacy.sigma == 0.0


def test_noise_is_refused_when_all_rounds_cost_more_than_the_lifetime_budget():
    assert spend([3.0] * 20, 1e-5).epsilon < 8 < spend([2.5] * 20, 1e-5).epsilon
    with pytest.raises(ConfigError, match=r"20 rounds cost epsilon 8\.721, beyond the lifetime budget"):
        Manifest.from_toml(TEXT.replace("sigma_e4 = 30000", "sigma_e4 = 25000"))


def test_cap_is_the_deltas_when_the_manifest_names_clip_noise_and_dimension():
    manifest = Manifest.from_toml(TEXT)
    assert manifest.cap(12) == norm_cap(clip_milli=500, sigma_e4=30000, quota=12, dim=4096)
    assert manifest.cap(13) > manifest.cap(12)


def test_manifest_means_the_same_when_it_was_written_by_hand():
    chain = TEXT[TEXT.index("[chain]") : TEXT.index("[model]")]
    by_hand = "# Agreed in May.\n" + TEXT.replace(chain, "").replace("rounds = 20", "rounds=20 # a month")
    by_hand += "\n" + chain.replace("3600", "3_600")
    manifest = Manifest.from_toml(by_hand)
    assert manifest.to_toml() == TEXT != by_hand
    assert manifest.hash == hashlib.sha256(TEXT.encode()).digest()


def test_manifest_is_refused_when_it_nests_without_end():
    with pytest.raises(ConfigError, match="is not TOML"):
        Manifest.from_toml("x = " + "[" * 100_000)


def test_hash_changes_when_the_order_of_providers_does():
    swapped = TEXT.replace('"did:key:z2", "did:key:z1"', '"did:key:z1", "did:key:z2"')
    assert Manifest.from_toml(swapped).hash != Manifest.from_toml(TEXT).hash


MLP = Architecture(name="mlp", words=64, hidden=4)
MODULE = f"""
[module]
name = "mlp"
words = 64
hidden = 4
sha256 = "{MLP.digest.hex()}"
tolerance = "1e-6"
"""


def module_text() -> str:
    return TEXT.replace('kind = "linear"\ndim = 4096', 'kind = "module"\ndim = 260') + MODULE


def test_module_manifest_is_read_and_written_when_its_section_is_whole():
    manifest = Manifest.from_toml(module_text())
    assert manifest.to_toml() == module_text()
    assert manifest.module.architecture == MLP
    assert (manifest.model.dim, manifest.words, Manifest.from_toml(TEXT).words) == (260, 64, 4096)
    assert manifest.cap(12) == norm_cap(clip_milli=500, sigma_e4=30000, quota=12, dim=260)


def test_linear_manifest_says_nothing_of_modules():
    assert "module" not in Manifest.from_toml(TEXT).to_toml()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('kind = "module"', 'kind = "linear"', "section module belongs to"),
        (MODULE, "", "section module belongs to"),
        ("dim = 260", "dim = 261", "the architecture has 260 parameters, not 261"),
        ('name = "mlp"', 'name = "cnn"', "no architecture named 'cnn'"),
        ('name = "mlp"', 'name = "torch.nn.Linear"', "no architecture named 'torch.nn.linear'"),
        ('name = "mlp"', 'name = "embedding"', "another architecture is meant by 'embedding'"),
        ("hidden = 4", "hidden = 5", "another architecture is meant by 'mlp'"),
        ("words = 64", "words = 63", "another architecture is meant by 'mlp'"),
        ("words = 64", "words = 0", "module.words"),
        (MLP.digest.hex(), "00" * 32, "another architecture is meant by 'mlp'"),
        (MLP.digest.hex(), MLP.digest.hex().upper(), "module.sha256"),
        ('"1e-6"', '"1e-3"', "leaves scores to whoever records them"),
        ('"1e-6"', '"0"', "module.tolerance"),
        ('"1e-6"', '"1e-12"', "module.tolerance"),
        ('"1e-6"', "1e-6", "module.tolerance"),
        ('tolerance = "1e-6"', 'tolerance = "1e-6"\nweights = "model.pt"', "module.weights: extra inputs"),
    ],
)
def test_module_manifest_is_refused_by_name_when_a_field_is_wrong(old, new, named):
    assert old in module_text()
    with pytest.raises(ConfigError) as caught:
        Manifest.from_toml(module_text().replace(old, new, 1))
    assert named in caught.value.message


def test_module_manifest_is_refused_when_no_quorum_could_settle_a_dispute():
    start, end = module_text().index("[validators]"), module_text().index("[module]")
    text = (
        module_text()[:start]
        + '[validators]\naccounts = []\nquorum = 0\nbond_wei = "0"\n\n'
        + module_text()[end:]
    )
    with pytest.raises(ConfigError, match="name validators and a quorum"):
        Manifest.from_toml(text)


def test_cap_holds_one_clip_whatever_the_quota_when_the_member_is_the_unit():
    text = TEXT.replace("sigma_e4 = 30000", "sigma_e4 = 60000")
    manifest = Manifest.from_toml(text.replace('unit = "example"', 'unit = "member"'))
    assert manifest.cap(1) == manifest.cap(1000) == Manifest.from_toml(text).cap(1)


def test_member_costs_what_twice_the_clip_does_when_it_is_the_unit():
    plain = Manifest.from_toml(TEXT).history(20).mu_squared
    assert plain == pytest.approx(20 / 9, rel=1e-12)
    with pytest.raises(ConfigError, match="beyond the lifetime budget"):
        Manifest.from_toml(TEXT.replace('unit = "example"', 'unit = "member"'))
    text = TEXT.replace('unit = "example"', 'unit = "member"').replace("sigma_e4 = 30000", "sigma_e4 = 60000")
    assert Manifest.from_toml(text).history(20).mu_squared == plain


SAMPLED = "\n[sampling]\nrate_milli = 100\nsteps = 10\neta_milli = 1000\n"


def test_sampled_steps_cost_what_their_distributions_compose_to():
    manifest = Manifest.from_toml(TEXT + SAMPLED)
    assert manifest.to_toml() == TEXT + SAMPLED
    assert manifest.history(20).sampled == ((3.0, 0.1, 200),)
    assert manifest.history(0).epsilon(1e-5) == 0
    assert 1 < manifest.history(20).epsilon(1e-5) < spend([3.0] * 200, 1e-5).epsilon / 4


def test_sampled_steps_are_refused_when_they_cost_more_than_the_budget():
    with pytest.raises(ConfigError, match="beyond the lifetime budget"):
        Manifest.from_toml(TEXT + SAMPLED.replace("rate_milli = 100", "rate_milli = 900"))


@pytest.mark.parametrize("sigma_e4", [1, 300, 1000, 10_000])
def test_sampled_steps_are_refused_at_once_when_their_epsilon_could_not_be_computed(sigma_e4):
    text = TEXT.replace("sigma_e4 = 30000", f"sigma_e4 = {sigma_e4}")
    hungry = SAMPLED.replace("rate_milli = 100", "rate_milli = 500").replace("steps = 10", "steps = 1000")
    with pytest.raises(ConfigError, match=r"cost epsilon \d{4,}\.\d+, beyond the lifetime budget"):
        Manifest.from_toml(text + hungry)


def test_cap_allows_the_noise_of_all_sampled_steps_over_the_signal_of_one():
    manifest = Manifest.from_toml(TEXT + SAMPLED.replace("steps = 10", "steps = 9"))
    # sigma / (q sqrt(T)) = 3 / (0.1 * 3)
    assert manifest.cap(12) == norm_cap(clip_milli=500, sigma_e4=100_000, quota=12, dim=4096)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("rate_milli = 100", "rate_milli = 1000", "sampling.rate_milli"),
        ("rate_milli = 100", "rate_milli = 0", "sampling.rate_milli"),
        ("steps = 10", "steps = 0", "sampling.steps"),
        ("steps = 10", "steps = 1001", "sampling.steps"),
        ("eta_milli = 1000", "eta_milli = 0", "sampling.eta_milli"),
        ('unit = "example"', 'unit = "member"', "steps on samples are accounted for"),
        ('epsilon = "8.0"', 'epsilon = "inf"', "epsilon is inf exactly when"),
    ],
)
def test_sampled_manifest_is_refused_when_a_field_is_wrong(old, new, named):
    assert old in TEXT + SAMPLED
    with pytest.raises(ConfigError) as caught:
        Manifest.from_toml((TEXT + SAMPLED).replace(old, new, 1))
    assert named in caught.value.message


def test_sampling_is_refused_when_there_is_no_noise():
    text = TEXT.replace('"8.0"', '"inf"').replace("sigma_e4 = 30000", "sigma_e4 = 0")
    with pytest.raises(ConfigError, match="steps on samples are accounted for"):
        Manifest.from_toml(text + SAMPLED)


# Strategies and methods

STRATEGIES = [
    {"strategy": "momentum", "beta_milli": 900},
    {"strategy": "adam", "beta1_milli": 0, "beta2_milli": 990, "floor_milli": 1000},
    {"strategy": "norm-cap", "norm_milli": 1500},
    {"strategy": "trimmed-mean", "trim_milli": 200},
    {"strategy": "median"},
    {"strategy": "krum", "faulty_milli": 0},
    {"strategy": "multi-krum", "faulty_milli": 300},
    {"strategy": "gated"},
]


def section(values: dict[str, object]) -> str:
    lines = [f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in values.items()]
    return "\n".join(["", "[aggregation]", *lines, ""])


def scored_by(method: str) -> str:
    return TEXT.replace("suspension_from = 3\n", f'suspension_from = 3\nmethod = "{method}"\n')


def unvouched(text: str) -> str:
    return text[: text.index("[validators]")] + '[validators]\naccounts = []\nquorum = 0\nbond_wei = "0"\n'


def test_every_strategy_is_tried():
    assert {s["strategy"] for s in STRATEGIES} == aggregation.STRATEGIES.keys() - {"sum"}


@pytest.mark.parametrize("values", STRATEGIES, ids=lambda values: values["strategy"])
def test_manifest_writes_a_strategy_with_its_parameters_and_no_others(values):
    manifest = Manifest.from_toml(TEXT + section(values))
    assert manifest.to_toml() == TEXT + section(values)
    strategy = manifest.rules.strategy
    assert {"strategy": strategy.name, **dataclasses.asdict(strategy)} == values
    assert not manifest.rules.default
    assert not manifest.provable


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"aumann-shapley", "exact-shapley"}))
def test_manifest_writes_a_method_when_it_is_another(method):
    manifest = Manifest.from_toml(scored_by(method))
    assert manifest.to_toml() == scored_by(method)
    assert manifest.rules.method == method
    assert not manifest.provable


def test_manifest_says_nothing_of_strategy_and_method_when_they_are_the_default_ones():
    spelled = Manifest.from_toml(scored_by("aumann-shapley") + section({"strategy": "sum"}))
    assert spelled == Manifest.from_toml(TEXT)
    assert spelled.to_toml() == TEXT
    assert spelled.provable


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strategy": "mean"}, "no strategy named 'mean'"),
        ({"strategy": "momentum"}, "needs beta_milli"),
        ({"strategy": "momentum", "beta_milli": 1000}, "beta_milli"),
        ({"strategy": "sum", "beta_milli": 5}, "takes no parameters"),
        ({"strategy": "median", "trim_milli": 5}, "takes no parameters"),
        ({"strategy": "trimmed-mean", "trim_milli": 500}, "trim_milli"),
        ({"strategy": "krum", "faulty_milli": 500}, "faulty_milli"),
        ({"strategy": "adam", "beta1_milli": 1, "beta2_milli": 1}, "floor_milli"),
        ({"strategy": "adam", "beta1_milli": 1, "beta2_milli": 1, "floor_milli": 0}, "floor_milli"),
        ({"strategy": "norm-cap", "norm_milli": 0}, "norm_milli"),
        ({"strategy": "norm-cap", "norm_milli": 1, "rate": 1}, "rate"),
    ],
)
def test_manifest_is_refused_when_its_strategy_is_not_one(values, message):
    with pytest.raises(ConfigError, match=message):
        Manifest.from_toml(TEXT + section(values))


@pytest.mark.parametrize("method", ["shapley", "exact-shapley"])
def test_manifest_is_refused_when_a_method_cannot_score_any_round(method):
    with pytest.raises(ConfigError, match="rounds are scored by one of"):
        Manifest.from_toml(scored_by(method))


@pytest.mark.parametrize("text", [TEXT + section({"strategy": "median"}), scored_by("cosine")])
def test_manifest_is_refused_when_nobody_vouches_for_what_no_judge_knows(text):
    Manifest.from_toml(text)
    with pytest.raises(ConfigError, match="name validators and a quorum"):
        Manifest.from_toml(unvouched(text) + text.partition('bond_wei = "5"\n')[2])
    assert Manifest.from_toml(unvouched(TEXT)).provable


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aggregation": AggregationSection(strategy="gated")}, "gate on scores in floating point"),
        ({"reward": {"method": "cosine"}}, "priced by aumann-shapley only"),
    ],
)
def test_manifest_of_a_module_is_refused_when_floats_would_decide(change, message):
    manifest = with_module(Manifest.from_toml(TEXT), module_section())
    assert not manifest.provable
    if "reward" in change:
        change = {"reward": manifest.reward.model_copy(update=change["reward"])}
    with pytest.raises(ValidationError, match=message):
        Manifest.model_validate({**dict(manifest), **change})


@pytest.mark.parametrize("values", [None, *STRATEGIES], ids=str)
def test_judges_are_the_quorums_when_the_rules_are_not_the_default(values):
    manifest = Manifest.from_toml(TEXT + (section(values) if values else ""))
    assert judges_of(manifest) == (QUORUM_JUDGES if values else JUDGES)
