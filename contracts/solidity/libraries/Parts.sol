// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {Blobs} from "./Blobs.sol";
import {Examples} from "./Examples.sol";

/// @title A provider's part of a shard, opened whole: what `federation.validation.Part` publishes.
/// @dev Bytes: "FMV1", shard, provider, a salt per example, "FME1", the number of examples, the examples.
library Parts {
    /// @notice The bytes are not this part of the committed examples.
    error WrongPart(uint256 shard, uint256 provider);

    /// @notice Refuse bytes that are not the part which an entry of the index commits.
    /// @dev Their examples need not be in canonical form: see `canonical`.
    /// @return rows Where the first example starts in `data`; they follow each other up to its end.
    function open(
        bytes calldata data,
        Examples.PartEntry calldata entry,
        Examples.Place memory place,
        uint256 provider
    ) internal view returns (uint256 rows) {
        Examples.open(entry, place, provider);
        uint256 count = entry.count;
        rows = 20 + 32 * count;
        if (!_headed(data, place.shard, provider, count) || _root(data, place, provider, count) != entry.root) {
            revert WrongPart(place.shard, provider);
        }
    }

    /// @notice Whether all examples of an opened part are in canonical form.
    /// @param rows Where the first one starts.
    function canonical(bytes calldata data, uint256 rows, uint256 dim) internal pure returns (bool) {
        while (rows < data.length) {
            uint256 size = Examples.sizeAt(data, rows, dim);
            if (size == 0) return false;
            rows += size;
        }
        return true;
    }

    function _headed(bytes calldata data, uint256 shard, uint256 provider, uint256 count) private pure returns (bool) {
        uint256 examples = 12 + 32 * count;
        return data.length >= examples + 8 && bytes4(data[:4]) == "FMV1" && Blobs.little(data, 4, 4) == shard
            && Blobs.little(data, 8, 4) == provider && bytes4(data[examples:examples + 4]) == "FME1"
            && Blobs.little(data, examples + 4, 4) == count;
    }

    /// @dev The tree is the complete binary tree of `federation/merkle.py`: leaves last, reversed.
    function _root(bytes calldata data, Examples.Place memory place, uint256 provider, uint256 count)
        private
        view
        returns (bytes32)
    {
        uint256 offset = 20 + 32 * count;
        bytes32[] memory nodes = new bytes32[](count == 0 ? 1 : 2 * count - 1);
        for (uint256 i = 0; i < count; ++i) {
            uint256 size = Examples.spanAt(data, offset);
            if (size == 0) revert WrongPart(place.shard, provider);
            bytes32 salted = sha256(bytes.concat(data[12 + 32 * i:44 + 32 * i], data[offset:offset + size]));
            nodes[nodes.length - 1 - i] = Examples.leafOf(place, provider, i, salted);
            offset += size;
        }
        if (offset != data.length) revert WrongPart(place.shard, provider);
        for (uint256 k = count == 0 ? 0 : count - 1; k > 0; --k) {
            nodes[k - 1] = Hashes.commutativeKeccak256(nodes[2 * k - 1], nodes[2 * k]);
        }
        return nodes[0];
    }
}
