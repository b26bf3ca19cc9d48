// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Division towards minus infinity, as Python's `//`.
library Rounding {
    /// @notice `numerator / denominator`, rounded down; Solidity's own division rounds towards zero.
    function floorDiv(int256 numerator, int256 denominator) internal pure returns (int256 quotient) {
        quotient = numerator / denominator;
        if (numerator % denominator != 0 && (numerator < 0) != (denominator < 0)) --quotient;
    }
}
