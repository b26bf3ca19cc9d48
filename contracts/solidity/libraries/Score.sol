// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {FixedPoint} from "./FixedPoint.sol";

/// @title From an inner product to a member's credit: `federation/reward.py` and `score_of`.
/// @dev Checked throughout: what overflows follows from a record that is wrong itself and is for its own
/// dispute, or from terms that no honest epoch has (a bounty of 2^96 wei is far from the limits).
library Score {
    /// @dev Fractional bits of a score and of an improvement.
    uint256 internal constant BITS = 40;

    /// @notice `-(eta / Q) product`, rounded down.
    function ofProduct(int256 product, uint256 eta, uint256 quotaTotal) internal pure returns (int256) {
        return FixedPoint.floorDiv(-(int256(eta) * product), int256(quotaTotal));
    }

    /// @notice The largest magnitude of a counted score: `floor(c quota |gain| / Q)`.
    function limit(IFederation.EpochTerms calldata terms, uint256 quota, int256 gain) internal pure returns (int256) {
        return int256(terms.clipMilli * quota * magnitude(gain) / (1000 * uint256(terms.quotaTotal)));
    }

    /// @notice A score clipped to `+-bound`.
    function clip(int256 score, int256 bound) internal pure returns (int256) {
        if (score > bound) return bound;
        return score < -bound ? -bound : score;
    }

    /// @notice A round's signed pay for a counted score; never positive where the model did not improve.
    function credit(IFederation.EpochTerms calldata terms, int256 counted, int256 countedGain)
        internal
        pure
        returns (int256)
    {
        int256 pay = (SafeCast.toInt256(terms.bounty) * counted) >> BITS;
        return countedGain > 0 || pay < 0 ? pay : int256(0);
    }

    /// @notice Whether a member is left out of the sum from round `nextRound` on.
    /// @param creditAfter The member's credit so far.
    /// @param moved Sum of |gain| over the rounds so far.
    function suspended(
        IFederation.EpochTerms calldata terms,
        uint256 nextRound,
        int256 creditAfter,
        uint256 quota,
        int256 moved
    ) internal pure returns (bool) {
        if (nextRound < terms.suspensionFrom) return false;
        int256 threshold = SafeCast.toInt256(terms.suspensionMilli * terms.bounty * quota) * moved;
        return creditAfter * int256(1000 * uint256(terms.quotaTotal) << BITS) < -threshold;
    }

    /// @notice |value|.
    function magnitude(int256 value) internal pure returns (uint256) {
        return value < 0 ? uint256(-value) : uint256(value);
    }
}
