// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {RewardPool} from "../RewardPool.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {HookToken} from "./HookToken.sol";
import {PoolWorld} from "./PoolWorld.sol";

/// @title Funding with a signed allowance, and for good.
contract PermitTest is PoolWorld {
    uint256 internal constant KEY = 0xA11CE;
    bytes32 internal constant KIND =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    address internal funder;

    function setUp() public override {
        super.setUp();
        funder = vm.addr(KEY);
        token.mint(funder, FUNDS);
    }

    function testFuzz_fundWithPermit_funds_withoutAnApproval(uint256 amount) public {
        amount = bound(amount, 1, FUNDS);
        (uint8 v, bytes32 r, bytes32 s) = _sign(KEY, amount);
        vm.expectEmit(address(own));
        emit IRewardPool.Funded(funder, amount);
        _fund(amount, v, r, s);
        eq(own.shareOf(funder), amount, "share");
        eq(own.funded(), FUNDS + amount, "funded");
        eq(token.allowance(funder, address(own)), 0, "allowance");
    }

    function test_fundWithPermit_funds_whenSomebodySentThePermitFirst() public {
        (uint8 v, bytes32 r, bytes32 s) = _sign(KEY, 7);
        vm.prank(STRANGER);
        token.permit(funder, address(own), 7, block.timestamp, v, r, s);
        _fund(7, v, r, s);
        eq(own.shareOf(funder), 7, "share");
    }

    function test_fundWithPermit_isRefused_withAnothersSignature() public {
        (uint8 v, bytes32 r, bytes32 s) = _sign(KEY + 1, 7);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, own, 0, 7));
        _fund(7, v, r, s);
        (v, r, s) = _sign(KEY, 7);
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, own, 0, 7));
        vm.prank(funder);
        own.fundWithPermit(7, block.timestamp - 1, v, r, s);
    }

    function test_fundWithPermit_funds_whenTheTokenHasNoPermit() public {
        HookToken bare = new HookToken(7);
        RewardPool other = new RewardPool(bare, address(this));
        bare.approve(address(other), 7);
        other.fundWithPermit(7, block.timestamp, 27, 0, 0);
        eq(other.funded(), 7, "funded");
    }

    function testFuzz_donate_backsTables_andGivesNoShare(uint256 amount) public {
        amount = bound(amount, 1, 8 * FUNDS);
        vm.expectEmit(address(own));
        emit IRewardPool.Donated(address(this), amount);
        own.donate(amount);
        eq(own.shareOf(address(this)), FUNDS, "share");
        eq(own.funded(), FUNDS + amount, "funded");
        own.post(leafOf(PAYEE, FUNDS + amount), FUNDS + amount);
    }

    function test_donate_isRefused_forZero_andWithoutTokens() public {
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.ZeroAmount.selector));
        own.donate(0);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, own, 0, 1));
        vm.prank(STRANGER);
        own.donate(1);
    }

    function _fund(uint256 amount, uint8 v, bytes32 r, bytes32 s) private {
        vm.prank(funder);
        own.fundWithPermit(amount, block.timestamp, v, r, s);
    }

    function _sign(uint256 key, uint256 amount) private returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 words = keccak256(abi.encode(KIND, funder, own, amount, token.nonces(funder), block.timestamp));
        return vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), words)));
    }
}
