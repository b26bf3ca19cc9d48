// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IRewardPool} from "./IRewardPool.sol";

/// @title Bonds of challengers, and what they have become.
interface IBonds {
    /// @notice An account may withdraw so much more.
    event Owed(IERC20 indexed token, address indexed account, uint256 amount);

    /// @notice An account was paid all that it was owed.
    event Withdrawn(IERC20 indexed token, address indexed account, uint256 amount);

    /// @notice The account has nothing to withdraw in this token.
    error NothingOwed(address account);

    /// @notice The token keeps a part of what is transferred: a bond in it cannot be held.
    error BondFee(uint256 sent, uint256 received);

    /// @notice Pay the caller all bonds that it is owed in a token.
    function withdraw(IERC20 token) external;

    /// @notice Give a reward pool what it is owed in its token. Anyone may call it.
    function donate(IRewardPool pool) external;

    /// @notice What an account may withdraw.
    function owed(IERC20 token, address account) external view returns (uint256);
}
