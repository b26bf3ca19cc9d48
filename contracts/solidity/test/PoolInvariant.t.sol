// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base, Selectors} from "./Base.sol";
import {PoolHandler} from "./PoolHandler.sol";

/// @title What stays true of a pool whatever anybody does.
contract PoolInvariantTest is Base {
    PoolHandler internal handler;

    function setUp() public {
        handler = new PoolHandler();
        handler.setUp();
    }

    function targetSelectors() external view returns (Selectors[] memory targets) {
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = PoolHandler.fund.selector;
        selectors[1] = PoolHandler.donate.selector;
        selectors[2] = PoolHandler.gift.selector;
        selectors[3] = PoolHandler.reserve.selector;
        selectors[4] = PoolHandler.wait.selector;
        selectors[5] = PoolHandler.post.selector;
        selectors[6] = PoolHandler.misPost.selector;
        selectors[7] = PoolHandler.claim.selector;
        selectors[8] = PoolHandler.claimMany.selector;
        selectors[9] = PoolHandler.sweep.selector;
        targets = new Selectors[](1);
        targets[0] = Selectors(address(handler), selectors);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_everyWeiIsWhereTheBooksSay() external view {
        handler.checkMoney();
    }

    /// @dev Runs at the end of every walk, from wherever it stands.
    function afterInvariant() external {
        handler.finish();
        handler.checkMoney();
    }
}
