// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IFederationEvents} from "../interfaces/IFederationEvents.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Tree} from "./Tree.sol";
import {World} from "./World.sol";

/// @title The rounds of an epoch, but for the draw.
contract RoundPhasesTest is World {
    function test_openRound_numbersRounds_untilAllAreRecorded() public {
        open();
        vm.expectEmit(address(federation));
        emit IFederationEvents.RoundOpened(1, 1, keccak256("base"), uint64(block.timestamp) + PHASE);
        step();
        reach(IFederation.Phase.Record);
        step();
        vm.prank(AGGREGATOR);
        eq(federation.openRound(keccak256("second")), 2, "round");
        eq(federation.recorded(), 1, "recorded");
        reach(IFederation.Phase.Record);
        step();
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.AllRoundsRecorded.selector, 2));
        vm.prank(AGGREGATOR);
        federation.openRound(keccak256("third"));
    }

    function test_roundHashes_areRefused_whenZero() public {
        bytes memory zero = abi.encodeWithSelector(IFederationErrors.ZeroHash.selector);
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

    function test_round_extendsItsDigest_phaseByPhase() public {
        reach(IFederation.Phase.Commit);
        bytes32 digest = keccak256(abi.encode(keccak256("base")));
        eq(federation.roundDigest(1, 1), digest, "base");

        vm.expectEmit(address(federation));
        emit IFederationEvents.CommitsClosed(1, 1, keccak256("commits"), uint64(block.timestamp) + PHASE);
        step();
        digest = keccak256(abi.encode(digest, keccak256("commits")));
        eq(federation.roundDigest(1, 1), digest, "commits");

        uint64 target = uint64(block.number) + DELAY;
        vm.expectEmit(address(federation));
        emit IFederationEvents.RevealsClosed(1, 1, keccak256("reveals"), target, uint64(block.timestamp) + PHASE);
        step();
        digest = keccak256(abi.encode(digest, keccak256("reveals")));
        eq(federation.roundDigest(1, 1), digest, "reveals");
        eq(federation.drawTarget(), target, "target");

        uint32 shard = draw();
        digest = keccak256(abi.encode(digest, shard));
        eq(federation.roundDigest(1, 1), digest, "shard");

        bytes32[4] memory hashes = [keccak256("model"), keccak256("events"), keccak256("trace"), keccak256("receipt")];
        vm.expectEmit(address(federation));
        emit IFederationEvents.RoundRecorded(
            1, 1, hashes[0], hashes[1], hashes[2], hashes[3], uint64(block.timestamp) + PHASE
        );
        step();
        digest = keccak256(abi.encode(digest, hashes[0], hashes[1], hashes[2], hashes[3]));
        eq(federation.roundDigest(1, 1), digest, "record");
        eq(federation.recorded(), 1, "recorded");
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
        IFederation.RoundWords memory w = words(1, 1);
        (w.modelHash, w.eventsRoot, w.traceRoot, w.receiptHash) = ("m", Tree.root(leaves), "t", "r");

        check(federation.eventInRound(1, 1, w, stream, payload, proof), "an event of the round");
        check(!federation.eventInRound(1, 1, w, other, payload, proof), "another stream");
        check(!federation.eventInRound(1, 1, w, stream, other, proof), "another payload");
        check(!federation.eventInRound(1, 1, w, payload, stream, proof), "swapped");
        check(!federation.eventInRound(1, 2, w, stream, payload, proof), "another round");
        check(!federation.eventInRound(2, 1, w, stream, payload, proof), "another epoch");
        w.receiptHash = "another";
        check(!federation.eventInRound(1, 1, w, stream, payload, proof), "another receipt");
        w.receiptHash = "r";
        proof[0] = other;
        check(!federation.eventInRound(1, 1, w, stream, payload, proof), "another proof");
    }
}
