// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;


import {ContributorRegistry} from "../ContributorRegistry.sol";
import {MootToken} from "../MootToken.sol";
import {IContributorRegistry} from "../interfaces/IContributorRegistry.sol";
import {IDeposits} from "../interfaces/IDeposits.sol";
import {Base} from "./Base.sol";
import {FeeToken} from "./FeeToken.sol";
import {HookToken} from "./HookToken.sol";

/// @title Stakes, their lock and their past.
contract StakesTest is Base {
    bytes32 internal constant DID = keccak256("did:key:z1");
    bytes32 internal constant OTHER = keccak256("did:key:z2");
    uint48 internal constant LOCK = 30 days;
    uint256 internal constant MOST = 1e24;

    MootToken internal token;
    ContributorRegistry internal registry;

    function setUp() public {
        token = new MootToken();
        registry = new ContributorRegistry(token, LOCK);
        token.mint(address(this), MOST);
        token.approve(address(registry), MOST);
        vm.warp(1000);
    }

    function testFuzz_constructor_refusesALock_outOfRange(uint48 lock) public {
        eq(new ContributorRegistry(token, 365 days).lock(), 365 days, "the longest");
        if (lock != 0) lock = uint48(bound(lock, 365 days + 1, type(uint48).max));
        vm.expectRevert(abi.encodeWithSelector(IDeposits.InvalidLock.selector, lock));
        new ContributorRegistry(token, lock);
    }

    function testFuzz_stake_countsForOneDid_andForItsSenderOnly(uint256 first, uint256 second) public {
        first = bound(first, 1, MOST / 2);
        second = bound(second, 1, MOST / 2);
        vm.expectEmit(address(registry));
        emit IContributorRegistry.Staked(DID, address(this), first);
        registry.stake(DID, first);
        registry.stake(DID, second);
        eq(registry.stakeOf(DID, address(this)), first + second, "stake");
        eq(registry.stakeOf(OTHER, address(this)), 0, "another DID");
        eq(registry.stakeOf(DID, address(1)), 0, "another account");
        eq(token.balanceOf(address(registry)), first + second, "held");
    }

    function test_stake_isRefused_forZero_andForTokensThatTakeAFee() public {
        vm.expectRevert(abi.encodeWithSelector(IDeposits.NothingGiven.selector));
        registry.stake(DID, 0);
        FeeToken fee = new FeeToken(100);
        ContributorRegistry other = new ContributorRegistry(fee, LOCK);
        fee.approve(address(other), 100);
        vm.expectRevert(abi.encodeWithSelector(IDeposits.InexactToken.selector, 100, 99));
        other.stake(DID, 100);
    }

    function test_stake_isRefused_whenTheTokenCallsBack() public {
        HookToken hook = new HookToken(100);
        ContributorRegistry other = new ContributorRegistry(hook, LOCK);
        hook.transfer(address(hook), 10);
        vm.prank(address(hook));
        hook.approve(address(other), 10);
        hook.approve(address(other), 90);
        hook.arm(address(other), abi.encodeCall(IContributorRegistry.stake, (DID, 3)));
        vm.expectRevert(abi.encodeWithSelector(IDeposits.InexactToken.selector, 50, 53));
        other.stake(DID, 50);
    }

    function testFuzz_stakeAt_isTheStakeAtTheEndOfThatSecond(uint256 first, uint256 second, uint48 time) public {
        first = bound(first, 1, MOST / 2);
        second = bound(second, 1, MOST / 2);
        registry.stake(DID, first);
        vm.warp(2000);
        registry.stake(DID, second);
        registry.unstake(DID, 1);
        vm.warp(3000);
        time = uint48(bound(time, 900, 3100));
        uint256 expected = time < 1000 ? 0 : time < 2000 ? first : first + second - 1;
        if (time >= 3000) {
            vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.FutureSnapshot.selector, time, 3000));
        }
        uint256 found = registry.stakeAt(DID, address(this), time);
        if (time < 3000) eq(found, expected, "stake then");
    }

    function testFuzz_unstake_paysAfterTheLock(uint256 amount, uint256 back) public {
        amount = bound(amount, 1, MOST);
        back = bound(back, 1, amount);
        registry.stake(DID, amount);
        uint256 from = block.timestamp + LOCK;
        vm.expectEmit(address(registry));
        emit IContributorRegistry.Unstaked(DID, address(this), back, from);
        registry.unstake(DID, back);
        eq(registry.stakeOf(DID, address(this)), amount - back, "stake");

        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(IDeposits.Locked.selector, address(this), from));
        registry.withdraw();
        vm.warp(from);
        vm.expectEmit(address(registry));
        emit IDeposits.Withdrawn(address(this), back);
        registry.withdraw();
        eq(token.balanceOf(address(this)), MOST - amount + back, "received");
        vm.expectRevert(abi.encodeWithSelector(IDeposits.NothingToWithdraw.selector, address(this)));
        registry.withdraw();
    }

    function test_unstake_startsTheLockAnew_forAllThatIsLeaving() public {
        registry.stake(DID, 10);
        registry.stake(OTHER, 10);
        registry.unstake(DID, 10);
        vm.warp(block.timestamp + LOCK - 1);
        registry.unstake(OTHER, 4);
        (uint208 amount, uint48 from) = registry.leaving(address(this));
        eq(amount, 14, "amount");
        eq(from, block.timestamp + LOCK, "from");
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IDeposits.Locked.selector, address(this), from));
        registry.withdraw();
        vm.warp(from);
        registry.withdraw();
        eq(token.balanceOf(address(registry)), 6, "held");
    }

    function test_unstake_isRefused_forZero_andBeyondTheStake() public {
        registry.stake(DID, 10);
        vm.expectRevert(abi.encodeWithSelector(IDeposits.NothingGiven.selector));
        registry.unstake(DID, 0);
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.InsufficientStake.selector, 11, 10));
        registry.unstake(DID, 11);
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.InsufficientStake.selector, 1, 0));
        registry.unstake(OTHER, 1);
    }

    function test_withdraw_paysOnce_whenTheTokenCallsBack() public {
        HookToken hook = new HookToken(100);
        ContributorRegistry other = new ContributorRegistry(hook, LOCK);
        hook.approve(address(other), 100);
        other.stake(DID, 100);
        other.unstake(DID, 60);
        vm.warp(block.timestamp + LOCK);
        hook.arm(address(this), abi.encodeCall(this.again, (other)));
        other.withdraw();
        eq(hook.balanceOf(address(this)), 60, "received");
    }

    function again(ContributorRegistry other) external {
        vm.expectRevert(abi.encodeWithSelector(IDeposits.NothingToWithdraw.selector, address(this)));
        other.withdraw();
    }
}
