// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IFederation} from "../interfaces/IFederation.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {ISettlementDisputes} from "../interfaces/ISettlementDisputes.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Payments} from "../libraries/Payments.sol";
import {Roster} from "../libraries/Roster.sol";
import {Trace} from "../libraries/Trace.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @title See `interfaces/ISettlementDisputes.sol`, which says what every function does.
contract SettlementDisputes is ISettlementDisputes, DisputeBase {
    using Trace for Record;
    using Roster for IFederation.EpochTerms;

    /// @dev What a call disputes.
    struct Settlement {
        IFederation.Proposal proposal;
        bytes32 tag;
    }

    /// @inheritdoc ISettlementDisputes
    function credit(Context calldata context, Record calldata payment_, Record calldata member) external {
        Settlement memory settlement = _settlement(context);
        uint32 rounds = settlement.proposal.rounds;
        if (context.round != rounds) revert NotTheLastRound(context.round, rounds);
        _openPayment(settlement, payment_, payment_.i);
        _open(context, _enter(context), member, Trace.MEMBER, payment_.i, 0);
        _judgeProposal(context, payment_.values[Payments.CREDIT] == member.values[8]);
    }

    /// @inheritdoc ISettlementDisputes
    function unearned(Context calldata context, Record calldata payment_) external {
        Settlement memory settlement = _settlement(context);
        uint32 rounds = settlement.proposal.rounds;
        if (rounds != 0) revert NotTheLastRound(0, rounds);
        _openPayment(settlement, payment_, payment_.i);
        _judgeProposal(context, payment_.values[Payments.CREDIT] == 0);
    }

    /// @inheritdoc ISettlementDisputes
    function payment(
        Context calldata context,
        Record calldata payment_,
        Record calldata before,
        Record calldata last,
        Roster.Seat calldata seat
    ) external {
        Settlement memory settlement = _settlement(context);
        context.terms.requireSeat(seat);
        _openPayment(settlement, payment_, seat.index);
        _openPayment(settlement, last, context.terms.members - 1);
        if (seat.index == 0) _requireNone(before);
        else _openPayment(settlement, before, seat.index - 1);
        int256 positive = last.values[Payments.POSITIVE];
        uint256 forfeited = settlement.proposal.forfeited;
        _judgeProposal(
            context, Payments.right(context.terms, forfeited, payment_.values, before, positive, seat)
        );
    }

    /// @inheritdoc ISettlementDisputes
    function row(Context calldata context, Record calldata row_, Record calldata before, Record calldata payment_)
        external
    {
        Settlement memory settlement = _settlement(context);
        _openRow(settlement, row_, row_.i);
        if (row_.i == 0) _requireNone(before);
        else _openRow(settlement, before, row_.i - 1);
        bool right = Payments.wellFormed(row_.values, context.terms.members);
        if (right && row_.i != 0) right = Payments.ordered(row_.values, before.values);
        if (right) right = _adds(settlement, row_, before, payment_);
        _judgeProposal(context, right);
    }

    /// @inheritdoc ISettlementDisputes
    function payee(Context calldata context, Record calldata row_, Roster.Seat calldata seat) external {
        Settlement memory settlement = _settlement(context);
        context.terms.requireSeat(seat);
        _openRow(settlement, row_, row_.i);
        bool ofMember = row_.values[Payments.MEMBER] == int256(uint256(seat.index));
        _judgeProposal(context, !ofMember || _paysTo(row_, seat.payee));
    }

    /// @inheritdoc ISettlementDisputes
    function link(Context calldata context, Record calldata payment_, Record calldata row_) external {
        Settlement memory settlement = _settlement(context);
        _openPayment(settlement, payment_, payment_.i);
        _openRow(settlement, row_, row_.i);
        bool named = payment_.values[Payments.AT] == int256(uint256(row_.i));
        _judgeProposal(context, !named || row_.values[Payments.MEMBER] == int256(uint256(payment_.i)));
    }

    /// @inheritdoc ISettlementDisputes
    function total(Context calldata context, Record calldata row_) external {
        Settlement memory settlement = _settlement(context);
        _openRow(settlement, row_, row_.i);
        _judgeProposal(context, _isWithin(row_, settlement.proposal.total));
    }

    /// @inheritdoc ISettlementDisputes
    function leaf(Context calldata context, Record calldata row_, uint256 cumulative, bytes32[] calldata proof)
        external
    {
        Settlement memory settlement = _settlement(context);
        _openRow(settlement, row_, row_.i);
        address payee_ = _payee(row_);
        _requireLeaf(context.federation.pool(), settlement.proposal.payoutRoot, payee_, cumulative, proof);
        bool last = row_.values[Payments.LAST] == 1;
        _judgeProposal(context, !last || uint256(row_.values[Payments.CUMULATIVE]) == cumulative);
    }

    /// @inheritdoc ISettlementDisputes
    function previous(Context calldata context, Record calldata row_, uint256 cumulative, bytes32[] calldata proof)
        external
    {
        _openRow(_settlement(context), row_, row_.i);
        _requireBefore(context, _payee(row_), cumulative, proof);
        int256 recorded = row_.values[Payments.PREVIOUS];
        _judgeProposal(context, recorded >= 0 && uint256(recorded) >= cumulative);
    }

    /// @inheritdoc ISettlementDisputes
    function dropped(
        Context calldata context,
        address payee_,
        uint256 cumulative,
        bytes32[] calldata proof,
        Record calldata low,
        Record calldata high
    ) external {
        Settlement memory settlement = _settlement(context);
        _requireBefore(context, payee_, cumulative, proof);
        bool owed = cumulative != 0 && payee_ != address(0);
        _judgeProposal(context, !owed || !_isGap(settlement, payee_, low, high));
    }

    /// @inheritdoc ISettlementDisputes
    function twice(Context calldata context, Record calldata one, Record calldata other) external {
        Settlement memory settlement = _settlement(context);
        bytes32 root = settlement.proposal.settlementRoot;
        one.open(root, settlement.tag, one.op, one.i, one.j);
        other.open(root, settlement.tag, one.op, one.i, one.j);
        _judgeProposal(
            context, keccak256(abi.encodePacked(one.values)) == keccak256(abi.encodePacked(other.values))
        );
    }

    function _settlement(Context calldata context) private view returns (Settlement memory) {
        IFederation.Phase phase = context.federation.phase();
        if (phase != IFederation.Phase.Proposed) revert NothingProposed(phase);
        uint64 epoch = _epoch(context);
        return Settlement(context.federation.proposal(), Trace.tag(address(context.federation), epoch, 0));
    }

    function _openPayment(Settlement memory settlement, Record calldata record, uint256 i) private pure {
        record.open(settlement.proposal.settlementRoot, settlement.tag, Trace.PAYMENT, i, 0);
    }

    function _openRow(Settlement memory settlement, Record calldata record, uint256 e) private pure {
        record.open(settlement.proposal.settlementRoot, settlement.tag, Trace.ROW, e, 0);
    }

    function _requireNone(Record calldata record) private pure {
        if (record.op != 0) revert InvalidRecord(record.op, record.i, record.j);
    }

    /// @dev Whether a row names its member's payment's row, and adds up. Its `before` is opened or none.
    function _adds(
        Settlement memory settlement,
        Record calldata row_,
        Record calldata before,
        Record calldata payment_
    ) private pure returns (bool) {
        int256[] calldata values = row_.values;
        int256 due = 0;
        if (values[Payments.MEMBER] == -1) {
            _requireNone(payment_);
        } else {
            _openPayment(settlement, payment_, uint256(values[Payments.MEMBER]));
            if (payment_.values[Payments.AT] != int256(uint256(row_.i))) return false;
            due = payment_.values[Payments.DUE];
        }
        bool first = before.op == 0;
        bool same = !first && before.values[Payments.PAYEE] == values[Payments.PAYEE];
        int256 base = same ? before.values[Payments.CUMULATIVE] : values[Payments.PREVIOUS];
        int256 paid = values[Payments.LAST] == 1 ? values[Payments.CUMULATIVE] : int256(0);
        return Payments.adds(base, due, values[Payments.CUMULATIVE])
            && Payments.adds(first ? int256(0) : before.values[Payments.TOTAL], paid, values[Payments.TOTAL]);
    }

    /// @dev Whether no row of the payee lies between two neighbours. After the lower one there is no row
    /// that pays, if its total is the proposal's (one below zero is never right, and passes for a large one); before the higher one there is none, if it is row 0.
    function _isGap(Settlement memory settlement, address payee_, Record calldata low, Record calldata high)
        private
        pure
        returns (bool)
    {
        int256 wanted = int256(uint256(uint160(payee_)));
        uint256 total_ = settlement.proposal.total;
        uint256 next = 0;
        if (low.op != 0) {
            _openRow(settlement, low, low.i);
            if (low.values[Payments.PAYEE] >= wanted) return false;
            next = uint256(low.i) + 1;
        }
        if (high.op == 0) {
            return next == 0 ? total_ == 0 : uint256(low.values[Payments.TOTAL]) >= total_;
        }
        _openRow(settlement, high, next);
        return wanted < high.values[Payments.PAYEE];
    }

    function _isWithin(Record calldata row_, uint256 most) private pure returns (bool) {
        int256 sum = row_.values[Payments.TOTAL];
        return sum >= 0 && uint256(sum) <= most;
    }

    function _paysTo(Record calldata row_, address payee_) private pure returns (bool) {
        return uint256(row_.values[Payments.PAYEE]) == uint160(payee_);
    }

    /// @dev Of a row that pays no address, `row` proves the fault.
    function _payee(Record calldata row_) private pure returns (address) {
        return address(uint160(uint256(row_.values[Payments.PAYEE])));
    }

    function _requireBefore(Context calldata context, address payee_, uint256 cumulative, bytes32[] calldata proof)
        private
        view
    {
        address pool = context.federation.pool();
        _requireLeaf(pool, IRewardPool(pool).root(), payee_, cumulative, proof);
    }

    function _requireLeaf(address pool, bytes32 root, address payee_, uint256 cumulative, bytes32[] calldata proof)
        private
        view
    {
        if (!MerkleProof.verifyCalldata(proof, root, Leaves.payout(pool, payee_, cumulative))) {
            revert NotInTable(payee_, cumulative);
        }
    }

    function _judgeProposal(Context calldata context, bool right) private {
        if (right) revert NoFault();
        context.federation.convictProposal(msg.sender, keccak256(msg.data));
    }
}
