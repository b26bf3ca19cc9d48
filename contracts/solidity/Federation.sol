// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {RewardPool} from "./RewardPool.sol";
import {IFederation} from "./interfaces/IFederation.sol";
import {BlockBeacon} from "./libraries/BlockBeacon.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {ShardDeck} from "./libraries/ShardDeck.sol";

/// @title See `interfaces/IFederation.sol`, which says what every function does.
contract Federation is IFederation {
    using ShardDeck for ShardDeck.Deck;

    bytes32 public immutable manifestHash;
    address public immutable aggregator;
    RewardPool public immutable pool;
    uint64 public immutable challengeWindow;
    uint64 public immutable drawDelay;

    Phase public phase;
    uint64 public epoch;
    uint32 public round;
    uint32 public rounds;
    uint64 public drawTarget;
    uint64 public challengeEnd;
    uint256 public funds;
    bytes32 public payoutRoot;
    uint256 public total;

    bytes32[] private _tips;
    mapping(uint64 epoch => ShardDeck.Deck) private _decks;
    mapping(uint64 epoch => mapping(uint32 round => RoundInfo)) private _rounds;

    modifier onlyAggregator() {
        if (msg.sender != aggregator) revert NotAggregator(msg.sender);
        _;
    }

    /// @dev Leaves `from` for `to`; a call that reverts later leaves nothing behind.
    modifier transition(Phase from, Phase to) {
        if (phase != from) revert WrongPhase(phase, from);
        phase = to;
        _;
    }

    constructor(bytes32 manifestHash_, address aggregator_, IERC20 token, uint64 challengeWindow_, uint64 drawDelay_) {
        if (drawDelay_ == 0 || drawDelay_ > BlockBeacon.HORIZON) revert InvalidDrawDelay(drawDelay_);
        manifestHash = manifestHash_;
        aggregator = aggregator_;
        challengeWindow = challengeWindow_;
        drawDelay = drawDelay_;
        pool = new RewardPool(token, address(this));
    }

    /// @inheritdoc IFederation
    function openEpoch(EpochTerms calldata terms)
        external
        onlyAggregator
        transition(Phase.Closed, Phase.Open)
        returns (uint64 opened)
    {
        if (terms.rounds == 0 || terms.rounds > terms.shards) revert InvalidRounds(terms.rounds, terms.shards);
        if (terms.providerTips.length == 0) revert NoProviders();
        uint256 available = pool.unallocated();
        if (available < terms.funds) revert InsufficientFunds(available, terms.funds);

        opened = ++epoch;
        round = 0;
        rounds = terms.rounds;
        funds = terms.funds;
        _tips = terms.providerTips;
        _decks[opened].size = terms.shards;
        emit EpochOpened(opened, terms);
    }

    /// @inheritdoc IFederation
    function openRound(bytes32 baseHash)
        external
        onlyAggregator
        transition(Phase.Open, Phase.Commit)
        returns (uint32 opened)
    {
        if (round == rounds) revert AllRoundsRecorded(rounds);
        opened = ++round;
        _rounds[epoch][opened].baseHash = _given(baseHash);
        emit RoundOpened(epoch, opened, baseHash);
    }

    /// @inheritdoc IFederation
    function closeCommits(bytes32 commitRoot) external onlyAggregator transition(Phase.Commit, Phase.Reveal) {
        _rounds[epoch][round].commitRoot = _given(commitRoot);
        emit CommitsClosed(epoch, round, commitRoot);
    }

    /// @inheritdoc IFederation
    function closeReveals(bytes32 revealRoot) external onlyAggregator transition(Phase.Reveal, Phase.Draw) {
        _rounds[epoch][round].revealRoot = _given(revealRoot);
        drawTarget = BlockBeacon.target(drawDelay);
        emit RevealsClosed(epoch, round, revealRoot, drawTarget);
    }

    /// @inheritdoc IFederation
    function drawShard(bytes32[] calldata preimages)
        external
        transition(Phase.Draw, Phase.Record)
        returns (uint32 shard)
    {
        _advanceTips(preimages);
        RoundInfo storage info = _rounds[epoch][round];
        bytes32 beacon = BlockBeacon.value(drawTarget);
        bytes32 seed = ShardDeck.seed(epoch, round, beacon, preimages, info.commitRoot, info.revealRoot);
        shard = _decks[epoch].draw(seed);
        info.shard = shard;
        emit ShardDrawn(epoch, round, shard, seed, beacon, preimages);
    }

    /// @inheritdoc IFederation
    function retarget() external transition(Phase.Draw, Phase.Draw) {
        if (!BlockBeacon.expired(drawTarget)) revert BlockBeacon.BeaconNotExpired(drawTarget, block.number);
        drawTarget = BlockBeacon.target(drawDelay);
        emit DrawRetargeted(epoch, round, drawTarget);
    }

    /// @inheritdoc IFederation
    function recordRound(bytes32 modelHash, bytes32 eventsRoot, bytes32 traceRoot, bytes32 receiptHash)
        external
        onlyAggregator
        transition(Phase.Record, Phase.Open)
    {
        RoundInfo storage info = _rounds[epoch][round];
        info.modelHash = _given(modelHash);
        info.eventsRoot = _given(eventsRoot);
        info.traceRoot = _given(traceRoot);
        info.receiptHash = _given(receiptHash);
        emit RoundRecorded(epoch, round, modelHash, eventsRoot, traceRoot, receiptHash);
    }

    /// @inheritdoc IFederation
    function revealEpoch(bytes32 shardsHash) external onlyAggregator transition(Phase.Open, Phase.Revealed) {
        if (round != rounds) revert RoundsRemain(round, rounds);
        emit EpochRevealed(epoch, _given(shardsHash));
    }

    /// @inheritdoc IFederation
    function propose(bytes32 payoutRoot_, uint256 total_)
        external
        onlyAggregator
        transition(Phase.Revealed, Phase.Proposed)
    {
        uint256 least = pool.totalCumulative();
        if (total_ < least || total_ > least + funds) revert TotalOutOfRange(total_, least, least + funds);
        payoutRoot = _given(payoutRoot_);
        total = total_;
        challengeEnd = uint64(block.timestamp) + challengeWindow;
        emit Proposed(epoch, payoutRoot_, total_, challengeEnd);
    }

    /// @inheritdoc IFederation
    function finalize() external transition(Phase.Proposed, Phase.Closed) {
        if (block.timestamp < challengeEnd) revert ChallengeWindowOpen(challengeEnd);
        emit Finalized(epoch, payoutRoot, total);
        pool.post(payoutRoot, total);
    }

    /// @inheritdoc IFederation
    function providerTips() external view returns (bytes32[] memory) {
        return _tips;
    }

    /// @inheritdoc IFederation
    function roundInfo(uint64 epoch_, uint32 round_) external view returns (RoundInfo memory) {
        return _rounds[epoch_][round_];
    }

    /// @inheritdoc IFederation
    function eventInRound(
        uint64 epoch_,
        uint32 round_,
        bytes32 streamDigest,
        bytes32 payloadDigest,
        bytes32[] calldata proof
    ) external view returns (bool) {
        bytes32 leaf = Leaves.signedEvent(streamDigest, payloadDigest);
        return MerkleProof.verifyCalldata(proof, _rounds[epoch_][round_].eventsRoot, leaf);
    }

    /// @dev Checks one step of every provider's hash chain and moves the tips back by it.
    function _advanceTips(bytes32[] calldata preimages) private {
        uint256 count = _tips.length;
        if (preimages.length != count) revert WrongPreimageCount(preimages.length, count);
        for (uint256 i = 0; i < count; ++i) {
            if (keccak256(abi.encode(preimages[i])) != _tips[i]) revert WrongPreimage(i, preimages[i]);
            _tips[i] = preimages[i];
        }
    }

    /// @dev Refuses zero, which stands for "not committed yet" in every view.
    function _given(bytes32 hash) private pure returns (bytes32) {
        if (hash == 0) revert ZeroHash();
        return hash;
    }
}
