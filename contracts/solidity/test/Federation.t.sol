// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Federation} from "../Federation.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IFederationEvents} from "../interfaces/IFederationEvents.sol";
import {World} from "./World.sol";

/// @title How a federation is made, and how an epoch opens, is revealed or cancelled.
contract FederationTest is World {
    function test_constructor_keepsItsArguments() public {
        IFederation.Config memory given = federation.config();
        IFederation.Config memory expected = config();
        expected.randomness = given.randomness;
        eq(keccak256(abi.encode(given)), keccak256(abi.encode(expected)), "config");
        eq(keccak256(abi.encode(federation.judges())), keccak256(abi.encode(expected.judges)), "judges");
        eq(federation.manifestHash(), MANIFEST, "manifest");
        eq(federation.aggregator(), AGGREGATOR, "aggregator");
        eq(address(pool.token()), address(token), "token of the pool");
        eq(pool.federation(), address(federation), "pool");
        eq(address(vault.token()), address(token), "token of the vault");
        eq(address(vault.pool()), address(pool), "pool of the vault");
        eq(address(vault.federation()), address(federation), "vault");
        phaseIs(IFederation.Phase.Closed);
    }

    function testFuzz_constructor_takesADelay_onlyWithinTheHorizon(uint64 delay) public {
        _deployWithDelay(delay, delay >= 1 && delay <= 256);
    }

    function test_constructor_takesADelay_atBothEnds() public {
        _deployWithDelay(0, false);
        _deployWithDelay(1, true);
        _deployWithDelay(256, true);
        _deployWithDelay(257, false);
    }

    function test_constructor_takesDurations_fromASecondToNinetyDays() public {
        for (uint256 which = 0; which < 4; ++which) {
            _deployWithDuration(which, 0, false);
            _deployWithDuration(which, which == 1 ? 2 : 1, true);
            _deployWithDuration(which, which == 3 ? 90 days - 1 : 90 days, true);
            _deployWithDuration(which, 90 days + 1, false);
        }
    }

    function test_constructor_refusesAnswers_dueNoSoonerThanProposals() public {
        IFederation.Config memory given = config();
        given.answerWindow = given.settleDuration;
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.InvalidDuration.selector, given.answerWindow));
        new Federation(given);
    }

    function test_constructor_takesAQuorum_upToAllValidators() public {
        IFederation.Config memory given = config();
        given.quorum = 2;
        new Federation(given);
        given.quorum = 3;
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.InvalidQuorum.selector, 3, 2));
        new Federation(given);
    }

    function test_constructor_takesBonds_belowTheirBound() public {
        for (uint256 which = 0; which < 3; ++which) {
            _deployWithBond(which, type(uint96).max, true);
            _deployWithBond(which, uint256(type(uint96).max) + 1, false);
        }
    }

    function testFuzz_openEpoch_keepsItsTerms_orNamesTheFault(uint32 shards, uint32 rounds, uint256 funds) public {
        (shards, rounds) = (shards % 8, rounds % 8);
        funds = bound(funds, 0, 2 * FUNDS);
        IFederation.EpochTerms memory given = terms(shards, rounds, funds);
        bool valid = rounds >= 1 && rounds <= shards;
        if (!valid) {
            vm.expectRevert(abi.encodeWithSelector(IFederationErrors.InvalidRounds.selector, rounds, shards));
        } else if (funds > FUNDS) {
            vm.expectRevert(abi.encodeWithSelector(IFederationErrors.InsufficientFunds.selector, FUNDS, funds));
        } else {
            vm.expectEmit(address(federation));
            emit IFederationEvents.EpochOpened(1, given, uint64(block.timestamp) + PHASE);
        }
        vm.prank(AGGREGATOR);
        federation.openEpoch(given);
        if (!valid || funds > FUNDS) return phaseIs(IFederation.Phase.Closed);

        phaseIs(IFederation.Phase.Open);
        eq(federation.epoch(), 1, "epoch");
        eq(federation.round(), 0, "round");
        eq(federation.rounds(), rounds, "rounds");
        eq(federation.reserved(), funds, "funds");
        eq(federation.deadline(), block.timestamp + PHASE, "deadline");
        eq(federation.termsHash(1), keccak256(abi.encode(given)), "terms");
        eq(federation.tipsHash(), keccak256(abi.encodePacked(given.providerTips)), "tips");
    }

    function test_openEpoch_needsOneToThirtyTwoProviders_withATipEach() public {
        IFederation.EpochTerms memory given = terms(3, 2, FUNDS);
        (given.providerTips, given.providers) = (new bytes32[](0), new address[](0));
        _refused(given, abi.encodeWithSelector(IFederationErrors.InvalidProviderCount.selector, 0));
        (given.providerTips, given.providers) = (new bytes32[](33), new address[](33));
        _refused(given, abi.encodeWithSelector(IFederationErrors.InvalidProviderCount.selector, 33));
        given.providers = new address[](32);
        _refused(given, abi.encodeWithSelector(IFederationErrors.LengthMismatch.selector, 33, 32));

        given.providerTips = new bytes32[](32);
        for (uint256 i = 0; i < 32; ++i) {
            given.providers[i] = address(uint160(0xD0 + i));
            vault.deposit(given.providers[i], PROVIDER_BOND);
        }
        vm.prank(AGGREGATOR);
        federation.openEpoch(given);
        phaseIs(IFederation.Phase.Open);
    }

    function test_openEpoch_refusesABountyThatOverflows_andNobody() public {
        IFederation.EpochTerms memory given = terms(3, 2, FUNDS);
        given.bounty = uint256(type(uint128).max) + 1;
        _refused(given, abi.encodeWithSelector(IFederationErrors.InvalidBounty.selector, given.bounty));
        for (uint256 i = 0; i < 3; ++i) {
            given = terms(3, 2, FUNDS);
            if (i == 0) given.members = 0;
            else if (i == 1) given.quotaTotal = 0;
            else given.dim = 0;
            _refused(given, abi.encodeWithSelector(IFederationErrors.NobodyAdmitted.selector));
        }
    }

    function test_openEpoch_takesGrids_ofUpToThirtyTwo() public {
        uint8[3] memory etas = [0, 1, 33];
        uint8[2] memory betas = [0, 33];
        for (uint256 i = 0; i < 3; ++i) {
            IFederation.EpochTerms memory given = terms(3, 2, FUNDS);
            given.etas = new uint32[](etas[i]);
            _refused(given, abi.encodeWithSelector(IFederationErrors.InvalidGrid.selector, etas[i], 7));
        }
        for (uint256 i = 0; i < 2; ++i) {
            IFederation.EpochTerms memory given = terms(3, 2, FUNDS);
            given.etas = new uint32[](32);
            given.betasTenths = new uint32[](betas[i]);
            _refused(given, abi.encodeWithSelector(IFederationErrors.InvalidGrid.selector, 32, betas[i]));
        }
        IFederation.EpochTerms memory least = terms(3, 2, FUNDS);
        (least.etas, least.betasTenths) = (new uint32[](2), new uint32[](32));
        vm.prank(AGGREGATOR);
        federation.openEpoch(least);
    }

    function test_openEpoch_needsEveryBond_whole() public {
        IFederation.EpochTerms memory given = terms(3, 2, FUNDS);
        given.providers[1] = address(0xD1);
        _refused(given, _bond(address(0xD1), 0, PROVIDER_BOND));
        vault.deposit(address(0xD1), PROVIDER_BOND - 1);
        _refused(given, _bond(address(0xD1), PROVIDER_BOND - 1, PROVIDER_BOND));
        vault.deposit(address(0xD1), 1);
        vm.prank(AGGREGATOR);
        federation.openEpoch(given);
    }

    function test_openEpoch_isRefused_whileABondIsLeaving() public {
        IFederation.EpochTerms memory given = terms(3, 2, FUNDS);
        vm.prank(providers[1]);
        vault.retire();
        _refused(given, _bond(providers[1], 0, PROVIDER_BOND));
        vm.prank(providers[1]);
        vault.stay();
        vm.prank(AGGREGATOR);
        vault.retire();
        _refused(given, _bond(AGGREGATOR, 0, AGGREGATOR_BOND));
    }

    function test_openEpoch_needsABondForEveryRole_ofOneAccount() public {
        IFederation.EpochTerms memory given = terms(3, 2, FUNDS);
        (given.providers[0], given.providers[1]) = (AGGREGATOR, AGGREGATOR);
        uint256 required = AGGREGATOR_BOND + 2 * PROVIDER_BOND;
        _refused(given, _bond(AGGREGATOR, AGGREGATOR_BOND, required));
        vault.deposit(AGGREGATOR, 2 * PROVIDER_BOND - 1);
        _refused(given, _bond(AGGREGATOR, required - 1, required));
        vault.deposit(AGGREGATOR, 1);
        vm.prank(AGGREGATOR);
        federation.openEpoch(given);
    }

    function test_openEpoch_leavesLostBonds_toTheMembers() public {
        open();
        lapse();
        lapse();
        phaseIs(IFederation.Phase.Closed);
        eq(federation.reserved(), AGGREGATOR_BOND, "reserved");
        vault.deposit(AGGREGATOR, AGGREGATOR_BOND);
        bytes memory refusal =
            abi.encodeWithSelector(IFederationErrors.InsufficientFunds.selector, FUNDS, FUNDS + 1);
        _refused(terms(3, 2, FUNDS + 1), refusal);
        open();
        eq(federation.reserved(), FUNDS + AGGREGATOR_BOND, "reserved");
    }

    function test_openEpoch_startsAnew_afterAnEpoch() public {
        step();
        reach(IFederation.Phase.Closed);
        step();
        eq(federation.epoch(), 2, "epoch");
        eq(federation.round(), 0, "round");
        eq(federation.recorded(), 0, "recorded");
        check(federation.roundDigest(1, 2) != 0, "the old epoch stays readable");
        eq(federation.roundDigest(2, 1), 0, "the new one is empty");
        reach(IFederation.Phase.Closed);
        eq(federation.round(), 2, "all rounds again");
        eq(federation.recorded(), 2, "all rounds again");
    }

    function test_revealEpoch_waits_forTheLastRound() public {
        step();
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.RoundsRemain.selector, 0, 2));
        vm.prank(AGGREGATOR);
        federation.revealEpoch(keccak256("shards"));

        _recordAll();
        vm.expectEmit(address(federation));
        emit IFederationEvents.EpochRevealed(1, keccak256("shards"), uint64(block.timestamp) + SETTLE);
        vm.prank(AGGREGATOR);
        federation.revealEpoch(keccak256("shards"));
        phaseIs(IFederation.Phase.Settle);
        eq(federation.deadline(), block.timestamp + SETTLE, "deadline");
    }

    function test_revealEpoch_refusesTheZeroHash() public {
        _recordAll();
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.ZeroHash.selector));
        vm.prank(AGGREGATOR);
        federation.revealEpoch(0);
    }

    function test_cancel_endsTheEpoch_beforeADraw() public {
        for (uint8 p = 1; p <= 3; ++p) {
            reach(IFederation.Phase(p));
            if (p == 1) reach(IFederation.Phase.Record);
            reach(IFederation.Phase(p));
            (uint64 epoch, uint32 round, uint32 recorded) =
                (federation.epoch(), federation.round(), federation.recorded());
            vm.expectEmit(address(federation));
            emit IFederationEvents.Cancelled(epoch, round, recorded, uint64(block.timestamp) + SETTLE);
            vm.prank(AGGREGATOR);
            federation.cancel();
            phaseIs(IFederation.Phase.Settle);
            eq(federation.recorded(), recorded, "recorded rounds are paid");
            eq(vault.bondOf(AGGREGATOR), AGGREGATOR_BOND, "no bond is lost");
            reach(IFederation.Phase.Closed);
        }
    }

    function _recordAll() private {
        reach(IFederation.Phase.Record);
        step();
        reach(IFederation.Phase.Record);
        step();
    }

    function _refused(IFederation.EpochTerms memory given, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(AGGREGATOR);
        federation.openEpoch(given);
    }

    function _bond(address account, uint256 bond, uint256 required) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IFederationErrors.InsufficientBond.selector, account, bond, required);
    }

    function _deployWithDelay(uint64 delay, bool valid) private {
        IFederation.Config memory given = config();
        given.drawDelay = delay;
        if (!valid) vm.expectRevert(abi.encodeWithSelector(IFederationErrors.InvalidDrawDelay.selector, delay));
        new Federation(given);
    }

    function _deployWithBond(uint256 which, uint256 bond, bool valid) private {
        IFederation.Config memory given = config();
        if (which == 0) given.aggregatorBond = bond;
        else if (which == 1) given.providerBond = bond;
        else given.validatorBond = bond;
        if (!valid) vm.expectRevert(abi.encodeWithSelector(IFederationErrors.InvalidBond.selector, bond));
        new Federation(given);
    }

    function _deployWithDuration(uint256 which, uint64 duration, bool valid) private {
        IFederation.Config memory given = config();
        (given.settleDuration, given.answerWindow) = (90 days, 1);
        if (which == 0) given.phaseDuration = duration;
        else if (which == 1) given.settleDuration = duration;
        else if (which == 2) given.challengeWindow = duration;
        else given.answerWindow = duration;
        if (!valid) vm.expectRevert(abi.encodeWithSelector(IFederationErrors.InvalidDuration.selector, duration));
        new Federation(given);
    }
}
