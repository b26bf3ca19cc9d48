// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {BondVault} from "../BondVault.sol";
import {RewardPool} from "../RewardPool.sol";
import {IBondVault} from "../interfaces/IBondVault.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {FeeToken} from "./FeeToken.sol";
import {HookToken} from "./HookToken.sol";
import {World} from "./World.sol";

/// @title Bonds: who pays them in, when they come out, and how they are lost.
contract BondVaultTest is World {
    address private constant OWNER = address(0x0ED);

    function testFuzz_deposit_addsToTheBondOfAnyAccount(uint256 first, uint256 second) public {
        (first, second) = (bound(first, 1, FUNDS), bound(second, 1, FUNDS));
        vm.expectEmit(address(vault));
        emit IBondVault.Deposited(OWNER, address(this), first);
        vault.deposit(OWNER, first);
        vault.deposit(OWNER, second);
        eq(vault.bondOf(OWNER), first + second, "bond");
        eq(vault.standing(OWNER), first + second, "standing");
    }

    function test_deposit_isRefused_ofNothing_orLessThanWasSent() public {
        vm.expectRevert(abi.encodeWithSelector(IBondVault.ZeroAmount.selector));
        vault.deposit(OWNER, 0);
        FeeToken fee = new FeeToken(FUNDS);
        BondVault other = _vaultOf(fee);
        fee.approve(address(other), 100);
        vm.expectRevert(abi.encodeWithSelector(IBondVault.FeeOnTransfer.selector, 100, 99));
        other.deposit(OWNER, 100);
    }

    function test_deposit_isRefused_whenTheTokenCallsBack() public {
        HookToken hook = new HookToken(FUNDS);
        BondVault other = _vaultOf(hook);
        hook.approve(address(other), 100);
        hook.transfer(address(hook), 10);
        vm.prank(address(hook));
        hook.approve(address(other), 10);
        hook.arm(address(other), abi.encodeCall(IBondVault.deposit, (OWNER, 10)));
        vm.expectRevert(abi.encodeWithSelector(IBondVault.FeeOnTransfer.selector, 100, 110));
        other.deposit(OWNER, 100);
    }

    function testFuzz_withdraw_paysOut_onlyAfterItsEpoch_andOnlyOnceLeaving(uint256 amount) public {
        vault.deposit(OWNER, 100);
        open();
        amount = bound(amount, 1, 200);
        vm.expectRevert(abi.encodeWithSelector(IBondVault.NotLeaving.selector, OWNER));
        _withdraw(amount);
        vm.expectEmit(address(vault));
        emit IBondVault.Leaving(OWNER, true);
        vm.prank(OWNER);
        vault.retire();
        check(vault.leaving(OWNER), "leaving");
        eq(vault.standing(OWNER), 0, "stands for nothing more");
        for (uint8 p = 1; p <= uint8(type(IFederation.Phase).max); ++p) {
            reach(IFederation.Phase(p));
            vm.expectRevert(abi.encodeWithSelector(IBondVault.EpochUnderWay.selector));
            _withdraw(amount);
        }
        step();
        if (amount > 100) {
            vm.expectRevert(abi.encodeWithSelector(IBondVault.BondTooSmall.selector, OWNER, 100, amount));
        } else {
            vm.expectEmit(address(vault));
            emit IBondVault.Withdrawn(OWNER, amount);
        }
        _withdraw(amount);
        eq(token.balanceOf(OWNER), amount > 100 ? 0 : amount, "paid out");
        eq(vault.bondOf(OWNER), amount > 100 ? 100 : 100 - amount, "bond");
    }

    function test_withdraw_paysOut_inAnEpochThatOpenedAfterwards() public {
        vault.deposit(OWNER, 100);
        open();
        _retire();
        vm.expectRevert(abi.encodeWithSelector(IBondVault.EpochUnderWay.selector));
        _withdraw(100);
        reach(IFederation.Phase.Closed);
        open();
        _retire();
        _withdraw(40);
        reach(IFederation.Phase.Proposed);
        _withdraw(60);
        eq(token.balanceOf(OWNER), 100, "no pause is needed");
    }

    function test_withdraw_refusesNothing() public {
        vm.expectRevert(abi.encodeWithSelector(IBondVault.ZeroAmount.selector));
        _withdraw(0);
    }

    function test_stay_takesLeavingBack() public {
        vault.deposit(OWNER, 100);
        vm.prank(OWNER);
        vault.retire();
        vm.expectEmit(address(vault));
        emit IBondVault.Leaving(OWNER, false);
        vm.prank(OWNER);
        vault.stay();
        eq(vault.standing(OWNER), 100, "standing");
        vm.expectRevert(abi.encodeWithSelector(IBondVault.NotLeaving.selector, OWNER));
        _withdraw(1);
    }

    function testFuzz_slash_splitsABond_withAChallenger_orNot(uint256 bond, uint256 amount, bool alone) public {
        bond = bound(bond, 1, FUNDS);
        amount = bound(amount, 0, 2 * FUNDS);
        address beneficiary = alone ? address(0) : CHALLENGER;
        vault.deposit(OWNER, bond);
        uint256 half = alone ? 0 : amount / 2;
        uint256 pooled = pool.funded();
        if (amount > bond) {
            vm.expectRevert(abi.encodeWithSelector(IBondVault.BondTooSmall.selector, OWNER, bond, amount));
        } else {
            vm.expectEmit(address(vault));
            emit IBondVault.Slashed(OWNER, beneficiary, half, amount - half);
        }
        vm.prank(address(federation));
        vault.slash(OWNER, amount, beneficiary);
        if (amount > bond) return;
        eq(vault.bondOf(OWNER), bond - amount, "bond");
        eq(token.balanceOf(CHALLENGER), half, "half");
        eq(pool.funded(), pooled + amount - half, "rest");
        eq(pool.shareOf(address(vault)), 0, "no share of a sweep");
    }

    function testFuzz_slash_isTheFederationsAlone(address caller) public {
        vm.assume(caller != address(federation));
        vm.expectRevert(abi.encodeWithSelector(IBondVault.NotFederation.selector, caller));
        vm.prank(caller);
        vault.slash(AGGREGATOR, 1, caller);
    }

    function _retire() private {
        vm.prank(OWNER);
        vault.retire();
    }

    function _withdraw(uint256 amount) private {
        vm.prank(OWNER);
        vault.withdraw(amount);
    }

    function _vaultOf(IERC20 other) private returns (BondVault) {
        return new BondVault(other, new RewardPool(other, address(this)), IFederation(address(federation)));
    }
}
