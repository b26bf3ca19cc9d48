// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {DataDemands} from "../disputes/DataDemands.sol";
import {IBonds} from "../interfaces/IBonds.sol";
import {IDataDemands} from "../interfaces/IDataDemands.sol";
import {IDispute} from "../interfaces/IDispute.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {Trace} from "../libraries/Trace.sol";
import {FeeToken} from "./FeeToken.sol";
import {HookToken} from "./HookToken.sol";
import {Judged} from "./Judged.sol";
import {MockProposal} from "./MockProposal.sol";

contract MockPool {
    IERC20 public immutable token;

    constructor(IERC20 token_) {
        token = token_;
    }

    function donate(uint256 amount) external {
        token.transferFrom(msg.sender, address(this), amount);
    }
}

contract DataDemandsTest is Judged {
    DataDemands internal judge;

    function setUp() public override {
        super.setUp();
        judge = new DataDemands();
        vm.prank(CHALLENGER);
        token.approve(address(judge), RICH);
        vm.roll(10);
    }

    function ask(MockProposal fed) internal returns (uint256 id) {
        vm.prank(CHALLENGER);
        return judge.demandSeat(context(fed), 0);
    }

    function answer(MockProposal fed, uint256 id) internal {
        vm.prank(ANYONE);
        judge.answerSeat(id, context(fed), seat());
    }

    function after_(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
        vm.roll(block.number + 1);
    }

    function test_answeringEarnsTheBondAndLetsGo() public {
        uint256 id = ask(federation);
        eq(federation.holds(), 1, "held");
        eq(token.balanceOf(address(judge)), BOND, "bond came in");
        answer(federation, id);
        eq(federation.holds(), 0, "let go");
        eq(judge.owed(token, ANYONE), BOND - BOND / 2, "owed to who answered");
        eq(judge.owed(token, federation.pool()), BOND / 2, "owed to the pool");
        vm.prank(ANYONE);
        judge.withdraw(token);
        eq(token.balanceOf(ANYONE), BOND - BOND / 2, "paid");
        vm.expectRevert(abi.encodeWithSelector(IBonds.NothingOwed.selector, ANYONE));
        vm.prank(ANYONE);
        judge.withdraw(token);
    }

    function test_answerIsInTimeAtTheDeadlineAndLateAfterIt() public {
        uint256 id = ask(federation);
        uint64 deadline = judge.demandOf(id).deadline;
        eq(deadline, block.timestamp + ANSWER, "deadline");
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.TooEarly.selector, id, deadline));
        judge.expire(id);
        uint256 other = ask(federation);
        answer(federation, id);
        vm.warp(judge.demandOf(other).deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.TooLate.selector, other, judge.demandOf(other).deadline));
        answer(federation, other);
    }

    function test_expiryConvictsForTheChallengerWhoeverCalls() public {
        uint256 id = ask(federation);
        after_(ANSWER + 1);
        vm.expectEmit(address(federation));
        emit MockProposal.ProposalConvicted(AGGREGATOR, CHALLENGER);
        vm.prank(ANYONE);
        judge.expire(id);
        eq(federation.holds(), 0, "let go");
        eq(judge.owed(token, CHALLENGER), BOND, "bond is back");
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.NoDemand.selector, id));
        judge.expire(id);
    }

    function test_onlyOneOfTwoExpiredDemandsConvictsAndBothBondsReturn() public {
        uint256 first = ask(federation);
        uint256 second = ask(federation);
        after_(ANSWER + 1);
        judge.expire(first);
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.ProposalGone.selector, second));
        judge.expire(second);
        judge.release(second);
        eq(federation.holds(), 0, "let go");
        eq(judge.owed(token, CHALLENGER), 2 * BOND, "bonds are back");
    }

    function test_demandIsReleasedWhenAnotherEpochProposes() public {
        uint256 id = ask(federation);
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.ProposalStands.selector, id));
        judge.release(id);
        federation.setEpoch(2, keccak256(abi.encode(terms())));
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.ProposalGone.selector, id));
        answer(federation, id);
        judge.release(id);
        eq(judge.owed(token, CHALLENGER), BOND, "bond is back");
    }

    function testFuzz_demandIsAboutOneProposalOnly(uint8 field, bytes32 other) public {
        uint256 id = ask(federation);
        IFederation.Proposal memory p = proposal();
        vm.assume(uint256(other) > 1 && other != p.payoutRoot && other != p.settlementRoot);
        vm.assume(uint160(uint256(other)) != uint160(AGGREGATOR) && uint32(uint256(other)) != 0);
        if (field % 6 == 0) p.proposer = address(uint160(uint256(other)));
        else if (field % 6 == 1) p.payoutRoot = other;
        else if (field % 6 == 2) p.total = uint256(other);
        else if (field % 6 == 3) p.settlementRoot = other;
        else if (field % 6 == 4) p.rounds = uint32(uint256(other));
        else p.forfeited = uint256(other);
        federation.setProposal(p);
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.ProposalGone.selector, id));
        answer(federation, id);
        judge.release(id);
    }

    function test_demandStandsWhenOnlyTheWindowMoved() public {
        uint256 id = ask(federation);
        IFederation.Proposal memory p = proposal();
        p.challengeEnd += 5;
        federation.setProposal(p);
        answer(federation, id);
    }

    function test_windowIsOpenUntilItsEndAndClosedFromThenOn() public {
        uint64 end = federation.proposal().challengeEnd;
        vm.warp(end - 1);
        uint256 id = ask(federation);
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.WindowOver.selector, end));
        vm.prank(CHALLENGER);
        judge.demandSeat(context(federation), 0);
        answer(federation, id);
        // The answer left time for what it revealed.
        eq(federation.proposal().challengeEnd, end + ANSWER, "extended");
        ask(federation);
    }

    /// @dev What a griefer can do: half a bond for each `answerWindow`, if every demand is answered at once.
    function testFuzz_eachHalfBondDelaysByOneAnswerWindowAtMost(uint8 count) public {
        uint64 end = federation.proposal().challengeEnd;
        uint256 times = uint256(count) % 8;
        for (uint256 k = 0; k < times; ++k) {
            vm.warp(federation.proposal().challengeEnd - 1);
            answer(federation, ask(federation));
        }
        atMost(federation.proposal().challengeEnd, uint256(end) + times * ANSWER, "delay");
        eq(judge.owed(token, federation.pool()), times * (BOND / 2), "price");
    }

    function test_nothingIsDemandedOutsideTheChallengeWindow() public {
        for (uint8 phase = 0; phase < uint8(IFederation.Phase.Proposed); ++phase) {
            federation.setPhase(IFederation.Phase(phase));
            vm.expectRevert(
                abi.encodeWithSelector(IDataDemands.NothingProposed.selector, IFederation.Phase(phase))
            );
            vm.prank(CHALLENGER);
            judge.demandSeat(context(federation), 0);
        }
    }

    function test_demandWithoutABondNeedsNoTokens() public {
        federation.setConfig(config(token, 0));
        vm.prank(ANYONE);
        answer(federation, judge.demandSeat(context(federation), 0));
        eq(judge.owed(token, ANYONE), 0, "nothing owed");
    }

    /// @dev The settlement's one record: a row whose number says how many there are.
    function row(uint32 i) internal pure returns (IDispute.Record memory r) {
        r.op = Trace.ROW;
        r.i = i;
        r.values = new int256[](6);
    }

    function rootOf(IDispute.Record memory r) internal view returns (bytes32) {
        bytes32 tag = keccak256(abi.encode(Trace.PURPOSE, block.chainid, address(federation), uint64(1), uint32(0)));
        bytes memory words = abi.encodePacked(Trace.PURPOSE, tag, uint256(r.op), uint256(r.i), uint256(0), r.values);
        return keccak256(bytes.concat(keccak256(words)));
    }

    /// @dev A liar's tree may be as deep as it likes: it must show its leaves where the rows are few.
    function test_childrenAnswerOnlyWhereManyRowsAreBelow() public {
        bytes32[3] memory nodes;
        bytes32 side = keccak256("sibling");
        nodes[2] = keccak256("bottom");
        nodes[1] = Hashes.commutativeKeccak256(nodes[2], side);
        nodes[0] = Hashes.commutativeKeccak256(nodes[1], side);
        IFederation.Proposal memory p = proposal();
        p.payoutRoot = nodes[0];
        p.settlementRoot = rootOf(row(511));
        federation.setProposal(p);
        for (uint256 depth = 0; depth < 2; ++depth) {
            bytes32[] memory proof = new bytes32[](depth);
            if (depth == 1) proof[0] = side;
            vm.prank(CHALLENGER);
            uint256 id = judge.demandNode(context(federation), nodes[depth], proof);
            judge.answerChildren(id, context(federation), nodes[depth], depth, [nodes[depth + 1], side], row(511));
        }
        p.settlementRoot = rootOf(row(510));
        federation.setProposal(p);
        bytes32[] memory up = new bytes32[](1);
        up[0] = side;
        vm.prank(CHALLENGER);
        uint256 small = judge.demandNode(context(federation), nodes[1], up);
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.NoAnswer.selector, small));
        judge.answerChildren(small, context(federation), nodes[1], 1, [nodes[2], side], row(510));
        vm.expectRevert(abi.encodeWithSelector(IDispute.InvalidRecord.selector, Trace.ROW, 511, 0));
        judge.answerChildren(small, context(federation), nodes[1], 1, [nodes[2], side], row(511));
    }

    function test_bytesOfALargeModelAreNotDemanded() public {
        IDispute.Context memory c = context(federation);
        c.terms.dim = 12_289;
        c.round = 1;
        c.words.traceRoot = keccak256("trace");
        federation.setEpoch(1, keccak256(abi.encode(c.terms)));
        federation.setRound(1, 1);
        federation.setDigest(1, keccak256(abi.encode(_drawn(), bytes32(0), bytes32(0), c.words.traceRoot, bytes32(0))));
        IFederation.Proposal memory p = proposal();
        p.rounds = 1;
        federation.setProposal(p);
        vm.expectRevert(abi.encodeWithSelector(IDataDemands.TooLarge.selector, 12_289, 12_288));
        judge.demandBlob(c, IDataDemands.Blob.Mean, row(0));
    }

    function testFuzz_examplesOfALargeModelAreNotDemanded(uint32 dim) public {
        IDispute.Context memory c = context(federation);
        c.terms.dim = dim;
        c.terms.providers = new address[](1);
        federation.setEpoch(1, keccak256(abi.encode(c.terms)));
        if (dim > 12_288) vm.expectRevert(abi.encodeWithSelector(IDataDemands.TooLarge.selector, dim, 12_288));
        vm.prank(CHALLENGER);
        judge.demandExample(c, 0, 0);
    }

    /// @dev The digest of a round with nothing but zeros before its record.
    function _drawn() private pure returns (bytes32 digest) {
        digest = keccak256(abi.encode(bytes32(0)));
        for (uint256 word = 0; word < 3; ++word) {
            digest = keccak256(abi.encode(digest, bytes32(0)));
        }
    }

    function test_poolIsGivenItsHalfByAnyone() public {
        answer(federation, ask(federation));
        MockPool pool = new MockPool(token);
        federation.setPool(address(pool));
        answer(federation, ask(federation));
        judge.donate(IRewardPool(address(pool)));
        eq(token.balanceOf(address(pool)), BOND / 2, "its half");
        vm.expectRevert(abi.encodeWithSelector(IBonds.NothingOwed.selector, address(pool)));
        judge.donate(IRewardPool(address(pool)));
    }

    function test_tokenWithAFeeIsRefused() public {
        FeeToken fee = new FeeToken(10 * BOND);
        MockProposal other = make(fee, BOND);
        fee.approve(address(judge), BOND);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondFee.selector, BOND, BOND - 1));
        judge.demandSeat(context(other), 0);
    }

    function test_tokenThatCallsBackCannotCountABondTwice() public {
        HookToken hook = new HookToken(10 * BOND);
        MockProposal other = make(hook, BOND);
        hook.approve(address(judge), 5 * BOND);
        hook.transfer(address(hook), 2 * BOND);
        vm.prank(address(hook));
        hook.approve(address(judge), 2 * BOND);
        hook.arm(address(judge), abi.encodeCall(judge.demandSeat, (context(other), 0)));
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondFee.selector, BOND, 2 * BOND));
        judge.demandSeat(context(other), 0);
    }

    /// @dev A token answers within the transfer of the bond: it earns that bond, and nothing else.
    function test_tokenThatCallsBackCannotTakeOthersBonds() public {
        HookToken hook = new HookToken(10 * BOND);
        MockProposal other = make(hook, BOND);
        hook.approve(address(judge), 5 * BOND);
        judge.demandSeat(context(other), 0);
        hook.arm(address(judge), abi.encodeCall(judge.answerSeat, (2, context(other), seat())));
        judge.demandSeat(context(other), 0);
        eq(judge.owed(hook, address(hook)), BOND - BOND / 2, "half of its own bond");
        eq(hook.balanceOf(address(judge)), 2 * BOND, "both are there");
    }

    /// @dev Whatever two federations of one token do, the contract holds what it owes and what is open.
    function testFuzz_bondsAreAllThereWhateverHappens(uint8[24] calldata acts) public {
        MockProposal[2] memory federations = [federation, make(token, 3 * BOND)];
        uint256 open = 0;
        for (uint256 k = 0; k < acts.length; ++k) {
            MockProposal fed = federations[acts[k] & 1];
            uint256 id = judge.demands() == 0 ? 0 : 1 + (acts[k] >> 4) % judge.demands();
            uint256 act = (acts[k] >> 1) & 7;
            if (act < 3) {
                if (fed.phase() != IFederation.Phase.Proposed) fed.setProposal(proposal());
                ask(fed);
            } else if (act == 3 && _open(id)) {
                MockProposal mine = MockProposal(address(judge.demandOf(id).federation));
                if (_stands(id) && block.timestamp <= judge.demandOf(id).deadline) answer(mine, id);
            } else if (act == 4 && _open(id) && _stands(id)) {
                uint64 deadline = judge.demandOf(id).deadline;
                if (block.timestamp <= deadline) vm.warp(deadline + 1);
                vm.roll(block.number + 1);
                judge.expire(id);
            } else if (act == 5 && fed.phase() == IFederation.Phase.Proposed) {
                fed.voidProposal();
            } else if (act == 6 && _open(id) && !_stands(id)) {
                judge.release(id);
            } else if (act == 7 && judge.owed(token, ANYONE) != 0) {
                vm.prank(ANYONE);
                judge.withdraw(token);
            }
            if (block.timestamp >= fed.proposal().challengeEnd) fed.setProposal(proposal());
        }
        uint256 held = 0;
        for (uint256 id = 1; id <= judge.demands(); ++id) {
            open += judge.demandOf(id).bond;
            if (_open(id)) ++held;
        }
        uint256 owed = judge.owed(token, ANYONE) + judge.owed(token, CHALLENGER)
            + judge.owed(token, federations[0].pool()) + judge.owed(token, federations[1].pool());
        eq(token.balanceOf(address(judge)), owed + open, "solvent");
        eq(uint256(federations[0].holds()) + federations[1].holds(), held, "one hold for each open demand");
    }

    function _open(uint256 id) private view returns (bool) {
        return judge.demandOf(id).challenger != address(0);
    }

    function _stands(uint256 id) private view returns (bool) {
        IDataDemands.Demand memory demand = judge.demandOf(id);
        MockProposal fed = MockProposal(address(demand.federation));
        if (fed.phase() != IFederation.Phase.Proposed) return false;
        IFederation.Proposal memory p = fed.proposal();
        p.challengeEnd = 0;
        return demand.proposal == keccak256(abi.encode(fed.epoch(), fed.voids(), p));
    }
}
