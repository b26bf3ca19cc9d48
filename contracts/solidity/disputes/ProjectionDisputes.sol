// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DisputeBase} from "./DisputeBase.sol";
import {Directions} from "../libraries/Directions.sol";
import {Projection} from "../libraries/Projection.sol";
import {Trace} from "../libraries/Trace.sol";
import {Vectors} from "../libraries/Vectors.sol";

/// @title Proofs that a round's gradient was not projected off the public directions as it should.
/// @dev Vectors have the epoch's number of weights; one that opens to another number is for `RecordDisputes`.
contract ProjectionDisputes is DisputeBase {
    /// @notice The records that say what direction `k` is made of.
    /// @param direction DIRECTION (k, 0).
    /// @param entry ENTRY.
    /// @param base POINT of the path's beginning; read for direction 0 only, which is base - w_0.
    struct DirectionClaim {
        Record direction;
        Record entry;
        Record base;
    }

    /// @notice The records of one projected entry.
    /// @param directions DIRECTION (0, 0) to (3, 0).
    struct ProjectedClaim {
        Record projected;
        Record system;
        Record gradient;
        Record[] directions;
    }

    /// @notice Convict if an entry of a direction is not its source's, shifted.
    /// @param direction_ The direction's chunk.
    /// @param source The chunk of w~, the move, prev0 or prev1.
    /// @param initial The chunk of w_0 for direction 0, else ignored.
    function direction(
        Context calldata context,
        DirectionClaim calldata claim,
        Chunk calldata direction_,
        Chunk calldata source,
        Chunk calldata initial,
        uint256 index
    ) external {
        int256 commitment = _openDirection(context, claim);
        uint256 dim = context.terms.dim;
        int256 value = Vectors.entry(source, commitment, index, dim);
        if (claim.direction.i == 0) value -= Vectors.entry(initial, claim.entry.values[0], index, dim);
        int256 shift_ = claim.direction.values[0];
        bool right = Directions.possible(shift_)
            && Vectors.entry(direction_, claim.direction.values[1], index, dim) == value >> uint256(shift_);
        _judge(context, right);
    }

    /// @notice Convict if a direction's shift is not the least that brings its squared norm to 2^54.
    /// @param source The whole vector w~, move, prev0 or prev1.
    /// @param initial The whole vector w_0 for direction 0, else empty.
    function shift(
        Context calldata context,
        DirectionClaim calldata claim,
        bytes calldata source,
        bytes calldata initial
    ) external {
        int256 commitment = _openDirection(context, claim);
        uint256 dim = context.terms.dim;
        Vectors.open(source, commitment, dim);
        bool difference = claim.direction.i == 0;
        if (difference) Vectors.open(initial, claim.entry.values[0], dim);
        _judge(context, Directions.least(source, initial, difference, claim.direction.values[0]));
    }

    /// @notice Convict if the inner product of two directions is recorded wrongly.
    /// @param a The whole direction of the first record.
    /// @param b The whole direction of the second; empty if both records are the same one.
    function gram(
        Context calldata context,
        Record calldata system,
        Record calldata first,
        Record calldata second,
        bytes calldata a,
        bytes calldata b
    ) external {
        bytes32 tag = _enter(context);
        _open(context, tag, system, Trace.SYSTEM, 0, 0);
        _openWhole(context, tag, first, a);
        if (second.i != first.i) _openWhole(context, tag, second, b);
        int256 product = Vectors.dot(a, second.i == first.i ? a : b);
        _judge(context, system.values[Projection.gramIndex(first.i, second.i)] == product);
    }

    /// @notice Convict if the inner product of a direction and the gradient is recorded wrongly.
    function target(
        Context calldata context,
        Record calldata system,
        Record calldata direction_,
        Record calldata gradient,
        bytes calldata u,
        bytes calldata gbar
    ) external {
        bytes32 tag = _enter(context);
        _open(context, tag, system, Trace.SYSTEM, 0, 0);
        _open(context, tag, gradient, Trace.GRADIENT, 0, 0);
        _openWhole(context, tag, direction_, u);
        Vectors.open(gbar, gradient.values[2], context.terms.dim);
        _judge(context, system.values[Projection.targetIndex(direction_.i)] == Vectors.dot(u, gbar));
    }

    /// @notice Convict if an entry of the projected gradient is not what the recorded products give.
    /// @param result The chunk of the projected gradient.
    /// @param gbar The chunk of the gradient.
    /// @param directions The chunk of each direction.
    function projected(
        Context calldata context,
        ProjectedClaim calldata claim,
        Chunk calldata result,
        Chunk calldata gbar,
        Chunk[] calldata directions,
        uint256 index
    ) external {
        bytes32 tag = _enter(context);
        _open(context, tag, claim.projected, Trace.PROJECTED, 0, 0);
        _open(context, tag, claim.system, Trace.SYSTEM, 0, 0);
        _open(context, tag, claim.gradient, Trace.GRADIENT, 0, 0);
        uint256 dim = context.terms.dim;
        // slither-disable-next-line uninitialized-local: each is set below.
        int256[4] memory entries;
        for (uint256 k = 0; k < Projection.DIRECTIONS; ++k) {
            _open(context, tag, claim.directions[k], Trace.DIRECTION, k, 0);
            entries[k] = Vectors.entry(directions[k], claim.directions[k].values[1], index, dim);
        }
        int256 g = Vectors.entry(gbar, claim.gradient.values[2], index, dim);
        int256 expected = Projection.entry(claim.system.values, g, entries);
        _judge(context, Vectors.entry(result, claim.projected.values[0], index, dim) == expected);
    }

    /// @dev Opens the records and returns the commitment of the direction's source.
    function _openDirection(Context calldata context, DirectionClaim calldata claim) private view returns (int256) {
        bytes32 tag = _enter(context);
        uint256 k = claim.direction.i;
        _open(context, tag, claim.direction, Trace.DIRECTION, k, 0);
        _open(context, tag, claim.entry, Trace.ENTRY, 0, 0);
        // ENTRY: V(w_0), V(w), V(move), V(prev0), V(prev1), ...
        if (k != 0) return claim.entry.values[k + 1];
        _open(context, tag, claim.base, Trace.POINT, Trace.PATH, 0);
        return claim.base.values[0];
    }

    function _openWhole(Context calldata context, bytes32 tag, Record calldata record, bytes calldata u) private pure {
        _open(context, tag, record, Trace.DIRECTION, record.i, 0);
        Vectors.open(u, record.values[1], context.terms.dim);
    }
}
