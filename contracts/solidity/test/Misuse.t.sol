// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BondVault} from "../BondVault.sol";
import {Federation} from "../Federation.sol";
import {RewardPool} from "../RewardPool.sol";
import {DataDemands} from "../disputes/DataDemands.sol";
import {ValidatorQuorum} from "../disputes/ValidatorQuorum.sol";
import {IDispute} from "../interfaces/IDispute.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {IValidatorQuorum} from "../interfaces/IValidatorQuorum.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {World} from "./World.sol";
import {Tree} from "./Tree.sol";

/// @title What demands and quorums cost those who misuse them, on a real federation.
contract MisuseTest is World {
    uint256 internal constant BOND = 3;
    uint256 internal constant KEY = 0x7A11;

    DataDemands internal demands;
    ValidatorQuorum internal quorum;

    function setUp() public override {
        super.setUp();
        deploy(SETTLE, ANSWER);
    }

    function deploy(uint64 settle, uint64 answerWindow) internal {
        demands = new DataDemands();
        quorum = new ValidatorQuorum(address(demands));
        IFederation.Config memory c = config();
        c.judges = new address[](3);
        (c.judges[0], c.judges[1], c.judges[2]) = (address(demands), address(quorum), JUDGE);
        c.validators = new address[](1);
        c.validators[0] = vm.addr(KEY);
        (c.settleDuration, c.answerWindow) = (settle, answerWindow);
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
        token.approve(address(demands), type(uint256).max);
        vm.prank(CHALLENGER);
        token.approve(address(quorum), type(uint256).max);
    }

    function context() internal view returns (IDispute.Context memory c) {
        c.federation = federation;
        c.terms = opened();
    }

    function propose(bytes32 root, uint256 total) internal {
        vm.prank(AGGREGATOR);
        federation.propose(root, total, keccak256("settlement"));
    }

    function pass(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
        vm.roll(block.number + 1);
    }

    /// @dev A: one party asks and answers itself, and nothing is ever final; it pays nothing but gas.
    function test_puttingOffAProposalCostsHalfABondEachTime() public {
        reach(IFederation.Phase.Settle);
        propose(Leaves.payout(address(pool), address(pool), 0), 0);
        bytes32 root = federation.proposal().payoutRoot;
        address[] memory payees = new address[](1);
        payees[0] = address(pool);
        uint256 had = token.balanceOf(CHALLENGER);
        uint256 start = block.timestamp;
        for (uint256 k = 0; k < 50; ++k) {
            vm.warp(federation.deadline() - 1);
            vm.roll(block.number + 1);
            IDispute.Context memory c = context();
            vm.prank(CHALLENGER);
            uint256 id = demands.demandNode(c, root, new bytes32[](0));
            vm.prank(CHALLENGER);
            demands.answerNode(id, root, 0, payees, new uint256[](1));
            vm.prank(CHALLENGER);
            demands.withdraw(token);
        }
        check(block.timestamp > start + WINDOW + 48 * (ANSWER - 1), "far beyond the window");
        phaseIs(IFederation.Phase.Proposed);
        check(token.balanceOf(CHALLENGER) < had, "putting off must cost something");
    }

    /// @dev B: a planted row makes a small table look large for once; the next question convicts.
    function test_plantedRowThatMakesATableLookLargeConvicts() public {
        reach(IFederation.Phase.Settle);
        bytes32 shown = Leaves.payout(address(pool), address(0xB0B), 5);
        bytes32 other = Tree.pair(Leaves.payout(address(pool), address(0xBAD), FUNDS), shown);
        bytes32 left = Tree.pair(shown, shown);
        bytes32 root = Tree.pair(left, other);
        IDispute.Record memory planted;
        (planted.op, planted.i, planted.values) = (16, 1 << 31, new int256[](6));
        (planted.values[0], planted.values[1]) = (1, -1);
        bytes32 tag = keccak256(
            abi.encode(keccak256("folkmoot.trace"), block.chainid, federation, federation.epoch(), uint32(0))
        );
        bytes32 inner = keccak256(
            abi.encodePacked(
                keccak256("folkmoot.trace"), tag, uint256(16), uint256(1 << 31), uint256(0), planted.values
            )
        );
        vm.prank(AGGREGATOR);
        federation.propose(root, 5, keccak256(bytes.concat(inner)));
        IDispute.Context memory c = context();
        vm.prank(CHALLENGER);
        uint256 id = demands.demandNode(c, root, new bytes32[](0));
        vm.prank(AGGREGATOR);
        demands.answerChildren(id, c, root, 0, [left, other], planted);
        vm.prank(CHALLENGER);
        id = demands.demandRow(c, (1 << 31) - 1, planted);
        pass(ANSWER + 1);
        demands.expire(id);
        eq(vault.bondOf(AGGREGATOR), 0, "convicted");
    }

    /// @dev C: a validator that is free to withdraw vouches, and takes its bond away before it can be lost.
    function test_voteCountsOnlyWhileItsBondCannotBeWithdrawn() public {
        address validator = vm.addr(KEY);
        vm.prank(validator);
        vault.retire();
        reach(IFederation.Phase.Settle);
        propose(keccak256("lie"), 0);
        vm.prank(CHALLENGER);
        quorum.callQuorum(federation);
        IFederation.Proposal memory p = federation.proposal();
        IValidatorQuorum.Ballot memory b = IValidatorQuorum.Ballot(
            federation, federation.epoch(), p.rounds, p.payoutRoot, p.total, p.settlementRoot
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, quorum.digest(b));
        IValidatorQuorum.Vote[] memory votes = new IValidatorQuorum.Vote[](1);
        votes[0] = IValidatorQuorum.Vote(0, abi.encodePacked(r, s, v));
        (bool counted,) = address(quorum).call(abi.encodeCall(quorum.uphold, (federation, votes)));
        if (!counted) return;
        vm.prank(validator);
        vault.withdraw(VALIDATOR_BOND);
        convictProposal();
        quorum.convictValidator(b, 0, JUDGE);
        check(token.balanceOf(validator) == 0, "vouched for a lie and kept its bond");
    }

    /// @dev L: who stands in for an aggregator that lost its bond pays for what that aggregator withholds.
    function test_standInKeepsItsBondWhenTheAggregatorWithholdsARound() public {
        vault.deposit(PROPOSER, AGGREGATOR_BOND);
        reach(IFederation.Phase.Settle);
        convictRound(2);
        eq(vault.bondOf(AGGREGATOR), 0, "the aggregator lost its bond");
        vm.prank(PROPOSER);
        federation.propose(keccak256("right table of round 1"), 0, keccak256("settlement"));
        // An example of the shard drawn in round 1: providers showed it to the aggregator alone so far.
        IDispute.Context memory c = context();
        (c.round, c.words) = (1, words(1, 1));
        vm.prank(CHALLENGER);
        uint256 id = demands.demandExample(c, 0, 0);
        pass(ANSWER + 1);
        demands.expire(id);
        eq(vault.bondOf(PROPOSER), AGGREGATOR_BOND, "it withheld nothing");
    }
}
