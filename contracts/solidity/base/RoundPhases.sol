// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IFederation} from "../interfaces/IFederation.sol";
import {BlockBeacon} from "../libraries/BlockBeacon.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {ShardDeck} from "../libraries/ShardDeck.sol";
import {FederationState} from "./FederationState.sol";

/// @title The phases of a round: commit, reveal, draw, record.
abstract contract RoundPhases is FederationState {
    using ShardDeck for ShardDeck.Deck;

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
}
