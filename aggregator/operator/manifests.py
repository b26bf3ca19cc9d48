"""A manifest before contracts are deployed with it: every fault of one written by hand, and what it means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from aggregator.operator.amounts import tokens
from aggregator.operator.faults import read_table, require
from federation.embedding import EmbeddingSpec
from federation.errors import ConfigError
from federation.features import FeatureSpec
from federation.manifest import Manifest
from federation.models.registry import Architecture
from federation.privacy import SENSITIVITY, noise_multiplier
from federation.secureprivacy import epsilons
from federation.validation import MINIMUM_SHARD

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE: Final = "federation.toml"

_HINTS: Final = {
    "": "name, version, rounds, then the sections of docs/protocol.md section 6",
    "parties": "DIDs begin with did:key:z; a provider's and a community's are shown by their own commands",
    "chain": "accounts are 0x and 40 hex digits, one for each provider, all different",
    "model": 'kind is "linear" or "module"; features_sha256 is the digest of the rule for texts',
    "privacy": 'epsilon and delta are text such as "8" and "1e-5"; sigma_e4 is ten thousand times the noise',
    "search": "two ascending lists of whole numbers that begin with 0",
    "reward": 'wei are text of digits: "1000000000000000000" is one token',
    "validation": "at least one shard for each round",
    "deadlines": "seconds; answers must be due sooner than proposals",
    "bonds": "wei as text of digits",
    "validators": "accounts, how many of them must sign, and their bond",
    "module": "name, words, hidden, sha256 and tolerance of a listed architecture",
    "sampling": "rate_milli, steps and eta_milli",
    "cohort": "size and minimum",
    "aggregation": 'mode "central" or "secure"; a strategy and its parameters',
    "secure": 'at least minimum, the fewest members who are summed; with [aggregation] mode = "secure"',
}


def read_manifest(text: str) -> Manifest:
    """Return the manifest of a file written by hand.

    Raises:
        ConfigError: Something is wrong; the hint has a line for every fault, with its section.
    """
    return manifest_of(read_table(text, _FILE))


def manifest_of(table: dict[str, object]) -> Manifest:
    """Return the manifest of a table; see :func:`read_manifest`."""

    def hint(section: str, key: str) -> str:
        if not section and not key:
            return _noise(table) or _HINTS[""]
        return _HINTS.get(section or (key if key in _HINTS else ""), _HINTS[""])

    require(Manifest, table, _FILE, hint)
    manifest = Manifest.model_validate(table)
    known = {FeatureSpec(dim=manifest.words).digest.hex(), EmbeddingSpec().digest.hex()}
    if manifest.model.features_sha256 not in known:
        raise ConfigError(
            f"{_FILE}: [model] features_sha256: this software has no such rule for texts",
            hint=f"{FeatureSpec(dim=manifest.words).digest.hex()} is that of {manifest.words} hashed words",
        )
    return manifest


def _noise(table: dict[str, object]) -> str:
    """Return which noise would keep the budget, if that may be what is wrong."""
    match table:
        case {
            "rounds": int() as rounds,
            "privacy": {
                "epsilon": str() as epsilon,
                "delta": str() as delta,
                "sigma_e4": int() as sigma,
            } as p,
        } if sigma and rounds > 0 and "sampling" not in table and epsilon != "inf":
            assert isinstance(p, dict)
            factor = SENSITIVITY["member" if p.get("unit") == "member" else "example"]
            match table.get("secure"):
                case {"minimum": int() as minimum, **rest} if rest.get("budget") != "sum" and minimum > 0:
                    factor *= math.sqrt(minimum)
            least = round(noise_multiplier(float(epsilon), float(delta), rounds) * 10_000 * factor)
            return (
                f"sigma_e4 = {least} keeps {rounds} rounds within epsilon {epsilon}" if sigma < least else ""
            )
    return ""


def meaning(manifest: Manifest) -> Iterator[str]:
    """Yield in words what a manifest costs, needs and puts at stake."""
    reward, bonds, validation = manifest.reward, manifest.bonds, manifest.validation
    providers = len(manifest.parties.providers)
    yield f"{manifest.name}: {manifest.rounds} rounds in an epoch, {_model(manifest)}"
    privacy = manifest.privacy
    if privacy.sigma_e4:
        one = manifest.history(1).epsilon(privacy.budget.delta)
        whole = manifest.history(manifest.rounds).epsilon(privacy.budget.delta)
        unit = "one message" if privacy.unit == "example" else "all of a member's messages"
        yield f"privacy: a round tells epsilon {one:.3g} about {unit}, an epoch {whole:.3g}"
        if manifest.secure:
            views = epsilons(manifest, manifest.rounds)
            yield f"         an epoch's sums tell {views.sum:.3g}, all that is public {views.transcript:.3g},"
            yield f"         and {manifest.secure.colluders} members could tell you {views.server:.3g}"
        yield "         a second epoch spends as much again of each member's own lifetime budget"
    else:
        yield "privacy: NONE; members refuse unless told --unsafe-no-dp"
    least = validation.shards * MINIMUM_SHARD * 1000 // (1000 - validation.public_milli) + 2 * providers + 1
    when = "in their rounds" if validation.reveal == "round" else "when the epoch ends"
    yield f"validation: {validation.shards} sealed shards of {providers} providers, who need at least {least}"
    yield f"            examples in all; they become public {when}"
    bounty, funds = tokens(reward.bounty_wei), tokens(reward.funds_wei)
    yield f"pay: at most {funds} an epoch, {bounty} per point of Brier score"
    own, each = tokens(bonds.aggregator_wei), tokens(bonds.provider_wei)
    yield f"at stake: {own} of yours and {each} of each provider,"
    yield "          lost by whoever misses a deadline or is proven wrong"
    deadlines = manifest.deadlines
    phase, settle, object_ = map(_duration, (deadlines.phase, deadlines.settle, deadlines.challenge))
    yield f"time: {phase} for each phase of a round, {settle} to propose pay, {object_} to object"


def _model(manifest: Manifest) -> str:
    if manifest.module is None:
        return f"a linear model of {manifest.model.dim} words"
    module = manifest.module
    architecture = Architecture(name=module.name, words=module.words, hidden=module.hidden)
    return f"the network {architecture.name} of {architecture.dim} parameters"


def _duration(seconds: int) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds} seconds"
