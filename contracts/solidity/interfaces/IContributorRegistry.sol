// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Binds a decentralised identifier to the address that is paid for it.
/// @notice The payee's own signature is the binding, so that a member needs no gas to join.
/// It does not prove control of the DID: readers must also find the payee in an event that the DID signed.
interface IContributorRegistry {
    event Registered(bytes32 indexed didHash, address indexed payee);

    error AlreadyRegistered(bytes32 didHash, address payee);
    error InvalidNonce(uint256 given, uint256 required);
    error SignatureExpired(uint256 deadline);
    error InvalidSignature(address payee);

    /// @notice Bind `didHash` to `payee` for good. Anyone may send it.
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

    /// @notice The payee of a DID, or zero.
    function payeeOf(bytes32 didHash) external view returns (address);

    /// @notice The nonce that a payee's next signature must carry.
    function nonces(address payee) external view returns (uint256);
}
