// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a federation remembers of proposals that fell, and how a validator that signed one loses its bond.
interface IConvictions {
    /// @notice How many proposals of the present epoch were voided without a fault.
    function voids() external view returns (uint8);

    /// @notice Whether a judge convicted a proposal, or a round that it paid.
    /// @param ballot keccak256(abi.encode(epoch, rounds, payoutRoot, total, settlementRoot)).
    function convictedBy(bytes32 ballot, address judge) external view returns (bool);

    /// @notice A validator vouched for a proposal that is false. Half of its bond goes to the challenger, the
    /// rest to the members with the next table. Judges only.
    function convictValidator(address validator, address challenger) external;
}
