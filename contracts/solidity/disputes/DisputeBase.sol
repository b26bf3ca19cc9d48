// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDispute} from "../interfaces/IDispute.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {RoundDigest} from "../libraries/RoundDigest.sol";
import {Trace} from "../libraries/Trace.sol";

/// @title The frame of a dispute: where it takes place, which records it opens, how it ends.
abstract contract DisputeBase is IDispute {
    using Trace for Record;

    /// @notice Check a context and return the tag of its trace.
    function _enter(Context calldata context) internal view returns (bytes32) {
        uint64 epoch = _epoch(context);
        uint32 recorded = context.federation.recorded();
        if (context.round == 0 || context.round > recorded) revert RoundNotRecorded(context.round, recorded);
        _requireWords(context.federation, epoch, context.round, context.words);
        return Trace.tag(address(context.federation), epoch, context.round);
    }

    /// @notice Check the terms of a context and return its epoch, the present one.
    function _epoch(Context calldata context) internal view returns (uint64 epoch) {
        epoch = context.federation.epoch();
        bytes32 expected = context.federation.termsHash(epoch);
        bytes32 given = keccak256(abi.encode(context.terms));
        if (given != expected) revert WrongTerms(given, expected);
    }

    /// @notice Refuse words that are not those of a recorded round.
    /// @dev Each phase hashes its word over the digest before, so only a recorded round has this one.
    function _requireWords(
        IFederation federation,
        uint64 epoch,
        uint32 round,
        IFederation.RoundWords calldata words
    ) internal view {
        bytes32 expected = federation.roundDigest(epoch, round);
        bytes32 given = RoundDigest.recorded(words);
        if (given != expected) revert WrongWords(given, expected);
    }

    /// @notice Refuse a record that is not the one meant in the context's trace.
    function _open(Context calldata context, bytes32 tag, Record calldata record, uint8 op, uint256 i, uint256 j)
        internal
        pure
    {
        record.open(context.words.traceRoot, tag, op, i, j);
    }

    /// @notice Convict the round unless its step is right.
    /// @dev The whole call is what its sender may have announced before (`IFederation.announce`).
    function _judge(Context calldata context, bool right) internal {
        if (right) revert NoFault();
        context.federation.convictRound(context.round, msg.sender, keccak256(msg.data));
    }
}
