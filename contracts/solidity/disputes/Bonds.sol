// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IBonds} from "../interfaces/IBonds.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";

/// @title See `interfaces/IBonds.sol`, which says what every function does.
/// @dev Paid out only on request of whom it is owed to: an account that a token refuses to pay could
/// otherwise keep a question open, and with it the money of a whole federation.
abstract contract Bonds is IBonds {
    using SafeERC20 for IERC20;

    mapping(IERC20 token => mapping(address account => uint256)) public owed;

    /// @inheritdoc IBonds
    function withdraw(IERC20 token) external {
        uint256 amount = owed[token][msg.sender];
        if (amount == 0) revert NothingOwed(msg.sender);

        delete owed[token][msg.sender];
        emit Withdrawn(token, msg.sender, amount);

        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IBonds
    /// @dev A pool that does not take it, or names another token, only loses what it is owed itself.
    function donate(IRewardPool pool) external {
        IERC20 token = pool.token();
        uint256 amount = owed[token][address(pool)];
        if (amount == 0) revert NothingOwed(address(pool));

        delete owed[token][address(pool)];
        emit Withdrawn(token, address(pool), amount);

        token.forceApprove(address(pool), amount);
        pool.donate(amount);
    }

    /// @notice Move a bond of the caller into this contract.
    /// @dev Exactly `amount` must arrive, or the bonds of others in the same token would pay for it. A
    /// token that calls back into this contract changes the balance meanwhile, and is refused likewise.
    function _take(IERC20 token, uint256 amount) internal {
        if (amount == 0) return;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert BondFee(amount, received);
    }

    function _owe(IERC20 token, address account, uint256 amount) internal {
        // slither-disable-next-line incorrect-equality: no bond was taken, so nothing is owed.
        if (amount == 0) return;
        owed[token][account] += amount;
        emit Owed(token, account, amount);
    }
}
