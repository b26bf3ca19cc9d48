// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {ProviderDuties} from "./ProviderDuties.sol";

/// @title The way out of every phase, for anybody, by time alone.
abstract contract Exits is ProviderDuties {
    /// @inheritdoc IFederation
    function lapse(EpochTerms calldata terms) external {
        Phase from = phase;
        if (from == Phase.Closed) revert WrongPhase(from, Phase.Open);
        _requireTerms(terms);
        // A table that nobody finalizes cannot be finalized: the pool's token is gone, or a judge never answers.
        uint64 due = from == Phase.Proposed ? deadline + _settleDuration : deadline;
        if (block.timestamp < due) revert DeadlineAhead(due);

        if (from == Phase.Settle || from == Phase.Proposed) {
            phase = Phase.Closed;
            emit Lapsed(epoch, round, from, 0);
            // Rounds that nobody was ever asked to pay for; anybody bonded could have proposed, the aggregator had to.
            if (from == Phase.Settle && recorded != 0 && voids == 0) _loseAggregator(address(0));
            return;
        }
        uint32 suspect = accused();
        emit Lapsed(epoch, round, from, _enter(Phase.Settle, _settleDuration));
        if (from == Phase.Draw) _loseDraw(terms);
        else if (suspect < terms.providers.length) _lose(terms.providers[suspect], _providerBond, address(0));
        else _loseAggregator(address(0));
    }
}
