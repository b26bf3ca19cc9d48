// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {RewardPool} from "../RewardPool.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {FeeToken} from "./FeeToken.sol";
import {HookToken} from "./HookToken.sol";
import {PoolWorld} from "./PoolWorld.sol";

/// @title Funding a pool and posting its table.
contract RewardPoolTest is PoolWorld {
    function testFuzz_fund_recordsTheAmount_andMovesIt(uint256 amount) public {
        amount = bound(amount, 1, 8 * FUNDS);
        vm.expectEmit(address(own));
        emit IRewardPool.Funded(address(this), amount);
        own.fund(amount);
        eq(own.funded(), FUNDS + amount, "funded");
        eq(token.balanceOf(address(own)), FUNDS + amount, "balance");
        eq(own.unallocated(), FUNDS + amount, "unallocated");
    }

    function test_fund_isRefused_forZero_andWithoutTokens() public {
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.ZeroAmount.selector));
        own.fund(0);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(own), 0, 1));
        vm.prank(STRANGER);
        own.fund(1);
        eq(own.funded(), FUNDS, "funded");
    }

    function test_fund_isRefused_whenTheTokenTakesAFee() public {
        FeeToken fee = new FeeToken(FUNDS);
        RewardPool other = new RewardPool(fee, address(this));
        fee.approve(address(other), FUNDS);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.FeeOnTransfer.selector, 100, 99));
        other.fund(100);
        eq(other.funded(), 0, "funded");
    }

    function test_fund_isRefused_whenTheTokenCallsBack() public {
        (HookToken hook, RewardPool other) = hooked();
        hook.approve(address(other), FUNDS);
        hook.arm(address(other), abi.encodeCall(IRewardPool.fund, (3)));
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.FeeOnTransfer.selector, 100, 103));
        other.fund(100);
    }

    function testFuzz_post_isRefused_fromAnyoneButTheFederation(address caller) public {
        vm.assume(caller != address(this));
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NotFederation.selector, caller));
        vm.prank(caller);
        own.post(keccak256("table"), 1);
    }

    function testFuzz_post_takesATotal_thatRisesWithinTheFunds(uint256 first, uint256 second) public {
        first = bound(first, 0, FUNDS);
        own.post(keccak256("first"), first);
        second = bound(second, 0, 2 * FUNDS);
        bytes32 expected = keccak256("first");
        if (second < first) {
            vm.expectRevert(abi.encodeWithSelector(IRewardPool.TotalDecreased.selector, second, first));
        } else if (second > FUNDS) {
            vm.expectRevert(abi.encodeWithSelector(IRewardPool.Underfunded.selector, second, FUNDS));
        } else {
            expected = keccak256("second");
            vm.expectEmit(address(own));
            emit IRewardPool.Posted(expected, second);
        }
        own.post(keccak256("second"), second);
        eq(own.root(), expected, "root");
        eq(own.unallocated(), FUNDS - own.totalCumulative(), "unallocated");
    }
}
