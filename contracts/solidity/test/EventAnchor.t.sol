// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EventAnchor} from "../EventAnchor.sol";
import {IEventAnchor, IRoundDigests} from "../interfaces/IEventAnchor.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Base} from "./Base.sol";
import {Tree} from "./Tree.sol";

/// @title Anchored roots, recorded rounds and the events in them.
contract EventAnchorTest is Base, IRoundDigests {
    uint256 internal constant EVENTS = 5;

    EventAnchor internal anchor;
    bytes32[] internal leaves;
    IEventAnchor.RoundRecord internal recorded;

    function setUp() public {
        anchor = new EventAnchor();
        for (uint256 i = 0; i < EVENTS; ++i) {
            leaves.push(Leaves.signedEvent(_stream(i), _payload(i)));
        }
        recorded = IEventAnchor.RoundRecord("drawn", "model", Tree.root(leaves), "trace", "receipt");
    }

    /// @dev As a federation extends its digest when a round is recorded: word by word, by hand.
    function roundDigest(uint64 epoch, uint32 round) external view returns (bytes32) {
        if (epoch != 3 || round != 2) return 0;
        IEventAnchor.RoundRecord memory r = recorded;
        return keccak256(abi.encode(r.drawn, r.modelHash, r.eventsRoot, r.traceRoot, r.receiptHash));
    }

    function testFuzz_anchorDagCbor_keepsTheFirstTime_andEmitsEachTime(bytes32 root, address sender) public {
        vm.warp(1000);
        eq(anchor.anchoredAt(root), 0, "never");
        for (uint256 time = 1000; time < 1002; ++time) {
            vm.warp(time);
            vm.expectEmit(address(anchor));
            emit IEventAnchor.DidAnchor(sender, root);
            vm.prank(sender);
            anchor.anchorDagCbor(root);
            eq(anchor.anchoredAt(root), 1000, "the first time");
        }
    }

    function testFuzz_includes_findsEachEvent_onceItsRootIsAnchored(uint256 i, bytes32 other) public {
        i = bound(i, 0, EVENTS - 1);
        bytes32 root = Tree.root(leaves);
        bytes32[] memory proof = Tree.proof(leaves, i);
        check(!anchor.includes(root, _stream(i), _payload(i), proof), "not anchored yet");
        anchor.anchorDagCbor(root);
        check(anchor.includes(root, _stream(i), _payload(i), proof), "included");
        vm.assume(other != _stream(i) && other != _payload(i) && other != root && other != proof[0]);
        check(!anchor.includes(root, other, _payload(i), proof), "another stream");
        check(!anchor.includes(root, _stream(i), other, proof), "another payload");
        anchor.anchorDagCbor(other);
        check(!anchor.includes(other, _stream(i), _payload(i), proof), "another root");
        proof[0] = other;
        check(!anchor.includes(root, _stream(i), _payload(i), proof), "another proof");
    }

    function testFuzz_roundIncludes_findsEachEvent_ofARecordedRound(uint256 i, bytes32 other) public view {
        i = bound(i, 0, EVENTS - 1);
        bytes32[] memory proof = Tree.proof(leaves, i);
        check(_inRound(3, 2, recorded, i, _payload(i), proof), "included");
        check(!_inRound(3, 1, recorded, i, _payload(i), proof), "another round");
        check(!_inRound(2, 2, recorded, i, _payload(i), proof), "another epoch");
        if (other != _payload(i)) check(!_inRound(3, 2, recorded, i, other, proof), "another payload");
        bytes32[5] memory words = [recorded.drawn, recorded.modelHash, recorded.eventsRoot, recorded.traceRoot, 0];
        words[4] = recorded.receiptHash;
        for (uint256 k = 0; k < 5; ++k) {
            bytes32 kept = words[k];
            if (other == kept) continue;
            words[k] = other;
            IEventAnchor.RoundRecord memory forged =
                IEventAnchor.RoundRecord(words[0], words[1], words[2], words[3], words[4]);
            check(!_inRound(3, 2, forged, i, _payload(i), proof), "another record");
            words[k] = kept;
        }
    }

    function test_roundIncludes_isFalse_forARootThatOnlyTheCallerKnows() public view {
        IEventAnchor.RoundRecord memory forged = recorded;
        forged.eventsRoot = leaves[0];
        check(!_inRound(3, 2, forged, 0, _payload(0), new bytes32[](0)), "forged");
    }

    function _inRound(
        uint64 epoch,
        uint32 round,
        IEventAnchor.RoundRecord memory given,
        uint256 i,
        bytes32 payload,
        bytes32[] memory proof
    ) private view returns (bool) {
        return anchor.roundIncludes(this, epoch, round, given, _stream(i), payload, proof);
    }

    function _stream(uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode("stream", i));
    }

    function _payload(uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode("payload", i));
    }
}
