// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IFederation} from "../interfaces/IFederation.sol";
import {IReserves} from "../interfaces/IReserves.sol";
import {FederationState} from "./FederationState.sol";

/// @title An epoch from its promise to the end of its rounds, and from a payout table to its finalization.
abstract contract EpochPhases is FederationState, IReserves {
    uint256 private constant MAX_PROVIDERS = 32;
    uint256 private constant MAX_GRID = 32;

    /// @inheritdoc IFederation
    function openEpoch(EpochTerms calldata terms) external onlyAggregator returns (uint64 opened) {
        _requirePhase(Phase.Closed);
        if (terms.rounds == 0 || terms.rounds > terms.shards) revert InvalidRounds(terms.rounds, terms.shards);
        _requireGrids(terms.etas.length, terms.betasTenths.length);
        if (terms.bounty > type(uint128).max) revert InvalidBounty(terms.bounty);
        if (terms.quotaTotal == 0 || terms.members == 0 || terms.dim == 0) revert NobodyAdmitted();
        _requireFunds(terms.funds);
        _requireBonds(terms);

        opened = ++epoch;
        (round, recorded, rounds, aggregatorLost) = (0, 0, terms.rounds, false);
        (_shards, _dim, _consented, voids) = (terms.shards, terms.dim, 0, 0);
        _funds = uint128(terms.funds);
        tipsHash = keccak256(abi.encodePacked(terms.providerTips));
        termsHash[opened] = keccak256(abi.encode(terms));
        emit EpochOpened(opened, terms, _enter(Phase.Open, _phaseDuration));
    }

    /// @inheritdoc IFederation
    function revealEpoch(bytes32 shardsHash) external onlyAggregator inTime(Phase.Open) {
        if (round != rounds) revert RoundsRemain(round, rounds);
        emit EpochRevealed(epoch, _given(shardsHash), _enter(Phase.Settle, _settleDuration));
    }

    /// @inheritdoc IFederation
    function cancel() external onlyAggregator {
        if (phase != Phase.Commit && phase != Phase.Reveal) _requirePhase(Phase.Open);
        _requireInTime();
        emit Cancelled(epoch, round, recorded, _enter(Phase.Settle, _settleDuration));
    }

    /// @inheritdoc IFederation
    function propose(bytes32 payoutRoot, uint256 total, bytes32 settlementRoot) external inTime(Phase.Settle) {
        _requireProposer();
        uint256 least = _pool.totalCumulative();
        uint256 most = Math.min(least + _funds + forfeited, type(uint128).max);
        if (total < least || total > most) revert TotalOutOfRange(total, least, most);

        _proposer = msg.sender;
        _payoutRoot = _given(payoutRoot);
        _settlementRoot = _given(settlementRoot);
        _total = uint128(total);
        _handedOut = forfeited;
        uint64 end = _enter(Phase.Proposed, _challengeWindow);
        emit Proposed(epoch, msg.sender, payoutRoot, total, settlementRoot, recorded, forfeited, end);
    }

    /// @inheritdoc IFederation
    function finalize() external {
        _requirePhase(Phase.Proposed);
        if (block.timestamp < deadline) revert ChallengeWindowOpen(deadline);
        if (holds != 0) revert QuestionsOpen(holds);
        phase = Phase.Closed;
        if (_handedOut != 0) forfeited -= _handedOut;
        emit Finalized(epoch, _payoutRoot, _total);
        _pool.post(_payoutRoot, _total);
    }

    /// @inheritdoc IFederation
    function proposal() external view returns (Proposal memory found) {
        if (phase != Phase.Proposed) return found;
        return Proposal(_proposer, _payoutRoot, _total, _settlementRoot, recorded, _handedOut, deadline);
    }

    /// @notice Wei of the pool that no funder may take back. They are an epoch's funds, and lost bonds.
    function reserved() external view returns (uint256) {
        return phase == Phase.Closed ? forfeited : uint256(_funds) + forfeited;
    }

    /// @dev Every proof of a fault carries the terms, so they must stay small.
    function _requireGrids(uint256 etas, uint256 betas) private pure {
        if (etas < 2 || etas > MAX_GRID || betas == 0 || betas > MAX_GRID) revert InvalidGrid(etas, betas);
    }

    /// @dev Lost bonds lie in the pool too, but belong to the members already.
    function _requireFunds(uint256 required) private view {
        uint256 available = Math.min(Math.saturatingSub(_pool.unallocated(), forfeited), type(uint128).max);
        if (available < required) revert InsufficientFunds(available, required);
    }

    /// @dev An account may stand for several providers, and the aggregator for some: its bond must do for all.
    function _requireBonds(EpochTerms calldata terms) private view {
        uint256 count = terms.providers.length;
        if (count == 0 || count > MAX_PROVIDERS) revert InvalidProviderCount(count);
        if (terms.providerTips.length != count) revert LengthMismatch(terms.providerTips.length, count);
        _requireBond(aggregator, _aggregatorBond);
        for (uint256 i = 0; i < count; ++i) {
            address account = terms.providers[i];
            uint256 required = account == aggregator ? _aggregatorBond : 0;
            for (uint256 j = 0; j < count; ++j) {
                if (terms.providers[j] == account) required += _providerBond;
            }
            _requireBond(account, required);
        }
    }

    function _requireProposer() private view {
        if (msg.sender == aggregator && !aggregatorLost) return;
        uint64 from = deadline - _settleDuration / 2;
        if (!aggregatorLost && block.timestamp < from) revert ProposerTooEarly(msg.sender, from);
        _requireBond(msg.sender, _aggregatorBond);
    }

    function _requireBond(address account, uint256 required) private view {
        uint256 bond = _vault.standing(account);
        if (bond < required) revert InsufficientBond(account, bond, required);
    }
}
