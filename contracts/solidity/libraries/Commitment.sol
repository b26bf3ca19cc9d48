// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A member's commitment to its delta, and the delta's canonical bytes.
/// @dev Python: `federation/hashing.py` (commitment) and `federation/delta.py` (delta_bytes).
library Commitment {
    /// @dev keccak256("folkmoot.commitment").
    bytes32 internal constant PURPOSE = keccak256("folkmoot.commitment");

    /// @dev Magic and dimension.
    uint256 private constant HEADER = 8;

    /// @notice What a member commits to before anybody reveals.
    function digest(
        uint64 epoch,
        uint32 round,
        bytes32 didHash,
        bytes32 baseHash,
        bytes32 deltaSha256,
        bytes32 salt
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(PURPOSE, block.chainid, address(this), epoch, round, didHash, baseHash, deltaSha256, salt)
        );
    }

    /// @notice Whether bytes are a delta of `dim` weights: "FMD1", the dimension (uint32), then int64, little-endian.
    function isDelta(bytes calldata delta, uint32 dim) internal pure returns (bool) {
        if (delta.length != HEADER + 8 * uint256(dim)) return false;
        bytes4 swapped = bytes4((dim << 24) | ((dim & 0xff00) << 8) | ((dim >> 8) & 0xff00) | (dim >> 24));
        return bytes8(delta[:HEADER]) == bytes8(bytes.concat("FMD1", swapped));
    }
}
