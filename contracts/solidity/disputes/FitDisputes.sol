// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FixedPoint} from "../libraries/FixedPoint.sol";
import {SigmoidTable} from "../libraries/SigmoidTable.sol";
import {SoftplusTable} from "../libraries/SoftplusTable.sol";
import {Trace} from "../libraries/Trace.sol";
import {Vectors} from "../libraries/Vectors.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @title Disputes about the fit at each point: sums over examples, the intercept, and what was chosen.
/// @notice Every function convicts the round if the recorded value is not the one that the rules give.
contract FitDisputes is DisputeBase {
    /// @dev The intercept lies in [-16, 16].
    int256 private constant BOUND = 16 << 24;
    int256 private constant ACCEPTED = 1;

    /// @notice The sums of a point at one position and all they follow from.
    /// @param point The point's record.
    /// @param sums The disputed record.
    /// @param before The sums at the position before; not read at a point's first.
    /// @param examples The record of the position's examples.
    /// @param logits The logits of the position, whole.
    /// @param labels The labels of the position, whole.
    struct SumsClaim {
        Record point;
        Record sums;
        Record before;
        Record examples;
        bytes logits;
        bytes labels;
    }

    /// @notice Running sums over examples, as a record of SUMS has them.
    struct Running {
        int256 excess;
        int256 next;
        int256 loss;
    }

    /// @notice Dispute the sums of a point at a position.
    function sums(Context calldata context, SumsClaim calldata claim) external {
        bytes32 tag = _enter(context);
        uint32 p = claim.point.i;
        uint32 position = claim.sums.j;
        _open(context, tag, claim.point, Trace.POINT, p, 0);
        _open(context, tag, claim.sums, Trace.SUMS, p, position);
        _open(context, tag, claim.examples, Trace.EXAMPLES, 0, position);
        Vectors.open(claim.logits, claim.sums.values[0], uint256(claim.examples.values[1]));
        Vectors.open(claim.labels, claim.examples.values[2], uint256(claim.examples.values[1]));
        // slither-disable-next-line uninitialized-local: sums begin with zero.
        Running memory right;
        if (p >= Trace.PATH) {
            // The path is measured on the drawn shard alone, which is the round's own position.
            if (position != context.round) revert InvalidRecord(Trace.SUMS, p, position);
        } else if (position != 0) {
            _open(context, tag, claim.before, Trace.SUMS, p, position - 1);
            right = Running(claim.before.values[1], claim.before.values[2], claim.before.values[3]);
        }
        _add(right, claim.logits, claim.labels, claim.point.values[2], p >= Trace.PATH);
        int256[] calldata found = claim.sums.values;
        _judge(context, found[1] == right.excess && found[2] == right.next && found[3] == right.loss);
    }

    /// @notice Dispute the intercept of a point: it must balance the sums at the point's last position.
    /// @param point The point's record.
    /// @param last The record of its sums there.
    function intercept(Context calldata context, Record calldata point, Record calldata last) external {
        bytes32 tag = _enter(context);
        _open(context, tag, point, Trace.POINT, point.i, 0);
        _open(context, tag, last, Trace.SUMS, point.i, _last(context, point.i));
        int256 c = point.values[2];
        int256 excess = last.values[1];
        bool balanced = excess <= 0 && last.values[2] > 0;
        bool right = c > -BOUND && c < BOUND && balanced;
        if (c == -BOUND) right = excess > 0 || balanced;
        if (c == BOUND) right = excess <= 0;
        _judge(context, right);
    }

    /// @notice Dispute a choice of the line search: another candidate has a smaller loss, or the same and
    /// a smaller number.
    /// @param choice The chosen candidates (CHOICE).
    /// @param chosen The last sums of the chosen candidate.
    /// @param better The last sums of the other one, among momentum or among step candidates.
    function minimum(Context calldata context, Record calldata choice, Record calldata chosen, Record calldata better)
        external
    {
        bytes32 tag = _enter(context);
        _open(context, tag, choice, Trace.CHOICE, 0, 0);
        bool ofStep = better.i >= Trace.STEP;
        uint256 first = ofStep ? Trace.STEP : 0;
        uint256 size = ofStep ? context.terms.etas.length : context.terms.betasTenths.length;
        if (better.i - first >= size) revert InvalidRecord(better.op, better.i, better.j);
        int256 index = choice.values[ofStep ? 1 : 0];
        if (index < 0 || uint256(index) >= size) revert InvalidRecord(choice.op, choice.i, choice.j);
        _open(context, tag, chosen, Trace.SUMS, first + uint256(index), context.round - 1);
        _open(context, tag, better, Trace.SUMS, better.i, context.round - 1);
        bool wins = better.values[3] < chosen.values[3];
        if (better.values[3] == chosen.values[3]) wins = better.i < chosen.i;
        _judge(context, !wins);
    }

    /// @notice Dispute numbers of candidates that cannot be: beyond a grid, momentum before the first
    /// step, or scored at another step than the rules say.
    /// @param choice The chosen candidates (CHOICE).
    /// @param state The state before the round (ENTRY).
    function range(Context calldata context, Record calldata choice, Record calldata state) external {
        bytes32 tag = _enter(context);
        _open(context, tag, choice, Trace.CHOICE, 0, 0);
        _open(context, tag, state, Trace.ENTRY, 0, 0);
        int256 beta = choice.values[0];
        int256 eta = choice.values[1];
        int256 scored = eta == 0 ? int256(1) : eta;
        int256 betas = state.values[5] == 0 ? int256(1) : int256(context.terms.betasTenths.length);
        bool right = beta >= 0 && beta < betas && eta >= -1 && eta < int256(context.terms.etas.length);
        _judge(context, right && choice.values[2] == scored);
    }

    /// @notice Dispute whether there was a step at all: there is one if and only if a member was accepted.
    /// @param choice The chosen candidates (CHOICE).
    /// @param members An accepted member's record where the choice says that there was no step; every
    /// member's, in order, where it says that there was one.
    function accepted(Context calldata context, Record calldata choice, Record[] calldata members) external {
        bytes32 tag = _enter(context);
        _open(context, tag, choice, Trace.CHOICE, 0, 0);
        if (choice.values[1] < 0) {
            _open(context, tag, members[0], Trace.MEMBER, members[0].i, 0);
            _judge(context, members[0].values[0] != ACCEPTED);
        } else {
            bool any = members.length != context.terms.members;
            for (uint256 i = 0; i < members.length && !any; ++i) {
                _open(context, tag, members[i], Trace.MEMBER, i, 0);
                any = members[i].values[0] == ACCEPTED;
            }
            _judge(context, any);
        }
    }

    /// @dev The last position of a point: the drawn shard for the path, else the newest that was known.
    function _last(Context calldata context, uint32 p) private pure returns (uint32) {
        return p >= Trace.PATH ? context.round : context.round - 1;
    }

    /// @dev Add a position's examples to running sums. Numbers of a liar may overflow; a record's do not.
    function _add(Running memory running, bytes calldata logits, bytes calldata labels, int256 c, bool squared)
        private
        pure
    {
        bytes memory sigmoids = SigmoidTable.ENTRIES;
        bytes memory softplus = squared ? bytes("") : SoftplusTable.ENTRIES;
        unchecked {
            for (uint256 offset = 0; offset < logits.length; offset += 8) {
                int256 z = Vectors.lane(Vectors.four(logits, offset), 0) + c;
                int256 y = Vectors.lane(Vectors.four(labels, offset), 0);
                int256 residual = FixedPoint.sigmoid(sigmoids, z) - y * FixedPoint.ONE;
                running.excess += residual;
                running.next += FixedPoint.sigmoid(sigmoids, z + 1) - y * FixedPoint.ONE;
                running.loss +=
                    squared ? residual * residual : FixedPoint.softplus(softplus, y == 1 ? -z : z);
            }
        }
    }
}
