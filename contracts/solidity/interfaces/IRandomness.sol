// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Public randomness that nobody knows when it is asked for: block hashes, drand, a VRF.
/// @dev A target is the number of a block: up to it nobody can know the value, after it anyone may.
interface IRandomness {
    /// @notice The randomness is not known yet: wait for a block after the target.
    error BeaconNotReady(uint64 target, uint256 current);
    /// @notice The randomness is out of reach: let the federation choose a new target.
    error BeaconExpired(uint64 target, uint256 current);

    /// @notice The target that lies `delay` blocks ahead.
    function target(uint64 delay) external view returns (uint64);

    /// @notice The randomness of a target; reverts before it is known and after it has expired.
    function value(uint64 target_) external view returns (bytes32);

    /// @notice Whether the randomness of a target was known once and is out of reach for good.
    function expired(uint64 target_) external view returns (bool);
}
