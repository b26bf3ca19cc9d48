// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a pool asks the federation that it belongs to.
interface IReserves {
    /// @notice Wei of the pool that nobody is promised yet and that no funder may take back: the funds of
    /// an epoch under way, and lost bonds that the next table hands out.
    function reserved() external view returns (uint256);
}
