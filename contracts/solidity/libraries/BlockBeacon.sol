// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Public randomness from the hash of a block that was in the future when it was chosen.
/// @dev The seam for other sources (drand, a VRF): `target`, `value` and `expired` are all a caller uses.
library BlockBeacon {
    /// @dev The EVM keeps the hashes of the last 256 blocks.
    uint64 internal constant HORIZON = 256;

    error BeaconNotReady(uint64 target, uint256 current);
    error BeaconExpired(uint64 target, uint256 current);
    error BeaconNotExpired(uint64 target, uint256 current);

    /// @notice The block whose hash is used, `delay` blocks from now.
    function target(uint64 delay) internal view returns (uint64) {
        return uint64(block.number) + delay;
    }

    /// @notice Whether the hash of `target_` existed and is out of reach.
    function expired(uint64 target_) internal view returns (bool) {
        return block.number > uint256(target_) + HORIZON;
    }

    /// @notice The hash of `target_`.
    function value(uint64 target_) internal view returns (bytes32) {
        if (block.number <= target_) revert BeaconNotReady(target_, block.number);
        if (expired(target_)) revert BeaconExpired(target_, block.number);
        return blockhash(target_);
    }
}
