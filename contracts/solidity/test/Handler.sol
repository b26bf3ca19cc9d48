// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {People} from "./People.sol";
import {Tree} from "./Tree.sol";

/// @title Random people around one federation: some follow the protocol, some lie, some only try.
/// @dev Knows what every call must do and fails where a contract does otherwise.
contract Handler is People {
    uint256 private constant FIRST_FOR_ANYONE = 7;

    /// @dev Leaves of the table that is live or proposed; empty where nobody knows any.
    struct Table {
        bytes32[] leaves;
        uint256[PAYEES] pay;
    }

    Table private _live;
    Table private _proposed;

    /// @notice A few legal steps by the aggregator, and by a stranger where anyone may.
    function advance(uint256 steps, uint256 seed) external {
        steps = bound(steps, 1, 6);
        for (uint256 i = 0; i < steps; ++i) {
            advanceOnce(uint256(keccak256(abi.encode(seed, i))));
        }
    }

    /// @notice Any function in any phase, from the aggregator or from someone else.
    function attempt(uint256 f, bool aggregator, bytes32 word, uint256 number) external observed {
        f = bound(f, 0, 11);
        number = bound(number, 0, 2 * FUNDS);
        bytes memory data = _data(f, word, number);
        vm.prank(aggregator ? AGGREGATOR : STRANGER);
        (bool done, bytes memory result) = address(federation).call(data);
        check(!done || aggregator || f >= FIRST_FOR_ANYONE, "a stranger moves only what anyone may");
        if (!done) return;
        if (f == 7) delete _proposed;
        if (f == 8) _drew(abi.decode(result, (uint32)));
        if (f == 10) _live = _proposed;
        check(f != 11, "nobody else is a judge");
    }

    function fund(uint256 amount) external observed {
        amount = bound(amount, 1, FUNDS / 10);
        token.mint(address(this), amount);
        pool.fund(amount);
        sent += amount;
    }

    /// @notice Tokens that arrive past `fund` and belong to nobody.
    function donate(uint256 amount) external observed {
        amount = bound(amount, 1, FUNDS / 10);
        token.mint(address(pool), amount);
        donated += amount;
    }

    function wait(uint256 blocks, uint256 time) external observed {
        vm.roll(block.number + bound(blocks, 1, 300));
        vm.warp(block.timestamp + bound(time, 1, PHASE / 4));
    }

    /// @notice Post a table past the federation, take a bond past it.
    function usurp(bytes32 root, uint256 total) external observed {
        vm.prank(STRANGER);
        (bool done,) = address(pool).call(abi.encodeCall(IRewardPool.post, (root, total)));
        check(!done, "only the federation posts");
        vm.prank(STRANGER);
        (done,) = address(vault).call(abi.encodeCall(vault.slash, (AGGREGATOR, total, STRANGER)));
        check(!done, "only the federation takes a bond");
    }

    /// @notice Claim what the live table says, plus `extra`.
    function claim(uint256 index, uint256 extra) external {
        index = bound(index, 0, PAYEES - 1);
        claimOnce(index, extra % 4 == 0 ? extra : 0);
    }

    /// @notice Bring the epoch to its end by time alone, take every bond out, then pay all that was promised.
    function finish() external {
        for (uint256 i = 0; federation.phase() != IFederation.Phase.Closed; ++i) {
            atMost(i, 1, "two lapses close any epoch");
            _lapse();
        }
        while (federation.holds() != 0) this.answer();
        address[] memory all = bonders();
        for (uint256 i = 0; i < all.length; ++i) {
            uint256 amount = vault.bondOf(all[i]);
            vm.prank(all[i]);
            vault.retire();
            vm.prank(all[i]);
            if (amount != 0) vault.withdraw(amount);
        }
        eq(token.balanceOf(address(vault)), 0, "every bond can leave");
        _payAll();
    }

    function advanceOnce(uint256 seed) internal observed {
        IFederation.Phase phase = federation.phase();
        if (phase == IFederation.Phase.Closed) {
            _bondAll();
            uint256 free = pool.unallocated() - federation.forfeited();
            open(uint32(bound(seed, 1, 2)), bound(seed, 0, free));
        } else if (phase == IFederation.Phase.Proposed) {
            while (federation.holds() != 0) this.answer();
            if (!_late()) vm.warp(federation.deadline());
            federation.finalize();
            _live = _proposed;
        } else if (_late()) {
            _lapse();
        } else if (phase == IFederation.Phase.Draw && block.number > uint256(federation.drawTarget()) + 256) {
            vm.prank(STRANGER);
            federation.retarget();
        } else if (phase == IFederation.Phase.Settle) {
            _pay(seed);
        } else {
            step();
        }
    }

    /// @dev Where the table is known, what a claim does is known too.
    function claimOnce(uint256 index, uint256 extra) internal observed {
        bool known = _live.leaves.length > 0;
        uint256 pay = _live.pay[index];
        uint256 before = pool.paid(payee(index));
        bytes32[] memory proof = known ? Tree.proof(_live.leaves, index) : new bytes32[](0);
        bytes4 refusal;
        if (!known || extra != 0) refusal = IRewardPool.InvalidProof.selector;
        else if (pay <= before) refusal = IRewardPool.NothingToClaim.selector;
        else if (pool.totalPaid() + pay - before > pool.totalCumulative()) refusal = IRewardPool.Overdrawn.selector;

        unchecked {
            pay += extra;
        }
        vm.prank(STRANGER);
        try pool.claim(payee(index), pay, proof) {
            check(refusal == 0, "the claim is refused");
            eq(pool.paid(payee(index)), pay, "paid what the leaf says");
        } catch (bytes memory reason) {
            eq(bytes4(reason), refusal, "the refusal says why");
        }
    }

    /// @dev An epoch that promises all that was promised before and not paid, and pays it.
    function _payAll() private {
        advanceOnce(1);
        while (federation.phase() != IFederation.Phase.Settle) advanceOnce(1);
        uint256 owed = pool.totalCumulative() - pool.totalPaid();
        uint256[PAYEES] memory pay;
        for (uint256 i = 0; i < PAYEES; ++i) {
            pay[i] = pool.paid(payee(i));
        }
        pay[0] += owed + federation.forfeited();
        _propose(pay, pool.totalCumulative() + federation.forfeited());
        advanceOnce(1);
        if (pool.totalCumulative() != pool.totalPaid()) claimOnce(0, 0);
        eq(pool.totalPaid(), pool.totalCumulative(), "all that was promised can leave");
        eq(federation.forfeited(), 0, "every lost bond reached the members");
    }

    /// @dev Three tables of four are honest; the others promise more than their total, or take pay back.
    function _pay(uint256 seed) private {
        uint256[PAYEES] memory pay = _live.pay;
        uint256 total = pool.totalCumulative();
        uint256 free = federation.reserved();
        for (uint256 i = 0; i < PAYEES; ++i) {
            uint256 gain = bound(uint256(keccak256(abi.encode(seed, i))), 0, free / PAYEES);
            pay[i] += gain;
            total += gain;
        }
        if (seed % 4 == 0) pay[seed % PAYEES] += FUNDS;
        if (seed % 8 == 4) pay[seed % PAYEES] = 0;
        _propose(pay, total);
    }

    function _propose(uint256[PAYEES] memory pay, uint256 total) private {
        bytes32[] memory leaves = new bytes32[](PAYEES);
        for (uint256 i = 0; i < PAYEES; ++i) {
            leaves[i] = Leaves.payout(address(pool), payee(i), pay[i]);
        }
        _proposed = Table(leaves, pay);
        address by = AGGREGATOR;
        if (federation.aggregatorLost()) {
            by = PROPOSER;
            _bondAll();
        }
        vm.prank(by);
        federation.propose(Tree.root(leaves), total, "settlement");
    }

    function _drew(uint32 shard) private {
        drawn[federation.epoch()][federation.round()] = shard;
        ++used;
    }

    function _data(uint256 f, bytes32 word, uint256 number) private view returns (bytes memory) {
        // Never valid, since the handler would not know what the epoch promised.
        if (f == 0) return abi.encodeCall(IFederation.openEpoch, (terms(1, 2, number)));
        if (f == 1) return abi.encodeCall(IFederation.openRound, (word));
        if (f == 2) return abi.encodeCall(IFederation.closeCommits, (word));
        if (f == 3) return abi.encodeCall(IFederation.closeReveals, (word));
        if (f == 4) return abi.encodeCall(IFederation.recordRound, (word, word, word, word));
        if (f == 5) return abi.encodeCall(IFederation.revealEpoch, (word));
        if (f == 6) return abi.encodeCall(IFederation.cancel, ());
        if (f == 7) return abi.encodeCall(IFederation.propose, (word, number, word));
        if (f == 8) return abi.encodeCall(IFederation.drawShard, (links(number % LINKS)));
        if (f == 9) return abi.encodeCall(IFederation.retarget, ());
        if (f == 10) return abi.encodeCall(IFederation.finalize, ());
        return abi.encodeCall(IFederation.hold, ());
    }
}
