"""Custom errors of every contract, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.structs import Phase
from contracts.contract import CustomError

if TYPE_CHECKING:
    from federation.types import Address, Hash32


class AllRoundsRecorded(CustomError):
    """The epoch has no more rounds: reveal it."""

    SIGNATURE: ClassVar[str] = "AllRoundsRecorded(uint32)"
    HINT: ClassVar[str] = "reveal the epoch: it has no more rounds"

    def __init__(self, rounds: int) -> None:
        super().__init__(rounds)
        self.rounds = rounds


class AlreadyAccused(CustomError):
    """The provider was accused in this round already, or another one is."""

    SIGNATURE: ClassVar[str] = "AlreadyAccused(uint32)"
    HINT: ClassVar[str] = "the provider was accused in this round already, or another one is"

    def __init__(self, provider: int) -> None:
        super().__init__(provider)
        self.provider = provider


class AlreadyCalled(CustomError):
    """A quorum has been called for already."""

    SIGNATURE: ClassVar[str] = "AlreadyCalled(bytes32)"
    HINT: ClassVar[str] = "A quorum has been called for already"

    def __init__(self, ballot: Hash32) -> None:
        super().__init__(ballot)
        self.ballot = ballot


class AlreadyCounted(CustomError):
    """An event counts once."""

    SIGNATURE: ClassVar[str] = "AlreadyCounted(bytes32,bytes32)"
    HINT: ClassVar[str] = "an event counts once"

    def __init__(self, did_hash: Hash32, leaf: Hash32) -> None:
        super().__init__(did_hash, leaf)
        self.did_hash = did_hash
        self.leaf = leaf


class AlreadyForced(CustomError):
    """The member has revealed on chain already."""

    SIGNATURE: ClassVar[str] = "AlreadyForced(bytes32)"
    HINT: ClassVar[str] = "the member has revealed on chain already"

    def __init__(self, did_hash: Hash32) -> None:
        super().__init__(did_hash)
        self.did_hash = did_hash


class AlreadyProved(CustomError):
    """The DID proved its entry of this list before."""

    SIGNATURE: ClassVar[str] = "AlreadyProved(bytes32,uint208)"
    HINT: ClassVar[str] = "the DID proved its entry of this list before"

    def __init__(self, did_hash: Hash32, quota: int) -> None:
        super().__init__(did_hash, quota)
        self.did_hash = did_hash
        self.quota = quota


class AlreadyRegistered(CustomError):
    """The account accepted before."""

    SIGNATURE: ClassVar[str] = "AlreadyRegistered(bytes32,address)"
    HINT: ClassVar[str] = "a DID keeps its first payee"

    def __init__(self, did_hash: Hash32, payee: Address) -> None:
        super().__init__(did_hash, payee)
        self.did_hash = did_hash
        self.payee = payee


class AlreadyUpheld(CustomError):
    """A quorum has vouched for this proposal."""

    SIGNATURE: ClassVar[str] = "AlreadyUpheld(bytes32)"
    HINT: ClassVar[str] = "A quorum has vouched for this proposal"

    def __init__(self, ballot: Hash32) -> None:
        super().__init__(ballot)
        self.ballot = ballot


class AnotherFederation(CustomError):
    """The demand is about another federation."""

    SIGNATURE: ClassVar[str] = "AnotherFederation(address,address)"
    HINT: ClassVar[str] = "the demand is about another federation"

    def __init__(self, asked: Address, given: Address) -> None:
        super().__init__(asked, given)
        self.asked = asked
        self.given = given


class AnotherQuestion(CustomError):
    """The demand asks for something else."""

    SIGNATURE: ClassVar[str] = "AnotherQuestion(uint256,bytes32,bytes32)"
    HINT: ClassVar[str] = "the demand asks for something else"

    def __init__(self, id_: int, asked: Hash32, given: Hash32) -> None:
        super().__init__(id_, asked, given)
        self.id_ = id_
        self.asked = asked
        self.given = given


class BalanceShrank(CustomError):
    """The token's balances shrank by themselves; whoever sends the difference repairs the pool."""

    SIGNATURE: ClassVar[str] = "BalanceShrank(uint256,uint256)"
    HINT: ClassVar[str] = (
        "the token's balances shrank by themselves; whoever sends the difference repairs the pool"
    )

    def __init__(self, held: int, counted: int) -> None:
        super().__init__(held, counted)
        self.held = held
        self.counted = counted


class BallotGone(CustomError):
    """The proposal that the call was about no longer stands: only `release` closes it."""

    SIGNATURE: ClassVar[str] = "BallotGone(bytes32)"
    HINT: ClassVar[str] = "the proposal that the call was about no longer stands: only `release` closes it"

    def __init__(self, ballot: Hash32) -> None:
        super().__init__(ballot)
        self.ballot = ballot


class BallotStands(CustomError):
    """The proposal that the call was about still stands."""

    SIGNATURE: ClassVar[str] = "BallotStands(bytes32)"
    HINT: ClassVar[str] = "the proposal that the call was about still stands"

    def __init__(self, ballot: Hash32) -> None:
        super().__init__(ballot)
        self.ballot = ballot


class BeaconExpired(CustomError):
    """The randomness is out of reach: let the federation choose a new target."""

    SIGNATURE: ClassVar[str] = "BeaconExpired(uint64,uint256)"
    HINT: ClassVar[str] = "call retarget, then draw again after the new target block"

    def __init__(self, target: int, current: int) -> None:
        super().__init__(target, current)
        self.target = target
        self.current = current


class BeaconNotExpired(CustomError):
    """The randomness of the draw can still be had: draw."""

    SIGNATURE: ClassVar[str] = "BeaconNotExpired(uint64,uint256)"
    HINT: ClassVar[str] = "draw now: the target block's hash can still be read"

    def __init__(self, target: int, current: int) -> None:
        super().__init__(target, current)
        self.target = target
        self.current = current


class BeaconNotReady(CustomError):
    """The randomness is not known yet: wait for a block after the target."""

    SIGNATURE: ClassVar[str] = "BeaconNotReady(uint64,uint256)"
    HINT: ClassVar[str] = "wait until the target block has been mined"

    def __init__(self, target: int, current: int) -> None:
        super().__init__(target, current)
        self.target = target
        self.current = current


class BondFee(CustomError):
    """The token keeps a part of what is transferred: a bond in it cannot be held."""

    SIGNATURE: ClassVar[str] = "BondFee(uint256,uint256)"
    HINT: ClassVar[str] = "the token keeps a part of what is transferred: a bond in it cannot be held"

    def __init__(self, sent: int, received: int) -> None:
        super().__init__(sent, received)
        self.sent = sent
        self.received = received


class BondTooSmall(CustomError):
    """The account's bond is smaller than that."""

    SIGNATURE: ClassVar[str] = "BondTooSmall(address,uint256,uint256)"
    HINT: ClassVar[str] = "the account's bond is smaller than that"

    def __init__(self, account: Address, bond: int, required: int) -> None:
        super().__init__(account, bond, required)
        self.account = account
        self.bond = bond
        self.required = required


class CeilingExceeded(CustomError):
    """More events than an account may count for a DID."""

    SIGNATURE: ClassVar[str] = "CeilingExceeded(uint256,uint256)"
    HINT: ClassVar[str] = "more events than an account may count for a DID"

    def __init__(self, number: int, ceiling: int) -> None:
        super().__init__(number, ceiling)
        self.number = number
        self.ceiling = ceiling


class ChallengeWindowOpen(CustomError):
    """The table can still be challenged."""

    SIGNATURE: ClassVar[str] = "ChallengeWindowOpen(uint64)"
    HINT: ClassVar[str] = "wait until the challenge window has passed"

    def __init__(self, challenge_end: int) -> None:
        super().__init__(challenge_end)
        self.challenge_end = challenge_end


class CheckpointUnorderedInsertion(CustomError):
    """Custom error ``CheckpointUnorderedInsertion``."""

    SIGNATURE: ClassVar[str] = "CheckpointUnorderedInsertion()"
    HINT: ClassVar[str] = "checkpoints are made in order of time"


class DeadlineAhead(CustomError):
    """The time for the duty is not over yet: wait for the deadline."""

    SIGNATURE: ClassVar[str] = "DeadlineAhead(uint64)"
    HINT: ClassVar[str] = "the time for the duty is not over yet: wait for the deadline"

    def __init__(self, deadline: int) -> None:
        super().__init__(deadline)
        self.deadline = deadline


class DeadlinePassed(CustomError):
    """The time for this duty is over: call `lapse`."""

    SIGNATURE: ClassVar[str] = "DeadlinePassed(uint64)"
    HINT: ClassVar[str] = "the time for this duty is over: call `lapse`"

    def __init__(self, deadline: int) -> None:
        super().__init__(deadline)
        self.deadline = deadline


class ECDSAInvalidSignature(CustomError):
    """Custom error ``ECDSAInvalidSignature``."""

    SIGNATURE: ClassVar[str] = "ECDSAInvalidSignature()"
    HINT: ClassVar[str] = "sign again: this is no signature"


class ECDSAInvalidSignatureLength(CustomError):
    """Custom error ``ECDSAInvalidSignatureLength``."""

    SIGNATURE: ClassVar[str] = "ECDSAInvalidSignatureLength(uint256)"
    HINT: ClassVar[str] = "a signature has 65 bytes"

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class ECDSAInvalidSignatureS(CustomError):
    """Custom error ``ECDSAInvalidSignatureS``."""

    SIGNATURE: ClassVar[str] = "ECDSAInvalidSignatureS(bytes32)"
    HINT: ClassVar[str] = "sign with the lower of the two values of s"

    def __init__(self, s: Hash32) -> None:
        super().__init__(s)
        self.s = s


class ERC20InsufficientAllowance(CustomError):
    """Custom error ``ERC20InsufficientAllowance``."""

    SIGNATURE: ClassVar[str] = "ERC20InsufficientAllowance(address,uint256,uint256)"
    HINT: ClassVar[str] = "approve the pool for the amount first"

    def __init__(self, spender: Address, allowance: int, needed: int) -> None:
        super().__init__(spender, allowance, needed)
        self.spender = spender
        self.allowance = allowance
        self.needed = needed


class ERC20InsufficientBalance(CustomError):
    """Custom error ``ERC20InsufficientBalance``."""

    SIGNATURE: ClassVar[str] = "ERC20InsufficientBalance(address,uint256,uint256)"
    HINT: ClassVar[str] = "the sender does not hold that many tokens"

    def __init__(self, sender: Address, balance: int, needed: int) -> None:
        super().__init__(sender, balance, needed)
        self.sender = sender
        self.balance = balance
        self.needed = needed


class ERC20InvalidApprover(CustomError):
    """Custom error ``ERC20InvalidApprover``."""

    SIGNATURE: ClassVar[str] = "ERC20InvalidApprover(address)"
    HINT: ClassVar[str] = "approve from an account that is not zero"

    def __init__(self, approver: Address) -> None:
        super().__init__(approver)
        self.approver = approver


class ERC20InvalidReceiver(CustomError):
    """Custom error ``ERC20InvalidReceiver``."""

    SIGNATURE: ClassVar[str] = "ERC20InvalidReceiver(address)"
    HINT: ClassVar[str] = "send to an account that is not zero"

    def __init__(self, receiver: Address) -> None:
        super().__init__(receiver)
        self.receiver = receiver


class ERC20InvalidSender(CustomError):
    """Custom error ``ERC20InvalidSender``."""

    SIGNATURE: ClassVar[str] = "ERC20InvalidSender(address)"
    HINT: ClassVar[str] = "send from an account that is not zero"

    def __init__(self, sender: Address) -> None:
        super().__init__(sender)
        self.sender = sender


class ERC20InvalidSpender(CustomError):
    """Custom error ``ERC20InvalidSpender``."""

    SIGNATURE: ClassVar[str] = "ERC20InvalidSpender(address)"
    HINT: ClassVar[str] = "approve an account that is not zero"

    def __init__(self, spender: Address) -> None:
        super().__init__(spender)
        self.spender = spender


class ERC2612ExpiredSignature(CustomError):
    """Custom error ``ERC2612ExpiredSignature``."""

    SIGNATURE: ClassVar[str] = "ERC2612ExpiredSignature(uint256)"
    HINT: ClassVar[str] = "sign the permit again with a later deadline"

    def __init__(self, deadline: int) -> None:
        super().__init__(deadline)
        self.deadline = deadline


class ERC2612InvalidSigner(CustomError):
    """Custom error ``ERC2612InvalidSigner``."""

    SIGNATURE: ClassVar[str] = "ERC2612InvalidSigner(address,address)"
    HINT: ClassVar[str] = "the owner of the tokens itself signs the permit"

    def __init__(self, signer: Address, owner: Address) -> None:
        super().__init__(signer, owner)
        self.signer = signer
        self.owner = owner


class EpochUnderWay(CustomError):
    """The bond stands for the epoch under way: it stays until that has closed."""

    SIGNATURE: ClassVar[str] = "EpochUnderWay()"
    HINT: ClassVar[str] = "the bond stands for the epoch under way: it stays until that has closed"


class FeeOnTransfer(CustomError):
    """The token delivered another amount than was sent; only exact tokens are taken."""

    SIGNATURE: ClassVar[str] = "FeeOnTransfer(uint256,uint256)"
    HINT: ClassVar[str] = "use a token that moves exactly what it is told to"

    def __init__(self, sent: int, received: int) -> None:
        super().__init__(sent, received)
        self.sent = sent
        self.received = received


class FutureSnapshot(CustomError):
    """A snapshot is of the past; the present second is not over."""

    SIGNATURE: ClassVar[str] = "FutureSnapshot(uint48,uint256)"
    HINT: ClassVar[str] = "A snapshot is of the past; the present second is not over"

    def __init__(self, time: int, current: int) -> None:
        super().__init__(time, current)
        self.time = time
        self.current = current


class InexactToken(CustomError):
    """The token delivered another amount than was sent; only exact tokens are taken."""

    SIGNATURE: ClassVar[str] = "InexactToken(uint256,uint256)"
    HINT: ClassVar[str] = "the token delivered another amount than was sent; only exact tokens are taken"

    def __init__(self, sent: int, received: int) -> None:
        super().__init__(sent, received)
        self.sent = sent
        self.received = received


class InsufficientBond(CustomError):
    """The account's bond is too small, or about to leave: deposit more, or stay."""

    SIGNATURE: ClassVar[str] = "InsufficientBond(address,uint256,uint256)"
    HINT: ClassVar[str] = "the account's bond is too small, or about to leave: deposit more, or stay"

    def __init__(self, account: Address, bond: int, required: int) -> None:
        super().__init__(account, bond, required)
        self.account = account
        self.bond = bond
        self.required = required


class InsufficientFunds(CustomError):
    """The pool holds less than this that is promised to nobody: fund it."""

    SIGNATURE: ClassVar[str] = "InsufficientFunds(uint256,uint256)"
    HINT: ClassVar[str] = "fund the pool before opening the epoch"

    def __init__(self, available: int, required: int) -> None:
        super().__init__(available, required)
        self.available = available
        self.required = required


class InsufficientStake(CustomError):
    """More than the account has staked on the DID."""

    SIGNATURE: ClassVar[str] = "InsufficientStake(uint256,uint256)"
    HINT: ClassVar[str] = "more than the account has staked on the DID"

    def __init__(self, amount: int, staked: int) -> None:
        super().__init__(amount, staked)
        self.amount = amount
        self.staked = staked


class InvalidAccountNonce(CustomError):
    """Custom error ``InvalidAccountNonce``."""

    SIGNATURE: ClassVar[str] = "InvalidAccountNonce(address,uint256)"
    HINT: ClassVar[str] = "another signature was used first: read the nonce, and sign again"

    def __init__(self, account: Address, current_nonce: int) -> None:
        super().__init__(account, current_nonce)
        self.account = account
        self.current_nonce = current_nonce


class InvalidBond(CustomError):
    """A bond must be below 2^96 wei."""

    SIGNATURE: ClassVar[str] = "InvalidBond(uint256)"
    HINT: ClassVar[str] = "A bond must be below 2^96 wei"

    def __init__(self, bond: int) -> None:
        super().__init__(bond)
        self.bond = bond


class InvalidBounty(CustomError):
    """A bounty must be below 2^128 wei."""

    SIGNATURE: ClassVar[str] = "InvalidBounty(uint256)"
    HINT: ClassVar[str] = "A bounty must be below 2^128 wei"

    def __init__(self, bounty: int) -> None:
        super().__init__(bounty)
        self.bounty = bounty


class InvalidConsent(CustomError):
    """The signature is not the provider's consent to the terms of this epoch."""

    SIGNATURE: ClassVar[str] = "InvalidConsent(uint32,address)"
    HINT: ClassVar[str] = "the signature is not the provider's consent to the terms of this epoch"

    def __init__(self, provider: int, account: Address) -> None:
        super().__init__(provider, account)
        self.provider = provider
        self.account = account


class InvalidDelta(CustomError):
    """The bytes are not a delta with this number of weights."""

    SIGNATURE: ClassVar[str] = "InvalidDelta(uint256,uint32)"
    HINT: ClassVar[str] = "the bytes are not a delta with this number of weights"

    def __init__(self, length: int, dim: int) -> None:
        super().__init__(length, dim)
        self.length = length
        self.dim = dim


class InvalidDrawDelay(CustomError):
    """The delay of the draw must be 1 to 256 blocks."""

    SIGNATURE: ClassVar[str] = "InvalidDrawDelay(uint64)"
    HINT: ClassVar[str] = "deploy with a delay that block hashes outlive"

    def __init__(self, draw_delay: int) -> None:
        super().__init__(draw_delay)
        self.draw_delay = draw_delay


class InvalidDuration(CustomError):
    """Every duration must be 1 second to 90 days, and answers due sooner than proposals."""

    SIGNATURE: ClassVar[str] = "InvalidDuration(uint64)"
    HINT: ClassVar[str] = "every duration must be 1 second to 90 days, and answers due sooner than proposals"

    def __init__(self, duration: int) -> None:
        super().__init__(duration)
        self.duration = duration


class InvalidGrid(CustomError):
    """An epoch needs 2 to 32 step sizes, and 1 to 32 momenta."""

    SIGNATURE: ClassVar[str] = "InvalidGrid(uint256,uint256)"
    HINT: ClassVar[str] = "an epoch needs 2 to 32 step sizes, and 1 to 32 momenta"

    def __init__(self, etas: int, betas: int) -> None:
        super().__init__(etas, betas)
        self.etas = etas
        self.betas = betas


class InvalidLock(CustomError):
    """The lock is zero or longer than a year."""

    SIGNATURE: ClassVar[str] = "InvalidLock(uint48)"
    HINT: ClassVar[str] = "the lock is zero or longer than a year"

    def __init__(self, lock: int) -> None:
        super().__init__(lock)
        self.lock = lock


class InvalidNonce(CustomError):
    """Sign again with the payee's current nonce."""

    SIGNATURE: ClassVar[str] = "InvalidNonce(uint256,uint256)"
    HINT: ClassVar[str] = "another registration came first: read the nonce, and sign again"

    def __init__(self, given: int, required: int) -> None:
        super().__init__(given, required)
        self.given = given
        self.required = required


class InvalidProof(CustomError):
    """The posted table has no such leaf; ask for the proof under the newest root."""

    SIGNATURE: ClassVar[str] = "InvalidProof(address,uint256)"
    HINT: ClassVar[str] = "the leaf must be in the table that was finalized last"

    def __init__(self, payee: Address, cumulative: int) -> None:
        super().__init__(payee, cumulative)
        self.payee = payee
        self.cumulative = cumulative


class InvalidProviderCount(CustomError):
    """An epoch needs 1 to 32 providers."""

    SIGNATURE: ClassVar[str] = "InvalidProviderCount(uint256)"
    HINT: ClassVar[str] = "an epoch needs 1 to 32 providers"

    def __init__(self, providers: int) -> None:
        super().__init__(providers)
        self.providers = providers


class InvalidQuorum(CustomError):
    """The quorum must not be larger than the number of validators."""

    SIGNATURE: ClassVar[str] = "InvalidQuorum(uint32,uint256)"
    HINT: ClassVar[str] = "the quorum must not be larger than the number of validators"

    def __init__(self, quorum: int, validators: int) -> None:
        super().__init__(quorum, validators)
        self.quorum = quorum
        self.validators = validators


class InvalidRecord(CustomError):
    """The record is not in the trace, is about something else, or has another number of values."""

    SIGNATURE: ClassVar[str] = "InvalidRecord(uint8,uint32,uint32)"
    HINT: ClassVar[str] = (
        "the record is not in the trace, is about something else, or has another number of values"
    )

    def __init__(self, op: int, i: int, j: int) -> None:
        super().__init__(op, i, j)
        self.op = op
        self.i = i
        self.j = j


class InvalidRounds(CustomError):
    """An epoch needs at least one round, and a shard for each."""

    SIGNATURE: ClassVar[str] = "InvalidRounds(uint32,uint32)"
    HINT: ClassVar[str] = "open an epoch with at least one round, and a shard for each"

    def __init__(self, rounds: int, shards: int) -> None:
        super().__init__(rounds, shards)
        self.rounds = rounds
        self.shards = shards


class InvalidShortString(CustomError):
    """Custom error ``InvalidShortString``."""

    SIGNATURE: ClassVar[str] = "InvalidShortString()"
    HINT: ClassVar[str] = "use a name of at most 31 bytes"


class InvalidSignature(CustomError):
    """The payee did not sign this statement for this registry on this chain."""

    SIGNATURE: ClassVar[str] = "InvalidSignature(address)"
    HINT: ClassVar[str] = "the payee itself signs, for this registry on this chain"

    def __init__(self, payee: Address) -> None:
        super().__init__(payee)
        self.payee = payee


class InvalidVote(CustomError):
    """The validator did not sign this ballot."""

    SIGNATURE: ClassVar[str] = "InvalidVote(address,bytes32)"
    HINT: ClassVar[str] = "the validator did not sign this ballot"

    def __init__(self, validator: Address, ballot: Hash32) -> None:
        super().__init__(validator, ballot)
        self.validator = validator
        self.ballot = ballot


class LengthMismatch(CustomError):
    """Every provider needs a tip and an account."""

    SIGNATURE: ClassVar[str] = "LengthMismatch(uint256,uint256)"
    HINT: ClassVar[str] = "every provider needs a tip and an account"

    def __init__(self, tips: int, providers: int) -> None:
        super().__init__(tips, providers)
        self.tips = tips
        self.providers = providers


class Locked(CustomError):
    """Deposits come back when their lock is over."""

    SIGNATURE: ClassVar[str] = "Locked(address,uint256)"
    HINT: ClassVar[str] = "deposits come back when their lock is over"

    def __init__(self, account: Address, until: int) -> None:
        super().__init__(account, until)
        self.account = account
        self.until = until


class NoAcceptedDelta(CustomError):
    """The record says that the member's delta was not accepted."""

    SIGNATURE: ClassVar[str] = "NoAcceptedDelta(uint32)"
    HINT: ClassVar[str] = "the record says that the member's delta was not accepted"

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class NoAnswer(CustomError):
    """This is not what was asked for."""

    SIGNATURE: ClassVar[str] = "NoAnswer(uint256)"
    HINT: ClassVar[str] = "this is not what was asked for"

    def __init__(self, id_: int) -> None:
        super().__init__(id_)
        self.id_ = id_


class NoChangePending(CustomError):
    """No change is under way that the caller may cancel."""

    SIGNATURE: ClassVar[str] = "NoChangePending(bytes32,address,address)"
    HINT: ClassVar[str] = "no change is under way that the caller may cancel"

    def __init__(self, did_hash: Hash32, named: Address, caller: Address) -> None:
        super().__init__(did_hash, named, caller)
        self.did_hash = did_hash
        self.named = named
        self.caller = caller


class NoDemand(CustomError):
    """There is no such open demand."""

    SIGNATURE: ClassVar[str] = "NoDemand(uint256)"
    HINT: ClassVar[str] = "there is no such open demand"

    def __init__(self, id_: int) -> None:
        super().__init__(id_)
        self.id_ = id_


class NoFault(CustomError):
    """The step is recorded as the rules give it: there is nothing to convict."""

    SIGNATURE: ClassVar[str] = "NoFault()"
    HINT: ClassVar[str] = "the step is recorded as the rules give it: there is nothing to convict"


class NoSuchEntry(CustomError):
    """The vector has no such entry."""

    SIGNATURE: ClassVar[str] = "NoSuchEntry(uint256,uint256)"
    HINT: ClassVar[str] = "the vector has no such entry"

    def __init__(self, index: int, length: int) -> None:
        super().__init__(index, length)
        self.index = index
        self.length = length


class NoValidators(CustomError):
    """The federation has no validators: its proposals are proven wrong step by step."""

    SIGNATURE: ClassVar[str] = "NoValidators()"
    HINT: ClassVar[str] = "the federation has no validators: its proposals are proven wrong step by step"


class NoVector(CustomError):
    """Records of this kind have no vector in this field."""

    SIGNATURE: ClassVar[str] = "NoVector(uint8,uint256)"
    HINT: ClassVar[str] = "records of this kind have no vector in this field"

    def __init__(self, op: int, field: int) -> None:
        super().__init__(op, field)
        self.op = op
        self.field = field


class NobodyAdmitted(CustomError):
    """An epoch needs a member, a quota and a weight."""

    SIGNATURE: ClassVar[str] = "NobodyAdmitted()"
    HINT: ClassVar[str] = "an epoch needs a member, a quota and a weight"


class NotAValidator(CustomError):
    """The federation's list has no such validator."""

    SIGNATURE: ClassVar[str] = "NotAValidator(uint256)"
    HINT: ClassVar[str] = "the federation's list has no such validator"

    def __init__(self, validator: int) -> None:
        super().__init__(validator)
        self.validator = validator


class NotAccepted(CustomError):
    """The next payee has not registered for this DID."""

    SIGNATURE: ClassVar[str] = "NotAccepted(bytes32,address)"
    HINT: ClassVar[str] = "the next payee has not registered for this DID"

    def __init__(self, did_hash: Hash32, payee: Address) -> None:
        super().__init__(did_hash, payee)
        self.did_hash = did_hash
        self.payee = payee


class NotAccused(CustomError):
    """The provider is not accused."""

    SIGNATURE: ClassVar[str] = "NotAccused(uint32)"
    HINT: ClassVar[str] = "the provider is not accused"

    def __init__(self, provider: int) -> None:
        super().__init__(provider)
        self.provider = provider


class NotAggregator(CustomError):
    """Only the aggregator may do this."""

    SIGNATURE: ClassVar[str] = "NotAggregator(address)"
    HINT: ClassVar[str] = "only the federation's aggregator may do this"

    def __init__(self, caller: Address) -> None:
        super().__init__(caller)
        self.caller = caller


class NotAnchored(CustomError):
    """No such event is in an anchored root."""

    SIGNATURE: ClassVar[str] = "NotAnchored(bytes32,bytes32)"
    HINT: ClassVar[str] = "no such event is in an anchored root"

    def __init__(self, root: Hash32, leaf: Hash32) -> None:
        super().__init__(root, leaf)
        self.root = root
        self.leaf = leaf


class NotAnnounced(CustomError):
    """The challenger must announce its proof in an earlier block."""

    SIGNATURE: ClassVar[str] = "NotAnnounced(address,bytes32)"
    HINT: ClassVar[str] = "the challenger must announce its proof in an earlier block"

    def __init__(self, challenger: Address, proof_hash: Hash32) -> None:
        super().__init__(challenger, proof_hash)
        self.challenger = challenger
        self.proof_hash = proof_hash


class NotCalled(CustomError):
    """No quorum has been called for."""

    SIGNATURE: ClassVar[str] = "NotCalled(address)"
    HINT: ClassVar[str] = "no quorum has been called for"

    def __init__(self, federation: Address) -> None:
        super().__init__(federation)
        self.federation = federation


class NotCommitted(CustomError):
    """The commitment is not under the round's commit root."""

    SIGNATURE: ClassVar[str] = "NotCommitted(bytes32,bytes32)"
    HINT: ClassVar[str] = "the commitment is not under the round's commit root"

    def __init__(self, did_hash: Hash32, commitment: Hash32) -> None:
        super().__init__(did_hash, commitment)
        self.did_hash = did_hash
        self.commitment = commitment


class NotConsented(CustomError):
    """The provider has not consented to the terms, so it cannot be accused: show its signature."""

    SIGNATURE: ClassVar[str] = "NotConsented(uint32)"
    HINT: ClassVar[str] = (
        "the provider has not consented to the terms, so it cannot be accused: show its signature"
    )

    def __init__(self, provider: int) -> None:
        super().__init__(provider)
        self.provider = provider


class NotConvicted(CustomError):
    """This judge did not prove the proposal false."""

    SIGNATURE: ClassVar[str] = "NotConvicted(bytes32,address)"
    HINT: ClassVar[str] = "this judge did not prove the proposal false"

    def __init__(self, ballot: Hash32, judge: Address) -> None:
        super().__init__(ballot, judge)
        self.ballot = ballot
        self.judge = judge


class NotCounted(CustomError):
    """More than the account counted for the DID."""

    SIGNATURE: ClassVar[str] = "NotCounted(uint256,uint256)"
    HINT: ClassVar[str] = "more than the account counted for the DID"

    def __init__(self, number: int, counted: int) -> None:
        super().__init__(number, counted)
        self.number = number
        self.counted = counted


class NotDemandable(CustomError):
    """No such record, vector or bytes follow from the proposal: nobody could answer."""

    SIGNATURE: ClassVar[str] = "NotDemandable()"
    HINT: ClassVar[str] = "no such record, vector or bytes follow from the proposal: nobody could answer"


class NotExpired(CustomError):
    """Funders take money back only when no table was posted for long."""

    SIGNATURE: ClassVar[str] = "NotExpired(uint256)"
    HINT: ClassVar[str] = "funders take money back only when no table was posted for long"

    def __init__(self, from_: int) -> None:
        super().__init__(from_)
        self.from_ = from_


class NotFederation(CustomError):
    """Only the federation posts payout tables."""

    SIGNATURE: ClassVar[str] = "NotFederation(address)"
    HINT: ClassVar[str] = "only the federation may do this"

    def __init__(self, caller: Address) -> None:
        super().__init__(caller)
        self.caller = caller


class NotInIndex(CustomError):
    """The index holds no such entry for this provider."""

    SIGNATURE: ClassVar[str] = "NotInIndex(uint256,uint256)"
    HINT: ClassVar[str] = "the index holds no such entry for this provider"

    def __init__(self, shard: int, provider: int) -> None:
        super().__init__(shard, provider)
        self.shard = shard
        self.provider = provider


class NotInPart(CustomError):
    """The example is not the one committed at this place of the part."""

    SIGNATURE: ClassVar[str] = "NotInPart(uint256,uint256)"
    HINT: ClassVar[str] = "the example is not the one committed at this place of the part"

    def __init__(self, provider: int, index: int) -> None:
        super().__init__(provider, index)
        self.provider = provider
        self.index = index


class NotInTable(CustomError):
    """The leaf is not in the table."""

    SIGNATURE: ClassVar[str] = "NotInTable(address,uint256)"
    HINT: ClassVar[str] = "the leaf is not in the table"

    def __init__(self, payee: Address, cumulative: int) -> None:
        super().__init__(payee, cumulative)
        self.payee = payee
        self.cumulative = cumulative


class NotJudge(CustomError):
    """Only a judge that the federation was deployed with may do this."""

    SIGNATURE: ClassVar[str] = "NotJudge(address)"
    HINT: ClassVar[str] = "only a judge that the federation was deployed with may do this"

    def __init__(self, caller: Address) -> None:
        super().__init__(caller)
        self.caller = caller


class NotLeaving(CustomError):
    """The account must leave before it withdraws."""

    SIGNATURE: ClassVar[str] = "NotLeaving(address)"
    HINT: ClassVar[str] = "the account must leave before it withdraws"

    def __init__(self, account: Address) -> None:
        super().__init__(account)
        self.account = account


class NotListed(CustomError):
    """The list in force has no such entry."""

    SIGNATURE: ClassVar[str] = "NotListed(bytes32,uint208)"
    HINT: ClassVar[str] = "the list in force has no such entry"

    def __init__(self, did_hash: Hash32, quota: int) -> None:
        super().__init__(did_hash, quota)
        self.did_hash = did_hash
        self.quota = quota


class NotMinter(CustomError):
    """Custom error ``NotMinter``."""

    SIGNATURE: ClassVar[str] = "NotMinter(address)"
    HINT: ClassVar[str] = "only the token's minter may do this"

    def __init__(self, caller: Address) -> None:
        super().__init__(caller)
        self.caller = caller


class NotOfProvider(CustomError):
    """The entries given do not end with the provider that holds this example."""

    SIGNATURE: ClassVar[str] = "NotOfProvider(uint256,uint256)"
    HINT: ClassVar[str] = "the entries given do not end with the provider that holds this example"

    def __init__(self, example: int, provider: int) -> None:
        super().__init__(example, provider)
        self.example = example
        self.provider = provider


class NotPayee(CustomError):
    """Only whoever is paid now decides who is paid next."""

    SIGNATURE: ClassVar[str] = "NotPayee(bytes32,address,address)"
    HINT: ClassVar[str] = "only whoever is paid now decides who is paid next"

    def __init__(self, did_hash: Hash32, named: Address, caller: Address) -> None:
        super().__init__(did_hash, named, caller)
        self.did_hash = did_hash
        self.named = named
        self.caller = caller


class NotRevealed(CustomError):
    """The delta is neither under the round's reveal root nor was it revealed on chain."""

    SIGNATURE: ClassVar[str] = "NotRevealed(bytes32,bytes32)"
    HINT: ClassVar[str] = "the delta is neither under the round's reveal root nor was it revealed on chain"

    def __init__(self, did_hash: Hash32, delta_hash: Hash32) -> None:
        super().__init__(did_hash, delta_hash)
        self.did_hash = did_hash
        self.delta_hash = delta_hash


class NotSeated(CustomError):
    """The epoch's roster has no such line at this place."""

    SIGNATURE: ClassVar[str] = "NotSeated(uint32,bytes32)"
    HINT: ClassVar[str] = "the epoch's roster has no such line at this place"

    def __init__(self, index: int, did_hash: Hash32) -> None:
        super().__init__(index, did_hash)
        self.index = index
        self.did_hash = did_hash


class NotTheFirstRound(CustomError):
    """Only round 1 begins with the initial state."""

    SIGNATURE: ClassVar[str] = "NotTheFirstRound(uint32)"
    HINT: ClassVar[str] = "only round 1 begins with the initial state"

    def __init__(self, round_: int) -> None:
        super().__init__(round_)
        self.round_ = round_


class NotTheLastRound(CustomError):
    """The proposal pays another number of rounds."""

    SIGNATURE: ClassVar[str] = "NotTheLastRound(uint32,uint32)"
    HINT: ClassVar[str] = "the proposal pays another number of rounds"

    def __init__(self, round_: int, rounds: int) -> None:
        super().__init__(round_, rounds)
        self.round_ = round_
        self.rounds = rounds


class NotTheNextRound(CustomError):
    """The two contexts are not of one round and the next."""

    SIGNATURE: ClassVar[str] = "NotTheNextRound(uint32,uint32)"
    HINT: ClassVar[str] = "the two contexts are not of one round and the next"

    def __init__(self, round_: int, next_: int) -> None:
        super().__init__(round_, next_)
        self.round_ = round_
        self.next_ = next_


class NotThisRound(CustomError):
    """Only the part of the shard drawn in the present round can be asked for."""

    SIGNATURE: ClassVar[str] = "NotThisRound(uint32,uint32)"
    HINT: ClassVar[str] = "only the part of the shard drawn in the present round can be asked for"

    def __init__(self, round_: int, present: int) -> None:
        super().__init__(round_, present)
        self.round_ = round_
        self.present = present


class NotVoted(CustomError):
    """The validator did not vouch for this ballot, or has lost its bond for it."""

    SIGNATURE: ClassVar[str] = "NotVoted(uint8,bytes32)"
    HINT: ClassVar[str] = "the validator did not vouch for this ballot, or has lost its bond for it"

    def __init__(self, validator: int, ballot: Hash32) -> None:
        super().__init__(validator, ballot)
        self.validator = validator
        self.ballot = ballot


class NothingGiven(CustomError):
    """Nothing was offered."""

    SIGNATURE: ClassVar[str] = "NothingGiven()"
    HINT: ClassVar[str] = "nothing was offered"


class NothingHeld(CustomError):
    """The judge has no open question."""

    SIGNATURE: ClassVar[str] = "NothingHeld()"
    HINT: ClassVar[str] = "the judge has no open question"


class NothingOwed(CustomError):
    """The account has nothing to withdraw in this token."""

    SIGNATURE: ClassVar[str] = "NothingOwed(address)"
    HINT: ClassVar[str] = "the account has nothing to withdraw in this token"

    def __init__(self, account: Address) -> None:
        super().__init__(account)
        self.account = account


class NothingProposed(CustomError):
    """Nothing stands proposed: look at the phase."""

    SIGNATURE: ClassVar[str] = "NothingProposed(uint8)"
    HINT: ClassVar[str] = "nothing stands proposed: look at the phase"

    def __init__(self, phase: Phase) -> None:
        super().__init__(phase)
        self.phase = phase

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded values."""
        return cls(Phase(values[0]))


class NothingToClaim(CustomError):
    """The payee was paid this much before."""

    SIGNATURE: ClassVar[str] = "NothingToClaim(address,uint256,uint256)"
    HINT: ClassVar[str] = "this payee has been paid in full"

    def __init__(self, payee: Address, cumulative: int, paid: int) -> None:
        super().__init__(payee, cumulative, paid)
        self.payee = payee
        self.cumulative = cumulative
        self.paid = paid


class NothingToSweep(CustomError):
    """The caller funded nothing that is left, or nothing is free."""

    SIGNATURE: ClassVar[str] = "NothingToSweep(address)"
    HINT: ClassVar[str] = "the caller funded nothing that is left, or nothing is free"

    def __init__(self, funder: Address) -> None:
        super().__init__(funder)
        self.funder = funder


class NothingToWithdraw(CustomError):
    """The account has asked for nothing back."""

    SIGNATURE: ClassVar[str] = "NothingToWithdraw(address)"
    HINT: ClassVar[str] = "the account has asked for nothing back"

    def __init__(self, account: Address) -> None:
        super().__init__(account)
        self.account = account


class Overdrawn(CustomError):
    """The leaves of the table exceed its total; the next table has to repair it."""

    SIGNATURE: ClassVar[str] = "Overdrawn(uint256,uint256)"
    HINT: ClassVar[str] = "the table promises less than was paid: look at the pool's events"

    def __init__(self, paid: int, total: int) -> None:
        super().__init__(paid, total)
        self.paid = paid
        self.total = total


class OwnableInvalidOwner(CustomError):
    """Custom error ``OwnableInvalidOwner``."""

    SIGNATURE: ClassVar[str] = "OwnableInvalidOwner(address)"
    HINT: ClassVar[str] = "name an owner that is not zero"

    def __init__(self, owner: Address) -> None:
        super().__init__(owner)
        self.owner = owner


class OwnableUnauthorizedAccount(CustomError):
    """Custom error ``OwnableUnauthorizedAccount``."""

    SIGNATURE: ClassVar[str] = "OwnableUnauthorizedAccount(address)"
    HINT: ClassVar[str] = "only the owner may do this"

    def __init__(self, account: Address) -> None:
        super().__init__(account)
        self.account = account


class ProposalGone(CustomError):
    """The demand's proposal no longer stands: only `release` closes the demand."""

    SIGNATURE: ClassVar[str] = "ProposalGone(uint256)"
    HINT: ClassVar[str] = "the demand's proposal no longer stands: only `release` closes the demand"

    def __init__(self, id_: int) -> None:
        super().__init__(id_)
        self.id_ = id_


class ProposalStands(CustomError):
    """The demand's proposal still stands."""

    SIGNATURE: ClassVar[str] = "ProposalStands(uint256)"
    HINT: ClassVar[str] = "the demand's proposal still stands"

    def __init__(self, id_: int) -> None:
        super().__init__(id_)
        self.id_ = id_


class ProposerTooEarly(CustomError):
    """Until then only the aggregator may propose."""

    SIGNATURE: ClassVar[str] = "ProposerTooEarly(address,uint64)"
    HINT: ClassVar[str] = "until then only the aggregator may propose"

    def __init__(self, caller: Address, from_: int) -> None:
        super().__init__(caller, from_)
        self.caller = caller
        self.from_ = from_


class QuestionsOpen(CustomError):
    """Demands are open: they must be answered or expire first."""

    SIGNATURE: ClassVar[str] = "QuestionsOpen(uint16)"
    HINT: ClassVar[str] = "demands are open: they must be answered or expire first"

    def __init__(self, holds: int) -> None:
        super().__init__(holds)
        self.holds = holds


class RetargetsSpent(CustomError):
    """The draw was put off as often as it may be: wait for the deadline, then call `lapse`."""

    SIGNATURE: ClassVar[str] = "RetargetsSpent(uint8)"
    HINT: ClassVar[str] = (
        "the draw was put off as often as it may be: wait for the deadline, then call `lapse`"
    )

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class RevealTooLate(CustomError):
    """The draw is decided: nothing can be revealed any more."""

    SIGNATURE: ClassVar[str] = "RevealTooLate(uint64,uint256)"
    HINT: ClassVar[str] = "the draw is decided: nothing can be revealed any more"

    def __init__(self, draw_target: int, current: int) -> None:
        super().__init__(draw_target, current)
        self.draw_target = draw_target
        self.current = current


class RoundNotRecorded(CustomError):
    """Only a recorded round that may still be paid can be disputed."""

    SIGNATURE: ClassVar[str] = "RoundNotRecorded(uint32,uint32)"
    HINT: ClassVar[str] = "only a recorded round that may still be paid can be disputed"

    def __init__(self, round_: int, recorded: int) -> None:
        super().__init__(round_, recorded)
        self.round_ = round_
        self.recorded = recorded


class RoundsRemain(CustomError):
    """The epoch has rounds left."""

    SIGNATURE: ClassVar[str] = "RoundsRemain(uint32,uint32)"
    HINT: ClassVar[str] = "record the remaining rounds first"

    def __init__(self, recorded: int, rounds: int) -> None:
        super().__init__(recorded, rounds)
        self.recorded = recorded
        self.rounds = rounds


class SafeCastOverflowedUintDowncast(CustomError):
    """Custom error ``SafeCastOverflowedUintDowncast``."""

    SIGNATURE: ClassVar[str] = "SafeCastOverflowedUintDowncast(uint8,uint256)"
    HINT: ClassVar[str] = "the number is too large for its place"

    def __init__(self, bits: int, value: int) -> None:
        super().__init__(bits, value)
        self.bits = bits
        self.value = value


class SafeCastOverflowedUintToInt(CustomError):
    """Custom error ``SafeCastOverflowedUintToInt``."""

    SIGNATURE: ClassVar[str] = "SafeCastOverflowedUintToInt(uint256)"
    HINT: ClassVar[str] = "the number is too large for its place"

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value


class SafeERC20FailedOperation(CustomError):
    """Custom error ``SafeERC20FailedOperation``."""

    SIGNATURE: ClassVar[str] = "SafeERC20FailedOperation(address)"
    HINT: ClassVar[str] = "the token refused: look at balance and allowance"

    def __init__(self, token: Address) -> None:
        super().__init__(token)
        self.token = token


class SignatureExpired(CustomError):
    """Sign again with a later deadline."""

    SIGNATURE: ClassVar[str] = "SignatureExpired(uint256)"
    HINT: ClassVar[str] = "sign again with a later deadline"

    def __init__(self, deadline: int) -> None:
        super().__init__(deadline)
        self.deadline = deadline


class StringTooLong(CustomError):
    """Custom error ``StringTooLong``."""

    SIGNATURE: ClassVar[str] = "StringTooLong(string)"
    HINT: ClassVar[str] = "use a name of at most 31 bytes"

    def __init__(self, str_: str) -> None:
        super().__init__(str_)
        self.str_ = str_


class TooEarly(CustomError):
    """There is still time to answer."""

    SIGNATURE: ClassVar[str] = "TooEarly(uint256,uint64)"
    HINT: ClassVar[str] = "there is still time to answer"

    def __init__(self, id_: int, deadline: int) -> None:
        super().__init__(id_, deadline)
        self.id_ = id_
        self.deadline = deadline


class TooFewVotes(CustomError):
    """Fewer votes than the quorum needs."""

    SIGNATURE: ClassVar[str] = "TooFewVotes(uint256,uint256)"
    HINT: ClassVar[str] = "fewer votes than the quorum needs"

    def __init__(self, given: int, required: int) -> None:
        super().__init__(given, required)
        self.given = given
        self.required = required


class TooLarge(CustomError):
    """Bytes of a model this large do not fit a transaction: they cannot be demanded whole."""

    SIGNATURE: ClassVar[str] = "TooLarge(uint32,uint32)"
    HINT: ClassVar[str] = (
        "bytes of a model this large do not fit a transaction: they cannot be demanded whole"
    )

    def __init__(self, dim: int, most: int) -> None:
        super().__init__(dim, most)
        self.dim = dim
        self.most = most


class TooLate(CustomError):
    """The time to answer is over."""

    SIGNATURE: ClassVar[str] = "TooLate(uint256,uint64)"
    HINT: ClassVar[str] = "the time to answer is over"

    def __init__(self, id_: int, deadline: int) -> None:
        super().__init__(id_, deadline)
        self.id_ = id_
        self.deadline = deadline


class TotalDecreased(CustomError):
    """The sum of all leaves never falls."""

    SIGNATURE: ClassVar[str] = "TotalDecreased(uint256,uint256)"
    HINT: ClassVar[str] = "a new table holds all that earlier ones promised"

    def __init__(self, total: int, posted: int) -> None:
        super().__init__(total, posted)
        self.total = total
        self.posted = posted


class TotalOutOfRange(CustomError):
    """The total of a table must lie within these bounds."""

    SIGNATURE: ClassVar[str] = "TotalOutOfRange(uint256,uint256,uint256)"
    HINT: ClassVar[str] = "propose a total between what is promised and what is funded"

    def __init__(self, total: int, least: int, most: int) -> None:
        super().__init__(total, least, most)
        self.total = total
        self.least = least
        self.most = most


class Underfunded(CustomError):
    """The table promises more than the pool can back."""

    SIGNATURE: ClassVar[str] = "Underfunded(uint256,uint256)"
    HINT: ClassVar[str] = "fund the pool first"

    def __init__(self, total: int, backed: int) -> None:
        super().__init__(total, backed)
        self.total = total
        self.backed = backed


class UnknownCommitment(CustomError):
    """The round has no such commitment of this member."""

    SIGNATURE: ClassVar[str] = "UnknownCommitment(bytes32,bytes32)"
    HINT: ClassVar[str] = "the round has no such commitment of this member"

    def __init__(self, did_hash: Hash32, commitment: Hash32) -> None:
        super().__init__(did_hash, commitment)
        self.did_hash = did_hash
        self.commitment = commitment


class UnknownProvider(CustomError):
    """The epoch has no such provider."""

    SIGNATURE: ClassVar[str] = "UnknownProvider(uint32,uint256)"
    HINT: ClassVar[str] = "the epoch has no such provider"

    def __init__(self, provider: int, providers: int) -> None:
        super().__init__(provider, providers)
        self.provider = provider
        self.providers = providers


class ValidatorNotBonded(CustomError):
    """The validator has less at stake than it must have."""

    SIGNATURE: ClassVar[str] = "ValidatorNotBonded(address,uint256,uint256)"
    HINT: ClassVar[str] = "the validator has less at stake than it must have"

    def __init__(self, validator: Address, bond: int, required: int) -> None:
        super().__init__(validator, bond, required)
        self.validator = validator
        self.bond = bond
        self.required = required


class VotesOutOfOrder(CustomError):
    """Votes must be in the order of the validators, one each."""

    SIGNATURE: ClassVar[str] = "VotesOutOfOrder(uint8,uint8)"
    HINT: ClassVar[str] = "votes must be in the order of the validators, one each"

    def __init__(self, before: int, validator: int) -> None:
        super().__init__(before, validator)
        self.before = before
        self.validator = validator


class VotingOpen(CustomError):
    """There is still time to vote."""

    SIGNATURE: ClassVar[str] = "VotingOpen(uint64)"
    HINT: ClassVar[str] = "there is still time to vote"

    def __init__(self, deadline: int) -> None:
        super().__init__(deadline)
        self.deadline = deadline


class VotingOver(CustomError):
    """The time to vote is over."""

    SIGNATURE: ClassVar[str] = "VotingOver(uint64)"
    HINT: ClassVar[str] = "the time to vote is over"

    def __init__(self, deadline: int) -> None:
        super().__init__(deadline)
        self.deadline = deadline


class WindowOver(CustomError):
    """The challenge window is over."""

    SIGNATURE: ClassVar[str] = "WindowOver(uint64)"
    HINT: ClassVar[str] = "the challenge window is over"

    def __init__(self, challenge_end: int) -> None:
        super().__init__(challenge_end)
        self.challenge_end = challenge_end


class WrongBytes(CustomError):
    """The bytes do not have the committed SHA-256."""

    SIGNATURE: ClassVar[str] = "WrongBytes(bytes32,bytes32)"
    HINT: ClassVar[str] = "the bytes do not have the committed SHA-256"

    def __init__(self, expected: Hash32, given: Hash32) -> None:
        super().__init__(expected, given)
        self.expected = expected
        self.given = given


class WrongFormat(CustomError):
    """The bytes have the committed hash but are not in the format that they should be in."""

    SIGNATURE: ClassVar[str] = "WrongFormat(bytes32)"
    HINT: ClassVar[str] = "the bytes have the committed hash but are not in the format that they should be in"

    def __init__(self, hash_: Hash32) -> None:
        super().__init__(hash_)
        self.hash_ = hash_


class WrongNumberOfExamples(CustomError):
    """The parts given hold another number of examples than the record of the shard says."""

    SIGNATURE: ClassVar[str] = "WrongNumberOfExamples(uint256,uint256)"
    HINT: ClassVar[str] = "the parts given hold another number of examples than the record of the shard says"

    def __init__(self, expected: int, given: int) -> None:
        super().__init__(expected, given)
        self.expected = expected
        self.given = given


class WrongPart(CustomError):
    """The bytes are not this part of the committed examples."""

    SIGNATURE: ClassVar[str] = "WrongPart(uint256,uint256)"
    HINT: ClassVar[str] = "the bytes are not this part of the committed examples"

    def __init__(self, shard: int, provider: int) -> None:
        super().__init__(shard, provider)
        self.shard = shard
        self.provider = provider


class WrongPhase(CustomError):
    """The federation stands in another phase: look at `phase`."""

    SIGNATURE: ClassVar[str] = "WrongPhase(uint8,uint8)"
    HINT: ClassVar[str] = "another transaction has already moved the federation, or one is missing"

    def __init__(self, current: Phase, required: Phase) -> None:
        super().__init__(current, required)
        self.current = current
        self.required = required

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded values."""
        return cls(Phase(values[0]), Phase(values[1]))


class WrongPreimage(CustomError):
    """The preimage does not hash to the provider's tip."""

    SIGNATURE: ClassVar[str] = "WrongPreimage(uint256,bytes32)"
    HINT: ClassVar[str] = "give the provider's own next preimage"

    def __init__(self, provider: int, preimage: Hash32) -> None:
        super().__init__(provider, preimage)
        self.provider = provider
        self.preimage = preimage


class WrongPreimages(CustomError):
    """The preimages do not hash to the providers' tips."""

    SIGNATURE: ClassVar[str] = "WrongPreimages(bytes32,bytes32)"
    HINT: ClassVar[str] = "the preimages do not hash to the providers' tips"

    def __init__(self, given: Hash32, stored: Hash32) -> None:
        super().__init__(given, stored)
        self.given = given
        self.stored = stored


class WrongTerms(CustomError):
    """These are not the terms of the federation's present epoch."""

    SIGNATURE: ClassVar[str] = "WrongTerms(bytes32,bytes32)"
    HINT: ClassVar[str] = "these are not the terms of the federation's present epoch"

    def __init__(self, given: Hash32, stored: Hash32) -> None:
        super().__init__(given, stored)
        self.given = given
        self.stored = stored


class WrongVector(CustomError):
    """The bytes are not those of the committed vector, or it has another length."""

    SIGNATURE: ClassVar[str] = "WrongVector(bytes32)"
    HINT: ClassVar[str] = "the bytes are not those of the committed vector, or it has another length"

    def __init__(self, commitment: Hash32) -> None:
        super().__init__(commitment)
        self.commitment = commitment


class WrongWords(CustomError):
    """These are not the words that the federation stored for the round."""

    SIGNATURE: ClassVar[str] = "WrongWords(bytes32,bytes32)"
    HINT: ClassVar[str] = "these are not the words that the federation stored for the round"

    def __init__(self, given: Hash32, stored: Hash32) -> None:
        super().__init__(given, stored)
        self.given = given
        self.stored = stored


class ZeroAmount(CustomError):
    """Nothing was offered."""

    SIGNATURE: ClassVar[str] = "ZeroAmount()"
    HINT: ClassVar[str] = "give an amount above zero"


class ZeroDeposit(CustomError):
    """An event must cost something."""

    SIGNATURE: ClassVar[str] = "ZeroDeposit()"
    HINT: ClassVar[str] = "an event must cost something"


class ZeroHash(CustomError):
    """A hash is missing."""

    SIGNATURE: ClassVar[str] = "ZeroHash()"
    HINT: ClassVar[str] = "give the hash of something that exists"


class ZeroStakePerExample(CustomError):
    """An example must cost something."""

    SIGNATURE: ClassVar[str] = "ZeroStakePerExample()"
    HINT: ClassVar[str] = "an example must cost something"


ERRORS: tuple[type[CustomError], ...] = (
    AllRoundsRecorded,
    AlreadyAccused,
    AlreadyCalled,
    AlreadyCounted,
    AlreadyForced,
    AlreadyProved,
    AlreadyRegistered,
    AlreadyUpheld,
    AnotherFederation,
    AnotherQuestion,
    BalanceShrank,
    BallotGone,
    BallotStands,
    BeaconExpired,
    BeaconNotExpired,
    BeaconNotReady,
    BondFee,
    BondTooSmall,
    CeilingExceeded,
    ChallengeWindowOpen,
    CheckpointUnorderedInsertion,
    DeadlineAhead,
    DeadlinePassed,
    ECDSAInvalidSignature,
    ECDSAInvalidSignatureLength,
    ECDSAInvalidSignatureS,
    ERC20InsufficientAllowance,
    ERC20InsufficientBalance,
    ERC20InvalidApprover,
    ERC20InvalidReceiver,
    ERC20InvalidSender,
    ERC20InvalidSpender,
    ERC2612ExpiredSignature,
    ERC2612InvalidSigner,
    EpochUnderWay,
    FeeOnTransfer,
    FutureSnapshot,
    InexactToken,
    InsufficientBond,
    InsufficientFunds,
    InsufficientStake,
    InvalidAccountNonce,
    InvalidBond,
    InvalidBounty,
    InvalidConsent,
    InvalidDelta,
    InvalidDrawDelay,
    InvalidDuration,
    InvalidGrid,
    InvalidLock,
    InvalidNonce,
    InvalidProof,
    InvalidProviderCount,
    InvalidQuorum,
    InvalidRecord,
    InvalidRounds,
    InvalidShortString,
    InvalidSignature,
    InvalidVote,
    LengthMismatch,
    Locked,
    NoAcceptedDelta,
    NoAnswer,
    NoChangePending,
    NoDemand,
    NoFault,
    NoSuchEntry,
    NoValidators,
    NoVector,
    NobodyAdmitted,
    NotAValidator,
    NotAccepted,
    NotAccused,
    NotAggregator,
    NotAnchored,
    NotAnnounced,
    NotCalled,
    NotCommitted,
    NotConsented,
    NotConvicted,
    NotCounted,
    NotDemandable,
    NotExpired,
    NotFederation,
    NotInIndex,
    NotInPart,
    NotInTable,
    NotJudge,
    NotLeaving,
    NotListed,
    NotMinter,
    NotOfProvider,
    NotPayee,
    NotRevealed,
    NotSeated,
    NotTheFirstRound,
    NotTheLastRound,
    NotTheNextRound,
    NotThisRound,
    NotVoted,
    NothingGiven,
    NothingHeld,
    NothingOwed,
    NothingProposed,
    NothingToClaim,
    NothingToSweep,
    NothingToWithdraw,
    Overdrawn,
    OwnableInvalidOwner,
    OwnableUnauthorizedAccount,
    ProposalGone,
    ProposalStands,
    ProposerTooEarly,
    QuestionsOpen,
    RetargetsSpent,
    RevealTooLate,
    RoundNotRecorded,
    RoundsRemain,
    SafeCastOverflowedUintDowncast,
    SafeCastOverflowedUintToInt,
    SafeERC20FailedOperation,
    SignatureExpired,
    StringTooLong,
    TooEarly,
    TooFewVotes,
    TooLarge,
    TooLate,
    TotalDecreased,
    TotalOutOfRange,
    Underfunded,
    UnknownCommitment,
    UnknownProvider,
    ValidatorNotBonded,
    VotesOutOfOrder,
    VotingOpen,
    VotingOver,
    WindowOver,
    WrongBytes,
    WrongFormat,
    WrongNumberOfExamples,
    WrongPart,
    WrongPhase,
    WrongPreimage,
    WrongPreimages,
    WrongTerms,
    WrongVector,
    WrongWords,
    ZeroAmount,
    ZeroDeposit,
    ZeroHash,
    ZeroStakePerExample,
)
"""All of them."""
