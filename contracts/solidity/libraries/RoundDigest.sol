// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";

/// @title The one digest that a round stores, extended by what each phase commits.
/// @dev Whoever opens it passes the words back; Python reads them from the logs.
library RoundDigest {
    /// @notice The digest of a round that has only its base model.
    function start(bytes32 baseHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(baseHash));
    }

    /// @notice The digest after one more word: the commit root, the reveal root, then the shard.
    function extend(bytes32 digest, bytes32 word) internal pure returns (bytes32) {
        return keccak256(abi.encode(digest, word));
    }

    /// @notice The digest of a recorded round.
    function finish(bytes32 digest, bytes32 modelHash, bytes32 eventsRoot, bytes32 traceRoot, bytes32 receiptHash)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(digest, modelHash, eventsRoot, traceRoot, receiptHash));
    }

    /// @notice What a round in its reveal phase has committed.
    function committed(IFederation.RoundWords calldata words) internal pure returns (bytes32) {
        return extend(start(words.baseHash), words.commitRoot);
    }

    /// @notice What a round that waits for its draw has committed.
    function revealed(IFederation.RoundWords calldata words) internal pure returns (bytes32) {
        return extend(committed(words), words.revealRoot);
    }

    /// @notice All that a recorded round has committed.
    function recorded(IFederation.RoundWords calldata words) internal pure returns (bytes32) {
        return finish(
            extend(revealed(words), bytes32(uint256(words.shard))),
            words.modelHash,
            words.eventsRoot,
            words.traceRoot,
            words.receiptHash
        );
    }
}
