// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDispute} from "../interfaces/IDispute.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {Blobs} from "./Blobs.sol";
import {Roster} from "./Roster.sol";
import {Score} from "./Score.sol";
import {Vectors} from "./Vectors.sol";

/// @title What a MEMBER record says, and whether it follows from the round.
library Member {
    uint256 internal constant STATUS = 0;
    uint256 internal constant DELTA = 1;
    uint256 internal constant SUM = 2;
    uint256 internal constant PRODUCT = 3;
    uint256 internal constant SCORE = 4;
    uint256 internal constant COUNTED = 5;
    uint256 internal constant CREDIT = 6;
    uint256 internal constant CREDIT_BEFORE = 7;
    uint256 internal constant CREDIT_AFTER = 8;
    uint256 internal constant SUSPENDED_BEFORE = 9;
    uint256 internal constant SUSPENDED_AFTER = 10;

    int256 internal constant ACCEPTED = 1;
    int256 internal constant SILENT = 3;
    int256 internal constant SUSPENDED = 5;

    /// @notice A member's line and all that it depends on.
    struct LineClaim {
        IDispute.Record member;
        IDispute.Record choice;
        IDispute.Record improvement;
        IDispute.Record exit;
        Roster.Seat seat;
    }

    /// @notice Whether the member's delta went into the sum.
    function accepted(IDispute.Record calldata member) internal pure returns (bool) {
        return member.values[STATUS] == ACCEPTED;
    }

    /// @notice Whether it was this delta that went into the sum.
    function acceptedWith(IDispute.Record calldata member, bytes32 deltaHash) internal pure returns (bool) {
        return accepted(member) && uint256(member.values[DELTA]) == uint256(deltaHash);
    }

    /// @notice Whether bytes are a delta of this model within a cap on its norm.
    function admissible(bytes calldata delta, uint256 dim, uint256 cap) internal pure returns (bool) {
        if (!Blobs.isDelta(delta, dim)) return false;
        bytes calldata entries = delta[8:];
        return uint256(Vectors.dot(entries, entries)) <= cap * cap;
    }

    /// @notice Whether status, score, counted score, credit and suspension follow from the rest.
    function right(IFederation.EpochTerms calldata terms, uint256 round, LineClaim calldata claim)
        internal
        pure
        returns (bool)
    {
        int256[] calldata line = claim.member.values;
        if (!_consistent(line)) return false;
        int256 counted = _counted(terms, claim);
        int256 credit = Score.credit(terms, counted, claim.improvement.values[1]);
        int256 after_ = line[CREDIT_BEFORE] + credit;
        bool suspended = line[SUSPENDED_BEFORE] != 0
            || Score.suspended(terms, round + 1, after_, claim.seat.quota, claim.exit.values[5]);
        return line[SCORE] == _score(terms, claim) && line[COUNTED] == counted && line[CREDIT] == credit
            && line[CREDIT_AFTER] == after_ && line[SUSPENDED_AFTER] == (suspended ? int256(1) : int256(0));
    }

    /// @dev A status there is; suspended exactly if it was so before the round; no delta unless accepted.
    function _consistent(int256[] calldata line) private pure returns (bool) {
        int256 status = line[STATUS];
        return status >= ACCEPTED && status <= SUSPENDED
            && (status == SUSPENDED) == (line[SUSPENDED_BEFORE] != 0) && (status == ACCEPTED || line[DELTA] == 0);
    }

    function _score(IFederation.EpochTerms calldata terms, LineClaim calldata claim) private pure returns (int256) {
        if (!accepted(claim.member)) return 0;
        uint256 eta = terms.etas[uint256(claim.choice.values[2])];
        return Score.ofProduct(claim.member.values[PRODUCT], eta, terms.quotaTotal);
    }

    function _counted(IFederation.EpochTerms calldata terms, LineClaim calldata claim) private pure returns (int256) {
        int256 limit = Score.limit(terms, claim.seat.quota, claim.improvement.values[0]);
        if (claim.member.values[STATUS] == SILENT) return -limit;
        return accepted(claim.member) ? Score.clip(_score(terms, claim), limit) : int256(0);
    }
}
