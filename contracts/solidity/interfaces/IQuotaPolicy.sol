// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Says how many training examples a member may count for.
interface IQuotaPolicy {
    /// @notice A snapshot is of the past; the present second is not over.
    error FutureSnapshot(uint48 time, uint256 current);

    /// @notice A member's quota at the end of a past second; never another for the same second.
    /// @param didHash keccak256 of the DID's text.
    /// @param payee The account that the DID's own signed event names.
    function quotaOf(bytes32 didHash, address payee, uint48 time) external view returns (uint256);
}
