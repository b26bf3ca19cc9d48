"""Custom errors of every contract, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.structs import Phase
from contracts.contract import CustomError

if TYPE_CHECKING:
    from federation.types import Address, Hash32


class AllRoundsRecorded(CustomError):
    """Custom error ``AllRoundsRecorded``."""

    SIGNATURE: ClassVar[str] = "AllRoundsRecorded(uint32)"
    HINT: ClassVar[str] = "reveal the epoch: it has no more rounds"

    def __init__(self, rounds: int) -> None:
        super().__init__(rounds)
        self.rounds = rounds


class AlreadyRegistered(CustomError):
    """Custom error ``AlreadyRegistered``."""

    SIGNATURE: ClassVar[str] = "AlreadyRegistered(bytes32,address)"
    HINT: ClassVar[str] = "a DID keeps its first payee"

    def __init__(self, did_hash: Hash32, payee: Address) -> None:
        super().__init__(did_hash, payee)
        self.did_hash = did_hash
        self.payee = payee


class BeaconExpired(CustomError):
    """Custom error ``BeaconExpired``."""

    SIGNATURE: ClassVar[str] = "BeaconExpired(uint64,uint256)"
    HINT: ClassVar[str] = "call retarget, then draw again after the new target block"

    def __init__(self, target: int, current: int) -> None:
        super().__init__(target, current)
        self.target = target
        self.current = current


class BeaconNotExpired(CustomError):
    """Custom error ``BeaconNotExpired``."""

    SIGNATURE: ClassVar[str] = "BeaconNotExpired(uint64,uint256)"
    HINT: ClassVar[str] = "draw now: the target block's hash can still be read"

    def __init__(self, target: int, current: int) -> None:
        super().__init__(target, current)
        self.target = target
        self.current = current


class BeaconNotReady(CustomError):
    """Custom error ``BeaconNotReady``."""

    SIGNATURE: ClassVar[str] = "BeaconNotReady(uint64,uint256)"
    HINT: ClassVar[str] = "wait until the target block has been mined"

    def __init__(self, target: int, current: int) -> None:
        super().__init__(target, current)
        self.target = target
        self.current = current


class ChallengeWindowOpen(CustomError):
    """Custom error ``ChallengeWindowOpen``."""

    SIGNATURE: ClassVar[str] = "ChallengeWindowOpen(uint64)"
    HINT: ClassVar[str] = "wait until the challenge window has passed"

    def __init__(self, challenge_end: int) -> None:
        super().__init__(challenge_end)
        self.challenge_end = challenge_end


class DeckEmpty(CustomError):
    """Custom error ``DeckEmpty``."""

    SIGNATURE: ClassVar[str] = "DeckEmpty(uint32)"
    HINT: ClassVar[str] = "an epoch has at most as many rounds as shards"

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


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


class FeeOnTransfer(CustomError):
    """Custom error ``FeeOnTransfer``."""

    SIGNATURE: ClassVar[str] = "FeeOnTransfer(uint256,uint256)"
    HINT: ClassVar[str] = "use a token that moves exactly what it is told to"

    def __init__(self, sent: int, received: int) -> None:
        super().__init__(sent, received)
        self.sent = sent
        self.received = received


class InsufficientFunds(CustomError):
    """Custom error ``InsufficientFunds``."""

    SIGNATURE: ClassVar[str] = "InsufficientFunds(uint256,uint256)"
    HINT: ClassVar[str] = "fund the pool before opening the epoch"

    def __init__(self, available: int, required: int) -> None:
        super().__init__(available, required)
        self.available = available
        self.required = required


class InvalidAccountNonce(CustomError):
    """Custom error ``InvalidAccountNonce``."""

    SIGNATURE: ClassVar[str] = "InvalidAccountNonce(address,uint256)"
    HINT: ClassVar[str] = "another signature was used first: read the nonce, and sign again"

    def __init__(self, account: Address, current_nonce: int) -> None:
        super().__init__(account, current_nonce)
        self.account = account
        self.current_nonce = current_nonce


class InvalidChallengeWindow(CustomError):
    """Custom error ``InvalidChallengeWindow``."""

    SIGNATURE: ClassVar[str] = "InvalidChallengeWindow(uint64)"
    HINT: ClassVar[str] = "deploy with a longer window"

    def __init__(self, challenge_window: int) -> None:
        super().__init__(challenge_window)
        self.challenge_window = challenge_window


class InvalidDrawDelay(CustomError):
    """Custom error ``InvalidDrawDelay``."""

    SIGNATURE: ClassVar[str] = "InvalidDrawDelay(uint64)"
    HINT: ClassVar[str] = "deploy with a delay that block hashes outlive"

    def __init__(self, draw_delay: int) -> None:
        super().__init__(draw_delay)
        self.draw_delay = draw_delay


class InvalidNonce(CustomError):
    """Custom error ``InvalidNonce``."""

    SIGNATURE: ClassVar[str] = "InvalidNonce(uint256,uint256)"
    HINT: ClassVar[str] = "another registration came first: read the nonce, and sign again"

    def __init__(self, given: int, required: int) -> None:
        super().__init__(given, required)
        self.given = given
        self.required = required


class InvalidProof(CustomError):
    """Custom error ``InvalidProof``."""

    SIGNATURE: ClassVar[str] = "InvalidProof(address,uint256)"
    HINT: ClassVar[str] = "the leaf must be in the table that was finalized last"

    def __init__(self, payee: Address, cumulative: int) -> None:
        super().__init__(payee, cumulative)
        self.payee = payee
        self.cumulative = cumulative


class InvalidRounds(CustomError):
    """Custom error ``InvalidRounds``."""

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
    """Custom error ``InvalidSignature``."""

    SIGNATURE: ClassVar[str] = "InvalidSignature(address)"
    HINT: ClassVar[str] = "the payee itself signs, for this registry on this chain"

    def __init__(self, payee: Address) -> None:
        super().__init__(payee)
        self.payee = payee


class NoProviders(CustomError):
    """Custom error ``NoProviders``."""

    SIGNATURE: ClassVar[str] = "NoProviders()"
    HINT: ClassVar[str] = "open the epoch with the tip of at least one provider's chain"


class NotAggregator(CustomError):
    """Custom error ``NotAggregator``."""

    SIGNATURE: ClassVar[str] = "NotAggregator(address)"
    HINT: ClassVar[str] = "only the federation's aggregator may do this"

    def __init__(self, caller: Address) -> None:
        super().__init__(caller)
        self.caller = caller


class NotFederation(CustomError):
    """Custom error ``NotFederation``."""

    SIGNATURE: ClassVar[str] = "NotFederation(address)"
    HINT: ClassVar[str] = "only the federation may do this"

    def __init__(self, caller: Address) -> None:
        super().__init__(caller)
        self.caller = caller


class NotMinter(CustomError):
    """Custom error ``NotMinter``."""

    SIGNATURE: ClassVar[str] = "NotMinter(address)"
    HINT: ClassVar[str] = "only the token's minter may do this"

    def __init__(self, caller: Address) -> None:
        super().__init__(caller)
        self.caller = caller


class NothingToClaim(CustomError):
    """Custom error ``NothingToClaim``."""

    SIGNATURE: ClassVar[str] = "NothingToClaim(address,uint256,uint256)"
    HINT: ClassVar[str] = "this payee has been paid in full"

    def __init__(self, payee: Address, cumulative: int, paid: int) -> None:
        super().__init__(payee, cumulative, paid)
        self.payee = payee
        self.cumulative = cumulative
        self.paid = paid


class Overdrawn(CustomError):
    """Custom error ``Overdrawn``."""

    SIGNATURE: ClassVar[str] = "Overdrawn(uint256,uint256)"
    HINT: ClassVar[str] = "the table promises less than was paid: look at the pool's events"

    def __init__(self, paid: int, total: int) -> None:
        super().__init__(paid, total)
        self.paid = paid
        self.total = total


class RoundsRemain(CustomError):
    """Custom error ``RoundsRemain``."""

    SIGNATURE: ClassVar[str] = "RoundsRemain(uint32,uint32)"
    HINT: ClassVar[str] = "record the remaining rounds first"

    def __init__(self, recorded: int, rounds: int) -> None:
        super().__init__(recorded, rounds)
        self.recorded = recorded
        self.rounds = rounds


class SafeERC20FailedOperation(CustomError):
    """Custom error ``SafeERC20FailedOperation``."""

    SIGNATURE: ClassVar[str] = "SafeERC20FailedOperation(address)"
    HINT: ClassVar[str] = "the token refused: look at balance and allowance"

    def __init__(self, token: Address) -> None:
        super().__init__(token)
        self.token = token


class SignatureExpired(CustomError):
    """Custom error ``SignatureExpired``."""

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


class TotalDecreased(CustomError):
    """Custom error ``TotalDecreased``."""

    SIGNATURE: ClassVar[str] = "TotalDecreased(uint256,uint256)"
    HINT: ClassVar[str] = "a new table holds all that earlier ones promised"

    def __init__(self, total: int, posted: int) -> None:
        super().__init__(total, posted)
        self.total = total
        self.posted = posted


class TotalOutOfRange(CustomError):
    """Custom error ``TotalOutOfRange``."""

    SIGNATURE: ClassVar[str] = "TotalOutOfRange(uint256,uint256,uint256)"
    HINT: ClassVar[str] = "propose a total between what is promised and what is funded"

    def __init__(self, total: int, least: int, most: int) -> None:
        super().__init__(total, least, most)
        self.total = total
        self.least = least
        self.most = most


class Underfunded(CustomError):
    """Custom error ``Underfunded``."""

    SIGNATURE: ClassVar[str] = "Underfunded(uint256,uint256)"
    HINT: ClassVar[str] = "fund the pool first"

    def __init__(self, total: int, funded: int) -> None:
        super().__init__(total, funded)
        self.total = total
        self.funded = funded


class WrongPhase(CustomError):
    """Custom error ``WrongPhase``."""

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
    """Custom error ``WrongPreimage``."""

    SIGNATURE: ClassVar[str] = "WrongPreimage(uint256,bytes32)"
    HINT: ClassVar[str] = "give each provider's own next preimage, in the order of the tips"

    def __init__(self, provider: int, preimage: Hash32) -> None:
        super().__init__(provider, preimage)
        self.provider = provider
        self.preimage = preimage


class WrongPreimageCount(CustomError):
    """Custom error ``WrongPreimageCount``."""

    SIGNATURE: ClassVar[str] = "WrongPreimageCount(uint256,uint256)"
    HINT: ClassVar[str] = "give one preimage for each provider"

    def __init__(self, given: int, required: int) -> None:
        super().__init__(given, required)
        self.given = given
        self.required = required


class ZeroAmount(CustomError):
    """Custom error ``ZeroAmount``."""

    SIGNATURE: ClassVar[str] = "ZeroAmount()"
    HINT: ClassVar[str] = "give an amount above zero"


class ZeroHash(CustomError):
    """Custom error ``ZeroHash``."""

    SIGNATURE: ClassVar[str] = "ZeroHash()"
    HINT: ClassVar[str] = "give the hash of something that exists"


ERRORS: tuple[type[CustomError], ...] = (
    AllRoundsRecorded,
    AlreadyRegistered,
    BeaconExpired,
    BeaconNotExpired,
    BeaconNotReady,
    ChallengeWindowOpen,
    DeckEmpty,
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
    FeeOnTransfer,
    InsufficientFunds,
    InvalidAccountNonce,
    InvalidChallengeWindow,
    InvalidDrawDelay,
    InvalidNonce,
    InvalidProof,
    InvalidRounds,
    InvalidShortString,
    InvalidSignature,
    NoProviders,
    NotAggregator,
    NotFederation,
    NotMinter,
    NothingToClaim,
    Overdrawn,
    RoundsRemain,
    SafeERC20FailedOperation,
    SignatureExpired,
    StringTooLong,
    TotalDecreased,
    TotalOutOfRange,
    Underfunded,
    WrongPhase,
    WrongPreimage,
    WrongPreimageCount,
    ZeroAmount,
    ZeroHash,
)
"""All of them."""
