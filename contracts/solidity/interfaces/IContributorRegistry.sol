// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDeposits} from "./IDeposits.sol";

/// @title Accounts that accept to be paid for a decentralised identifier, and what they stake on it.
/// @notice Nothing here proves control of a DID, and anybody may accept or stake: the payee is the one
/// that an event signed by the DID names, so whoever comes first gains no power over another's DID.
interface IContributorRegistry is IDeposits {
    event Registered(bytes32 indexed didHash, address indexed payee);
    event PayeeChanging(bytes32 indexed didHash, address indexed named, address indexed next, uint256 from);
    event PayeeKept(bytes32 indexed didHash, address indexed named, address indexed payee);
    event Staked(bytes32 indexed didHash, address indexed account, uint256 amount);
    event Unstaked(bytes32 indexed didHash, address indexed account, uint256 amount, uint256 from);

    /// @notice The account accepted before.
    error AlreadyRegistered(bytes32 didHash, address payee);
    /// @notice Sign again with the payee's current nonce.
    error InvalidNonce(uint256 given, uint256 required);
    /// @notice Sign again with a later deadline.
    error SignatureExpired(uint256 deadline);
    /// @notice The payee did not sign this statement for this registry on this chain.
    error InvalidSignature(address payee);
    /// @notice Only whoever is paid now decides who is paid next.
    error NotPayee(bytes32 didHash, address named, address caller);
    /// @notice The next payee has not registered for this DID.
    error NotAccepted(bytes32 didHash, address payee);
    /// @notice No change is under way that the caller may cancel.
    error NoChangePending(bytes32 didHash, address named, address caller);
    /// @notice More than the account has staked on the DID.
    error InsufficientStake(uint256 amount, uint256 staked);
    /// @notice A snapshot is of the past; the present second is not over.
    error FutureSnapshot(uint48 time, uint256 current);

    /// @notice Accept to be paid for `didHash`; the sender is the payee.
    function register(bytes32 didHash) external;

    /// @notice Record that `payee` accepts to be paid for `didHash`. Anyone may send it, so that a member
    /// needs no gas to join.
    /// @param payee Signer and receiver of payments: an account, or a contract with EIP-1271.
    /// @param didHash keccak256 of the DID's text.
    /// @param nonce The payee's current nonce.
    /// @param deadline Last second at which the signature is valid.
    /// @param signature EIP-712 signature of `Register(address payee,bytes32 didHash,uint256 nonce,uint256 deadline)`.
    function registerBySig(
        address payee,
        bytes32 didHash,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Hand over what the DID's events that name `named` earn, after `CHANGE_DELAY`. Only whoever
    /// is paid for them now; a second call replaces a change that is still to come.
    /// @param next Must have accepted to be paid for the DID.
    function changePayee(bytes32 didHash, address named, address next) external;

    /// @notice Cancel a change that is still to come. Only whoever is paid now.
    function keepPayee(bytes32 didHash, address named) external;

    /// @notice Stake tokens of the sender on a DID; they need its allowance.
    function stake(bytes32 didHash, uint256 amount) external;

    /// @notice Take a stake off a DID. It counts no more, and can be withdrawn after the lock.
    function unstake(bytes32 didHash, uint256 amount) external;

    /// @notice Whether an account accepts to be paid for a DID.
    function accepts(bytes32 didHash, address payee) external view returns (bool);

    /// @notice Who is paid for a DID whose events name `named`. That account if it accepts, or whom it
    /// handed over to; zero if it does not accept.
    function payeeOf(bytes32 didHash, address named) external view returns (address);

    /// @notice The nonce that a payee's next signature must carry.
    function nonces(address payee) external view returns (uint256);

    /// @notice Wei that an account stakes on a DID now.
    function stakeOf(bytes32 didHash, address account) external view returns (uint256);

    /// @notice Wei that an account staked on a DID at the end of a past second.
    function stakeAt(bytes32 didHash, address account, uint48 time) external view returns (uint256);
}
