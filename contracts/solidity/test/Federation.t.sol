// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Federation} from "../Federation.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {World} from "./World.sol";

/// @title How a federation is made, and how an epoch opens, is revealed, proposed and finalised.
contract FederationTest is World {
    function test_constructor_keepsItsArguments() public view {
        eq(federation.manifestHash(), MANIFEST, "manifest");
        eq(federation.aggregator(), AGGREGATOR, "aggregator");
        eq(federation.challengeWindow(), WINDOW, "window");
        eq(federation.drawDelay(), DELAY, "delay");
        eq(address(pool.token()), address(token), "token");
        eq(pool.federation(), address(federation), "pool");
        phaseIs(IFederation.Phase.Closed);
    }

    function testFuzz_constructor_takesADelay_onlyWithinTheHorizon(uint64 delay) public {
        bool valid = delay >= 1 && delay <= 256;
        if (!valid) vm.expectRevert(abi.encodeWithSelector(IFederation.InvalidDrawDelay.selector, delay));
        new Federation(MANIFEST, AGGREGATOR, token, WINDOW, delay);
    }

    function test_constructor_takesADelay_atBothEnds() public {
        new Federation(MANIFEST, AGGREGATOR, token, WINDOW, 1);
        new Federation(MANIFEST, AGGREGATOR, token, WINDOW, 256);
        vm.expectRevert(abi.encodeWithSelector(IFederation.InvalidDrawDelay.selector, 0));
        new Federation(MANIFEST, AGGREGATOR, token, WINDOW, 0);
        vm.expectRevert(abi.encodeWithSelector(IFederation.InvalidDrawDelay.selector, 257));
        new Federation(MANIFEST, AGGREGATOR, token, WINDOW, 257);
    }

    function test_constructor_takesAWindow_upToNinetyDays() public {
        new Federation(MANIFEST, AGGREGATOR, token, 90 days, DELAY);
        vm.expectRevert(abi.encodeWithSelector(IFederation.InvalidChallengeWindow.selector, 90 days + 1));
        new Federation(MANIFEST, AGGREGATOR, token, 90 days + 1, DELAY);
    }

    function testFuzz_openEpoch_keepsItsTerms_orNamesTheFault(uint32 shards, uint32 rounds, uint256 funds) public {
        (shards, rounds) = (shards % 8, rounds % 8);
        funds = bound(funds, 0, 2 * FUNDS);
        IFederation.EpochTerms memory given = terms(shards, rounds, funds);
        bool valid = rounds >= 1 && rounds <= shards;
        if (!valid) {
            vm.expectRevert(abi.encodeWithSelector(IFederation.InvalidRounds.selector, rounds, shards));
        } else if (funds > FUNDS) {
            vm.expectRevert(abi.encodeWithSelector(IFederation.InsufficientFunds.selector, FUNDS, funds));
        } else {
            vm.expectEmit(address(federation));
            emit IFederation.EpochOpened(1, given);
        }
        vm.prank(AGGREGATOR);
        federation.openEpoch(given);
        if (!valid || funds > FUNDS) return phaseIs(IFederation.Phase.Closed);

        phaseIs(IFederation.Phase.Open);
        eq(federation.epoch(), 1, "epoch");
        eq(federation.round(), 0, "round");
        eq(federation.rounds(), rounds, "rounds");
        eq(federation.funds(), funds, "funds");
        eq(keccak256(abi.encode(federation.providerTips())), keccak256(abi.encode(given.providerTips)), "tips");
    }

    function test_openEpoch_isRefused_withoutProviders() public {
        IFederation.EpochTerms memory given = terms(3, 2, FUNDS);
        given.providerTips = new bytes32[](0);
        vm.expectRevert(abi.encodeWithSelector(IFederation.NoProviders.selector));
        vm.prank(AGGREGATOR);
        federation.openEpoch(given);
    }

    function test_openEpoch_startsAnew_afterAnEpoch() public {
        step();
        reach(IFederation.Phase.Closed);
        step();
        eq(federation.epoch(), 2, "epoch");
        eq(federation.round(), 0, "round");
        eq(federation.roundInfo(1, 2).modelHash, keccak256("model"), "the old epoch stays readable");
        eq(federation.roundInfo(2, 1).modelHash, 0, "the new one is empty");
        reach(IFederation.Phase.Closed);
        eq(federation.round(), 2, "all rounds again");
    }

    function test_revealEpoch_waits_forTheLastRound() public {
        step();
        vm.expectRevert(abi.encodeWithSelector(IFederation.RoundsRemain.selector, 0, 2));
        vm.prank(AGGREGATOR);
        federation.revealEpoch(keccak256("shards"));

        reach(IFederation.Phase.Record);
        step();
        reach(IFederation.Phase.Record);
        step();
        vm.expectEmit(address(federation));
        emit IFederation.EpochRevealed(1, keccak256("shards"));
        vm.prank(AGGREGATOR);
        federation.revealEpoch(keccak256("shards"));
        phaseIs(IFederation.Phase.Revealed);
    }

    function test_revealEpoch_refusesTheZeroHash() public {
        reach(IFederation.Phase.Record);
        step();
        reach(IFederation.Phase.Record);
        step();
        vm.expectRevert(abi.encodeWithSelector(IFederation.ZeroHash.selector));
        vm.prank(AGGREGATOR);
        federation.revealEpoch(0);
    }

    function testFuzz_propose_takesATotal_onlyWithinTheFunds(uint256 total) public {
        reach(IFederation.Phase.Revealed);
        total = bound(total, 0, 2 * FUNDS);
        if (total > FUNDS) {
            vm.expectRevert(abi.encodeWithSelector(IFederation.TotalOutOfRange.selector, total, 0, FUNDS));
        } else {
            vm.expectEmit(address(federation));
            emit IFederation.Proposed(1, keccak256("table"), total, uint64(block.timestamp) + WINDOW);
        }
        vm.prank(AGGREGATOR);
        federation.propose(keccak256("table"), total);
    }

    function testFuzz_propose_startsFromTheLastTotal_inALaterEpoch(uint256 first, uint256 total) public {
        reach(IFederation.Phase.Revealed);
        first = bound(first, 0, FUNDS);
        vm.prank(AGGREGATOR);
        federation.propose(keccak256("table"), first);
        step();
        pool.fund(FUNDS);
        step();
        reach(IFederation.Phase.Revealed);
        total = bound(total, 0, 3 * FUNDS);
        if (total < first || total > first + FUNDS) {
            vm.expectRevert(abi.encodeWithSelector(IFederation.TotalOutOfRange.selector, total, first, first + FUNDS));
        }
        vm.prank(AGGREGATOR);
        federation.propose(keccak256("second"), total);
    }

    function test_propose_refusesTheZeroHash() public {
        reach(IFederation.Phase.Revealed);
        vm.expectRevert(abi.encodeWithSelector(IFederation.ZeroHash.selector));
        vm.prank(AGGREGATOR);
        federation.propose(0, 0);
    }

    function testFuzz_finalize_postsTheTable_onlyAfterTheWindow(uint256 seconds_) public {
        reach(IFederation.Phase.Revealed);
        vm.prank(AGGREGATOR);
        federation.propose(keccak256("table"), FUNDS);
        uint256 end = block.timestamp + WINDOW;
        eq(federation.challengeEnd(), end, "end");
        vm.warp(block.timestamp + bound(seconds_, 0, 2 * WINDOW));

        bool early = block.timestamp < end;
        if (early) vm.expectRevert(abi.encodeWithSelector(IFederation.ChallengeWindowOpen.selector, end));
        vm.prank(STRANGER);
        federation.finalize();
        eq(pool.root(), early ? bytes32(0) : keccak256("table"), "root");
        eq(pool.totalCumulative(), early ? 0 : FUNDS, "total");
    }

    function test_finalize_opensAtTheLastSecond() public {
        reach(IFederation.Phase.Proposed);
        vm.warp(uint256(federation.challengeEnd()) - 1);
        vm.expectRevert(abi.encodeWithSelector(IFederation.ChallengeWindowOpen.selector, federation.challengeEnd()));
        federation.finalize();
        vm.warp(federation.challengeEnd());
        vm.expectEmit(address(federation));
        emit IFederation.Finalized(1, keccak256("table"), 0);
        federation.finalize();
        phaseIs(IFederation.Phase.Closed);
    }
}
