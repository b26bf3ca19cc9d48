"""What a community asks of a member, in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from federation.embedding import EmbeddingSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from client.forecast import Forecast
    from client.membership import Membership
    from federation.manifest import Manifest
    from federation.types import Address, Did

WEI: Final = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a member is asked to agree to.

    Attributes:
        membership: The federation, as it would be joined.
        did: Who would sign.
        rows: Rows in the vault.
        forecast: What it would cost of the dataset's privacy.
        token: The token in which it pays.
        symbol: The token's name.
        replaces: Another federation of the same name that the member has joined.
    """

    membership: Membership
    did: Did
    rows: int
    forecast: Forecast
    token: Address
    symbol: str
    replaces: Address | None

    def lines(self) -> Iterator[str]:
        """Yield it as text for a person."""
        manifest = self.membership.manifest
        if not manifest.privacy.sigma_e4:
            yield from _WARNING
        yield f"The federation {manifest.name} asks you to take part."
        if self.replaces is not None:
            yield f"It takes the place of {self.replaces}, which you joined under the same name."
        for heading, body in (
            ("What is trained", _model(manifest)),
            ("Your privacy", self._privacy()),
            ("What leaves this machine", self._leaves()),
            ("What you are paid", self._pay()),
            ("Time", _time(manifest)),
            ("Who is behind it", self._who()),
        ):
            yield ""
            yield heading
            yield from (f"  {line}" for line in body)

    def _privacy(self) -> Iterator[str]:
        privacy, cost = self.membership.manifest.privacy, self.forecast
        if not privacy.sigma_e4:
            yield "NONE. No noise is added: what you send shows which words are in your messages."
        else:
            whom = "one message" if privacy.unit == "example" else "all of your messages together"
            yield f"Epsilon bounds what anybody can learn about {whom}, whatever else they know."
            yield f"one round: epsilon {cost.one:.3g}; here in all: at most {privacy.epsilon}"
            yield f"probability that the bound fails (delta): {privacy.delta}"
            yield from self._views()
        bound = "without end" if math.isinf(cost.budget.epsilon) else f"epsilon {cost.budget.epsilon:g}"
        yield f"your own budget: {bound}, of which {cost.spent:.3g} is spent, over all federations"
        if cost.affordable < cost.rounds:
            yield f"IT ENDS AFTER {cost.affordable} OF {cost.rounds} ROUNDS; then you take part no more."
        if math.isfinite(cost.budget.epsilon):
            left = max(0.0, cost.budget.epsilon - cost.after)
            yield f"after {cost.affordable} rounds: {cost.after:.3g} spent, {left:.3g} left"

    def _views(self) -> Iterator[str]:
        """Yield the three epsilons of secure aggregation."""
        manifest, found = self.membership.manifest, self.forecast.secure
        if manifest.secure is None or found is None:
            return
        one, all_ = found
        yield "Your noise is a share of what the sum carries, so it depends on who looks:"
        for who, each, whole in zip(_WHO, one, all_, strict=True):
            helped = f" with {manifest.secure.colluders} members" if who == _WHO[-1] else ""
            yield f"  {who}{helped}: epsilon {each:.3g} a round, {whole:.3g} in all rounds"
        yield f"what counts against budgets is {_BINDS[manifest.secure.budget]}"

    def _leaves(self) -> Iterator[str]:
        manifest = self.membership.manifest
        if manifest.secure:
            yield from self._masked()
            return
        noise = "noise is added here first" if manifest.privacy.sigma_e4 else "WITHOUT ANY NOISE"
        dim = manifest.model.dim
        yield f"each round, one list of {dim} numbers ({8 * dim} bytes): {noise}"
        yield "to the aggregator at once; to everybody, for good, when the epoch ends"
        yield from self._public()

    def _masked(self) -> Iterator[str]:
        manifest = self.membership.manifest
        dim, scalars = manifest.delta_dim, 1 + (manifest.secure.projections if manifest.secure else 0)
        noise = "noise is added first" if manifest.privacy.sigma_e4 else "WITHOUT ANY NOISE"
        yield f"each round, one list of {dim} numbers ({8 * dim} bytes), masked: only the sum over"
        yield f"members can be read ({noise}); and {scalars} numbers about your list, by which you are"
        yield "checked and paid; sum and numbers become public for good"
        yield from self._public()

    def _public(self) -> Iterator[str]:
        yield f"public from now on: your name {self.did}, your payee, that you"
        yield f"have {self.rows} rows and a fingerprint of their ciphertexts, and that you agree to this"
        yield "never: a message, a label, your keys or your passphrase"

    def _pay(self) -> Iterator[str]:
        manifest = self.membership.manifest
        reward, terms = manifest.reward, manifest.rules.terms
        yield f"to {self.membership.payee}, in {self.symbol} ({self.token})"
        yield f"{_tokens(terms.bounty)} per whole point of Brier score that you improve the model by,"
        yield f"from {_tokens(terms.funds)} per epoch; nobody can promise you that your data improves it"
        yield "what lowers the score is charged against what you earn, never against what you own"
        share = reward.clip_milli / 10
        yield f"one round moves you by at most {share:g} % of your quota's share of its improvement"
        if manifest.secure:
            yield "silence costs nothing, at whichever stage; a lie that your own signature proves is charged"
        else:
            yield "silence costs nothing; a commitment whose numbers you then do not send is charged"

    def _who(self) -> Iterator[str]:
        manifest, joined = self.membership.manifest, self.membership
        yield f"contract    {joined.federation} on chain {manifest.chain.chain_id}"
        yield f"manifest    {manifest.hash.hex()}"
        yield f"community   {manifest.parties.community}"
        yield f"aggregator  {manifest.parties.aggregator}"
        yield f"            paid and bonded as {manifest.chain.aggregator}, at {joined.superlink}"
        for did, account in zip(manifest.parties.providers, manifest.chain.providers, strict=True):
            yield f"provider    {did} ({account})"
        yield f"published   {joined.public}"
        yield f"events      {joined.events or 'no event node: nothing of yours is published there'}"

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values; null stands for a bound that is none."""
        manifest, cost = self.membership.manifest, self.forecast
        return {
            "name": manifest.name,
            "manifest": manifest.hash.hex(),
            "federation": self.membership.federation,
            "chain_id": manifest.chain.chain_id,
            "did": self.did,
            "payee": self.membership.payee,
            "token": self.token,
            "epsilon": finite(float(manifest.privacy.epsilon)),
            "epsilon_per_round": finite(cost.one),
            "delta": manifest.privacy.delta,
            "budget": finite(cost.budget.epsilon),
            "epsilon_spent": finite(cost.spent),
            "epsilon_after": finite(cost.after),
            "rounds": cost.rounds,
            "rounds_affordable": cost.affordable,
            "secure": secure_values(manifest, cost),
        }


_WHO: Final = ("who sees the sums alone", "everybody", "the aggregator")
_BINDS: Final = {"transcript": "what everybody sees", "sum": "the sum alone: LESS THAN WHAT EVERYBODY SEES"}

_WARNING: Final = (
    "*" * 78,
    "*  NO DIFFERENTIAL PRIVACY: everybody can read from what you send which".ljust(77) + "*",
    "*  words are in your messages, now and for good. It cannot be taken back.".ljust(77) + "*",
    "*" * 78,
    "",
)


def secure_values(manifest: Manifest, cost: Forecast) -> dict[str, object] | None:
    """Return the three epsilons of all rounds as JSON values; None where deltas are sent openly."""
    if manifest.secure is None or cost.secure is None:
        return None
    values: dict[str, object] = {name: finite(value) for name, value in cost.secure[1]._asdict().items()}
    return values | {"colluders": manifest.secure.colluders, "budget": manifest.secure.budget}


def finite(value: float) -> float | None:
    """Return a number as JSON can write it; null for infinity."""
    return None if math.isinf(value) else value


def _tokens(wei: int) -> str:
    whole, part = divmod(wei, WEI)
    digits = f"{part:018d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _model(manifest: Manifest) -> Iterator[str]:
    if manifest.module is None:
        yield f"a linear model of {manifest.model.dim} weights, recomputed exactly by anybody"
    else:
        module = manifest.module
        yield f"a network {module.name}, {module.words} words wide, {module.hidden} hidden,"
        yield f"{manifest.model.dim} weights, recomputed to within {module.tolerance}"
        yield f"architecture {module.sha256}"
    if caveat := manifest.rules.caveat:
        yield f"{caveat}; validators vouch for it, no contract can"
    rule = manifest.model.features_sha256
    read = "bits of a sentence embedding" if rule == EmbeddingSpec().digest.hex() else "hashed words"
    yield f"on {manifest.words} {read}; rule {rule}"
    yield f"in {manifest.rounds} rounds per epoch; your rows are used here, and stay here"


def _time(manifest: Manifest) -> Iterator[str]:
    deadlines = manifest.deadlines
    yield f"each step of a round may take up to {_span(deadlines.phase)}"
    yield f"payments are proposed within {_span(deadlines.settle)} after the last round,"
    yield f"may be challenged for {_span(deadlines.challenge)}, and can then be claimed"


def _span(seconds: int) -> str:
    for unit, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds} seconds"
