// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IReserves} from "./interfaces/IReserves.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {MerkleRoot} from "./libraries/MerkleRoot.sol";

/// @title See `interfaces/IRewardPool.sol`, which says what every function does.
contract RewardPool is IRewardPool {
    using SafeERC20 for IERC20;

    /// @dev One slot, so that a claim reads what was promised for free when it counts what it pays.
    struct Books {
        uint104 promised;
        uint104 paid;
        uint48 posted;
    }

    /// @notice Seconds without a new table after which funders may take back what is free.
    uint48 public constant SWEEP_DELAY = 180 days;

    IERC20 public immutable token;
    address public immutable federation;

    bytes32 public root;
    Books internal _books;
    uint104 internal _funded;
    uint104 internal _shares;
    mapping(address payee => uint256) public paid;
    mapping(address funder => uint256) public shareOf;

    constructor(IERC20 token_, address federation_) {
        token = token_;
        // slither-disable-next-line missing-zero-check: a pool without a federation never posts a table.
        federation = federation_;
        _books.posted = uint48(block.timestamp);
    }

    /// @inheritdoc IRewardPool
    function fund(uint256 amount) public {
        _take(amount);
        _shares += uint104(amount);
        shareOf[msg.sender] += amount;
        emit Funded(msg.sender, amount);
    }

    /// @inheritdoc IRewardPool
    // slither-disable-next-line reentrancy-benign,reentrancy-events: the permit precedes a whole `fund`.
    function fundWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        fund(amount);
    }

    /// @inheritdoc IRewardPool
    function donate(uint256 amount) external {
        _take(amount);
        emit Donated(msg.sender, amount);
    }

    /// @inheritdoc IRewardPool
    function post(bytes32 root_, uint256 total) external {
        if (msg.sender != federation) revert NotFederation(msg.sender);
        Books memory books = _books;
        if (total < books.promised) revert TotalDecreased(total, books.promised);
        uint256 backed = _backed(books.paid);
        if (total > backed) revert Underfunded(total, backed);

        root = root_;
        _books = Books(uint104(total), books.paid, uint48(block.timestamp));
        emit Posted(root_, total);
    }

    /// @inheritdoc IRewardPool
    function claim(address payee, uint256 cumulativeWei, bytes32[] calldata proof) external {
        uint256 amount = _settle(payee, cumulativeWei, proof);
        if (amount == 0) revert NothingToClaim(payee, cumulativeWei, paid[payee]);
        token.safeTransfer(payee, amount);
    }

    /// @inheritdoc IRewardPool
    /// @dev All is settled before the first transfer, so a token that calls back finds nothing half done.
    function claimMany(Claim[] calldata claims) external returns (uint256 amount) {
        uint256[] memory amounts = new uint256[](claims.length);
        for (uint256 i = 0; i < claims.length; ++i) {
            amounts[i] = _settle(claims[i].payee, claims[i].cumulative, claims[i].proof);
            amount += amounts[i];
        }
        for (uint256 i = 0; i < claims.length; ++i) {
            if (amounts[i] != 0) token.safeTransfer(claims[i].payee, amounts[i]);
        }
    }

    /// @inheritdoc IRewardPool
    /// @dev The bound by the share keeps a late funder from taking lost bonds along with its own money.
    function sweep() external returns (uint256 amount) {
        if (block.timestamp < expiry()) revert NotExpired(expiry());
        uint256 share = shareOf[msg.sender];
        uint256 free = _beyond(unallocated(), IReserves(federation).reserved());
        // Both factors are below 2^104.
        unchecked {
            if (share != 0) amount = _lesser(share, free * share / _shares);
        }
        // slither-disable-next-line incorrect-equality: rounded down to nothing, there is nothing to send.
        if (amount == 0) revert NothingToSweep(msg.sender);

        shareOf[msg.sender] = 0;
        _shares -= uint104(share);
        _funded -= uint104(amount);
        emit Swept(msg.sender, amount, share);

        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IRewardPool
    function funded() external view returns (uint256) {
        return _funded;
    }

    /// @inheritdoc IRewardPool
    function totalCumulative() external view returns (uint256) {
        return _books.promised;
    }

    /// @inheritdoc IRewardPool
    function totalPaid() external view returns (uint256) {
        return _books.paid;
    }

    /// @inheritdoc IRewardPool
    function unallocated() public view returns (uint256) {
        return _beyond(_backed(_books.paid), _books.promised);
    }

    /// @inheritdoc IRewardPool
    function expiry() public view returns (uint256) {
        return uint256(_books.posted) + SWEEP_DELAY;
    }

    /// @dev Books that one leaf is paid, and returns what is to be sent: zero where it was paid before.
    /// `Overdrawn` keeps a table whose leaves exceed its total from spending later epochs' funds.
    function _settle(address payee, uint256 cumulativeWei, bytes32[] calldata proof) private returns (uint256 amount) {
        bytes32 leaf = Leaves.payout(address(this), payee, cumulativeWei);
        if (MerkleRoot.climb(proof, leaf) != root) revert InvalidProof(payee, cumulativeWei);
        uint256 before = paid[payee];
        if (cumulativeWei <= before) return 0;
        amount = cumulativeWei - before;
        (uint256 promised, uint256 totalAfter) = (_books.promised, _books.paid + amount);
        if (totalAfter > promised) revert Overdrawn(totalAfter, promised);

        paid[payee] = cumulativeWei;
        _books.paid = uint104(totalAfter);
        emit Paid(payee, amount, cumulativeWei);
    }

    /// @dev The amount is known only after the transfer, so the record follows it. A token that calls back
    /// into `fund` makes the outer balance differ from the outer amount, which is refused.
    function _take(uint256 amount) private {
        if (amount == 0) revert ZeroAmount();
        uint256 before = token.balanceOf(address(this));
        uint256 counted = _funded - _books.paid;
        if (before < counted) revert BalanceShrank(before, counted);
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert FeeOnTransfer(amount, received);
        _funded = SafeCast.toUint104(_funded + amount);
    }

    /// @dev The most that may ever be promised: what was counted, or what was paid and is still held.
    function _backed(uint256 paid_) private view returns (uint256) {
        return _lesser(_funded, paid_ + token.balanceOf(address(this)));
    }

    function _lesser(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _beyond(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }
}
