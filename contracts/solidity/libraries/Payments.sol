// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IDispute} from "../interfaces/IDispute.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {Roster} from "./Roster.sol";

/// @title Whether the payments and rows of a settlement follow from each other. Python: `federation/reward.py`.
/// @dev Recorded numbers are anything that fits a word, and must never make these checks revert: no sum of
/// two that are not negative leaves 256 bits, and one that should not be negative is itself a fault.
library Payments {
    /// @dev Places among the values of a PAYMENT.
    uint256 internal constant CREDIT = 0;
    uint256 internal constant POSITIVE = 1;
    uint256 internal constant DUE = 2;
    uint256 internal constant DUES = 3;
    uint256 internal constant AT = 4;

    /// @dev Places among the values of a ROW.
    uint256 internal constant PAYEE = 0;
    uint256 internal constant MEMBER = 1;
    uint256 internal constant PREVIOUS = 2;
    uint256 internal constant CUMULATIVE = 3;
    uint256 internal constant LAST = 4;
    uint256 internal constant TOTAL = 5;

    /// @notice Whether a payment follows from its credit, the one before and the sum of positive credit.
    function right(
        IFederation.EpochTerms calldata terms,
        uint256 forfeited,
        int256[] calldata payment,
        IDispute.Record calldata before,
        int256 positive,
        Roster.Seat calldata seat
    ) internal pure returns (bool) {
        bool first = before.op == 0;
        bool paid = seat.payee != address(0);
        int256 gain = paid && payment[CREDIT] > 0 ? payment[CREDIT] : int256(0);
        // In this order: once the sums are right, no gain is larger than the sum of all.
        return (paid ? payment[AT] >= 0 : payment[AT] == -1)
            && adds(first ? int256(0) : before.values[POSITIVE], gain, payment[POSITIVE])
            && adds(first ? int256(0) : before.values[DUES], payment[DUE], payment[DUES])
            && gain <= positive && _isDue(terms, forfeited, gain, positive, paid ? seat.quota : 0, payment[DUE]);
    }

    /// @notice Whether a row alone can be right: an address, a member or none, no negative amount.
    /// @dev Of a payee that no member names there is a row only because the table before had one.
    function wellFormed(int256[] calldata row, uint32 members) internal pure returns (bool) {
        return row[PAYEE] > 0 && row[PAYEE] <= int256(uint256(type(uint160).max)) && row[MEMBER] >= -1
            && row[MEMBER] < int256(uint256(members)) && row[PREVIOUS] >= (row[MEMBER] == -1 ? int256(1) : int256(0))
            && (row[LAST] == 0 || row[LAST] == 1);
    }

    /// @notice Whether a row may follow another: a higher payee after the last row of the one before, or a
    /// higher member of the same payee.
    function ordered(int256[] calldata row, int256[] calldata before) internal pure returns (bool) {
        if (row[PAYEE] > before[PAYEE]) return before[LAST] == 1;
        return row[PAYEE] == before[PAYEE] && before[MEMBER] >= 0 && row[MEMBER] > before[MEMBER]
            && row[PREVIOUS] == before[PREVIOUS] && before[LAST] == 0;
    }

    /// @notice Whether `sum` is `a + b`, none of them negative.
    function adds(int256 a, int256 b, int256 sum) internal pure returns (bool) {
        unchecked {
            return a >= 0 && b >= 0 && sum >= 0 && uint256(a) + uint256(b) == uint256(sum);
        }
    }

    /// @dev The gain, scaled down if all gains exceed the funds, and the quota's share of lost bonds.
    function _isDue(
        IFederation.EpochTerms calldata terms,
        uint256 forfeited,
        int256 gain,
        int256 positive,
        uint256 quota,
        int256 due
    ) private pure returns (bool) {
        uint256 scaled = uint256(gain);
        if (uint256(positive) > terms.funds) scaled = Math.mulDiv(scaled, terms.funds, uint256(positive));
        // A share above all that was lost is no quota's: it is out of the range of what can be recorded.
        if (quota > terms.quotaTotal) return false;
        uint256 share = quota == 0 ? 0 : Math.mulDiv(forfeited, quota, terms.quotaTotal);
        unchecked {
            return due >= 0 && uint256(due) == scaled + share;
        }
    }
}
