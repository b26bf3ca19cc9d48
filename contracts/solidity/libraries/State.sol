// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Blobs} from "./Blobs.sol";
import {Score} from "./Score.sol";
import {Vectors} from "./Vectors.sol";

/// @title What a round inherits and leaves: the ENTRY and EXIT records. Python: `federation/rounds.py`.
/// @dev ENTRY: V(w_0), V(w), V(move), V(prev0), V(prev1), steps, moved. EXIT: the same from V(w) on.
library State {
    uint256 internal constant WEIGHTS = 1;

    /// @dev ENTRY holds one value before what EXIT holds.
    uint256 private constant CARRIED = 6;
    uint256 private constant MOVE = 2;
    uint256 private constant PREVIOUS = 3;
    uint256 private constant STEPS = 5;
    uint256 private constant MOVED = 6;

    /// @notice Whether a round began as the one before it ended.
    function carried(int256[] calldata entry, int256[] calldata entryBefore, int256[] calldata exit)
        internal
        pure
        returns (bool)
    {
        for (uint256 k = 0; k < CARRIED; ++k) {
            if (entry[k + 1] != exit[k]) return false;
        }
        return entry[0] == entryBefore[0];
    }

    /// @notice Whether an epoch began with its initial weights, at rest.
    function initial(int256[] calldata entry, uint256 dim) internal pure returns (bool) {
        int256 zero = _zeros(dim);
        return entry[WEIGHTS] == entry[0] && entry[MOVE] == zero && entry[PREVIOUS] == zero
            && entry[PREVIOUS + 1] == zero && entry[STEPS] == 0 && entry[MOVED] == 0;
    }

    /// @notice Whether a round ended as it should, but for the move and the newest step of a model that moved.
    /// @param weights The commitment of the weights that it should end with.
    /// @param gain The improvement, which counts into the sum of magnitudes whatever its sign.
    function follows(
        int256[] calldata exit,
        int256[] calldata entry,
        bool stepped,
        int256 weights,
        int256 gain
    ) internal pure returns (bool) {
        int256 steps = entry[STEPS];
        if (stepped && steps < 2) ++steps;
        bool scalars = exit[STEPS - 1] == steps
            && exit[MOVED - 1] == entry[MOVED] + int256(Score.magnitude(gain));
        if (!scalars || exit[WEIGHTS - 1] != weights) return false;
        if (stepped) return exit[PREVIOUS] == entry[PREVIOUS];
        return exit[MOVE - 1] == entry[MOVE] && exit[PREVIOUS - 1] == entry[PREVIOUS]
            && exit[PREVIOUS] == entry[PREVIOUS + 1];
    }

    /// @notice The SHA-256 of a model's canonical bytes.
    function modelHash(bytes calldata weights, uint256 dim, int256 intercept) internal pure returns (bytes32) {
        return sha256(
            abi.encodePacked(
                Blobs.MODEL, bytes4(_reversed(uint64(dim))), _reversed(uint64(uint256(intercept))), weights
            )
        );
    }

    /// @notice Whether bytes are a model with the committed weights; its intercept may be any.
    function isModel(bytes calldata model, uint256 dim, int256 commitment) internal pure returns (bool) {
        return Blobs.shaped(model, Blobs.MODEL, 12, dim) && Blobs.little(model, 4, 4) == dim
            && uint256(Vectors.root(model[16:])) == uint256(commitment);
    }

    /// @dev The commitment of a vector of zeros: all its chunks but the last have one hash.
    function _zeros(uint256 dim) private pure returns (int256) {
        bytes32[] memory hashes = new bytes32[](Vectors.chunks(dim));
        bytes32 whole = keccak256(new bytes(Vectors.SIZE));
        for (uint256 c = 0; c + 1 < hashes.length; ++c) {
            hashes[c] = whole;
        }
        hashes[hashes.length - 1] = keccak256(new bytes(Vectors.sizeOf(hashes.length - 1, dim)));
        return int256(uint256(keccak256(abi.encodePacked(hashes))));
    }

    /// @dev The bytes of a number, the least significant first.
    function _reversed(uint64 value) private pure returns (bytes8) {
        value = ((value & 0x00ff00ff00ff00ff) << 8) | ((value >> 8) & 0x00ff00ff00ff00ff);
        value = ((value & 0x0000ffff0000ffff) << 16) | ((value >> 16) & 0x0000ffff0000ffff);
        return bytes8((value << 32) | (value >> 32));
    }
}
