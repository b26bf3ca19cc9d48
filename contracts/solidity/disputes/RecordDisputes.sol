// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Trace} from "../libraries/Trace.sol";
import {Vectors} from "../libraries/Vectors.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @title Disputes about the form of a trace, without which a lie could be kept out of every other dispute.
contract RecordDisputes is DisputeBase {
    /// @notice Records of this kind have no vector in this field.
    error NoVector(uint8 op, uint256 field);

    /// @notice Dispute two different records with one key.
    function twice(Context calldata context, Record calldata one, Record calldata other) external {
        bytes32 tag = _enter(context);
        _require(context, tag, one);
        _require(context, tag, other);
        if (one.op != other.op || one.i != other.i || one.j != other.j) {
            revert InvalidRecord(other.op, other.i, other.j);
        }
        _judge(
            context,
            keccak256(abi.encodePacked(one.values)) == keccak256(abi.encodePacked(other.values))
        );
    }

    /// @notice Dispute a record of a kind that a round does not have, or with another number of values.
    function malformed(Context calldata context, Record calldata record) external {
        bytes32 tag = _enter(context);
        _require(context, tag, record);
        bool ofRound = record.op <= Trace.EXIT;
        _judge(context, ofRound && record.values.length != 0 && record.values.length == Trace.arity(record.op));
    }

    /// @notice Dispute a recorded vector that has another number of chunks than its entries need, or a
    /// chunk of another size.
    /// @param record The record with the vector's commitment.
    /// @param field Which of the record's values it is.
    /// @param examples The record of the examples that the vector has an entry for; not read where it
    /// has one for each weight.
    /// @param chunk All hashes, and the bytes of a chunk (none needed where their number is wrong).
    /// @param index The number of that chunk.
    function shape(
        Context calldata context,
        Record calldata record,
        uint256 field,
        Record calldata examples,
        Chunk calldata chunk,
        uint256 index
    ) external {
        bytes32 tag = _enter(context);
        _open(context, tag, record, record.op, record.i, record.j);
        uint256 count = _length(context, tag, record, field, examples);
        int256 commitment = record.values[field];
        if (!Vectors.lists(chunk.hashes, commitment)) revert WrongVector(bytes32(uint256(commitment)));
        bool right = chunk.hashes.length == Vectors.chunks(count);
        if (right) {
            if (chunk.hashes[index] != keccak256(chunk.data)) revert WrongVector(bytes32(uint256(commitment)));
            right = chunk.data.length == Vectors.sizeOf(index, count);
        }
        _judge(context, right);
    }

    /// @dev How many entries the vector in a record's field must have.
    function _length(
        Context calldata context,
        bytes32 tag,
        Record calldata record,
        uint256 field,
        Record calldata examples
    ) private pure returns (uint256) {
        uint8 op = record.op;
        if (op == Trace.EXAMPLES && (field == 2 || field == 3)) return uint256(record.values[1]);
        bool perExample = (op == Trace.SUMS && field == 0) || (op == Trace.NODE && field == 2)
            || (op == Trace.GRADIENT && field == 0);
        if (perExample) {
            // Coefficients belong to the shard that pays, which stands at the round's own position.
            _open(context, tag, examples, Trace.EXAMPLES, 0, op == Trace.SUMS ? record.j : context.round);
            return uint256(examples.values[1]);
        }
        bool perWeight = (op == Trace.ENTRY && field < 5) || (op == Trace.POINT && field == 0)
            || (op == Trace.GRADIENT && field == 2) || (op == Trace.DIRECTION && field == 1)
            || (op == Trace.PROJECTED && field == 0) || (op == Trace.MEMBER && field == 2)
            || (op == Trace.EXIT && field < 4);
        if (!perWeight) revert NoVector(op, field);
        return context.terms.dim;
    }

    /// @dev Refuse a record that is not in the trace, whatever its form.
    function _require(Context calldata context, bytes32 tag, Record calldata record) private pure {
        if (!Trace.included(record, context.words.traceRoot, tag)) {
            revert InvalidRecord(record.op, record.i, record.j);
        }
    }
}
