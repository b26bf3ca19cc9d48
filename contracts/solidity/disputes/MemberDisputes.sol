// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {DisputeBase} from "./DisputeBase.sol";
import {Blobs} from "../libraries/Blobs.sol";
import {Member} from "../libraries/Member.sol";
import {Roster} from "../libraries/Roster.sol";
import {Trace} from "../libraries/Trace.sol";
import {Vectors} from "../libraries/Vectors.sol";

/// @title Proofs that a round took the wrong deltas, or added or weighed them wrongly.
/// @dev A member is named by its place in the agreed roster, a delta by its SHA-256. That an accepted delta
/// was committed to and revealed at all is for a demand.
contract MemberDisputes is DisputeBase {
    /// @notice The record says that the member's delta was not accepted.
    error NoAcceptedDelta(uint32 index);

    /// @notice The delta is neither under the round's reveal root nor was it revealed on chain.
    error NotRevealed(bytes32 didHash, bytes32 deltaHash);

    /// @notice Convict if an entry of the sum of accepted deltas is wrong after a member.
    /// @param member MEMBER (i, 0).
    /// @param before MEMBER (i - 1, 0); ignored for the first member.
    /// @param delta The member's delta, whole, if it was accepted; else ignored.
    /// @param sum The chunk of the sum after the member.
    /// @param sumBefore The chunk of the sum before it; ignored for the first member.
    function partialSum(
        Context calldata context,
        Record calldata member,
        Record calldata before,
        bytes calldata delta,
        Chunk calldata sum,
        Chunk calldata sumBefore,
        uint256 index
    ) external {
        bytes32 tag = _enter(context);
        uint256 dim = context.terms.dim;
        int256 expected = 0;
        _open(context, tag, member, Trace.MEMBER, member.i, 0);
        if (member.i != 0) {
            _open(context, tag, before, Trace.MEMBER, member.i - 1, 0);
            expected = Vectors.entry(sumBefore, before.values[Member.SUM], index, dim);
        }
        if (Member.accepted(member)) {
            expected += Vectors.read(Blobs.delta(delta, member.values[Member.DELTA], dim), index);
        }
        _judge(context, Vectors.entry(sum, member.values[Member.SUM], index, dim) == expected);
    }

    /// @notice Convict if a delta stands under the reveal root and the member was not accepted with it.
    /// @param proof Of (didHash, delta's SHA-256) under the round's reveal root.
    function omitted(
        Context calldata context,
        Record calldata member,
        Roster.Seat calldata seat,
        bytes32 deltaHash,
        bytes32[] calldata proof
    ) external {
        _openMember(context, member, seat);
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(seat.didHash, deltaHash))));
        if (!MerkleProof.verifyCalldata(proof, context.words.revealRoot, leaf)) {
            revert NotRevealed(seat.didHash, deltaHash);
        }
        _judge(context, Member.acceptedWith(member, deltaHash));
    }

    /// @notice Convict if an accepted delta is not a delta of this model, or exceeds its member's cap.
    /// @param delta The bytes of the accepted hash, whatever they are.
    function overCap(
        Context calldata context,
        Record calldata member,
        Roster.Seat calldata seat,
        bytes calldata delta
    ) external {
        _openMember(context, member, seat);
        if (!Member.accepted(member)) revert NoAcceptedDelta(member.i);
        Blobs.open(delta, bytes32(uint256(member.values[Member.DELTA])));
        _judge(context, Member.admissible(delta, context.terms.dim, seat.cap));
    }

    /// @notice Convict if a delta that was revealed on chain is admissible and was left out.
    /// @dev A suspended member stays out whatever it reveals.
    function forced(
        Context calldata context,
        Record calldata member,
        Roster.Seat calldata seat,
        bytes calldata delta
    ) external {
        _openMember(context, member, seat);
        bytes32 hash = context.federation.forced(context.federation.epoch(), context.round, seat.didHash);
        if (hash == 0) revert NotRevealed(seat.didHash, hash);
        Blobs.open(delta, hash);
        bool excused = member.values[Member.SUSPENDED_BEFORE] != 0
            || !Member.admissible(delta, context.terms.dim, seat.cap);
        _judge(context, excused || Member.acceptedWith(member, hash));
    }

    /// @notice Convict if a member's inner product is not that of the projected gradient and its delta.
    /// @param gradient The projected gradient, whole, and the delta, whole, if it was accepted; else both ignored.
    function product(
        Context calldata context,
        Record calldata member,
        Record calldata projected,
        bytes calldata gradient,
        bytes calldata delta
    ) external {
        bytes32 tag = _enter(context);
        uint256 dim = context.terms.dim;
        int256 expected = 0;
        _open(context, tag, member, Trace.MEMBER, member.i, 0);
        if (Member.accepted(member)) {
            _open(context, tag, projected, Trace.PROJECTED, 0, 0);
            Vectors.open(gradient, projected.values[0], dim);
            expected = Vectors.dot(gradient, Blobs.delta(delta, member.values[Member.DELTA], dim));
        }
        _judge(context, member.values[Member.PRODUCT] == expected);
    }

    /// @notice Convict if a member's status, score, counted score, credit or suspension does not follow.
    function line(Context calldata context, Member.LineClaim calldata claim) external {
        bytes32 tag = _openMember(context, claim.member, claim.seat);
        _open(context, tag, claim.choice, Trace.CHOICE, 0, 0);
        _open(context, tag, claim.improvement, Trace.IMPROVEMENT, 0, 0);
        _open(context, tag, claim.exit, Trace.EXIT, 0, 0);
        _judge(context, Member.right(context.terms, context.round, claim));
    }

    function _openMember(Context calldata context, Record calldata member, Roster.Seat calldata seat)
        private
        view
        returns (bytes32 tag)
    {
        tag = _enter(context);
        _open(context, tag, member, Trace.MEMBER, seat.index, 0);
        Roster.requireSeat(context.terms, seat);
    }
}
