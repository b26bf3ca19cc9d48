// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Accounts that accept to be paid for a decentralised identifier.
/// @notice The payee's own signature says so, so that a member needs no gas to join. It does not prove
/// control of the DID, and anybody may accept: the payee is the one that an event signed by the DID names.
interface IContributorRegistry {
    event Registered(bytes32 indexed didHash, address indexed payee);

    error AlreadyRegistered(bytes32 didHash, address payee);
    error InvalidNonce(uint256 given, uint256 required);
    error SignatureExpired(uint256 deadline);
    error InvalidSignature(address payee);

    /// @notice Record that `payee` accepts to be paid for `didHash`. Anyone may send it.
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

    /// @notice Whether an account accepts to be paid for a DID.
    function accepts(bytes32 didHash, address payee) external view returns (bool);

    /// @notice The nonce that a payee's next signature must carry.
    function nonces(address payee) external view returns (uint256);
}
