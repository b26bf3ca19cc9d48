// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DataDemands} from "../disputes/DataDemands.sol";
import {ValidatorQuorum} from "../disputes/ValidatorQuorum.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {IValidatorQuorum} from "../interfaces/IValidatorQuorum.sol";
import {Judged} from "./Judged.sol";
import {MockProposal} from "./MockProposal.sol";
import {Wallet} from "./Wallet.sol";

contract ValidatorQuorumTest is Judged {
    uint256 internal constant PLACES = 5;
    uint32 internal constant QUORUM = 3;

    ValidatorQuorum internal judge;
    Wallet internal wallet;

    /// @dev Four keys and a smart wallet, which has the last place.
    function setUp() public override {
        super.setUp();
        judge = new ValidatorQuorum(address(0xDE));
        wallet = new Wallet();
        IFederation.Config memory c = config(token, BOND);
        c.quorum = QUORUM;
        c.validators = new address[](PLACES);
        for (uint256 i = 0; i < PLACES; ++i) {
            c.validators[i] = i + 1 == PLACES ? address(wallet) : vm.addr(i + 1);
            federation.setBond(c.validators[i], BOND);
        }
        federation.setConfig(c);
        vm.prank(CHALLENGER);
        token.approve(address(judge), RICH);
    }

    function call() internal {
        vm.prank(CHALLENGER);
        judge.callQuorum(standing());
    }

    function digest() internal view returns (bytes32) {
        IFederation.Proposal memory p = federation.proposal();
        return judge.digest(
            IValidatorQuorum.Ballot(standing(), 1, p.rounds, p.payoutRoot, p.total, p.settlementRoot)
        );
    }

    /// @dev Votes of every place whose bit is set.
    function votes(uint256 bits) internal returns (IValidatorQuorum.Vote[] memory cast) {
        uint256 count = 0;
        for (uint256 i = 0; i < PLACES; ++i) {
            count += (bits >> i) & 1;
        }
        cast = new IValidatorQuorum.Vote[](count);
        bytes32 ballot = digest();
        wallet.agree(ballot);
        count = 0;
        for (uint8 i = 0; i < PLACES; ++i) {
            if ((bits >> i) & 1 == 1) cast[count++] = IValidatorQuorum.Vote(i, signature(i, ballot));
        }
    }

    function signature(uint256 i, bytes32 ballot) internal returns (bytes memory) {
        if (i + 1 == PLACES) return "";
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(i + 1, ballot);
        return abi.encodePacked(r, s, v);
    }

    function testFuzz_proposalIsUpheldByAnyQuorumAndNoLess(uint256 bits) public {
        bits %= 1 << PLACES;
        call();
        IValidatorQuorum.Vote[] memory cast = votes(bits);
        if (cast.length < QUORUM) {
            vm.expectRevert(abi.encodeWithSelector(IValidatorQuorum.TooFewVotes.selector, cast.length, QUORUM));
            judge.uphold(standing(), cast);
            return;
        }
        judge.uphold(standing(), cast);
        eq(judge.voters(digest()), bits, "voters");
        eq(judge.owed(token, AGGREGATOR), BOND, "the proposer earned the bond");
        eq(federation.holds(), 0, "let go");
    }

    function test_smartWalletThatDoesNotAgreeIsRefused() public {
        call();
        IValidatorQuorum.Vote[] memory cast = votes(0x1c);
        wallet.agree(keccak256("something else"));
        vm.expectRevert(abi.encodeWithSelector(IValidatorQuorum.InvalidVote.selector, address(wallet), digest()));
        judge.uphold(standing(), cast);
    }

    function testFuzz_forgedSignatureIsRefused(uint8 place, bytes32 noise) public {
        call();
        IValidatorQuorum.Vote[] memory cast = votes(0x0f);
        place %= 4;
        cast[place].signature = abi.encodePacked(noise, noise, uint8(27));
        vm.expectRevert(abi.encodeWithSelector(IValidatorQuorum.InvalidVote.selector, vm.addr(place + 1), digest()));
        judge.uphold(standing(), cast);
    }

    function test_voteIsInTimeAtTheDeadlineAndTheCallLapsesAfterIt() public {
        call();
        uint64 deadline = judge.callOf(standing()).deadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IValidatorQuorum.VotingOpen.selector, deadline));
        judge.lapseCall(standing());
        judge.uphold(standing(), votes(0x07));
    }

    function test_lapseVoidsAndReturnsTheBond() public {
        call();
        vm.warp(judge.callOf(standing()).deadline + 1);
        vm.expectEmit(address(federation));
        emit MockProposal.Voided();
        judge.lapseCall(standing());
        eq(judge.owed(token, CHALLENGER), BOND, "bond is back");
        eq(federation.holds(), 0, "let go");
        vm.expectRevert(abi.encodeWithSelector(IValidatorQuorum.NotCalled.selector, standing()));
        judge.release(standing());
    }

    /// @dev Whoever hides data cannot have its proposal voided before the demand for it convicts.
    function test_lapseWaitsForOpenDemands() public {
        DataDemands demands = new DataDemands();
        vm.prank(CHALLENGER);
        token.approve(address(demands), RICH);
        call();
        uint64 deadline = judge.callOf(standing()).deadline;
        vm.warp(deadline);
        vm.prank(CHALLENGER);
        uint256 id = demands.demandSeat(context(federation), 0);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IValidatorQuorum.QuestionsOpen.selector, 2));
        judge.lapseCall(standing());
        demands.answerSeat(id, context(federation), seat());
        judge.lapseCall(standing());
    }

    function test_oneCallAtATimeHoldsOnce() public {
        call();
        vm.expectRevert(abi.encodeWithSelector(IValidatorQuorum.AlreadyCalled.selector, digest()));
        vm.prank(CHALLENGER);
        judge.callQuorum(standing());
        IFederation.Proposal memory p = proposal();
        p.total = 1;
        federation.setProposal(p);
        call();
        eq(federation.holds(), 1, "held once");
        eq(token.balanceOf(address(judge)), 2 * BOND, "one bond open, one owed");
        eq(judge.owed(token, CHALLENGER), BOND, "the first is back");
    }

    function test_callsAboutTwoFederationsDoNotMix() public {
        MockProposal other = make(token, 2 * BOND);
        IFederation.Config memory c = config(token, 2 * BOND);
        c.quorum = 1;
        c.validators = new address[](1);
        c.validators[0] = ANYONE;
        other.setConfig(c);
        call();
        vm.prank(CHALLENGER);
        judge.callQuorum(IFederation(address(other)));
        vm.warp(judge.callOf(standing()).deadline + 1);
        judge.lapseCall(IFederation(address(other)));
        eq(judge.owed(token, CHALLENGER), 2 * BOND, "the other's bond");
        eq(judge.callOf(standing()).bond, BOND, "this one is still open");
        eq(federation.holds(), 1, "held");
        eq(other.voids(), 1, "void");
    }

    /// @dev A validator without a bond vouches for nothing; a vault cannot be asked for less.
    function testFuzz_unbondedValidatorIsRefused(uint8 place, uint256 bond) public {
        place %= 4;
        bond = bound(bond, 0, BOND - 1);
        call();
        IValidatorQuorum.Vote[] memory cast = votes(0x1f);
        federation.setBond(vm.addr(place + 1), bond);
        vm.expectRevert(
            abi.encodeWithSelector(IValidatorQuorum.ValidatorNotBonded.selector, vm.addr(place + 1), bond, BOND)
        );
        judge.uphold(standing(), cast);
    }
}
