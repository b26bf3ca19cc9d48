// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {RewardPool} from "../RewardPool.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {MerkleRoot} from "../libraries/MerkleRoot.sol";
import {HookToken} from "./HookToken.sol";
import {PoolWorld} from "./PoolWorld.sol";
import {Tree} from "./Tree.sol";

/// @title Claims in batches, and the walk from leaf to root.
contract ClaimManyTest is PoolWorld {
    function testFuzz_claimMany_paysAllAtOnce_whoeverSendsIt(uint256[MEMBERS] memory pay, address sender) public {
        IRewardPool.Claim[] memory claims = _claims(postTable(pay, FUNDS), pay);
        uint256 sum;
        for (uint256 i = 0; i < MEMBERS; ++i) {
            sum += pay[i];
            vm.expectEmit(address(own));
            emit IRewardPool.Paid(payeeAt(i), pay[i], pay[i]);
        }
        vm.prank(sender);
        eq(own.claimMany(claims), sum, "amount");
        eq(own.totalPaid(), sum, "totalPaid");
        for (uint256 i = 0; i < MEMBERS; ++i) {
            eq(token.balanceOf(payeeAt(i)), pay[i], "received");
        }
        eq(own.claimMany(claims), 0, "again");
        eq(token.balanceOf(address(own)), FUNDS - sum, "left");
    }

    function testFuzz_claimMany_passesOverWhatWasPaid_andPaysOnce(uint256 index, uint256 twin) public {
        uint256[MEMBERS] memory pay = [uint256(1), 2, 3, 4, 5];
        IRewardPool.Claim[] memory claims = _claims(postTable(pay, 15), pay);
        index = bound(index, 0, MEMBERS - 1);
        own.claim(claims[index].payee, claims[index].cumulative, claims[index].proof);
        twin = bound(twin, 0, MEMBERS - 1);
        claims[index] = claims[twin];
        own.claimMany(claims);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            eq(token.balanceOf(payeeAt(i)), pay[i], "received");
        }
    }

    function testFuzz_claimMany_revertsWhole_whenOneEntryIsForged(uint256 index, uint256 amount) public {
        uint256[MEMBERS] memory pay = [uint256(1), 2, 3, 4, 5];
        IRewardPool.Claim[] memory claims = _claims(postTable(pay, 15), pay);
        index = bound(index, 0, MEMBERS - 1);
        vm.assume(amount != pay[index]);
        claims[index].cumulative = amount;
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.InvalidProof.selector, payeeAt(index), amount));
        own.claimMany(claims);
        eq(own.totalPaid(), 0, "nothing was paid");
    }

    function test_claimMany_isOverdrawn_whenTheLeavesExceedTheTotal() public {
        uint256[MEMBERS] memory pay = [uint256(1), 2, 3, 4, 5];
        IRewardPool.Claim[] memory claims = _claims(postTable(pay, 14), pay);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.Overdrawn.selector, 15, 14));
        own.claimMany(claims);
    }

    function test_claimMany_paysOnce_whenTheTokenCallsBack() public {
        (HookToken hook, RewardPool other) = hooked();
        hook.approve(address(other), FUNDS);
        other.fund(FUNDS);
        bytes32[] memory leaves = new bytes32[](2);
        IRewardPool.Claim[] memory claims = new IRewardPool.Claim[](2);
        for (uint256 i = 0; i < 2; ++i) {
            leaves[i] = Leaves.payout(address(other), payeeAt(i), 7);
        }
        for (uint256 i = 0; i < 2; ++i) {
            claims[i] = IRewardPool.Claim(payeeAt(i), 7, Tree.proof(leaves, i));
        }
        other.post(Tree.root(leaves), FUNDS);
        hook.arm(address(other), abi.encodeCall(IRewardPool.claimMany, (claims)));
        eq(other.claimMany(claims), 14, "amount");
        eq(hook.balanceOf(payeeAt(0)) + hook.balanceOf(payeeAt(1)), 14, "received");
    }

    function testFuzz_climb_agreesWithOpenZeppelin(bytes32[] calldata proof, bytes32 leaf) public pure {
        eq(MerkleRoot.climb(proof, leaf), MerkleProof.processProofCalldata(proof, leaf), "root");
    }

    function _claims(bytes32[] memory leaves, uint256[MEMBERS] memory pay)
        private
        pure
        returns (IRewardPool.Claim[] memory claims)
    {
        claims = new IRewardPool.Claim[](MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            claims[i] = IRewardPool.Claim(payeeAt(i), pay[i], Tree.proof(leaves, i));
        }
    }
}
