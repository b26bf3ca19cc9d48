// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDispute} from "../interfaces/IDispute.sol";
import {Blobs} from "./Blobs.sol";
import {Examples} from "./Examples.sol";
import {Vectors} from "./Vectors.sol";

/// @title Sums over the examples of a drawn shard, weighted by coefficient and scale.
library ShardSum {
    /// @notice What one entry of gbar is made of.
    /// @param gradient GRADIENT.
    /// @param examples EXAMPLES of the drawn shard.
    /// @param averaged The averaged coefficients, whole.
    /// @param scales The examples' scales, whole.
    /// @param mean The bytes of the committed mean.
    /// @param entries The index's entry of every provider's part of the drawn shard.
    /// @param parts The bytes of every part, in the same order.
    struct WordClaim {
        IDispute.Record gradient;
        IDispute.Record examples;
        bytes averaged;
        bytes scales;
        bytes mean;
        Examples.PartEntry[] entries;
        bytes[] parts;
    }

    /// @notice The sum over the examples of one part that contain a word.
    /// @dev Every example's length lies within the part's bytes (`Parts.open`).
    /// @param p The part; it, coefficients and scales have been opened.
    /// @param rows Where its first example starts.
    /// @param first The place of that example in the shard.
    /// @return sum The weighted sum.
    /// @return next The place of the example after the part's last.
    function ofPart(WordClaim calldata claim, uint256 p, uint256 rows, uint256 word, uint256 first)
        internal
        pure
        returns (int256 sum, uint256 next)
    {
        bytes calldata part = claim.parts[p];
        unchecked {
            next = first;
            for (uint256 cursor = rows; cursor < part.length; ++next) {
                uint256 end = cursor + 5 + 4 * Blobs.little(part, cursor + 1, 4);
                if (_contains(part, cursor + 5, end, word)) {
                    sum += Vectors.read(claim.averaged, next) * Vectors.read(claim.scales, next);
                }
                cursor = end;
            }
        }
    }

    /// @dev Words ascend: no honest aggregator scores a part in which they do not. So a few are read, not all.
    function _contains(bytes calldata part, uint256 from, uint256 to, uint256 word) private pure returns (bool) {
        unchecked {
            uint256 low = 0;
            uint256 high = (to - from) / 4;
            while (low < high) {
                // slither-disable-next-line divide-before-multiply: a whole place, four bytes each.
                uint256 middle = (low + high) / 2;
                uint256 found = Vectors.eight(part, from + 4 * middle) >> 224;
                if (found == word) return true;
                if (found < word) low = middle + 1;
                else high = middle;
            }
            return false;
        }
    }
}
