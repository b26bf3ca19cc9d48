// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContributorRegistry} from "../ContributorRegistry.sol";
import {MootToken} from "../MootToken.sol";
import {IContributorRegistry} from "../interfaces/IContributorRegistry.sol";
import {Base} from "./Base.sol";

/// @title Registration by the payee itself, and one payee handing over to another.
contract SuccessionTest is Base {
    bytes32 internal constant DID = keccak256("did:key:z1");
    address internal constant OLD = address(0x01D);
    address internal constant NEXT = address(0x4E7);
    address internal constant THIRD = address(0x3);

    ContributorRegistry internal registry;

    function setUp() public {
        registry = new ContributorRegistry(new MootToken(), 1);
        _register(OLD);
        _register(NEXT);
    }

    function testFuzz_register_takesTheSenderAsPayee_once(address payee, bytes32 did) public {
        vm.assume(did != DID);
        eq(registry.payeeOf(did, payee), address(0), "nobody yet");
        vm.expectEmit(address(registry));
        emit IContributorRegistry.Registered(did, payee);
        vm.prank(payee);
        registry.register(did);
        check(registry.accepts(did, payee), "accepts");
        eq(registry.payeeOf(did, payee), payee, "payee");
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.AlreadyRegistered.selector, did, payee));
        vm.prank(payee);
        registry.register(did);
    }

    function test_changePayee_handsOver_onlyAfterTheDelay() public {
        uint256 from = block.timestamp + 3 days;
        vm.expectEmit(address(registry));
        emit IContributorRegistry.PayeeChanging(DID, OLD, NEXT, from);
        _change(OLD, OLD, NEXT);
        vm.warp(from - 1);
        eq(registry.payeeOf(DID, OLD), OLD, "still the old one");
        vm.warp(from);
        eq(registry.payeeOf(DID, OLD), NEXT, "the next one");
        eq(registry.payeeOf(DID, NEXT), NEXT, "the other's own claim is untouched");
        check(registry.accepts(DID, OLD), "who accepted still accepts");
    }

    function test_changePayee_isRefused_fromWhoeverIsNotPaidNow() public {
        _refused(NEXT, OLD, NEXT);
        _refused(THIRD, THIRD, NEXT);
        _change(OLD, OLD, NEXT);
        _refused(NEXT, OLD, OLD);
        vm.warp(block.timestamp + 3 days);
        _refused(OLD, OLD, OLD);
    }

    function test_changePayee_isRefused_toWhoeverDidNotAccept() public {
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.NotAccepted.selector, DID, THIRD));
        _change(OLD, OLD, THIRD);
    }

    function test_changePayee_replacesAChangeToCome_andStartsTheDelayAnew() public {
        _register(THIRD);
        _change(OLD, OLD, NEXT);
        vm.warp(block.timestamp + 3 days - 1);
        _change(OLD, OLD, THIRD);
        vm.warp(block.timestamp + 1);
        eq(registry.payeeOf(DID, OLD), OLD, "the first change is gone");
        vm.warp(block.timestamp + 3 days);
        eq(registry.payeeOf(DID, OLD), THIRD, "the second holds");
        _change(THIRD, OLD, OLD);
        eq(registry.payeeOf(DID, OLD), THIRD, "on its way back");
        vm.warp(block.timestamp + 3 days);
        eq(registry.payeeOf(DID, OLD), OLD, "back");
    }

    function test_keepPayee_cancels_withinTheDelay() public {
        _change(OLD, OLD, NEXT);
        vm.warp(block.timestamp + 3 days - 1);
        vm.expectEmit(address(registry));
        emit IContributorRegistry.PayeeKept(DID, OLD, OLD);
        vm.prank(OLD);
        registry.keepPayee(DID, OLD);
        vm.warp(block.timestamp + 3 days);
        eq(registry.payeeOf(DID, OLD), OLD, "kept");
        _notPending(OLD);
    }

    function test_keepPayee_isRefused_fromOthers_withoutAChange_andTooLate() public {
        _notPending(OLD);
        _change(OLD, OLD, NEXT);
        _notPending(NEXT);
        vm.warp(block.timestamp + 3 days);
        _notPending(OLD);
        _notPending(NEXT);
        eq(registry.payeeOf(DID, OLD), NEXT, "handed over");
    }

    function _register(address payee) private {
        vm.prank(payee);
        registry.register(DID);
    }

    function _change(address sender, address named, address next) private {
        vm.prank(sender);
        registry.changePayee(DID, named, next);
    }

    function _refused(address sender, address named, address next) private {
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.NotPayee.selector, DID, named, sender));
        _change(sender, named, next);
    }

    function _notPending(address sender) private {
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.NoChangePending.selector, DID, OLD, sender));
        vm.prank(sender);
        registry.keepPayee(DID, OLD);
    }
}
