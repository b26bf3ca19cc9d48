"""A member's side of secure rounds: what it reads from the chain, agrees to, stores, and only then answers.

The server is believed nothing. The admitted list, the randomness of graph and norm check, the roots and
the announcement of the sum are the chain's; the gradient is computed here. The state that a step returns
is in the vault before its answer leaves, so a restart answers the same. What is spent of the privacy
budget is spent once for a round: a later attempt masks the stored delta anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from ceramic_bridge.authority import Authority
from ceramic_bridge.delegated import DigestVerifier
from ceramic_bridge.events import encode
from client.admitted import Admitted
from client.attempts import Attempts
from client.consent import RoundReader, SecureReader
from federation.delta import delta_bytes, parse_delta
from federation.errors import ChainError, ConfigError, PeerError
from federation.messages import CommitRequest, SecureReply, SecureRequest
from federation.models.linear import parse_model
from federation.rounds import Base
from federation.secagg.material import Material, Scene
from federation.secagg.messages import (
    CommitList,
    Commitment,
    KeyList,
    NormAnswer,
    PledgeList,
    ScalarAnswer,
    UnmaskRequest,
    Upload,
)
from federation.secagg.setup import key_word, secure_terms, sum_word
from federation.secagg.stages import Stage
from federation.secagg.terms import Reason, SecureRefused, Sign, refuse
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from client.contributing import Contributing
    from client.vault import Vault
    from federation.secagg.member import Member

_PARTS: Final = {
    Stage.KEYS: 1,
    Stage.PLEDGE: 1,
    Stage.OPEN_KEYS: 1,
    Stage.COMMIT: 2,
    Stage.REVEAL: 1,
    Stage.NORM: 0,
    Stage.OPEN_EDGE: 2,
    Stage.UNMASK: 1,
    Stage.SCALARS: 2,
}
"""How many parts a request has."""

_MOST_ATTEMPTS: Final = 1 << 16
_Parts = tuple[bytes, ...]


class SecureRounds:
    """Answers the stages of secure rounds for one epoch of one federation."""

    def __init__(self, vault: Vault, given: Contributing, reader: RoundReader) -> None:
        """Take what a member works with.

        Args:
            vault: Where attempts are kept.
            given: Spends, trains, stores and signs.
            reader: The chain.

        Raises:
            PeerError: The federation does not aggregate securely.
            ConfigError: The reader cannot tell what secure rounds look at.
        """
        if given.terms.manifest.secure is None:
            raise PeerError("this federation does not aggregate securely")
        if not isinstance(reader, SecureReader):
            raise ConfigError("this reader of the chain cannot tell what secure rounds look at")
        self._given, self._reader = given, reader
        self._attempts = Attempts(vault, given.terms.domain)
        self._admitted = Admitted(self._attempts, given.terms, reader)
        self._masked: tuple[int, int, Upload] | None = None
        self._steps: Mapping[Stage, Callable[[Member, _Parts], _Parts]] = {
            Stage.KEYS: self._keys,
            Stage.PLEDGE: self._pledge,
            Stage.OPEN_KEYS: self._open_keys,
            Stage.COMMIT: self._commit,
            Stage.REVEAL: self._reveal,
            Stage.NORM: self._norm,
            Stage.OPEN_EDGE: self._open_edge,
            Stage.UNMASK: self._unmask,
            Stage.SCALARS: self._scalars,
        }

    def answer(self, request: SecureRequest) -> SecureReply:
        """Answer one stage; the same request again gets the same answer.

        Raises:
            PeerError: The request is for another place or malformed, the chain does not bear it out
                (yet), or it is not to be answered; ``SecureRefused`` names the reason.
            IdentityError: The wallet's authorisation does not hold; nothing was spent.
            PrivacyBudgetExhausted: The round would overspend; nothing was drawn.
            VerificationFailed: What the gradient follows from is not what the chain recorded.
            TooFewParticipants: A list is too short.
        """
        given, place = self._given, request.domain
        given.require_place(place)
        if len(request.parts) != _PARTS[request.stage] or not 0 <= request.attempt < _MOST_ATTEMPTS:
            raise PeerError("the request is malformed")
        if not 1 <= request.round <= given.terms.manifest.rounds or not any(given.base_hash(request.round)):
            raise PeerError("the chain has not opened this round")
        if request.stage is Stage.KEYS:
            self._admitted.take(request.parts[0])
        terms = secure_terms(
            given.terms.manifest, self._admitted.quotas(), place, request.round, attempt=request.attempt
        )
        if request.stage is Stage.KEYS:
            given.require_authority(request.round)
            state = self._attempts.begin(terms, given.did, given.secret)
        else:
            state = self._attempts.resume(terms)
        return SecureReply(self._steps[request.stage](state, request.parts))

    # Stages

    def _keys(self, state: Member, _: _Parts) -> _Parts:
        return (state.keys(self._given.sign_digest).to_bytes(),)

    def _pledge(self, state: Member, parts: _Parts) -> _Parts:
        key_list = KeyList.parse(parts[0])
        beacon = self._hash_after(self._reader.announced(key_word(state.terms, key_list)))
        after, pledge = state.pledge(
            key_list, beacon, sign=self._given.sign_digest, verify=self._verifier(state)
        )
        return self._stored(after, pledge.to_bytes())

    def _open_keys(self, state: Member, parts: _Parts) -> _Parts:
        try:
            against = Did(parts[0].decode())
        except UnicodeDecodeError as error:
            raise PeerError("the request is malformed") from error
        after, opening = state.open_keys(against)
        return self._stored(after, opening.to_bytes())

    def _commit(self, state: Member, parts: _Parts) -> _Parts:
        given, round_ = self._given, state.terms.round
        pledges = PledgeList.parse(parts[0])
        request = CommitRequest(domain=state.terms.domain, round=round_, base=_base(parts[1]))
        given.require_trainable(request)
        verify = self._verifier(state)
        if state.wrongs(pledges, verify=verify):
            after, opening = state.complain(pledges, verify=verify)
            return self._stored(after, opening.to_bytes())
        state.agree("pledge_list", pledges.to_bytes())  # refused before anything is spent
        stored = given.made(round_, lambda: delta_bytes(given.train(request)))
        after, commitment, upload = state.commit(
            pledges,
            parse_delta(stored.payload),
            sign=self._committing(state),
            verify=verify,
        )
        self._masked = (round_, state.terms.attempt, upload)
        answer = self._stored(after, commitment.to_bytes())
        event = given.statement(round_, commitment.signed_digest(state.terms), stored.number)
        return encode(event), *answer

    def _reveal(self, state: Member, parts: _Parts) -> _Parts:
        round_ = state.terms.round
        root = self._reader.commit_root(state.terms.domain.epoch, round_)
        if not any(root):
            raise PeerError("the chain has no commit root of this round yet")
        commits = CommitList.parse(parts[0])
        after, upload = state.reveal(commits, root, self._upload(state), verify=self._verifier(state))
        answer = self._stored(after, upload.to_bytes())
        self._given.let_out(round_)
        return answer

    def _norm(self, state: Member, _: _Parts) -> _Parts:
        closed = self._reader.commits_closed_in(state.terms.domain.epoch, state.terms.round)
        after, answer = state.norm(self._hash_after(closed), sign=self._given.sign_digest)
        return self._stored(after, answer.to_bytes())

    def _unmask(self, state: Member, parts: _Parts) -> _Parts:
        after, answer = state.unmask(
            UnmaskRequest.parse(parts[0]), self._reveal_root(state), sign=self._given.sign_digest
        )
        return self._stored(after, answer.to_bytes())

    def _scalars(self, state: Member, parts: _Parts) -> _Parts:
        terms, ours, reader = state.terms, self._given.terms, self._reader
        epoch, round_ = terms.domain.epoch, terms.round
        total = parse_delta(parts[0])
        if len(total) != terms.dim:
            raise PeerError("the sum has another size than a delta")
        announced = reader.announced(sum_word(terms, self._reveal_root(state), total))
        if not 0 < announced <= reader.draw_target(epoch, round_):
            raise PeerError("this sum was not announced before the shard could be known")
        scene = Scene(
            manifest=ours.manifest,
            domain=ours.domain,
            mean=ours.mean,
            quotas=self._admitted.quotas(),
            opened=reader.terms(epoch),
            rounds=[reader.words(epoch, i) for i in range(1, round_ + 1)],
        )
        gradient = scene.gradient(Material.parse(parts[1]), total)
        after, answer = state.scalars(gradient, sign=self._given.sign_digest)
        return self._stored(after, answer.to_bytes())

    def _open_edge(self, state: Member, parts: _Parts) -> _Parts:
        mine, theirs = map(_scalars_of, parts)
        return (state.open_edge(mine, theirs, verify=self._verifier(state)).to_bytes(),)

    # What they need

    def _stored(self, state: Member, answer: bytes) -> _Parts:
        self._attempts.keep(state)
        return (answer,)

    def _verifier(self, state: Member) -> DigestVerifier:
        """Return what checks others' signatures, of capabilities by the time that the round opened."""
        terms = state.terms
        opened = self._reader.opened_at(terms.domain.epoch, terms.round)
        return DigestVerifier(
            model=self._given.terms.contribution_model, authority=Authority(now=1000 * opened)
        )

    def _upload(self, state: Member) -> Upload:
        """Return the masked delta: what ``commit`` made, or after a restart the same made again."""
        place = state.terms.round, state.terms.attempt
        if self._masked is not None and self._masked[:2] == place:
            return self._masked[2]
        if not state.commitment:
            refuse(Reason.OUT_OF_ORDER)
        *_, upload = state.commit(
            state.pledges(),
            parse_delta(self._given.stored(state.terms.round).payload),
            sign=self._committing(state),
            verify=self._verifier(state),
        )
        self._masked = (*place, upload)
        return upload

    def _committing(self, state: Member) -> Sign:
        """Return what signs the commitment: once. A wallet's new key would sign another one."""
        if not state.commitment:
            return self._given.sign_digest
        signature = Commitment.parse(state.commitment).signature
        return lambda _digest: signature

    def _hash_after(self, block: int) -> Hash32:
        """Return the hash of the block that makes randomness after one that fixed something."""
        if not block:
            raise PeerError("the chain does not say so yet")
        try:
            return self._reader.hash_of(block + self._given.terms.manifest.chain.draw_delay)
        except ChainError as error:
            raise PeerError("the block that makes the randomness is not there yet") from error

    def _reveal_root(self, state: Member) -> Hash32:
        root = self._reader.words(state.terms.domain.epoch, state.terms.round).reveal_root
        if not any(root):
            raise PeerError("the chain has no reveal root of this round yet")
        return root


def _base(raw: bytes) -> Base:
    try:
        weights, intercept = parse_model(raw)
    except ConfigError as error:
        raise PeerError("the base model is malformed") from error
    return Base(weights=weights, intercept=intercept, beta_tenths=0, losses=())


def _scalars_of(raw: bytes) -> NormAnswer | ScalarAnswer:
    try:
        return NormAnswer.parse(raw)
    except SecureRefused:
        return ScalarAnswer.parse(raw)
