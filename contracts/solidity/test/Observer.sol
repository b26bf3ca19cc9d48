// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {World} from "./World.sol";

/// @title Watches one federation with its pool and its vault across single calls, and as a whole.
abstract contract Observer is World {
    uint256 internal constant PAYEES = 4;

    /// @dev Edges of the state machine: bit `to` of the word at `from`. See `IFederation.Phase`.
    uint256[8] private _edges = [2, 0x44, 0x48, 0x50, 0x60, 0x42, 0x81, 0x41];

    struct Seen {
        IFederation.Phase phase;
        uint64 epoch;
        uint32 round;
        uint32 recorded;
        uint256 funded;
        uint256 total;
        uint256 totalPaid;
        uint256 forfeited;
        uint256[PAYEES] paid;
    }

    uint256 internal sent = FUNDS;
    uint256 internal donated;
    uint256 internal handedOut;
    uint256 internal bonded = 2 * AGGREGATOR_BOND + VALIDATOR_BOND + PROVIDERS * PROVIDER_BOND;
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
        if (now_.forfeited < before.forfeited) {
            check(before.phase == IFederation.Phase.Proposed, "lost bonds only go out with a table");
            check(now_.phase == IFederation.Phase.Closed, "and once it is final");
            handedOut += before.forfeited - now_.forfeited;
        }
    }

    function payee(uint256 index) public pure returns (address) {
        return address(uint160(0xBEEF0000 + index));
    }

    /// @dev All accounts that ever have a bond.
    function bonders() internal view returns (address[] memory all) {
        all = new address[](4 + PROVIDERS);
        (all[0], all[1], all[2], all[3]) = (AGGREGATOR, PROPOSER, STRANGER, VALIDATOR);
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            all[4 + i] = providers[i];
        }
    }

    /// @notice Every wei is where the books say.
    function checkMoney() external view {
        uint256 lost = pool.funded() - sent;
        uint256 held = token.balanceOf(address(pool));
        eq(federation.forfeited() + handedOut, lost, "every lost bond waits for the members or reached them");
        eq(held + pool.totalPaid(), sent + lost + donated, "conserved");
        atMost(pool.totalPaid(), pool.totalCumulative(), "paid within what was promised");
        atMost(pool.totalCumulative(), pool.funded(), "promised within what was funded");
        atMost(pool.totalCumulative() - pool.totalPaid() + pool.unallocated(), held, "solvent");
        atMost(federation.reserved(), pool.unallocated(), "what an epoch may pay is there");
        uint256 sum;
        for (uint256 i = 0; i < PAYEES; ++i) {
            eq(token.balanceOf(payee(i)), pool.paid(payee(i)), "received is what was paid");
            sum += pool.paid(payee(i));
        }
        eq(sum, pool.totalPaid(), "totalPaid is the sum");
        _checkBonds(lost);
    }

    /// @notice What an epoch under way may rely on.
    function checkEpoch() external view {
        IFederation.Phase phase = federation.phase();
        (uint64 epoch, uint32 round) = (federation.epoch(), federation.round());
        atMost(round, federation.rounds(), "no round too many");
        atMost(federation.recorded(), round, "recorded are opened");
        check((federation.proposal().proposer != address(0)) == (phase == IFederation.Phase.Proposed), "proposal");
        if (phase == IFederation.Phase.Closed) return;
        uint256 seen;
        for (uint32 r = 1; r <= round; ++r) {
            check(federation.roundDigest(epoch, r) != 0, "an open round has a digest");
            uint32 shard = drawn[epoch][r];
            atMost(shard, 3, "a shard of the deck");
            check(shard == 0 || seen & (1 << shard) == 0, "a shard is drawn once");
            check(shard != 0 || r == round, "only the last round may lack its shard");
            seen |= 1 << shard;
        }
        if (!_underWay(phase)) return;
        eq(federation.recorded(), phase == IFederation.Phase.Open ? round : round - 1, "all but the one under way");
        check(!federation.aggregatorLost(), "only a bonded aggregator runs rounds");
        atMost(AGGREGATOR_BOND, vault.bondOf(AGGREGATOR), "its bond is there");
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            atMost(PROVIDER_BOND, vault.bondOf(providers[i]), "a provider's bond is there");
        }
    }

    function _checkBonds(uint256 lost) private view {
        address[] memory all = bonders();
        (uint256 bonds, uint256 returned) = (0, 0);
        for (uint256 i = 0; i < all.length; ++i) {
            bonds += vault.bondOf(all[i]);
            returned += token.balanceOf(all[i]);
        }
        eq(token.balanceOf(address(vault)), bonds, "the vault holds every bond");
        uint256 won = token.balanceOf(CHALLENGER);
        eq(bonds + returned + won + lost, bonded, "every bond stands, was returned, or was lost");
        atMost(won, lost, "a challenger gets at most half");
    }

    function _underWay(IFederation.Phase phase) private pure returns (bool) {
        return phase >= IFederation.Phase.Open && phase <= IFederation.Phase.Record;
    }

    function _seen() private view returns (Seen memory seen) {
        seen.phase = federation.phase();
        seen.epoch = federation.epoch();
        seen.round = federation.round();
        seen.recorded = federation.recorded();
        seen.funded = pool.funded();
        seen.total = pool.totalCumulative();
        seen.totalPaid = pool.totalPaid();
        seen.forfeited = federation.forfeited();
        for (uint256 i = 0; i < PAYEES; ++i) {
            seen.paid[i] = pool.paid(payee(i));
        }
    }

    function _edge(Seen memory a, Seen memory b) private view returns (bool) {
        bool still = a.phase == b.phase;
        if (!still && (_edges[uint256(a.phase)] >> uint256(b.phase)) & 1 == 0) return false;
        if (a.phase == IFederation.Phase.Closed && !still) return b.epoch == a.epoch + 1 && b.round + b.recorded == 0;
        if (a.epoch != b.epoch) return false;
        bool opensRound = a.phase == IFederation.Phase.Open && b.phase == IFederation.Phase.Commit;
        if (b.round != a.round + (opensRound ? 1 : 0)) return false;
        if (a.phase == IFederation.Phase.Record && b.phase == IFederation.Phase.Open) return b.recorded == b.round;
        // Otherwise rounds only stop to count, and only where judges may say so.
        return b.recorded == a.recorded || (b.recorded < a.recorded && b.phase == IFederation.Phase.Settle);
    }
}
