// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IDispute} from "../interfaces/IDispute.sol";
import {Blobs} from "./Blobs.sol";
import {Vectors} from "./Vectors.sol";

/// @title The committed validation examples, opened one by one. Python: `federation/validation.py`.
library Examples {
    /// @dev keccak256("folkmoot.validation-example"), as in `federation/hashing.py`.
    bytes32 internal constant PURPOSE = keccak256("folkmoot.validation-example");

    /// @notice What the index says of one provider's part of a shard, and its proof.
    /// @dev The provider is the place among its fellows, the shard is given by what is disputed.
    struct PartEntry {
        uint32 count;
        bytes32 root;
        bytes32[] proof;
    }

    /// @notice One example of a position.
    /// @param entries The index's entries of every provider up to the one that holds the example.
    /// @param salt The example's salt.
    /// @param data The example's bytes.
    /// @param proof The example's proof in its part.
    struct Opening {
        PartEntry[] entries;
        bytes32 salt;
        bytes data;
        bytes32[] proof;
    }

    /// @notice Where examples are committed.
    struct Place {
        address federation;
        uint64 epoch;
        bytes32 validationRoot;
        uint256 shard;
    }

    /// @notice The index holds no such entry for this provider.
    error NotInIndex(uint256 shard, uint256 provider);

    /// @notice The entries given do not end with the provider that holds this example.
    error NotOfProvider(uint256 example, uint256 provider);

    /// @notice The example is not the one committed at this place of the part.
    error NotInPart(uint256 provider, uint256 index);

    /// @notice Where the examples of a shard are committed in a context whose terms have been checked.
    function placeOf(IDispute.Context calldata context, uint64 epoch, uint256 shard)
        internal
        pure
        returns (Place memory)
    {
        return Place(address(context.federation), epoch, context.terms.validationRoot, shard);
    }

    /// @notice Refuse an entry that the index does not hold.
    function open(PartEntry calldata entry, Place memory place, uint256 provider) internal pure {
        bytes32 leaf = _twice(abi.encode(place.shard, provider, entry.count, entry.root));
        if (!MerkleProof.verifyCalldata(entry.proof, place.validationRoot, leaf)) {
            revert NotInIndex(place.shard, provider);
        }
    }

    /// @notice Refuse an opening of anything but example `e` of the place's shard.
    function open(Opening calldata opening, Place memory place, uint256 e) internal view {
        uint256 provider = 0;
        uint256 index = e;
        for (; provider < opening.entries.length; ++provider) {
            open(opening.entries[provider], place, provider);
            if (index < opening.entries[provider].count) break;
            index -= opening.entries[provider].count;
        }
        if (provider + 1 != opening.entries.length) revert NotOfProvider(e, provider);
        bytes32 leaf = leafOf(place, provider, index, sha256(bytes.concat(opening.salt, opening.data)));
        if (!MerkleProof.verifyCalldata(opening.proof, opening.entries[provider].root, leaf)) {
            revert NotInPart(provider, index);
        }
    }

    /// @notice The leaf of one example in its part's tree.
    /// @param salted SHA-256 of the salt and the example's bytes.
    function leafOf(Place memory place, uint256 provider, uint256 index, bytes32 salted)
        internal
        view
        returns (bytes32)
    {
        bytes32 digest = keccak256(
            abi.encode(
                PURPOSE, block.chainid, place.federation, place.epoch, 0, place.shard, provider, index, salted
            )
        );
        return _twice(abi.encode(digest));
    }

    /// @notice How many bytes the example at `offset` of `data` says it takes; 0 if they are not there.
    function spanAt(bytes calldata data, uint256 offset) internal pure returns (uint256 span) {
        unchecked {
            if (offset + 5 > data.length) return 0;
            span = 5 + 4 * Blobs.little(data, offset + 1, 4);
            if (offset + span > data.length) return 0;
        }
    }

    /// @notice How many bytes the example at `offset` of `data` takes; 0 if it is not in canonical form.
    /// @dev Canonical: a label of 0 or 1, a number of words, ascending words below `dim`.
    function sizeAt(bytes calldata data, uint256 offset, uint256 dim) internal pure returns (uint256 size) {
        unchecked {
            size = spanAt(data, offset);
            if (size == 0 || uint8(data[offset]) > 1) return 0;
            uint256 least = 0;
            for (uint256 at_ = 5; at_ < size; at_ += 32) {
                uint256 words = Vectors.eight(data, offset + at_);
                uint256 last = size - at_ < 32 ? 256 - 8 * (size - at_) : 0;
                for (uint256 shift = 256; shift != last;) {
                    shift -= 32;
                    uint256 found = (words >> shift) & type(uint32).max;
                    if (found < least || found >= dim) return 0;
                    least = found + 1;
                }
            }
        }
    }

    /// @notice Whether bytes are one example in canonical form.
    function canonical(bytes calldata example, uint256 dim) internal pure returns (bool) {
        return example.length != 0 && sizeAt(example, 0, dim) == example.length;
    }

    /// @notice The label of canonical bytes.
    function label(bytes calldata example) internal pure returns (int256) {
        return int256(uint256(uint8(example[0])));
    }

    /// @notice The number of words of canonical bytes.
    function length(bytes calldata example) internal pure returns (uint256) {
        return Blobs.little(example, 1, 4);
    }

    /// @notice Word `k` of canonical bytes.
    function word(bytes calldata example, uint256 k) internal pure returns (uint256) {
        return Blobs.little(example, 5 + 4 * k, 4);
    }

    function _twice(bytes memory encoded) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }
}
