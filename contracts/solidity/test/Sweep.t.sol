// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RewardPool} from "../RewardPool.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {HookToken} from "./HookToken.sol";
import {PoolWorld} from "./PoolWorld.sol";

/// @title Funders take back what is free once a federation has fallen silent.
contract SweepTest is PoolWorld {
    address internal constant ANNA = address(0xA);
    address internal constant BEN = address(0xB);

    uint256 private _free;
    uint256 private _shares;

    function testFuzz_sweep_paysFundersInProportion_inAnyOrder(
        uint256 anna,
        uint256 ben,
        uint256 promised,
        uint256 held,
        bool benFirst
    ) public {
        anna = bound(anna, 1, FUNDS);
        ben = bound(ben, 1, FUNDS);
        fundFrom(ANNA, anna);
        fundFrom(BEN, ben);
        uint256 all = FUNDS + anna + ben;
        promised = bound(promised, 0, all);
        reserved = bound(held, 0, all - promised);
        own.post(leafOf(PAYEE, promised), promised);
        vm.warp(own.expiry());

        (_free, _shares) = (all - promised - reserved, all);
        _expect(benFirst ? BEN : ANNA, benFirst ? ben : anna);
        _expect(benFirst ? ANNA : BEN, benFirst ? anna : ben);
        _expect(address(this), FUNDS);
        eq(token.balanceOf(address(own)), promised + reserved + _free, "left");
        if (promised == 0) return;
        own.claim(PAYEE, promised, new bytes32[](0));
        eq(token.balanceOf(PAYEE), promised, "what was promised stays claimable");
    }

    function test_sweep_isRefused_untilTheFederationWasSilentForLong() public {
        uint256 first = own.expiry();
        eq(first, block.timestamp + 180 days, "counted from the beginning");
        vm.warp(first - 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NotExpired.selector, first));
        own.sweep();
        own.post(bytes32(0), 0);
        vm.warp(first);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NotExpired.selector, first - 1 + 180 days));
        own.sweep();
        vm.warp(first - 1 + 180 days);
        vm.expectEmit(address(own));
        emit IRewardPool.Swept(address(this), FUNDS, FUNDS);
        own.sweep();
    }

    function test_sweep_isRefused_forWhoeverFundedNothing_andTwice() public {
        vm.warp(own.expiry());
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NothingToSweep.selector, STRANGER));
        vm.prank(STRANGER);
        own.sweep();
        own.sweep();
        fundFrom(ANNA, 5);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NothingToSweep.selector, address(this)));
        own.sweep();
        eq(sweepAs(ANNA), 5, "a later funder loses nothing to one who is gone");
    }

    function test_sweep_isRefused_whileAllIsPromisedOrReserved_andKeepsTheShare() public {
        own.post(leafOf(PAYEE, FUNDS - 7), FUNDS - 7);
        reserved = 8;
        vm.warp(own.expiry());
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NothingToSweep.selector, address(this)));
        own.sweep();
        eq(own.shareOf(address(this)), FUNDS, "share");
        reserved = 0;
        eq(own.sweep(), 7, "swept");
        eq(own.funded(), FUNDS - 7, "funded");
        eq(own.unallocated(), 0, "unallocated");
    }

    function testFuzz_sweep_leavesDonations_toWhoeverIsPaidLater(uint256 donation, uint256 late) public {
        token.mint(STRANGER, donation = bound(donation, 1, FUNDS));
        vm.prank(STRANGER);
        token.approve(address(own), donation);
        vm.prank(STRANGER);
        own.donate(donation);
        vm.warp(own.expiry());
        late = bound(late, 1, 1e25);
        fundFrom(ANNA, late);
        eq(sweepAs(ANNA), late, "a late funder gains nothing");
        eq(own.sweep(), FUNDS, "nor does an early one");
        eq(own.unallocated(), donation, "the donation stays");
        own.post(leafOf(PAYEE, donation), donation);
        own.claim(PAYEE, donation, new bytes32[](0));
    }

    function test_sweep_paysOnce_whenTheTokenCallsBack() public {
        (HookToken hook, RewardPool other) = hooked();
        vm.prank(address(hook));
        other.fund(10);
        hook.approve(address(other), 90);
        other.fund(90);
        vm.warp(other.expiry());
        hook.arm(address(other), abi.encodeCall(IRewardPool.sweep, ()));
        eq(other.sweep(), 90, "the outer sweep");
        eq(hook.balanceOf(address(hook)), 10, "the inner one");
        eq(other.funded(), 0, "funded");
        hook.arm(address(0), "");
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NothingToSweep.selector, address(this)));
        other.sweep();
    }

    /// @dev What a share brings, by hand; one that brings nothing is refused and kept.
    function _expect(address funder, uint256 share) private {
        uint256 amount = _free * share / _shares;
        uint256 before = token.balanceOf(funder);
        if (amount == 0) {
            vm.expectRevert(abi.encodeWithSelector(IRewardPool.NothingToSweep.selector, funder));
            sweepAs(funder);
            return;
        }
        eq(sweepAs(funder), amount, "in proportion");
        eq(token.balanceOf(funder) - before, amount, "received");
        eq(own.shareOf(funder), 0, "the share is used up");
        (_free, _shares) = (_free - amount, _shares - share);
    }
}
