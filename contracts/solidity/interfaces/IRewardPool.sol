// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Holds a federation's tokens and pays them out of one cumulative Merkle root.
/// @notice A leaf says what a payee has earned since the beginning, so that a newer root replaces an
/// older one and a missed epoch loses nothing.
interface IRewardPool {
    event Funded(address indexed from, uint256 amount);
    event Posted(bytes32 root, uint256 totalCumulative);
    event Paid(address indexed payee, uint256 amount, uint256 cumulative);

    error NotFederation(address caller);
    error ZeroAmount();
    error FeeOnTransfer(uint256 sent, uint256 received);
    error TotalDecreased(uint256 total, uint256 posted);
    error Underfunded(uint256 total, uint256 funded);
    error InvalidProof(address payee, uint256 cumulative);
    error NothingToClaim(address payee, uint256 cumulative, uint256 paid);
    error Overdrawn(uint256 paid, uint256 total);

    /// @notice Move tokens of the caller into the pool; they need its allowance.
    /// @param amount Wei that must arrive in full: a token that takes a fee is refused.
    function fund(uint256 amount) external;

    /// @notice Replace the payout table. Federation only.
    /// @param root Root over leaves `(chainId, pool, payee, cumulativeWei)`, hashed twice.
    /// @param totalCumulative Sum of all leaves; never falls, never more than was funded.
    function post(bytes32 root, uint256 totalCumulative) external;

    /// @notice Pay a payee what its leaf says beyond what it was paid before. Anyone may call it.
    function claim(address payee, uint256 cumulativeWei, bytes32[] calldata proof) external;

    function root() external view returns (bytes32);

    /// @notice Wei ever funded.
    function funded() external view returns (uint256);

    /// @notice Wei ever promised by the current table, paid or not.
    function totalCumulative() external view returns (uint256);

    /// @notice Wei ever paid out.
    function totalPaid() external view returns (uint256);

    /// @notice Wei ever paid to one payee.
    function paid(address payee) external view returns (uint256);

    /// @notice Wei funded and not promised to anyone.
    function unallocated() external view returns (uint256);
}
