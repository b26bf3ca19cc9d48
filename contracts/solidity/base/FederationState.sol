// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {BlockBeacon} from "../libraries/BlockBeacon.sol";
import {ShardDeck} from "../libraries/ShardDeck.sol";

/// @title What a federation remembers, and who may move it from which phase to which.
abstract contract FederationState is IFederation {
    address public immutable aggregator;
    uint64 public immutable drawDelay;

    Phase public phase;
    uint64 public epoch;
    uint32 public round;
    uint32 public rounds;
    uint64 public drawTarget;

    bytes32[] internal _tips;
    mapping(uint64 epoch => ShardDeck.Deck) internal _decks;
    mapping(uint64 epoch => mapping(uint32 round => RoundInfo)) internal _rounds;

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

    constructor(address aggregator_, uint64 drawDelay_) {
        if (drawDelay_ == 0 || drawDelay_ > BlockBeacon.HORIZON) revert InvalidDrawDelay(drawDelay_);
        aggregator = aggregator_;
        drawDelay = drawDelay_;
    }

    /// @inheritdoc IFederation
    function providerTips() external view returns (bytes32[] memory) {
        return _tips;
    }

    /// @inheritdoc IFederation
    function roundInfo(uint64 epoch_, uint32 round_) external view returns (RoundInfo memory) {
        return _rounds[epoch_][round_];
    }

    /// @dev Refuses zero, which stands for "not committed yet" in every view.
    function _given(bytes32 hash) internal pure returns (bytes32) {
        if (hash == 0) revert ZeroHash();
        return hash;
    }
}
