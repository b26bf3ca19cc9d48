// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IFederationEvents} from "../interfaces/IFederationEvents.sol";
import {World} from "./World.sol";

/// @title Consent, shown preimages, accusations and their answers.
contract ProviderDutiesTest is World {
    uint32 private constant NONE = type(uint32).max;

    function test_consent_isRecorded_onlyWithTheProvidersSignature() public {
        open();
        vm.expectEmit(address(federation));
        emit IFederationEvents.Consented(1, 0, providers[0]);
        consent(0);

        bytes memory wrong = signature(0, 1, opened());
        _refuseConsent(1, wrong);
        wrong = signature(1, 2, opened());
        _refuseConsent(1, wrong);
        wrong = signature(1, 1, terms(3, 1, FUNDS));
        _refuseConsent(1, wrong);
        wrong = signature(1, 1, opened());
        wrong[5] ^= 0x01;
        _refuseConsent(1, wrong);
        _refuseConsent(1, "");
    }

    function test_consent_isRefused_ofAnUnknownProvider_orToOtherTerms() public {
        open();
        bytes memory sig = signature(0, 1, opened());
        IFederation.EpochTerms memory given = opened();
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.UnknownProvider.selector, 2, 2));
        federation.consent(2, given, sig);
        given.bounty += 1;
        _refuseTerms(given);
        federation.consent(0, given, sig);
    }

    function test_showPreimage_isRecorded_ofTheTipAlone() public {
        reach(IFederation.Phase.Draw);
        bytes32[] memory current = tips();
        bytes32 right = preimages()[1];
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.WrongPreimage.selector, 0, right));
        federation.showPreimage(0, right, current);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.UnknownProvider.selector, 2, 2));
        federation.showPreimage(2, right, current);
        vm.expectEmit(address(federation));
        emit IFederationEvents.PreimageShown(1, 1, 1, right);
        federation.showPreimage(1, right, current);

        bytes32 stored = keccak256(abi.encodePacked(current));
        right = "of another chain";
        current[1] = keccak256(abi.encode(right));
        bytes32 given = keccak256(abi.encodePacked(current));
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.WrongPreimages.selector, given, stored));
        federation.showPreimage(1, right, current);
    }

    function test_accuse_givesAProviderTheAnswerWindow() public {
        _reachRecord();
        eq(federation.accused(), NONE, "nobody");
        uint64 until = uint64(block.timestamp) + ANSWER;
        vm.expectEmit(address(federation));
        emit IFederationEvents.Accused(1, 1, 1, providers[1], until);
        _accuse(1);
        eq(federation.accused(), 1, "accused");
        eq(federation.deadline(), until, "deadline");
        phaseIs(IFederation.Phase.Record);
    }

    function test_accuse_isRefused_withoutConsent_orTwice() public {
        reach(IFederation.Phase.Record);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.NotConsented.selector, 1));
        _accuse(1);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.UnknownProvider.selector, 2, 2));
        _accuse(2);
        consent(0);
        consent(1);
        _accuse(1);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.AlreadyAccused.selector, 0));
        _accuse(0);
        vm.prank(JUDGE);
        federation.clearAccusation(1);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.AlreadyAccused.selector, 1));
        _accuse(1);
        _accuse(0);
        eq(federation.accused(), 0, "the other one");
    }

    function test_accuse_isRefused_underOtherTerms() public {
        _reachRecord();
        IFederation.EpochTerms memory given = opened();
        given.providers[0] = STRANGER;
        _refuseTerms(given);
        vm.prank(AGGREGATOR);
        federation.accuse(0, given);
    }

    function test_clearAccusation_startsTheTimeToRecord_anew() public {
        _reachRecord();
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.NotAccused.selector, 1));
        vm.prank(JUDGE);
        federation.clearAccusation(1);
        _accuse(1);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.NotAccused.selector, 0));
        vm.prank(JUDGE);
        federation.clearAccusation(0);
        vm.warp(federation.deadline() - 1);
        uint64 until = uint64(block.timestamp) + PHASE;
        vm.expectEmit(address(federation));
        emit IFederationEvents.AccusationCleared(1, 1, 1, until);
        vm.prank(JUDGE);
        federation.clearAccusation(1);
        eq(federation.accused(), NONE, "nobody");
        eq(federation.deadline(), until, "deadline");
    }

    function test_clearAccusation_comesTooLate_atTheDeadline() public {
        _reachRecord();
        _accuse(1);
        uint64 until = federation.deadline();
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.DeadlinePassed.selector, until));
        vm.prank(JUDGE);
        federation.clearAccusation(1);
    }

    function test_recordRound_endsAnAccusation_andTheNextRoundStartsWithNone() public {
        _reachRecord();
        _accuse(1);
        step();
        eq(federation.accused(), NONE, "nobody");
        reach(IFederation.Phase.Record);
        eq(federation.accused(), NONE, "nobody in the next round");
        _accuse(1);
        eq(federation.accused(), 1, "again");
    }

    function _reachRecord() private {
        reach(IFederation.Phase.Record);
        consent(0);
        consent(1);
    }

    function _accuse(uint32 provider) private {
        IFederation.EpochTerms memory given = opened();
        vm.prank(AGGREGATOR);
        federation.accuse(provider, given);
    }

    function _refuseConsent(uint32 provider, bytes memory sig) private {
        IFederation.EpochTerms memory given = opened();
        vm.expectRevert(
            abi.encodeWithSelector(IFederationErrors.InvalidConsent.selector, provider, providers[provider])
        );
        federation.consent(provider, given, sig);
    }

    function _refuseTerms(IFederation.EpochTerms memory given) private {
        bytes32 stored = federation.termsHash(1);
        vm.expectRevert(
            abi.encodeWithSelector(IFederationErrors.WrongTerms.selector, keccak256(abi.encode(given)), stored)
        );
    }
}
