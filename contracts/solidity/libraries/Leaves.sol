// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Leaves of the project's Merkle trees, as OpenZeppelin's StandardMerkleTree hashes them.
/// @dev Hashed twice, so that an inner node can never pass for a leaf. Python: `federation/merkle.py`.
library Leaves {
    function payout(address pool, address payee, uint256 cumulativeWei) internal view returns (bytes32) {
        return _twice(abi.encode(block.chainid, pool, payee, cumulativeWei));
    }

    function signedEvent(bytes32 streamDigest, bytes32 payloadDigest) internal pure returns (bytes32) {
        return _twice(abi.encode(streamDigest, payloadDigest));
    }

    /// @notice A member and its word under a round's commit or reveal root.
    function member(bytes32 didHash, bytes32 word) internal pure returns (bytes32) {
        return _twice(abi.encode(didHash, word));
    }

    function listedQuota(address policy, bytes32 didHash, uint256 quota) internal view returns (bytes32) {
        return _twice(abi.encode(block.chainid, policy, didHash, quota));
    }

    function _twice(bytes memory encoded) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }
}
