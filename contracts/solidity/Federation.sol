// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {RewardPool} from "./RewardPool.sol";
import {FederationState} from "./base/FederationState.sol";
import {RoundPhases} from "./base/RoundPhases.sol";
import {IFederation} from "./interfaces/IFederation.sol";

/// @title One federation: its epochs, from the promise to the payout table.
/// @notice See `interfaces/IFederation.sol`, which says what every function does.
contract Federation is RoundPhases {
    uint64 private constant MAX_CHALLENGE_WINDOW = 90 days;

    bytes32 public immutable manifestHash;
    RewardPool public immutable pool;
    uint64 public immutable challengeWindow;

    uint64 public challengeEnd;
    uint256 public funds;
    bytes32 public payoutRoot;
    uint256 public total;

    constructor(bytes32 manifestHash_, address aggregator_, IERC20 token, uint64 challengeWindow_, uint64 drawDelay_)
        FederationState(aggregator_, drawDelay_)
    {
        if (challengeWindow_ > MAX_CHALLENGE_WINDOW) revert InvalidChallengeWindow(challengeWindow_);
        manifestHash = manifestHash_;
        challengeWindow = challengeWindow_;
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
}
