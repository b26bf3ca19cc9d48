// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MootToken} from "../MootToken.sol";
import {RewardPool} from "../RewardPool.sol";
import {IReserves} from "../interfaces/IReserves.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Base} from "./Base.sol";
import {HookToken} from "./HookToken.sol";
import {Tree} from "./Tree.sol";

/// @title A funded pool for which the test itself stands as the federation.
abstract contract PoolWorld is Base, IReserves {
    address internal constant PAYEE = address(0xB0B);
    address internal constant STRANGER = address(0x57A);
    uint256 internal constant FUNDS = 1e21;
    uint256 internal constant MEMBERS = 5;

    MootToken internal token;
    RewardPool internal own;
    uint256 public reserved;

    function setUp() public virtual {
        token = new MootToken();
        own = new RewardPool(token, address(this));
        token.mint(address(this), 10 * FUNDS);
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

    /// @dev Funds from another account than the test.
    function fundFrom(address funder, uint256 amount) internal {
        token.mint(funder, amount);
        vm.prank(funder);
        token.approve(address(own), amount);
        vm.prank(funder);
        own.fund(amount);
    }

    function sweepAs(address funder) internal returns (uint256) {
        vm.prank(funder);
        return own.sweep();
    }

    function payeeAt(uint256 i) internal pure returns (address) {
        return address(uint160(0xBEEF0000 + i));
    }

    function leafOf(address payee, uint256 amount) internal view returns (bytes32) {
        return Leaves.payout(address(own), payee, amount);
    }
}
