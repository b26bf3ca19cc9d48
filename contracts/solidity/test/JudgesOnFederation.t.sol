// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BondVault} from "../BondVault.sol";
import {Federation} from "../Federation.sol";
import {RewardPool} from "../RewardPool.sol";
import {DataDemands} from "../disputes/DataDemands.sol";
import {ValidatorQuorum} from "../disputes/ValidatorQuorum.sol";
import {IDataDemands} from "../interfaces/IDataDemands.sol";
import {IDispute} from "../interfaces/IDispute.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IValidatorQuorum} from "../interfaces/IValidatorQuorum.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {World} from "./World.sol";

/// @title Demands and quorums on a real federation: what they hold up, whom they convict, who pays.
contract JudgesOnFederationTest is World {
    uint256 internal constant BOND = 3;
    uint256 internal constant KEY = 0x7A11;

    DataDemands internal demands;
    ValidatorQuorum internal quorum;

    function setUp() public override {
        super.setUp();
        demands = new DataDemands();
        quorum = new ValidatorQuorum(address(demands));
        IFederation.Config memory c = config();
        c.judges = new address[](3);
        (c.judges[0], c.judges[1], c.judges[2]) = (address(demands), address(quorum), JUDGE);
        c.validators = new address[](1);
        c.validators[0] = vm.addr(KEY);
        federation = new Federation(c);
        pool = RewardPool(federation.pool());
        vault = BondVault(federation.vault());
        token.approve(address(pool), type(uint256).max);
        token.approve(address(vault), type(uint256).max);
        pool.fund(FUNDS);
        vault.deposit(AGGREGATOR, AGGREGATOR_BOND);
        vault.deposit(vm.addr(KEY), VALIDATOR_BOND);
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            vault.deposit(providers[i], PROVIDER_BOND);
        }
        token.mint(CHALLENGER, 100 * BOND);
        vm.prank(CHALLENGER);
        token.approve(address(demands), 100 * BOND);
        vm.prank(CHALLENGER);
        token.approve(address(quorum), 100 * BOND);
        reach(IFederation.Phase.Settle);
        proposeNothing();
    }

    /// @dev A table with the one leaf that pays nobody.
    function proposeNothing() internal {
        vm.prank(AGGREGATOR);
        federation.propose(Leaves.payout(address(pool), address(pool), 0), 0, keccak256("settlement"));
    }

    function context() internal view returns (IDispute.Context memory c) {
        c.federation = federation;
        c.terms = opened();
    }

    function ask() internal returns (uint256) {
        bytes32 root = federation.proposal().payoutRoot;
        vm.prank(CHALLENGER);
        return demands.demandNode(context(), root, new bytes32[](0));
    }

    function answer(uint256 id, bytes32 root) internal {
        address[] memory payees = new address[](1);
        payees[0] = address(pool);
        demands.answerNode(id, root, 0, payees, new uint256[](1));
    }

    function ballot() internal view returns (IValidatorQuorum.Ballot memory) {
        IFederation.Proposal memory p = federation.proposal();
        return IValidatorQuorum.Ballot(
            federation, federation.epoch(), p.rounds, p.payoutRoot, p.total, p.settlementRoot
        );
    }

    function pass(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
        vm.roll(block.number + 1);
    }

    function test_nothingIsFinalWhileADemandIsOpenNorSoonAfterItsAnswer() public {
        pass(WINDOW - 1);
        uint256 id = ask();
        pass(ANSWER);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.QuestionsOpen.selector, 1));
        federation.finalize();
        answer(id, federation.proposal().payoutRoot);
        uint64 end = federation.deadline();
        eq(end, block.timestamp + ANSWER, "time for what the answer showed");
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.ChallengeWindowOpen.selector, end));
        federation.finalize();
        vm.warp(end);
        federation.finalize();
    }

    function test_silenceCostsTheAggregatorItsBond() public {
        uint256 id = ask();
        pass(ANSWER + 1);
        vm.prank(STRANGER);
        demands.expire(id);
        phaseIs(IFederation.Phase.Settle);
        eq(vault.bondOf(AGGREGATOR), 0, "bond");
        eq(token.balanceOf(CHALLENGER), 99 * BOND + AGGREGATOR_BOND / 2, "half to the challenger");
        eq(federation.forfeited(), AGGREGATOR_BOND - AGGREGATOR_BOND / 2, "the rest to the members");
        eq(federation.holds(), 0, "nothing is held");
        vm.prank(CHALLENGER);
        demands.withdraw(token);
        eq(token.balanceOf(CHALLENGER), 100 * BOND + AGGREGATOR_BOND / 2, "and the bond");
    }

    function test_withheldRoundIsUnpaidAndSoAreLaterOnes() public {
        IDispute.Context memory c = context();
        (c.round, c.words) = (2, words(1, 2));
        vm.prank(CHALLENGER);
        uint256 id = demands.demandRecord(c, 1, 0, 0);
        eq(federation.recorded(), 2, "both rounds count");
        pass(ANSWER + 1);
        demands.expire(id);
        eq(federation.recorded(), 1, "the first still does");
        eq(vault.bondOf(AGGREGATOR), 0, "bond");
    }

    function test_demandIsGoneWhenTheSameTableIsProposedAnew() public {
        uint256 id = ask();
        vm.prank(JUDGE);
        federation.voidProposal();
        proposeNothing();
        bytes32 root = federation.proposal().payoutRoot;
        eq(federation.holds(), 1, "the old question still holds");
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.ProposalGone.selector, id));
        answer(id, root);
        pass(ANSWER + 1);
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.ProposalGone.selector, id));
        demands.expire(id);
        demands.release(id);
        eq(federation.holds(), 0, "until anybody releases it");
    }

    function test_noQuorumVoidsAndCostsNobody() public {
        vm.prank(CHALLENGER);
        quorum.callQuorum(federation);
        pass(ANSWER + 1);
        quorum.lapseCall(federation);
        phaseIs(IFederation.Phase.Settle);
        eq(vault.bondOf(AGGREGATOR), AGGREGATOR_BOND, "no fault");
        eq(quorum.owed(token, CHALLENGER), BOND, "bond is back");
    }

    function test_validatorPaysForWhatAProofConvictsAndNotForWhatWasWithheld() public {
        IValidatorQuorum.Ballot memory b = ballot();
        uphold(b);
        uint256 id = ask();
        pass(ANSWER + 1);
        demands.expire(id);
        bytes32 digest = quorum.digest(b);
        vm.expectRevert(
            abi.encodeWithSelector(IValidatorQuorum.NotConvicted.selector, digest, address(demands))
        );
        quorum.convictValidator(b, 0, address(demands));
        vault.deposit(PROPOSER, AGGREGATOR_BOND);
        vm.prank(PROPOSER);
        federation.propose(b.payoutRoot, 0, b.settlementRoot);
        federation.announce(keccak256(abi.encode(CHALLENGER, keccak256("proof"))));
        pass(1);
        vm.prank(JUDGE);
        federation.convictProposal(CHALLENGER, keccak256("proof"));
        vm.prank(STRANGER);
        quorum.convictValidator(b, 0, JUDGE);
        eq(vault.bondOf(vm.addr(KEY)), 0, "the validator's bond");
        eq(token.balanceOf(STRANGER), VALIDATOR_BOND / 2, "half of it to the caller");
        vm.expectRevert(abi.encodeWithSelector(IValidatorQuorum.NotVoted.selector, 0, digest));
        quorum.convictValidator(b, 0, JUDGE);
    }

    function uphold(IValidatorQuorum.Ballot memory b) internal {
        vm.prank(CHALLENGER);
        quorum.callQuorum(federation);
        IValidatorQuorum.Vote[] memory votes = new IValidatorQuorum.Vote[](1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, quorum.digest(b));
        votes[0] = IValidatorQuorum.Vote(0, abi.encodePacked(r, s, v));
        quorum.uphold(federation, votes);
    }
}
