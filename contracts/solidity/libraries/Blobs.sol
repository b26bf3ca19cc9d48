// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDispute} from "../interfaces/IDispute.sol";
import {Vectors} from "./Vectors.sol";

/// @title Published bytes that are committed by their SHA-256: the mean's counts, deltas, models.
/// @dev Each begins with four letters and ends with a vector of little-endian int64.
library Blobs {
    bytes4 internal constant MEAN = "FMC1";
    bytes4 internal constant DELTA = "FMD1";
    bytes4 internal constant MODEL = "FMM1";

    /// @dev Fractional bits of the mean.
    uint256 internal constant MEAN_BITS = 12;

    /// @notice Refuse bytes that do not have the committed hash.
    function open(bytes calldata data, bytes32 hash) internal pure {
        bytes32 given = sha256(data);
        if (given != hash) revert IDispute.WrongBytes(hash, given);
    }

    /// @notice Whether bytes are a magic, `extra` bytes and a vector of `count` entries.
    function shaped(bytes calldata data, bytes4 magic, uint256 extra, uint256 count) internal pure returns (bool) {
        return data.length == 4 + extra + 8 * count && bytes4(data[:4]) == magic;
    }

    /// @notice Total and counts of the committed mean, whose bytes must have the hash `hash`.
    function mean(bytes calldata data, bytes32 hash, uint256 dim)
        internal
        pure
        returns (uint256 total, bytes calldata counts)
    {
        open(data, hash);
        if (!shaped(data, MEAN, 8, dim)) revert IDispute.WrongFormat(hash);
        return (little(data, 4, 8), data[12:]);
    }

    /// @notice The entries of a delta, whose bytes must have the hash `hash`.
    function delta(bytes calldata data, int256 hash, uint256 dim) internal pure returns (bytes calldata entries) {
        bytes32 expected = bytes32(uint256(hash));
        open(data, expected);
        if (!isDelta(data, dim)) revert IDispute.WrongFormat(expected);
        return data[8:];
    }

    /// @notice Whether bytes are a delta of `dim` weights.
    function isDelta(bytes calldata data, uint256 dim) internal pure returns (bool) {
        return shaped(data, DELTA, 4, dim) && little(data, 4, 4) == dim;
    }

    /// @notice The little-endian number of `size` bytes, at most 8, from byte `offset` on.
    /// @dev Refused where the bytes end before; call data after them is never read into the number.
    function little(bytes calldata data, uint256 offset, uint256 size) internal pure returns (uint256) {
        unchecked {
            if (offset + size > data.length) revert IDispute.NoSuchEntry(offset + size, data.length);
            return (Vectors.four(data, offset) >> 192) & ((1 << (8 * size)) - 1);
        }
    }
}
