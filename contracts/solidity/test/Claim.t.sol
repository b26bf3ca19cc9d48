// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RewardPool} from "../RewardPool.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {HookToken} from "./HookToken.sol";
import {PoolWorld} from "./PoolWorld.sol";
import {Tree} from "./Tree.sol";

/// @title Claiming from the posted table.
contract ClaimTest is PoolWorld {
    function testFuzz_claim_paysEachMemberOnce_whoeverSendsIt(uint256[MEMBERS] memory pay, address sender) public {
        bytes32[] memory leaves = postTable(pay, FUNDS);
        uint256 sum;
        for (uint256 i = 0; i < MEMBERS; ++i) {
            bytes32[] memory proof = Tree.proof(leaves, i);
            vm.expectEmit(address(own));
            emit IRewardPool.Paid(payeeAt(i), pay[i], pay[i]);
            vm.prank(sender);
            own.claim(payeeAt(i), pay[i], proof);
            sum += pay[i];
            eq(own.totalPaid(), sum, "totalPaid");
            eq(own.paid(payeeAt(i)), pay[i], "paid");
            eq(token.balanceOf(payeeAt(i)), pay[i], "received");

            vm.expectRevert(abi.encodeWithSelector(IRewardPool.NothingToClaim.selector, payeeAt(i), pay[i], pay[i]));
            own.claim(payeeAt(i), pay[i], proof);
        }
        eq(token.balanceOf(address(own)), FUNDS - sum, "left");
    }

    function testFuzz_claim_paysTheDifference_whenANewerTableReplacesTheOld(uint256 first, uint256 second) public {
        first = bound(first, 1, FUNDS - 1);
        second = bound(second, first + 1, FUNDS);
        bytes32[] memory none = new bytes32[](0);
        own.post(leafOf(PAYEE, first), first);
        own.claim(PAYEE, first, none);
        own.post(leafOf(PAYEE, second), second);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.InvalidProof.selector, PAYEE, first));
        own.claim(PAYEE, first, none);
        own.claim(PAYEE, second, none);
        eq(token.balanceOf(PAYEE), second, "received");
    }

    function testFuzz_claim_isRefused_whenAnythingOfItIsForged(address payee, uint256 amount, bytes32 node) public {
        uint256[MEMBERS] memory pay = [uint256(1), 2, 3, 4, 5];
        bytes32[] memory leaves = postTable(pay, FUNDS);
        bytes32[] memory proof = Tree.proof(leaves, 2);
        vm.assume(payee != payeeAt(2) && amount != pay[2] && node != proof[1]);
        _refused(payee, pay[2], proof);
        _refused(payeeAt(2), amount, proof);
        proof[1] = node;
        _refused(payeeAt(2), pay[2], proof);
    }

    function test_claim_isRefused_onAnotherChain_andInAnotherPool() public {
        bytes32 leaf = leafOf(PAYEE, 7);
        own.post(leaf, 7);
        RewardPool twin = new RewardPool(token, address(this));
        token.approve(address(twin), 7);
        twin.fund(7);
        twin.post(leaf, 7);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.InvalidProof.selector, PAYEE, 7));
        twin.claim(PAYEE, 7, new bytes32[](0));
        vm.chainId(block.chainid + 1);
        _refused(PAYEE, 7, new bytes32[](0));
        vm.chainId(block.chainid - 1);
        own.claim(PAYEE, 7, new bytes32[](0));
    }

    function test_claim_isRefused_beforeAnyTable() public {
        _refused(PAYEE, 1, new bytes32[](0));
    }

    function testFuzz_claim_isOverdrawn_whenTheLeavesExceedTheTotal(uint256 total) public {
        uint256[MEMBERS] memory pay = [uint256(10), 10, 10, 10, 10];
        total = bound(total, 0, 49);
        bytes32[] memory leaves = postTable(pay, total);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            uint256 due = own.totalPaid() + 10;
            if (due > total) vm.expectRevert(abi.encodeWithSelector(IRewardPool.Overdrawn.selector, due, total));
            own.claim(payeeAt(i), 10, Tree.proof(leaves, i));
        }
        atMost(own.totalPaid(), total, "never more than the total");
    }

    function test_claim_paysOnce_whenTheTokenCallsBack() public {
        (HookToken hook, RewardPool other) = hooked();
        hook.approve(address(other), FUNDS);
        other.fund(FUNDS);
        other.post(Leaves.payout(address(other), PAYEE, 7), FUNDS);
        bytes memory again = abi.encodeCall(IRewardPool.claim, (PAYEE, 7, new bytes32[](0)));
        hook.arm(address(other), again);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NothingToClaim.selector, PAYEE, 7, 7));
        other.claim(PAYEE, 7, new bytes32[](0));
        hook.arm(address(0), "");
        other.claim(PAYEE, 7, new bytes32[](0));
        eq(hook.balanceOf(PAYEE), 7, "received");
    }

    function _refused(address payee, uint256 amount, bytes32[] memory proof) private {
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.InvalidProof.selector, payee, amount));
        own.claim(payee, amount, proof);
    }
}
