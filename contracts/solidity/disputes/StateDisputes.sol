// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DisputeBase} from "./DisputeBase.sol";
import {Blobs} from "../libraries/Blobs.sol";
import {Member} from "../libraries/Member.sol";
import {State} from "../libraries/State.sol";
import {Trace} from "../libraries/Trace.sol";
import {Vectors} from "../libraries/Vectors.sol";

/// @title Proofs that a round began or ended with a state that does not follow.
contract StateDisputes is DisputeBase {
    /// @notice The two contexts are not of one round and the next.
    error NotTheNextRound(uint32 round, uint32 next);

    /// @notice Only round 1 begins with the initial state.
    error NotTheFirstRound(uint32 round);

    /// @notice The records of a round's end.
    /// @param point POINT of the chosen step; ignored where the model did not move.
    struct ExitClaim {
        Record exit;
        Record entry;
        Record choice;
        Record improvement;
        Record point;
    }

    /// @notice Convict a round that did not begin with the model state with which the round before it ended.
    /// @param before The round before; `context` is the round in dispute.
    /// @param entryBefore ENTRY of the round before, whose initial weights stay.
    function carriedState(
        Context calldata context,
        Context calldata before,
        Record calldata entry,
        Record calldata entryBefore,
        Record calldata exit_
    ) external {
        (bytes32 tag, bytes32 tagBefore) = _enterBoth(context, before);
        _open(context, tag, entry, Trace.ENTRY, 0, 0);
        _open(before, tagBefore, entryBefore, Trace.ENTRY, 0, 0);
        _open(before, tagBefore, exit_, Trace.EXIT, 0, 0);
        _judge(context, State.carried(entry.values, entryBefore.values, exit_.values));
    }

    /// @notice Convict a round that did not begin with a member's credit and suspension of the round before.
    function carriedMember(
        Context calldata context,
        Context calldata before,
        Record calldata member,
        Record calldata memberBefore
    ) external {
        (bytes32 tag, bytes32 tagBefore) = _enterBoth(context, before);
        _open(context, tag, member, Trace.MEMBER, member.i, 0);
        _open(before, tagBefore, memberBefore, Trace.MEMBER, member.i, 0);
        _judge(
            context,
            member.values[Member.CREDIT_BEFORE] == memberBefore.values[Member.CREDIT_AFTER]
                && member.values[Member.SUSPENDED_BEFORE] == memberBefore.values[Member.SUSPENDED_AFTER]
        );
    }

    /// @notice Convict a first round that did not begin with the initial weights, at rest.
    function initialState(Context calldata context, Record calldata entry) external {
        _open(context, _enterFirst(context), entry, Trace.ENTRY, 0, 0);
        _judge(context, State.initial(entry.values, context.terms.dim));
    }

    /// @notice Convict a first round in which a member began with credit or suspended.
    function initialMember(Context calldata context, Record calldata member) external {
        _open(context, _enterFirst(context), member, Trace.MEMBER, member.i, 0);
        _judge(
            context,
            member.values[Member.CREDIT_BEFORE] == 0 && member.values[Member.SUSPENDED_BEFORE] == 0
        );
    }

    /// @notice Convict if what a round leaves behind does not follow, but for the vectors that it computes.
    function exit(Context calldata context, ExitClaim calldata claim) external {
        bytes32 tag = _enter(context);
        _open(context, tag, claim.exit, Trace.EXIT, 0, 0);
        _open(context, tag, claim.entry, Trace.ENTRY, 0, 0);
        _open(context, tag, claim.choice, Trace.CHOICE, 0, 0);
        _open(context, tag, claim.improvement, Trace.IMPROVEMENT, 0, 0);
        int256 step = claim.choice.values[1];
        int256 weights = claim.entry.values[State.WEIGHTS];
        if (step > 0) {
            _open(context, tag, claim.point, Trace.POINT, Trace.STEP + uint256(step), 0);
            weights = claim.point.values[0];
        }
        int256 gain = claim.improvement.values[0];
        _judge(context, State.follows(claim.exit.values, claim.entry.values, step > 0, weights, gain));
    }

    /// @notice Convict if an entry of the move is not the new weight less the old one.
    /// @param move The chunk of the move after the round.
    /// @param weights The chunk of the weights after the round.
    /// @param old The chunk of the weights before it.
    function exitMove(
        Context calldata context,
        ExitClaim calldata claim,
        Chunk calldata move,
        Chunk calldata weights,
        Chunk calldata old,
        uint256 index
    ) external {
        _openMoved(context, claim);
        uint256 dim = context.terms.dim;
        int256 expected = Vectors.entry(weights, claim.exit.values[0], index, dim)
            - Vectors.entry(old, claim.entry.values[State.WEIGHTS], index, dim);
        _judge(context, Vectors.entry(move, claim.exit.values[1], index, dim) == expected);
    }

    /// @notice Convict if an entry of the newest step is not the new weight less the base's.
    /// @param start POINT of the path's beginning.
    /// @param step The chunk of the newest step after the round.
    /// @param weights The chunk of the weights after the round.
    /// @param old The chunk of the base.
    function exitStep(
        Context calldata context,
        ExitClaim calldata claim,
        Record calldata start,
        Chunk calldata step,
        Chunk calldata weights,
        Chunk calldata old,
        uint256 index
    ) external {
        _open(context, _openMoved(context, claim), start, Trace.POINT, Trace.PATH, 0);
        uint256 dim = context.terms.dim;
        int256 expected = Vectors.entry(weights, claim.exit.values[0], index, dim)
            - Vectors.entry(old, start.values[0], index, dim);
        _judge(context, Vectors.entry(step, claim.exit.values[2], index, dim) == expected);
    }

    /// @notice Convict if the base that the round sent out is not the chosen momentum step with its intercept.
    /// @param point POINT of the chosen momentum candidate.
    /// @param weights Its weights, whole.
    function base(Context calldata context, Record calldata choice, Record calldata point, bytes calldata weights)
        external
    {
        bytes32 tag = _enter(context);
        _open(context, tag, choice, Trace.CHOICE, 0, 0);
        _open(context, tag, point, Trace.POINT, uint256(choice.values[0]), 0);
        Vectors.open(weights, point.values[0], context.terms.dim);
        _judge(context, State.modelHash(weights, context.terms.dim, point.values[2]) == context.words.baseHash);
    }

    /// @notice Convict if the model that the round recorded does not have the weights with which it ended.
    /// @param model_ The bytes of the recorded hash, whatever they are.
    function model(Context calldata context, Record calldata exit_, bytes calldata model_) external {
        _open(context, _enter(context), exit_, Trace.EXIT, 0, 0);
        Blobs.open(model_, context.words.modelHash);
        _judge(context, State.isModel(model_, context.terms.dim, exit_.values[0]));
    }

    function _enterBoth(Context calldata context, Context calldata before)
        private
        view
        returns (bytes32 tag, bytes32 tagBefore)
    {
        if (address(before.federation) != address(context.federation) || context.round != uint256(before.round) + 1) {
            revert NotTheNextRound(before.round, context.round);
        }
        return (_enter(context), _enter(before));
    }

    function _enterFirst(Context calldata context) private view returns (bytes32) {
        if (context.round != 1) revert NotTheFirstRound(context.round);
        return _enter(context);
    }

    /// @dev For a round whose model moved; else EXIT repeats ENTRY and there is nothing to compute.
    function _openMoved(Context calldata context, ExitClaim calldata claim) private view returns (bytes32 tag) {
        tag = _enter(context);
        _open(context, tag, claim.exit, Trace.EXIT, 0, 0);
        _open(context, tag, claim.entry, Trace.ENTRY, 0, 0);
        _open(context, tag, claim.choice, Trace.CHOICE, 0, 0);
        if (claim.choice.values[1] <= 0) revert NoFault();
    }
}
