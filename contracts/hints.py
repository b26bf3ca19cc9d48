"""What to do about a contract's refusal, where the interface's own words do not say it.

An error without an entry here has the ``@notice`` above it in the Solidity source as its hint.
"""

from __future__ import annotations

HINTS = {
    "AllRoundsRecorded": "reveal the epoch: it has no more rounds",
    "AlreadyRegistered": "a DID keeps its first payee",
    "BeaconExpired": "call retarget, then draw again after the new target block",
    "BeaconNotExpired": "draw now: the target block's hash can still be read",
    "BeaconNotReady": "wait until the target block has been mined",
    "ChallengeWindowOpen": "wait until the challenge window has passed",
    "ERC20InsufficientAllowance": "approve the pool for the amount first",
    "ERC20InsufficientBalance": "the sender does not hold that many tokens",
    "FeeOnTransfer": "use a token that moves exactly what it is told to",
    "InsufficientFunds": "fund the pool before opening the epoch",
    "InvalidDrawDelay": "deploy with a delay that block hashes outlive",
    "InvalidNonce": "another registration came first: read the nonce, and sign again",
    "InvalidProof": "the leaf must be in the table that was finalized last",
    "InvalidRounds": "open an epoch with at least one round, and a shard for each",
    "InvalidSignature": "the payee itself signs, for this registry on this chain",
    "NotAggregator": "only the federation's aggregator may do this",
    "NotFederation": "only the federation may do this",
    "NotMinter": "only the token's minter may do this",
    "NothingToClaim": "this payee has been paid in full",
    "Overdrawn": "the table promises less than was paid: look at the pool's events",
    "RoundsRemain": "record the remaining rounds first",
    "SignatureExpired": "sign again with a later deadline",
    "TotalDecreased": "a new table holds all that earlier ones promised",
    "TotalOutOfRange": "propose a total between what is promised and what is funded",
    "Underfunded": "fund the pool first",
    "WrongPhase": "another transaction has already moved the federation, or one is missing",
    "WrongPreimage": "give the provider's own next preimage",
    "ZeroAmount": "give an amount above zero",
    "ZeroHash": "give the hash of something that exists",
    # OpenZeppelin's, which come without a notice.
    "AddressEmptyCode": "is there a contract at the address?",
    "CheckpointUnorderedInsertion": "checkpoints are made in order of time",
    "ECDSAInvalidSignature": "sign again: this is no signature",
    "ECDSAInvalidSignatureLength": "a signature has 65 bytes",
    "ECDSAInvalidSignatureS": "sign with the lower of the two values of s",
    "ERC20InvalidApprover": "approve from an account that is not zero",
    "ERC20InvalidReceiver": "send to an account that is not zero",
    "ERC20InvalidSender": "send from an account that is not zero",
    "ERC20InvalidSpender": "approve an account that is not zero",
    "ERC2612ExpiredSignature": "sign the permit again with a later deadline",
    "ERC2612InvalidSigner": "the owner of the tokens itself signs the permit",
    "FailedCall": "the call failed without a reason: try it on a development chain",
    "InsufficientBalance": "the contract does not hold that much",
    "InvalidAccountNonce": "another signature was used first: read the nonce, and sign again",
    "InvalidShortString": "use a name of at most 31 bytes",
    "MerkleProofInvalidMultiproof": "build the proof again from the same table",
    "OwnableInvalidOwner": "name an owner that is not zero",
    "OwnableUnauthorizedAccount": "only the owner may do this",
    "ReentrancyGuardReentrantCall": "a token or receiver called back: do not use it",
    "SafeCastOverflowedIntDowncast": "the number is too large for its place",
    "SafeCastOverflowedIntToUint": "the number must not be negative",
    "SafeCastOverflowedUintDowncast": "the number is too large for its place",
    "SafeCastOverflowedUintToInt": "the number is too large for its place",
    "SafeERC20FailedOperation": "the token refused: look at balance and allowance",
    "StringTooLong": "use a name of at most 31 bytes",
}
"""By the error's Solidity name."""

PANICS = {
    0x01: "an assertion failed",
    0x11: "a number became too large or negative",
    0x12: "a division by zero",
    0x21: "a number that is no member of an enum",
    0x22: "a byte array that is stored wrongly",
    0x31: "an empty array has no last element",
    0x32: "an index beyond an array's end",
    0x41: "too much memory",
    0x51: "a function that was never set",
}
"""What the compiler's own checks mean (Solidity documentation, panic codes)."""
