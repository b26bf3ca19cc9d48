// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Roster} from "../libraries/Roster.sol";
import {IDispute} from "./IDispute.sol";
import {IFederation} from "./IFederation.sol";

/// @title Proofs that a proposed payout table does not follow from the last round that it pays.
/// @notice The settlement's records derive the table: a payment per member, in the roster's order, then
/// a row per paid member, sorted by payee, then member, with a row for every payee of the table before
/// that no member names. The last row of each payee is its leaf. Every step that depends on its
/// neighbours only is proven wrong here; what is missing altogether is demanded (`IDataDemands`).
///
/// The context's round is the last paid one in `credit`. Elsewhere round and words do not matter.
/// Where a record may be absent, one with op 0 stands for none.
interface ISettlementDisputes is IDispute {
    /// @notice Nothing stands proposed: look at the phase.
    error NothingProposed(IFederation.Phase phase);

    /// @notice The proposal pays another number of rounds.
    error NotTheLastRound(uint32 round, uint32 rounds);

    /// @notice The leaf is not in the table.
    error NotInTable(address payee, uint256 cumulative);

    /// @notice A payment's credit is not the member's credit after the last paid round.
    /// @param member The member's record of that round.
    function credit(Context calldata context, Record calldata payment_, Record calldata member) external;

    /// @notice A payment has credit although no round is paid.
    function unearned(Context calldata context, Record calldata payment_) external;

    /// @notice Running sums, what is due, or whether there is a row does not follow from the credit.
    /// @param before The payment of the member before; none for the first member.
    /// @param last The payment of the last member, whose sum is that of all positive credit.
    function payment(
        Context calldata context,
        Record calldata payment_,
        Record calldata before,
        Record calldata last,
        Roster.Seat calldata seat
    ) external;

    /// @notice A row does not follow from the one before and its member's payment.
    /// @param before The row before; none for the first row.
    /// @param payment_ The payment of the row's member; none for a payee that no member names.
    function row(
        Context calldata context,
        Record calldata row_,
        Record calldata before,
        Record calldata payment_
    ) external;

    /// @notice A row pays somebody else than its member's payee.
    function payee(Context calldata context, Record calldata row_, Roster.Seat calldata seat) external;

    /// @notice A payment names a row that is another member's.
    function link(Context calldata context, Record calldata payment_, Record calldata row_) external;

    /// @notice The rows add up to more than was proposed. (If to less, the next row is missing: demand it.)
    function total(Context calldata context, Record calldata row_) external;

    /// @notice The proposed table has another leaf for a payee than its last row says.
    function leaf(Context calldata context, Record calldata row_, uint256 cumulative, bytes32[] calldata proof)
        external;

    /// @notice The table before has a larger leaf for a row's payee than the row says.
    /// @dev A smaller one is no fault: a table that went unchallenged may hold two. That the larger one is
    /// there can be demanded.
    function previous(Context calldata context, Record calldata row_, uint256 cumulative, bytes32[] calldata proof)
        external;

    /// @notice A payee of the table before has no row at all: it would lie between these two neighbours.
    /// @param low The last row of a lower payee; none if the payee would be first.
    /// @param high The row after it; none if there is no row after it that pays.
    function dropped(
        Context calldata context,
        address payee_,
        uint256 cumulative,
        bytes32[] calldata proof,
        Record calldata low,
        Record calldata high
    ) external;

    /// @notice Two records of the settlement are about the same and differ.
    function twice(Context calldata context, Record calldata one, Record calldata other) external;
}
