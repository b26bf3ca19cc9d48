// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {ContributorRegistry} from "../ContributorRegistry.sol";
import {MootToken} from "../MootToken.sol";
import {IContributorRegistry} from "../interfaces/IContributorRegistry.sol";
import {IQuotaPolicy} from "../interfaces/IQuotaPolicy.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {ListPolicy} from "../policies/ListPolicy.sol";
import {StakePolicy} from "../policies/StakePolicy.sol";
import {Base} from "./Base.sol";
import {Tree} from "./Tree.sol";

/// @title Quotas by list and by stake.
contract PoliciesTest is Base {
    uint256 internal constant MEMBERS = 5;
    address internal constant STRANGER = address(0x57A);

    ListPolicy internal list;

    function setUp() public {
        list = new ListPolicy(address(this));
        vm.warp(1000);
    }

    function testFuzz_listQuota_countsFromItsProof_untilTheListChanges(uint256 i, address payee) public {
        i = bound(i, 0, MEMBERS - 1);
        bytes32[] memory leaves = _list(0);
        vm.expectEmit(address(list));
        emit ListPolicy.ListChanged(1, Tree.root(leaves));
        list.setRoot(Tree.root(leaves));
        vm.warp(2000);
        vm.expectEmit(address(list));
        emit ListPolicy.QuotaProved(1, _did(i), _quota(i));
        vm.prank(STRANGER);
        list.prove(_did(i), _quota(i), Tree.proof(leaves, i));
        vm.warp(3000);
        bytes32[] memory second = _list(7);
        list.setRoot(Tree.root(second));
        vm.warp(4000);
        list.prove(_did(i), _quota(i) + 7, Tree.proof(second, i));
        vm.warp(5000);

        eq(list.quotaOf(_did(i), payee, 1999), 0, "before the proof");
        eq(list.quotaOf(_did(i), payee, 2000), _quota(i), "from the proof on");
        eq(list.quotaOf(_did(i), payee, 2999), _quota(i), "to the end of the list");
        eq(list.quotaOf(_did(i), payee, 3000), 0, "everybody proves anew");
        eq(list.quotaOf(_did(i), payee, 4999), _quota(i) + 7, "the new list");
        eq(list.quotaOf(keccak256("unlisted"), payee, 4999), 0, "unlisted");
        vm.expectRevert(abi.encodeWithSelector(IQuotaPolicy.FutureSnapshot.selector, uint48(5000), 5000));
        list.quotaOf(_did(i), payee, 5000);
    }

    function testFuzz_prove_isRefused_whenAnythingOfItIsForged(uint256 i, uint208 quota, bytes32 did) public {
        i = bound(i, 0, MEMBERS - 1);
        vm.assume(quota != _quota(i) && did != _did(i));
        bytes32[] memory leaves = _list(0);
        bytes32[] memory proof = Tree.proof(leaves, i);
        _notListed(_did(i), _quota(i), proof);
        list.setRoot(Tree.root(leaves));
        _notListed(_did(i), quota, proof);
        _notListed(did, _quota(i), proof);
        ListPolicy own = list;
        list = new ListPolicy(address(this));
        list.setRoot(Tree.root(leaves));
        _notListed(_did(i), _quota(i), proof);
        vm.chainId(block.chainid + 1);
        list = own;
        _notListed(_did(i), _quota(i), proof);
    }

    function test_prove_isRefused_twice() public {
        bytes32[] memory leaves = _list(0);
        list.setRoot(Tree.root(leaves));
        list.prove(_did(2), _quota(2), Tree.proof(leaves, 2));
        bytes32[] memory proof = Tree.proof(leaves, 2);
        vm.expectRevert(abi.encodeWithSelector(ListPolicy.AlreadyProved.selector, _did(2), _quota(2)));
        list.prove(_did(2), _quota(2), proof);
    }

    function test_setRoot_isTheOwners_whoHandsOverInTwoSteps() public {
        bytes memory refused = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER);
        vm.expectRevert(refused);
        vm.prank(STRANGER);
        list.setRoot("root");
        list.transferOwnership(STRANGER);
        vm.expectRevert(refused);
        vm.prank(STRANGER);
        list.setRoot("root");
        vm.prank(STRANGER);
        list.acceptOwnership();
        vm.prank(STRANGER);
        list.setRoot("root");
        eq(list.root(), "root", "root");
    }

    function testFuzz_stakeQuota_isTheStakeThen_overTheStakePerExample(uint256 amount, uint256 per) public {
        amount = bound(amount, 1, 1e24);
        per = bound(per, 1, 1e24);
        MootToken token = new MootToken();
        token.mint(address(this), amount);
        ContributorRegistry registry = new ContributorRegistry(token, 1);
        token.approve(address(registry), amount);
        StakePolicy policy = new StakePolicy(registry, per);
        registry.stake(_did(0), amount);
        vm.warp(1001);
        registry.unstake(_did(0), amount);
        vm.warp(1002);
        eq(policy.quotaOf(_did(0), address(this), 1000), amount / per, "quota");
        eq(policy.quotaOf(_did(0), address(this), 1001), 0, "after it was taken off");
        eq(policy.quotaOf(_did(0), STRANGER, 1000), 0, "another payee");
        eq(policy.quotaOf(_did(1), address(this), 1000), 0, "another DID");
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.FutureSnapshot.selector, uint48(1002), 1002));
        policy.quotaOf(_did(0), address(this), 1002);
    }

    function test_stakePolicy_isRefused_whenAnExampleIsFree() public {
        vm.expectRevert(abi.encodeWithSelector(StakePolicy.ZeroStakePerExample.selector));
        new StakePolicy(IContributorRegistry(address(0)), 0);
    }

    function _notListed(bytes32 did, uint208 quota, bytes32[] memory proof) private {
        vm.expectRevert(abi.encodeWithSelector(ListPolicy.NotListed.selector, did, quota));
        list.prove(did, quota, proof);
    }

    function _list(uint208 more) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            leaves[i] = Leaves.listedQuota(address(list), _did(i), _quota(i) + more);
        }
    }

    function _did(uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode("did", i));
    }

    function _quota(uint256 i) private pure returns (uint208) {
        return uint208(100 + i);
    }
}
