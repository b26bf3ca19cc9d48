// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Blobs} from "../libraries/Blobs.sol";
import {Examples} from "../libraries/Examples.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";
import {LinearModel} from "../libraries/LinearModel.sol";
import {Trace} from "../libraries/Trace.sol";
import {Vectors} from "../libraries/Vectors.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @title Disputes about the points at which a round evaluated the model: their weights and logits.
/// @notice A point is a momentum candidate, a step candidate or one of six on the path that is paid.
/// Every function convicts the round if the recorded value is not the one that the rules give.
contract PointDisputes is DisputeBase {
    using Vectors for Chunk;

    /// @dev Path points 1 to 4 lie at these fractions of the step, 24 fractional bits, one per 4 bytes.
    bytes16 private constant NODES = hex"0011c649_00547b80_00ab8480_00ee39b7";
    uint256 private constant NODE_BITS = 24;

    /// @notice One recorded logit and all it follows from.
    /// @param point The point's record.
    /// @param sums The record with the logits at a position; its key says which point and position.
    /// @param examples The record of the position's examples.
    /// @param example The example itself.
    /// @param weights The point's weights, whole.
    /// @param logits The chunk with the disputed logit.
    /// @param scales The chunk with the example's scale.
    /// @param index The example's place at the position.
    struct LogitClaim {
        Record point;
        Record sums;
        Record examples;
        Examples.Opening example;
        bytes weights;
        Chunk logits;
        Chunk scales;
        uint32 index;
    }

    /// @notice Dispute one weight of a momentum candidate.
    /// @param point The candidate's record.
    /// @param state The state before the round (ENTRY).
    /// @param chunks Those with the weight: of the candidate, of the state's weights, of its last move.
    /// @param index The weight.
    function momentumWeight(
        Context calldata context,
        Record calldata point,
        Record calldata state,
        Chunk[] calldata chunks,
        uint256 index
    ) external {
        bytes32 tag = _enter(context);
        uint256 betas = context.terms.betasTenths.length;
        _openPoint(context, tag, point, 0, betas);
        _open(context, tag, state, Trace.ENTRY, 0, 0);
        uint256 dim = context.terms.dim;
        int256 beta = int256(uint256(context.terms.betasTenths[point.i]));
        int256 move = chunks[2].entry(state.values[2], index, dim);
        int256 right = chunks[1].entry(state.values[1], index, dim) + FixedPoint.floorDiv(2 * beta * move + 10, 20);
        _judge(context, chunks[0].entry(point.values[0], index, dim) == right);
    }

    /// @notice Dispute one weight of a step candidate.
    /// @param point The candidate's record.
    /// @param choice The chosen candidates (CHOICE).
    /// @param base The chosen momentum candidate's record.
    /// @param member The last member's record, which has the sum of all accepted deltas.
    /// @param chunks Those with the weight: of the candidate, of the base, of the sum.
    /// @param index The weight.
    function stepWeight(
        Context calldata context,
        Record calldata point,
        Record calldata choice,
        Record calldata base,
        Record calldata member,
        Chunk[] calldata chunks,
        uint256 index
    ) external {
        bytes32 tag = _enter(context);
        _openPoint(context, tag, point, Trace.STEP, context.terms.etas.length);
        _open(context, tag, choice, Trace.CHOICE, 0, 0);
        _open(context, tag, base, Trace.POINT, uint256(choice.values[0]), 0);
        _open(context, tag, member, Trace.MEMBER, context.terms.members - 1, 0);
        uint256 dim = context.terms.dim;
        int256 step = _step(
            chunks[2].entry(member.values[2], index, dim),
            context.terms.etas[point.i - Trace.STEP],
            context.terms.quotaTotal
        );
        int256 right = chunks[1].entry(base.values[0], index, dim) + step;
        _judge(context, chunks[0].entry(point.values[0], index, dim) == right);
    }

    /// @notice Dispute one weight of a point on the path.
    /// @param point The point's record.
    /// @param choice The chosen candidates (CHOICE).
    /// @param base The chosen momentum candidate's record.
    /// @param scored The record of the step candidate at which members are scored.
    /// @param chunks Those with the weight: of the point, of the base, of the scored candidate.
    /// @param index The weight.
    function pathWeight(
        Context calldata context,
        Record calldata point,
        Record calldata choice,
        Record calldata base,
        Record calldata scored,
        Chunk[] calldata chunks,
        uint256 index
    ) external {
        bytes32 tag = _enter(context);
        _openPoint(context, tag, point, Trace.PATH, 6);
        _open(context, tag, choice, Trace.CHOICE, 0, 0);
        _open(context, tag, base, Trace.POINT, uint256(choice.values[0]), 0);
        // The index cannot be negative: its sum is no key then, or that of a momentum candidate.
        if (choice.values[2] < 0) revert InvalidRecord(choice.op, choice.i, choice.j);
        _open(context, tag, scored, Trace.POINT, Trace.STEP + uint256(choice.values[2]), 0);
        uint256 dim = context.terms.dim;
        int256 start = chunks[1].entry(base.values[0], index, dim);
        int256 end = chunks[2].entry(scored.values[0], index, dim);
        int256 right = _along(point.i - Trace.PATH, start, end);
        _judge(context, chunks[0].entry(point.values[0], index, dim) == right);
    }

    /// @notice Dispute the inner product of the mean and a point's weights.
    /// @param point The point's record.
    /// @param weights Its weights, whole.
    /// @param mean The published bytes of the mean.
    function meanDot(Context calldata context, Record calldata point, bytes calldata weights, bytes calldata mean)
        external
    {
        bytes32 tag = _enter(context);
        _open(context, tag, point, Trace.POINT, point.i, 0);
        Vectors.open(weights, point.values[0], context.terms.dim);
        (uint256 total, bytes calldata counts) = Blobs.mean(mean, context.terms.meanHash, context.terms.dim);
        _judge(context, LinearModel.meanDot(counts, total, weights) == point.values[1]);
    }

    /// @notice Dispute one logit of a point.
    function logit(Context calldata context, LogitClaim calldata claim) external {
        bytes32 tag = _enter(context);
        uint32 position = claim.sums.j;
        _open(context, tag, claim.point, Trace.POINT, claim.point.i, 0);
        _open(context, tag, claim.sums, Trace.SUMS, claim.point.i, position);
        _open(context, tag, claim.examples, Trace.EXAMPLES, 0, position);
        uint256 shard = uint256(claim.examples.values[0]);
        uint64 epoch = context.federation.epoch();
        Examples.open(claim.example, Examples.placeOf(context, epoch, shard), claim.index);
        uint256 count = uint256(claim.examples.values[1]);
        Vectors.open(claim.weights, claim.point.values[0], context.terms.dim);
        int256 right = LinearModel.logit(
            claim.example.data,
            claim.weights,
            claim.scales.entry(claim.examples.values[3], claim.index, count),
            claim.point.values[1]
        );
        _judge(context, claim.logits.entry(claim.sums.values[0], claim.index, count) == right);
    }

    /// @dev Refuse a record that is not of one of `count` points from `first` on.
    function _openPoint(Context calldata context, bytes32 tag, Record calldata point, uint32 first, uint256 count)
        private
        pure
    {
        if (point.i < first || point.i - first >= count) revert InvalidRecord(point.op, point.i, point.j);
        _open(context, tag, point, Trace.POINT, point.i, 0);
    }

    /// @dev One weight of the step: eta / Q of the sum of deltas, rounded to the nearest.
    function _step(int256 sum, uint32 eta, uint64 quotaTotal) private pure returns (int256) {
        int256 quota = int256(uint256(quotaTotal));
        return FixedPoint.floorDiv(2 * int256(uint256(eta)) * sum + quota, 2 * quota);
    }

    /// @dev One weight of path point `k`, which begins at 0 with `start` and ends at 5 with `end`.
    function _along(uint256 k, int256 start, int256 end) private pure returns (int256) {
        if (k == 0) return start;
        if (k == 5) return end;
        int256 node = int256(uint256(uint128(NODES) >> (32 * (4 - k))) & type(uint32).max);
        return start + FixedPoint.roundShift((end - start) * node, NODE_BITS);
    }
}
