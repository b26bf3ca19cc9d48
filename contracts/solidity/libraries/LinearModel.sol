// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Blobs} from "./Blobs.sol";
import {Examples} from "./Examples.sol";
import {Vectors} from "./Vectors.sol";

/// @title The canonical linear model on binary words, as in `federation/models/linear.py`.
/// @dev An example is a (b - m): b its words, m the committed mean, a its scale.
library LinearModel {
    uint256 private constant WEIGHT_BITS = 16;
    uint256 private constant SCALE_BITS = 16;
    uint256 private constant LOGIT_BITS = 24;
    int256 private constant MAX_SCALE = 1 << 17;

    /// @notice m.w: the mean's inner product with weights, `dim` entries each.
    /// @param counts How often each word occurs in `total` examples.
    function meanDot(bytes calldata counts, uint256 total, bytes calldata weights) internal pure returns (int256 sum) {
        unchecked {
            uint256 length = weights.length;
            uint256 offset = 0;
            for (; offset + 32 <= length; offset += 32) {
                uint256 x = Vectors.four(counts, offset);
                uint256 w = Vectors.four(weights, offset);
                sum += meanOf(x, 0, total) * Vectors.lane(w, 0) + meanOf(x, 1, total) * Vectors.lane(w, 1)
                    + meanOf(x, 2, total) * Vectors.lane(w, 2) + meanOf(x, 3, total) * Vectors.lane(w, 3);
            }
            for (; offset < length; offset += 8) {
                sum += meanOf(Vectors.four(counts, offset), 0, total) * Vectors.lane(Vectors.four(weights, offset), 0);
            }
        }
    }

    /// @notice The sum of m_k^2; -1 where a word occurs in more than all examples, which no mean's bytes say.
    function meanSquare(bytes calldata counts, uint256 total) internal pure returns (int256) {
        unchecked {
            uint256 sum = 0;
            uint256 length = counts.length;
            for (uint256 offset = 0; offset < length; offset += 32) {
                uint256 x = Vectors.four(counts, offset);
                // What call data holds after the last count is none.
                if (length - offset < 32) x = (x >> 8 * (32 + offset - length)) << 8 * (32 + offset - length);
                for (uint256 shift = 256; shift != 0;) {
                    shift -= 64;
                    uint256 m = (x >> shift) & type(uint64).max;
                    if (m > total) return -1;
                    // slither-disable-next-line divide-before-multiply: the mean is rounded before it is squared.
                    m = (m << Blobs.MEAN_BITS) / total;
                    sum += m * m;
                }
            }
            return int256(sum);
        }
    }

    /// @notice The mean of the word in lane `k`, 12 fractional bits, rounded down.
    /// @dev A count is at least 0 and at most `total`, or the mean's bytes are a fault of their own.
    function meanOf(uint256 counts, uint256 k, uint256 total) internal pure returns (int256) {
        unchecked {
            return int256((((counts >> (192 - 64 * k)) & type(uint64).max) << Blobs.MEAN_BITS) / total);
        }
    }

    /// @notice The scale of an example: the largest up to 2 with a norm of at most 1.
    /// @param example Canonical bytes of an example.
    function scale(bytes calldata example, bytes calldata counts, uint256 total, int256 square)
        internal
        pure
        returns (int256)
    {
        unchecked {
            uint256 words = Examples.length(example);
            int256 cross = 0;
            for (uint256 k = 0; k < words; ++k) {
                cross += meanOf(uint256(Vectors.read(counts, Examples.word(example, k))), 3, total);
            }
            int256 norm = int256(words << (2 * Blobs.MEAN_BITS)) - (cross << (Blobs.MEAN_BITS + 1)) + square;
            if (norm <= 0) return 0;
            int256 largest = int256(Math.sqrt((1 << (2 * SCALE_BITS + 2 * Blobs.MEAN_BITS)) / uint256(norm)));
            return largest < MAX_SCALE ? largest : MAX_SCALE;
        }
    }

    /// @notice z of an example, without the intercept.
    function logit(bytes calldata example, bytes calldata weights, int256 scale_, int256 dot)
        internal
        pure
        returns (int256)
    {
        unchecked {
            uint256 words = Examples.length(example);
            int256 sum = 0;
            for (uint256 k = 0; k < words; ++k) {
                sum += Vectors.read(weights, Examples.word(example, k));
            }
            return (scale_ * ((sum << Blobs.MEAN_BITS) - dot))
                >> (SCALE_BITS + Blobs.MEAN_BITS + WEIGHT_BITS - LOGIT_BITS);
        }
    }
}
