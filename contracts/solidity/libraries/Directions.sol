// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vectors} from "./Vectors.sol";

/// @title How far a public direction is shifted before the gradient is projected off it.
/// @dev `federation/contribution.py`: by the least number of bits that brings its squared norm to 2^54.
library Directions {
    uint256 internal constant NORM_BITS = 54;

    /// @notice Whether a vector of int64, or a difference of two, could be shifted so far.
    /// @dev Shifted by 64 it holds nothing but 0 and -1.
    function possible(int256 shift) internal pure returns (bool) {
        return shift >= 0 && shift <= 64;
    }

    /// @notice Whether `shift` is the least number of bits that brings the squared norm to 2^54.
    /// @dev Shifting never makes an entry larger, so that the number before it decides.
    /// @param source The vector, whole.
    /// @param minus What is subtracted from it, whole, where `difference`; of the same length.
    function least(bytes calldata source, bytes calldata minus, bool difference, int256 shift)
        internal
        pure
        returns (bool)
    {
        if (!possible(shift)) return false;
        uint256 bits = uint256(shift);
        if (normSquared(source, minus, difference, bits) > 1 << NORM_BITS) return false;
        return bits == 0 || normSquared(source, minus, difference, bits - 1) > 1 << NORM_BITS;
    }

    /// @notice The squared norm of a vector, or of a difference, shifted by `bits`.
    function normSquared(bytes calldata source, bytes calldata minus, bool difference, uint256 bits)
        internal
        pure
        returns (uint256 total)
    {
        unchecked {
            uint256 length = source.length;
            for (uint256 offset = 0; offset < length; offset += 32) {
                uint256 x = Vectors.four(source, offset);
                uint256 y = difference ? Vectors.four(minus, offset) : 0;
                uint256 lanes = length - offset < 32 ? (length - offset) / 8 : 4;
                for (uint256 k = 0; k < lanes; ++k) {
                    int256 value = (Vectors.lane(x, k) - Vectors.lane(y, k)) >> bits;
                    total += uint256(value * value);
                }
            }
        }
    }
}
