// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Observer} from "./Observer.sol";
import {Tree} from "./Tree.sol";

/// @title Random people around one federation: some follow the protocol, some lie, some only try.
/// @dev Knows what every call must do and fails where a contract does otherwise.
contract Handler is Observer {
    /// @dev Leaves of the table that is live or proposed; empty where nobody knows any.
    struct Table {
        bytes32[] leaves;
        uint256[PAYEES] pay;
    }

    Table private _live;
    Table private _proposed;

    /// @notice A few legal steps by the aggregator, and by a stranger where anyone may.
    function advance(uint256 steps, uint256 seed) external {
        steps = bound(steps, 1, 4);
        for (uint256 i = 0; i < steps; ++i) {
            advanceOnce(uint256(keccak256(abi.encode(seed, i))));
        }
    }

    /// @notice Any function in any phase, from the aggregator or from someone else.
    function attempt(uint256 f, bool aggregator, bytes32 word, uint256 number) external observed {
        f = bound(f, 0, 9);
        number = bound(number, 0, 2 * FUNDS);
        vm.prank(aggregator ? AGGREGATOR : STRANGER);
        (bool done,) = address(federation).call(_data(f, word, number));
        check(!done || aggregator || f >= 7, "a stranger moves only what anyone may");
        if (!done) return;
        if (f == 0) used = 0;
        if (f == 6) delete _proposed;
        if (f == 7) ++used;
        if (f == 9) _goLive();
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
        vm.warp(block.timestamp + bound(time, 1, 2 * WINDOW));
    }

    /// @notice Post a table past the federation.
    function usurp(bytes32 root, uint256 total) external observed {
        vm.prank(STRANGER);
        (bool done,) = address(pool).call(abi.encodeCall(IRewardPool.post, (root, total)));
        check(!done, "only the federation posts");
    }

    /// @notice Claim what the live table says, plus `extra`.
    function claim(uint256 index, uint256 extra) external {
        index = bound(index, 0, PAYEES - 1);
        claimOnce(index, extra % 4 == 0 ? extra : 0);
    }

    /// @notice Bring the epoch to its end, then pay out all that was ever promised.
    function finish() external {
        while (federation.phase() != IFederation.Phase.Closed) advanceOnce(1);
        advanceOnce(1);
        while (federation.phase() != IFederation.Phase.Revealed) advanceOnce(1);
        uint256 owed = pool.totalCumulative() - pool.totalPaid();
        uint256[PAYEES] memory pay;
        for (uint256 i = 0; i < PAYEES; ++i) {
            pay[i] = pool.paid(payee(i));
        }
        pay[0] += owed;
        _propose(pay, pool.totalCumulative());
        advanceOnce(1);
        if (owed > 0) claimOnce(0, 0);
        eq(pool.totalPaid(), pool.totalCumulative(), "all that was promised can leave");
    }

    function advanceOnce(uint256 seed) internal observed {
        IFederation.Phase phase = federation.phase();
        if (phase == IFederation.Phase.Closed) {
            uint256 funds = bound(seed, 0, pool.unallocated());
            used = 0;
            vm.prank(AGGREGATOR);
            federation.openEpoch(terms(3, uint32(bound(seed, 1, 2)), funds));
        } else if (phase == IFederation.Phase.Draw && block.number > uint256(federation.drawTarget()) + 256) {
            vm.prank(STRANGER);
            federation.retarget();
        } else if (phase == IFederation.Phase.Revealed) {
            _pay(seed);
        } else {
            step();
            if (phase == IFederation.Phase.Proposed) _goLive();
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

    /// @dev Three tables of four are honest; the others promise more than their total, or take pay back.
    function _pay(uint256 seed) private {
        uint256[PAYEES] memory pay = _live.pay;
        uint256 total = pool.totalCumulative();
        uint256 free = federation.funds();
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
        vm.prank(AGGREGATOR);
        federation.propose(Tree.root(leaves), total);
    }

    function _goLive() private {
        _live = _proposed;
    }

    function _data(uint256 f, bytes32 word, uint256 number) private pure returns (bytes memory) {
        if (f == 0) return abi.encodeCall(IFederation.openEpoch, (terms(3, uint32(number % 4), number)));
        if (f == 1) return abi.encodeCall(IFederation.openRound, (word));
        if (f == 2) return abi.encodeCall(IFederation.closeCommits, (word));
        if (f == 3) return abi.encodeCall(IFederation.closeReveals, (word));
        if (f == 4) return abi.encodeCall(IFederation.recordRound, (word, word, word, word));
        if (f == 5) return abi.encodeCall(IFederation.revealEpoch, (word));
        if (f == 6) return abi.encodeCall(IFederation.propose, (word, number));
        if (f == 7) return abi.encodeCall(IFederation.drawShard, (links(number % LINKS)));
        if (f == 8) return abi.encodeCall(IFederation.retarget, ());
        return abi.encodeCall(IFederation.finalize, ());
    }
}
