// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Blobs} from "./Blobs.sol";
import {FixedPoint} from "./FixedPoint.sol";
import {SigmoidTable} from "./SigmoidTable.sol";
import {Vectors} from "./Vectors.sol";

/// @title One node of the path along which members are scored: the arithmetic of `federation/contribution.py`.
library PathNode {
    /// @dev The 4-point Gauss-Legendre rule on [0, 1]: fractional bits, outer and inner weights.
    uint256 private constant WEIGHT_BITS = 24;
    int256 private constant OUTER = 2918018;
    int256 private constant INNER = 5470590;

    /// @dev Fractional bits by which a sum over examples is longer than a gradient.
    uint256 private constant GRADIENT_SHIFT = 28;

    /// @dev Fractional bits of a summed Brier loss beyond those of an improvement.
    uint256 private constant LOSS_SHIFT = 8;

    /// @notice R and H: the sums of residuals and curvatures over all examples.
    /// @param logits z per example, opened, without the intercept.
    /// @param labels Labels, opened; of the same length.
    function sums(bytes calldata logits, bytes calldata labels, int256 intercept)
        internal
        pure
        returns (int256 residuals, int256 curvatures)
    {
        bytes memory table = _table();
        unchecked {
            uint256 n = logits.length / 8;
            for (uint256 e = 0; e < n; ++e) {
                int256 p = FixedPoint.sigmoid(table, Vectors.read(logits, e) + intercept);
                (int256 r, int256 h) = _derivatives(p, Vectors.read(labels, e));
                residuals += r;
                curvatures += h;
            }
        }
    }

    /// @notice t = r - h R / H: an example's coefficient, where the intercept moves with the weights.
    function coefficient(int256 logit, int256 label, int256 residuals, int256 curvatures)
        internal
        pure
        returns (int256)
    {
        if (curvatures == 0) return 0;
        (int256 r, int256 h) = _derivatives(FixedPoint.sigmoid(_table(), logit), label);
        return r - FixedPoint.floorDiv(h * residuals, curvatures);
    }

    /// @notice z + c; an intercept of any size gives some number.
    function shifted(int256 logit, int256 intercept) internal pure returns (int256) {
        unchecked {
            return logit + intercept;
        }
    }

    /// @notice a: the four nodes' coefficients averaged with the rule's weights, rounded to nearest.
    function average(int256[4] memory t) internal pure returns (int256) {
        return FixedPoint.roundShift(OUTER * (t[0] + t[3]) + INNER * (t[1] + t[2]), WEIGHT_BITS);
    }

    /// @notice One entry of gbar, rounded to nearest.
    /// @param withWord Sum of a times scale over the examples that contain the word.
    /// @param all The same sum over all examples.
    /// @param mean The word's mean.
    /// @param n How many examples there are.
    function gradient(int256 withWord, int256 all, int256 mean, uint256 n) internal pure returns (int256) {
        int256 denominator = int256(n << GRADIENT_SHIFT);
        return FixedPoint.floorDiv(2 * ((withWord << Blobs.MEAN_BITS) - mean * all) + denominator, 2 * denominator);
    }

    /// @notice G: by how much the mean Brier loss fell along the path.
    function improvement(int256 before, int256 after_, uint256 n) internal pure returns (int256) {
        return FixedPoint.floorDiv(before - after_, int256(n << LOSS_SHIFT));
    }

    /// @dev The code holds the table once.
    function _table() private pure returns (bytes memory) {
        return SigmoidTable.ENTRIES;
    }

    /// @dev Residual and curvature of an example of probability `p`. Labels may be a liar's: nothing reverts.
    function _derivatives(int256 p, int256 y) private pure returns (int256 r, int256 h) {
        unchecked {
            h = (p * (FixedPoint.ONE - p)) >> FixedPoint.BITS;
            r = (2 * (p - y * FixedPoint.ONE) * h) >> FixedPoint.BITS;
        }
    }
}
