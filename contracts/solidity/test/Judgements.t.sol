// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IFederationEvents} from "../interfaces/IFederationEvents.sol";
import {World} from "./World.sol";

/// @title What judges may do, to whom, and how often.
contract JudgementsTest is World {
    bytes32 private constant PROOF = "proof";

    function test_announce_keepsTheFirstBlock() public {
        bytes32 commitment = keccak256("commitment");
        uint256 first = block.number;
        vm.expectEmit(address(federation));
        emit IFederationEvents.Announced(commitment, first);
        federation.announce(commitment);
        vm.roll(first + 5);
        vm.prank(STRANGER);
        federation.announce(commitment);
        eq(federation.announced(commitment), first, "nobody makes it younger");
    }

    function testFuzz_convictRound_leavesTheRoundsBefore(uint32 round, uint256 phase_) public {
        IFederation.Phase phase = _someWay(bound(phase_, 0, 6));
        uint32 recorded = federation.recorded();
        announce(CHALLENGER, PROOF);
        if (round % 4 == 0 || round % 4 > recorded) {
            vm.expectRevert(
                abi.encodeWithSelector(IFederationErrors.RoundNotRecorded.selector, round % 4, recorded)
            );
        }
        uint64 until = uint64(block.timestamp) + SETTLE;
        vm.prank(JUDGE);
        federation.convictRound(round % 4, CHALLENGER, PROOF);
        if (round % 4 == 0 || round % 4 > recorded) return phaseIs(phase);

        phaseIs(IFederation.Phase.Settle);
        eq(federation.recorded(), round % 4 - 1, "recorded");
        eq(federation.deadline(), until, "a fresh deadline");
        eq(vault.bondOf(AGGREGATOR), 0, "bond");
        eq(token.balanceOf(CHALLENGER), AGGREGATOR_BOND / 2, "half to the challenger");
        eq(federation.forfeited(), AGGREGATOR_BOND - AGGREGATOR_BOND / 2, "the rest to the members");
        check(federation.aggregatorLost(), "lost");
    }

    function test_convictRound_takesTheBondOnce_andEveryFurtherRound() public {
        reach(IFederation.Phase.Settle);
        convictRound(2);
        vm.warp(block.timestamp + 100);
        bytes32 again = "another proof";
        announce(CHALLENGER, again);
        vm.expectEmit(address(federation));
        emit IFederationEvents.RoundConvicted(1, 1, CHALLENGER, JUDGE, uint64(block.timestamp) + SETTLE);
        vm.prank(JUDGE);
        federation.convictRound(1, CHALLENGER, again);
        eq(federation.recorded(), 0, "recorded");
        eq(token.balanceOf(CHALLENGER), AGGREGATOR_BOND / 2, "once");
        vm.prank(PROPOSER);
        federation.propose("table", FUNDS, "settlement");
    }

    function test_convictRound_sparesAProposerThatOnlyReliedOnTheRecord() public {
        _proposeByAnother();
        convictRound(1);
        eq(vault.bondOf(PROPOSER), AGGREGATOR_BOND, "proposer");
        eq(vault.bondOf(AGGREGATOR), 0, "aggregator");
        eq(federation.proposal().proposer, address(0), "the proposal is gone");
    }

    function test_convictRound_isRefused_betweenEpochs() public {
        reach(IFederation.Phase.Settle);
        step();
        step();
        announce(CHALLENGER, PROOF);
        vm.expectRevert(
            abi.encodeWithSelector(
                IFederationErrors.WrongPhase.selector, IFederation.Phase.Closed, IFederation.Phase.Proposed
            )
        );
        vm.prank(JUDGE);
        federation.convictRound(1, CHALLENGER, PROOF);
    }

    function test_convict_needsAnAnnouncement_olderThanTheBlock_andItsOwn() public {
        reach(IFederation.Phase.Proposed);
        _refuseUnannounced(CHALLENGER);
        federation.announce(keccak256(abi.encode(CHALLENGER, PROOF)));
        _refuseUnannounced(CHALLENGER);
        vm.roll(block.number + 1);
        _refuseUnannounced(STRANGER);
        vm.prank(JUDGE);
        federation.convictRound(2, CHALLENGER, PROOF);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.NotAnnounced.selector, CHALLENGER, PROOF));
        vm.prank(JUDGE);
        federation.convictRound(1, CHALLENGER, PROOF);
    }

    function test_convictProposal_takesTheAggregatorsBond_andOpensProposingToAll() public {
        reach(IFederation.Phase.Proposed);
        announce(CHALLENGER, PROOF);
        uint64 until = uint64(block.timestamp) + SETTLE;
        vm.expectEmit(address(federation));
        emit IFederationEvents.ProposalConvicted(1, AGGREGATOR, CHALLENGER, JUDGE, until);
        vm.expectEmit(address(federation));
        emit IFederationEvents.BondLost(
            1, AGGREGATOR, CHALLENGER, AGGREGATOR_BOND, AGGREGATOR_BOND - AGGREGATOR_BOND / 2
        );
        vm.prank(JUDGE);
        federation.convictProposal(CHALLENGER, PROOF);
        eq(federation.recorded(), 2, "the rounds stand");
        eq(vault.bondOf(AGGREGATOR), 0, "bond");
        vm.prank(PROPOSER);
        federation.propose("table", FUNDS, "settlement");
    }

    function test_convictProposal_takesAnotherProposersBond_andSparesTheAggregator() public {
        _proposeByAnother();
        convictProposal();
        eq(vault.bondOf(PROPOSER), 0, "proposer");
        eq(vault.bondOf(AGGREGATOR), AGGREGATOR_BOND, "aggregator");
        check(!federation.aggregatorLost(), "may still propose");
        eq(federation.forfeited(), AGGREGATOR_BOND - AGGREGATOR_BOND / 2, "half to the members");
        step();
        phaseIs(IFederation.Phase.Proposed);
    }

    function test_convictValidator_takesWhatIsLeft_ofABond() public {
        vm.prank(VALIDATOR);
        vault.retire();
        vm.prank(VALIDATOR);
        vault.withdraw(VALIDATOR_BOND - 3);
        vm.expectEmit(address(federation));
        emit IFederationEvents.BondLost(0, VALIDATOR, CHALLENGER, 3, 2);
        vm.prank(JUDGE);
        federation.convictValidator(VALIDATOR, CHALLENGER);
        vm.expectEmit(address(federation));
        emit IFederationEvents.BondLost(0, VALIDATOR, CHALLENGER, 0, 0);
        vm.prank(JUDGE);
        federation.convictValidator(VALIDATOR, CHALLENGER);
        eq(token.balanceOf(CHALLENGER), 1, "half of it, once");
        eq(federation.forfeited(), 2, "the rest to the members");
    }

    function test_convictProposal_takesABond_thatWasDepositedAnew() public {
        open();
        lapse();
        vault.deposit(AGGREGATOR, AGGREGATOR_BOND);
        vm.prank(AGGREGATOR);
        federation.propose("table", 0, "settlement");
        convictProposal();
        eq(vault.bondOf(AGGREGATOR), 0, "lost anew");
        eq(token.balanceOf(CHALLENGER), AGGREGATOR_BOND / 2, "half of it");
    }

    function test_convictedBy_remembersTheJudge_ofWhateverStoodProposed() public {
        reach(IFederation.Phase.Proposed);
        convictRound(2);
        check(federation.convictedBy(_ballot(2, "table"), JUDGE), "a round that it paid");
        vm.prank(PROPOSER);
        federation.propose("another", 0, keccak256("settlement"));
        check(!federation.convictedBy(_ballot(1, "another"), JUDGE), "not yet");
        convictProposal();
        check(federation.convictedBy(_ballot(1, "another"), JUDGE), "the proposal");
        announce(CHALLENGER, "again");
        vm.prank(JUDGE);
        federation.convictRound(1, CHALLENGER, "again");
        check(!federation.convictedBy(_ballot(0, "another"), JUDGE), "nothing stood proposed");
    }

    function test_convictValidator_takesItsBond_andLeavesTheProposalAlone() public {
        open();
        lapse();
        vm.prank(PROPOSER);
        federation.propose("table", AGGREGATOR_BOND, "settlement");
        vm.expectEmit(address(federation));
        emit IFederationEvents.ValidatorConvicted(1, VALIDATOR, CHALLENGER, JUDGE);
        vm.prank(JUDGE);
        federation.convictValidator(VALIDATOR, CHALLENGER);
        uint256 rest = VALIDATOR_BOND - VALIDATOR_BOND / 2;
        eq(vault.bondOf(VALIDATOR), 0, "bond");
        eq(token.balanceOf(CHALLENGER), VALIDATOR_BOND / 2, "half to the challenger");
        eq(federation.forfeited(), AGGREGATOR_BOND + rest, "the rest to the members");
        eq(federation.proposal().forfeited, AGGREGATOR_BOND, "in the next table");
        step();
        eq(federation.forfeited(), rest, "is still there");
        eq(federation.reserved(), rest, "and reserved");
    }

    function test_voidProposal_costsNoBond_andGainsTimeThreeTimes() public {
        reach(IFederation.Phase.Proposed);
        for (uint256 time = 1; time <= 4; ++time) {
            uint64 until = uint64(block.timestamp) + (time <= 3 ? SETTLE : 0);
            vm.expectEmit(address(federation));
            emit IFederationEvents.ProposalVoided(1, AGGREGATOR, JUDGE, until);
            vm.prank(JUDGE);
            federation.voidProposal();
            phaseIs(IFederation.Phase.Settle);
            eq(federation.deadline(), until, "deadline");
            if (time <= 3) step();
        }
        eq(vault.bondOf(AGGREGATOR), AGGREGATOR_BOND, "bond");
        lapse();
        phaseIs(IFederation.Phase.Closed);
    }

    function test_hold_keepsAProposalOpen_untilItsAnswer() public {
        reach(IFederation.Phase.Proposed);
        uint64 end = federation.deadline();
        vm.expectEmit(address(federation));
        emit IFederationEvents.Held(1, JUDGE, 1);
        _hold();
        _hold();
        vm.warp(end - ANSWER - 1);
        _unhold();
        eq(federation.deadline(), end, "no sooner");
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.QuestionsOpen.selector, 1));
        federation.finalize();
        vm.expectEmit(address(federation));
        emit IFederationEvents.Unheld(1, JUDGE, 0, end + ANSWER);
        _unhold();
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.ChallengeWindowOpen.selector, end + ANSWER));
        federation.finalize();
        vm.warp(end + ANSWER);
        federation.finalize();
    }

    function test_hold_isRefused_onceTheWindowIsOver() public {
        reach(IFederation.Phase.Proposed);
        uint64 end = federation.deadline();
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.DeadlinePassed.selector, end));
        _hold();
        vm.warp(end - 1);
        _hold();
        eq(federation.holds(), 1, "holds");
    }

    function test_unhold_isDue_whateverBecameOfTheProposal() public {
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.NothingHeld.selector));
        _unhold();
        reach(IFederation.Phase.Proposed);
        _hold();
        convictProposal();
        uint64 deadline = federation.deadline();
        vm.warp(deadline - 1);
        _unhold();
        eq(federation.holds(), 0, "holds");
        eq(federation.deadline(), deadline, "the time to propose stays");
    }

    /// @dev Stands with two rounds recorded, or with one and the second one under way.
    function _someWay(uint256 which) private returns (IFederation.Phase phase) {
        reach(IFederation.Phase.Record);
        step();
        if (which < 5) phase = IFederation.Phase(which + 1);
        else phase = which == 5 ? IFederation.Phase.Settle : IFederation.Phase.Proposed;
        reach(phase);
    }

    function _proposeByAnother() private {
        reach(IFederation.Phase.Settle);
        vm.warp(federation.deadline() - SETTLE / 2);
        vm.prank(PROPOSER);
        federation.propose("table", 0, "settlement");
    }

    function _ballot(uint32 rounds, bytes32 table) private pure returns (bytes32) {
        bytes32 root = table == "table" ? keccak256("table") : table;
        return keccak256(abi.encode(uint64(1), rounds, root, uint256(0), keccak256("settlement")));
    }

    function _refuseUnannounced(address challenger) private {
        bytes memory reason = abi.encodeWithSelector(IFederationErrors.NotAnnounced.selector, challenger, PROOF);
        vm.expectRevert(reason);
        vm.prank(JUDGE);
        federation.convictRound(2, challenger, PROOF);
        vm.expectRevert(reason);
        vm.prank(JUDGE);
        federation.convictProposal(challenger, PROOF);
    }

    function _hold() private {
        vm.prank(JUDGE);
        federation.hold();
    }

    function _unhold() private {
        vm.prank(JUDGE);
        federation.unhold();
    }
}
