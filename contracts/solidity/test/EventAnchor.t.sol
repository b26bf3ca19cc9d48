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

    /// @dev A tree that the JavaScript libraries made, `time_event` in tests/vectors/ceramic_js.json: the
    /// event's digest, the node above it, the root.
    bytes32 internal constant EVENT = 0x0c871438a4946e5c5be3c94590deeb68ecb3c0bf79e558faf7726890c8c7e9f6;
    bytes32 internal constant INNER = 0x154ae2b45d8f2eca6407f1ee86902adcc0365bf27b22d7904ddec738150e1f48;
    bytes32 internal constant ROOT = 0x2ace18c9e909e016fe6e9470142bd33605551dd8291a0e250be29cd1ca50e9d1;
    bytes32 internal constant NEXT = 0x35432247ab6165ea12f16babad4bf77d7ca4d47fe7ca6f1a45ec6b900c45c3f1;
    bytes32 internal constant OTHER = 0x5c66897f0115c4ce392cc031913e8539be186c7c59176ae6f45e197786f24dc7;
    bytes internal constant SIGNED = hex"d82a5826000185011220";
    bytes internal constant NODE = hex"d82a58250001711220";

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

    function test_includesDagCbor_findsEachEvent_ofATreeThatOthersMade() public {
        check(!anchor.includesDagCbor(ROOT, EVENT, _steps()), "not anchored yet");
        anchor.anchorDagCbor(ROOT);
        check(anchor.includesDagCbor(ROOT, EVENT, _steps()), "left and left");
        IEventAnchor.AnchorStep[] memory steps = _steps();
        steps[0] = IEventAnchor.AnchorStep(bytes.concat(hex"82", SIGNED, EVENT, SIGNED), "");
        check(anchor.includesDagCbor(ROOT, NEXT, steps), "left and right");
        check(!anchor.includesDagCbor(ROOT, EVENT, steps), "the other way");
        steps = new IEventAnchor.AnchorStep[](1);
        steps[0] = IEventAnchor.AnchorStep(bytes.concat(hex"82", NODE, INNER, NODE), "");
        check(anchor.includesDagCbor(ROOT, OTHER, steps), "right");
        check(!anchor.includesDagCbor(ROOT, INNER, steps), "on the wrong side");
    }

    function testFuzz_includesDagCbor_isFalse_whenAnythingDiffers(uint256 bit, bytes32 other) public {
        anchor.anchorDagCbor(ROOT);
        vm.assume(other != EVENT && other != ROOT);
        check(!anchor.includesDagCbor(ROOT, other, _steps()), "another event");
        check(!anchor.includesDagCbor(other, EVENT, _steps()), "another root, never anchored");
        anchor.anchorDagCbor(other);
        check(!anchor.includesDagCbor(other, EVENT, _steps()), "another root, anchored");
        for (uint256 i = 0; i < 2; ++i) {
            IEventAnchor.AnchorStep[] memory steps = _steps();
            bytes memory flipped = steps[i].before;
            bit = bound(bit, 0, 8 * flipped.length - 1);
            flipped[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            check(!anchor.includesDagCbor(ROOT, EVENT, steps), "a bit before");
            steps = _steps();
            flipped = steps[i].behind;
            flipped[bit % flipped.length] ^= bytes1(uint8(1 << (bit % 8)));
            check(!anchor.includesDagCbor(ROOT, EVENT, steps), "a bit behind");
        }
    }

    function test_includesDagCbor_isFalse_whenStepsAreMissing_orTooMany_orSwapped() public {
        anchor.anchorDagCbor(ROOT);
        IEventAnchor.AnchorStep[] memory all = _steps();
        IEventAnchor.AnchorStep[] memory none = new IEventAnchor.AnchorStep[](0);
        IEventAnchor.AnchorStep[] memory steps = new IEventAnchor.AnchorStep[](1);
        check(!anchor.includesDagCbor(ROOT, EVENT, none), "none");
        steps[0] = all[0];
        check(!anchor.includesDagCbor(ROOT, EVENT, steps), "the first");
        check(!anchor.includesDagCbor(INNER, EVENT, steps), "up to a node that was not anchored");
        steps[0] = all[1];
        check(!anchor.includesDagCbor(ROOT, EVENT, steps), "the last");
        steps = new IEventAnchor.AnchorStep[](3);
        (steps[0], steps[1]) = (all[0], all[1]);
        check(!anchor.includesDagCbor(ROOT, EVENT, steps), "one too many");
        (all[0], all[1]) = (all[1], all[0]);
        check(!anchor.includesDagCbor(ROOT, EVENT, all), "swapped");
    }

    function testFuzz_includesDagCbor_needsNoStep_forAnEventThatIsTheRoot(bytes32 digest) public {
        IEventAnchor.AnchorStep[] memory none = new IEventAnchor.AnchorStep[](0);
        check(!anchor.includesDagCbor(digest, digest, none), "not anchored yet");
        anchor.anchorDagCbor(digest);
        check(anchor.includesDagCbor(digest, digest, none), "included");
    }

    function test_includesDagCbor_costsLittle_forAThousandEvents() public {
        IEventAnchor.AnchorStep[] memory steps = new IEventAnchor.AnchorStep[](10);
        bytes32 root = EVENT;
        for (uint256 i = 0; i < 10; ++i) {
            steps[i] = _steps()[1];
            root = sha256(bytes.concat(steps[i].before, root, steps[i].behind));
        }
        anchor.anchorDagCbor(root);
        uint256 before = gasleft();
        bool found = anchor.includesDagCbor(root, EVENT, steps);
        uint256 spent = before - gasleft();
        check(found, "included");
        atMost(spent, 25_000, "gas");
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

    function _steps() private pure returns (IEventAnchor.AnchorStep[] memory steps) {
        steps = new IEventAnchor.AnchorStep[](2);
        steps[0] = IEventAnchor.AnchorStep(bytes.concat(hex"82", SIGNED), bytes.concat(SIGNED, NEXT));
        steps[1] = IEventAnchor.AnchorStep(bytes.concat(hex"82", NODE), bytes.concat(NODE, OTHER));
    }

    function _stream(uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode("stream", i));
    }

    function _payload(uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode("payload", i));
    }
}
