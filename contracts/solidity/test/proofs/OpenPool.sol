// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {RewardPool} from "../../RewardPool.sol";
import {Leaves} from "../../libraries/Leaves.sol";

/// @title An exact token with as little code as can be, so that a prover sees through it.
contract Ledger {
    mapping(address owner => uint256) public balanceOf;

    function set(address owner, uint256 amount) external {
        balanceOf[owner] = amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return transferFrom(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public returns (bool) {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }
}

/// @title A pool that can be put into any state, with a table of one leaf.
contract OpenPool is RewardPool {
    constructor(IERC20 token, address federation) RewardPool(token, federation) {}

    function load(uint104 promised, uint104 paid_, uint104 funded_, uint104 shares) external {
        (_books.promised, _books.paid, _funded, _shares) = (promised, paid_, funded_, shares);
    }

    function give(address funder, uint256 share) external {
        shareOf[funder] = share;
    }

    function table(address payee, uint256 before, uint256 cumulative) external {
        paid[payee] = before;
        root = Leaves.payout(address(this), payee, cumulative);
    }

    function allShares() external view returns (uint256) {
        return _shares;
    }
}
