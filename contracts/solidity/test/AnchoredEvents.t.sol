// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {EventAnchor} from "../EventAnchor.sol";
import {MootToken} from "../MootToken.sol";
import {IDeposits} from "../interfaces/IDeposits.sol";
import {IQuotaPolicy} from "../interfaces/IQuotaPolicy.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {AnchoredEventsPolicy} from "../policies/AnchoredEventsPolicy.sol";
import {Base} from "./Base.sol";
import {Tree} from "./Tree.sol";

/// @title Quotas by anchored events, against deposits.
contract AnchoredEventsTest is Base {
    bytes32 internal constant DID = keccak256("did:key:z1");
    address internal constant STRANGER = address(0x57A);
    uint256 internal constant EVENTS = 6;
    uint256 internal constant CEILING = 4;
    uint256 internal constant DEPOSIT = 5;
    uint48 internal constant LOCK = 30 days;

    MootToken internal token;
    EventAnchor internal anchor;
    AnchoredEventsPolicy internal policy;
    bytes32[] internal leaves;

    function setUp() public {
        vm.warp(1000);
        token = new MootToken();
        anchor = new EventAnchor();
        policy = new AnchoredEventsPolicy(anchor, token, LOCK, DEPOSIT, CEILING);
        _fund(address(this));
        _fund(STRANGER);
        for (uint256 i = 0; i < EVENTS; ++i) {
            leaves.push(Leaves.signedEvent(bytes32(i), keccak256(abi.encode(i))));
        }
        anchor.anchorDagCbor(Tree.root(leaves));
    }

    function testFuzz_count_countsEvents_againstDeposits(uint256 first, uint256 second) public {
        first = bound(first, 1, CEILING - 1);
        second = bound(second, 1, CEILING - first);
        AnchoredEventsPolicy.ImportEvent[] memory events = _events(0, first);
        bytes32[] memory named = new bytes32[](first);
        for (uint256 i = 0; i < first; ++i) {
            named[i] = leaves[i];
        }
        vm.expectEmit(address(policy));
        emit AnchoredEventsPolicy.EventsCounted(DID, address(this), first, named);
        policy.count(DID, events);
        vm.warp(1001);
        policy.count(DID, _events(first, second));
        vm.warp(1002);
        eq(policy.countOf(DID, address(this)), first + second, "count");
        eq(policy.quotaOf(DID, address(this), 999), 0, "before");
        eq(policy.quotaOf(DID, address(this), 1000), first, "quota then");
        eq(policy.quotaOf(DID, address(this), 1001), first + second, "quota now");
        eq(policy.quotaOf(DID, STRANGER, 1001), 0, "another payee");
        eq(token.balanceOf(address(policy)), DEPOSIT * (first + second), "deposits");
        vm.expectRevert(abi.encodeWithSelector(IQuotaPolicy.FutureSnapshot.selector, uint48(1002), 1002));
        policy.quotaOf(DID, address(this), 1002);
    }

    function test_count_takesNothingAway_whenAStrangerCameFirst() public {
        AnchoredEventsPolicy.ImportEvent[] memory events = _events(0, 2);
        vm.prank(STRANGER);
        policy.count(DID, events);
        policy.count(DID, events);
        policy.count(keccak256("another"), _events(0, 1));
        eq(policy.countOf(DID, address(this)), 2, "count");
    }

    function test_count_isRefused_twice_evenInOneCall_andAfterARelease() public {
        AnchoredEventsPolicy.ImportEvent[] memory twins = _events(0, 2);
        twins[1] = twins[0];
        _alreadyCounted(twins);
        policy.count(DID, _events(0, 2));
        _alreadyCounted(_events(0, 1));
        policy.release(DID, 2);
        check(policy.counted(DID, address(this), leaves[0]), "still marked");
        _alreadyCounted(_events(0, 1));
    }

    function test_count_isRefused_beyondTheCeiling() public {
        policy.count(DID, _events(0, 3));
        AnchoredEventsPolicy.ImportEvent[] memory more = _events(3, 2);
        vm.expectRevert(abi.encodeWithSelector(AnchoredEventsPolicy.CeilingExceeded.selector, 5, 4));
        policy.count(DID, more);
        policy.count(DID, _events(3, 1));
    }

    function test_count_isRefused_forNoEvents_andForEventsThatAreNotAnchored() public {
        AnchoredEventsPolicy.ImportEvent[] memory events = new AnchoredEventsPolicy.ImportEvent[](0);
        vm.expectRevert(abi.encodeWithSelector(IDeposits.NothingGiven.selector));
        policy.count(DID, events);
        events = _events(0, 1);
        events[0].streamDigest = "another";
        bytes32 leaf = Leaves.signedEvent("another", events[0].payloadDigest);
        vm.expectRevert(abi.encodeWithSelector(AnchoredEventsPolicy.NotAnchored.selector, events[0].root, leaf));
        policy.count(DID, events);
    }

    function test_count_isRefused_withoutTheDeposit() public {
        AnchoredEventsPolicy.ImportEvent[] memory events = _events(0, 2);
        bytes4 allowance = IERC20Errors.ERC20InsufficientAllowance.selector;
        vm.expectRevert(abi.encodeWithSelector(allowance, policy, 0, 2 * DEPOSIT));
        vm.prank(address(1));
        policy.count(DID, events);
    }

    function testFuzz_release_paysTheDepositsBack_afterTheLock(uint256 number) public {
        number = bound(number, 1, CEILING);
        policy.count(DID, _events(0, CEILING));
        vm.expectEmit(address(policy));
        emit AnchoredEventsPolicy.EventsReleased(DID, address(this), CEILING - number, block.timestamp + LOCK);
        policy.release(DID, number);
        eq(policy.countOf(DID, address(this)), CEILING - number, "count");
        vm.expectRevert(abi.encodeWithSelector(IDeposits.Locked.selector, address(this), block.timestamp + LOCK));
        policy.withdraw();
        vm.warp(block.timestamp + LOCK);
        policy.withdraw();
        eq(token.balanceOf(address(policy)), DEPOSIT * (CEILING - number), "held");
    }

    function test_release_isRefused_forZero_andBeyondTheCount() public {
        policy.count(DID, _events(0, 2));
        vm.expectRevert(abi.encodeWithSelector(IDeposits.NothingGiven.selector));
        policy.release(DID, 0);
        vm.expectRevert(abi.encodeWithSelector(AnchoredEventsPolicy.NotCounted.selector, 3, 2));
        policy.release(DID, 3);
        vm.expectRevert(abi.encodeWithSelector(AnchoredEventsPolicy.NotCounted.selector, 1, 0));
        vm.prank(STRANGER);
        policy.release(DID, 1);
    }

    function test_constructor_isRefused_withoutADeposit() public {
        vm.expectRevert(abi.encodeWithSelector(AnchoredEventsPolicy.ZeroDeposit.selector));
        new AnchoredEventsPolicy(anchor, token, LOCK, 0, CEILING);
    }

    function _alreadyCounted(AnchoredEventsPolicy.ImportEvent[] memory events) private {
        vm.expectRevert(abi.encodeWithSelector(AnchoredEventsPolicy.AlreadyCounted.selector, DID, leaves[0]));
        policy.count(DID, events);
    }

    function _fund(address account) private {
        token.mint(account, 1000);
        vm.prank(account);
        token.approve(address(policy), 1000);
    }

    function _events(uint256 from, uint256 number)
        private
        view
        returns (AnchoredEventsPolicy.ImportEvent[] memory events)
    {
        events = new AnchoredEventsPolicy.ImportEvent[](number);
        for (uint256 i = 0; i < number; ++i) {
            uint256 k = from + i;
            events[i] = AnchoredEventsPolicy.ImportEvent(
                Tree.root(leaves), bytes32(k), keccak256(abi.encode(k)), Tree.proof(leaves, k)
            );
        }
    }
}
