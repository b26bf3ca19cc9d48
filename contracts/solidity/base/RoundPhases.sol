// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {RoundDigest} from "../libraries/RoundDigest.sol";
import {ShardDeck} from "../libraries/ShardDeck.sol";
import {FederationState} from "./FederationState.sol";

/// @title The phases of a round: commit, reveal, draw, record.
abstract contract RoundPhases is FederationState {
    using RoundDigest for bytes32;
    using ShardDeck for ShardDeck.Deck;

    /// @dev Whoever withholds the last preimage knows the shard, and puts the draw off if it does not suit.
    uint8 private constant MAX_RETARGETS = 3;

    mapping(uint64 epoch => ShardDeck.Deck) private _decks;

    /// @inheritdoc IFederation
    function openRound(bytes32 baseHash) external onlyAggregator inTime(Phase.Open) returns (uint32 opened) {
        if (round == rounds) revert AllRoundsRecorded(rounds);
        opened = ++round;
        roundDigest[epoch][opened] = RoundDigest.start(_given(baseHash));
        emit RoundOpened(epoch, opened, baseHash, _enter(Phase.Commit, _phaseDuration));
    }

    /// @inheritdoc IFederation
    function closeCommits(bytes32 commitRoot) external onlyAggregator inTime(Phase.Commit) {
        _extend(_given(commitRoot));
        emit CommitsClosed(epoch, round, commitRoot, _enter(Phase.Reveal, _phaseDuration));
    }

    /// @inheritdoc IFederation
    function closeReveals(bytes32 revealRoot) external onlyAggregator inTime(Phase.Reveal) {
        _extend(_given(revealRoot));
        uint64 target = _randomness.target(_drawDelay);
        (drawTarget, _shown, _accused, _accusedBefore, _retargets) = (target, 0, 0, 0, 0);
        emit RevealsClosed(epoch, round, revealRoot, target, _enter(Phase.Draw, _phaseDuration));
    }

    /// @inheritdoc IFederation
    function drawShard(bytes32[] calldata preimages) external inTime(Phase.Draw) returns (uint32 shard) {
        _advanceTips(preimages);
        bytes32 beacon = _randomness.value(drawTarget);
        bytes32 seed = ShardDeck.seed(epoch, round, beacon, preimages, roundDigest[epoch][round]);
        // Every round before this one has drawn a shard, or there would be no further round.
        shard = _decks[epoch].draw(_shards, round - 1, seed);
        _extend(bytes32(uint256(shard)));
        emit ShardDrawn(epoch, round, shard, seed, beacon, preimages, _enter(Phase.Record, _phaseDuration));
    }

    /// @inheritdoc IFederation
    /// @dev The deadline stays, or whoever withholds a preimage could put it off for ever.
    function retarget() external inTime(Phase.Draw) {
        if (!_randomness.expired(drawTarget)) revert BeaconNotExpired(drawTarget, block.number);
        if (_retargets == MAX_RETARGETS) revert RetargetsSpent(MAX_RETARGETS);
        ++_retargets;
        drawTarget = _randomness.target(_drawDelay);
        emit DrawRetargeted(epoch, round, drawTarget);
    }

    /// @inheritdoc IFederation
    function recordRound(bytes32 modelHash, bytes32 eventsRoot, bytes32 traceRoot, bytes32 receiptHash)
        external
        onlyAggregator
        inTime(Phase.Record)
    {
        bytes32 digest = roundDigest[epoch][round];
        roundDigest[epoch][round] =
            digest.finish(_given(modelHash), _given(eventsRoot), _given(traceRoot), _given(receiptHash));
        recorded = round;
        uint64 until = _enter(Phase.Open, _phaseDuration);
        emit RoundRecorded(epoch, round, modelHash, eventsRoot, traceRoot, receiptHash, until);
    }

    function _extend(bytes32 word) private {
        roundDigest[epoch][round] = roundDigest[epoch][round].extend(word);
    }

    /// @dev Checks one step of every provider's hash chain and moves the tips back by it.
    function _advanceTips(bytes32[] calldata preimages) private {
        bytes32[] memory tips = new bytes32[](preimages.length);
        for (uint256 i = 0; i < preimages.length; ++i) {
            tips[i] = keccak256(abi.encode(preimages[i]));
        }
        bytes32 given = keccak256(abi.encodePacked(tips));
        if (given != tipsHash) revert WrongPreimages(given, tipsHash);
        tipsHash = keccak256(abi.encodePacked(preimages));
    }
}
