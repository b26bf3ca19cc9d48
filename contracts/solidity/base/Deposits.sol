// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDeposits} from "../interfaces/IDeposits.sol";

/// @title Takes exact amounts of one token, and gives them back after a lock.
abstract contract Deposits is IDeposits {
    using SafeERC20 for IERC20;

    struct Leaving {
        uint208 amount;
        uint48 from;
    }

    uint48 private constant MAX_LOCK = 365 days;

    IERC20 public immutable token;
    uint48 public immutable lock;

    mapping(address account => Leaving) public leaving;

    constructor(IERC20 token_, uint48 lock_) {
        if (lock_ == 0 || lock_ > MAX_LOCK) revert InvalidLock(lock_);
        token = token_;
        lock = lock_;
    }

    /// @inheritdoc IDeposits
    function withdraw() external {
        Leaving memory mine = leaving[msg.sender];
        // slither-disable-next-line incorrect-equality: a sum of what was taken, which nobody else can change.
        if (mine.amount == 0) revert NothingToWithdraw(msg.sender);
        if (block.timestamp < mine.from) revert Locked(msg.sender, mine.from);

        delete leaving[msg.sender];
        emit Withdrawn(msg.sender, mine.amount);

        token.safeTransfer(msg.sender, mine.amount);
    }

    /// @dev Takes `amount` from the caller. What is booked must follow it, and must not rest on what was
    /// read before: the token may call back.
    function _take(uint256 amount) internal {
        if (amount == 0) revert NothingGiven();
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert InexactToken(amount, received);
    }

    /// @dev Starts the lock of `amount`, which was taken from the same account before.
    function _leave(uint256 amount) internal returns (uint48 from) {
        from = uint48(block.timestamp) + lock;
        leaving[msg.sender] = Leaving(SafeCast.toUint208(leaving[msg.sender].amount + amount), from);
    }
}
