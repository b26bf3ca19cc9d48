// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FixedPoint} from "./FixedPoint.sol";

/// @title One entry of a gradient without its part in the span of public directions.
/// @dev The normal equations, solved by Cramer's rule and rounded once: `project_out` of
/// `federation/contribution.py`. With directions of squared norm up to 2^54 and a gradient of norm up to
/// 2^30 no product leaves 2^250 (Hadamard's inequality). Checked throughout: larger records are wrong
/// themselves, and are for their own disputes.
library Projection {
    uint256 internal constant DIRECTIONS = 4;

    /// @notice Where the inner product of directions `a` and `b` stands in a SYSTEM record, in either order.
    function gramIndex(uint256 a, uint256 b) internal pure returns (uint256) {
        if (a > b) (a, b) = (b, a);
        return a * (7 - a) / 2 + b;
    }

    /// @notice Where the inner product of direction `k` and the gradient stands in a SYSTEM record.
    function targetIndex(uint256 k) internal pure returns (uint256) {
        return 10 + k;
    }

    /// @notice The projected entry.
    /// @param system The ten inner products of the directions, row by row, and the four with the gradient.
    /// @param gradient The gradient's entry.
    /// @param directions The same entry of each direction.
    function entry(int256[] memory system, int256 gradient, int256[DIRECTIONS] memory directions)
        internal
        pure
        returns (int256)
    {
        (uint256[] memory basis, int256[][] memory gram, int256 whole) = _basis(system);
        if (basis.length == 0) return gradient;
        int256 part = 0;
        for (uint256 k = 0; k < basis.length; ++k) {
            int256[][] memory replaced = _copy(gram);
            for (uint256 row = 0; row < basis.length; ++row) {
                replaced[row][k] = system[targetIndex(basis[row])];
            }
            part += determinant(replaced) * directions[basis[k]];
        }
        return gradient + FixedPoint.floorDiv(whole - 2 * part, 2 * whole);
    }

    /// @notice The determinant of a square matrix of at most four rows, by its first row.
    function determinant(int256[][] memory matrix) internal pure returns (int256 sum) {
        if (matrix.length == 1) return matrix[0][0];
        for (uint256 column = 0; column < matrix.length; ++column) {
            int256 term = matrix[0][column] * determinant(_minor(matrix, column));
            sum = column % 2 == 0 ? sum + term : sum - term;
        }
    }

    /// @dev Every direction whose Gram determinant with those kept before it is not zero.
    function _basis(int256[] memory system)
        private
        pure
        returns (uint256[] memory basis, int256[][] memory gram, int256 whole)
    {
        for (uint256 k = 0; k < DIRECTIONS; ++k) {
            uint256[] memory wider = new uint256[](basis.length + 1);
            for (uint256 i = 0; i < basis.length; ++i) {
                wider[i] = basis[i];
            }
            wider[basis.length] = k;
            int256[][] memory candidate = _gram(system, wider);
            int256 d = determinant(candidate);
            if (d != 0) (basis, gram, whole) = (wider, candidate, d);
        }
    }

    function _gram(int256[] memory system, uint256[] memory basis) private pure returns (int256[][] memory gram) {
        gram = new int256[][](basis.length);
        for (uint256 row = 0; row < basis.length; ++row) {
            gram[row] = new int256[](basis.length);
            for (uint256 column = 0; column < basis.length; ++column) {
                gram[row][column] = system[gramIndex(basis[row], basis[column])];
            }
        }
    }

    function _minor(int256[][] memory matrix, uint256 without) private pure returns (int256[][] memory minor) {
        uint256 n = matrix.length - 1;
        minor = new int256[][](n);
        for (uint256 row = 0; row < n; ++row) {
            minor[row] = new int256[](n);
            for (uint256 column = 0; column < n; ++column) {
                minor[row][column] = matrix[row + 1][column < without ? column : column + 1];
            }
        }
    }

    function _copy(int256[][] memory matrix) private pure returns (int256[][] memory copy) {
        uint256 n = matrix.length;
        copy = new int256[][](n);
        for (uint256 row = 0; row < n; ++row) {
            copy[row] = new int256[](n);
            for (uint256 column = 0; column < n; ++column) {
                copy[row][column] = matrix[row][column];
            }
        }
    }
}
