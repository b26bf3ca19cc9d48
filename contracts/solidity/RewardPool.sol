// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {Leaves} from "./libraries/Leaves.sol";

/// @title See `interfaces/IRewardPool.sol`, which says what every function does.
contract RewardPool is IRewardPool {
    using SafeERC20 for IERC20;

    IERC20 public immutable token;
    address public immutable federation;

    bytes32 public root;
    uint256 public funded;
    uint256 public totalCumulative;
    uint256 public totalPaid;
    mapping(address payee => uint256) public paid;

    constructor(IERC20 token_, address federation_) {
        token = token_;
        federation = federation_;
    }

    /// @inheritdoc IRewardPool
    /// @dev The amount is known only after the transfer, so the record follows it. A token that calls
    /// back into `fund` makes the outer balance differ from the outer amount, which is refused.
    function fund(uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert FeeOnTransfer(amount, received);

        funded += amount;
        emit Funded(msg.sender, amount);
    }

    /// @inheritdoc IRewardPool
    function post(bytes32 root_, uint256 total) external {
        if (msg.sender != federation) revert NotFederation(msg.sender);
        if (total < totalCumulative) revert TotalDecreased(total, totalCumulative);
        if (total > funded) revert Underfunded(total, funded);

        root = root_;
        totalCumulative = total;
        emit Posted(root_, total);
    }

    /// @inheritdoc IRewardPool
    /// @dev `Overdrawn` keeps a table whose leaves exceed its total from spending later epochs' funds.
    function claim(address payee, uint256 cumulativeWei, bytes32[] calldata proof) external {
        bytes32 leaf = Leaves.payout(address(this), payee, cumulativeWei);
        if (!MerkleProof.verifyCalldata(proof, root, leaf)) revert InvalidProof(payee, cumulativeWei);
        uint256 before = paid[payee];
        if (cumulativeWei <= before) revert NothingToClaim(payee, cumulativeWei, before);
        uint256 amount = cumulativeWei - before;
        uint256 totalAfter = totalPaid + amount;
        if (totalAfter > totalCumulative) revert Overdrawn(totalAfter, totalCumulative);

        paid[payee] = cumulativeWei;
        totalPaid = totalAfter;
        emit Paid(payee, amount, cumulativeWei);

        token.safeTransfer(payee, amount);
    }

    /// @inheritdoc IRewardPool
    function unallocated() external view returns (uint256) {
        return funded - totalCumulative;
    }
}
