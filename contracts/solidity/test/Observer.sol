// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {World} from "./World.sol";

/// @title Watches one federation and its pool across single calls, and as a whole.
abstract contract Observer is World {
    uint256 internal constant PAYEES = 4;

    struct Seen {
        IFederation.Phase phase;
        uint64 epoch;
        uint32 round;
        uint256 funded;
        uint256 total;
        uint256 totalPaid;
        uint256[PAYEES] paid;
    }

    uint256 internal sent = FUNDS;
    uint256 internal donated;
    uint256[8] public visits;

    /// @dev For one call of one function: whatever it was, it moves along one edge and takes nothing back.
    modifier observed() {
        Seen memory before = _seen();
        _;
        Seen memory now_ = _seen();
        if (before.phase != now_.phase) ++visits[uint256(now_.phase)];
        check(_edge(before, now_), "only along an edge");
        atMost(before.funded, now_.funded, "funded never falls");
        atMost(before.total, now_.total, "total never falls");
        atMost(before.totalPaid, now_.totalPaid, "totalPaid never falls");
        for (uint256 i = 0; i < PAYEES; ++i) {
            atMost(before.paid[i], now_.paid[i], "paid never falls");
        }
    }

    function payee(uint256 index) public pure returns (address) {
        return address(uint160(0xBEEF0000 + index));
    }

    /// @notice Every wei is where the books say.
    function checkMoney() external view {
        uint256 held = token.balanceOf(address(pool));
        eq(pool.funded(), sent, "funded is what was sent");
        eq(held + pool.totalPaid(), sent + donated, "conserved");
        atMost(pool.totalPaid(), pool.totalCumulative(), "paid within what was promised");
        atMost(pool.totalCumulative(), pool.funded(), "promised within what was funded");
        atMost(pool.totalCumulative() - pool.totalPaid() + pool.unallocated(), held, "solvent");
        uint256 sum;
        for (uint256 i = 0; i < PAYEES; ++i) {
            eq(token.balanceOf(payee(i)), pool.paid(payee(i)), "received is what was paid");
            sum += pool.paid(payee(i));
        }
        eq(sum, pool.totalPaid(), "totalPaid is the sum");
    }

    /// @notice What an epoch under way may rely on.
    function checkEpoch() external view {
        IFederation.Phase phase = federation.phase();
        uint64 epoch = federation.epoch();
        uint32 round = federation.round();
        if (phase == IFederation.Phase.Closed) return;
        atMost(federation.funds(), pool.unallocated(), "the epoch's funds stay free for it");
        atMost(round, federation.rounds(), "no round too many");
        uint256 seen;
        for (uint32 r = 1; r <= round; ++r) {
            IFederation.RoundInfo memory info = federation.roundInfo(epoch, r);
            bool under = r == round;
            check(info.baseHash != 0, "an open round has a base");
            check((info.commitRoot != 0) == (!under || phase != IFederation.Phase.Commit), "commitments");
            bool drawn = !under || phase < IFederation.Phase.Commit || phase > IFederation.Phase.Draw;
            check((info.shard != 0) == drawn, "a shard once drawn");
            check((info.receiptHash != 0) == (drawn && !(under && phase == IFederation.Phase.Record)), "recorded");
            if (!drawn) continue;
            atMost(info.shard, 3, "a shard of the deck");
            check(seen & (1 << info.shard) == 0, "a shard is drawn once");
            seen |= 1 << info.shard;
        }
    }

    function _seen() private view returns (Seen memory seen) {
        seen.phase = federation.phase();
        seen.epoch = federation.epoch();
        seen.round = federation.round();
        seen.funded = pool.funded();
        seen.total = pool.totalCumulative();
        seen.totalPaid = pool.totalPaid();
        for (uint256 i = 0; i < PAYEES; ++i) {
            seen.paid[i] = pool.paid(payee(i));
        }
    }

    function _edge(Seen memory a, Seen memory b) private pure returns (bool) {
        (uint256 from, uint256 to) = (uint256(a.phase), uint256(b.phase));
        if (from == to) return a.epoch == b.epoch && a.round == b.round;
        if (from == 0) return to == 1 && b.epoch == a.epoch + 1 && b.round == 0;
        if (a.epoch != b.epoch) return false;
        if (from == 1 && to == 2) return b.round == a.round + 1;
        if (a.round != b.round) return false;
        if (from == 1) return to == 6;
        if (from == 5) return to == 1;
        return to == (from + 1) % 8;
    }
}
