// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataDemands} from "../interfaces/IDataDemands.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {Trace} from "../libraries/Trace.sol";
import {Demands} from "./Demands.sol";

/// @title Demands for records: those of paid rounds, and those that derive the payout table.
abstract contract RecordDemands is Demands {
    using Trace for Record;

    uint32 private constant POINTS_OF_PATH = 6;
    uint32 private constant NODES = 4;

    /// @inheritdoc IDataDemands
    function demandRecord(Context calldata context, uint8 op, uint32 i, uint32 j) external returns (uint256) {
        _tree(context, _proposal(context.federation));
        _requireDemandable(
            context.round == 0
                ? op == Trace.PAYMENT && i < context.terms.members && j == 0
                : _possible(context, op, i, j)
        );
        return _ask(context, Kind.Record, context.round, abi.encode(context.round, op, i, j));
    }

    /// @inheritdoc IDataDemands
    function demandRow(Context calldata context, uint32 e, Record calldata evidence) external returns (uint256) {
        _requireDemandable(context.round == 0);
        IFederation.Proposal memory proposal = _proposal(context.federation);
        (bytes32 root, bytes32 tag) = _tree(context, proposal);
        if (evidence.op == 0) {
            _requireDemandable(e == 0 && proposal.total != 0);
        } else {
            evidence.open(root, tag, evidence.op, evidence.i, 0);
            _requireDemandable(_impliesRow(evidence, e, proposal.total));
        }
        return _ask(context, Kind.Record, 0, abi.encode(uint32(0), Trace.ROW, e, uint32(0)));
    }

    /// @inheritdoc IDataDemands
    function answerRecord(
        uint256 id,
        Context calldata context,
        uint8 op,
        uint32 i,
        uint32 j,
        Record calldata record
    ) external {
        (IFederation federation, IFederation.Proposal memory proposal) =
            _asked(id, Kind.Record, abi.encode(context.round, op, i, j));
        (bytes32 root, bytes32 tag) = _tree(context, federation, proposal);
        if (record.op == op) {
            record.open(root, tag, op, i, j);
            _settle(id, true);
        } else {
            record.open(root, tag, record.op, 0, 0);
            _settle(id, _excused(record, op, i));
        }
    }

    /// @dev Whether an honest trace can have the record: whatever depends on a delta being accepted, or on a
    /// step before, is taken to exist, since `_excused` answers for a trace where it does not.
    function _possible(Context calldata context, uint8 op, uint32 i, uint32 j) private pure returns (bool) {
        if (op == Trace.EXAMPLES) return i == 0 && j <= context.round;
        if (op == Trace.MEMBER) return i < context.terms.members && j == 0;
        if (op == Trace.POINT) return _isPoint(context, i) && j == 0;
        if (op == Trace.SUMS) return _isPoint(context, i) && (i < Trace.PATH ? j < context.round : j == context.round);
        if (op == Trace.NODE || op == Trace.DIRECTION) return i < NODES && j == 0;
        return op != 0 && op <= Trace.EXIT && i == 0 && j == 0;
    }

    function _isPoint(Context calldata context, uint32 i) private pure returns (bool) {
        if (i >= Trace.PATH) return i - Trace.PATH < POINTS_OF_PATH;
        if (i >= Trace.STEP) return i - Trace.STEP < context.terms.etas.length;
        return i < context.terms.betasTenths.length;
    }

    /// @dev No delta accepted: no step or path, and nothing derived from them. No step before: one momentum.
    function _excused(Record calldata reason, uint8 op, uint32 i) private pure returns (bool) {
        bool ofPoint = op == Trace.POINT || op == Trace.SUMS;
        if (reason.op == Trace.CHOICE) {
            bool derived = op >= Trace.NODE && op <= Trace.PROJECTED;
            return reason.values[1] == -1 && (derived || (ofPoint && i >= Trace.STEP));
        }
        return reason.op == Trace.ENTRY && reason.values[5] == 0 && ofPoint && i != 0 && i < Trace.STEP;
    }

    /// @dev The total is below the proposal's before the last row that pays, so that one more follows.
    function _impliesRow(Record calldata evidence, uint32 e, uint256 total) private pure returns (bool) {
        int256[] calldata values = evidence.values;
        if (evidence.op == Trace.PAYMENT) return values[4] == int256(uint256(e));
        if (evidence.op != Trace.ROW) return false;
        if (evidence.i == uint256(e) + 1) return true;
        return uint256(evidence.i) + 1 == e && (values[4] == 0 || (values[5] >= 0 && uint256(values[5]) < total));
    }
}
