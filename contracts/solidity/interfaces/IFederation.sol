// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title One federation: the phases of its epochs and rounds, and what each phase committed.
/// @notice The aggregator moves a round along; the draw and the settlement may be moved by anyone.
/// Every transition emits all its values, so that a reader needs nothing but the logs.
interface IFederation {
    /// @notice Where the federation stands. See `docs/protocol.md`, Epoch and round.
    /// @dev Closed -> Open -> (Commit -> Reveal -> Draw -> Record -> Open)* -> Revealed -> Proposed -> Closed.
    enum Phase {
        Closed,
        Open,
        Commit,
        Reveal,
        Draw,
        Record,
        Revealed,
        Proposed
    }

    /// @notice What an epoch promises before its first round.
    /// @param validationRoot Merkle root over the salted validation examples, shard by shard.
    /// @param meanHash Hash of the integer mean of the whole validation set.
    /// @param publicHash Hash of the public portion, revealed at once.
    /// @param rosterHash Hash of the members, quotas and payees of the epoch.
    /// @param shards Sealed shards, numbered from 1; shard 0 is the public portion.
    /// @param rounds Rounds of the epoch; each draws another shard, so at most `shards`.
    /// @param bounty Wei per whole unit of improvement of the Brier loss.
    /// @param funds Most wei that the epoch may pay.
    /// @param providerTips Per provider, the last element of a keccak hash chain.
    struct EpochTerms {
        bytes32 validationRoot;
        bytes32 meanHash;
        bytes32 publicHash;
        bytes32 rosterHash;
        uint32 shards;
        uint32 rounds;
        uint256 bounty;
        uint256 funds;
        bytes32[] providerTips;
    }

    /// @notice What a round has committed so far; zero where a phase has not been reached.
    struct RoundInfo {
        bytes32 baseHash;
        bytes32 commitRoot;
        bytes32 revealRoot;
        uint32 shard;
        bytes32 modelHash;
        bytes32 eventsRoot;
        bytes32 traceRoot;
        bytes32 receiptHash;
    }

    event EpochOpened(uint64 indexed epoch, EpochTerms terms);
    event RoundOpened(uint64 indexed epoch, uint32 indexed round, bytes32 baseHash);
    event CommitsClosed(uint64 indexed epoch, uint32 indexed round, bytes32 commitRoot);
    event RevealsClosed(uint64 indexed epoch, uint32 indexed round, bytes32 revealRoot, uint64 drawTarget);
    event DrawRetargeted(uint64 indexed epoch, uint32 indexed round, uint64 drawTarget);
    event ShardDrawn(
        uint64 indexed epoch, uint32 indexed round, uint32 shard, bytes32 seed, bytes32 beacon, bytes32[] preimages
    );
    event RoundRecorded(
        uint64 indexed epoch,
        uint32 indexed round,
        bytes32 modelHash,
        bytes32 eventsRoot,
        bytes32 traceRoot,
        bytes32 receiptHash
    );
    event EpochRevealed(uint64 indexed epoch, bytes32 shardsHash);
    event Proposed(uint64 indexed epoch, bytes32 payoutRoot, uint256 total, uint64 challengeEnd);
    event Finalized(uint64 indexed epoch, bytes32 payoutRoot, uint256 total);

    error NotAggregator(address caller);
    error WrongPhase(Phase current, Phase required);
    error InvalidDrawDelay(uint64 drawDelay);
    error InvalidChallengeWindow(uint64 challengeWindow);
    error InvalidRounds(uint32 rounds, uint32 shards);
    error NoProviders();
    error ZeroHash();
    error InsufficientFunds(uint256 available, uint256 required);
    error AllRoundsRecorded(uint32 rounds);
    error RoundsRemain(uint32 recorded, uint32 rounds);
    error WrongPreimageCount(uint256 given, uint256 required);
    error WrongPreimage(uint256 provider, bytes32 preimage);
    error TotalOutOfRange(uint256 total, uint256 least, uint256 most);
    error ChallengeWindowOpen(uint64 challengeEnd);

    /// @notice Open an epoch whose funds the pool already holds, not promised to anyone. Aggregator only.
    /// @return epoch Its number, from 1.
    function openEpoch(EpochTerms calldata terms) external returns (uint64 epoch);

    /// @notice Open the next round on a base model. Aggregator only.
    /// @return round Its number, from 1.
    function openRound(bytes32 baseHash) external returns (uint32 round);

    /// @notice Fix the members' commitments. Aggregator only.
    function closeCommits(bytes32 commitRoot) external;

    /// @notice Fix the revealed deltas, and the future block whose hash goes into the draw. Aggregator only.
    function closeReveals(bytes32 revealRoot) external;

    /// @notice Draw a shard that the epoch has not drawn yet. Anyone with the preimages may call it.
    /// @param preimages Per provider, the element before its tip; it becomes the new tip.
    function drawShard(bytes32[] calldata preimages) external returns (uint32 shard);

    /// @notice Choose a new target block once the hash of the old one is out of reach. Anyone may call it.
    function retarget() external;

    /// @notice Record the outcome of a round. Aggregator only.
    function recordRound(bytes32 modelHash, bytes32 eventsRoot, bytes32 traceRoot, bytes32 receiptHash) external;

    /// @notice Commit to the drawn shards, now public, after the last round. Aggregator only.
    function revealEpoch(bytes32 shardsHash) external;

    /// @notice Propose the payout table and start the challenge window. Aggregator only.
    /// @param payoutRoot Root over every payee's cumulative pay, of all epochs.
    /// @param total Sum of the table in wei: at least the last one, at most the epoch's funds more.
    function propose(bytes32 payoutRoot, uint256 total) external;

    /// @notice Make the proposed table claimable after the challenge window. Anyone may call it.
    function finalize() external;

    function phase() external view returns (Phase);
    function epoch() external view returns (uint64);
    function round() external view returns (uint32);
    function drawTarget() external view returns (uint64);
    function providerTips() external view returns (bytes32[] memory);
    function roundInfo(uint64 epoch_, uint32 round_) external view returns (RoundInfo memory);

    /// @notice Whether a signed event belongs to a recorded round.
    /// @param streamDigest SHA-256 digest of the event's stream.
    /// @param payloadDigest SHA-256 digest of the event's payload.
    /// @param proof Siblings from the leaf up to the round's events root.
    function eventInRound(
        uint64 epoch_,
        uint32 round_,
        bytes32 streamDigest,
        bytes32 payloadDigest,
        bytes32[] calldata proof
    ) external view returns (bool);
}
