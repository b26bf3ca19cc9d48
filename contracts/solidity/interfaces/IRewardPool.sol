// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Holds a federation's tokens and pays them out of one cumulative Merkle root.
/// @notice A leaf says what a payee has earned since the beginning, so that a newer root replaces an
/// older one and a missed epoch loses nothing. The pool counts what it was given and what it paid, and
/// measures what it holds: tokens that take a fee are refused, and where a token's balances shrink by
/// themselves the pool promises no more than is left. What merely arrives belongs to nobody.
interface IRewardPool {
    /// @param payee Whom the leaf names.
    /// @param cumulative Wei that the leaf says it earned since the beginning.
    struct Claim {
        address payee;
        uint256 cumulative;
        bytes32[] proof;
    }

    event Funded(address indexed from, uint256 amount);
    event Donated(address indexed from, uint256 amount);
    event Posted(bytes32 root, uint256 totalCumulative);
    event Paid(address indexed payee, uint256 amount, uint256 cumulative);
    event Swept(address indexed funder, uint256 amount, uint256 share);

    /// @notice Only the federation posts payout tables.
    error NotFederation(address caller);
    /// @notice Nothing was offered.
    error ZeroAmount();
    /// @notice The token delivered another amount than was sent; only exact tokens are taken.
    error FeeOnTransfer(uint256 sent, uint256 received);
    /// @notice The token's balances shrank by themselves; whoever sends the difference repairs the pool.
    error BalanceShrank(uint256 held, uint256 counted);
    /// @notice The sum of all leaves never falls.
    error TotalDecreased(uint256 total, uint256 posted);
    /// @notice The table promises more than the pool can back.
    error Underfunded(uint256 total, uint256 backed);
    /// @notice The posted table has no such leaf; ask for the proof under the newest root.
    error InvalidProof(address payee, uint256 cumulative);
    /// @notice The payee was paid this much before.
    error NothingToClaim(address payee, uint256 cumulative, uint256 paid);
    /// @notice The leaves of the table exceed its total; the next table has to repair it.
    error Overdrawn(uint256 paid, uint256 total);
    /// @notice Funders take money back only when no table was posted for long.
    error NotExpired(uint256 from);
    /// @notice The caller funded nothing that is left, or nothing is free.
    error NothingToSweep(address funder);

    /// @notice Move tokens of the caller into the pool; they need its allowance.
    /// @param amount Wei that must arrive in full: a token that takes a fee is refused.
    function fund(uint256 amount) external;

    /// @notice As `fund`, with the allowance signed (EIP-2612). A permit that somebody else already sent
    /// stops nothing, since only the allowance counts.
    function fundWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice As `fund`, but for good: it gives no share of what is swept. Lost bonds come this way.
    function donate(uint256 amount) external;

    /// @notice Replace the payout table. Federation only.
    /// @param root_ Root over leaves `(chainId, pool, payee, cumulativeWei)`, hashed twice.
    /// @param total Sum of all leaves; never falls, never more than the pool can back.
    function post(bytes32 root_, uint256 total) external;

    /// @notice Pay a payee what its leaf says beyond what it was paid before. Anyone may call it.
    function claim(address payee, uint256 cumulativeWei, bytes32[] calldata proof) external;

    /// @notice Pay many. Anyone may call it.
    /// @dev An entry that was paid before is passed over, so that nobody spoils a batch by claiming one of
    /// it first. Any other bad entry reverts the whole batch with its own error, which names it.
    /// @return amount Wei paid.
    function claimMany(Claim[] calldata claims) external returns (uint256 amount);

    /// @notice Take back the caller's share of what is neither promised nor reserved. The share is in
    /// proportion to what it funded, among those who have not taken theirs, and never more than it funded.
    /// Open once no table was posted for `SWEEP_DELAY`; it ends the caller's share. What is promised stays
    /// claimable.
    /// @return amount Wei taken back.
    function sweep() external returns (uint256 amount);

    function token() external view returns (IERC20);
    function root() external view returns (bytes32);

    /// @notice Wei funded or donated, less what was swept.
    function funded() external view returns (uint256);

    /// @notice Wei that give one funder its share of a sweep.
    function shareOf(address funder) external view returns (uint256);

    /// @notice Wei ever promised by the current table, paid or not.
    function totalCumulative() external view returns (uint256);

    /// @notice Wei ever paid out.
    function totalPaid() external view returns (uint256);

    /// @notice Wei ever paid to one payee.
    function paid(address payee) external view returns (uint256);

    /// @notice Wei that the pool counts and holds, and has not promised to anyone.
    function unallocated() external view returns (uint256);

    /// @notice The second from which funders may sweep, unless a table is posted before.
    function expiry() external view returns (uint256);
}
