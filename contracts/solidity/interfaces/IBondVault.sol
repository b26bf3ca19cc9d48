// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Holds the bonds that stand behind one federation.
/// @notice A bond is locked while an epoch is under way that it stands for: there is nothing to wait for
/// afterwards, because whatever could be proven was proven before the epoch closed.
interface IBondVault {
    event Deposited(address indexed account, address indexed from, uint256 amount);
    event Leaving(address indexed account, bool leaving);
    event Withdrawn(address indexed account, uint256 amount);
    event Slashed(address indexed account, address indexed beneficiary, uint256 toBeneficiary, uint256 toPool);

    /// @notice Only the federation may do this.
    error NotFederation(address caller);
    /// @notice The amount is zero.
    error ZeroAmount();
    /// @notice The token does not move what it is told to: it cannot serve as a bond.
    error FeeOnTransfer(uint256 sent, uint256 received);
    /// @notice The account must leave before it withdraws.
    error NotLeaving(address account);
    /// @notice The bond stands for the epoch under way: it stays until that has closed.
    error EpochUnderWay();
    /// @notice The account's bond is smaller than that.
    error BondTooSmall(address account, uint256 bond, uint256 required);

    /// @notice Add to an account's bond, out of the caller's tokens. Anyone may call it.
    function deposit(address account, uint256 amount) external;

    /// @notice Say that the caller's bond stands for no further epoch. Once the present one has closed, it may
    /// be withdrawn.
    function retire() external;

    /// @notice Take `retire` back.
    function stay() external;

    /// @notice Take the caller's bond back, after `retire`. Not while an epoch is under way that opened before it.
    function withdraw(uint256 amount) external;

    /// @notice Take a bond away. Half goes to the beneficiary, the rest to the pool; all of it without a
    /// beneficiary. Federation only.
    function slash(address account, uint256 amount, address beneficiary) external;

    /// @notice What there is to lose. Whoever relies on a bond asks for `standing`.
    function bondOf(address account) external view returns (uint256);

    /// @notice Whether an account has said that it leaves.
    function leaving(address account) external view returns (bool);

    /// @notice What of an account's bond stands for the next epoch: nothing once it leaves.
    function standing(address account) external view returns (uint256);
}
