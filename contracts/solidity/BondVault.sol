// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IBondVault} from "./interfaces/IBondVault.sol";
import {IFederation} from "./interfaces/IFederation.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";

/// @title See `interfaces/IBondVault.sol`, which says what every function does.
contract BondVault is IBondVault {
    using SafeERC20 for IERC20;

    /// @param freeFrom The first epoch for which the bond does not stand; 0 while it stands for all.
    struct Bond {
        uint192 amount;
        uint64 freeFrom;
    }

    IERC20 public immutable token;
    IRewardPool public immutable pool;
    IFederation public immutable federation;

    mapping(address account => Bond) private _bonds;

    constructor(IERC20 token_, IRewardPool pool_, IFederation federation_) {
        token = token_;
        pool = pool_;
        federation = federation_;
    }

    /// @inheritdoc IBondVault
    /// @dev The amount is known only after the transfer, so the record follows it; a token that calls back
    /// into `deposit` makes the outer balance differ from the outer amount, which is refused.
    function deposit(address account, uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert FeeOnTransfer(amount, received);

        Bond storage bond = _bonds[account];
        bond.amount = SafeCast.toUint192(bond.amount + amount);
        emit Deposited(account, msg.sender, amount);
    }

    /// @inheritdoc IBondVault
    function retire() external {
        Bond storage bond = _bonds[msg.sender];
        if (bond.freeFrom == 0) bond.freeFrom = federation.epoch() + 1;
        emit Leaving(msg.sender, true);
    }

    /// @inheritdoc IBondVault
    function stay() external {
        _bonds[msg.sender].freeFrom = 0;
        emit Leaving(msg.sender, false);
    }

    /// @inheritdoc IBondVault
    function withdraw(uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        Bond storage bond = _bonds[msg.sender];
        if (bond.freeFrom == 0) revert NotLeaving(msg.sender);
        // Not only while all is closed, or an aggregator that never pauses would keep everybody in.
        bool free = federation.phase() == IFederation.Phase.Closed || federation.epoch() >= bond.freeFrom;
        if (!free) revert EpochUnderWay();
        _take(bond, msg.sender, amount);
        emit Withdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IBondVault
    function slash(address account, uint256 amount, address beneficiary) external {
        if (msg.sender != address(federation)) revert NotFederation(msg.sender);
        _take(_bonds[account], account, amount);
        uint256 half = beneficiary == address(0) ? 0 : amount / 2;
        uint256 rest = amount - half;
        emit Slashed(account, beneficiary, half, rest);
        if (half != 0) token.safeTransfer(beneficiary, half);
        if (rest != 0) {
            token.forceApprove(address(pool), rest);
            pool.donate(rest);
        }
    }

    /// @inheritdoc IBondVault
    function bondOf(address account) external view returns (uint256) {
        return _bonds[account].amount;
    }

    /// @inheritdoc IBondVault
    function leaving(address account) external view returns (bool) {
        return _bonds[account].freeFrom != 0;
    }

    /// @inheritdoc IBondVault
    function standing(address account) external view returns (uint256) {
        Bond memory bond = _bonds[account];
        return bond.freeFrom == 0 ? bond.amount : 0;
    }

    function _take(Bond storage bond, address account, uint256 amount) private {
        if (amount > bond.amount) revert BondTooSmall(account, bond.amount, amount);
        bond.amount -= uint192(amount);
    }
}
