// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IContributorRegistry} from "../interfaces/IContributorRegistry.sol";
import {IQuotaPolicy} from "../interfaces/IQuotaPolicy.sol";

/// @title One example per so many wei that the payee stakes on the DID.
/// @notice A wei counts for one DID only, so several identities share what one could have.
contract StakePolicy is IQuotaPolicy {
    IContributorRegistry public immutable registry;
    uint256 public immutable stakePerExample;

    /// @notice An example must cost something.
    error ZeroStakePerExample();

    constructor(IContributorRegistry registry_, uint256 stakePerExample_) {
        if (stakePerExample_ == 0) revert ZeroStakePerExample();
        registry = registry_;
        stakePerExample = stakePerExample_;
    }

    /// @inheritdoc IQuotaPolicy
    /// @dev The registry refuses a second that is not over.
    function quotaOf(bytes32 didHash, address payee, uint48 time) external view returns (uint256) {
        return registry.stakeAt(didHash, payee, time) / stakePerExample;
    }
}
