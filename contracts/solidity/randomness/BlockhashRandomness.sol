// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRandomness} from "../interfaces/IRandomness.sol";

/// @title Randomness from the hash of a block that was in the future when it was chosen.
/// @dev Whoever builds the block can withhold it, one bit per block; a draw mixes in the providers' secrets,
/// so that bias needs them too. Without state: one contract serves every federation.
contract BlockhashRandomness is IRandomness {
    /// @dev The EVM keeps the hashes of the last 256 blocks.
    uint64 private constant HORIZON = 256;

    /// @inheritdoc IRandomness
    function target(uint64 delay) external view returns (uint64) {
        return uint64(block.number) + delay;
    }

    /// @inheritdoc IRandomness
    function value(uint64 target_) external view returns (bytes32) {
        if (block.number <= target_) revert BeaconNotReady(target_, block.number);
        if (expired(target_)) revert BeaconExpired(target_, block.number);
        return blockhash(target_);
    }

    /// @inheritdoc IRandomness
    function expired(uint64 target_) public view returns (bool) {
        return block.number > uint256(target_) + HORIZON;
    }
}
