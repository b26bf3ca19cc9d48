// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the anchor asks a federation.
interface IRoundDigests {
    function roundDigest(uint64 epoch, uint32 round) external view returns (bytes32);
}

/// @title Puts roots of event trees on the chain, and checks that an event is in one.
interface IEventAnchor {
    /// @notice What a recorded round's digest is made of.
    /// @param drawn The digest as it stood when the round's shard was drawn.
    struct RoundRecord {
        bytes32 drawn;
        bytes32 modelHash;
        bytes32 eventsRoot;
        bytes32 traceRoot;
        bytes32 receiptHash;
    }

    /// @notice One node on the way from an event up to a root: what surrounds the child's digest in its bytes.
    struct AnchorStep {
        bytes before;
        bytes behind;
    }

    /// @notice The event of CIP-110.
    event DidAnchor(address indexed sender, bytes32 root);

    /// @notice Anchor a root, as CIP-110 names it. Anyone may, and as often as wished.
    function anchorDagCbor(bytes32 root) external;

    /// @notice The second in which a root was anchored first; 0 means never.
    function anchoredAt(bytes32 root) external view returns (uint256);

    /// @notice Whether an event is in an anchored tree of DAG-CBOR nodes, as a Ceramic time event shows it.
    /// @dev Each digest is the SHA-256 of the step's `before`, the digest below and the step's `behind`. So
    /// what is shown is that the digest was known when the root was anchored; nodes are not parsed, and
    /// who signed what is for the event itself to say.
    /// @param root Digest of the tree's root.
    /// @param eventDigest Digest of the event's CID.
    /// @param steps From the event up; none if the event itself was anchored.
    function includesDagCbor(bytes32 root, bytes32 eventDigest, AnchorStep[] calldata steps)
        external
        view
        returns (bool);

    /// @notice Whether a signed event is in an anchored root of the project's own trees.
    /// @param streamDigest Digest of the event's stream.
    /// @param payloadDigest Digest of its payload.
    function includes(bytes32 root, bytes32 streamDigest, bytes32 payloadDigest, bytes32[] calldata proof)
        external
        view
        returns (bool);

    /// @notice Whether a signed event is in the root of a round that a federation recorded.
    function roundIncludes(
        IRoundDigests federation,
        uint64 epoch,
        uint32 round,
        RoundRecord calldata recorded,
        bytes32 streamDigest,
        bytes32 payloadDigest,
        bytes32[] calldata proof
    ) external view returns (bool);
}
