// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEventAnchor, IRoundDigests} from "./interfaces/IEventAnchor.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {MerkleRoot} from "./libraries/MerkleRoot.sol";

/// @title See `interfaces/IEventAnchor.sol`, which says what every function does.
contract EventAnchor is IEventAnchor {
    mapping(bytes32 root => uint256) public anchoredAt;

    /// @inheritdoc IEventAnchor
    function anchorDagCbor(bytes32 root) external {
        // slither-disable-next-line incorrect-equality: only this line writes it.
        if (anchoredAt[root] == 0) anchoredAt[root] = block.timestamp;
        emit DidAnchor(msg.sender, root);
    }

    /// @inheritdoc IEventAnchor
    function includesDagCbor(bytes32 root, bytes32 eventDigest, AnchorStep[] calldata steps)
        external
        view
        returns (bool)
    {
        bytes32 digest = eventDigest;
        for (uint256 i = 0; i < steps.length; ++i) {
            digest = sha256(bytes.concat(steps[i].before, digest, steps[i].behind));
        }
        return anchoredAt[root] != 0 && digest == root;
    }

    /// @inheritdoc IEventAnchor
    function includes(bytes32 root, bytes32 streamDigest, bytes32 payloadDigest, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return anchoredAt[root] != 0 && MerkleRoot.climb(proof, Leaves.signedEvent(streamDigest, payloadDigest)) == root;
    }

    /// @inheritdoc IEventAnchor
    function roundIncludes(
        IRoundDigests federation,
        uint64 epoch,
        uint32 round,
        RoundRecord calldata recorded,
        bytes32 streamDigest,
        bytes32 payloadDigest,
        bytes32[] calldata proof
    ) external view returns (bool) {
        return keccak256(abi.encode(recorded)) == federation.roundDigest(epoch, round)
            && MerkleRoot.climb(proof, Leaves.signedEvent(streamDigest, payloadDigest)) == recorded.eventsRoot;
    }
}
