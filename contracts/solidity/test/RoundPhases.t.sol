// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Tree} from "./Tree.sol";
import {World} from "./World.sol";

/// @title The rounds of an epoch, but for the draw.
contract RoundPhasesTest is World {
    function test_openRound_numbersRounds_untilAllAreRecorded() public {
        open();
        vm.expectEmit(address(federation));
        emit IFederation.RoundOpened(1, 1, keccak256("base"));
        step();
        eq(federation.roundInfo(1, 1).baseHash, keccak256("base"), "base");
        reach(IFederation.Phase.Record);
        step();
        vm.prank(AGGREGATOR);
        eq(federation.openRound(keccak256("second")), 2, "round");
        reach(IFederation.Phase.Record);
        step();
        vm.expectRevert(abi.encodeWithSelector(IFederation.AllRoundsRecorded.selector, 2));
        vm.prank(AGGREGATOR);
        federation.openRound(keccak256("third"));
    }

    function test_roundHashes_areRefused_whenZero() public {
        bytes memory zero = abi.encodeWithSelector(IFederation.ZeroHash.selector);
        reach(IFederation.Phase.Open);
        vm.expectRevert(zero);
        vm.prank(AGGREGATOR);
        federation.openRound(0);
        reach(IFederation.Phase.Commit);
        vm.expectRevert(zero);
        vm.prank(AGGREGATOR);
        federation.closeCommits(0);
        reach(IFederation.Phase.Reveal);
        vm.expectRevert(zero);
        vm.prank(AGGREGATOR);
        federation.closeReveals(0);
        reach(IFederation.Phase.Record);
        for (uint256 hole = 0; hole < 4; ++hole) {
            bytes32[4] memory hashes = [bytes32("m"), "e", "t", "r"];
            hashes[hole] = 0;
            vm.expectRevert(zero);
            vm.prank(AGGREGATOR);
            federation.recordRound(hashes[0], hashes[1], hashes[2], hashes[3]);
        }
        phaseIs(IFederation.Phase.Record);
    }

    function test_closeCommits_keepsItsRoot_andEmitsIt() public {
        reach(IFederation.Phase.Commit);
        vm.expectEmit(address(federation));
        emit IFederation.CommitsClosed(1, 1, keccak256("commits"));
        step();
        eq(federation.roundInfo(1, 1).commitRoot, keccak256("commits"), "root");
        phaseIs(IFederation.Phase.Reveal);
    }

    function test_closeReveals_keepsItsRoot_andAimsAtALaterBlock() public {
        reach(IFederation.Phase.Reveal);
        vm.expectEmit(address(federation));
        emit IFederation.RevealsClosed(1, 1, keccak256("reveals"), uint64(block.number) + DELAY);
        step();
        eq(federation.roundInfo(1, 1).revealRoot, keccak256("reveals"), "root");
        eq(federation.drawTarget(), block.number + DELAY, "target");
    }

    function test_recordRound_keepsItsHashes_andEmitsThem() public {
        reach(IFederation.Phase.Record);
        vm.expectEmit(address(federation));
        emit IFederation.RoundRecorded(
            1, 1, keccak256("model"), keccak256("events"), keccak256("trace"), keccak256("receipt")
        );
        step();
        IFederation.RoundInfo memory info = federation.roundInfo(1, 1);
        eq(info.modelHash, keccak256("model"), "model");
        eq(info.eventsRoot, keccak256("events"), "events");
        eq(info.traceRoot, keccak256("trace"), "trace");
        eq(info.receiptHash, keccak256("receipt"), "receipt");
        phaseIs(IFederation.Phase.Open);
    }

    function testFuzz_eventInRound_knowsItsEvents_andNoOther(bytes32 stream, bytes32 payload, bytes32 other) public {
        vm.assume(stream != other && payload != other && stream != payload);
        bytes32[] memory leaves = new bytes32[](5);
        for (uint256 i = 0; i < 5; ++i) {
            leaves[i] = Leaves.signedEvent(bytes32(i), stream);
        }
        leaves[3] = Leaves.signedEvent(stream, payload);
        reach(IFederation.Phase.Record);
        vm.prank(AGGREGATOR);
        federation.recordRound("m", Tree.root(leaves), "t", "r");
        bytes32[] memory proof = Tree.proof(leaves, 3);

        check(federation.eventInRound(1, 1, stream, payload, proof), "an event of the round");
        check(!federation.eventInRound(1, 1, other, payload, proof), "another stream");
        check(!federation.eventInRound(1, 1, stream, other, proof), "another payload");
        check(!federation.eventInRound(1, 1, payload, stream, proof), "swapped");
        check(!federation.eventInRound(1, 2, stream, payload, proof), "another round");
        check(!federation.eventInRound(2, 1, stream, payload, proof), "another epoch");
        proof[0] = other;
        check(!federation.eventInRound(1, 1, stream, payload, proof), "another proof");
    }
}
