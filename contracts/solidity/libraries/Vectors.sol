// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDispute} from "../interfaces/IDispute.sol";

/// @title Committed vectors of little-endian int64, hashed in chunks of 512 entries.
/// @dev A commitment is the keccak of the chunks' keccaks, so that one entry is shown with one chunk.
/// Whole vectors are read four entries at a time, straight from call data. Python: `federation/trace/vectors.py`.
library Vectors {
    /// @dev Entries of a chunk, and its bytes.
    uint256 internal constant ENTRIES = 512;
    uint256 internal constant SIZE = 4096;

    uint256 private constant BYTES = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant PAIRS = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    uint256 private constant FOURS = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;

    /// @notice The commitment to a whole vector.
    function root(bytes calldata data) internal pure returns (bytes32) {
        unchecked {
            uint256 length = data.length;
            bytes32[] memory hashes = new bytes32[](chunks(length / 8 + (length % 8 == 0 ? 0 : 1)));
            for (uint256 c = 0; c < hashes.length; ++c) {
                uint256 end = (c + 1) * SIZE;
                hashes[c] = keccak256(data[c * SIZE:end < length ? end : length]);
            }
            return keccak256(abi.encodePacked(hashes));
        }
    }

    /// @notice How many chunks a vector of `count` entries has.
    function chunks(uint256 count) internal pure returns (uint256) {
        unchecked {
            return count / ENTRIES + (count % ENTRIES == 0 ? 0 : 1);
        }
    }

    /// @notice How many bytes chunk `c` of a vector of `count` entries has.
    function sizeOf(uint256 c, uint256 count) internal pure returns (uint256) {
        unchecked {
            uint256 left = count - c * ENTRIES;
            return left < ENTRIES ? 8 * left : SIZE;
        }
    }

    /// @notice Refuse bytes that are not the whole committed vector of `count` entries.
    function open(bytes calldata data, int256 commitment, uint256 count) internal pure {
        if (data.length != 8 * count || uint256(root(data)) != uint256(commitment)) {
            revert IDispute.WrongVector(bytes32(uint256(commitment)));
        }
    }

    /// @notice The entry `index` of a committed vector of `count` entries, from the chunk that holds it.
    function entry(IDispute.Chunk calldata chunk, int256 commitment, uint256 index, uint256 count)
        internal
        pure
        returns (int256)
    {
        open(chunk, commitment, index, count);
        return read(chunk.data, index % ENTRIES);
    }

    /// @notice Refuse a chunk that is not the one with entry `index` of a committed vector of `count` entries.
    function open(IDispute.Chunk calldata chunk, int256 commitment, uint256 index, uint256 count) internal pure {
        if (index >= count) revert IDispute.NoSuchEntry(index, count);
        uint256 c = index / ENTRIES;
        bool right = chunk.hashes.length == chunks(count) && chunk.data.length == sizeOf(c, count);
        if (!right || chunk.hashes[c] != keccak256(chunk.data) || !lists(chunk.hashes, commitment)) {
            revert IDispute.WrongVector(bytes32(uint256(commitment)));
        }
    }

    /// @notice Whether a commitment is over these hashes of chunks.
    function lists(bytes32[] calldata hashes, int256 commitment) internal pure returns (bool) {
        return uint256(keccak256(abi.encodePacked(hashes))) == uint256(commitment);
    }

    /// @notice Entry `index` of opened bytes.
    function read(bytes calldata data, uint256 index) internal pure returns (int256) {
        unchecked {
            if (index >= data.length / 8) revert IDispute.NoSuchEntry(index, data.length / 8);
            return lane(four(data, 8 * index), 0);
        }
    }

    /// @notice The inner product of two opened vectors of the same length.
    /// @dev A product is below 2^126, so that no sum of call data's size leaves 256 bits.
    function dot(bytes calldata a, bytes calldata b) internal pure returns (int256 total) {
        unchecked {
            uint256 length = a.length;
            if (length != b.length) revert IDispute.NoSuchEntry(length / 8, b.length / 8);
            uint256 offset = 0;
            for (; offset + 32 <= length; offset += 32) {
                uint256 x = four(a, offset);
                uint256 y = four(b, offset);
                total += lane(x, 0) * lane(y, 0) + lane(x, 1) * lane(y, 1) + lane(x, 2) * lane(y, 2)
                    + lane(x, 3) * lane(y, 3);
            }
            for (; offset < length; offset += 8) {
                total += lane(four(a, offset), 0) * lane(four(b, offset), 0);
            }
        }
    }

    /// @notice Entry `k` of four that `four` returned.
    function lane(uint256 entries, uint256 k) internal pure returns (int256) {
        unchecked {
            return int64(uint64(entries >> (192 - 64 * k)));
        }
    }

    /// @notice Four entries from byte `offset` on, each with its most significant byte first.
    /// @dev Past the end of `data` they are whatever call data holds there: the caller must not use them.
    function four(bytes calldata data, uint256 offset) internal pure returns (uint256 x) {
        x = eight(data, offset);
        x = ((x & FOURS) << 32) | ((x >> 32) & FOURS);
    }

    /// @notice Eight little-endian numbers of four bytes from byte `offset` on, turned likewise.
    function eight(bytes calldata data, uint256 offset) internal pure returns (uint256 x) {
        // Measured: a checked slice costs 295 gas a word in a loop, this 67; two vectors have 2,048 words.
        assembly ("memory-safe") {
            x := calldataload(add(data.offset, offset))
        }
        x = ((x & BYTES) << 8) | ((x >> 8) & BYTES);
        x = ((x & PAIRS) << 16) | ((x >> 16) & PAIRS);
    }
}
