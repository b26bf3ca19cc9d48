// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "./IFederation.sol";

/// @title What every contract that judges a recorded round has in common.
/// @notice A challenger opens records of the round's trace and the inputs of one step. If the step was
/// recorded wrongly, the round is convicted; if it is right, the call is refused. The judges keep no
/// state and serve every federation: the context names it.
interface IDispute {
    /// @notice Where a dispute takes place; checked against what the federation stores.
    /// @param federation The federation, which must name this contract as a judge.
    /// @param terms What the present epoch promised.
    /// @param round The round in dispute, from 1.
    /// @param words All that the round committed.
    struct Context {
        IFederation federation;
        IFederation.EpochTerms terms;
        uint32 round;
        IFederation.RoundWords words;
    }

    /// @notice One record of a trace and its proof. Hashes stand as integers among the values.
    struct Record {
        uint8 op;
        uint32 i;
        uint32 j;
        int256[] values;
        bytes32[] proof;
    }

    /// @notice One chunk of a committed vector.
    /// @param hashes The hash of every chunk, in order.
    /// @param data The bytes of the chunk: little-endian int64.
    struct Chunk {
        bytes32[] hashes;
        bytes data;
    }

    /// @notice The step is recorded as the rules give it: there is nothing to convict.
    error NoFault();

    /// @notice These are not the terms of the federation's present epoch.
    error WrongTerms(bytes32 given, bytes32 stored);

    /// @notice Only a recorded round that may still be paid can be disputed.
    error RoundNotRecorded(uint32 round, uint32 recorded);

    /// @notice These are not the words that the federation stored for the round.
    error WrongWords(bytes32 given, bytes32 stored);

    /// @notice The record is not in the trace, is about something else, or has another number of values.
    error InvalidRecord(uint8 op, uint32 i, uint32 j);

    /// @notice The bytes are not those of the committed vector, or it has another length.
    error WrongVector(bytes32 commitment);

    /// @notice The vector has no such entry.
    error NoSuchEntry(uint256 index, uint256 length);

    /// @notice The bytes do not have the committed SHA-256.
    error WrongBytes(bytes32 expected, bytes32 given);

    /// @notice The bytes have the committed hash but are not in the format that they should be in.
    error WrongFormat(bytes32 hash);
}
