// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IFederationEvents} from "../interfaces/IFederationEvents.sol";
import {World} from "./World.sol";

/// @title Who may propose which table, and when it becomes claimable.
contract SettlementTest is World {
    bytes32 private constant TABLE = keccak256("table");
    bytes32 private constant RECORDS = keccak256("settlement");

    function testFuzz_propose_takesATotal_onlyWithinTheFunds(uint256 total) public {
        reach(IFederation.Phase.Settle);
        total = bound(total, 0, 2 * FUNDS);
        uint64 end = uint64(block.timestamp) + WINDOW;
        if (total > FUNDS) {
            vm.expectRevert(abi.encodeWithSelector(IFederationErrors.TotalOutOfRange.selector, total, 0, FUNDS));
        } else {
            vm.expectEmit(address(federation));
            emit IFederationEvents.Proposed(1, AGGREGATOR, TABLE, total, RECORDS, 2, 0, end);
        }
        _propose(AGGREGATOR, total);
        if (total > FUNDS) return eq(federation.proposal().proposer, address(0), "no proposal");
        IFederation.Proposal memory expected =
            IFederation.Proposal(AGGREGATOR, TABLE, total, RECORDS, 2, 0, end);
        eq(keccak256(abi.encode(federation.proposal())), keccak256(abi.encode(expected)), "proposal");
        eq(federation.deadline(), end, "deadline");
    }

    function testFuzz_propose_startsFromTheLastTotal_inALaterEpoch(uint256 first, uint256 total) public {
        reach(IFederation.Phase.Settle);
        first = bound(first, 0, FUNDS);
        _propose(AGGREGATOR, first);
        step();
        pool.fund(FUNDS);
        step();
        reach(IFederation.Phase.Settle);
        total = bound(total, 0, 3 * FUNDS);
        if (total < first || total > first + FUNDS) {
            _refuse(abi.encodeWithSelector(IFederationErrors.TotalOutOfRange.selector, total, first, first + FUNDS));
        }
        _propose(AGGREGATOR, total);
    }

    function test_propose_handsOutLostBonds_onceAndForAll() public {
        reach(IFederation.Phase.Record);
        lapse();
        uint256 most = FUNDS + AGGREGATOR_BOND;
        eq(federation.forfeited(), AGGREGATOR_BOND, "forfeited");
        _refuse(abi.encodeWithSelector(IFederationErrors.TotalOutOfRange.selector, most + 1, 0, most));
        _propose(PROPOSER, most + 1);
        _propose(PROPOSER, most);
        eq(federation.proposal().forfeited, AGGREGATOR_BOND, "proposed");
        eq(federation.proposal().rounds, 0, "no round");
        step();
        eq(federation.forfeited(), 0, "handed out");
        eq(federation.reserved(), 0, "nothing reserved");
        eq(pool.totalCumulative(), most, "promised");
        eq(pool.unallocated(), 0, "all of it");
    }

    function test_propose_keepsLostBonds_forTheNextEpoch_whenNobodyProposes() public {
        open();
        lapse();
        lapse();
        vault.deposit(AGGREGATOR, AGGREGATOR_BOND);
        reach(IFederation.Phase.Settle);
        _propose(AGGREGATOR, FUNDS + AGGREGATOR_BOND);
        step();
        eq(pool.totalCumulative(), FUNDS + AGGREGATOR_BOND, "promised");
    }

    function test_propose_refusesTheZeroHash() public {
        reach(IFederation.Phase.Settle);
        bytes memory zero = abi.encodeWithSelector(IFederationErrors.ZeroHash.selector);
        vm.expectRevert(zero);
        vm.prank(AGGREGATOR);
        federation.propose(0, 0, RECORDS);
        vm.expectRevert(zero);
        vm.prank(AGGREGATOR);
        federation.propose(TABLE, 0, 0);
    }

    function test_propose_opensToTheBonded_afterHalfOfTheTime() public {
        reach(IFederation.Phase.Settle);
        uint64 from = federation.deadline() - SETTLE / 2;
        vm.warp(from - 1);
        _refuse(abi.encodeWithSelector(IFederationErrors.ProposerTooEarly.selector, PROPOSER, from));
        _propose(PROPOSER, 0);
        vm.warp(from);
        _refuse(abi.encodeWithSelector(IFederationErrors.InsufficientBond.selector, STRANGER, 0, AGGREGATOR_BOND));
        _propose(STRANGER, 0);
        vm.prank(PROPOSER);
        vault.retire();
        _refuse(abi.encodeWithSelector(IFederationErrors.InsufficientBond.selector, PROPOSER, 0, AGGREGATOR_BOND));
        _propose(PROPOSER, 0);
        vm.prank(PROPOSER);
        vault.stay();
        _propose(PROPOSER, 0);
        eq(federation.proposal().proposer, PROPOSER, "proposer");
    }

    function test_propose_opensToTheBonded_onceTheAggregatorHasLostItsBond() public {
        open();
        lapse();
        _refuse(abi.encodeWithSelector(IFederationErrors.InsufficientBond.selector, AGGREGATOR, 0, AGGREGATOR_BOND));
        _propose(AGGREGATOR, 0);
        _propose(PROPOSER, 0);
        eq(federation.proposal().proposer, PROPOSER, "proposer");
    }

    function test_propose_endsAtTheDeadline() public {
        reach(IFederation.Phase.Settle);
        uint64 deadline = federation.deadline();
        vm.warp(deadline);
        _refuse(abi.encodeWithSelector(IFederationErrors.DeadlinePassed.selector, deadline));
        _propose(AGGREGATOR, 0);
        vm.warp(deadline - 1);
        _propose(AGGREGATOR, 0);
        phaseIs(IFederation.Phase.Proposed);
    }

    function testFuzz_finalize_postsTheTable_onlyAfterTheWindow(uint256 seconds_) public {
        reach(IFederation.Phase.Settle);
        _propose(AGGREGATOR, FUNDS);
        uint256 end = block.timestamp + WINDOW;
        vm.warp(block.timestamp + bound(seconds_, 0, 2 * WINDOW));

        bool early = block.timestamp < end;
        if (early) _refuse(abi.encodeWithSelector(IFederationErrors.ChallengeWindowOpen.selector, end));
        vm.prank(STRANGER);
        federation.finalize();
        eq(pool.root(), early ? bytes32(0) : TABLE, "root");
        eq(pool.totalCumulative(), early ? 0 : FUNDS, "total");
    }

    function test_finalize_opensAtTheLastSecond() public {
        reach(IFederation.Phase.Proposed);
        vm.warp(uint256(federation.deadline()) - 1);
        _refuse(abi.encodeWithSelector(IFederationErrors.ChallengeWindowOpen.selector, federation.deadline()));
        federation.finalize();
        vm.warp(federation.deadline());
        vm.expectEmit(address(federation));
        emit IFederationEvents.Finalized(1, TABLE, 0);
        federation.finalize();
        phaseIs(IFederation.Phase.Closed);
        eq(federation.proposal().proposer, address(0), "no proposal stands");
    }

    function _propose(address by, uint256 total) private {
        vm.prank(by);
        federation.propose(TABLE, total, RECORDS);
    }

    function _refuse(bytes memory reason) private {
        vm.expectRevert(reason);
    }
}
