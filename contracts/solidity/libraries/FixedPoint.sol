// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Integers over a power of two: the functions of `federation/fixedpoint.py`, bit for bit.
/// @dev Nothing here reverts: a liar's numbers may be of any size, and must give some number that
/// differs from the right one rather than no answer.
library FixedPoint {
    /// @dev Fractional bits of probabilities, losses and logits; 1 as such.
    uint256 internal constant BITS = 24;
    int256 internal constant ONE = 1 << 24;

    /// @dev The tables end at 16, have an entry every 2^17 units, and are constant from there on.
    uint256 private constant STEP_BITS = 17;
    uint256 private constant LAST = 2048;

    /// @notice `a / b` rounded towards minus infinity, for `b` > 0. (Solidity's own rounds towards 0.)
    function floorDiv(int256 a, int256 b) internal pure returns (int256 q) {
        unchecked {
            q = a / b;
            if (a % b < 0) --q;
        }
    }

    /// @notice `a / 2^bits` rounded to the nearest integer, halves upwards.
    function roundShift(int256 a, uint256 bits) internal pure returns (int256) {
        unchecked {
            return (a + int256(1 << (bits - 1))) >> bits;
        }
    }

    /// @notice The logistic function of `z`.
    /// @param table `SigmoidTable.ENTRIES` in memory.
    function sigmoid(bytes memory table, int256 z) internal pure returns (int256) {
        unchecked {
            int256 positive = interpolate(table, z);
            return z < 0 ? ONE - positive : positive;
        }
    }

    /// @notice log(1 + exp(z)).
    /// @param table `SoftplusTable.ENTRIES` in memory.
    function softplus(bytes memory table, int256 z) internal pure returns (int256) {
        unchecked {
            int256 decaying = interpolate(table, z);
            return z < 0 ? decaying : z + decaying;
        }
    }

    /// @notice The table at |z|, linear between its entries, rounded down.
    function interpolate(bytes memory table, int256 z) internal pure returns (int256) {
        unchecked {
            // The magnitude of the least integer is itself, read as unsigned: it ends at 16 as it should.
            uint256 magnitude = uint256(z < 0 ? -z : z);
            if (magnitude > LAST << STEP_BITS) magnitude = LAST << STEP_BITS;
            uint256 index = magnitude >> STEP_BITS;
            if (index == LAST) --index;
            uint256 pair;
            // Measured: six checked bytes cost 982 gas in a loop, this 87; every example needs three pairs.
            // The word may reach past the table's end; only the two entries are used.
            assembly ("memory-safe") {
                pair := shr(208, mload(add(add(table, 32), mul(3, index))))
            }
            int256 low = int256(pair >> 24);
            int256 high = int256(pair & 0xffffff);
            return low + (((high - low) * int256(magnitude - (index << STEP_BITS))) >> STEP_BITS);
        }
    }
}
