// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RewardPool} from "../RewardPool.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {HookToken} from "./HookToken.sol";
import {Tree} from "./Tree.sol";
import {World} from "./World.sol";

/// @title A funded pool for which the test itself stands as the federation.
abstract contract PoolWorld is World {
    address internal constant PAYEE = address(0xB0B);
    uint256 internal constant MEMBERS = 5;

    RewardPool internal own;

    function setUp() public override {
        super.setUp();
        own = new RewardPool(token, address(this));
        token.approve(address(own), type(uint256).max);
        own.fund(FUNDS);
    }

    /// @dev A pool of a token that calls back; the token holds some itself, and has approved the pool.
    function hooked() internal returns (HookToken hook, RewardPool other) {
        hook = new HookToken(2 * FUNDS);
        other = new RewardPool(hook, address(this));
        hook.transfer(address(hook), 10);
        vm.prank(address(hook));
        hook.approve(address(other), 10);
    }

    function postTable(uint256[MEMBERS] memory pay, uint256 total) internal returns (bytes32[] memory leaves) {
        leaves = new bytes32[](MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            pay[i] = bound(pay[i], 1, FUNDS / MEMBERS);
            leaves[i] = leafOf(payeeAt(i), pay[i]);
        }
        own.post(Tree.root(leaves), total);
    }

    function payeeAt(uint256 i) internal pure returns (address) {
        return address(uint160(0xBEEF0000 + i));
    }

    function leafOf(address payee, uint256 amount) internal view returns (bytes32) {
        return Leaves.payout(address(own), payee, amount);
    }
}
