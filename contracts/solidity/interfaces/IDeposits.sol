// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Tokens that accounts lay down and get back only some time after they asked for them.
interface IDeposits {
    event Withdrawn(address indexed account, uint256 amount);

    /// @notice Nothing was offered.
    error NothingGiven();
    /// @notice The token delivered another amount than was sent; only exact tokens are taken.
    error InexactToken(uint256 sent, uint256 received);
    /// @notice The lock is zero or longer than a year.
    error InvalidLock(uint48 lock);
    /// @notice Deposits come back when their lock is over.
    error Locked(address account, uint256 until);
    /// @notice The account has asked for nothing back.
    error NothingToWithdraw(address account);

    /// @notice Receive what is unlocked.
    function withdraw() external;

    /// @notice Seconds from asking for a deposit until it can be withdrawn.
    function lock() external view returns (uint48);

    /// @notice What an account asked for, and when it can have it. To ask for more starts the lock anew.
    function leaving(address account) external view returns (uint208 amount, uint48 from);
}
