// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IFederationEvents} from "../interfaces/IFederationEvents.sol";
import {World} from "./World.sol";

/// @title The way out of every phase by time alone, and who pays for it.
contract ExitsTest is World {
    function test_lapse_leavesEveryPhase_notASecondEarly() public {
        for (uint8 p = 1; p <= uint8(IFederation.Phase.Settle); ++p) {
            reach(IFederation.Phase(p));
            uint64 due = federation.deadline();
            vm.warp(due - 1);
            _refuse(abi.encodeWithSelector(IFederationErrors.DeadlineAhead.selector, due));
            (uint64 epoch, uint32 round) = (federation.epoch(), federation.round());
            vm.warp(due);
            bool settled = IFederation.Phase(p) == IFederation.Phase.Settle;
            vm.expectEmit(address(federation));
            emit IFederationEvents.Lapsed(epoch, round, IFederation.Phase(p), settled ? 0 : due + SETTLE);
            lapse();
            if (!settled) lapse();
            phaseIs(IFederation.Phase.Closed);
            vault.deposit(AGGREGATOR, AGGREGATOR_BOND);
        }
        eq(pool.totalCumulative(), 0, "nothing was promised");
    }

    function test_lapse_takesTheAggregatorsBond_forADutyOfItsOwn() public {
        for (uint8 p = 1; p <= uint8(IFederation.Phase.Record); ++p) {
            if (IFederation.Phase(p) == IFederation.Phase.Draw) continue;
            reach(IFederation.Phase(p));
            uint256 before = federation.forfeited();
            vm.warp(federation.deadline());
            vm.expectEmit(address(federation));
            emit IFederationEvents.BondLost(
                federation.epoch(), AGGREGATOR, address(0), AGGREGATOR_BOND, AGGREGATOR_BOND
            );
            lapse();
            phaseIs(IFederation.Phase.Settle);
            check(federation.aggregatorLost(), "lost");
            eq(vault.bondOf(AGGREGATOR), 0, "bond");
            eq(federation.forfeited(), before + AGGREGATOR_BOND, "to the members");
            eq(token.balanceOf(address(vault)), AGGREGATOR_BOND + VALIDATOR_BOND + PROVIDERS * PROVIDER_BOND, "vault");
            lapse();
            vault.deposit(AGGREGATOR, AGGREGATOR_BOND);
        }
    }

    function test_lapse_paysTheRoundsBefore() public {
        reach(IFederation.Phase.Record);
        step();
        reach(IFederation.Phase.Draw);
        lapse();
        eq(federation.recorded(), 1, "the first round");
        vm.prank(PROPOSER);
        federation.propose("table", FUNDS, "settlement");
        eq(federation.proposal().rounds, 1, "is paid");
    }

    /// @dev Recorded rounds that nobody was ever asked to pay for; a table that a judge voided was asked for.
    function test_lapse_takesTheAggregatorsBond_whenNothingWasProposed() public {
        reach(IFederation.Phase.Settle);
        lapse();
        phaseIs(IFederation.Phase.Closed);
        eq(vault.bondOf(AGGREGATOR), 0, "lost");
        eq(federation.forfeited(), AGGREGATOR_BOND, "to the members");
        vault.deposit(AGGREGATOR, AGGREGATOR_BOND);
        reach(IFederation.Phase.Proposed);
        vm.prank(JUDGE);
        federation.voidProposal();
        lapse();
        phaseIs(IFederation.Phase.Closed);
        eq(vault.bondOf(AGGREGATOR), AGGREGATOR_BOND, "kept");
    }

    /// @dev Bits of `shown` and `agreed`: what each provider did.
    function testFuzz_lapse_ofADraw_blamesWhoeverWithheld(uint256 shown, uint256 agreed) public {
        (shown, agreed) = (shown % 4, agreed % 4);
        reach(IFederation.Phase.Draw);
        bool aggregator = shown == 3;
        uint256 lost;
        for (uint32 i = 0; i < PROVIDERS; ++i) {
            if ((agreed >> i) & 1 == 1) consent(i);
            if ((shown >> i) & 1 == 1) federation.showPreimage(i, preimages()[i], tips());
            else if ((agreed >> i) & 1 == 1) lost += PROVIDER_BOND;
            else aggregator = true;
        }
        if (aggregator) lost += AGGREGATOR_BOND;
        lapse();
        phaseIs(IFederation.Phase.Settle);
        eq(federation.forfeited(), lost, "lost");
        eq(vault.bondOf(AGGREGATOR), aggregator ? 0 : AGGREGATOR_BOND, "aggregator");
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            bool guilty = (shown >> i) & 1 == 0 && (agreed >> i) & 1 == 1;
            eq(vault.bondOf(providers[i]), guilty ? 0 : PROVIDER_BOND, "provider");
        }
        eq(pool.unallocated(), FUNDS + lost, "all of it in the pool");
    }

    function test_lapse_forgetsPreimages_shownInAnEarlierRound() public {
        reach(IFederation.Phase.Draw);
        consent(0);
        federation.showPreimage(0, preimages()[0], tips());
        step();
        step();
        reach(IFederation.Phase.Draw);
        lapse();
        eq(vault.bondOf(providers[0]), 0, "its bond is lost");
    }

    function test_lapse_takesTheBondOfAnAccusedProvider_thatNeverAnswered() public {
        reach(IFederation.Phase.Record);
        consent(1);
        IFederation.EpochTerms memory given = opened();
        vm.prank(AGGREGATOR);
        federation.accuse(1, given);
        lapse();
        eq(vault.bondOf(providers[1]), 0, "provider");
        eq(vault.bondOf(providers[0]), PROVIDER_BOND, "the other one");
        eq(vault.bondOf(AGGREGATOR), AGGREGATOR_BOND, "aggregator");
        check(!federation.aggregatorLost(), "may still propose");
    }

    function test_lapse_takesTheAggregatorsBond_onceTheAccusedHasAnswered() public {
        reach(IFederation.Phase.Record);
        consent(1);
        IFederation.EpochTerms memory given = opened();
        vm.prank(AGGREGATOR);
        federation.accuse(1, given);
        vm.prank(JUDGE);
        federation.clearAccusation(1);
        lapse();
        eq(vault.bondOf(providers[1]), PROVIDER_BOND, "provider");
        eq(vault.bondOf(AGGREGATOR), 0, "aggregator");
    }

    function test_lapse_ofAProposal_waitsAsLongAsOneMayTakeToPropose() public {
        reach(IFederation.Phase.Proposed);
        vm.prank(JUDGE);
        federation.hold();
        uint64 due = federation.deadline() + SETTLE;
        vm.warp(due - 1);
        _refuse(abi.encodeWithSelector(IFederationErrors.DeadlineAhead.selector, due));
        vm.warp(due);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.QuestionsOpen.selector, 1));
        federation.finalize();
        federation.lapse(opened());
        phaseIs(IFederation.Phase.Closed);
        eq(vault.bondOf(AGGREGATOR), AGGREGATOR_BOND, "no bond is lost");
        eq(pool.root(), 0, "nothing is posted");
    }

    function test_lapse_isRefused_underOtherTerms_andWithoutAnEpoch() public {
        bytes memory reason = abi.encodeWithSelector(
            IFederationErrors.WrongPhase.selector, IFederation.Phase.Closed, IFederation.Phase.Open
        );
        _refuse(reason);
        open();
        vm.warp(federation.deadline());
        IFederation.EpochTerms memory given = terms(3, 2, FUNDS - 1);
        bytes32 stored = federation.termsHash(1);
        bytes32 hash = keccak256(abi.encode(given));
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.WrongTerms.selector, hash, stored));
        federation.lapse(given);
    }

    function _refuse(bytes memory reason) private {
        IFederation.EpochTerms memory given = opened();
        vm.expectRevert(reason);
        federation.lapse(given);
    }
}
