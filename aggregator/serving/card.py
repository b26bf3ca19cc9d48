"""The model card: what a federation proves of its model, and, apart, what is only somebody's word."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, TypeAlias

from aggregator.summary import epsilon_after, epsilons_after
from federation.hashing import sha256
from federation.rounds import Status
from federation.secureprivacy import epsilons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aggregator.serving.release import RecordedRound, Release
    from ceramic_bridge.dagcbor import Value

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

SCHEMA_VERSION: Final = 1

_MARKDOWN: Final = """\
# {name}

Model `{model}` (SHA-256 of its canonical bytes), released by round {round} of epoch {epoch}.

## Where it comes from

- Federation `{contract}` on chain {chain}; manifest `{manifest}`.
- {kind}, {parameters} parameters; from text to words by rule `{features}`.
- Each round below is recorded on chain, and `folkmoot verify` recomputes all of them.

## Privacy

{privacy}

## Data

- {members} admitted members, with quotas of {quota} examples together (on chain).
- {examples} examples by the members' own word: nobody proves how many there are, nor what they say.
- Validation set committed on chain as `{validation}`, in {shards} sealed shards.

## Contributors

| member | rounds accepted | credit (wei) |
|---|---|---|
{contributors}

## Receipts

| round | model | receipt | improvement |
|---|---|---|---|
{receipts}
"""


class Card:
    """The card of a release."""

    def __init__(self, release: Release) -> None:
        """Take a release."""
        self._release = release

    def table(self) -> dict[str, Json]:
        """Return the card as plain values; hashes are hex, SHA-256 unless said otherwise."""
        release = self._release
        manifest, domain, terms, last = release.manifest, release.domain, release.terms, release.last
        return {
            "schema_version": SCHEMA_VERSION,
            "name": manifest.name,
            "model": {
                "hash": last.model_hash.hex(),
                "kind": manifest.model.kind,
                "architecture": _architecture(release),
                "parameters": manifest.model.dim,
                "words": manifest.words,
                "features": manifest.model.features_sha256,
                "tables": manifest.model.tables_sha256,
                "mean": sha256(release.mean_bytes).hex(),
            },
            "federation": {
                "chain_id": domain.chain_id,
                "contract": domain.federation,
                "epoch": domain.epoch,
                "round": last.round,
                "rounds": terms.rounds,
                "manifest": manifest.hash.hex(),
                "community": manifest.parties.community,
                "aggregator": manifest.parties.aggregator,
            },
            "privacy": self._privacy(),
            "data": self._data(),
            "contributors": self._contributors(),
            "receipts": [_receipt(round_) for round_ in release.rounds],
        }

    def _privacy(self) -> dict[str, Json]:
        manifest, rounds = self._release.manifest, self._release.last.round
        privacy = manifest.privacy
        return {
            "unit": privacy.unit,
            "epsilon_budget": privacy.epsilon,
            "delta": privacy.delta,
            "epsilon_spent_at_most": epsilon_after(manifest, rounds),
            "epsilons": None if (views := epsilons_after(manifest, rounds)) is None else {**views},
            "clipping_norm": privacy.clip,
            "noise_multiplier": privacy.sigma,
        }

    def _data(self) -> dict[str, Json]:
        release = self._release
        return {
            "members": len(release.quotas),
            "quota": sum(release.quotas.values()),
            "examples_by_members_own_word": sum(found.count for found in release.imports.values()),
            "roots": {did: found.root.hex() for did, found in release.imports.items()},
            "validation_root_keccak256": release.terms.validation_root.hex(),
            "validation_shards": release.terms.shards,
            "roster": release.terms.roster_hash.hex(),
        }

    def _contributors(self) -> list[Json]:
        accepted: Counter[str] = Counter()
        credit: Counter[str] = Counter()
        for round_ in self._release.rounds:
            for line in _lines(round_.receipt):
                did = str(line["did"])
                accepted[did] += line["status"] == Status.ACCEPTED
                credit[did] += int(str(line["credit"]))
        return [
            {"did": did, "rounds_accepted": count, "credit_wei": str(credit[did])}
            for did, count in sorted(accepted.items())
            if count
        ]

    def markdown(self) -> str:
        """Return the card as Markdown, for people."""
        release, table = self._release, self.table()
        last, terms, manifest = release.last, release.terms, release.manifest
        contributors, receipts = (map(_dict, _list(table[key])) for key in ("contributors", "receipts"))
        return _MARKDOWN.format(
            name=manifest.name,
            model=last.model_hash.hex(),
            round=last.round,
            epoch=release.domain.epoch,
            contract=release.domain.federation,
            chain=release.domain.chain_id,
            manifest=manifest.hash.hex(),
            kind=_kind(release),
            parameters=manifest.model.dim,
            features=manifest.model.features_sha256,
            privacy=self._privacy_in_words(),
            members=len(release.quotas),
            quota=sum(release.quotas.values()),
            examples=sum(found.count for found in release.imports.values()),
            validation=terms.validation_root.hex(),
            shards=terms.shards,
            contributors="\n".join(
                f"| `{c['did']}` | {c['rounds_accepted']} | {c['credit_wei']} |" for c in contributors
            ),
            receipts="\n".join(
                f"| {r['round']} | `{r['model']}` | `{r['receipt']}` | {r['improvement']} |" for r in receipts
            ),
        )

    def _privacy_in_words(self) -> str:
        manifest, rounds = self._release.manifest, self._release.last.round
        spent = epsilon_after(manifest, rounds)
        if spent is None:
            return "No noise was added: the model may repeat what members' examples say."
        privacy = manifest.privacy
        masked = ""
        if manifest.secure is not None:
            views = epsilons(manifest, rounds)
            masked = (
                f" Deltas were summed behind masks: epsilon is {views.sum:.3f} to who sees the sums alone, "
                f"{views.transcript:.3f} to everybody, and {views.server:.3f} to the aggregator with "
                f"{manifest.secure.colluders} members' help."
            )
        return (
            f"Of one {privacy.unit}, this epoch's {rounds} rounds released at most what "
            f"({spent:.3f}, {privacy.delta})-differential privacy allows. The lifetime budget is epsilon "
            f"{privacy.epsilon}.{masked}"
        )


def _kind(release: Release) -> str:
    module = release.manifest.module
    return "The linear model in integers" if module is None else f"Network `{module.name}`"


def _architecture(release: Release) -> Json:
    module = release.manifest.module
    if module is None:
        return None
    return {"name": module.name, "words": module.words, "hidden": module.hidden, "hash": module.sha256}


def _receipt(round_: RecordedRound) -> Json:
    return {
        "round": round_.round,
        "model": round_.model_hash.hex(),
        "receipt": str(round_.receipt_cid),
        "trace_root_keccak256": round_.trace_root.hex(),
        "improvement": str(round_.receipt["improvement"]),
        "accepted": sum(line["status"] == Status.ACCEPTED for line in _lines(round_.receipt)),
    }


def _lines(receipt: Mapping[str, Value]) -> list[Mapping[str, Value]]:
    credits = receipt["credits"]
    assert isinstance(credits, list)
    return [line for line in credits if isinstance(line, dict)]


def _dict(value: Json) -> dict[str, Json]:
    assert isinstance(value, dict)
    return value


def _list(value: Json) -> list[Json]:
    assert isinstance(value, list)
    return value
