// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";
import {Projection} from "../libraries/Projection.sol";
import {Score} from "../libraries/Score.sol";
import {Base} from "./Base.sol";

/// @title The library as a contract, so that terms arrive as call data.
contract Scores {
    function limit(IFederation.EpochTerms calldata terms, uint256 quota, int256 gain) external pure returns (int256) {
        return Score.limit(terms, quota, gain);
    }

    function credit(IFederation.EpochTerms calldata terms, int256 counted, int256 gain) external pure returns (int256) {
        return Score.credit(terms, counted, gain);
    }

    function suspended(
        IFederation.EpochTerms calldata terms,
        uint256 round,
        int256 credit_,
        uint256 quota,
        int256 moved
    ) external pure returns (bool) {
        return Score.suspended(terms, round, credit_, quota, moved);
    }
}

contract ScoreTest is Base {
    Scores private scores = new Scores();

    function _terms(uint64 quotaTotal, uint96 bounty, uint32 clipMilli)
        private
        pure
        returns (IFederation.EpochTerms memory terms)
    {
        terms.quotaTotal = quotaTotal;
        terms.bounty = bounty;
        terms.clipMilli = clipMilli;
        terms.suspensionMilli = 500;
        terms.suspensionFrom = 3;
    }

    function testFuzz_ScoreIsRoundedDown(int64 product, uint32 eta, uint64 quotaTotal) public pure {
        int256 total = int256(bound(quotaTotal, 1, type(uint64).max));
        int256 score = Score.ofProduct(product, eta, uint256(total));
        int256 exact = -int256(uint256(eta)) * product;
        check(score * total <= exact && exact < (score + 1) * total, "the next integer below");
    }

    function testFuzz_ClippedScoreKeepsToTheLimit(int128 score, uint128 limit) public pure {
        int256 bound_ = int256(uint256(limit));
        int256 clipped = Score.clip(score, bound_);
        check(clipped <= bound_ && clipped >= -bound_, "within the limit");
        check(clipped == score || clipped == bound_ || clipped == -bound_, "unchanged or at the limit");
    }

    /// A member's limits over all quotas sum to no more than the improvement.
    function testFuzz_LimitIsTheQuotasShare(uint32 quota, uint32 others, int64 gain, uint32 clip) public view {
        uint64 total = uint64(quota) + others + 1;
        int256 limit = scores.limit(_terms(total, 1, uint32(bound(clip, 1, 1000))), quota, gain);
        check(limit >= 0, "no negative limit");
        check(uint256(limit) * total <= quota * Score.magnitude(gain), "at most the quota's share");
    }

    function testFuzz_NothingIsEarnedWithoutImprovement(uint96 bounty, int64 counted, int64 gain) public view {
        int256 pay = scores.credit(_terms(1, bounty, 1000), counted, gain);
        check(gain > 0 || pay <= 0, "no pay without improvement");
        check(counted > 0 || pay <= 0, "no pay without a score");
        check(counted < 0 || pay >= 0, "no charge without a negative score");
    }

    function test_NobodyIsSuspendedBeforeTheFirstRoundThatMay() public view {
        IFederation.EpochTerms memory terms = _terms(10, 10 ** 18, 1000);
        check(!scores.suspended(terms, 2, -(10 ** 30), 5, 1 << 40), "round 2");
        check(scores.suspended(terms, 3, -(10 ** 30), 5, 1 << 40), "round 3");
    }

    /// Half of the quota's half of a whole unit of Brier: 2.5e17 wei.
    function test_SuspensionBeginsBelowTheThreshold() public view {
        IFederation.EpochTerms memory terms = _terms(10, 10 ** 18, 1000);
        check(!scores.suspended(terms, 3, -25 * 10 ** 16, 5, 1 << 40), "at the threshold");
        check(scores.suspended(terms, 3, -25 * 10 ** 16 - 1, 5, 1 << 40), "one wei below");
    }

    function testFuzz_FloorDivisionRoundsDown(int128 numerator, uint64 denominator) public pure {
        int256 d = int256(bound(denominator, 1, type(uint64).max));
        int256 q = FixedPoint.floorDiv(numerator, d);
        check(q * d <= numerator && numerator < (q + 1) * d, "the next integer below");
    }

    function _system(int256[14] memory values) private pure returns (int256[] memory system) {
        system = new int256[](14);
        for (uint256 k = 0; k < 14; ++k) {
            system[k] = values[k];
        }
    }

    /// Directions (a, 0), (b, 0), 0, (0, c) in the plane, gradient (x, y): nothing of it is left.
    function testFuzz_NothingIsLeftOfAGradientInTheSpan(int24 a, int24 b, int24 c, int24 x, int24 y) public pure {
        if (a == 0 || c == 0) return;
        int256 xx = int256(a) * a;
        int256[] memory system = _system(
            [
                xx, int256(a) * b, 0, 0, int256(b) * b, 0, 0, 0, 0, int256(c) * c,
                int256(a) * x, int256(b) * x, 0, int256(c) * y
            ]
        );
        check(Projection.entry(system, x, [int256(a), b, 0, 0]) == 0, "first entry");
        check(Projection.entry(system, y, [int256(0), 0, 0, c]) == 0, "second entry");
    }

    function testFuzz_GradientStaysWithoutDirections(int64 g) public pure {
        check(Projection.entry(new int256[](14), g, [int256(0), 0, 0, 0]) == g, "unchanged");
    }

    /// One direction (1, 1), gradient (g, 0): half of g is left, halves rounded upwards.
    function testFuzz_HalvesAreRoundedUpwards(int64 g) public pure {
        int256[] memory system = new int256[](14);
        system[0] = 2;
        system[10] = g;
        int256 left = Projection.entry(system, g, [int256(1), 0, 0, 0]);
        check(left == FixedPoint.floorDiv(int256(g) + 1, 2), "half, rounded");
    }

    /// Four independent directions with the largest norms that a shift leaves, and a large gradient.
    function test_LargestDirectionsDoNotOverflow() public pure {
        int256 n = 1 << 27;
        int256[] memory system = new int256[](14);
        for (uint256 k = 0; k < 4; ++k) {
            system[Projection.gramIndex(k, k)] = n * n;
            system[Projection.targetIndex(k)] = n * (1 << 30);
        }
        check(Projection.entry(system, 1 << 30, [n, 0, 0, 0]) == 0, "projected off");
        check(Projection.entry(system, 1 << 30, [n, n, n, n]) == -3 * (1 << 30), "as far as it can go");
    }

    function test_GramIndexRunsThroughTheUpperTriangle() public pure {
        uint256 next = 0;
        for (uint256 a = 0; a < 4; ++a) {
            for (uint256 b = a; b < 4; ++b) {
                check(Projection.gramIndex(a, b) == next && Projection.gramIndex(b, a) == next, "row by row");
                ++next;
            }
        }
        eq(next, Projection.targetIndex(0), "the targets follow");
    }
}
