// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {RewardPool} from "../RewardPool.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Base} from "./Base.sol";
import {OddToken} from "./OddToken.sol";

/// @title What the pool does about tokens that are not as they should be.
contract OddTokensTest is Base {
    uint256 internal constant FUNDS = 1000;
    address internal constant PAYEE = address(0xB0B);

    OddToken internal odd;
    RewardPool internal pool;
    bytes32[] internal none;

    function setUp() public {
        odd = new OddToken(10 * FUNDS);
        pool = new RewardPool(IERC20(address(odd)), address(this));
        odd.approve(address(pool), 10 * FUNDS);
        pool.fund(FUNDS);
    }

    function reserved() external pure returns (uint256) {
        return 0;
    }

    function testFuzz_post_promisesNoMoreThanIsLeft_whenTheTokenShrank(uint256 percent, uint256 total) public {
        percent = bound(percent, 1, 99);
        total = bound(total, 0, FUNDS);
        odd.rebase(percent);
        uint256 held = odd.balanceOf(address(pool));
        eq(pool.unallocated(), held, "unallocated is what is left");
        if (total > held) {
            vm.expectRevert(abi.encodeWithSelector(IRewardPool.Underfunded.selector, total, held));
        }
        pool.post(_leaf(total), total);
    }

    function test_claim_paysWhatIsOwed_whenOnlyFreeTokensShrank() public {
        _post(400);
        odd.rebase(50);
        eq(pool.unallocated(), 100, "unallocated");
        pool.claim(PAYEE, 400, none);
        eq(odd.balanceOf(PAYEE), 400, "received");
        _post(500);
        pool.claim(PAYEE, 500, none);
        eq(odd.balanceOf(address(pool)), 0, "all is paid");
        eq(pool.unallocated(), 0, "nothing is left to promise");
    }

    function test_fund_isRefused_whenTheTokenShrank_untilSomebodyRepairsIt() public {
        odd.rebase(50);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.BalanceShrank.selector, 500, 1000));
        pool.fund(10);
        odd.transfer(address(pool), 500);
        pool.fund(10);
        eq(pool.funded(), 1010, "funded");
        eq(pool.unallocated(), 1010, "unallocated");
    }

    function testFuzz_growth_belongsToNobody(uint256 percent) public {
        percent = bound(percent, 101, 1000);
        odd.rebase(percent);
        eq(pool.unallocated(), FUNDS, "unallocated");
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.Underfunded.selector, FUNDS + 1, FUNDS));
        pool.post(_leaf(FUNDS + 1), FUNDS + 1);
    }

    function test_sweep_sharesTheLoss_whenTheTokenShrank() public {
        _post(200);
        odd.rebase(50);
        vm.warp(pool.expiry());
        eq(pool.sweep(), 300, "swept");
        eq(odd.balanceOf(address(pool)), 200, "what is promised stays");
        pool.claim(PAYEE, 200, none);
    }

    function test_token_thatSaysNo_movesNothing() public {
        _post(100);
        odd.say(OddToken.Answer.No);
        bytes memory failed = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, odd);
        vm.expectRevert(failed);
        pool.fund(10);
        vm.expectRevert(failed);
        pool.claim(PAYEE, 100, none);
        vm.warp(pool.expiry());
        vm.expectRevert(failed);
        pool.sweep();
        eq(pool.paid(PAYEE), 0, "nothing is booked");
        eq(pool.funded(), FUNDS, "funded");
    }

    function test_token_thatSaysNothing_works() public {
        odd.say(OddToken.Answer.Nothing);
        pool.fund(10);
        _post(100);
        pool.claim(PAYEE, 100, none);
        vm.warp(pool.expiry());
        eq(pool.sweep(), 910, "swept");
        eq(odd.balanceOf(PAYEE), 100, "received");
    }

    function test_fund_isRefused_beyondWhatTheBooksHold() public {
        uint256 most = type(uint104).max;
        OddToken huge = new OddToken(most + 1);
        RewardPool other = new RewardPool(IERC20(address(huge)), address(this));
        huge.approve(address(other), most + 1);
        other.fund(most);
        vm.expectRevert(abi.encodeWithSignature("SafeCastOverflowedUintDowncast(uint8,uint256)", 104, most + 1));
        other.donate(1);
        other.post(Leaves.payout(address(other), PAYEE, most), most);
        other.claim(PAYEE, most, none);
        eq(huge.balanceOf(PAYEE), most, "received");
    }

    function _post(uint256 total) private {
        pool.post(_leaf(total), total);
    }

    function _leaf(uint256 amount) private view returns (bytes32) {
        return Leaves.payout(address(pool), PAYEE, amount);
    }
}
