// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title For comparison only: pays everybody in one transaction.
contract PushPayments {
    using SafeERC20 for IERC20;

    function pay(IERC20 token, address[] calldata to, uint256 amount) external {
        for (uint256 i = 0; i < to.length; ++i) {
            token.safeTransferFrom(msg.sender, to[i], amount);
        }
    }
}
