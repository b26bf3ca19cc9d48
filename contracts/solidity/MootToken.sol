// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A token for tests and demonstrations. Its deployer mints at will: never use it for real money.
contract MootToken is ERC20Permit {
    address public immutable minter;

    error NotMinter(address caller);

    constructor() ERC20("Folkmoot test token", "MOOT") ERC20Permit("Folkmoot test token") {
        minter = msg.sender;
    }

    /// @notice Create tokens. Deployer only.
    function mint(address to, uint256 amount) external {
        if (msg.sender != minter) revert NotMinter(msg.sender);
        _mint(to, amount);
    }
}
